"""Targets of classifiers: one class per row, ordered or not, or several labels."""

import numpy as np
import pandas as pd

from ...checks.table_columns import blank_twins
from ...core.messages import invalid, quoted_list, to_python, warn
from ...heads.problem_types import head_of, make_problem
from .reading import column, read_target


class ClassTarget:
    """One of K classes per row; K = 2 is the problem "binary".

    Attributes:
        classes: array of labels; sorted, or if they are ordered from lowest to highest.
    """

    bounded = False

    def __init__(self, classes, ordered=False):
        self.classes = classes
        self.n = len(classes)
        self.head = make_problem("ordinal" if ordered else "multiclass", 1, self.n).head

    def encode(self, y, what="y"):
        """Positions of the labels among the classes, int32 `(rows,)`.

        Raises:
            ValueError: a label that `fit` has not seen.
        """
        y = column(y, what)
        try:
            order = np.argsort(self.classes, kind="stable")
            positions = np.searchsorted(self.classes, y, sorter=order).clip(0, self.n - 1)
            positions = order[positions]
            known = self.classes[positions] == y
        except TypeError:
            known = np.zeros(len(y), dtype=bool)
        if not np.all(known):
            unknown = pd.unique(pd.Series(y[~np.asarray(known)], dtype=object))
            raise ValueError(
                f"`{what}` must contain classes of `fit`. Received: {quoted_list(unknown)}; the "
                "classes "
                f"are {quoted_list(self.classes, 10)}."
            )
        return positions.astype("int32")

    def learn(self, encoded, weights):
        mass = np.bincount(encoded, weights, self.n)
        share = mass / mass.sum()
        self.baseline = share[1:] if self.n == 2 else share


class LabelTarget:
    """Several yes-or-no labels per row; `classes` names them."""

    bounded = False

    def __init__(self, classes):
        self.head = head_of("multilabel")
        self.classes = classes
        self.n = len(classes)

    def encode(self, y, what="y"):
        """y as float32 `(rows, labels)` of 0 and 1."""
        if y.ndim != 2 or y.shape[1] != self.n or not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"`{what}` must contain 0 or 1 in {self.n} columns, one per label. Received: shape "
                f"{y.shape}, values {quoted_list(np.unique(y))}."
            )
        return y.astype("float32")

    def learn(self, encoded, weights):
        self.baseline = np.average(encoded, axis=0, weights=weights)


def order_of(y, ordered):
    """The labels of a classifier with `ordered` from lowest to highest.

    Args:
        y: what the user passed.
        ordered: True, or a sequence of labels.

    Returns:
        list of labels, or None for the order of numbers.
    """
    if ordered is not True:
        return list(ordered)
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
        used = set(pd.unique(pd.Series(y).dropna()))
        return [label for label in dtype.categories if label in used]
    return None


def learn_ordered_classes(order, classes=None, least=2):
    """A function from y and its column names to the target of ordered classes.

    Args:
        order: list of labels from lowest to highest, or None for sorted ones.
        classes, least: see `learn_classes`.
    """

    def make(y, names=None):
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(
                "`ordered` needs one class per row. Received: `y` of shape "
                f"{y.shape}. Leave it out for several labels per row."
            )
        target = learn_classes(y, names, classes, least)
        labels = target.classes
        if order is None and labels.dtype.kind not in "biuf":
            raise ValueError(
                "`ordered=True` needs labels that have an order: numbers, or a pandas Categorical "
                f"with ordered=True. Received: {quoted_list(labels)}. Pass all labels from lowest "
                "to highest, such as ordered=('low', 'medium', 'high')."
            )
        if order is not None:
            unlisted = [label for label in labels if label not in set(order)]
            if unlisted:
                raise ValueError(
                    f"`ordered` must contain every label of `y`. It lacks {quoted_list(unlisted)}. "
                    f"Received: ordered={tuple(order)!r}."
                )
            kind = None if labels.dtype.kind == "U" else labels.dtype
            labels = np.array(order, dtype=kind)
        return ClassTarget(labels, ordered=True)

    return make


def learn_classes(y, names=None, classes=None, least=2):
    """The target of a classifier: `ClassTarget` or `LabelTarget`.

    Args:
        y: labels `(rows,)`, or 0 and 1 `(rows, labels)`.
        names: column names of y, or None.
        classes: the declared label vocabulary, which may have labels that y lacks. None means the
            labels of y.
        least: int, the fewest different labels that y may hold.

    Raises:
        ValueError: numbers that are no classes ("Unknown label type"), labels of several types,
            one class alone, labels that are not among `classes`.
    """
    if y.ndim == 2 and y.shape[1] > 1:
        if classes is not None:
            raise invalid(
                "classes", "must be None where `y` has several columns of 0 and 1", classes,
                "The names of the columns of `y` are the labels.",
            )  # fmt: skip
        good = np.isin(y, (0, 1)) if y.dtype.kind in "fiub" else np.zeros(y.shape, dtype=bool)
        if not good.all():
            row, j = np.argwhere(~good)[0]
            raise ValueError(
                "Unknown label type: `y` of several columns must contain 0 or 1 in each. Received: "
                f"shape {y.shape}, row {row} is {to_python(y[row, j])!r}. Train one classifier per "
                "column, or `DNNRegressor` on numbers."
            )
        if (y.sum(axis=1) == 1).all():
            warn(
                f"Each row of `y` has a single 1 in its {y.shape[1]} columns, which are treated as "
                "labels that may occur together. If they exclude each other, pass the class of "
                "each row: y.idxmax(axis=1) of a DataFrame, y.argmax(axis=1) of an array."
            )
        for j in np.flatnonzero(y.min(axis=0) == y.max(axis=0)):
            label = repr(names[j]) if names else str(j)
            warn(
                f"Label {label} of `y` is {to_python(y[0, j])!r} in all {len(y):,} rows, so the "
                "network can only learn to predict it always. Check how the rows were selected."
            )
        return LabelTarget(np.array(names if names else np.arange(y.shape[1])))
    y = column(y)
    if y.dtype.kind not in "biufUO":
        raise ValueError(
            f"Unknown label type: labels must be strings, integers or booleans. Received: "
            f"dtype {y.dtype}. y.astype(str) converts them to text."
        )
    if y.dtype.kind == "O" and not all(isinstance(label, str) for label in y):
        kinds = sorted({type(label).__name__ for label in y})
        rule = "labels must be of one type"
        if set(kinds) <= {"int", "float"}:  # `read_target` found no dtype that holds them exactly
            rule = "integers must fit in 64 bits, or in 53 bits if y also contains fractions"
        elif len(kinds) == 1:
            rule = "labels must be strings, integers or booleans"
        raise ValueError(
            f"Unknown label type: {rule}. Received: {', '.join(kinds)}, such as "
            f"{quoted_list(pd.unique(pd.Series(y, dtype=object)), 3)}. y.astype(str) converts "
            "them to text."
        )
    if y.dtype.kind == "f" and np.isinf(y).any():
        row = int(np.isinf(y).argmax())
        raise ValueError(
            f"Unknown label type: labels must be finite. Received: row {row} is {y[row]} "
            f"({int(np.isinf(y).sum())} of {len(y)} rows). Drop such rows."
        )
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        row = int((y != np.floor(y)).argmax())
        raise ValueError(
            "Unknown label type: continuous. Labels must be strings, integers or booleans. "
            f"Received: row {row} is {y[row]}. `DNNRegressor` predicts numbers."
        )
    found = np.unique(y)
    classes = found if classes is None else read_vocabulary(classes, found)
    if y.dtype.kind in "UO" and (twins := blank_twins(classes)):
        warn(
            f"`y` has classes that differ only in case or blanks. Received: {quoted_list(twins)}. "
            "y = y.str.strip().str.casefold() of a Series makes them one."
        )
    if y.dtype.kind != "O" and len(found) > max(20, len(y) / 2):
        warn(
            f"`y` contains {len(found):,} different numbers in {len(y):,} rows, which are probably "
            "not classes. Use `DNNRegressor` to predict numbers."
        )
    if len(found) < least:
        raise ValueError(
            f"`y` must contain at least two classes. Received: one class, {to_python(found[0])!r}, "
            f"in all {len(y):,} rows with a positive weight (n_samples={len(y)})."
        )
    return ClassTarget(classes)


def read_vocabulary(classes, found):
    """The declared labels, sorted, in the dtype of y where that holds them.

    Args:
        classes: labels in any order.
        found: array of the different labels of y.

    Raises:
        ValueError: fewer than two labels, a label twice, labels of y that are not among them.
    """
    labels, _ = read_target(pd.Series(list(classes)), "classes")
    if len(labels) < 2 or len(pd.unique(labels)) < len(labels):
        raise invalid("classes", "must be at least two different labels", classes)
    same_type = labels.dtype.kind in "biuf" if found.dtype.kind in "biuf" else True
    unknown = [y for y in found if y not in set(labels.tolist())] if same_type else found
    if len(unknown):
        raise ValueError(
            f"`y` must contain labels of `classes`. Received: {quoted_list(unknown)}; classes are "
            f"{quoted_list(labels, 10)}. Add them to `classes`, or drop such rows."
        )
    if found.dtype.kind in "biuf" and (labels.astype(found.dtype) == labels).all():
        labels = labels.astype(found.dtype)
    return np.sort(labels)
