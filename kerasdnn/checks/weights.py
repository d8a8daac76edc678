"""Pre-flight checks of what says how much a row counts, and of the rows set aside to judge by."""

from numbers import Real

import numpy as np

from ..core.messages import quoted_list, to_python, warn
from .named_array import NamedArray, as_named_array
from .values import check_finite

SHUFFLE = (
    "Shuffle first: order = np.random.default_rng(0).permutation(len(x)); x, y = x[order], "
    "y[order] (`DNNClassifier` draws a shuffled, stratified part)."
)


def check_same_rows(x, y, other="y"):
    """Refuse arrays of different lengths, and pandas rows that belong to other rows.

    Raises:
        ValueError: the lengths differ, or both have an index, and these share labels but are not
            equal. An index that shares none, such as 0, 1, 2 next to names, says nothing.
    """
    if len(x) != len(y):
        raise ValueError(
            f"`{x.what}` and `{y.what}` must have the same number of rows. Received: "
            f"{len(x):,} and {len(y):,}. Row i of one must belong to row i of the other."
        )
    if x.labels is None or y.labels is None or x.labels.equals(y.labels):
        return
    # Tuples of a MultiIndex, so that one of other levels is another index like any.
    ours, theirs = (t.labels.to_flat_index().astype(object) for t in (x, y))
    different = np.flatnonzero(~np.asarray(ours == theirs, dtype=bool))
    shared = int(ours.isin(theirs).sum())
    if not len(different) or not shared:
        return
    row = int(different[0])
    received = f"row {row} is {to_python(x.labels[row])!r} and {to_python(y.labels[row])!r}"
    by_position = (
        f"if row i of one belongs to row i of the other, {y.what}.set_axis({x.what}.index)"
    )
    if shared == len(x) and theirs.isin(ours).all():
        raise ValueError(
            f"`{x.what}` and `{y.what}` must have their rows in the same order. Received: the same "
            f"index in another order, {received}. Rows are paired by position: pass "
            f"{y.what}.loc[{x.what}.index], or, {by_position}."
        )
    raise ValueError(
        f"`{x.what}` and `{y.what}` must have the same index. Received: {shared:,} of {len(x):,} "
        f"rows of `{x.what}` with a label that `{y.what}` has too; {received}. Rows are paired by "
        f"position: select the same rows of both, or, {by_position}."
    )


def check_sample_weight(sample_weight, x, what="sample_weight", by_row=True):
    """Refuse row weights that are missing, negative, infinite, all zero or not those of x.

    Args:
        sample_weight: array of `(rows,)` or `(rows, 1)` or None, which passes.
        x: `Table`, whose index that of a Series of weights must equal, or the number of its rows.
        by_row: False where an output per time step or pixel may have a weight of its own.

    Raises:
        ValueError: naming the first bad row and its value.
    """
    rows = len(x) if isinstance(x, NamedArray) else x
    dtype, shape = (getattr(sample_weight, name, None) for name in ("dtype", "shape"))
    if getattr(dtype, "kind", "f") in "mM":
        remedy = " total_seconds() makes numbers of durations." if dtype.kind == "m" else ""
        raise ValueError(f"`{what}` must hold numbers. Received: dtype {dtype}.{remedy}")
    if isinstance(shape, tuple) and (
        shape not in ((rows,), (rows, 1)) if by_row else shape[:1] != (rows,)
    ):
        raise ValueError(
            f"`{what}` must hold one number per row, shape ({rows},). "
            f"Received: shape {shape}. To weigh classes use `class_weight`."
        )
    weights = as_named_array(sample_weight, what)
    if weights is None:
        return
    values = weights.values
    if isinstance(x, NamedArray):
        check_same_rows(x, weights)
    check_finite(weights)
    if values.size and values.min() < 0:
        row = int((values.ravel() < 0).argmax())
        raise ValueError(
            f"`{what}` must not be negative. Received: {weights.row(row)} weighs "
            f"{to_python(values.ravel()[row])!r}, so that training would raise its loss. "
            "A weight of 0 leaves a row out."
        )
    if values.size and values.max() == 0:
        raise ValueError(
            f"`{what}` must not be 0 in every row. Received: {rows:,} zeros, so that nothing "
            "would be learned. Leave it out to weigh all rows alike."
        )


def check_class_weight(class_weight, head, y, sample_weight=None):
    """Check the `class_weight` dict of `fit`; `y` is a `Table`.

    Raises:
        ValueError: not a dict of class indices, a negative weight, or a target without classes.
    """
    if class_weight is None:
        return
    if sample_weight is not None:
        raise ValueError(
            "`class_weight` and `sample_weight` exclude each other. Received: both. Multiply the "
            "weight of each row's class into `sample_weight`."
        )
    if not isinstance(class_weight, dict):
        raise ValueError(
            "`class_weight` must be a dict from class index to weight, such as {0: 1.0, 1: 5.0}. "
            f"Received: class_weight={class_weight!r}. `DNNClassifier` takes 'balanced'."
        )
    if head.kind in ("regression", "count") or head.multilabel:
        target = "several labels per row" if head.multilabel else f"loss {head.loss!r}, no classes"
        raise ValueError(
            f"`class_weight` needs a target with classes. Received: {target}, "
            f"class_weight={class_weight!r}. Weigh rows with `sample_weight`."
        )
    for key, weight in class_weight.items():
        if not isinstance(key, Real) or key != int(key):
            raise ValueError(
                "Keys of `class_weight` must be class indices (whole numbers). Received: key "
                f"{key!r}, which Keras would ignore. Use "
                f"{dict(enumerate(class_weight.values()))} if the classes are "
                "numbered in this order; `DNNClassifier` takes the labels themselves."
            )
        if not isinstance(weight, Real) or not 0 <= weight < np.inf:
            raise ValueError(
                "Weights in `class_weight` must be finite numbers >= 0. Received: "
                f"{to_python(weight)!r} for class {key!r}."
            )
    if class_weight and not any(class_weight.values()):
        raise ValueError(
            f"`class_weight` must not be 0 for every class. Received: {class_weight!r}."
        )
    if head.classes is None:
        return
    beyond = [key for key in class_weight if not 0 <= key < head.classes]
    if beyond:
        raise ValueError(
            f"Keys of `class_weight` must be from 0 to {head.classes - 1}. Received: "
            f"{quoted_list(beyond)}."
        )
    present = distinct(class_indices(y.values)).astype("int64").tolist() if y is not None else ()
    missing = [label for label in present if label not in class_weight]
    if missing:
        warn(
            f"`class_weight` has no weight for {'class' if len(missing) == 1 else 'classes'} "
            f"{quoted_list(missing)}. Received: {class_weight!r}. Such rows get weight 1: write it."
        )


def class_indices(labels):
    """Labels or one-hot rows as class indices, shape `(rows,)`."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        return labels.argmax(axis=1)
    return labels.reshape(len(labels))


def distinct(indices):
    """`np.unique` without sorting every row, for class indices from 0."""
    if indices.dtype.kind in "iu" and len(indices) and 0 <= indices.min() <= indices.max() < 2**16:
        return np.flatnonzero(np.bincount(indices))
    return np.unique(indices)


def check_validation_split(head, y, validation_split):
    """`check_validation` of the last rows, which is what Keras sets aside."""
    first = int(np.floor(len(y) * (1 - validation_split)))  # Keras's own rule
    if 0 < first < len(y) - 1:
        received = f"validation_split={validation_split}, the last {len(y) - first:,} rows"
        check_validation(head, y.values[:first], y.values[first:], received)


def check_validation(head, y, judged, received):
    """Warn where the rows to validate on are unlike those to train on.

    Of classes: they hold one class only, or one that the training rows lack.
    Of numbers: every one of them lies beyond all training targets, as of a sorted target.

    Args:
        head: `OutputHead`.
        y, judged: labels to train and to validate on, shape `(rows,)` or `(rows, outputs)`.
        received: what the user passed, in words.
    """
    if y.ndim > 2 or head.multilabel:
        return
    if head.classes is not None:
        labels, judged = distinct(class_indices(y)), distinct(class_indices(judged))
        unseen = np.setdiff1d(judged, labels)
        if len(unseen):
            warn(
                f"The rows to train on lack classes that are validated on. Received: {received}, "
                f"with class {quoted_list(unseen)}. {SHUFFLE}"
            )
        elif len(judged) == 1 and len(labels) > 1:
            warn(
                "The rows to validate on are of one class, so that a constant answer looks right. "
                f"Received: {received}, all of class {to_python(judged[0])!r}; is y sorted? "
                f"{SHUFFLE}"
            )
    elif (
        head.kind in ("regression", "count")
        and y.size == len(y)
        and (y.max() < judged.min() or y.min() > judged.max())
    ):
        warn(
            "The targets to validate on lie beyond all those to train on. Received: "
            f"{received}, from {judged.min():g} to {judged.max():g}; is y sorted? {SHUFFLE}"
        )
