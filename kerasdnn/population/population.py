"""Population: many networks trained by one compiled function.

The weights of the members are stacked, so that a step of a hundred small networks is a few large
matrix products instead of hundreds of small ones. The docstring of the package says what each file
contains.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from ..checks.fit import check_order, check_rows, column_names
from ..core.arguments import check_choice, check_integer, check_interval, is_number
from ..core.messages import invalid
from ..core.readable import Description, Readable
from ..core.rows import Rows
from ..factories import build_for
from ..heads.head import Head
from ..heads.metrics import better
from ..heads.problem_types import key_of, make_problem
from ..hyperparameters import FIT, check
from ..training.device_data import MEMORY_FRACTION, available_cores, device_memory
from ..training.network import Network
from . import member_state as files
from .history import STATUS, TrainingHistory, check_monitor
from .member_rows import as_checkable, as_x, read_member_rows
from .member_state import initial_progress
from .members import initial_weights, read_members
from .optimizer_rules import slots_of
from .stack_manager import StackManager


class Population(Readable):
    """Networks with different hyperparameters, trained together.

    Args:
        members: list of dicts, one per network, with hyperparameters of `build_classifier` and
            similar functions: `hidden_units`, `activation` (a name), `optimizer` ("sgd",
            "momentum", "nag", "adagrad", "rmsprop", "adam", or an instance or config of one of
            these), `learning_rate`, `momentum`, `dropout`, `l2`, `batch_norm`, `label_smoothing`,
            `prior`, `seed`; and of `fit`: `batch_size`, `epochs`. What a member leaves out has its
            default there; `batch_size` and `epochs` are those of `fit`.
        n_features: int, at least 1, columns of X.
        problem: str, a key of `HEADS` ("binary", "multiclass", "multilabel", "regression",
            "huber", "log_cosh", "positive", "count", "normal", "negative_binomial", "ordinal", or a
            row that was added), or a `Head`.
        n_outputs: int, number of classes, labels or columns of y; 1 for "binary". Default: 1.
        one_hot: bool, y of a "multiclass" problem has one column per class. Default: False.
        seed: int, non-negative; members without a seed get `seed`, `seed + 1`, ... None means a
            random seed.
        memory_limit: positive number of bytes that stacked members may take at a time. None means
            0.4 of the device's memory.
        jit_compile: bool, whether XLA compiles the steps, or "auto" (default), which compiles them
            where there are enough steps to make up for the seconds that takes.

    Attributes:
        history: DataFrame, a row per member and epoch: `member`, `epoch` (1-based), `loss`,
            `val_loss`, and `val_` with each metric of the problem type.
        best_epochs: int array (members,), the epoch with the best `monitor`, 0 before any.
        best_scores: float array (members,), its value there; NaN before any.
        status: list of str, one per member: "training", "stopped", "early" (early stopping),
            "diverged" (the loss is not finite) or "finished".

    Raises:
        ValueError: a member that `build_classifier` and similar functions would reject; as
            `core.arguments.Unstackable`, one that is valid but cannot be stacked (an activation
            that is not a name, another optimizer, a learning-rate schedule, a custom loss): train
            it by `Network.fit`.

    Example:
        import numpy as np
        from kerasdnn import Population

        rng = np.random.default_rng(0)
        X, X_valid = rng.normal(size=(200, 30)), rng.normal(size=(50, 30))
        y, y_valid = X[:, 0] > 0, X_valid[:, 0] > 0
        members = [{"hidden_units": (16,) * depth, "optimizer": "nag", "learning_rate": rate}
                   for depth in (1, 2) for rate in (0.01, 0.1)]
        population = Population(members, n_features=30, problem="binary", seed=0)
        population.fit(X, y, epochs=5, validation_data=(X_valid, y_valid))
        population.best_scores.argmin()
        network = population.member(3, best=True)
    """

    def __init__(
        self,
        members: Sequence[Mapping[str, Any]],
        n_features: int,
        *,
        problem: str | Head,
        n_outputs: int = 1,
        one_hot: bool = False,
        seed: int | None = None,
        memory_limit: float | None = None,
        jit_compile: bool | str = "auto",
    ):
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                "`Population` needs Keras on TensorFlow. Received: the backend "
                f"{keras.backend.backend()!r}. Train the networks by `Network.fit`."
            )
        if jit_compile not in ("auto", True, False):
            raise invalid("jit_compile", "must be 'auto', True or False", jit_compile)
        self.problem = make_problem(problem, n_features, n_outputs, one_hot)
        self.members = read_members(members, self.problem, seed)
        memory_limit = MEMORY_FRACTION * device_memory() if memory_limit is None else memory_limit
        if not is_number(memory_limit) or not memory_limit > 0:
            raise invalid("memory_limit", "must be a positive number of bytes", memory_limit)
        cores = 1 if tf.config.list_logical_devices("GPU") else available_cores()
        weights = initial_weights(self.members, self.problem)
        progress = [initial_progress(m, w) for m, w in zip(self.members, weights, strict=True)]
        self._stacks = StackManager(
            self.problem, self.members, progress, cores, memory_limit, jit_compile
        )
        self._history = TrainingHistory(len(self.members), self.problem.head)
        self._blank = build_for(self.problem, hidden_units=(1,), seed=0)  # to check data against

    def __len__(self) -> int:
        return len(self.members)

    @property
    def history(self) -> pd.DataFrame:
        """A row per member and epoch; see the class."""
        return self._history.frame()

    @property
    def best_epochs(self) -> np.ndarray:
        """The best epoch of each member; see the class."""
        return self._history.best_epochs.copy()

    @property
    def best_scores(self) -> np.ndarray:
        """The value of `monitor` in the best epoch of each member; see the class."""
        return self._history.best_scores.copy()

    @property
    def status(self) -> list[str]:
        """How far the training of each member is; see the class."""
        return [STATUS[code] for code in self._history.status]

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        batch_size: int | str = 32,
        sample_weight: Any = None,
        rows: Any = None,
        validation_rows: Any = None,
        validation_data: tuple | None = None,
        monitor: str | None = None,
        patience: int | None = None,
        schedule: Callable[[int], float] | None = None,
        on_epoch: Callable | None = None,
        verbose: int = 0,
    ) -> pd.DataFrame:
        """Train every member that has not stopped up to epoch `epochs`.

        A second call continues where the first one ended; nothing is compiled or initialized
        again.

        Args:
            X: array (rows, n_features).
            y: array as the network of `problem` takes it.
            epochs: int, at least 1, the last epoch, as in Keras; a member's own `epochs` replaces
                it. Default: 1.
            batch_size: int or "full", for members without one of their own. Default: 32.
            sample_weight: (rows,), or (members, rows) with row weights for each member. None means
                1 for every row.
            rows: training rows: int positions in X, or a list of such arrays, one per member; a row
                may be repeated (bootstrap). None means those that are not in the validation set.
            validation_rows: validation set, likewise: one array, or one per member.
            validation_data: (X, y) or (X, y, sample_weight), instead of `validation_rows`.
            monitor: "val_loss" or "val_" and a metric of the problem type, or "loss": selects the
                best epoch. None means "val_loss" with a validation set, else "loss".
            patience: int, non-negative, epochs without an improvement after which a member stops,
                as in `keras.callbacks.EarlyStopping`. None means never.
            schedule: function from an epoch (0-based) to a factor of every learning rate in it, at
                least 0. None means 1.
            on_epoch: called as `on_epoch(population, epoch, logs)` after each epoch (1-based); logs
                is a dict from a column of `history` to a float array (members,), NaN for members
                that do not train. It may call `stop`. None means nothing is called.
            verbose: 1 prints a line with epochs, members and the best score. Default: 0.

        A member sees its rows in the order in which `Network.fit` with its seed would visit
        `X[rows]`. Dropout has random numbers of its own, a function of the member's seed and step.
        `val_loss` is the loss of the problem type, without l2 and label smoothing and as a weighted
        mean, so that members that differ in these compare. `loss` is what is minimized, as in
        Keras.

        Returns:
            `history`.

        Raises:
            ValueError: data that `Network.fit` would reject, or rows out of range.
        """
        epochs = check_integer("epochs", epochs)
        patience = None if patience is None else check_integer("patience", patience, 0)
        batch_size = check({"batch_size": batch_size}, FIT, "fit()")["batch_size"]
        data = Rows(X, y, sample_weight)
        table = read_member_rows(
            self._blank, self.problem, len(self), data, rows, validation_rows, validation_data
        )
        check_order(X, self._blank.column_names, "X")
        self._blank.column_names = column_names(X)
        monitor = check_monitor(monitor, self.problem, table.validation is not None)
        self._monitor = monitor
        history = self._history
        last = np.array([min(epochs, m.epochs) if m.epochs else epochs for m in self.members])
        waiting = history.status == STATUS.index("finished")
        history.set_status(waiting & (history.done < last), "training")
        batches = self._batch_sizes(table, batch_size)
        training = history.training() & (history.done < last)
        self._stacks.add_unassigned(training, table, batches, last)
        ends = [m.epochs for m in self.members]

        with ThreadPoolExecutor(self._stacks.cores) as pool:
            while (trains := history.training() & (history.done < last)).any():
                epoch = int(history.done[trains].min())
                trains &= history.done == epoch
                factor = 1.0 if schedule is None else check_factor(schedule(epoch))
                logs = self._stacks.epoch(pool, table, trains, factor)
                self._stacks.keep_best(history.record(epoch, trains, logs, monitor, patience))
                if verbose:
                    line = history.line(epoch, last.max(), trains.sum(), monitor)
                    print(f"\r{line:<78}", end="", flush=True)
                if on_epoch is not None:
                    on_epoch(self, epoch + 1, logs)
                self._stacks.drop(history.finished(ends))
                self._stacks.compile_if_worth()
        if verbose:
            print()
        history.set_status(history.training() & (history.done >= last), "finished")
        return self.history

    def _batch_sizes(self, table, batch_size):
        longest, sizes = max(map(len, table.train)), {}
        for i, member in enumerate(self.members):
            size = batch_size if member.batch_size is None else member.batch_size
            sizes[i] = len(table.train[i]) if size == "full" else min(size, longest)
        return sizes

    def stop(self, member: int) -> None:
        """Stop training a member. Once half of a group has stopped, the rest is regrouped.

        Args:
            member: int, position among the members.
        """
        member = self._number(member)
        if self._history.training()[member] or self.status[member] == "finished":
            self._history.set_status(member, "stopped")

    def curves(self, name: str = "val_loss") -> np.ndarray:
        """Return a column of `history` as an array.

        Args:
            name: str, "loss", "val_loss" or "val_" and a metric. Default: "val_loss".

        Returns:
            float array `(members, epochs)`, NaN where a member was not trained.
        """
        check_choice("name", name, self._history.columns)
        return self._history.columns[name].T.copy()

    def predict(
        self, X: Any, best: bool = False, members: Sequence[int] | None = None
    ) -> np.ndarray:
        """Predict with every member.

        Args:
            X: float array or DataFrame `(rows, n_features)`; columns are matched by the names that
                `fit` has seen last, if it has seen any.
            best: bool, True uses the weights of each member's best epoch. Default: False.
            members: list of int, positions of the members that predict. None means all of them.

        Returns:
            float32 `(members, rows, outputs)`.
        """
        members = range(len(self)) if members is None else [self._number(i) for i in members]
        X = check_rows(self._blank, as_checkable(X), self._blank.column_names)
        return self._stacks.predict(as_x(X), best, list(members))

    def member(self, i: int, best: bool = False) -> Network:
        """Return member `i` as a compiled `Network`, optimizer state included.

        Args:
            i: int, position among the members.
            best: bool, True uses the weights of its best epoch (and the latest optimizer state).
                Default: False.

        Returns:
            Compiled `Network`.

        Raises:
            ValueError: `best` of a member whose weights were never finite.
        """
        i = self._number(i)
        member, progress = self.members[i], self._stacks.progress_of(i)
        settings = {k: v for k, v in member.given.items() if k not in ("batch_size", "epochs")}
        weights = self.get_weights(i, best)
        if best and not all(np.isfinite(weight).all() for weight in weights):
            rule = "must be one with a best epoch: this one diverged before any"
            raise invalid("member", rule, i, "`status` and `best_epochs` show which have one.")
        network = build_for(self.problem, **settings)
        network.set_weights(weights)
        network.column_names = self._blank.column_names
        optimizer = network.optimizer
        optimizer.build(network.trainable_variables)
        optimizer.iterations.assign(progress.steps)
        for variables, arrays in zip(slots_of(optimizer, member.rule), progress.slots, strict=True):
            for variable, array in zip(variables, arrays, strict=True):
                if variable is not None:  # Muon has one state variable per kernel
                    variable.assign(array)
        return network

    def get_weights(self, i: int, best: bool = False) -> list[np.ndarray]:
        """Return the weights of member `i` as `Network.set_weights` takes them.

        Args:
            i: int, position among the members.
            best: bool, True returns the weights of its best epoch. Default: False.

        Returns:
            list of float32 arrays.
        """
        i = self._number(i)
        member, progress = self.members[i], self._stacks.progress_of(i)
        current = progress.weights + progress.moving
        current = progress.best if best and progress.best is not None else current
        weights, moving = current[: len(progress.weights)], current[len(progress.weights) :]
        if not member.batch_norm:
            return weights
        ordered = []
        for layer in range(len(member.hidden_units)):
            ordered += weights[3 * layer : 3 * layer + 3] + moving[2 * layer : 2 * layer + 2]
        return ordered + weights[-2:]

    def _number(self, i):
        if not is_number(i) or i != int(i) or not 0 <= i < len(self):
            raise invalid("member", f"must be a number from 0 to {len(self) - 1}", i)
        return int(i)

    def member_state(self, i: int) -> dict[str, np.ndarray]:
        """Return everything about a member that training changes.

        `load_member_state` of any population loads it into a member with the same layer sizes.

        Args:
            i: int, position among the members.

        Returns:
            dict of arrays.
        """
        i = self._number(i)
        own = {name: array[..., i] for name, array in self._history.arrays().items()}
        return files.progress_arrays([self._stacks.progress_of(i)]) | own

    def load_member_state(self, i: int, state: Mapping[str, np.ndarray]) -> None:
        """Let a member continue from the state that `member_state` returned.

        Args:
            i: int, position among the members.
            state: dict of arrays.
        """
        i = self._number(i)
        (progress,) = files.progress_from(state, [self._stacks.progress_of(i)])
        self._stacks.set_progress(i, progress)
        self._history.load_member(i, state)

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that training changes.

        After `load_state`, training continues bit for bit as if it had not been interrupted.

        Returns:
            dict of arrays.
        """
        return self._stacks.arrays() | self._history.arrays()

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the state that `state` of a population with the same members returned.

        Args:
            state: dict of arrays.
        """
        self._stacks.load_arrays(state)
        self._history.load_arrays(state)

    def save(self, path: str | Path) -> None:
        """Write members and state to one file atomically: npz with a part of JSON.

        Args:
            path: str or Path.

        Raises:
            ValueError: the problem type is not a row of `HEADS`.
        """
        about = {
            "members": [m.given for m in self.members],
            "n_features": self.problem.n_features,
            "problem": key_of(self.problem.head),
            "n_outputs": self.problem.n_outputs,
            "one_hot": self.problem.one_hot,
        }
        files.write(path, about, self.state())

    @classmethod
    def load(cls, path: str | Path, **settings: Any) -> "Population":
        """Load the population in a file that `save` wrote.

        Args:
            path: str or Path.
            **settings: `memory_limit` and `jit_compile`, as in the constructor.

        Returns:
            `Population`.

        Raises:
            ValueError: the file is damaged or was not written by `save`.
        """
        with files.reading(path) as (about, arrays):
            population = cls(about.pop("members"), **about, **settings)
            population.load_state(arrays)
        return population

    _monitor: str | None = None  # by which `fit` has selected the best epochs

    def _describe(self):
        """What prints: the best member, how many there are and how they stopped, the first ones."""
        status, scores = pd.Series(self.status), self.best_scores
        counts = ", ".join(f"{count:,} {name}" for name, count in status.value_counts().items())
        problem = self.problem
        lines = [f"{len(self):,} networks: {counts}."]
        table = pd.DataFrame([member.given for member in self.members])
        table.insert(0, "member", range(len(self)))
        known = np.isfinite(scores)
        if known.any() and self._monitor is not None:
            smaller = better(self._monitor.removeprefix("val_"), problem.head) == "min"
            order = np.argsort(scores if smaller else -scores, kind="stable")  # NaN comes last
            first = int(order[0])
            lines.insert(
                0,
                f"The best {self._monitor} is {scores[first]:.4g}, of member {first} in epoch "
                f"{self.best_epochs[first]}.",
            )
            lines.append(
                f"{'Smaller' if smaller else 'Larger'} is better. {self._history.done.max()} "
                "epochs at most."
            )
            table["best_epoch"], table[f"best_{self._monitor}"] = self.best_epochs, scores
            table = table.assign(status=status).iloc[order].reset_index(drop=True)
        title = (
            f"Population for {problem.name or 'a custom'} problem, {problem.n_features} features"
        )
        return Description(title, lines, [("Members", table)])


def check_factor(value):
    """What a schedule returned, as a float."""
    return check_interval("schedule", value, "[0, inf)", "It returns a factor, such as 0.5.")
