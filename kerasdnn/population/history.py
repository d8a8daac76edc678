"""Record the epochs of all members, find their best epochs and apply early stopping."""

import numpy as np
import pandas as pd

from ..core.arguments import check_choice
from ..core.messages import invalid
from ..heads.metrics import better

STATUS = ("training", "stopped", "early", "diverged", "finished")
PER_MEMBER = ("done", "status", "best_epochs", "best_scores")


def check_monitor(monitor, problem, has_validation):
    """Return the column that selects the best epoch; None means "val_loss", or else "loss"."""
    if monitor is None:
        return "val_loss" if has_validation else "loss"
    names = ["loss", *problem.head.metric_names(problem.n_outputs)]
    check_choice("monitor", monitor, ["loss", *(f"val_{name}" for name in names)])
    if monitor != "loss" and not has_validation:
        remedy = "Pass `validation_rows` or `validation_data`, or monitor='loss'."
        raise invalid("monitor", "needs a validation set", monitor, remedy)
    return monitor


class TrainingHistory:
    """What training has recorded of `count` members.

    Attributes:
        done: int array (members,), epochs done.
        status: int array (members,), positions in `STATUS`.
        best_epochs, best_scores: (members,), 0 and NaN before any epoch.
        columns: dict from a name to a float array (epochs, members), NaN where not trained.
    """

    def __init__(self, count, head):
        self.head = head
        self.done = np.zeros(count, "int32")
        self.status = np.zeros(count, "int32")
        self.best_epochs = np.zeros(count, "int32")
        self.best_scores = np.full(count, np.nan)
        self.columns = {}

    def sign(self, monitor):
        """-1 where less of `monitor` is better, else 1."""
        return -1 if better(monitor.removeprefix("val_"), self.head) == "min" else 1

    def training(self):
        return self.status == STATUS.index("training")

    def set_status(self, members, name):
        self.status[members] = STATUS.index(name)

    def record(self, epoch, trained, logs, monitor, patience):
        """Record the results of an epoch and stop members that have diverged or lost patience.

        Args:
            epoch: int, 0-based.
            trained: bool (members,), those that trained in it.
            logs: dict from a column to a float array (members,).
            monitor: str, the column that selects the best epoch.
            patience: int or None, see `Population.fit`.

        Returns:
            bool (members,), those for which it is the best epoch so far.
        """
        for name, values in logs.items():
            self._column(name, epoch + 1)[epoch, trained] = values[trained]
        self.done[trained] = epoch + 1
        sign, score = self.sign(monitor), logs[monitor]
        with np.errstate(invalid="ignore"):
            best = trained & np.isfinite(score) & np.isfinite(logs["loss"])
            best &= np.isnan(self.best_scores) | (sign * score > sign * self.best_scores)
        self.best_scores[best] = score[best]
        self.best_epochs[best] = epoch + 1
        going = trained & self.training()
        if patience is not None and epoch > 0:  # as Keras: 0 and 1 both stop at the first epoch
            waited = epoch + 1 - self.best_epochs  # that is not better, never at the first of all
            self.set_status(going & (waited >= max(1, patience)), "early")
        diverged = ~np.isfinite(logs["loss"]) | ~np.isfinite(logs.get("val_loss", logs["loss"]))
        self.set_status(going & diverged, "diverged")
        return best

    def _column(self, name, epochs):
        """The array of a column, extended with NaN to at least `epochs` rows."""
        column = self.columns.get(name, np.empty((0, len(self.done))))
        missing = np.full((max(0, epochs - len(column)), len(self.done)), np.nan)
        self.columns[name] = np.vstack([column, missing]) if len(missing) else column
        return self.columns[name]

    def line(self, epoch, epochs, running, monitor):
        """A line of progress."""
        scores = self.best_scores * self.sign(monitor)
        best = "none yet" if np.isnan(scores).all() else f"{abs(np.nanmax(scores)):.4g}"
        members = f"{running} of {len(self.done)} members"
        return f"epoch {epoch + 1}/{epochs}, {members}, best {monitor} {best}"

    def finished(self, last_epochs):
        """Which members train no more; `last_epochs`: the last epoch of each, None for open."""
        pairs = zip(last_epochs, self.done, strict=True)
        return ~self.training() | np.array([last is not None and n >= last for last, n in pairs])

    def frame(self):
        """A DataFrame with a row per member and epoch, sorted by both."""
        if not self.columns:
            return pd.DataFrame({"member": [], "epoch": [], "loss": []})
        members, epochs = np.nonzero(np.arange(len(self.columns["loss"])) < self.done[:, None])
        known = ~np.isnan([c[epochs, members] for c in self.columns.values()]).all(axis=0)
        known |= self.status[members] == STATUS.index("diverged")
        members, epochs = members[known], epochs[known]
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
        self.columns = {name: np.array(column) for name, column in columns_in(arrays)}

    def load_member(self, i, arrays):
        """Load one member from its part of `arrays()`."""
        for name in PER_MEMBER:
            vars(self)[name][i] = arrays[name]
        for name, values in columns_in(arrays):
            column = self._column(name, len(values))
            column[:, i] = np.nan
            column[: len(values), i] = values


def columns_in(arrays):
    start = "history/"
    return [(n.removeprefix(start), a) for n, a in arrays.items() if n.startswith(start)]
