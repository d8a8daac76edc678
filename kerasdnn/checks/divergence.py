"""Detect training that diverged: a warning from `Network.fit`, an error from an estimator."""

import keras
import numpy as np

from ..core.messages import warn


def warn_of_divergence(history):
    """Warn if the loss of an epoch is NaN or infinite.

    Args:
        history: `keras.callbacks.History`.

    Returns:
        `history`.
    """
    loss = np.asarray(history.history.get("loss", ()), dtype="float64")
    broken = np.flatnonzero(~np.isfinite(loss))
    if len(broken):
        value = "NaN" if np.isnan(loss[broken[0]]) else "infinite"
        warn(
            f"The loss became {value} in epoch {history.epoch[broken[0]] + 1}. Divide the learning "
            "rate by 10; `kerasdnn.health(network, X, y)` may show the cause, and "
            "`keras.callbacks.TerminateOnNaN()` stops such a run at once."
        )
    return history


def reject_divergence(network, learning_rate):
    """Reject a trained network with a weight that is not finite.

    Args:
        network: `keras.Model`.
        learning_rate: float. None means that of the optimizer.

    Raises:
        ValueError: training diverged.
    """
    weights = map(keras.ops.convert_to_numpy, network.weights)
    if not all(np.isfinite(weight).all() for weight in weights):
        if learning_rate is None:
            learning_rate = float(network.optimizer.learning_rate)
        raise ValueError(
            f"Training diverged: some weights are NaN or infinite. {learning_rate=!r} is probably "
            f"too high; try {learning_rate / 10:.2g}."
        )
