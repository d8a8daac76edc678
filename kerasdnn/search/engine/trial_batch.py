"""Train a batch of trials: many networks together, each on its rows, evaluated after every epoch.

`TrialBatch` is one population, where the networks can be stacked. `SequentialTrials` does the same
with `Network.fit`, network after network, where they cannot (an optimizer that is none of the six
that a population knows, a custom activation). `MixedTrials` is both. All of them have

    epoch, epochs               how far training is, and how far it will go
    advance(epochs)             trains every network for up to `epochs` more epochs
    curves                      per network, the objective after each epoch, NaN once it diverged
    best_weights(i)             weights after the best epoch, as `Network.set_weights` takes them
    member_state(i), load_...   everything that training changes of a network, as arrays by name
    state(), load_state(...)    that of all networks
"""

import math
from dataclasses import dataclass

import keras
import numpy as np

from ...core.arguments import Unstackable
from ...core.messages import warn
from ...factories import build_for
from ...heads.loss import with_loss
from ...heads.metrics import direction_of
from ...nn.schedules import of_optimizer
from ..objective import check_comparable, score
from ..spaces import factory_settings
from .project import Line

STACKS = keras.backend.backend() == "tensorflow"
if STACKS:
    from ...population.members import read_member
    from ...population.population import Population


class TrialBatch:
    """Networks trained together as one `Population`.

    Args:
        members: list of dicts of hyperparameters, each with `epochs`, `batch_size` and `seed`.
        data: `SearchData`.
        folds: list of int, which of `data.pairs` each network is trained and evaluated on.
        objective: str, what is measured after each epoch.
        direction: "min" or "max". None means that of the objective.
    """

    state_name = "Wave"  # in the files of interrupted batches

    def __init__(self, members, data, folds, objective, direction=None):
        self.members, self.rows, self.objective = members, data.rows, objective
        self.sign = 1 if direction_of(objective, direction, data.problem.head) == "min" else -1
        self.training = [data.pairs[fold][0] for fold in folds]
        self.validation = [data.pairs[fold][1] for fold in folds]
        problem = data.problem
        self.population = Population(
            members, problem.n_features, problem=problem.head, n_outputs=problem.n_outputs,
            one_hot=problem.one_hot,
        )  # fmt: skip
        self.epoch, self.epochs = 0, max(member["epochs"] for member in members)

    def advance(self, epochs):
        self.epoch = min(self.epoch + epochs, self.epochs)
        self.population.fit(
            self.rows.x, self.rows.y, epochs=self.epoch, sample_weight=self.rows.weights,
            rows=self.training, validation_rows=self.validation, monitor=self.objective,
        )  # fmt: skip

    @property
    def curves(self):
        if not self.epoch:
            return [np.empty(0) for _ in self.members]
        found = self.population.curves(self.objective)
        return [
            curve[: min(self.epoch, member["epochs"])]
            for curve, member in zip(found, self.members, strict=True)
        ]

    def best_weights(self, index):
        return self.population.get_weights(index, best=True)

    def member_state(self, index):
        return self.population.member_state(index)

    def load_member_state(self, index, state):
        self.population.load_member_state(index, state)

    def state(self):
        return {**self.population.state(), "epoch": np.array(self.epoch)}

    def load_state(self, state):
        self.epoch = int(state["epoch"])
        self.population.load_state({k: v for k, v in state.items() if k != "epoch"})


def make_trial_batch(members, data, folds, objective, direction=None):
    """Make the fastest batch for `members`; arguments as of `TrialBatch`."""
    check_comparable(objective, [member.get("loss") for member in members])
    everyone = range(len(members))
    reasons = why_not_stacked(members, data.problem) if STACKS else [None for _ in everyone]
    alone = [i for i in everyone if reasons[i] or not STACKS]
    if any(reasons) and "stacking" not in data.warned:
        data.warned.add("stacking")
        warn(
            f"{len(alone)} of {len(members)} networks cannot be trained together with others and "
            f"are trained one by one, which takes longer. The first: {reasons[alone[0]]}"
        )
    together = [i for i in everyone if i not in set(alone)]
    parts = [
        (own, cls([members[i] for i in own], data, [folds[i] for i in own], objective, direction))
        for cls, own in ((TrialBatch, together), (SequentialTrials, alone))
        if own
    ]
    return parts[0][1] if len(parts) == 1 else MixedTrials(parts)


def why_not_stacked(members, problem):
    """For each member the reason why it cannot be stacked, or None."""
    rules, reasons = {}, []
    for member in members:
        try:
            read_member(dict(member), problem, rules)
        except Unstackable as error:
            reasons.append(str(error))
        else:
            reasons.append(None)
    return reasons


class MixedTrials:
    """A batch of two: the networks that are stacked, and those that are trained one by one.

    Args:
        parts: list of (positions of the networks, `TrialBatch` or `SequentialTrials`).
    """

    def __init__(self, parts):
        self.parts = parts
        self.sign = parts[0][1].sign
        self.place = {number: (batch, k) for own, batch in parts for k, number in enumerate(own)}
        self.epochs = max(batch.epochs for _, batch in parts)

    @property
    def epoch(self):
        running = [batch.epoch for _, batch in self.parts if batch.epoch < batch.epochs]
        return min(running, default=self.epochs)

    def advance(self, epochs):
        for _, batch in self.parts:
            if batch.epoch < batch.epochs:
                batch.advance(epochs)

    @property
    def curves(self):
        found = {i: c for own, part in self.parts for i, c in zip(own, part.curves, strict=True)}
        return [found[i] for i in sorted(found)]

    def best_weights(self, index):
        batch, k = self.place[index]
        return batch.best_weights(k)

    def member_state(self, index):
        batch, k = self.place[index]
        return batch.member_state(k)

    def load_member_state(self, index, state):
        batch, k = self.place[index]
        batch.load_member_state(k, state)

    def state(self):
        return {
            f"{batch.state_name}/{name}": value
            for _, batch in self.parts
            for name, value in batch.state().items()
        }

    def load_state(self, state):
        for _, batch in self.parts:
            start = f"{batch.state_name}/"
            own = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
            if own:  # a checkpoint of an earlier version has none: its trials run again
                batch.load_state(own)


class SequentialTrials:
    """Networks trained one after the other by `Network.fit`; arguments as of `TrialBatch`."""

    state_name = "OneByOne"  # in the files of interrupted batches

    def __init__(self, members, data, folds, objective, direction=None):
        self.members, self.data, self.folds, self.objective = members, data, folds, objective
        self.sign = 1 if direction_of(objective, direction, data.problem.head) == "min" else -1
        self.curves = [np.empty(0) for _ in members]
        self.networks = [build_for(data.problem, **factory_settings(m)) for m in members]
        self.best = [network.get_weights() for network in self.networks]
        for i, network in enumerate(self.networks):
            network.optimizer.build(network.trainable_variables)
            if schedule := of_optimizer(network.optimizer):  # it spans several calls of `fit`
                schedule.steps, schedule.set_by_fit = self._steps(i), False

    def _steps(self, index):
        member, rows = self.members[index], len(self.data.pairs[self.folds[index]][0])
        size = member["batch_size"]
        return member["epochs"] * math.ceil(rows / (rows if size == "full" else size))

    @property
    def epoch(self):
        return max(len(curve) for curve in self.curves)

    @property
    def epochs(self):
        return max(member["epochs"] for member in self.members)

    def advance(self, epochs):
        for index, member in enumerate(self.members):
            done = len(self.curves[index])
            until = min(done + epochs, member["epochs"])
            if until > done and np.isfinite(self.curves[index]).all():
                self._fit(index, done, until)
            if len(self.curves[index]) < until:  # a network that diverged stays so
                rest = np.full(until - len(self.curves[index]), np.nan)
                self.curves[index] = np.append(self.curves[index], rest)

    def _fit(self, index, done, until):
        train, valid = map(self.data.rows.take, self.data.pairs[self.folds[index]])
        self.networks[index].fit(
            train.x, train.y, sample_weight=train.weights,
            batch_size=self.members[index]["batch_size"], initial_epoch=done, epochs=until,
            verbose=0, callbacks=[EpochEvaluator(self, index, valid)],
        )  # fmt: skip

    def best_weights(self, index):
        return self.best[index]

    def member_state(self, index):
        network = self.networks[index]
        found = {"curve": self.curves[index]}
        for kind, values in (
            ("weight", network.get_weights()),
            ("best", self.best[index]),
            ("optimizer", [np.asarray(v) for v in network.optimizer.variables]),
        ):
            found |= {f"{kind}{i}": value for i, value in enumerate(values)}
        return found

    def load_member_state(self, index, state):
        network = self.networks[index]
        count = len(network.get_weights())
        self.curves[index] = state["curve"]
        network.set_weights([state[f"weight{i}"] for i in range(count)])
        self.best[index] = [state[f"best{i}"] for i in range(count)]
        for i, variable in enumerate(network.optimizer.variables):
            variable.assign(state[f"optimizer{i}"])

    def state(self):
        return {
            f"{i}/{name}": value
            for i in range(len(self.members))
            for name, value in self.member_state(i).items()
        }

    def load_state(self, state):
        for i in range(len(self.members)):
            start = f"{i}/"
            own = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
            self.load_member_state(i, own)


class EpochEvaluator(keras.callbacks.Callback):
    """Measures the objective after each epoch, keeps the best weights, stops at NaN."""

    def __init__(self, trials, index, rows):
        super().__init__()
        self.trials, self.index, self.rows = trials, index, rows

    def on_epoch_end(self, epoch, logs=None):
        trials, rows = self.trials, self.rows
        head = with_loss(trials.data.problem.head, trials.members[self.index].get("loss"))
        prediction = self.model.predict(rows.x, verbose=0)
        value = score(trials.objective, head, rows.y, prediction, rows.weights)
        trained = self.model.get_weights()
        if not all(np.isfinite(weight).all() for weight in trained):
            value = np.nan  # a ReLU makes 0 of NaN: the prediction alone may be finite
        before = trials.sign * trials.curves[self.index]
        if np.isfinite(value) and not (before <= trials.sign * value).any():
            trials.best[self.index] = trained
        trials.curves[self.index] = np.append(trials.curves[self.index], value)
        if not np.isfinite(value):
            self.model.stop_training = True


@dataclass
class Trained:
    """A trained network: the objective after each epoch, its best value, and the 1-based epoch."""

    curve: np.ndarray
    best: float | None
    best_epoch: int


def train(members, data, folds, objective, verbose=0):
    """Train all members to their ends; returns a `Trained` for each."""
    batch = make_trial_batch(members, data, folds, objective)
    line = Line(verbose)
    while batch.epoch < batch.epochs:
        batch.advance(max(1, batch.epochs // 20))
        line.show(f"{len(members)} networks | epoch {batch.epoch}/{batch.epochs}")
    line.close()
    found = []
    for curve in map(np.asarray, batch.curves):
        best, epoch = None, 0
        if np.isfinite(curve).any():
            at = int(np.nanargmin(batch.sign * np.where(np.isfinite(curve), curve, np.nan)))
            best, epoch = float(curve[at]), at + 1
        found.append(Trained(curve, best, epoch))
    return found
