"""Rows and the reader of validation_data."""

import numpy as np
import pytest

from kerasdnn.core.rows import Rows, unpack_validation_data


def test_rows_are_taken_and_put_below_each_other_with_all_that_belongs_to_them():
    rows = Rows(np.arange(6.0).reshape(3, 2), np.array([0, 1, 2]), groups=np.array([5, 6, 7]))
    taken = rows.take([2, 0])
    assert (taken.y.tolist(), taken.groups.tolist()) == ([2, 0], [7, 5])
    both = rows.concatenate(rows.take([0]).replace(weights=np.array([3.0])))
    assert len(both) == 4
    assert both.weights.tolist() == [1, 1, 1, 3]


def test_unit_weights_have_mean_one_and_none_stay_none():
    rows = Rows(np.zeros((2, 1)), np.zeros(2), np.array([1.0, 3.0]))
    assert rows.unit_weights().weights.tolist() == [0.5, 1.5]
    assert rows.replace(weights=None).unit_weights().weights is None


def test_validation_data_is_read_with_the_names_that_messages_use():
    rows = unpack_validation_data(("X", "y", "w"))
    assert (rows.x, rows.y, rows.weights) == ("X", "y", "w")
    assert rows.names == ("validation_data[0]", "validation_data[1]", "validation_data[2]")
    assert unpack_validation_data(["X", "y"]).weights is None


@pytest.mark.parametrize(("given", "received"), [(5, "type int"), ((1,), "1 items")])
def test_anything_else_is_rejected(given, received):
    with pytest.raises(ValueError, match=rf"`validation_data` must be \(X, y\).*{received}"):
        unpack_validation_data(given)
