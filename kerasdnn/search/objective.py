"""Compute the objective of a search from predictions: one number per network.

The loss is the head's own, without regularization and label smoothing, so that trials that differ
in these compare.
"""

import numpy as np

from ..core.messages import invalid
from ..heads import mean_loss


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
