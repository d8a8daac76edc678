"""The objective of a search from predictions, in NumPy: one number per network.

The loss is the head's own, without regularisation and label smoothing: trials that differ in
these must be judged by the same measure.
"""

import numpy as np

from ..heads import head_of

EPSILON = 1e-7  # Keras clips probabilities to [1e-7, 1 - 1e-7] before the logarithm


def score(objective, problem, one_hot, y, prediction, weights=None):
    """`objective` of a prediction.

    Args:
        objective: "val_loss" or "val_" and a metric of the problem's head.
        y: `(rows,)` or `(rows, outputs)` as the network takes it.
        prediction: `(rows, outputs)`.
        weights: `(rows,)` or None; a weighted mean over the rows.

    Returns:
        float; NaN where the prediction holds one.
    """
    name = objective.removeprefix("val_")
    prediction = np.asarray(prediction, "float64")
    if not np.isfinite(prediction).all():
        return float("nan")
    if name in PER_ROW:
        return float(np.average(PER_ROW[name](problem, one_hot, y, prediction), weights=weights))
    if name == "rmse":
        return score("val_mse", problem, one_hot, y, prediction, weights) ** 0.5
    make = head_of(problem, one_hot).metrics[name]  # no mean over rows, such as AUC
    target = np.asarray(y, "float32").reshape(len(prediction), -1)
    if name in ("auc", "pr_auc"):
        return area(make, target, prediction, weights, name == "auc")
    metric = make()
    metric.update_state(target, prediction.astype("float32"), sample_weight=weights)
    return float(np.mean(metric.result()))


def area(make, target, prediction, weights, needs_both):
    """Mean area over the labels that have one, NaN where none has; Keras gives 0 for one class."""
    real = np.ones(len(target), bool) if weights is None else np.asarray(weights) > 0
    yes = target[real] > 0.5
    areas = []
    for k in np.flatnonzero(yes.any(0) & ~(yes.all(0) & needs_both)):
        metric = make()
        columns = target[:, k : k + 1], prediction[:, k : k + 1].astype("float32")
        metric.update_state(*columns, sample_weight=weights)
        areas.append(float(metric.result()))
    return float(np.mean(areas)) if areas else float("nan")


def losses(problem, one_hot, y, p):
    """The head's loss of each row."""
    if problem == "regression":
        return squared_errors(problem, one_hot, y, p)
    if problem == "count":
        y = y.reshape(p.shape)
        return (p - y * np.log(p + EPSILON)).mean(axis=1)
    p = np.clip(p, EPSILON, 1 - EPSILON)
    if problem == "multiclass":
        labels = y.argmax(axis=1) if one_hot else y.astype("int64")
        return -np.log(p[np.arange(len(p)), labels] / p.sum(axis=1))
    y = y.reshape(p.shape)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=1)


def hits(problem, one_hot, y, p):
    """1 where the answer is right; for labels the share of right ones."""
    if problem == "multiclass":
        labels = y.argmax(axis=1) if one_hot else y.astype("int64")
        return (p.argmax(axis=1) == labels).astype("float64")
    return ((p > 0.5) == (y.reshape(p.shape) > 0.5)).mean(axis=1)


def top_five(problem, one_hot, y, p):
    labels = y.argmax(axis=1) if one_hot else y.astype("int64")
    return (p > p[np.arange(len(p)), labels][:, None]).sum(axis=1) < 5


def squared_errors(problem, one_hot, y, p):
    return ((p - y.reshape(p.shape)) ** 2).mean(axis=1)


def absolute_errors(problem, one_hot, y, p):
    return np.abs(p - y.reshape(p.shape)).mean(axis=1)


PER_ROW = {
    "loss": losses,
    "accuracy": hits,
    "binary_accuracy": hits,
    "top_5_accuracy": top_five,
    "mse": squared_errors,
    "mae": absolute_errors,
}
