"""Bad data is described by its column, its value, how often it occurs and where it is first."""

import numpy as np
import pandas as pd
import pytest

from kerasdnn.checks.named_array import as_named_array

NAN = np.nan


@pytest.mark.parametrize(
    ("data", "good", "words"),
    [
        (
            pd.DataFrame({"Age": [1.0, NAN, NAN], "b": [NAN, 2.0, 3.0]}, index=list("xyz")),
            lambda v: np.isfinite(v) | (np.arange(2) == 1),
            "Column 'Age' of `x` contains NaN in 2 of 3 rows (first: row 1 (index 'y'))",
        ),
        (
            np.array([[1.0, 2.0], [1.0, np.inf]]),
            np.isfinite,
            "Column 1 of `x` contains inf in row 1 (such values in 1 of 2 rows)",
        ),
        (
            np.array([0, 3, -1, 3]),
            lambda v: (v >= 0) & (v < 3),
            "`x` contains 3 in row 1 (such values in 3 of 4 rows)",
        ),
        (
            np.array([[0.0], [2.0]]),
            lambda v: v < 1,
            "`x` contains 2.0 in row 1 (such values in 1 of 2 rows)",
        ),
        (
            np.array([[[0.0, 1.0]], [[0.0, NAN]]]),
            np.isfinite,
            "`x` contains NaN in 1 of 2 rows (first: row 1, position (0, 1))",
        ),
    ],
)
def test_the_first_bad_value_is_described(data, good, words):
    table = as_named_array(data, "x")
    assert table.describe_first(good(table.values)) == words
