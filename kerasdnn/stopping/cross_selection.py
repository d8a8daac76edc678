"""Predict each validation row at the epoch that other rows select.

The score of the rows that select an epoch is too good, the more so the fewer they are. Residuals
for prediction intervals are therefore those of `cross_selected`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ..core import keras_internals
from ..heads.head import Head
from ..heads.loss import row_losses
from ..heads.metrics import make_metrics
from .scores import Monitor, Scored

MAX_ROWS = 1_000  # of more validation rows, selecting an epoch changes no residuals


class EpochOutputs(keras.callbacks.Callback):
    """Keep what the network predicts for the validation rows after each epoch.

    Args:
        x: float32 `(rows, columns)`, what the network takes.
    """

    def __init__(self, x):
        super().__init__()
        self.x, self.outputs = x, []

    def on_epoch_end(self, epoch, logs=None):
        self.outputs.append(self.model.predict(self.x, verbose=0))


def crosses(estimator: Any, rows: Any) -> bool:
    """Whether validation rows are few, and the estimator takes residuals from them."""
    return getattr(estimator, "crosses_epochs", False) and len(rows) <= MAX_ROWS


def halves(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Two bool masks of a random division, which is the same for all networks."""
    first = np.random.default_rng(0).permutation(rows) < rows // 2
    return first, ~first


def cross_selected(outputs: Sequence[np.ndarray], score: Callable | None) -> np.ndarray | None:
    """For each row the output of the epoch that is the best on the other half of the rows.

    Args:
        outputs: list of `(rows, outputs)`, one per epoch.
        score: function of a bool mask of rows that returns a number per epoch, less is better; what
            `by_loss`, `by_metric` or `by_scorer` returns. Of equally good epochs the last counts,
            as in `best_epoch.BestEpoch`.

    Returns:
        float64 `(rows, outputs)`; None without a score, or where an output is missing.
    """
    rows = len(outputs[0])
    if score is None or rows < 2:
        return None
    found = np.empty(outputs[0].shape)
    for half in halves(rows):
        scores = np.asarray(score(~half), "float64")[::-1]
        best = len(outputs) - 1 - int(np.where(np.isfinite(scores), scores, np.inf).argmin())
        found[half] = outputs[best][half]
    return found


def by_loss(head: Head, outputs: Sequence[np.ndarray], y, weights=None) -> Callable | None:
    """The loss as a score of `cross_selected`; None where it is not a number per row."""
    losses = np.array([row_losses(head, y, output) for output in outputs], "float64")
    losses = losses.reshape(len(outputs), -1)
    if losses.shape[1] != len(outputs[0]):
        return None
    losses = np.where(np.isfinite(losses), losses, np.inf)
    return lambda rows: np.average(
        losses[:, rows], axis=1, weights=None if weights is None else weights[rows]
    )


def by_metric(
    monitor: Monitor, head: Head, n: int, outputs: Sequence[np.ndarray], y, weights=None
) -> Callable:
    """A metric that the network reports, as a score of `cross_selected`."""
    metric = keras_internals.compile_metrics(None, make_metrics(head, n, [monitor.name]))
    sign = 1 if monitor.direction == "min" else -1

    def score(rows):
        found = []
        for output in outputs:
            metric.reset_state()
            own = None if weights is None else weights[rows]
            metric.update_state(y[rows], output[rows].astype("float32"), sample_weight=own)
            [value] = metric.result().values()
            found.append(sign * float(value))
        return found

    return score


def by_scorer(scored: Scored, outputs: Sequence[np.ndarray], y, weights=None) -> Callable:
    """A scorer of scikit-learn as a score of `cross_selected`; y in its own units."""

    def score(rows):
        part = scored.of_rows(rows)
        own = None if weights is None else weights[rows]
        return [-part(output[rows], y[rows], own) for output in outputs]

    return score
