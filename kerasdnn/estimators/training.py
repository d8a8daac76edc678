"""Train the networks of one `fit`, each on encoded rows of its own, and decide on their epochs."""

import math

import numpy as np
import pandas as pd

from ..checks.divergence import reject_divergence
from ..checks.target_leakage import silenced
from ..checks.targets import ABSENT
from ..heads.loss import check_shapes, with_loss
from ..heads.problem_types import make_problem
from ..hyperparameters import ESTIMATOR, PRESET, Range, check, names
from ..stopping.best_epoch import best_epoch_callback
from ..stopping.cross_selection import (
    EpochOutputs,
    by_loss,
    by_metric,
    by_scorer,
    cross_selected,
    crosses,
)
from ..stopping.scores import EpochScore, Scored, as_table, find_monitor
from ..stopping.time_limit import EndInTime
from ..tables.encoder import TableEncoder
from ..tables.rows import encode_rows
from ..training.size import Size, warn_of_size
from .ensemble import (
    average,
    copy_weights,
    own_history,
    threads_for,
    together_pays,
    train_each,
    train_together,
)
from .presets import PRESETS, has_end
from .ranges import report, settings_of_member

FEW = 2  # networks that take less time in turn, with a shared function, than as one on a GPU


class Training:
    """Rows that are encoded for networks, and how these are trained on them.

    Args:
        estimator, rows, validation, target, start: see `fit.fit_rows`.
        settings: dict of checked hyperparameters; it is changed where a time limit ends training.

    Attributes:
        settings: dict of the hyperparameters, resolved for these rows.
    """

    def __init__(self, estimator, settings, rows, validation, target, start=None):
        self.estimator, self.given, self.target = estimator, settings, target
        self.before = start and start.hyperparameters_
        self.preset = PRESETS[estimator._chosen_preset()]
        self.encoder = make_encoder(estimator, settings, rows) if start is None else start.encoder_
        target.head = with_loss(target.head, settings["loss"])
        if start is None:
            target.learn(rows.y, rows.weights)
        self.monitor = find_monitor(
            settings["monitor"], target.head, others=names_of(settings["metrics"])
        )
        settings = dict(settings)
        settings["metrics"] = with_metric(settings["metrics"], self.monitor, target)
        if settings.get("clip") and target.bounded:
            target.range = None if start is None else target.range
            target.keep_range(rows.y)
        held = 0 if validation is None else len(validation)
        columns = self.encoder.n_dense_ + len(self.encoder.cardinalities_)
        warn_of_size(Size.of(len(rows), held, columns, target.n, largest(settings)))
        self.in_units = rows if validation is None else validation
        self.rows = encode_rows(rows, self.encoder, target)
        self.problem = make_problem(target.head, self.rows.x.shape[1], target.n)
        settings["batch_size"] = rows_per_step(settings["batch_size"], len(rows))
        self.settings = settings
        self.validation = None
        self.limit = None  # the `TimeLimit`
        self.planned = None  # epochs that were asked for, and those that fit in the time
        self.left_out = 0  # networks for which there is no time
        if validation is not None:
            self.validation = encode_rows(validation, self.encoder, target)
        if settings["loss"] is not None and target.head.units == "1":
            # A custom loss may subtract y from the prediction, which has two dimensions.
            self.rows, self.validation = map(as_column, (self.rows, self.validation))
        check_shapes(target.head, self.rows.y[:2], self.problem.units)

    def member(self, seed, rows=None, held=None, in_units=None, number=0):
        """A network that is not trained, with the callbacks that decide on its epochs.

        Args:
            seed: int.
            rows: encoded `Rows` to train on. None means all.
            held: encoded `Rows` to evaluate each epoch on. None means those of the training.
            in_units: `held` before it was encoded.
            number: int, position among the networks.

        Returns:
            `Member`.
        """
        settings = settings_of_member(self.settings, seed, number, self.before)
        rows = self.rows if rows is None else rows
        if held is None:
            held, in_units = self.validation, self.in_units
        network = self.preset.build(self.problem, self.encoder, settings, seed, rows.x, rows.y)
        member = Member(network, settings, rows, held, in_units)
        member.callbacks = list(self.estimator.callbacks or ())
        if held is not None:
            if self.monitor.scorer is not None:
                X, fitted = as_table(in_units.x), {"encoder_": self.encoder}
                member.score = Scored(self.monitor, self.estimator, self.target, X, fitted)
                callback = EpochScore(member.score, held.x, in_units.y, held.weights)
                member.callbacks.insert(0, callback)
            patience = settings["patience"] if settings["early_stopping"] else settings["epochs"]
            member.best = best_epoch_callback(self.monitor, patience)
            member.callbacks.append(member.best)
            if crosses(self.estimator, held):
                member.outputs = EpochOutputs(held.x)
                member.callbacks.append(member.outputs)
        return member

    def begin(self, seeds, layers, number=0):
        """Members that are not trained; those that have layers begin with their weights.

        `number` is the position of the first one among all networks.
        """
        members = [self.member(seed, number=number + i) for i, seed in enumerate(seeds)]
        for member, own in zip(members, layers, strict=True):
            if own is not None:
                copy_weights(own, member.network.layers)
        return members

    def train_all(self, members, alone=False, runs=1.0):
        """Train members as one compiled function, or each by itself; returns them.

        Args:
            members: list of `Member`, which are not trained.
            alone: bool, whether each is to be trained by itself.
            runs: float, trainings of the length of the first one that each stands for.
        """
        seen = self.estimator.callbacks or self.estimator.verbose or self.monitor.scorer is not None
        if len(members) > FEW and together_pays() and not seen and not alone:
            self.measure(members[0], runs, len(members))
            with self.silenced():
                done = train_together(members, self.settings)
            if done:
                for member in members:
                    reject_divergence(member.network, member.settings["learning_rate"])
                return members
        threads = threads_for(self, members)
        self.measure(members[0], runs * math.ceil(len(members) / threads), len(members))
        train_each(self, members, [self.settings["epochs"]] * len(members), threads)
        return members

    def measure(self, member, runs, members=1):
        """Let a member measure its epochs, where somebody wants to know.

        Args:
            member: `Member`.
            runs, members: as of `EndInTime`.
        """
        if not self.limit.measures:
            return
        if member.clock is not None:
            member.callbacks.remove(member.clock)
        settings, rows = self.settings, len(member.rows)
        member.clock = EndInTime(
            self.limit, settings["epochs"], rows, runs, has_end(settings), members
        )
        member.callbacks.append(member.clock)

    def silenced(self):
        """A context without warnings of classes that were announced and are absent."""
        return silenced(ABSENT) if getattr(self.estimator, "classes", None) else silenced()

    def run(self, member, epochs):
        """Train a member alone."""
        with self.silenced():
            self.train(member, epochs)

    def train(self, member, epochs):
        """Train a member; other threads may train others."""
        rows, held = member.rows, member.validation
        member.network.fit(
            rows.x,
            rows.y,
            sample_weight=rows.weights,
            batch_size=self.settings["batch_size"],
            epochs=epochs,
            verbose=self.estimator.verbose,
            callbacks=member.callbacks or None,
            validation_data=held and (held.x, held.y, held.weights),
        )
        if member.network.history in member.callbacks:  # of the user, and of all members
            member.network.history = own_history(member.network.history)
        if member.clock is None or member.clock.plan is None:
            reject_divergence(member.network, member.settings["learning_rate"])

    def train_in_time(self, seeds, layers, runs):
        """Train as many members as there is time for, in turn; returns them.

        Args:
            seeds: list of int.
            layers: for each the layers to begin with the weights of, or None.
            runs: float, trainings of the length of the first one that each stands for.
        """
        members, count = [], len(seeds)
        while len(members) < count:
            number, left = len(members), count - len(members)
            [member] = self.begin([seeds[number]], [layers[number]], number)
            self.measure(member, runs * left, left)
            self.run(member, self.settings["epochs"])
            clock = member.clock
            if clock.members < left:
                self.left_out += left - clock.members
                self.settings["n_members"] = count = number + clock.members
                self.given = self.given | {"n_members": count}
            if clock.plan is not None:
                self.planned = (self.planned or [self.settings["epochs"]])[0], clock.plan
                self.given = self.given | {"epochs": clock.plan}
                self.settings["epochs"] = clock.plan
                continue
            members.append(member)
        return members

    def reported(self, members):
        """The hyperparameters, of which those that were drawn have a value for each network."""
        return report(self.settings, [member.settings for member in members])

    def predictor(self, members):
        """The network that predicts: the only one, or the average."""
        networks = [member.network for member in members]
        return networks[0] if len(networks) == 1 else average(networks)

    def decide(self, predictor, members=()):
        """The attributes that are learned from the validation rows after training."""
        found = crossed(members, self.monitor, self.target)
        if found is not None:
            return self.decide_by(np.mean(found, axis=0))
        held = (None, None) if self.validation is None else (self.validation.x, self.in_units)
        return self.estimator._decide(self.target, predictor, *held)

    def decide_by(self, outputs):
        """The same from what is predicted for each row at epochs that others selected."""
        return self.estimator._decide_by_outputs(self.target, outputs, self.in_units)

    def learn_bias(self, predictor):
        """Learn the correction of a target that is trained on its logarithm."""
        if self.corrects:
            inputs = (self.rows if self.validation is None else self.validation).x
            output = predictor.predict(inputs, verbose=0)
            self.target.learn_bias(output, self.in_units.y, self.in_units.weights)

    @property
    def corrects(self):
        """Whether the target is trained on its logarithm and then corrected."""
        return getattr(self.target, "log", False) and not self.target.head.levels


def report_of(members, training, limit):
    """What was trained and which epoch was kept, as text.

    Args:
        members: list of `Member`.
        training: has `settings`, `monitor` and `planned`, as `Training`.
        limit: `TimeLimit`.
    """
    first, settings = members[0], training.settings
    done, epochs = len(first.network.history.epoch), settings["epochs"]
    if first.best is None:
        found = [f"Trained {done} of {epochs} epochs without a validation set."]
    else:
        found = [f"Kept epoch {first.epoch} of {done}, the best by {training.monitor.column}."]
        if first.best.stopped_epoch and done < epochs:
            found.append(f"Stopped early: no better epoch among the last {settings['patience']}.")
    if training.left_out:
        found.append(
            f"time_limit={limit.seconds:g} left time for {len(members)} of "
            f"{len(members) + training.left_out} networks."
        )
    if training.planned is not None:
        found.append(
            f"Of {training.planned[0]} epochs {training.planned[1]} fit in time_limit="
            f"{limit.seconds:g}; schedules end with them."
        )
    if first.clock is not None and first.clock.stopped:
        found.append(
            f"Stopped after epoch {done} of {epochs} because of time_limit={limit.seconds:g}."
        )
    if len(members) > 1:
        found.insert(0, f"The first of {len(members)} networks:")
    return " ".join(found)


class Member:
    """A network with the callbacks that decide on its epochs, and its rows.

    Args:
        network: `Network`.
        settings: dict of its hyperparameters.
        rows, validation: encoded `Rows`.
        in_units: `validation` before it was encoded.
    """

    def __init__(self, network, settings, rows=None, validation=None, in_units=None):
        self.network, self.settings = network, settings
        self.rows, self.validation = rows, validation
        self.in_units, self.score = in_units, None
        self.callbacks, self.best, self.clock, self.outputs = [], None, None, None

    @property
    def epoch(self):
        """The number of the epoch whose weights the network has."""
        return self.best.best_epoch + 1 if self.best else len(self.network.history.epoch)

    def crossed(self, monitor, target):
        """`cross_selected` of its validation rows; None where their outputs were not kept."""
        if self.outputs is None or not self.outputs.outputs:
            return None
        found, y, weights = self.outputs.outputs, self.validation.y, self.validation.weights
        if self.score is not None:
            score = by_scorer(self.score, found, self.in_units.y, weights)
        elif monitor.name == "loss":
            score = by_loss(target.head, found, y, weights)
        else:
            score = by_metric(monitor, target.head, target.n, found, y, weights)
        return cross_selected(found, score)

    def history(self):
        found = self.network.history
        return history_frame(found.history, found.epoch)


def crossed(members, monitor, target):
    """What each member predicts for its validation rows at epochs that other rows selected.

    Returns:
        list of float64 `(rows, outputs)`; None unless all members kept their outputs.
    """
    found = [member.crossed(monitor, target) for member in members]
    return None if not found or any(one is None for one in found) else found


def check_settings(estimator):
    """Check the arguments of an estimator; returns the hyperparameters that they resolve to.

    Raises:
        ValueError: an argument is out of range, or the preset does not accept it.
    """
    settings = estimator._hyperparameters()
    given = estimator.get_params(deep=False)
    check({name: given[name] for name in names(ESTIMATOR) if name in given}, ESTIMATOR)
    return check(settings, ESTIMATOR | PRESET)


def enough_steps(settings, estimator, rows):
    """The hyperparameters for a table of so many rows: of few, more epochs, unless they are given.

    After too few steps, the schedule of a preset ends far from the best weights. Without validation
    rows, which choose the epoch, more steps would fit the noise of very small tables.

    Args:
        settings: dict of checked hyperparameters.
        estimator: `TableEstimator`.
        rows: int, number of rows to train on.

    Returns:
        dict of hyperparameters.
    """
    least = PRESETS[estimator._chosen_preset()].least_steps if estimator._of_numbers else 0
    given = estimator.epochs is not None or estimator.batch_size is not None
    if given or not least:
        return settings
    steps = math.ceil(rows / rows_per_step(settings["batch_size"], rows))
    longer = least / (steps * settings["epochs"])
    if longer <= 1:
        return settings
    own = {"epochs": math.ceil(least / steps)}
    if estimator.patience is None:
        own["patience"] = round(settings["patience"] * longer)
    return settings | own


def make_encoder(estimator, settings, rows):
    """The encoder of an estimator, fitted on `Rows` of a `Frame`."""
    encoder = TableEncoder(
        settings["scaling"],
        settings["one_hot_limit"],
        estimator.categorical or (),
        estimator.columns,
    )
    return encoder.fit(rows.x, sample_weight=rows.weights)


def largest(settings):
    """Settings with the largest value of each hyperparameter that is drawn."""
    return {k: v.largest() if isinstance(v, Range) else v for k, v in settings.items()}


def as_column(rows):
    return rows and rows.replace(y=rows.y.reshape(-1, 1))


def names_of(metrics):
    """The names among metrics, which may be one, several or None."""
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    return [metric for metric in metrics if isinstance(metric, str)]


def with_metric(metrics, monitor, target):
    """The metrics asked for, with the monitored one among them; None means the default ones."""
    name, default = monitor.name, target.head.metric_names(target.n)
    if name == "loss" or monitor.scorer is not None or (metrics is None and name in default):
        return metrics
    metrics = default if metrics is None else metrics
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    return metrics if name in metrics else [*metrics, name]


def rows_per_step(batch_size, rows):
    """`batch_size` as an integer or "full"; "auto" grows with the number of rows.

    64 up to 1,024 rows, 128 to 8,192, 256 to 30,000, 512 to 100,000, else 1,024; slightly more or
    less, so that the last step of an epoch has as many rows as the others.
    """
    if batch_size != "auto":
        return batch_size
    limits = {1_024: 64, 8_192: 128, 30_000: 256, 100_000: 512}
    wanted = next((size for limit, size in limits.items() if rows <= limit), 1_024)
    return math.ceil(rows / max(1, round(rows / wanted)))


def history_frame(history, epochs):
    index = pd.RangeIndex(1, len(epochs) + 1, name="epoch")
    return pd.DataFrame(history, index=index)
