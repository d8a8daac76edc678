"""Scores of predictions with 95% confidence intervals over the rows."""

import numpy as np
from scipy import stats

from ..heads.loss import row_losses

CONFIDENCE = 0.95


def scores_of(target, y, output, weights=None):
    """Loss, and accuracy or mean absolute error, each with its interval.

    Args:
        target: target of `tables/targets/`.
        y: array (rows,) or (rows, outputs), encoded by the target, in its own units.
        output: array (rows, outputs), the predictions in the units of y.
        weights: float array (rows,). None means 1 for every row.

    Returns:
        dict from name to `{"value", "low", "high"}`; without the loss where a custom loss returns
        one number for all rows.
    """
    head, found = target.head, {}
    if head.parts:
        for k, (name, (part, at)) in enumerate(zip(target.names, target, strict=True)):
            own = scores_of(part, target.of_column(k, y), output[:, at], weights)
            found |= {f"{name}_{key}": value for key, value in own.items()}
        return found
    losses = row_losses(head, y, output.astype("float32"))
    if losses.size == len(y):
        found["loss"] = mean_with_interval(losses.reshape(-1), weights)
    if head.kind == "class":
        guess = output.argmax(axis=1) if output.shape[1] > 1 else output[:, 0] > 0.5
        found["accuracy"] = share_with_interval(guess == np.asarray(y).reshape(-1), weights)
    elif head.kind == "labels":
        right = ((output > 0.5) == np.asarray(y)).mean(axis=1)
        found["binary_accuracy"] = mean_with_interval(right, weights)
    elif head.distribution is not None:
        errors = np.abs(output[:, 0] - np.reshape(y, -1))
        found["mean_absolute_error"] = mean_with_interval(errors, weights)
    elif not head.levels and output.size == np.size(y):
        errors = np.abs(output - np.reshape(y, output.shape)).mean(axis=1)
        found["mean_absolute_error"] = mean_with_interval(errors, weights)
    return found


def mean_with_interval(values, weights=None):
    """The weighted mean of a value per row with Student's interval.

    With weights w that sum to 1, the variance of the mean m is n / (n - 1) sum(w^2 (x - m)^2).
    """
    values, share = np.asarray(values, float), shares(values, weights)
    mean, n = float(share @ values), len(values)
    if n < 2:
        return {"value": mean, "low": None, "high": None}
    deviation = np.sqrt(n / (n - 1) * (share**2 @ (values - mean) ** 2))
    half_width = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * deviation)
    return {"value": mean, "low": mean - half_width, "high": mean + half_width}


def share_with_interval(right, weights=None):
    """The weighted share of rows that are right with Wilson's interval, within [0, 1].

    Weighted rows count as 1 / sum(w^2) rows, with weights w that sum to 1.
    """
    share = shares(right, weights)
    p, n = float(share @ np.asarray(right, float)), 1 / float(share @ share)
    z2 = stats.norm.ppf((1 + CONFIDENCE) / 2) ** 2
    center = (p + z2 / (2 * n)) / (1 + z2 / n)
    half_width = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low, high = max(0.0, center - half_width), min(1.0, center + half_width)
    return {"value": p, "low": float(low), "high": float(high)}


def shares(values, weights):
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    return weights / weights.sum()
