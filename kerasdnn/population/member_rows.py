"""The rows of a population: one resident table, and which of it each member trains on."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..checks.fit import check_data, column_names, match_columns
from ..checks.weights import check_sample_weight
from ..core.messages import invalid
from ..core.rows import unpack_validation_data
from ..training.fit_loop import epoch_order


@dataclass
class PopulationRows:
    """Rows on the device, and numbers of rows.

    Attributes:
        table: x (rows, features), y and flat row weights, tensors.
        weights_from: int array (members,), where a member's weights begin.
        train: list of int32 arrays, one per member; members that train on the same rows share
            one array.
        judged: list of int32 arrays, one per member or one for all; None: nothing to judge by.
        center: float32 (units,), the mean of y where it is a quantity.
    """

    table: tuple
    weights_from: np.ndarray
    train: list
    judged: list | None
    center: tf.Tensor

    def orders(self, seeds, steps):
        """The rows of the next epoch of some members, in order; equal ones are one array.

        Args:
            seeds, steps: dicts from a member's number to its seed and to its steps done.
        """
        known, orders = {}, {}
        for i, seed in seeds.items():
            own = self.train[i]
            key = seed, steps[i], id(own)
            if key not in known:
                known[key] = own[epoch_order(seed, steps[i], len(own))]
            orders[i] = known[key]
        return orders

    def judged_by(self, members):
        """`judged` of some members."""
        return self.judged if len(self.judged) == 1 else [self.judged[i] for i in members]


def read_population_rows(network, problem, count, given, rows, validation_rows, validation_data):
    """Check the arguments of `Population.fit` and bring the rows to the device.

    Args:
        network: a compiled network of `problem`, which says what data must look like.
        count: how many members there are.
        given: `Rows` as the user passed them.

    Raises:
        ValueError: what `Network.fit` would refuse; rows that X does not have.
    """
    if validation_data is not None and validation_rows is not None:
        raise ValueError("Pass either `validation_rows` or `validation_data`, not both.")
    X, y, sample_weight = given.x, given.y, given.weights
    own_weights = sample_weight is not None and np.ndim(sample_weight) == 2
    own_weights = own_weights and np.shape(sample_weight)[1] != 1
    if own_weights and np.shape(sample_weight) != (count, len(X)):
        rule = f"must be of shape (rows,) or (members, rows), here ({count}, {len(X)})"
        raise invalid("sample_weight", rule, f"shape {np.shape(sample_weight)}")
    check_data(network, X, y, None if own_weights else sample_weight, what=given.names)
    n = len(X)
    for i, weight in enumerate(sample_weight if own_weights else ()):
        check_sample_weight(weight, n, f"sample_weight[{i}]")
    x_all, y_all = as_x(X), as_y(y, problem)
    weights = np.ones((1, n), "float32")
    if sample_weight is not None:
        weights = np.asarray(sample_weight, "float32").reshape(count if own_weights else 1, n)

    train = per_member("rows", rows, count, n)
    judged = None
    if validation_rows is not None:
        judged = per_member("validation_rows", validation_rows, count, n)
        if train is None:
            others = {id(r): np.setdiff1d(np.arange(n, dtype="int32"), r) for r in judged}
            train = [others[id(r)] for r in judged]
            if not all(map(len, train)):
                raise invalid("validation_rows", "must leave rows to train on", "all rows")
    elif validation_data is not None:
        x, target, weight = read_validation(network, validation_data, column_names(X))
        judged = [np.arange(n, n + len(x), dtype="int32")]
        x_all, y_all = np.vstack([x_all, x]), np.concatenate([y_all, as_y(target, problem)])
        weight = np.ones(len(x)) if weight is None else np.asarray(weight).reshape(-1)
        weights = np.hstack([weights, np.tile(weight.astype("float32"), (len(weights), 1))])
    if train is None:
        train = [np.arange(n, dtype="int32")] * count
    if judged is not None and all(rows is judged[0] for rows in judged):
        judged = judged[:1]

    center = np.zeros(problem.units, "float32")
    if problem.kind == "number":
        center = y_all.mean(0, dtype="float64").astype("float32")
    weights_from = np.arange(count) * weights.shape[1] if own_weights else np.zeros(count, int)
    if weights.size >= 2**31:
        remedy = "Pass weights that members share, or fewer members at a time."
        raise invalid("sample_weight", "must have fewer than 2**31 numbers", weights.size, remedy)
    table = tf.constant(x_all), tf.constant(y_all), tf.constant(weights.reshape(-1))
    return PopulationRows(table, weights_from, train, judged, tf.constant(center))


def read_validation(network, validation_data, columns):
    given = unpack_validation_data(validation_data)
    x = match_columns(given.x, columns, given.names[0])
    check_data(network, x, given.y, given.weights, what=given.names, training=False)
    return as_x(x), given.y, given.weights


def as_x(X):
    return np.ascontiguousarray(X, "float32")


def as_y(y, problem):
    """int32 (rows,) for class indices, else float32 (rows, units)."""
    y = np.asarray(y)
    if problem.head.per_class and not problem.one_hot:
        return y.reshape(-1).astype("int32")
    return y.reshape(len(y), problem.units).astype("float32")


def per_member(name, rows, count, n):
    """One int32 array per member; equal ones are the same object. None stays None."""
    if rows is None:
        return None
    one_for_all = isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype != object
    one_for_all = one_for_all or (len(rows) > 0 and np.ndim(rows[0]) == 0)
    if not one_for_all and len(rows) != count:
        rule = f"must be one array of row numbers, or one per member, here {count}"
        raise invalid(name, rule, f"{len(rows)} of them")
    known = {}

    def checked(given):
        array = np.asarray(given)
        if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu":
            received = f"{array.dtype} of shape {array.shape}"
            remedy = "A boolean mask becomes numbers by `np.flatnonzero(mask)`."
            raise invalid(name, "must be row numbers, at least one", received, remedy)
        if array.min() < 0 or array.max() >= n:
            wrong = int(array[(array < 0) | (array >= n)][0])
            raise invalid(name, f"must be from 0 to {n - 1}, the rows of X", wrong)
        array = np.ascontiguousarray(array, "int32")
        return known.setdefault(array.tobytes(), array)

    if one_for_all:
        return [checked(rows)] * count
    seen = {}
    return [seen[id(r)] if id(r) in seen else seen.setdefault(id(r), checked(r)) for r in rows]
