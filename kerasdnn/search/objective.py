"""Compute the objective of a search from predictions: one number per network.

It is the loss, a metric of the problem type, or a scorer, which `with_objective` makes a metric.

The loss is the head's own, without regularization and label smoothing, so that trials that differ
in these compare.
"""

from dataclasses import replace

import numpy as np

from ..core.messages import invalid
from ..heads.loss import mean_loss
from ..stopping.scores import Scored, find_monitor
from ..tables.targets.classes import ClassTarget, LabelTarget
from ..tables.targets.numbers import NumberTarget


def check_comparable(objective, losses):
    """Raise a ValueError where networks would be compared by losses that differ.

    Args:
        objective: str.
        losses: the `loss` of each network, None for that of the problem type.
    """
    if objective == "val_loss" and len(set(losses)) > 1:
        remedy = "Pass a metric that all networks report, such as 'val_mae' or 'val_accuracy'."
        rule = "must not be the loss where the networks minimize different losses"
        raise invalid("objective", rule, objective, remedy)


def find_objective(settings, head):
    """The objective of checked `SearchSettings`.

    Returns:
        (`stopping.scores.Monitor`, settings with its name and its direction).
    """
    value = settings.measured if settings.scorer is None else settings.scorer
    monitor = find_monitor(value, head, "objective", "val_")
    if isinstance(settings.oracle, str):
        settings = settings.replace(objective=monitor.column, direction=monitor.direction)
    return monitor, settings


def with_objective(data, monitor, estimator, target=None):
    """`SearchData` whose problem has the objective among its metrics.

    Args:
        data: `SearchData`.
        monitor: `stopping.scores.Monitor`.
        estimator: `DNNClassifier` or `DNNRegressor`, whose like a scorer asks for predictions.
        target: target of `tables/targets/` that has encoded y. None makes one for numbers that
            are the target of the network as they are.
    """
    head = data.problem.head
    if monitor.scorer is None:
        return data
    own = target_of(data.problem, data.rows.y) if target is None else target

    def from_network(y):
        if head.kind == "class":
            return indices(head, y)
        y = y.reshape(len(y), -1)
        return y if target is None or head.kind == "labels" else decoded(target, y)

    metric = Scored(monitor, estimator, own, argument="objective").metric(from_network)
    scored = replace(head, metrics={**head.metrics, monitor.name: metric})
    return data.replace(problem=replace(data.problem, head=scored))


def decoded(target, y):
    """Numbers as the network takes them, in their own units; classes of several columns stay."""
    if target.head.kind == "mixed":
        found = y.astype("float64")
        for k, own in target.numbers:
            found[:, k] = np.ravel(own.from_network(y[:, k : k + 1]))
        return found
    return target.from_network(y).reshape(len(y), -1)


def target_of(problem, y):
    """The target of numbers that are not encoded."""
    if problem.kind == "class":
        target = ClassTarget(np.arange(max(2, problem.n_outputs)))
    elif problem.kind == "labels":
        target = LabelTarget(np.arange(problem.n_outputs))
    else:
        target = NumberTarget(problem.head, problem.n_outputs, flat=np.ndim(y) == 1)
    target.head = problem.head
    return target


def score(objective, head, y, prediction, weights=None):
    """Compute `objective` of a prediction.

    Args:
        objective: "val_loss" or "val_" and a metric of the head.
        head: `heads.Head`.
        y: (rows,) or (rows, outputs) as the network takes it.
        prediction: (rows, outputs).
        weights: (rows,), row weights. None means 1 for every row.

    Returns:
        float, a weighted mean over the rows; NaN where the prediction is not finite.
    """
    name = objective.removeprefix("val_")
    p = np.asarray(prediction, "float64")
    if not np.isfinite(p).all():
        return float("nan")
    y = np.asarray(y)
    if name == "loss":
        return mean_loss(head, y, p, weights)
    metric = head.metrics[name]
    if metric.sums in PER_ROW:
        value = float(np.average(PER_ROW[metric.sums](head, y, p), weights=weights))
        return value**0.5 if metric.sums == ("squared",) else value
    if metric.scorer:
        made = metric()
        made.update_state(y, p, weights)
        return float(made.result())
    target = y.astype("float32").reshape(len(p), -1)
    if metric.sums in (ROC, PRECISION_RECALL):
        return area(metric, target, p, weights)
    made = metric()
    made.update_state(target, p.astype("float32"), sample_weight=weights)
    return float(np.mean(made.result()))


ROC, PRECISION_RECALL = ("yes", "no"), ("yes", "all")


def area(metric, target, p, weights):
    """Average the areas of the labels that have one; NaN if none has, where Keras returns 0."""
    real = np.ones(len(target), bool) if weights is None else np.asarray(weights) > 0
    yes = target[real] > 0.5
    areas = []
    for k in np.flatnonzero(yes.any(0) & ~(yes.all(0) & (metric.sums == ROC))):
        made = metric()
        columns = target[:, k : k + 1], p[:, k : k + 1].astype("float32")
        made.update_state(*columns, sample_weight=weights)
        areas.append(float(made.result()))
    return float(np.mean(areas)) if areas else float("nan")


def hits(head, y, p):
    """1 for a correct prediction, 0 for a wrong one; with labels, the fraction of correct ones."""
    if head.per_class:
        return (p.argmax(axis=1) == indices(head, y)).astype("float64")
    return ((p > 0.5) == (y.reshape(p.shape) > 0.5)).mean(axis=1)


def in_top_5(head, y, p):
    return (p > p[np.arange(len(p)), indices(head, y)][:, None]).sum(axis=1) < 5


def indices(head, y):
    return y.argmax(axis=1) if head.one_hot else y.reshape(-1).astype("int64")


# What the metrics that are means over rows make of a row, by their `heads.Metric.sums`.
PER_ROW = {
    ("absolute",): lambda head, y, p: np.abs(p - y.reshape(p.shape)).mean(axis=1),
    ("squared",): lambda head, y, p: ((p - y.reshape(p.shape)) ** 2).mean(axis=1),
    ("hits",): hits,
    ("top_5",): in_top_5,
}
