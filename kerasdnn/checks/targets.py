"""Pre-flight checks of `y`: whether the labels are those that the loss and the outputs take."""

import numpy as np

from ..core.messages import quoted_list, to_python, warn
from .output_layer import FITTING, RANGES

BY_NAME = "`DNNClassifier` takes labels of any kind."


def check_output(head):
    """Warn of a loss and an output layer that contradict each other, which Keras trains.

    Softmax over one unit, or an activation whose values the loss does not take.
    """
    if head.activation == "softmax" and head.units == 1:
        warn(
            "Softmax over one output is always 1. Received: units=1, activation='softmax'. "
            "For two classes use activation='sigmoid' and loss='binary_crossentropy'."
        )
        return
    if head.kind in ("sparse", "categorical") and head.units == 1:
        warn(
            f"`{head.loss}` needs one output per class. Received: units=1. "
            "For two classes use activation='sigmoid' and loss='binary_crossentropy'."
        )
        return
    fitting = FITTING.get(head.kind)
    if fitting is None or head.activation not in RANGES:
        return
    if head.from_logits:
        if head.activation in ("sigmoid", "softmax", "hard_sigmoid"):
            warn(
                f"`{head.loss}` with from_logits=True applies {fitting[0]} itself. Received: "
                f"output activation={head.activation!r}, which would be applied twice. "
                "Use activation='linear' or from_logits=False."
            )
    elif head.activation == "softmax" and head.kind == "binary":
        warn(
            f"`{head.loss}` judges each output alone, softmax makes them sum to 1. Received: "
            "output activation='softmax'. Classes that exclude each other take "
            "loss='categorical_crossentropy', several labels per row activation='sigmoid'."
        )
    elif head.activation not in fitting:
        logits = "" if head.kind == "count" else ", or from_logits=True on activation='linear'"
        warn(
            f"`{head.loss}` takes the values of activation={fitting[0]!r}. Received: output "
            f"activation={head.activation!r}. Use activation={fitting[0]!r}{logits}."
        )


def check_targets(head, y, training=True):
    """Check the shape and the values of `y` against the head.

    Warnings (soft labels, absent classes, a constant target) concern the rows to train on only.

    Raises:
        ValueError: y has the wrong shape, or a value that the loss does not take.
    """
    if y.values.ndim > 2 or head.kind is None:
        return
    if head.kind == "sparse":
        _check_sparse(head, y)
    elif head.kind == "categorical":
        _check_categorical(head, y)
    elif head.kind == "binary":
        _check_binary(head, y)
    else:
        _check_numbers(head, y)
    if training:
        warn_of_odd_targets(head, y)


def _check_shape(head, y, remedy=""):
    """One column of y per output: anything else broadcasts, rows against rows."""
    columns = 1 if y.values.ndim == 1 else y.values.shape[1]
    if head.units is not None and columns != head.units:
        wanted = "(rows,) or (rows, 1)" if head.units == 1 else f"(rows, {head.units})"
        raise ValueError(
            f"`{y.what}` must have shape {wanted}, one column for each of the network's outputs. "
            f"Received: shape {y.values.shape} against {head.units} output"
            f"{'' if head.units == 1 else 's'}.{remedy}"
        )


def _refuse_first(y, good, rule, remedy):
    if good.all():
        return
    where = np.unravel_index(int(good.argmin()), good.shape)
    raise ValueError(
        f"`{y.what}` must {rule}. Received: {y.cell(where)} is {to_python(y.values[where])!r}. "
        f"{remedy}"
    )


def _check_sparse(head, y):
    labels, n = y.values, head.units
    if n is None:  # an output per time step or pixel, not one per row
        return
    if labels.ndim == 2 and labels.shape[1] != 1:
        raise ValueError(
            f"`{y.what}` must be class indices of shape (rows,) for "
            f"`{head.loss}`. Received: shape {labels.shape}. Of one-hot labels, "
            f"{y.what}.argmax(axis=1) gives them, or use loss='categorical_crossentropy' "
            "(`build_classifier(one_hot_labels=True)`)."
        )
    if labels.size == 0:
        return
    skip = labels == head.ignored if head.ignored is not None else np.zeros(1, dtype=bool)
    if labels.dtype.kind == "f":
        _refuse_first(
            y,
            (np.floor(labels) == labels) | skip,
            "hold whole class indices",
            "Keras would cut off the fraction. For a number use a regressor.",
        )
    if labels.dtype.kind != "b" and (labels.min() < 0 or labels.max() >= n):
        _refuse_first(
            y,
            (labels >= 0) & (labels < n) | skip,
            f"hold class indices 0 to {n - 1}, the network has {n} outputs",
            f"Number the classes from 0, e.g. np.unique({y.what}, return_inverse=True)[1]. "
            f"{BY_NAME}",
        )


def _check_categorical(head, y):
    _check_shape(
        head,
        y,
        " Class indices take loss='sparse_categorical_crossentropy'; "
        "keras.utils.to_categorical turns them into one-hot labels.",
    )
    if y.values.ndim != 2:
        return
    rows = y.values if y.values.dtype.kind == "f" else y.values.astype("float32")
    remedy = "Each row is one-hot, or the classes' probabilities."
    _refuse_first(y, (rows >= 0) & (rows <= 1), "hold numbers from 0 to 1", remedy)
    sums = rows.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums - 1) > 1e-3)
    if len(bad):
        row, total = int(bad[0]), float(sums[bad[0]])
        raise ValueError(
            f"Each row of `{y.what}` must sum to 1 for `{head.loss}`. Received: {y.row(row)} sums "
            f"to {total:g}. Labels that do not exclude each other take "
            "`build_multilabel_classifier`."
        )


def _check_binary(head, y):
    remedy = ""
    if head.units == 1 and y.values.ndim == 2:
        remedy = " Of one-hot labels of two classes, take one column, or two outputs with softmax."
    elif head.multilabel:
        remedy = (
            " Classes that exclude each other take softmax and 'sparse_categorical_crossentropy'."
        )
    _check_shape(head, y, remedy)
    labels = y.values
    if labels.size == 0:
        return
    low, high = labels.min(), labels.max()
    if low < 0 or high > 1:
        values = np.unique(labels[:10_000])
        remedy = BY_NAME
        if len(values) == 2:
            remedy = f"Use ({y.what} == {to_python(values[1])!r}).astype('float32'). {BY_NAME}"
        _refuse_first(y, (labels >= 0) & (labels <= 1), f"hold 0 or 1 for `{head.loss}`", remedy)


def _check_numbers(head, y):
    _check_shape(head, y, " Rows would be compared with all other rows or outputs.")
    values = y.values
    if values.size == 0:
        return
    if head.kind == "count" or head.loss == "mean_squared_logarithmic_error":
        _refuse_first(
            y,
            values >= 0,
            f"not be negative for `{head.loss}`",
            "A target of either sign takes 'mean_squared_error', `build_regressor(target='real')`.",
        )


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
            f"{quoted_list(absent)}. Received: {len(counts)} outputs, {len(counts) - len(absent)} "
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
            f"(soft labels). Received: {y.cell(where)} is {to_python(labels[where])!r}. For a "
            "measured "
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
        f"gives {low:g} to {high:g}. Received: {y.cell(where)} is {to_python(y.values[where])!r}. "
        "Use activation='linear' in the output layer."
    )


def _warn_of_constant(y):
    if len(y) < 2:
        return
    columns = y.values.reshape(len(y), -1)
    for position in np.flatnonzero(columns.min(axis=0) == columns.max(axis=0)):
        name = f", {y.column(int(position))}," if columns.shape[1] > 1 else ""
        _warn_of_one(y, to_python(columns[0, position]), name)


def _warn_of_one(y, value, name=""):
    warn(
        f"`{y.what}`{name} holds one value only. Received: {value!r} in all {len(y):,} rows. "
        "The network can only learn to answer it always: check how the rows were chosen."
    )
