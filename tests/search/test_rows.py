"""What a search takes for data: the problem, weights, splits; and its objective."""

import numpy as np
import pandas as pd
import pytest
from keras import losses
from sklearn import metrics

from kerasdnn import DataWarning
from kerasdnn.heads import check_objective, direction_of
from kerasdnn.search.objective import score
from kerasdnn.search.rows import read_rows
from kerasdnn.tables.problem_type import infer_problem, is_table
from kerasdnn.tables.splits import divide, folds

RNG = np.random.default_rng(0)


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
    assert infer_problem(np.array(y)) == expected


def test_whole_numbers_that_may_be_classes_or_counts_are_refused():
    with pytest.raises(ValueError, match=r"\[1, 2, 5\].*problem='regression'"):
        infer_problem(np.array([1, 2, 5, 5]))
    assert infer_problem(np.array([1, 2, 5, 5]), "count") == ("count", 1, False)


def test_text_is_sent_to_the_table_encoder():
    with pytest.raises(ValueError, match=r"DNNClassifier\.tune"):
        infer_problem(np.array(["yes", "no"]))


def test_the_problem_of_another_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'binary'"):
        infer_problem(np.array([0, 1]), "binry")


def test_nan_labels_and_shapes_are_refused_as_in_fit():
    X = RNG.normal(size=(6, 2))
    y = np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"NaN.*row 3"):
        read_rows(np.where(X[3, 1] == X, np.nan, X), y)
    with pytest.raises(ValueError, match="rows"):
        read_rows(X, y[:4])
    with pytest.raises(ValueError, match=r"shape \(6,\)"):
        read_rows(X[:, 0], y)


def test_class_and_row_weights_multiply():
    y = np.array([0, 0, 0, 1])
    rows = read_rows(RNG.normal(size=(4, 2)), y, None, [1, 1, 2, 3], {0: 1, 1: 10})
    assert rows.weights.tolist() == [1, 1, 2, 30]
    balanced = read_rows(RNG.normal(size=(4, 2)), y, class_weight="balanced").weights
    assert balanced[y == 0].sum() == pytest.approx(balanced[y == 1].sum())


def test_validation_rows_lie_below_and_are_their_own_split():
    X, y = RNG.normal(size=(5, 2)), np.array([0, 1, 0, 1, 1])
    rows = read_rows(X, y, validation_data=(X[:2] + 1, y[:2], [1, 2]))
    ((train, valid),) = rows.splits
    assert (train.tolist(), valid.tolist()) == ([0, 1, 2, 3, 4], [5, 6])
    np.testing.assert_allclose(rows.x[5:], X[:2] + 1, rtol=1e-6)
    assert rows.weights.tolist() == [1, 1, 1, 1, 1, 1, 2]


def test_folds_are_disjoint_cover_all_rows_and_share_out_every_class():
    strata = np.repeat([0, 1, 2], [50, 7, 23])
    fold = folds(strata, 5, np.random.default_rng(1))
    counts = np.array([np.bincount(strata[fold == k], minlength=3) for k in range(5)])
    assert counts.sum(axis=0).tolist() == [50, 7, 23]
    assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1


def test_splits_drawn_anew_differ_and_come_again_with_the_seed():
    rows = read_rows(RNG.normal(size=(40, 2)), np.arange(40) % 2)
    first, second = divide(rows, validation_fraction=0.25, seed=3, repeats=2)
    again = divide(rows, validation_fraction=0.25, seed=3, repeats=2)
    assert 9 <= len(first[1]) <= 10
    assert not np.array_equal(first[1], second[1])
    np.testing.assert_array_equal(second[1], again[1][1])
    assert not set(first[0]) & set(first[1])


def test_a_cv_of_more_folds_than_rows_is_refused():
    rows = read_rows(RNG.normal(size=(4, 2)), np.array([0, 1, 0, 1]))
    with pytest.raises(ValueError, match="`cv` must be at most the number of rows, 4"):
        divide(rows, cv=5)


def test_frames_of_numbers_are_arrays_and_others_are_tables():
    numbers = pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]})
    assert not is_table(numbers, [0, 1])
    assert is_table(numbers.assign(c=["x", "y"]), [0, 1])
    assert is_table(numbers.assign(a=[1.0, np.nan]), [0, 1])
    assert is_table(numbers, ["no", "yes"])


# ------------------------------------------------------------------------------ the objective
P = RNG.dirichlet(np.ones(4), 30)
LABELS = RNG.integers(0, 4, 30)
W = RNG.uniform(0.5, 2, 30)
PROBABILITY, ZERO_ONE = RNG.uniform(size=(30, 1)), RNG.integers(0, 2, 30)
NUMBERS, COUNTS = RNG.normal(size=(30, 2)), RNG.poisson(2, 30)


@pytest.mark.parametrize(
    ("objective", "problem", "one_hot", "y", "p", "theirs"),
    [
        ("val_loss", "binary", False, ZERO_ONE, PROBABILITY,
         lambda: metrics.log_loss(ZERO_ONE, PROBABILITY[:, 0], sample_weight=W)),
        ("val_accuracy", "binary", False, ZERO_ONE, PROBABILITY,
         lambda: metrics.accuracy_score(ZERO_ONE, PROBABILITY[:, 0] > 0.5, sample_weight=W)),
        ("val_loss", "multiclass", False, LABELS, P,
         lambda: metrics.log_loss(LABELS, P, sample_weight=W)),
        ("val_loss", "multiclass", True, np.eye(4)[LABELS], P,
         lambda: metrics.log_loss(LABELS, P, sample_weight=W)),
        ("val_accuracy", "multiclass", False, LABELS, P,
         lambda: metrics.accuracy_score(LABELS, P.argmax(1), sample_weight=W)),
        ("val_loss", "regression", False, NUMBERS, NUMBERS + 1,
         lambda: 1.0),
        ("val_mae", "regression", False, NUMBERS, P[:, :2],
         lambda: metrics.mean_absolute_error(NUMBERS, P[:, :2], sample_weight=W)),
        ("val_rmse", "regression", False, NUMBERS[:, 0], P[:, :1],
         lambda: metrics.root_mean_squared_error(NUMBERS[:, 0], P[:, 0], sample_weight=W)),
        ("val_r2", "regression", False, NUMBERS[:, 0], P[:, :1],
         lambda: metrics.r2_score(NUMBERS[:, 0], P[:, 0], sample_weight=W)),
        ("val_loss", "count", False, COUNTS, PROBABILITY,
         lambda: np.average(losses.poisson(COUNTS[:, None].astype("float32"),
                                           PROBABILITY.astype("float32")), weights=W)),
        ("val_loss", "multilabel", False, (NUMBERS > 0).astype(float), P[:, :2],
         lambda: np.average([metrics.log_loss(t, p, labels=[0, 1]) for t, p in
                             zip(NUMBERS > 0, P[:, :2], strict=True)], weights=W)),
    ],
)  # fmt: skip
def test_the_objective_is_what_scikit_learn_and_keras_say(
    objective, problem, one_hot, y, p, theirs
):
    assert score(objective, problem, one_hot, y, p, W) == pytest.approx(theirs(), rel=1e-5)


def test_a_network_that_predicts_nan_has_no_score():
    assert np.isnan(score("val_loss", "binary", False, ZERO_ONE, PROBABILITY * np.nan))


def test_direction_follows_the_metric_and_training_metrics_are_refused():
    assert [direction_of(f"val_{m}") for m in ("loss", "rmse", "accuracy", "auc")] == [
        "min", "min", "max", "max",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="trained on says nothing"):
        direction_of("accuracy")
    with pytest.raises(ValueError, match="Did you mean 'val_accuracy'"):
        check_objective("val_acuracy", "binary", False)


@pytest.mark.parametrize("dtype", ["int64", "Int64", "UInt8", "object"])
def test_the_type_that_keeps_integers_does_not_matter(dtype):
    assert infer_problem(pd.Series([0, 1, 2, 1]).astype(dtype)) == ("multiclass", 3, False)


def test_two_classes_are_a_binary_problem_unless_they_are_one_hot():
    assert infer_problem([0, 1, 1], "multiclass") == ("binary", 1, False)
    assert infer_problem([[0, 1], [1, 0]], "multiclass") == ("multiclass", 2, True)


@pytest.mark.parametrize(
    ("name", "direction"),
    [("mape", "min"), ("poisson", "min"), ("f1_score", "max"), ("ce", "min"), ("pr_auc", "max")],
)
def test_the_direction_of_any_metric_of_keras_is_known(name, direction):
    assert direction_of(f"val_{name}") == direction


def test_a_metric_of_unknown_direction_is_told():
    with pytest.warns(DataWarning, match="'quux', of which more is taken to be better"):
        assert direction_of("val_quux") == "max"


def test_an_area_needs_both_classes():
    p = np.float32([[0.1], [0.8], [0.6]])
    assert np.isnan(score("val_auc", "binary", False, np.ones(3), p))
    assert np.isnan(score("val_pr_auc", "binary", False, np.zeros(3), p))
    assert score("val_pr_auc", "binary", False, np.ones(3), p) == pytest.approx(1)
    weights = np.float32([0, 1, 1])  # the row of the other class weighs nothing
    assert np.isnan(score("val_auc", "binary", False, np.float32([0, 1, 1]), p, weights))
    both = np.float32([[1, 1], [1, 0], [1, 0]])  # labels: the first has no area
    areas = score("val_auc", "multilabel", False, both, np.hstack([p, p]))
    assert areas == pytest.approx(0, abs=1e-6)  # the one positive is ranked last
