"""Read the rows that a search or a comparison trains and evaluates networks on.

All rows stay in one matrix. A split is a pair of index arrays, so that folds are not copies and
networks trained on different rows share one table on the device.
"""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from ..checks.fit import check_data, column_names, match_columns
from ..core.messages import invalid, warn
from ..core.rows import Rows, unpack_validation_data
from ..factories import build_for
from ..heads.problem_types import Problem
from ..tables.problem_type import as_numbers, check_two_dimensional, infer_problem
from ..tables.rows import (
    check_exclusive,
    label_rows,
    separate_columns,
    weigh_classes,
)
from ..tables.splits import split, strata_of
from ..tables.targets.classes import ClassTarget
from .objective import PRECISION_RECALL, ROC


@dataclass(frozen=True)
class SearchData:
    """The rows of a search, the problem, and the splits.

    Attributes:
        rows: `Rows` with x of dtype float32, y as a network of `problem` takes it and float32
            weights; those of `validation_data` are the last ones.
        problem: `Problem`.
        pairs: list of (training rows, validation rows), int arrays; empty before `split`.
        columns: names of the columns of x, or None.
        warned: what the user has been warned of, so that each warning comes once per search.
    """

    rows: Rows
    problem: Problem
    pairs: list = field(default_factory=list)
    columns: tuple | None = None
    warned: set = field(default_factory=set, compare=False)

    def replace(self, **changes):
        return dataclasses.replace(self, **changes)

    def split(self, **arguments):
        """The data with splits, see `tables/splits.split`; those of `validation_data` stay."""
        if self.pairs:
            return self
        return self.replace(pairs=split(self.rows, self.strata(), **arguments))

    def strata(self):
        return strata_of(self.rows.y, self.problem.kind == "class")


@dataclass(frozen=True)
class TableData:
    """The rows of a search over a table, and the splits.

    Attributes:
        parts: list of `Rows` of a `Frame`: those to search on, and those of `validation_data`.
        target: target of `tables/targets/` that encoded y.
        pairs: list of (training rows, validation rows), positions in `parts` one below the other.
    """

    parts: list
    target: object
    pairs: list = field(default_factory=list)

    def folds(self):
        """Yield the training and the validation `Rows` of each split."""
        if len(self.parts) == 2:
            yield tuple(self.parts)
            return
        for train, held in self.pairs:
            yield self.parts[0].take(train), self.parts[0].take(held)

    def matrix(self, encoder, for_network=False):
        """All rows as one matrix; y as `target` encoded it, or as the network takes it."""
        parts = []
        for part in self.parts:
            y = part.y
            if for_network and hasattr(self.target, "to_network"):
                y = self.target.to_network(y)
            parts.append(part.replace(x=encoder.encode(part.x), y=y))
        return as_float32(parts[0].concatenate(*parts[1:]))


def read_data(given, problem=None, class_weight=None, validation_data=None):
    """Check arrays as `Network.fit` would, and weight their rows.

    Args:
        given: `Rows` as the user passed them, X numbers of shape (rows, features).
        problem: see `infer_problem`.
        class_weight: see `tables/rows.weigh_classes`.
        validation_data: (X, y) or (X, y, sample_weight), or None.

    Returns:
        `SearchData`; with validation data it has one split, else none yet.

    Raises:
        ValueError: data from which nothing right could be learned.
    """
    check_exclusive(groups=given.groups, time=given.time, validation_data=validation_data)
    given = separate_columns(given)
    problem = infer_problem(given.y, problem, check_two_dimensional(given.x))
    network = build_for(problem, hidden_units=(1,), seed=0)  # says what data must look like
    first = read_arrays(network, problem, given, class_weight)
    columns = column_names(given.x)
    if validation_data is None:
        return SearchData(as_float32(label_rows(first, given)), problem, columns=columns)
    held = unpack_validation_data(validation_data)
    held = held.replace(x=match_columns(held.x, columns, held.names[0]))
    second = read_arrays(network, problem, held, class_weight, training=False)
    n, m = len(first), len(second)
    pairs = [(np.arange(n), np.arange(n, n + m))]
    return SearchData(as_float32(first.concatenate(second)), problem, pairs, columns)


def read_arrays(network, problem, given, class_weight, training=True):
    """Check arrays against `network`; returns `Rows` of arrays with float64 weights."""
    weights = given.weights
    weights = np.asarray(weights) if isinstance(weights, (list, tuple)) else weights
    check_data(network, given.x, given.y, weights, what=given.names, training=training)
    indices = problem.head.per_class and not problem.one_hot
    y = as_numbers(given.y).astype("int32" if indices else "float32")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    weights = None if weights is None else np.asarray(weights, "float64").reshape(-1)
    rows = Rows(np.ascontiguousarray(given.x, "float32"), y, weights, given.names)
    if class_weight is None:
        return rows
    if problem.kind != "class":
        raise invalid("class_weight", f"needs classes, not {problem.name}", class_weight)
    target = ClassTarget(np.arange(max(problem.n_outputs, 2)))
    weighted = weigh_classes(rows.replace(y=strata_of(y, True)), class_weight, target)
    return rows.replace(weights=weighted.weights)


def as_float32(rows):
    if rows.weights is None:
        return rows
    return rows.replace(weights=rows.weights.astype("float32"))


def defined_splits(data, objective):
    """The splits of `data` in which the objective is defined: an area needs rows of both classes.

    The others are left out with a warning, so that they do not count in the mean over folds.

    Raises:
        ValueError: it is defined in none.
    """
    metric, rows = data.problem.head.metrics.get(objective.removeprefix("val_")), data.rows
    if metric is not None and metric.scorer:
        return splits_with_scores(data, objective, metric)
    if metric is None or metric.sums not in (ROC, PRECISION_RECALL):
        return data.pairs
    y = rows.y.reshape(len(rows), -1) > 0.5
    counts = np.ones(len(y)) if rows.weights is None else rows.weights
    held = [(y[valid], counts[valid] > 0) for _, valid in data.pairs]
    good = [
        i for i, (labels, real) in enumerate(held)
        if (labels[real].any(0) & (~labels[real].all(0) | (metric.sums != ROC))).any()
    ]  # fmt: skip
    if len(good) < len(held):
        lacking = f"{len(held) - len(good)} of {len(held)} splits"
        if not good:
            raise ValueError(
                f"{objective!r} needs validation rows of both classes, of which {lacking} lack "
                "one. Take objective='val_loss', or other validation rows."
            )
        warn(
            f"{objective!r} needs validation rows of both classes, of which {lacking} lack one. "
            "They are left out; the score is the mean over the others."
        )
    return [data.pairs[i] for i in good]


def splits_with_scores(data, objective, metric):
    """The splits of `data` in which a scorer is defined, tried with constant predictions."""
    units, rows, good = data.problem.units, data.rows, []
    for pair in data.pairs:
        held = rows.take(pair[1])
        made, constant = metric(), np.full((len(held), units), 1 / max(2, units), "float32")
        made.update_state(held.y, constant, held.weights)
        good += [pair] if np.isfinite(made.result()) else []
    if not good:
        raise ValueError(
            f"{objective!r} must be defined for some validation rows. Received: {len(data.pairs)} "
            "splits without a score. Take objective='val_loss', or other validation rows."
        )
    if len(good) < len(data.pairs):
        lacking = f"{len(data.pairs) - len(good)} of {len(data.pairs)} splits"
        warn(f"{objective!r} is not defined in {lacking}, which are left out of the mean.")
    return good
