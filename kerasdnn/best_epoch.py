"""The weights of the best epoch, ties to the last."""

import keras


class BestEpoch(keras.callbacks.EarlyStopping):
    """Early stopping that keeps the weights of the best epoch; of equal ones the last.

    An error rate takes few values, so that many epochs tie. The last of them has trained longest
    at a falling learning rate.

    Args:
        monitor: name of a column of the history.
        patience: int, epochs without a better or an equal one after which training stops.
    """

    def __init__(self, monitor, patience):
        self.falls = monitor.endswith(("loss", "mae", "rmse"))
        mode = "min" if self.falls else "max"
        super().__init__(monitor, patience=patience, mode=mode, restore_best_weights=True)

    def _is_improvement(self, value, best):
        if best is None:
            return value == value  # not NaN
        return value <= best if self.falls else value >= best
