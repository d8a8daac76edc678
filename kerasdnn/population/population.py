"""Population: many networks trained as one compiled program.

The weights of the members are stacked, so that a step of a hundred small networks is a few large
products instead of hundreds of tiny ones.

    population/members.py     what a member is: a dict in the factories' vocabulary
    population/member_rows.py        one resident table, and which rows a member trains on
    population/plan.py      which members are stacked together
    population/stack_manager.py    stacking, stacking anew, an epoch of all stacks
    population/stack.py      a stack on the device: members in, steps, members out
    population/member_state.py     arrays of members to padded tensors, and back
    population/stack.py   what training does not change of a stack
    population/forward.py    from weights and rows to outputs and losses
    population/train_steps.py    the program of many steps; nn/update_rules.py has the updates
    population/metrics.py     the loss and the metrics of the head, for all members at once
    population/history.py       best epochs, patience, who still trains
    population/member_state.py       the state as arrays, and the file
"""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from ..checks.fit import check_rows
from ..core.arguments import check_choice, check_integer, is_number
from ..core.messages import invalid
from ..training.device_data import MEMORY_FRACTION, available_cores, device_memory
from . import member_state as files
from .history import STATUS, Race, check_monitor
from .member_rows import as_x, read_population_rows
from .member_state import first_progress
from .members import check_batch_size, first_weights, make_task, read_members
from .metrics import metric_names
from .optimizer_rules import slots_of
from .stack_manager import Stacks


class Population:
    """Networks that differ in their hyperparameters, trained side by side.

    Args:
        members: list of dicts in the vocabulary of the factories, one per network:
            `hidden_units`, `activation` (a name), `optimizer` ("sgd", "momentum", "nag",
            "adagrad", "rmsprop", "adam", or an instance or config of one of these, which brings
            its own hyperparameters), `learning_rate`, `momentum`, `dropout`, `l2`, `batch_norm`,
            `label_smoothing`, `prior`, `seed`; and of `fit`: `batch_size`, `epochs`. What a member
            leaves out is the factory's default; `batch_size` and `epochs` are those of `fit`.
        n_features: int, columns of X.
        problem: "binary", "multiclass", "multilabel", "regression" or "count".
        n_outputs: int, classes, labels or columns of y; 1 for "binary".
        one_hot: bool, y of a "multiclass" problem has one column per class.
        seed: int, members without a seed of their own get `seed`, `seed + 1`, ... None draws one.
        memory_limit: bytes that stacked members may take at a time. Default: 0.4 of the device's
            memory.
        jit_compile: "auto" lets XLA compile the steps where there are enough of them to be worth
            the seconds that takes; True and False decide.

    Attributes:
        history: DataFrame, a row per member and epoch: `member`, `epoch` (from 1), `loss`,
            `val_loss`, `val_` and each metric of the problem's head.
        best_epochs: int array (members,), the epoch with the best `monitor`, 0 before any.
        best_scores: float array (members,), the value there; NaN before any.
        status: list of str per member: "training", "stopped", "early" (no patience left),
            "diverged" (loss no longer finite) or "finished".

    Raises:
        ValueError: a member that `build_classifier` and its siblings would refuse; as
            `arguments.Unstackable` one that cannot be stacked (an activation that is no name, an
            optimizer that is none of the six, a learning-rate schedule): train it by `Network.fit`.

    Example:
        members = [{"hidden_units": (32,) * depth, "optimizer": "nag", "learning_rate": rate}
                   for depth in (1, 2, 3) for rate in (0.01, 0.03, 0.1)]
        population = Population(members, n_features=30, problem="binary", seed=0)
        population.fit(X, y, epochs=20, validation_data=(X_valid, y_valid))
        population.best_scores.argmin()
        network = population.member(4, best=True)
    """

    def __init__(
        self, members, n_features, *, problem, n_outputs=1, one_hot=False, seed=None,
        memory_limit=None, jit_compile="auto",
    ):  # fmt: skip
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                "`Population` needs Keras on TensorFlow. Received: the backend "
                f"{keras.backend.backend()!r}. Train the networks by `Network.fit`."
            )
        if jit_compile not in ("auto", True, False):
            raise invalid("jit_compile", "must be 'auto', True or False", jit_compile)
        self.task = make_task(problem, n_features, n_outputs, one_hot)
        self.members = read_members(members, self.task, seed)
        memory_limit = MEMORY_FRACTION * device_memory() if memory_limit is None else memory_limit
        if not is_number(memory_limit) or not memory_limit > 0:
            raise invalid("memory_limit", "must be a number of bytes above 0", memory_limit)
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        cores = 1 if on_gpu else available_cores()
        weights = first_weights(self.members, self.task)
        progress = [first_progress(m, w) for m, w in zip(self.members, weights, strict=True)]
        self._stacks = Stacks(self.task, self.members, progress, cores, memory_limit, jit_compile)
        self._race = Race(len(self.members))
        self._blank = self.task.build(hidden_units=(1,), seed=0)  # says what data must look like

    def __len__(self):
        return len(self.members)

    @property
    def history(self):
        return self._race.history()

    @property
    def best_epochs(self):
        return self._race.best_epochs.copy()

    @property
    def best_scores(self):
        return self._race.best_scores.copy()

    @property
    def status(self):
        return [STATUS[code] for code in self._race.status]

    def fit(
        self,
        X,
        y,
        *,
        epochs=1,
        batch_size=32,
        sample_weight=None,
        rows=None,
        validation_rows=None,
        validation_data=None,
        monitor=None,
        patience=None,
        on_epoch=None,
        verbose=0,
    ):
        """Train every member that has not stopped up to epoch `epochs`.

        A second call goes on where the first one ended: nothing is compiled or initialised anew.

        Args:
            X: array (rows, n_features).
            y: as the network of `problem` takes it.
            epochs: int, the last epoch, as in Keras; a member's own `epochs` goes before it.
            batch_size: int or "full", for members without one of their own.
            sample_weight: (rows,), or (members, rows) where each member has its own.
            rows: training rows: int indices into X, or a list of such arrays, one per member; a
                row may be named several times (bootstrap). Default: those not validated on.
            validation_rows: rows to judge by, likewise: one array, or one per member.
            validation_data: (X, y) or (X, y, sample_weight), instead of `validation_rows`.
            monitor: "val_loss" or "val_" and a metric of the head, or "loss": what decides on the
                best epoch. Default: "val_loss" with validation rows, else "loss".
            patience: int from 0, epochs without a better `monitor` until a member stops, as in
                `keras.callbacks.EarlyStopping`; None: never.
            on_epoch: called as `on_epoch(population, epoch, logs)` after each epoch (from 1); logs
                is a dict from a column of `history` to a float array (members,), NaN for members
                that do not train. It may call `stop`.
            verbose: 1 prints a line that tells epochs, members and the best score.

        A member sees its rows in the order in which `Network.fit` with its seed would visit
        `X[rows]`. Dropout has a stream of its own, a function of the member's seed and step.
        `val_loss` is the head's own, without l2 and label smoothing and as a weighted mean: members
        that differ in these are judged by the same measure. `loss` is what is minimised, as
        Keras's.

        Returns:
            `history`.

        Raises:
            ValueError: data that `Network.fit` would refuse, or rows out of range.
        """
        epochs = check_integer("epochs", epochs)
        patience = None if patience is None else check_integer("patience", patience, 0)
        rows = read_population_rows(
            self._blank, self.task, len(self), X, y, sample_weight, rows, validation_rows,
            validation_data,
        )  # fmt: skip
        names = metric_names(self.task.problem, self.task.n_outputs)
        monitor = check_monitor(monitor, names, rows.judged is not None)
        race = self._race
        until = np.array([min(epochs, m.epochs) if m.epochs else epochs for m in self.members])
        waiting = race.status == STATUS.index("finished")
        race.set_status(waiting & (race.done < until), "training")
        batches = self._batch_sizes(rows, batch_size)
        self._stacks.add_loose(race.training() & (race.done < until), rows, batches, until)
        ends = [m.epochs for m in self.members]

        with ThreadPoolExecutor(self._stacks.cores) as pool:
            while (runs := race.training() & (race.done < until)).any():
                epoch = int(race.done[runs].min())
                runs &= race.done == epoch
                logs = self._stacks.epoch(pool, rows, runs)
                self._stacks.keep_best(race.record(epoch, runs, logs, monitor, patience))
                if verbose:
                    line = race.line(epoch, until.max(), runs.sum(), monitor)
                    print(f"\r{line:<78}", end="", flush=True)
                if on_epoch is not None:
                    on_epoch(self, epoch + 1, logs)
                self._stacks.drop(race.gone(ends))
                self._stacks.compile_if_worth()
        if verbose:
            print()
        race.set_status(race.training() & (race.done >= until), "finished")
        return self.history

    def _batch_sizes(self, rows, batch_size):
        batch_size = check_batch_size(batch_size)
        longest = max(map(len, rows.train))
        sizes = {}
        for i, member in enumerate(self.members):
            size = batch_size if member.batch_size is None else member.batch_size
            sizes[i] = len(rows.train[i]) if size == "full" else min(size, longest)
        return sizes

    def stop(self, member):
        """Train `member` no further. When half of a stack has stopped, the rest is stacked anew."""
        member = self._number(member)
        if self._race.training()[member] or self.status[member] == "finished":
            self._race.set_status(member, "stopped")

    def curves(self, name="val_loss"):
        """A column of `history` as a float array (members, epochs), NaN where not trained."""
        check_choice("name", name, self._race.columns)
        return self._race.columns[name].T.copy()

    def predict(self, X, best=False):
        """What every member predicts: float32 (members, rows, outputs).

        Args:
            X: array (rows, n_features).
            best: True: with the weights of each member's best epoch.
        """
        return self._stacks.predict(as_x(check_rows(self._blank, X)), best)

    def member(self, i, best=False):
        """Member `i` as a compiled `Network`, optimizer state included.

        Args:
            best: True: with the weights of its best epoch (and the latest optimizer state).

        Raises:
            ValueError: `best` of a member whose weights were never finite.
        """
        i = self._number(i)
        member, progress = self.members[i], self._stacks.progress_of(i)
        settings = {k: v for k, v in member.given.items() if k not in ("batch_size", "epochs")}
        weights = self.get_weights(i, best)
        if best and not all(np.isfinite(weight).all() for weight in weights):
            rule = "must be one with a best epoch: this one diverged before any"
            raise invalid("member", rule, i, "`status` and `best_epochs` tell which have one.")
        network = self.task.build(**settings)
        network.set_weights(weights)
        optimizer = network.optimizer
        optimizer.build(network.trainable_variables)
        optimizer.iterations.assign(progress.steps)
        for variables, arrays in zip(slots_of(optimizer, member.rule), progress.slots, strict=True):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
        return network

    def get_weights(self, i, best=False):
        """The weights of member `i`, as `Network.set_weights` takes them."""
        i = self._number(i)
        member, progress = self.members[i], self._stacks.progress_of(i)
        now = progress.weights + progress.moving
        now = progress.best if best and progress.best is not None else now
        weights, moving = now[: len(progress.weights)], now[len(progress.weights) :]
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

    def member_state(self, i):
        """All that training changes of member `i`, a dict of arrays.

        `load_member_state` of any population puts it into a member of the same layer sizes.
        """
        i = self._number(i)
        own = {name: array[..., i] for name, array in self._race.arrays().items()}
        return files.progress_arrays([self._stacks.progress_of(i)]) | own

    def load_member_state(self, i, state):
        """Let member `i` go on from `member_state`."""
        i = self._number(i)
        progress = files.progress_from(state, [self._stacks.progress_of(i)])[0]
        self._stacks.set_progress(i, progress)
        self._race.load_member(i, state)

    def state(self):
        """All that training changes, a dict of arrays; with `load_state` training goes on to the
        bit as if it had not been interrupted."""
        return self._stacks.arrays() | self._race.arrays()

    def load_state(self, state):
        """Go on from `state()` of a population with the same members."""
        self._stacks.load_arrays(state)
        self._race.load_arrays(state)

    def save(self, path):
        """Write members and state to one file, whole or not at all: npz with a JSON part."""
        about = {
            "members": [m.given for m in self.members],
            "n_features": self.task.n_features,
            "problem": self.task.problem,
            "n_outputs": self.task.n_outputs,
            "one_hot": self.task.one_hot,
        }
        files.write(path, about, self.state())

    @classmethod
    def load(cls, path, **settings):
        """The population of a file that `save` wrote; `settings`: as `memory_limit`.

        Raises:
            ValueError: the file is damaged or was not written by `save`.
        """
        with files.reading(path) as (about, arrays):
            population = cls(about.pop("members"), **about, **settings)
            population.load_state(arrays)
        return population
