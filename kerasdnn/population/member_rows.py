"""Place the rows of a population on the device, once, and number those of each member."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..checks.fit import check_data, column_names, match_columns
from ..checks.named_array import as_numbers
from ..checks.weights import check_sample_weight
from ..core.messages import invalid
from ..core.rows import unpack_validation_data
from ..training.fit_loop import epoch_order


@dataclass
class MemberRows:
    """Rows on the device, and which of them each member uses.

    Attributes:
        table: x (rows, features), y and flat row weights, tensors.
        weights_from: int array (members,), position of a member's first weight.
        train: list of int32 arrays, one per member; members that train on the same rows share
            one array.
        validation: list of int32 arrays, one per member or one for all. None: no validation set.
        center: float32 (units,), the mean of y where it is a quantity, else 0.
    """

    table: tuple
    weights_from: np.ndarray
    train: list
    validation: list | None
    center: tf.Tensor

    def orders(self, seeds, steps):
        """Return the rows of some members' next epoch, in order; equal ones are one array.

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

    def validation_of(self, members):
        """`validation` of some members."""
        return self.validation if len(self.validation) == 1 else [
            self.validation[i] for i in members
        ]  # fmt: skip


def read_member_rows(
    network, problem, count, data, rows=None, validation_rows=None, validation_data=None
):
    """Check the arguments of `Population.fit` and copy the rows to the device.

    Args:
        network: a compiled network of `problem`, for which the data are checked.
        problem: `Problem`.
        count: int, number of members.
        data: `Rows` of X, y and sample_weight.
        rows, validation_rows, validation_data: see `Population.fit`.

    Returns:
        `MemberRows`.

    Raises:
        ValueError: data that `Network.fit` would reject; rows that X does not have.
    """
    if validation_data is not None and validation_rows is not None:
        raise ValueError("Pass either `validation_rows` or `validation_data`, not both.")
    data = checkable(data)
    X, weights, n = data.x, data.weights, len(data.x)
    per_row = None if own_weights(weights, count, n) else weights
    check_data(network, X, data.y, per_row, what=data.names)
    for i, weight in enumerate(weights if per_row is None and weights is not None else ()):
        check_sample_weight(weight, n, f"sample_weight[{i}]")
    x, y = as_x(X), as_y(data.y, problem)
    if weights is None:
        weights = np.ones((1, n), "float32")
    weights = np.asarray(weights, "float32").reshape(-1, n)

    train, validation = per_member("rows", rows, count, n), None
    if validation_rows is not None:
        validation = per_member("validation_rows", validation_rows, count, n)
        if train is None:
            others = {id(r): np.setdiff1d(np.arange(n, dtype="int32"), r) for r in validation}
            train = [others[id(r)] for r in validation]
            if not all(map(len, train)):
                raise ValueError(
                    "`validation_rows` must leave rows for training. Received: all rows."
                )
    elif validation_data is not None:
        held = checkable(unpack_validation_data(validation_data))
        held = held.replace(x=match_columns(held.x, column_names(X), held.names[0]))
        check_data(network, held.x, held.y, held.weights, what=held.names, training=False)
        m = len(held.x)
        validation = [np.arange(n, n + m, dtype="int32")]
        x, y = np.vstack([x, as_x(held.x)]), np.concatenate([y, as_y(held.y, problem)])
        more = np.ones(m) if held.weights is None else np.asarray(held.weights).reshape(-1)
        weights = np.hstack([weights, np.tile(more.astype("float32"), (len(weights), 1))])
    if train is None:
        train = [np.arange(n, dtype="int32")] * count
    if validation is not None and all(rows is validation[0] for rows in validation):
        validation = validation[:1]

    center = np.zeros(problem.units, "float32")
    if problem.kind == "number":
        center = y.mean(0, dtype="float64").astype("float32")
    weights_from = np.arange(count) * weights.shape[1] if len(weights) > 1 else np.zeros(count, int)
    if weights.size >= 2**31:
        remedy = "Pass weights that members share, or fewer members at a time."
        raise ValueError(
            f"`sample_weight` must have fewer than 2**31 numbers, not {weights.size:,}. {remedy}"
        )
    table = tf.constant(x), tf.constant(y), tf.constant(weights.reshape(-1))
    return MemberRows(table, weights_from, train, validation, tf.constant(center))


def checkable(rows):
    """The rows with arrays instead of lists, which no check would look into."""
    parts = {name: as_checkable(getattr(rows, name)) for name in ("x", "y", "weights")}
    return rows.replace(**parts)


def as_checkable(data):
    return np.asarray(data) if isinstance(data, (list, tuple)) else as_numbers(data)


def own_weights(sample_weight, count, n):
    """Whether each member has its own row weights: `sample_weight` has shape (members, rows)."""
    shape = np.shape(sample_weight)
    if sample_weight is None or len(shape) != 2 or shape[1] == 1:
        return False
    if shape != (count, n):
        raise ValueError(
            f"`sample_weight` must have shape (rows,) or (members, rows), here ({count}, {n}). "
            f"Received: an array of shape {shape}."
        )
    return True


def as_x(X):
    return np.ascontiguousarray(X, "float32")


def as_y(y, problem):
    """y as int32 (rows,) for class indices, else as float32 (rows, columns)."""
    y = np.asarray(y)
    if problem.head.per_class and not problem.one_hot:
        return y.reshape(-1).astype("int32")
    columns = problem.head.columns_of_y(problem.n_outputs)
    return y.reshape(len(y), columns).astype("float32")


def per_member(name, rows, count, n):
    """Return one int32 array per member; equal ones are the same object. None stays None."""
    if rows is None:
        return None
    one_for_all = isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype != object
    one_for_all = one_for_all or (len(rows) > 0 and np.ndim(rows[0]) == 0)
    if not one_for_all and len(rows) != count:
        raise ValueError(
            f"`{name}` must be one array of row numbers, or one per member, here {count}. "
            f"Received: {len(rows)} of them."
        )
    known, seen = {}, {}

    def checked(given):
        array = np.asarray(given)
        if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu":
            raise ValueError(
                f"`{name}` must contain row numbers, at least one. Received: an array of "
                f"{array.dtype} of shape {array.shape}. np.flatnonzero(mask) converts a boolean "
                "mask to numbers."
            )
        if array.min() < 0 or array.max() >= n:
            wrong = int(array[(array < 0) | (array >= n)][0])
            raise invalid(name, f"must be from 0 to {n - 1}, the rows of X", wrong)
        array = np.ascontiguousarray(array, "int32")
        return known.setdefault(array.tobytes(), array)

    if one_for_all:
        return [checked(rows)] * count
    return [seen[id(r)] if id(r) in seen else seen.setdefault(id(r), checked(r)) for r in rows]
