"""Keep the weights of the best epoch, and stop training that no longer improves."""

import keras
import numpy as np

from ..heads import better, row_losses


def best_epoch_callback(monitor, patience):
    """Make the callback that restores the weights of the best epoch and stops early.

    Args:
        monitor: `scores.Monitor`.
        patience: int, epochs without an improvement after which training stops.
    """
    if monitor.name == "loss":
        return keras.callbacks.EarlyStopping(
            "val_loss", patience=patience, restore_best_weights=True
        )
    return BestEpoch(monitor.column, patience, monitor.direction)


class BestEpoch(keras.callbacks.EarlyStopping):
    """Early stopping that restores the weights of the best epoch, among equal ones the last.

    An error rate takes few values, therefore many epochs tie. The last of them has trained longest
    at a falling learning rate.

    Args:
        monitor: str, name of a column of the history.
        patience: int, epochs without a better or an equal one after which training stops.
        direction: "min" or "max". None means as the name says.
    """

    def __init__(self, monitor, patience, direction=None):
        mode = direction or better(monitor.removeprefix("val_"))
        self.falls = mode == "min"
        super().__init__(monitor, patience=patience, mode=mode, restore_best_weights=True)

    def _is_improvement(self, value, best):
        if best is None:
            return value == value  # not NaN
        return value <= best if self.falls else value >= best


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


def cross_selected(head, outputs, y, weights=None):
    """For each row the output of the epoch that has the lowest loss on the other half of the rows.

    The loss of the rows that select an epoch is too low, the more so the fewer they are. The half
    that a row belongs to is drawn at random.

    Args:
        head: `Head`.
        outputs: list of `(rows, outputs)`, one per epoch.
        y: as the network takes it.
        weights: float `(rows,)`, or None.

    Returns:
        float64 `(rows, outputs)`; None where the loss is not a number per row.
    """
    losses = np.array([row_losses(head, y, output) for output in outputs], "float64")
    rows = len(outputs[0])
    losses = losses.reshape(len(outputs), -1)
    if losses.shape[1] != rows or rows < 2:
        return None
    losses = np.where(np.isfinite(losses), losses, np.inf)
    found = np.empty(outputs[0].shape)
    first = np.random.default_rng(0).permutation(rows) < rows // 2
    for half in (first, ~first):
        means = np.average(losses[:, ~half], axis=1, weights=None if weights is None else
                           weights[~half])  # fmt: skip
        found[half] = outputs[int(means.argmin())][half]
    return found
