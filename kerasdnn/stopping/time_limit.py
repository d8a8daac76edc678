"""Predict how long training takes, and end it in time, with schedules that end when it ends.

The first epochs of a network are measured. If all epochs of all networks fit in the time, training
goes on. Else networks are left out as long as each would have less than `FEWEST` of its epochs, and
the others share the time. Where a schedule ends with the last epoch, the first network is trained
again from its start for as many epochs as fit: it then equals the one of `epochs=...`, whose
learning rate reaches its end. Without such a schedule training stops before the epoch that would be
too late.
"""

import time

import keras

from ..training import compile_cache
from ..training.device_data import FLOPS
from ..training.network import Network
from ..training.size import duration

MEASURED = 0.02  # fraction of the time that measuring takes, at least `LEAST` epochs
LEAST, MOST = 2, 12  # epochs that are measured
SECONDS_MEASURED = 0.5  # without a limit
SPARE = 0.9  # fraction of the time that a plan fills
FEWEST = 0.5  # fraction of its epochs that each of several networks has at least; see docs/log.md
REST = 0.05  # fraction of the time for what follows the last epoch


class Predicted(Exception):
    """Not an error: ends a `fit` of which only the duration, in seconds, was asked for."""


class TimeLimit:
    """The time of one `fit`, and the prediction of it.

    Args:
        seconds: positive float. None means no limit.
        began: float, when it began on the clock of `time.monotonic`. None means now.
        verbose: bool, whether predictions are printed. Default: False.
        only: bool, whether training ends with the prediction. Default: False.

    Attributes:
        predicted: float, seconds that the `fit` takes, within the limit, as first predicted; None
            before that.
    """

    def __init__(self, seconds, began=None, verbose=False, only=False):
        self.seconds, self.verbose, self.only = seconds, verbose, only
        self.began = time.monotonic() if began is None else began
        self.predicted = None

    @classmethod
    def of(cls, estimator):
        """The limit of a `fit` of an estimator, which begins now."""
        only = getattr(estimator, "_only_estimates", False)
        return cls(estimator.time_limit, verbose=bool(estimator.verbose), only=only)

    @property
    def measures(self):
        """Whether epochs are to be measured."""
        return self.seconds is not None or self.verbose or self.only

    def spent(self):
        return time.monotonic() - self.began

    def left(self):
        return self.seconds - self.spent()

    def predict(self, left, text):
        """Tell how long the rest takes; the first prediction counts.

        Args:
            left: float, seconds.
            text: str, what they are spent on.

        Raises:
            Predicted: the prediction was all that was asked for.
        """
        if self.predicted is not None:
            return
        self.predicted = self.spent() + left
        if self.only:
            raise Predicted(self.predicted)
        if self.verbose:
            print(f"About {duration(self.predicted)}: {text}.")

    def report(self):
        """The prediction next to the time taken until now, as text."""
        if self.predicted is None:
            return ""
        return f" Predicted {duration(self.predicted)}, took {duration(self.spent())}."


class EndInTime(keras.callbacks.Callback):
    """Predicts the duration of training, and stops it before the time is over.

    Args:
        limit: `TimeLimit`.
        epochs: int, that the network is to be trained for.
        rows: int, that it is trained on.
        runs: float, trainings of this length that are still to come, this one included.
        scheduled: bool, whether it can be trained again, for fewer epochs.
        members: int, networks among these trainings that may be left out, but for this one.
            Default: 1.

    Attributes:
        members: int, the networks to train, this one included.
        plan: int, the epochs to train again for; None where training may end as it is.
        stopped: bool, whether it stopped training for good.
        seconds_per_epoch: float, as measured.
    """

    def __init__(self, limit, epochs, rows, runs, scheduled, members=1):
        super().__init__()
        self.limit, self.epochs, self.rows, self.runs = limit, epochs, rows, runs
        self.scheduled, self.members = scheduled, members
        self.plan, self.stopped, self.decided, self.ends = None, False, False, []
        self.seconds_per_epoch = float("nan")

    def on_train_begin(self, logs=None):
        self.began = self.limit.spent()
        if self.limit.seconds is not None:
            self.end = self.began + self.limit.left() / self.runs  # the share of this network

    def on_epoch_end(self, epoch, logs=None):
        now, limit = self.limit.spent(), self.limit
        self.ends.append(now)
        first, done = self.ends[0] - self.began, len(self.ends)
        if done == self.epochs:
            return
        if done == 1:  # the first epoch includes compilation
            seconds = 5 * 6 * self.model.count_params() * self.rows / FLOPS  # a cautious guess
            if limit.seconds is not None and self.end - now < min(first, seconds):
                self.stop()
            return
        each = self.seconds_per_epoch = (now - self.ends[0]) / (done - 1)
        enough = SECONDS_MEASURED if limit.seconds is None else MEASURED * limit.seconds
        if not self.decided and (now - self.began > enough or done == MOST):
            self.decided = True
            shares = isinstance(self.model, Network) and compile_cache.cache_key(self.model)
            self.decide(each, 0.0 if shares else max(0.0, first - each))
        if self.plan is None and limit.seconds is not None:
            late = self.end - now < each + REST * limit.seconds / self.runs
            if late and self.scheduled and self.members > 1:  # rather than a schedule without end
                self.leave_out_one()
                self.share(each)
            elif late:
                self.stop()

    def decide(self, each, compilation):
        """Choose how many networks are trained, and for how many epochs.

        Args:
            each: float, seconds per epoch.
            compilation: float, seconds before the first epoch of a further network.
        """
        limit, done = self.limit, len(self.ends)

        def seconds():
            return (self.epochs * self.runs - done) * each + (self.runs - 1) * compilation

        def that_fit():
            return int((SPARE * left / self.runs - compilation) / each)

        epochs, needed = self.epochs, seconds()
        if limit.seconds is not None:
            left = limit.left()
            while self.members > 1 and seconds() > SPARE * left:
                if that_fit() >= FEWEST * self.epochs:
                    break
                self.leave_out_one()
            needed = seconds()
            if self.scheduled and needed > SPARE * left and that_fit() >= 1:
                self.plan, self.model.stop_training = that_fit(), True
                epochs, needed = self.plan, self.runs * (self.plan * each + compilation)
            self.share(each)
            needed = min(needed, left)
        steps = (self.params or {}).get("steps")
        text = f"{epochs:,} epochs" + (f" of {steps:,} steps" if steps else "")
        limit.predict(needed, text + f", {self.members} networks" * (self.members > 1))

    def leave_out_one(self):
        self.runs -= self.runs / self.members
        self.members -= 1

    def share(self, each):
        """Set when this network ends: all of them get equal parts of the time."""
        done, left = len(self.ends) * each, self.limit.left()
        self.end = self.limit.spent() + (left + done) / self.runs - done

    def stop(self):
        self.stopped = self.model.stop_training = True
