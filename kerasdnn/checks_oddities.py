"""Pre-flight warnings about `y`: targets that are legal, but a mistake more often than not."""

import numpy as np

from .checks_head import RANGES
from .checks_words import listed, plain, warn


def warn_of_odd_targets(head, y):
    """Warn of soft labels, absent classes, a constant target, one out of reach; y is a `Table`."""
    if y.values.size == 0:
        return
    if head.kind in ("sparse", "categorical") and head.units is not None:
        _warn_of_absent(y, _counts(head, y.values))
        return
    if head.kind == "binary":
        _warn_of_soft(head, y)
    elif head.kind in ("regression", "count"):
        _warn_of_unreachable(head, y)
    _warn_of_constant(y)


def _counts(head, labels):
    """Rows (or probability) of each class, shape `(classes,)`."""
    if head.kind == "categorical":
        return labels.sum(axis=0)
    labels = labels.ravel()
    if head.ignored is not None:
        labels = labels[labels != head.ignored]
    return np.bincount(labels.astype("int64"), minlength=head.units)


def _warn_of_absent(y, counts):
    absent = np.flatnonzero(counts == 0)
    if len(absent) == len(counts) - 1:
        _warn_of_one(y, int(counts.argmax()))
    elif len(absent):
        warn(
            f"`{y.what}` has no row of {'class' if len(absent) == 1 else 'classes'} "
            f"{listed(absent)}. Received: {len(counts)} outputs, {len(counts) - len(absent)} "
            f"classes in {len(y):,} rows. An output without rows only learns never to answer: "
            "check `n_classes` and how the rows were chosen."
        )


def _warn_of_soft(head, y):
    labels = y.values
    if labels.dtype.kind != "f":
        return
    soft = (labels != 0) & (labels != 1)
    if soft.any():
        where = np.unravel_index(int(soft.argmax()), soft.shape)
        warn(
            f"`{y.what}` holds values between 0 and 1, which `{head.loss}` takes as probabilities "
            f"(soft labels). Received: {y.cell(where)} is {plain(labels[where])!r}. For a measured "
            "number use `build_regressor`."
        )


def _warn_of_unreachable(head, y):
    low, high = RANGES.get(head.activation, RANGES["linear"])
    if y.values.min() >= low and y.values.max() <= high:
        return
    outside = (y.values < low) | (y.values > high)
    where = np.unravel_index(int(outside.argmax()), outside.shape)
    warn(
        f"`{y.what}` holds values that the outputs never reach: activation={head.activation!r} "
        f"gives {low:g} to {high:g}. Received: {y.cell(where)} is {plain(y.values[where])!r}. "
        "Use activation='linear' in the output layer."
    )


def _warn_of_constant(y):
    if len(y) < 2:
        return
    columns = y.values.reshape(len(y), -1)
    for position in np.flatnonzero(columns.min(axis=0) == columns.max(axis=0)):
        name = f", {y.column(int(position))}," if columns.shape[1] > 1 else ""
        _warn_of_one(y, plain(columns[0, position]), name)


def _warn_of_one(y, value, name=""):
    warn(
        f"`{y.what}`{name} holds one value only. Received: {value!r} in all {len(y):,} rows. "
        "The network can only learn to answer it always: check how the rows were chosen."
    )
