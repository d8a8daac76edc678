"""A wave: many networks trained side by side, each on its rows, judged after every epoch.

`Wave` is one population where the networks can be stacked. `OneByOne` does the same with
`Network.fit`, network after network, for hyperparameters that cannot (an optimizer of Keras that
is none of the six, an activation of the user's own). `Parts` is both, where some can.
"""

from dataclasses import dataclass

import keras
import numpy as np

from ...core.arguments import Unstackable
from ...core.messages import warn
from ...heads import direction_of, head_of, make_problem
from ..objective import score
from .project import Line

STACKS = keras.backend.backend() == "tensorflow"
if STACKS:
    from ...population.members import read_member
    from ...population.population import Population


class Wave:
    """Networks trained side by side as one `Population`.

    Args:
        members: list of dicts in the vocabulary, each with `epochs`, `batch_size` and `seed`.
        rows: `rows.Rows`.
        splits: list of int, which of `rows.splits` each member is trained and judged on.
        objective: what is measured after each epoch.
    """

    def __init__(self, members, rows, splits, objective, direction=None):
        self.members, self.rows, self.objective = members, rows, objective
        self.sign = 1 if direction_of(objective, direction, head_of(rows.problem)) == "min" else -1
        self.training = [rows.splits[split][0] for split in splits]
        self.judging = [rows.splits[split][1] for split in splits]
        self.population = Population(
            members, rows.x.shape[1], problem=rows.problem, n_outputs=rows.n_outputs,
            one_hot=rows.one_hot,
        )  # fmt: skip
        self.epoch, self.epochs = 0, max(member["epochs"] for member in members)

    def advance(self, epochs):
        """Train every member for up to `epochs` more epochs."""
        self.epoch = min(self.epoch + epochs, self.epochs)
        self.population.fit(
            self.rows.x, self.rows.y, epochs=self.epoch, sample_weight=self.rows.weights,
            rows=self.training, validation_rows=self.judging, monitor=self.objective,
        )  # fmt: skip

    @property
    def curves(self):
        """The objective after each epoch that a member was to train, NaN once it diverged."""
        if not self.epoch:
            return [np.empty(0) for _ in self.members]
        found = self.population.curves(self.objective)
        return [
            curve[: min(self.epoch, member["epochs"])]
            for curve, member in zip(found, self.members, strict=True)
        ]

    def best_weights(self, index):
        """A member's weights after its best epoch, as `Network.set_weights` takes them."""
        return self.population.get_weights(index, best=True)

    def member_state(self, index):
        """Everything that training changes of a member, as arrays by name."""
        return self.population.member_state(index)

    def load_member_state(self, index, state):
        self.population.load_member_state(index, state)

    def state(self):
        """The state of all members, as arrays by name."""
        return {**self.population.state(), "epoch": np.array(self.epoch)}

    def load_state(self, state):
        self.epoch = int(state["epoch"])
        self.population.load_state({k: v for k, v in state.items() if k != "epoch"})


def make_wave(members, rows, splits, objective, direction=None):
    """A `Wave`, `OneByOne` where no member can be stacked, or `Parts` where some cannot."""
    kind, reasons = Wave if STACKS else OneByOne, []
    if STACKS:
        reasons = why_not_stacked(members, rows)
        if all(reasons):
            kind = OneByOne
    if any(reasons):
        alone = [i for i, reason in enumerate(reasons) if reason]
        if not rows.told:
            rows.told = True
            warn(
                "Networks should be ones that can be stacked, to be trained together. Received: "
                f"{len(alone)} of {len(members)} that are trained one by one, which takes longer. "
                f"The first: {reasons[alone[0]]}"
            )
        if len(alone) < len(members):
            stacked = [i for i, reason in enumerate(reasons) if not reason]
            return Parts([
                (made, kind([members[i] for i in made], rows, [splits[i] for i in made],
                            objective, direction))
                for kind, made in ((Wave, stacked), (OneByOne, alone))
            ])  # fmt: skip
    return kind(members, rows, splits, objective, direction)


def why_not_stacked(members, rows):
    """For each member why it cannot be stacked, or None."""
    problem = make_problem(rows.problem, rows.x.shape[1], rows.n_outputs, rows.one_hot)
    rules = {}
    reasons = []
    for member in members:
        try:
            read_member(dict(member), problem, rules)
        except Unstackable as error:
            reasons.append(str(error))
        else:
            reasons.append(None)
    return reasons


class Parts:
    """A wave of several: its stacked networks, and those that are trained one by one.

    Args:
        parts: list of `(numbers of the members, Wave or OneByOne)`.
    """

    def __init__(self, parts):
        self.parts = parts
        self.sign = parts[0][1].sign
        self.place = {number: (wave, k) for own, wave in parts for k, number in enumerate(own)}
        self.epochs = max(wave.epochs for _, wave in parts)

    @property
    def epoch(self):
        """The first part that is not done says how far training is."""
        return min((w.epoch for _, w in self.parts if w.epoch < w.epochs), default=self.epochs)

    def advance(self, epochs):
        """Train every member for up to `epochs` more epochs."""
        for _, wave in self.parts:
            if wave.epoch < wave.epochs:
                wave.advance(epochs)

    @property
    def curves(self):
        found = {i: c for own, wave in self.parts for i, c in zip(own, wave.curves, strict=True)}
        return [found[i] for i in sorted(found)]

    def best_weights(self, index):
        wave, k = self.place[index]
        return wave.best_weights(k)

    def member_state(self, index):
        wave, k = self.place[index]
        return wave.member_state(k)

    def load_member_state(self, index, state):
        wave, k = self.place[index]
        wave.load_member_state(k, state)

    def state(self):
        return {
            f"{type(wave).__name__}/{name}": value
            for _, wave in self.parts
            for name, value in wave.state().items()
        }

    def load_state(self, state):
        for _, wave in self.parts:
            start = f"{type(wave).__name__}/"
            own = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
            if own:  # a checkpoint of an earlier version has none: its trials run again
                wave.load_state(own)


class OneByOne:
    """Networks trained one after the other by `Network.fit`.

    Args:
        members: list of dicts in the vocabulary, each with `epochs`, `batch_size` and `seed`.
        rows: `rows.Rows`.
        splits: list of int, which of `rows.splits` each member is trained and judged on.
        objective: what is measured after each epoch.
    """

    def __init__(self, members, rows, splits, objective, direction=None):
        self.members, self.rows, self.splits = members, rows, splits
        self.objective = objective
        self.sign = 1 if direction_of(objective, direction, head_of(rows.problem)) == "min" else -1
        self.curves = [np.empty(0) for _ in members]
        self.networks = [
            rows.build(**{k: v for k, v in m.items() if k not in ("epochs", "batch_size")})
            for m in members
        ]
        self.best = [network.get_weights() for network in self.networks]
        for network in self.networks:
            network.optimizer.build(network.trainable_variables)

    @property
    def epoch(self):
        return max(len(curve) for curve in self.curves)

    @property
    def epochs(self):
        return max(member["epochs"] for member in self.members)

    def advance(self, epochs):
        """Train every member for up to `epochs` more epochs."""
        for index, member in enumerate(self.members):
            done = len(self.curves[index])
            until = min(done + epochs, member["epochs"])
            if until > done and np.isfinite(self.curves[index]).all():
                self._fit(index, done, until)
            if len(self.curves[index]) < until:  # a network that diverged stays so
                rest = np.full(until - len(self.curves[index]), np.nan)
                self.curves[index] = np.append(self.curves[index], rest)

    def _fit(self, index, done, until):
        network, (train, valid) = self.networks[index], self.rows.splits[self.splits[index]]
        x, y, weights = self.rows.part(train)
        judge = Judge(self, index, self.rows.part(valid))
        network.fit(
            x, y, sample_weight=weights, batch_size=self.members[index]["batch_size"],
            initial_epoch=done, epochs=until, verbose=0, callbacks=[judge],
        )  # fmt: skip

    def best_weights(self, index):
        """A member's weights after its best epoch, as `Network.set_weights` takes them."""
        return self.best[index]

    def member_state(self, index):
        """Everything that training changes of a member, as arrays by name."""
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
        """The state of all members, as arrays by name."""
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


class Judge(keras.callbacks.Callback):
    """Measures the objective after each epoch, keeps the best weights, stops at NaN."""

    def __init__(self, wave, index, part):
        super().__init__()
        self.wave, self.index, self.part = wave, index, part

    def on_epoch_end(self, epoch, logs=None):
        wave, (x, y, weights) = self.wave, self.part
        prediction = self.model.predict(x, verbose=0)
        rows = wave.rows
        head = head_of(rows.problem, rows.one_hot)
        value = score(wave.objective, head, y, prediction, weights)
        trained = self.model.get_weights()
        if not all(np.isfinite(weight).all() for weight in trained):
            value = np.nan  # a ReLU makes 0 of NaN: the prediction alone may be finite
        before = wave.sign * wave.curves[self.index]
        if np.isfinite(value) and not (before <= wave.sign * value).any():
            wave.best[self.index] = trained
        wave.curves[self.index] = np.append(wave.curves[self.index], value)
        if not np.isfinite(value):
            self.model.stop_training = True


@dataclass
class Trained:
    """What `train` tells of a member: the objective after each epoch, the best of it, from 1."""

    curve: np.ndarray
    best: float | None
    best_epoch: int


def train(members, rows, splits, objective, verbose=0):
    """Train all members to their ends. Returns a `Trained` for each."""
    wave = make_wave(members, rows, splits, objective)
    line = Line(verbose)
    while wave.epoch < wave.epochs:
        wave.advance(max(1, wave.epochs // 20))
        line.show(f"{len(members)} networks | epoch {wave.epoch}/{wave.epochs}")
    line.close()
    found = []
    for curve in wave.curves:
        curve = np.asarray(curve)
        if np.isfinite(curve).any():
            at = int(np.nanargmin(wave.sign * np.where(np.isfinite(curve), curve, np.nan)))
            found.append(Trained(curve, float(curve[at]), at + 1))
        else:
            found.append(Trained(curve, None, 0))
    return found
