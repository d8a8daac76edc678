"""What y asks for, and which data need the table encoder."""

import numpy as np
import pandas as pd
import pytest

from kerasdnn import HEADS
from kerasdnn.tables.problem_type import infer_problem, infer_target, is_table


def inferred(y, problem=None):
    found = infer_problem(y, problem)
    return found.name, found.n_outputs, found.one_hot


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([0, 1, 1, 0], ("binary", 1, False)),
        ([0.0, 1.0], ("binary", 1, False)),
        ([True, False], ("binary", 1, False)),
        ([[0], [1]], ("binary", 1, False)),
        ([0, 1, 2, 1], ("multiclass", 3, False)),
        ([[1, 0, 0], [0, 0, 1]], ("multiclass", 3, True)),
        ([[1, 0, 1], [0, 0, 1]], ("multilabel", 3, False)),
        ([0.5, 1.5], ("regression", 1, False)),
        ([0.0, 1.0, 2.0], ("regression", 1, False)),
        ([[0.1, 2.0], [1.0, 3.0]], ("regression", 2, False)),
        (np.arange(50) * 3, ("regression", 1, False)),
    ],
)
def test_the_problem_is_read_from_y(y, expected):
    assert inferred(np.array(y)) == expected


def test_whole_numbers_that_may_be_classes_or_counts_are_refused():
    with pytest.raises(ValueError, match=r"integers 1, 2, 5 .*problem='regression'"):
        infer_problem(np.array([1, 2, 5, 5]))
    assert inferred(np.array([1, 2, 5, 5]), "count") == ("count", 1, False)


def test_text_is_sent_to_the_table_encoder():
    with pytest.raises(ValueError, match=r"DNNClassifier\.tune"):
        infer_problem(np.array(["yes", "no"]))


def test_the_problem_of_another_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'binary'"):
        infer_problem(np.array([0, 1]), "binry")


def test_frames_of_numbers_are_arrays_and_others_are_tables():
    numbers = pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]})
    assert not is_table(numbers, [0, 1])
    assert is_table(numbers.assign(c=["x", "y"]), [0, 1])
    assert is_table(numbers.assign(a=[1.0, np.nan]), [0, 1])
    assert is_table(numbers, ["no", "yes"])


@pytest.mark.parametrize("dtype", ["int64", "Int64", "UInt8", "object"])
def test_the_type_that_keeps_integers_does_not_matter(dtype):
    assert inferred(pd.Series([0, 1, 2, 1]).astype(dtype)) == ("multiclass", 3, False)


def test_two_classes_are_a_binary_problem_unless_they_are_one_hot():
    assert inferred([0, 1, 1], "multiclass") == ("binary", 1, False)
    assert inferred([[0, 1], [1, 0]], "multiclass") == ("multiclass", 2, True)


@pytest.mark.parametrize(
    ("y", "problem", "target"),
    [
        ([0.5, 1.5], None, "real"),
        ([0, 1, 2], None, None),
        (pd.Series([0.5, 1.5]).astype("category"), None, None),
        (["no", "yes"], None, None),
        ([0, 1, 2], "count", "count"),
        ([0, 1, 2], "regression", "real"),
        ([0.5, 1.5], "multiclass", None),
        ([0, 1, 2], HEADS["count"], "count"),
    ],
)
def test_the_target_of_a_regressor_is_inferred_from_the_labels_of_a_table(y, problem, target):
    assert infer_target(y, problem) == target
