"""Training that diverged: `Network.fit` warns of it, an estimator is not fitted by it."""

import keras
import numpy as np

from ..core.messages import invalid, warn


def warn_of_divergence(history):
    """Warn where the loss of an epoch is not finite.

    Args:
        history: `keras.callbacks.History`.

    Returns:
        `history`.
    """
    loss = np.asarray(history.history.get("loss", ()), dtype="float64")
    broken = np.flatnonzero(~np.isfinite(loss))
    if len(broken):
        first = broken[0]
        warn(
            f"Training should keep the loss finite. Received: {loss[first]} in epoch "
            f"{history.epoch[first] + 1}. Lower the learning rate ten times; "
            "`kerasdnn.health(network, X, y)` says more, and "
            "`keras.callbacks.TerminateOnNaN()` ends such a run at once."
        )
    return history


def reject_divergence(network, learning_rate):
    """Refuse a trained network that can only answer NaN.

    Raises:
        ValueError: a weight is not finite.
    """
    weights = map(keras.ops.convert_to_numpy, network.weights)
    if not all(np.isfinite(weight).all() for weight in weights):
        if learning_rate is None:
            learning_rate = float(network.optimizer.learning_rate)
        rule = "must be so small that the weights stay finite; training diverged"
        raise invalid("learning_rate", rule, learning_rate, "Lower it ten times.")
