"""Who still trains: the history of all members, their best epochs, and patience."""

import numpy as np
import pandas as pd

from ..core.arguments import check_choice
from ..core.messages import invalid
from ..heads import better

STATUS = ("training", "stopped", "early", "diverged", "finished")
PER_MEMBER = ("done", "status", "best_epochs", "best_scores")


def direction(monitor):
    """-1 where less of `monitor` is better, else 1."""
    return -1 if better(monitor.removeprefix("val_")) == "min" else 1


def check_monitor(monitor, names, judged):
    """The column that decides on best epochs; "val_loss" or "loss" where none is named."""
    if monitor is None:
        return "val_loss" if judged else "loss"
    check_choice("monitor", monitor, ["loss", *names])
    if monitor != "loss" and not judged:
        remedy = "Pass `validation_rows` or `validation_data`, or monitor='loss'."
        raise invalid("monitor", "needs rows to judge by", monitor, remedy)
    return monitor


class Race:
    """What happened to `count` members so far.

    Attributes:
        done: int array (members,), epochs done.
        status: int array (members,), places in `STATUS`.
        best_epochs, best_scores: (members,), 0 and NaN before any.
        columns: dict from a name to a float array (epochs, members), NaN where not trained.
    """

    def __init__(self, count):
        self.done = np.zeros(count, "int32")
        self.status = np.zeros(count, "int32")
        self.best_epochs = np.zeros(count, "int32")
        self.best_scores = np.full(count, np.nan)
        self.columns = {}

    def training(self):
        return self.status == STATUS.index("training")

    def set_status(self, members, name):
        self.status[members] = STATUS.index(name)

    def record(self, epoch, ran, logs, monitor, patience):
        """Note the results of an epoch; returns which members were never better.

        Args:
            epoch: int from 0.
            ran: bool (members,), those that trained in it.
            logs: dict from a column to a float array (members,).
        """
        for name, values in logs.items():
            column = self.columns.get(name, np.empty((0, len(ran))))
            if len(column) <= epoch:
                more = np.full((epoch + 1 - len(column), len(ran)), np.nan)
                column = self.columns[name] = np.vstack([column, more])
            column[epoch, ran] = values[ran]
        self.done[ran] = epoch + 1
        sign, score = direction(monitor), logs[monitor]
        with np.errstate(invalid="ignore"):
            best = ran & np.isfinite(score) & np.isfinite(logs["loss"])
            best &= np.isnan(self.best_scores) | (sign * score > sign * self.best_scores)
        self.best_scores[best] = score[best]
        self.best_epochs[best] = epoch + 1
        still = ran & self.training()
        if patience is not None and epoch > 0:  # as Keras: 0 and 1 both end at the first that is
            waited = epoch + 1 - self.best_epochs  # not better, never with the first epoch of all
            self.set_status(still & (waited >= max(1, patience)), "early")
        gone = ~np.isfinite(logs["loss"]) | ~np.isfinite(logs.get("val_loss", logs["loss"]))
        self.set_status(still & gone, "diverged")
        return best

    def line(self, epoch, epochs, running, monitor):
        """A line of progress."""
        scores = self.best_scores * direction(monitor)
        best = "none yet" if np.isnan(scores).all() else f"{abs(np.nanmax(scores)):.4g}"
        members = f"{running} of {len(self.done)} members"
        return f"epoch {epoch + 1}/{epochs}, {members}, best {monitor} {best}"

    def gone(self, epochs):
        """Which members train no more; `epochs`: the last epoch of each, None for open."""
        ended = [
            last is not None and done >= last for last, done in zip(epochs, self.done, strict=True)
        ]
        return ~self.training() | np.array(ended)

    def history(self):
        """A row per member and epoch, sorted by both."""
        if not self.columns:
            return pd.DataFrame({"member": [], "epoch": [], "loss": []})
        members, epochs = np.nonzero(np.arange(len(self.columns["loss"])) < self.done[:, None])
        told = ~np.isnan([c[epochs, members] for c in self.columns.values()]).all(axis=0)
        told |= self.status[members] == STATUS.index("diverged")
        members, epochs = members[told], epochs[told]
        rows = {"member": members, "epoch": epochs + 1}
        rows |= {name: column[epochs, members] for name, column in self.columns.items()}
        return pd.DataFrame(rows)

    def arrays(self):
        found = {name: vars(self)[name] for name in PER_MEMBER}
        found |= {f"history/{name}": column for name, column in self.columns.items()}
        return {name: array.copy() for name, array in found.items()}

    def load_arrays(self, arrays):
        for name in PER_MEMBER:
            vars(self)[name] = np.array(arrays[name])
        self.columns = {
            name.removeprefix("history/"): np.array(column)
            for name, column in arrays.items()
            if name.startswith("history/")
        }

    def load_member(self, i, arrays):
        """What `arrays()` told of one member."""
        for name in PER_MEMBER:
            vars(self)[name][i] = arrays[name]
        history = {
            name.removeprefix("history/"): column
            for name, column in arrays.items()
            if name.startswith("history/")
        }
        for name, told in history.items():
            column = self.columns.get(name, np.empty((0, len(self.done))))
            missing = np.full((max(0, len(told) - len(column)), len(self.done)), np.nan)
            column = self.columns[name] = np.vstack([column, missing])
            column[:, i] = np.nan
            column[: len(told), i] = told
