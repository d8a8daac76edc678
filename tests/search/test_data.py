"""The rows of a search: checked as in fit, weighted, with validation rows, groups and times."""

import numpy as np
import pandas as pd
import pytest

from kerasdnn.core.rows import Rows
from kerasdnn.search.data import read_data

RNG = np.random.default_rng(0)


def test_nan_labels_and_shapes_are_refused_as_in_fit():
    X = RNG.normal(size=(6, 2))
    y = np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"NaN.*row 3"):
        read_data(Rows(np.where(X[3, 1] == X, np.nan, X), y))
    with pytest.raises(ValueError, match="rows"):
        read_data(Rows(X, y[:4]))
    with pytest.raises(ValueError, match=r"shape \(6,\)"):
        read_data(Rows(X[:, 0], y))


def test_class_and_row_weights_multiply():
    y = np.array([0, 0, 0, 1])
    given = Rows(RNG.normal(size=(4, 2)), y, [1, 1, 2, 3])
    rows = read_data(given, None, {0: 1, 1: 10}).rows
    assert rows.weights.tolist() == [1, 1, 2, 30]
    given = given.replace(weights=None)
    balanced = read_data(given, class_weight="balanced").rows.weights
    assert balanced[y == 0].sum() == pytest.approx(balanced[y == 1].sum())


def test_validation_rows_lie_below_and_are_their_own_split():
    X, y = RNG.normal(size=(5, 2)), np.array([0, 1, 0, 1, 1])
    data = read_data(Rows(X, y), validation_data=(X[:2] + 1, y[:2], [1, 2]))
    rows, ((train, valid),) = data.rows, data.pairs
    assert (train.tolist(), valid.tolist()) == ([0, 1, 2, 3, 4], [5, 6])
    np.testing.assert_allclose(rows.x[5:], X[:2] + 1, rtol=1e-6)
    assert rows.weights.tolist() == [1, 1, 1, 1, 1, 1, 2]


def test_a_column_that_is_named_is_taken_out_of_the_features_and_an_array_is_not():
    frame = pd.DataFrame({"a": RNG.normal(size=8), "day": np.arange(8.0)[::-1]})
    y = np.array([0, 1] * 4)
    by_name = read_data(Rows(frame, y, time="day"))
    assert by_name.columns == ("a",)
    assert by_name.rows.time.tolist() == [7, 6, 5, 4, 3, 2, 1, 0]
    by_array = read_data(Rows(frame, y, time=frame["day"]))
    assert by_array.columns == ("a", "day")
    np.testing.assert_array_equal(by_array.rows.time, by_name.rows.time)
    by_position = read_data(Rows(frame.to_numpy(), y, groups=1))
    assert by_position.rows.x.shape == (8, 1)


def test_groups_of_a_polars_frame_are_found_by_name():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": RNG.normal(size=6), "who": [1, 1, 2, 2, 3, 3]})
    data = read_data(Rows(frame, np.array([0, 1] * 3), groups="who"))
    assert data.rows.groups.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"groups": "who"}, "`groups` must name a column of `X`.*groups='who'"),
        ({"groups": [1, 2, 3]}, "`X` and `groups` must have the same number of rows"),
        ({"groups": [[1, 2], [3, 4]]}, "one value per row"),
        ({"groups": [1, 2, 3, 4], "time": [1, 2, 3, 4]}, "either `groups` or `time`"),
        ({"time": [1, 2, np.nan, 4]}, "`time` must not have missing values.*row 2"),
        ({"time": ["May", "June", "July", "May"]}, "`time` must contain numbers or dates.*'May'"),
        ({"groups": pd.Series([1, 1, 2, 2], index=[1, 0, 2, 3])}, "same order"),
    ],
)
def test_groups_and_times_are_checked(labels, message):
    frame = pd.DataFrame({"a": RNG.normal(size=4)})
    with pytest.raises(ValueError, match=message):
        read_data(Rows(frame, np.array([0, 1, 0, 1]), **labels))
