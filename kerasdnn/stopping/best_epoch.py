"""Keep the weights of the best epoch, and stop training that no longer improves."""

import keras

from ..heads.metrics import better


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
