"""The rows a search or a comparison trains on and judges by: checked, weighted, divided.

All rows stay in one array. A split is two lists of row numbers, so that folds are no copies and
networks trained on different rows can share one resident table.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .checks import check_data, column_names, match_columns
from .checks_words import warn
from .errors import fraction, invalid, one_of, whole
from .heads import HEADS
from .labels import ClassTarget, _values
from .rows import class_weights, hold_out
from .spaces import factory_arguments

FEW = 20  # so many different whole numbers may be classes as well as a quantity


@dataclass
class Rows:
    """Rows and what they are.

    Attributes:
        x: float32 `(rows, features)`.
        y: `(rows,)` or `(rows, outputs)`, as the network of `problem` takes it.
        weights: float32 `(rows,)` or None, sample weights times class weights.
        problem, n_outputs, one_hot: what `spaces.factory_arguments` needs.
        splits: list of `(training rows, validation rows)`, int arrays.
        names: of the columns of x, or None.
        told: whether the user knows that some networks are trained one by one.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    problem: str
    n_outputs: int
    one_hot: bool = False
    splits: list = field(default_factory=list)
    names: tuple | None = None
    told: bool = False

    def build(self, **settings):
        """A compiled network for these rows."""
        factory, shape = factory_arguments(
            self.problem, self.x.shape[1], self.n_outputs, self.one_hot
        )
        return factory(**shape, **settings)

    def part(self, rows):
        """`(x, y, weights)` of some rows."""
        return self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows]

    def strata(self):
        """The class of each row, all 0 where there are none."""
        if self.one_hot:
            return self.y.argmax(axis=1)
        if self.problem in ("binary", "multiclass"):
            return self.y.reshape(-1).astype("int64")
        return np.zeros(len(self.y), "int64")


def read_rows(X, y, problem=None, sample_weight=None, class_weight=None, validation_data=None):
    """Arrays as `Rows`, checked as `Network.fit` would check them.

    Args:
        X: numbers `(rows, features)`; y: see `infer_problem`.
        validation_data: `(X, y)` or `(X, y, sample_weight)`, or None; its rows are put below.

    Returns:
        `Rows`; with validation data its one split, else none yet.

    Raises:
        ValueError: data from which nothing right could be learned.
    """
    found, n_outputs, one_hot = infer_problem(y, problem)
    blank = Rows(np.empty((0, feature_count(X))), np.asarray(y), None, found, n_outputs, one_hot)
    network = blank.build(hidden_units=(1,), seed=0)
    parts = [(X, y, sample_weight)]
    if validation_data is not None:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            rule = "must be (X, y) or (X, y, sample_weight)"
            raise invalid("validation_data", rule, type(validation_data).__name__)
        parts.append((*validation_data, None)[:3])
    arrays = []
    for number, (x, target, weight) in enumerate(parts):
        what = ("X", "y", "sample_weight")
        if number:
            what = [f"validation_data[{i}]" for i in range(3)]
            x = match_columns(x, column_names(X), what[0])
        weight = np.asarray(weight) if isinstance(weight, (list, tuple)) else weight
        check_data(network, x, target, weight, what=what, training=not number)
        kind = "int32" if found == "multiclass" and not one_hot else "float32"
        target = as_numbers(target).astype(kind)
        if target.ndim == 2 and target.shape[1] == 1:
            target = target[:, 0]
        weight = None if weight is None else np.asarray(weight, "float64").reshape(-1)
        rows = Rows(np.ascontiguousarray(x, "float32"), target, weight, found, n_outputs, one_hot)
        if class_weight is not None:
            rows.weights = weigh(rows, class_weight)
        arrays.append(rows)
    first = arrays[0]
    first.names = column_names(X)
    if number:
        second = arrays[1]
        n, m = len(first.x), len(second.x)
        if (first.weights is None) != (second.weights is None):
            first.weights = np.ones(n) if first.weights is None else first.weights
            second.weights = np.ones(m) if second.weights is None else second.weights
        first.x, first.y = np.vstack([first.x, second.x]), np.concatenate([first.y, second.y])
        if first.weights is not None:
            first.weights = np.concatenate([first.weights, second.weights])
        first.splits = [(np.arange(n), np.arange(n, n + m))]
    if first.weights is not None:
        first.weights = first.weights.astype("float32")
    return first


def weigh(rows, class_weight):
    if rows.problem not in ("binary", "multiclass"):
        raise invalid("class_weight", f"needs classes, not {rows.problem}", class_weight)
    n = max(rows.n_outputs, 2)
    return class_weights(class_weight, ClassTarget(np.arange(n)), rows.strata(), rows.weights)


def feature_count(X):
    shape = np.shape(X)
    if len(shape) != 2:
        raise invalid("X", "must be a table of shape (rows, features)", f"shape {shape}")
    return shape[1]


def as_numbers(y):
    """y as an array, of numbers also where pandas keeps them as nullable or as objects."""
    array = np.asarray(y)
    if array.dtype.kind != "O" or pd.isna(array).any():
        return array
    return _values(array)


def infer_problem(y, problem=None):
    """What y asks for.

    Several columns: 0 and 1 with one 1 per row are one-hot classes, 0 and 1 otherwise labels, any
    other numbers a regression. One column: two values 0 and 1 are a binary problem, whole numbers
    0..K-1 of an integer type classes, other numbers a regression. A few other whole numbers could
    be either and are refused.

    Returns:
        `(problem, n_outputs, one_hot)`.

    Raises:
        ValueError: text, or a y that could be two things: `problem` has to say which.
    """
    if problem is not None:
        one_of("problem", problem, HEADS)
    array = as_numbers(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub" or array.size == 0:
        remedy = "Text goes through `DNNClassifier.tune`, or a DataFrame as X."
        kind = f"{array.dtype} of shape {array.shape}"
        raise invalid("y", "must be numbers of shape (rows,) or (rows, outputs)", kind, remedy)
    values = np.unique(array[~np.isnan(array)] if array.dtype.kind == "f" else array)
    if array.ndim == 2:
        columns = array.shape[1]
        one_hot = np.isin(values, (0, 1)).all() and bool((array.sum(axis=1) == 1).all())
        if problem is None:
            labels = "multilabel" if np.isin(values, (0, 1)).all() else "regression"
            problem = "multiclass" if one_hot else labels
        return problem, columns, problem == "multiclass"
    steps = np.arange(len(values))
    if problem is None:
        if np.array_equal(values, [0, 1]):
            problem = "binary"
        elif array.dtype.kind in "iu" and np.array_equal(values, steps) and len(values) > 2:
            problem = "multiclass"
        elif array.dtype.kind in "iu" and len(values) <= FEW:
            raise invalid(
                "y", "must say what it is", f"whole numbers {values.tolist()}",
                "Pass problem='regression' or 'count', or number the classes 0, 1, 2, ...",
            )  # fmt: skip
        else:
            problem = "regression"
    if problem == "multiclass" and values.max() > 1:
        return problem, int(values.max()) + 1, False
    return ("binary" if problem == "multiclass" else problem), 1, False


def divide(rows, *, cv=None, validation_fraction=0.2, seed=0, repeats=1):
    """Splits of `rows`, by class where there are classes.

    Args:
        cv: int, folds; None holds out `validation_fraction`, `repeats` times anew.

    Returns:
        List of `(training rows, validation rows)`.
    """
    n = len(rows.x)
    strata = rows.strata()
    if cv is not None:
        whole("cv", cv, 2)
        if cv > n:
            raise invalid("cv", f"must be at most the number of rows, {n:,}", cv)
        fold = folds(strata, cv, np.random.default_rng(seed))
        return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(cv)]
    if fraction("validation_fraction", validation_fraction) == 0 or n < 2:
        raise invalid("validation_fraction", "must leave rows to judge by", validation_fraction)
    splits = []
    for repeat in range(repeats):
        held = hold_out(strata, validation_fraction, np.random.default_rng([seed, repeat]))
        if not held.any():
            raise invalid(
                "validation_fraction", f"must hold out at least one of {n:,} rows",
                validation_fraction,
            )  # fmt: skip
        splits.append((np.flatnonzero(~held), np.flatnonzero(held)))
    return splits


def defined_splits(rows, objective):
    """The splits of `rows` in which the objective is defined: an area needs rows of both kinds.

    The others are left out with a warning, so that they do not count in the mean over folds.

    Raises:
        ValueError: it is defined in none.
    """
    name = objective.removeprefix("val_")
    if name not in ("auc", "pr_auc") or rows.problem not in ("binary", "multilabel"):
        return rows.splits
    y = rows.y.reshape(len(rows.y), -1) > 0.5
    counts = np.ones(len(y)) if rows.weights is None else rows.weights
    held = [(y[valid], counts[valid] > 0) for _, valid in rows.splits]
    good = [
        i for i, (labels, real) in enumerate(held)
        if (labels[real].any(0) & (~labels[real].all(0) | (name == "pr_auc"))).any()
    ]  # fmt: skip
    if len(good) < len(held):
        left = f"{len(held) - len(good)} of {len(held)} splits where one is missing"
        rule = "should have rows of both classes in the validation rows of every split"
        if not good:
            raise invalid("y", rule, left, "Take objective='val_loss', or other rows to judge by.")
        warn(
            f"`y` {rule}: {objective!r} is undefined without them. Received: {left}. They are left "
            "out, and the score is the mean over the others."
        )
    return [rows.splits[i] for i in good]


def folds(strata, k, rng):
    """The fold of each row: every class is dealt out evenly, and so are the rows as a whole."""
    order = np.lexsort([rng.random(len(strata)), strata])
    fold = np.empty(len(strata), "int64")
    fold[order] = np.arange(len(strata)) % k
    return fold


def is_table(X, y):
    """Whether X or y must go through the table encoder: a DataFrame not all numbers, or text."""
    if not isinstance(X, pd.DataFrame):
        return isinstance(X, dict) or hasattr(X, "columns")
    numbers = all(getattr(dtype, "kind", "O") in "fiu" for dtype in X.dtypes)
    return not numbers or bool(X.isna().any(axis=None)) or as_numbers(y).dtype.kind in "OU"
