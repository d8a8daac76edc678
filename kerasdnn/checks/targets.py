"""Check the shape and values of `y` against the loss and the output layer."""

import numpy as np

from ..activations import RANGES
from ..core.messages import quoted_list, to_python, warn
from .named_array import NamedArray
from .output_layer import KINDS

BY_NAME = "`DNNClassifier` accepts labels of any kind."
TWO_CLASSES = "For two classes use activation='sigmoid' and loss='binary_crossentropy'."
ABSENT = "Class(es)? .* (has|have) no rows in"  # how that warning begins
CONSTANT = "(Column .* of )?`y` contains one value only"  # how that warning begins


def check_output(head):
    """Warn about a loss and an output layer that contradict each other.

    Args:
        head: `OutputHead`.
    """
    fitting, name = KINDS.get(head.kind, ((), ()))[1], head.activation
    if name == "softmax" and head.units == 1:
        warn(f"Softmax over one output is always 1. {TWO_CLASSES}")
    elif head.kind in ("index", "one_hot") and head.units == 1:
        warn(f"`{head.loss}` needs one output per class; the network has one. {TWO_CLASSES}")
    elif not fitting or name not in RANGES or head.loss == "asymmetric":
        return
    elif head.from_logits:
        if name in ("sigmoid", "softmax", "hard_sigmoid"):
            warn(
                f"`{head.loss}` with from_logits=True applies {fitting[0]} itself, so the output "
                f"activation {name!r} is applied twice. Use activation='linear' or "
                "from_logits=False."
            )
    elif name == "softmax" and head.kind == "zero_one":
        warn(
            f"`{head.loss}` treats each output as an independent label, but softmax makes the "
            "outputs sum to 1. For exclusive classes use loss='categorical_crossentropy'; for "
            "several labels per row use activation='sigmoid'."
        )
    elif name not in fitting:
        logits = "" if head.numbers else ", or from_logits=True with activation='linear'"
        warn(
            f"`{head.loss}` needs outputs of activation={fitting[0]!r}; the network has "
            f"activation={name!r}. Use activation={fitting[0]!r}{logits}."
        )


def check_targets(head, y, training=True):
    """Check the shape and the values of `y`.

    Args:
        head: `OutputHead`.
        y: `NamedArray`.
        training: bool, whether to warn about soft labels, absent classes, a constant target and
            unreachable values too.

    Raises:
        ValueError: `y` has the wrong shape, or a value that the loss does not accept.
    """
    if head.parts:
        _check_columns(head, y, training)
        return
    if y.values.ndim > 2 or head.kind is None:
        return
    if head.kind == "index":
        _check_sparse(head, y)
    elif head.kind == "one_hot":
        _check_categorical(head, y)
    elif head.kind == "zero_one":
        _check_binary(head, y)
    else:
        _check_numbers(head, y)
    if training and y.values.size:
        _warn_of_odd_targets(head, y)


def _check_columns(head, y, training):
    """Check each column of y against its own head."""
    columns = y.values.shape[1] if y.values.ndim == 2 else 1
    if columns != len(head.parts) or y.values.ndim != 2:
        raise ValueError(
            f"`{y.what}` must have one column per head, with shape (rows, {len(head.parts)}). "
            f"Received: an array of shape {y.values.shape}."
        )
    for k, part in enumerate(head.parts):
        what = f"{y.what}[:, {k}]" if y.columns is None else f"{y.what}[{y.label(k)}]"
        column = NamedArray(y.values[:, k : k + 1], what, None, y.index, y.labels)
        check_targets(part, column, training)


def _check_shape(head, y, remedy):
    """Reject anything but one column of y per output: rows would be compared with other rows."""
    columns = 1 if y.values.ndim == 1 else y.values.shape[1]
    if head.one_column and columns != 1:
        what = "quantiles" if head.loss == "quantiles" else "distribution"
        raise ValueError(
            f"`{y.what}` must have one column, whose {what} the network predicts. Received: an "
            f"array of shape {y.values.shape}."
        )
    if not head.one_column and head.units is not None and columns != head.units:
        wanted = "(rows,) or (rows, 1)" if head.units == 1 else f"(rows, {head.units})"
        raise ValueError(
            f"`{y.what}` must have shape {wanted}, one column per output of the network. Received: "
            f"an array of shape {y.values.shape} for {head.units} "
            f"output{'s'[: head.units > 1]}. {remedy}"
        )


def _reject_first(y, good, rule):
    if not good.all():
        raise ValueError(f"{y.describe_first(good)}. {rule}")


def _check_sparse(head, y):
    labels, n = y.values, head.units
    if n is None:  # one output per time step or pixel, not per row
        return
    if labels.ndim == 2 and labels.shape[1] != 1:
        raise ValueError(
            f"`{y.what}` must contain class indices, with shape (rows,), for `{head.loss}`. "
            f"Received: an array of shape {labels.shape}. If the labels are one-hot, pass "
            f"{y.what}.argmax(axis=1), or use loss='categorical_crossentropy' "
            "(`build_classifier(one_hot_labels=True)`)."
        )
    if labels.size == 0:
        return
    skip = labels == head.ignored if head.ignored is not None else np.zeros(1, dtype=bool)
    if labels.dtype.kind == "f":
        _reject_first(
            y,
            (np.floor(labels) == labels) | skip,
            "Class indices must be integers; Keras would truncate fractions. For a quantity use "
            "`build_regressor`.",
        )
    if labels.dtype.kind != "b" and (labels.min() < 0 or labels.max() >= n):
        _reject_first(
            y,
            (labels >= 0) & (labels < n) | skip,
            f"Class indices must be 0 to {n - 1}, because the network has {n} outputs. Number the "
            f"classes from 0, for example by np.unique({y.what}, return_inverse=True)[1]. "
            f"{BY_NAME}",
        )


def _check_categorical(head, y):
    _check_shape(
        head,
        y,
        "Class indices need loss='sparse_categorical_crossentropy'; keras.utils.to_categorical "
        "converts them to one-hot labels.",
    )
    if y.values.ndim != 2:
        return
    rows = y.values if y.values.dtype.kind == "f" else y.values.astype("float32")
    rule = "Each row must be one-hot, or contain probabilities from 0 to 1."
    _reject_first(y, (rows >= 0) & (rows <= 1), rule)
    sums = rows.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums - 1) > 1e-3)
    if len(bad):
        raise ValueError(
            f"Each row of `{y.what}` must sum to 1 for `{head.loss}`, but {y.row(int(bad[0]))} "
            f"sums to {float(sums[bad[0]]):g}. If several labels may apply to one row, use "
            "`build_multilabel_classifier`."
        )


def _check_binary(head, y):
    remedy = ""
    if head.units == 1 and y.values.ndim == 2:
        remedy = "For one-hot labels of two classes pass one column, or use two softmax outputs."
    elif head.multilabel:
        remedy = "For exclusive classes use softmax and 'sparse_categorical_crossentropy'."
    _check_shape(head, y, remedy)
    labels = y.values
    if labels.size and (labels.min() < 0 or labels.max() > 1):
        values = np.unique(labels[:10_000])
        fix = f" Use ({y.what} == {to_python(values[1])!r}).astype('float32')."
        _reject_first(
            y,
            (labels >= 0) & (labels <= 1),
            f"Labels for `{head.loss}` must be 0 or 1.{fix * (len(values) == 2)} {BY_NAME}",
        )


def _check_numbers(head, y):
    _check_shape(head, y, "Otherwise rows would be compared with other rows or outputs.")
    signed = (
        head.kind not in ("non_negative", "one_count")
        and head.loss != "mean_squared_logarithmic_error"
    )
    if y.values.size and not signed:
        _reject_first(
            y,
            y.values >= 0,
            f"Targets for `{head.loss}` must be non-negative. If they may be negative, use "
            "'mean_squared_error' (`build_regressor(target='real')`).",
        )
    if head.kind == "positive":
        rule = f"Targets for `{head.loss}` must be positive. `build_regressor` takes any number."
        _reject_first(y, y.values > 0, rule)


def _warn_of_odd_targets(head, y):
    """Warn about soft labels, absent classes, a constant target or unreachable values."""
    if head.kind in ("index", "one_hot") and head.units is not None:
        _warn_of_absent(head, y)
        return
    if head.kind == "zero_one" and y.values.dtype.kind == "f":
        good = (y.values == 0) | (y.values == 1)
        if not good.all():
            warn(
                f"{y.describe_first(good)}, which `{head.loss}` treats as a probability (soft "
                "label). For a quantity use `build_regressor`."
            )
    elif head.numbers and not head.one_column:
        low, high = RANGES.get(head.activation, RANGES["linear"])
        if y.values.min() < low or y.values.max() > high:
            warn(
                f"{y.describe_first((y.values >= low) & (y.values <= high))}, which the outputs "
                f"cannot reach: activation={head.activation!r} gives {low:g} to {high:g}. Use "
                "activation='linear' in the output layer."
            )
    warn_of_constants(y)


def warn_of_constants(y):
    """Warn about a target, or a column of it, of one value; return whether there is one."""
    columns = y.values.reshape(len(y), -1)
    constant = np.flatnonzero(columns.min(axis=0) == columns.max(axis=0)) if len(y) > 1 else ()
    for position in constant:
        name = y.column(int(position)) if columns.shape[1] > 1 else f"`{y.what}`"
        _warn_of_constant(y, to_python(columns[0, position]), name)
    return bool(len(constant))


def _warn_of_absent(head, y):
    labels = y.values
    if head.kind == "one_hot":
        counts = labels.sum(axis=0)
    else:
        labels = labels.ravel()
        if head.ignored is not None:
            labels = labels[labels != head.ignored]
        counts = np.bincount(labels.astype("int64"), minlength=head.units)
    absent = np.flatnonzero(counts == 0)
    if len(absent) == len(counts) - 1:
        _warn_of_constant(y, int(counts.argmax()), f"`{y.what}`")
    elif len(absent):
        one = len(absent) == 1
        warn(
            f"{'Class' if one else 'Classes'} {quoted_list(absent)} {'has' if one else 'have'} no "
            f"rows in `{y.what}`, so the network will never predict {'it' if one else 'them'}. The "
            f"network has {len(counts)} outputs, `{y.what}` {len(counts) - len(absent)} classes. "
            "Check `n_classes` and how the rows were selected."
        )


def _warn_of_constant(y, value, name):
    warn(
        f"{name} contains one value only, {value!r} in all {len(y):,} rows: the network can only "
        "learn to predict it always. Check how the rows were selected."
    )
