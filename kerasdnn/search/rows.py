"""The rows that a search or a comparison trains on and evaluates on: checked and weighted.

All rows stay in one array. A split is two lists of row numbers, so that folds are no copies and
networks trained on different rows can share one resident table.
"""

from dataclasses import dataclass, field

import numpy as np

from ..checks.fit import check_data, column_names, match_columns
from ..core.messages import invalid, warn
from ..factories import build_for
from ..heads import head_of, make_problem
from ..tables.problem_type import as_numbers, infer_problem
from ..tables.rows import class_weights
from ..tables.targets import ClassTarget
from .objective import PRECISION_RECALL, ROC


@dataclass
class Rows:
    """Rows and what they are.

    Attributes:
        x: float32 `(rows, features)`.
        y: `(rows,)` or `(rows, outputs)`, as the network of `problem` takes it.
        weights: float32 `(rows,)` or None, sample weights times class weights.
        problem, n_outputs, one_hot: what `heads.make_problem` needs.
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
        problem = make_problem(self.problem, self.x.shape[1], self.n_outputs, self.one_hot)
        return build_for(problem, **settings)

    def part(self, rows):
        """`(x, y, weights)` of some rows."""
        return self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows]

    def strata(self):
        """The class of each row, all 0 where there are none."""
        if self.one_hot:
            return self.y.argmax(axis=1)
        if head_of(self.problem).kind == "class":
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
        kind = "int32" if head_of(found).per_class and not one_hot else "float32"
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
    head = head_of(rows.problem)
    if head.kind != "class":
        raise invalid("class_weight", f"needs classes, not {head.name or head}", class_weight)
    n = max(rows.n_outputs, 2)
    return class_weights(class_weight, ClassTarget(np.arange(n)), rows.strata(), rows.weights)


def feature_count(X):
    shape = np.shape(X)
    if len(shape) != 2:
        raise invalid("X", "must be a table of shape (rows, features)", f"shape {shape}")
    return shape[1]


def defined_splits(rows, objective):
    """The splits of `rows` in which the objective is defined: an area needs rows of both kinds.

    The others are left out with a warning, so that they do not count in the mean over folds.

    Raises:
        ValueError: it is defined in none.
    """
    name = objective.removeprefix("val_")
    metric = head_of(rows.problem).metrics.get(name)
    if metric is None or metric.sums not in (ROC, PRECISION_RECALL):
        return rows.splits
    y = rows.y.reshape(len(rows.y), -1) > 0.5
    counts = np.ones(len(y)) if rows.weights is None else rows.weights
    held = [(y[valid], counts[valid] > 0) for _, valid in rows.splits]
    good = [
        i for i, (labels, real) in enumerate(held)
        if (labels[real].any(0) & (~labels[real].all(0) | (metric.sums != ROC))).any()
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
