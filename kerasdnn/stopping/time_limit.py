"""End training in time, with schedules that end when it ends.

The first epochs of a network are measured. If all of its epochs fit in the time, training goes on.
Else, where a schedule ends with the last epoch, the network is trained again from its start for as
many epochs as fit: it then equals the one of `epochs=...`, whose learning rate reaches its end.
Without such a schedule training stops before the epoch that would be too late.
"""

import time

import keras

from ..training.device_data import FLOPS

MEASURED = 0.02  # fraction of the time that measuring takes, at least `LEAST` epochs
LEAST, MOST = 2, 12  # epochs that are measured
SPARE = 0.9  # fraction of the time that a plan fills
REST = 0.05  # fraction of the time for what follows the last epoch


class TimeLimit:
    """The time of one `fit`.

    Args:
        seconds: positive float. None means no limit.
        began: float, when it began on the clock of `time.monotonic`. None means now.
    """

    def __init__(self, seconds, began=None):
        self.seconds = seconds
        self.began = time.monotonic() if began is None else began

    def spent(self):
        return time.monotonic() - self.began

    def left(self):
        return self.seconds - self.spent()


class EndInTime(keras.callbacks.Callback):
    """Stops training before the time is over.

    Args:
        limit: `TimeLimit` with seconds.
        epochs: int, that the network is to be trained for.
        rows: int, that it is trained on.
        runs: float, trainings of this length that are still to come, this one included.
        scheduled: bool, whether it can be trained again, for fewer epochs.

    Attributes:
        plan: int, the epochs to train again for; None where training may end as it is.
        stopped: bool, whether it stopped training for good.
        seconds_per_epoch: float, as measured.
    """

    def __init__(self, limit, epochs, rows, runs, scheduled):
        super().__init__()
        self.limit, self.epochs, self.rows = limit, epochs, rows
        self.runs, self.scheduled = runs, scheduled
        self.plan, self.stopped, self.ends = None, False, []
        self.seconds_per_epoch = float("nan")

    def on_train_begin(self, logs=None):
        self.began = self.limit.spent()
        self.end = self.began + self.limit.left() / self.runs  # the share of this network

    def on_epoch_end(self, epoch, logs=None):
        now = self.limit.spent()
        self.ends.append(now)
        first, done, remaining = self.ends[0] - self.began, len(self.ends), self.end - now
        if done == self.epochs:
            return
        if done == 1:  # the first epoch includes compilation
            seconds = 5 * 6 * self.model.count_params() * self.rows / FLOPS  # a cautious guess
            if remaining < min(first, seconds):
                self.stop()
            return
        each = self.seconds_per_epoch = (now - self.ends[0]) / (done - 1)
        measured = now - self.began > MEASURED * self.limit.seconds or done == MOST
        if self.scheduled and done >= LEAST and measured:
            self.scheduled = False  # decide once
            if (self.epochs - done) * each > SPARE * remaining:
                fit = int((SPARE * remaining - max(0, first - each)) / each)
                if fit >= 1:
                    self.plan, self.model.stop_training = fit, True
                    return
        if remaining < each + REST * self.limit.seconds:
            self.stop()

    def stop(self):
        self.stopped = self.model.stop_training = True
