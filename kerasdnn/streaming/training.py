"""Fit an estimator on a table that is read in parts.

1. One pass counts rows and classes, and collects two random samples: rows to validate on (at most
   100,000, in memory) and up to 131,072 training rows, on which the encoder is begun.
2. One pass over the training rows learns the encoding; see `statistics`.
3. Each epoch is one pass: row groups come in random order, four at a time in turns; rows are
   encoded in a background thread and shuffled in a buffer of up to 262,144 rows (64 MB).

The order of an epoch depends on the seed and the training step at its start. Therefore a run that
`keras.callbacks.BackupAndRestore` resumes sees the rows of one that was not interrupted. With its
`save_freq=n` it resumes after the last n steps, also within an epoch, whose earlier rows are read
but not trained on; the logs of that epoch are of the others.
"""

import math
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from ..checks.divergence import reject_divergence
from ..core import keras_internals
from ..core.arguments import check_fraction
from ..core.messages import invalid, warn
from ..core.rows import Rows, unpack_validation_data
from ..core.sources import is_source
from ..estimators.ensemble import MIN_ROWS_TO_SPLIT, average
from ..estimators.presets import PRESETS, has_end
from ..estimators.ranges import report, settings_of_member
from ..estimators.training import (
    Member,
    check_settings,
    crossed,
    enough_steps,
    names_of,
    report_of,
    rows_per_step,
    with_metric,
)
from ..heads.loss import with_loss
from ..heads.problem_types import make_problem
from ..stopping.best_epoch import best_epoch_callback
from ..stopping.cross_selection import EpochOutputs, crosses
from ..stopping.scores import EpochScore, Scored, as_table, find_monitor
from ..stopping.time_limit import EndInTime, TimeLimit
from ..tables.encoder import TableEncoder
from ..tables.frame import read_frame
from ..tables.rows import read_rows, weigh_classes
from ..tables.targets.numbers import NumberTarget
from ..tables.targets.reading import read_target
from .source import Source, open_source, target_columns, uniform
from .statistics import Moments, learn_encoder

SAMPLE_ROWS = 131_072
MAX_VALIDATION_ROWS = 100_000
BUFFER_ROWS, BUFFER_BYTES = 262_144, 64 * 2**20


@dataclass
class Parts:
    """Which rows of a source are trained on, validated on and sampled.

    Attributes:
        source: `Source`.
        target: list of the names of the target's columns.
        seed: int, of the split.
        validation: fraction of the rows to validate on.
        drop: bool, whether rows without a target are left out; otherwise they are an error.
    """

    source: Source
    target: list[str]
    seed: int
    validation: float
    drop: bool

    @property
    def features(self):
        return [name for name in self.source.names if name not in self.target]

    def trains(self, numbers):
        return uniform(numbers, self.seed) >= self.validation

    def samples(self, numbers):
        return uniform(numbers, self.seed + 1) < SAMPLE_ROWS / self.source.rows

    def frames(self, keep=None, rng=None):
        """Yield (X, y) DataFrames."""
        for frame in self.source.frames(self.source.names, rng, keep):
            missing = frame[self.target].isna().any(axis=1)
            if missing.any() and not self.drop:
                raise ValueError(
                    f"Input y contains NaN: {int(missing.sum()):,} of {len(missing):,} rows from "
                    f"row {frame.index[0]:,} on have a missing target (first: row "
                    f"{frame.index[missing.to_numpy().argmax()]:,}). Pass missing_target='drop'."
                )
            if missing.any():
                frame = frame[~missing]
            y = frame[self.target]
            yield frame[self.features], y[self.target[0]] if len(self.target) == 1 else y


class Survey:
    """What the first pass finds.

    Attributes:
        n_rows: int, rows with a target; n_train: those that are trained on.
        classes: Series, how many training rows have each label; of numbers `moments` instead.
        sample, held: (X, y) of the sampled training rows and of those to validate on.
    """

    def __init__(self, parts, labels):
        self.n_rows = self.n_train = 0
        self.classes, self.moments = {}, Moments()
        samples, held = [], []
        for x, y in parts.frames():
            numbers = x.index.to_numpy()
            trains = parts.trains(numbers)
            self.n_rows, self.n_train = self.n_rows + len(x), self.n_train + int(trains.sum())
            if labels and y.ndim == 1:
                for label in y.unique():
                    self.classes.setdefault(label, 0)
                for label, count in y[trains].value_counts().items():
                    self.classes[label] += int(count)
            elif all(map(pd.api.types.is_numeric_dtype, y.dtypes if y.ndim == 2 else [y.dtype])):
                self.moments.add(y[trains].to_numpy("float64").reshape(int(trains.sum()), -1))
            for mask, found in ((trains & parts.samples(numbers), samples), (~trains, held)):
                if mask.any():
                    found.append((x[mask], y[mask]))
        if not samples:
            raise ValueError("`y` must have values. Received: none that is not missing.")
        self.sample = tuple(map(pd.concat, zip(*samples, strict=True)))
        self.held = tuple(map(pd.concat, zip(*held, strict=True))) if held else None


def fit_source(estimator, given, validation_data, make_target, recorder):
    """Train on a table that is read in parts; see `estimators.fit.fit_table`.

    Args:
        estimator: `TableEstimator`.
        given: `Rows` of what `open_source` accepts, and the name of a column as y.
        validation_data: (X, y) or None; such a source, or a table in memory.
        make_target: function of (y, column names of y) that returns a target.
        recorder: `records.contents.Recorder` of this training.

    Returns:
        dict of the estimator's fitted attributes.
    """
    if estimator.bagging:
        rule = "is not supported if X is read in parts"
        raise invalid("bagging", rule, estimator.bagging)
    for name, value in zip(("sample_weight", "groups", "time"),
                           (given.weights, given.groups, given.time), strict=True):  # fmt: skip
        if value is not None:
            received = f"an object of type {type(value).__name__}"
            raise invalid(name, "is not supported if X is read in parts", received=received)
    for name in ("validation_split", "refit", "warm_start"):
        if getattr(estimator, name):
            value = getattr(estimator, name)
            raise invalid(name, "is not supported if X is read in parts", value)
    limit = TimeLimit.of(estimator)
    fraction = check_fraction("validation_fraction", estimator.validation_fraction)
    settings = check_settings(estimator)
    rng = np.random.default_rng(estimator._draw_seed())
    source = open_source(given.x)
    small = source.rows < MIN_ROWS_TO_SPLIT or validation_data is not None
    parts = Parts(
        source,
        target_columns(source, given.y),
        int(rng.integers(2**31)),
        0.0 if small else min(fraction, MAX_VALIDATION_ROWS / source.rows),
        estimator.missing_target == "drop",
    )
    survey = Survey(parts, labels=hasattr(estimator, "class_weight"))
    if survey.n_rows < source.rows:
        warn(
            f"`y` has missing values in {source.rows - survey.n_rows:,} of {source.rows:,} rows, "
            "which are dropped."
        )
    target = learn_target(survey, make_target)
    validation = None
    if validation_data is not None:
        validation = read_validation(validation_data, target)
    elif survey.held is not None:
        validation, _ = read_rows(Rows(*survey.held), target)
    if validation is not None:
        settings = enough_steps(settings, estimator, survey.n_train)
    given = validation_data is not None
    recorder.read_in_parts(parts.features, parts.target, survey.n_rows, validation, given=given)
    run = Run(estimator, settings, parts, survey, target, validation, limit)
    fitted = run.fit(rng)
    return {**fitted, "n_rows_": survey.n_rows}


def read_validation(validation_data, target):
    """Read `validation_data`, in memory or a source, as `Rows` of a `Frame`."""
    rows = unpack_validation_data(validation_data)
    return read_rows(in_memory(rows) if is_source(rows.x) else rows, target)[0]


def in_memory(rows):
    """Read a source, and the name of a column as y, as `Rows` of DataFrames."""
    source = open_source(rows.x)
    names = target_columns(source, rows.y)
    x, y = divided(pd.concat(list(source.frames(source.names))), names)
    return rows.replace(x=x, y=y)


def sample_of(source, target, seed, rows=SAMPLE_ROWS):
    """Return (X, y), DataFrames of about `rows` random rows of a source that have a target."""
    keep = lambda numbers: uniform(numbers, seed) < rows / source.rows
    frames = list(source.frames(source.names, keep=keep))
    frame = pd.concat(frames).dropna(subset=target).reset_index(drop=True)
    if not len(frame):
        raise ValueError("`y` must have values. Received: none that is not missing.")
    return divided(frame, target)


def divided(frame, target):
    """Return (X, y) of a DataFrame; y is a Series if `target` names one column."""
    y = frame[target[0]] if len(target) == 1 else frame[target]
    return frame.drop(columns=target), y


def learn_target(survey, make_target):
    """The target, with the units or class frequencies of all training rows.

    The units of logarithms, and of targets that are divided by their mean, are those of the sample.
    """
    y, names = read_target(survey.sample[1])
    if survey.classes:
        labels = pd.Series(list(survey.classes), dtype=survey.sample[1].dtype)
        y, _ = read_target(pd.concat([survey.sample[1], labels]))
        target = make_target(y, names)
        codes = target.encode(read_target(labels)[0])
        target.learn(codes, np.array(list(survey.classes.values()), dtype="float64"))
        return target
    target = make_target(y, names)
    target.learn(target.encode(y), None)
    return target


def exact_units(target, moments):
    """Set the units of a standardized target to those of all training rows."""
    if isinstance(target, NumberTarget):
        if not target.head.one_column:
            target.baseline = moments.mean
        if target.head.standardize and not target.log:
            target.center = moments.mean
            spread, largest = moments.deviation, np.maximum(abs(moments.low), abs(moments.high))
            target.scale = np.where(spread > 1e-12 * largest, spread, 1.0)


class Run:
    """Trains on the parts of a source that are found.

    Args:
        estimator: `TableEstimator`.
        settings: dict of checked hyperparameters; it is changed.
        parts, survey: `Parts`, `Survey`.
        target: target of `tables/targets/`.
        validation: `Rows` of a `Frame` to evaluate each epoch on, or None.
        limit: `TimeLimit`.
    """

    def __init__(self, estimator, settings, parts, survey, target, validation, limit):
        if settings["batch_size"] == "full":
            raise invalid("batch_size", "must be an integer if X is read in parts", "full")
        estimator._check_decisions(target, validation)
        self.estimator, self.settings, self.target = estimator, settings, target
        self.parts, self.survey, self.validation, self.limit = parts, survey, validation, limit
        self.planned = None  # epochs that were asked for, and those that fit in the time
        self.left_out = 0  # networks for which there is no time
        self.encoder = encoder = TableEncoder(
            settings["scaling"],
            settings["one_hot_limit"],
            estimator.categorical or (),
            estimator.columns,
        )
        frames = lambda: (x for x, _ in parts.frames(parts.trains))
        learn_encoder(encoder, survey.sample[0], frames, len(survey.sample[0]) == survey.n_train)
        target.head = with_loss(target.head, settings["loss"])
        exact_units(target, survey.moments)
        self.monitor = find_monitor(
            settings["monitor"], target.head, others=names_of(settings["metrics"])
        )
        settings["metrics"] = with_metric(settings["metrics"], self.monitor, target)
        if settings.get("clip") and target.bounded:
            target.keep_range(np.stack([survey.moments.low, survey.moments.high]))
        self.encode = Encode(encoder, target, settings["loss"] is not None, *class_factors(
            getattr(estimator, "class_weight", None), target, survey
        ))  # fmt: skip
        self.sample = self.encode(*survey.sample)
        self.problem = make_problem(target.head, self.sample[0].shape[1], target.n)
        settings["batch_size"] = rows_per_step(settings["batch_size"], survey.n_train)
        self.held = None if validation is None else self.encode.rows(validation)
        self.encoded = self.held and Rows(*self.held)
        self.score = None
        if validation is not None and self.monitor.scorer is not None:
            X = as_table(validation.x)
            self.score = Scored(self.monitor, estimator, target, X, {"encoder_": encoder})

    def fit(self, rng):
        """Train all members; returns the fitted attributes."""
        count = self.settings["n_members"]
        seeds, members = [int(rng.integers(2**31)) for _ in range(count)], []
        while len(members) < count:
            left = count - len(members)
            members.append(self.train(seeds[len(members)], left))
            if (clock := members[-1].clock) is not None and clock.members < left:
                self.left_out += left - clock.members
                count = self.settings["n_members"] = len(members) - 1 + clock.members
        networks = [member.network for member in members]
        predictor = networks[0] if count == 1 else average(networks)
        target = self.target
        if getattr(target, "log", False) and not target.head.levels:
            inputs, y = self.sample[0], target.encode(read_target(self.survey.sample[1])[0])
            if self.validation is not None:
                inputs, y = self.held[0], self.validation.y
            target.learn_bias(predictor.predict(inputs, verbose=0), y)
        return {
            **self.decide(predictor, members),
            "encoder_": self.encoder,
            "target_": target,
            "network_": predictor,
            "hyperparameters_": report(self.settings, [member.settings for member in members]),
            "history_": members[0].history(),
            "best_epoch_": members[0].epoch,
            "fit_report_": report_of(members, self, self.limit) + self.limit.report(),
        }

    def decide(self, predictor, members):
        """The attributes that are learned from the validation rows after training."""
        if self.held is None:
            return self.estimator._decide(self.target, predictor, None, None)
        rows = self.validation.replace(weights=self.encoded.weights)
        found = crossed(members, self.monitor, self.target)
        if found is None:
            return self.estimator._decide(self.target, predictor, self.held[0], rows)
        return self.estimator._decide_by_outputs(self.target, np.mean(found, axis=0), rows)

    def train(self, seed, runs):
        """Train a network; `runs`: how many are still to come before the limit."""
        settings, held = self.settings, self.held
        epochs = settings["epochs"]
        rows = Batches(self.parts, self.encode, settings["batch_size"], self.survey.n_train, seed)
        # A preset computes the number of steps from those of its rows, here a sample.
        as_sampled = {"batch_size": len(self.sample[0]), "epochs": epochs * len(rows)}
        build = PRESETS[self.estimator._chosen_preset()].build
        own = settings_of_member(settings, seed)
        network = build(self.problem, self.encoder, own | as_sampled, seed, *self.sample[:2])
        rows.network = network
        member = Member(network, own, None, self.encoded, self.validation)
        member.score = self.score
        callbacks = list(self.estimator.callbacks or ())
        if held is not None:
            if self.score is not None:
                weights = self.encoded.weights
                callbacks.insert(0, EpochScore(self.score, held[0], self.validation.y, weights))
            if crosses(self.estimator, self.encoded):
                member.outputs = EpochOutputs(held[0])
                callbacks.append(member.outputs)
            patience = settings["patience"] if settings["early_stopping"] else epochs
            member.best = best_epoch_callback(self.monitor, patience)
            callbacks.append(member.best)
        if self.limit.measures:
            member.clock = EndInTime(
                self.limit, epochs, self.survey.n_train, runs, has_end(settings), runs
            )
            callbacks.append(member.clock)
        network.fit(
            rows,
            epochs=epochs,
            shuffle=False,
            verbose=self.estimator.verbose,
            callbacks=callbacks or None,
            validation_data=held,
        )
        if member.clock is not None and member.clock.plan is not None:
            self.planned = (self.planned or [epochs])[0], member.clock.plan
            settings["epochs"] = member.clock.plan
            return self.train(seed, member.clock.members)
        reject_divergence(network, own["learning_rate"])
        return member


def class_factors(class_weight, target, survey):
    """Return (the weight of each class or None, the mean weight of the training rows)."""
    if class_weight is None:
        return None, 1.0
    codes = target.encode(np.array(list(survey.classes)))
    mass = np.zeros(target.n)
    mass[codes] = list(survey.classes.values())
    rows = Rows(None, np.arange(target.n), mass)
    factors = weigh_classes(rows, class_weight, target).weights / np.maximum(mass, 1)
    return factors, (factors * mass).sum() / mass.sum()


class Encode:
    """Encode (X, y) of DataFrames as the network takes them.

    Args:
        encoder, target: fitted.
        column: bool, whether y of one output has two dimensions, as a custom loss requires.
        factors: float `(classes,)`, the weight of each class, or None.
        mean_weight: of the training rows.
    """

    def __init__(self, encoder, target, column, factors, mean_weight):
        self.encoder, self.target, self.column = encoder, target, column
        self.factors, self.mean_weight = factors, mean_weight

    def __call__(self, x, y):
        """Return (x, y) or (x, y, weights)."""
        return self.rows(Rows(read_frame(x), self.target.encode(read_target(y)[0])))

    def rows(self, rows):
        """Return the same of `Rows` whose y is encoded."""
        y = self.target.to_network(rows.y) if hasattr(self.target, "to_network") else rows.y
        if self.column and self.target.head.units == "1":
            y = y.reshape(-1, 1)
        x = self.encoder.encode(rows.x)
        if self.factors is None and rows.weights is None:
            return x, y
        weights = 1.0 if rows.weights is None else rows.weights / rows.weights.mean()
        if self.factors is not None:
            weights = weights * self.factors[rows.y] / self.mean_weight
        return x, y, weights.astype("float32")


class Batches(keras.utils.PyDataset):
    """The batches of every epoch, in an order that depends on the seed and the training step.

    Args:
        parts: `Parts`.
        encode: `Encode`.
        batch_size, rows: int, rows per step and per epoch.
        seed: int.
    """

    def __init__(self, parts, encode, batch_size, rows, seed):
        super().__init__()
        self.parts, self.encode, self.batch_size = parts, encode, batch_size
        self.n_rows, self.seed = rows, seed
        self.network = self.reader = self.empty = None
        self.done = 0  # steps of the epoch before an interruption

    def resume_at_step(self, step):
        """Prepare to begin at a training step; return (epoch, steps of it that are done)."""
        epoch, self.done = divmod(step, len(self))
        return epoch, self.done

    def __len__(self):
        return math.ceil(self.n_rows / self.batch_size)

    def on_epoch_begin(self):
        step = int(keras_internals.step_counter(self.network.optimizer).numpy())
        self.reader = self.epoch(np.random.default_rng([self.seed, step - self.done]))
        for _ in range(self.done):
            next(self.reader)

    def on_epoch_end(self):
        self.reader, self.done = None, 0

    def __getitem__(self, index):
        """Return the next batch; for steps that are not run, one with the right columns."""
        if self.reader is not None and index >= self.done:
            return next(self.reader)
        if self.empty is None:
            x, y = next(iter(self.parts.frames(self.parts.trains)))
            self.empty = tuple(part[:1] for part in self.encode(x[:1], y[:1]))
        return self.empty

    def epoch(self, rng):
        """Yield the batches of one epoch."""
        waiting, count, size = [], 0, None
        for x, y in self.parts.frames(self.parts.trains, rng):
            waiting.append(self.encode(x, y))
            count += len(x)
            size = size or min(BUFFER_ROWS, BUFFER_BYTES // (4 * waiting[0][0].shape[1]))
            if count >= max(size, self.batch_size):
                rest = yield from self.shuffled(waiting, rng, count % self.batch_size)
                waiting, count = [rest], len(rest[0])
        if count:
            yield from self.shuffled(waiting, rng, 0)

    def shuffled(self, waiting, rng, left):
        """Yield batches of the waiting rows in random order; return the last `left` rows."""
        parts = [np.concatenate(part) for part in zip(*waiting, strict=True)]
        waiting.clear()
        order = rng.permutation(len(parts[0]))
        for start in range(0, len(order) - left, self.batch_size):
            rows = order[start : start + self.batch_size]
            yield tuple(part[rows] for part in parts)
        rows = order[len(order) - left :]
        return tuple(part[rows] for part in parts)
