"""Check row weights, class weights, validation data, and that rows belong together."""

from numbers import Real

import numpy as np

from ..core.messages import invalid, quoted_list, to_python, warn
from .named_array import NamedArray, as_named_array
from .values import check_finite

SHUFFLE = (
    "Shuffle first: order = np.random.default_rng(0).permutation(len(x)); x, y = x[order], "
    "y[order] (`DNNClassifier` uses a random, stratified validation set)."
)
LACKING = "The training set lacks class"  # how that warning begins


def check_same_rows(x, y):
    """Reject arrays of different lengths, and pandas rows that belong to other rows.

    Args:
        x, y: `NamedArray` or `Frame`, with `what` and `labels`.

    Raises:
        ValueError: the lengths differ, or both have an index, and these share labels but are not
            equal. An index that shares none, such as 0, 1, 2 next to names, is accepted.
    """
    pair = f"`{x.what}` and `{y.what}`"
    if len(x) != len(y):
        raise ValueError(
            f"{pair} must have the same number of rows. Received: {len(x):,} and {len(y):,}. Row i "
            "of one must belong to row i of the other."
        )
    if x.labels is None or y.labels is None or x.labels.equals(y.labels):
        return
    # As tuples, a MultiIndex of other levels is another index like any.
    ours, theirs = (t.labels.to_flat_index().astype(object) for t in (x, y))
    different = np.flatnonzero(~np.asarray(ours == theirs, dtype=bool))
    shared = int(ours.isin(theirs).sum())
    if not len(different) or not shared:
        return
    row = int(different[0])
    labels = [to_python(t.labels[row]) for t in (x, y)]
    found = f"row {row} has the labels {labels[0]!r} and {labels[1]!r}"
    by_position = f"if row i belongs to row i, {y.what}.set_axis({x.what}.index)"
    if shared == len(x) and theirs.isin(ours).all():
        raise ValueError(
            f"{pair} must have their rows in the same order. Received: the same index in another "
            f"order; {found}. Rows are paired by position: pass {y.what}.loc[{x.what}.index], or, "
            f"{by_position}."
        )
    raise ValueError(
        f"{pair} must have the same index. Received: {shared:,} of {len(x):,} rows of `{x.what}` "
        f"with a label that `{y.what}` has too; {found}. Rows are paired by position: select the "
        f"same rows of both, or, {by_position}."
    )


def check_sample_weight(sample_weight, x, what="sample_weight", by_row=True):
    """Reject row weights that are missing, negative, infinite, all zero or of other rows.

    Args:
        sample_weight: array `(rows,)` or `(rows, 1)`. None is accepted.
        x: `NamedArray`, whose index that of a Series of weights must equal, or the number of rows.
        what: str, the name of the argument.
        by_row: bool; False allows a weight per time step or pixel.

    Raises:
        ValueError: with the first invalid row and its value.
    """
    rows = len(x) if isinstance(x, NamedArray) else x
    dtype, shape = (getattr(sample_weight, name, None) for name in ("dtype", "shape"))
    if getattr(dtype, "kind", "f") in "mM":
        remedy = "total_seconds() converts durations to numbers." if dtype.kind == "m" else ""
        raise invalid(what, "must contain numbers", remedy=remedy, received=f"dtype {dtype}")
    if isinstance(shape, tuple) and (
        shape not in ((rows,), (rows, 1)) if by_row else shape[:1] != (rows,)
    ):
        raise invalid(
            what,
            f"must contain one number per row, with shape ({rows},)",
            remedy="To weight classes use `class_weight`.",
            received=f"an array of shape {shape}",
        )
    weights = as_named_array(sample_weight, what)
    if weights is None:
        return
    if isinstance(x, NamedArray):
        check_same_rows(x, weights)
    check_finite(weights)
    values = weights.values
    if values.size and values.min() < 0:
        raise ValueError(
            f"{weights.describe_first(values >= 0)}. Training would raise the loss of rows with a "
            "negative weight. A weight of 0 ignores a row."
        )
    if values.size and values.max() == 0:
        raise ValueError(
            f"`{what}` is zero in all {rows:,} rows, so nothing would be learned. Omit it to give "
            "all rows the same weight."
        )


def check_class_weight(class_weight, head, y, sample_weight=None):
    """Check the `class_weight` of `fit`.

    Args:
        class_weight: dict from class index to weight. None is accepted.
        head: `OutputHead`.
        y: `NamedArray` or None.
        sample_weight: as in `fit`.

    Raises:
        ValueError: not a dict of class indices, an invalid weight, or a target without classes.
    """
    if class_weight is None:
        return
    if sample_weight is not None:
        raise ValueError(
            "Pass either `class_weight` or `sample_weight`, not both. Multiply the weight of each "
            "row's class into `sample_weight`."
        )
    if not isinstance(class_weight, dict):
        rule = "must be a dict from class index to weight, such as {0: 1.0, 1: 5.0}"
        remedy = "`DNNClassifier` accepts 'balanced'."
        raise invalid("class_weight", rule, class_weight, remedy)
    if head.numbers or head.multilabel or head.parts:
        several = "several heads" if head.parts else "several labels per row"
        target = several if head.multilabel or head.parts else f"loss {head.loss!r}"
        raise ValueError(
            f"`class_weight` needs a target with classes; the network has {target}. Weight rows "
            "with `sample_weight`."
        )
    for key, weight in class_weight.items():
        if not isinstance(key, Real) or key != int(key):
            raise ValueError(
                f"Keys of `class_weight` must be class indices; Keras ignores the key {key!r}. Use "
                f"{dict(enumerate(class_weight.values()))} if the classes are numbered in this "
                "order; `DNNClassifier` accepts the labels themselves."
            )
        if not isinstance(weight, Real) or not 0 <= weight < np.inf:
            raise ValueError(
                "Weights in `class_weight` must be finite and non-negative. Received: "
                f"{to_python(weight)!r} for class {key!r}."
            )
    if class_weight and not any(class_weight.values()):
        raise invalid("class_weight", "must not be 0 for every class", class_weight)
    if head.classes is None:
        return
    if beyond := [key for key in class_weight if not 0 <= key < head.classes]:
        raise ValueError(
            f"Keys of `class_weight` must be 0 to {head.classes - 1}. Received: "
            f"{quoted_list(beyond)}."
        )
    present = distinct(class_indices(y.values)).astype("int64").tolist() if y is not None else ()
    if missing := [label for label in present if label not in class_weight]:
        warn(
            f"`class_weight` has no weight for {'class' if len(missing) == 1 else 'classes'} "
            f"{quoted_list(missing)}, whose rows get weight 1. Add it to {class_weight!r}."
        )


def class_indices(labels):
    """Convert labels or one-hot rows to class indices, shape `(rows,)`."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        return labels.argmax(axis=1)
    return labels.reshape(len(labels))


def distinct(indices):
    """`np.unique` without sorting, for small non-negative integers."""
    if indices.dtype.kind in "iu" and len(indices) and 0 <= indices.min() <= indices.max() < 2**16:
        return np.flatnonzero(np.bincount(indices))
    return np.unique(indices)


def check_validation_split(head, y, validation_split):
    """Apply `check_validation` to the last rows, which Keras uses for validation."""
    first = int(np.floor(len(y) * (1 - validation_split)))  # Keras's own rule
    if 0 < first < len(y) - 1:
        source = f"validation_split={validation_split}, the last {len(y) - first:,} rows"
        check_validation(head, y.values[:first], y.values[first:], source)


def check_validation(head, y, validation, source):
    """Warn if the validation set is unlike the training set.

    Of classes: it has one class only, or one that the training set lacks. Of numbers: all of its
    targets are outside the range of the training targets, as for a sorted target.

    Args:
        head: `OutputHead`.
        y, validation: targets, arrays `(rows,)` or `(rows, outputs)`.
        source: str, where the validation set comes from.
    """
    if y.ndim > 2 or head.multilabel:
        return
    if head.classes is not None:
        labels, found = distinct(class_indices(y)), distinct(class_indices(validation))
        unseen = np.setdiff1d(found, labels)
        if len(unseen):
            warn(f"{LACKING} {quoted_list(unseen)} of the validation set ({source}). {SHUFFLE}")
        elif len(found) == 1 and len(labels) > 1:
            warn(
                f"The validation set ({source}) is of one class, {to_python(found[0])!r}, so that "
                f"a constant prediction looks perfect. Is y sorted? {SHUFFLE}"
            )
    elif (
        head.numbers
        and y.size == len(y)
        and (y.max() < validation.min() or y.min() > validation.max())
    ):
        warn(
            f"All targets of the validation set ({source}), {validation.min():g} to "
            f"{validation.max():g}, are outside the range of the training set. Is y sorted? "
            f"{SHUFFLE}"
        )
