"""Fit an estimator: from a table and labels to a trained network.

1. Read X and y and check the weights.
2. Drop rows of weight 0; in small tables repeat rows of weight 2, 3, ... and sort all rows.
3. Hold out a stratified random validation set.
4. Learn the encoding and the target's units from the training rows.
5. Train and restore the weights of the best epoch.
6. Calibrate probabilities, choose a threshold, or take residuals, on the validation rows.
7. With `refit`, train again on all rows for as many epochs.

With `bagging` each member holds out rows of its own in step 3, and all rows take part in step 4.
"""

import math

import numpy as np
import pandas as pd
from sklearn.model_selection import PredefinedSplit

from ..checks.divergence import reject_divergence
from ..checks.named_array import NamedArray
from ..checks.target_leakage import LEAKAGE, silenced, warn_of_copies, warn_of_row_numbers
from ..checks.targets import ABSENT, CONSTANT, warn_of_constants
from ..core.arguments import check_fraction
from ..core.messages import invalid
from ..core.rows import unpack_validation_data
from ..heads import check_shapes, make_problem, with_loss
from ..hyperparameters import ESTIMATOR, PRESET, Range, check, names
from ..stopping.best_epoch import BestEpoch as BestEpoch
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
from ..stopping.time_limit import EndInTime, TimeLimit
from ..tables.encoder import TableEncoder
from ..tables.rows import (
    check_exclusive,
    encode_rows,
    read_rows,
    repeat_by_weight,
    sort_rows,
    weigh_classes,
)
from ..tables.splits import first_split, holdout, strata_of
from ..tables.targets import drop_missing_targets
from ..training.size import Size, warn_of_size
from .ensemble import (
    N_FOLDS,
    average,
    check_bagging,
    copy_weights,
    equal_steps,
    layers_of_members,
    out_of_fold,
    own_history,
    split_members,
    threads_for,
    together_pays,
    train_each,
    train_together,
)
from .presets import PRESETS, has_end

FEW = 2  # networks that take less time in turn, with a shared function, than as one on a GPU
MIN_ROWS_TO_SPLIT = 50  # fewer rows are all trained on


def fit_table(estimator, given, validation_data, make_target, recorder):
    """Train on a table.

    Args:
        estimator: `TableEstimator`. Where it is fitted and has `warm_start`, training begins with
            its weights, its encoder and its target.
        given: `Rows` as the user passed them.
        validation_data: (X, y) or (X, y, sample_weight). None holds out a part of the rows.
        make_target: function of (y, column names of y) that returns a target.
        recorder: `records.contents.Recorder` of this training.

    Returns:
        dict of the estimator's fitted attributes.
    """
    fraction = check_fraction("validation_fraction", estimator.validation_fraction)
    check_settings(estimator)
    limit = TimeLimit.of(estimator)
    splitter, refit = estimator.validation_split, estimator.refit
    check_exclusive(groups=given.groups, time=given.time, validation_data=validation_data)
    check_exclusive(validation_split=splitter, validation_data=validation_data)
    check_exclusive(refit=refit or None, validation_data=validation_data)
    own_rows = check_bagging(estimator, given, validation_data)
    rng = np.random.default_rng(estimator._draw_seed())
    class_weight = getattr(estimator, "class_weight", None)
    start = estimator if estimator.warm_start and hasattr(estimator, "network_") else None

    total = len(given.y) if splitter is not None and hasattr(given.y, "__len__") else 0
    if estimator.missing_target == "drop":
        given = drop_missing_targets(given)
    rows, target = read_rows(given, start and start.target_, make_target)
    recorder.read(given, rows, target)
    told = [LEAKAGE] if warn_of_copies(rows.x, rows.y) else []
    if target.head.kind == "labels" and (rows.y.min(axis=0) == rows.y.max(axis=0)).any():
        told.append(CONSTANT)
    elif target.head.kind == "number" and warn_of_constants(NamedArray(rows.y, given.names[1])):
        told.append(CONSTANT)  # here in its own units
    warn_of_row_numbers(rows.x)
    n_rows = len(rows)
    if own_rows:
        recorder.divide(rows, None, given=False)
        with silenced(*told):
            return fit_bags(estimator, rows, class_weight, target, rng, limit)
    rows = rows if splitter is not None else repeat_by_weight(rows)
    rows = weigh_classes(rows, class_weight, target)
    strata = strata_of(rows.y, target.head.kind == "class")
    parts, validation = None, None
    if splitter is not None:  # which may hold positions: before the rows are sorted
        check_positions(splitter, total, len(rows))
        parts = first_split(rows, strata, splitter)
        validation = rows.take(parts[1])
    every = sort_rows(rows)
    rows = every if parts is None else sort_rows(rows.take(parts[0]))
    if validation_data is not None:
        validation, _ = read_rows(unpack_validation_data(validation_data), target)
        validation = weigh_classes(validation, class_weight, target)
    elif parts is None and fraction and len(rows) >= MIN_ROWS_TO_SPLIT:
        strata = strata_of(rows.y, target.head.kind == "class")
        train, held = holdout(rows, strata, fraction, rng)
        if len(held):
            rows, validation = rows.take(train), rows.take(held)
    recorder.divide(rows, validation, given=validation_data is not None)
    with silenced(*told):
        fitted = fit_rows(
            estimator, rows, validation, target, rng, limit, start, every if refit else None
        )
    if validation_data is not None:
        fitted["encoder_"].warn_of_unseen(validation.x)
    return {**fitted, "n_rows_": n_rows}


def check_positions(splitter, total, count):
    """Reject positions of rows where some rows are left out."""
    by_position = not hasattr(splitter, "split") or isinstance(splitter, PredefinedSplit)
    if by_position and count != total:
        raise ValueError(
            "`validation_split` must not contain positions where rows are left out. Received: "
            f"{total:,} rows, of which {total - count:,} weigh 0 or lack a target. Drop them from "
            "X and y, and count the positions without them."
        )


def check_settings(estimator):
    """Check the arguments of an estimator; returns the hyperparameters that they resolve to.

    Raises:
        ValueError: an argument is out of range, or the preset does not accept it.
    """
    settings = estimator._hyperparameters()
    given = estimator.get_params(deep=False)
    check({name: given[name] for name in names(ESTIMATOR) if name in given}, ESTIMATOR)
    return check(settings, ESTIMATOR | PRESET)


def fit_rows(estimator, rows, validation, target, rng, limit=None, start=None, every=None):
    """Train on rows that are read and split.

    Args:
        estimator: `TableEstimator`.
        rows: `Rows` of a `Frame` to train on.
        validation: such `Rows` to evaluate each epoch on, or None.
        target: target of `tables/targets.py`; it learns its units from `rows`.
        rng: `numpy.random.Generator` that draws the seed of each member.
        limit: `TimeLimit`. None begins the one of the estimator.
        start: fitted estimator to begin with the weights of, or None.
        every: such `Rows` to train on again, for the best number of epochs, or None.

    Returns:
        dict of the estimator's fitted attributes.
    """
    settings = check_settings(estimator)
    estimator._check_decisions(target, validation)
    limit = TimeLimit.of(estimator) if limit is None else limit
    every = None if validation is None else every
    training = Training(estimator, settings, rows, validation, target, start)
    training.limit = limit
    if training.preset.train is not None:
        return fit_as_one(training, rng, limit, start, every)
    count = settings["n_members"]
    begin = [None] * count if start is None else layers_of_members(start.network_, count)
    seeds = [int(rng.integers(2**31)) for _ in range(count)]
    runs = 1.0 if every is None else 1 + len(every) / len(rows)
    if limit.seconds is None:
        alone = every is not None or start is not None
        members = training.train_all(training.begin(seeds, begin), alone, runs)
    else:
        members = training.train_in_time(seeds, begin, runs)
        seeds, begin = seeds[: len(members)], begin[: len(members)]
    predictor = training.predictor(members)
    training.learn_bias(predictor)
    decisions = training.decide(predictor, members)
    found = {"history_": members[0].history(), "best_epoch_": members[0].epoch}
    report = report_of(members, training, limit)
    if every is not None:
        training = Training(estimator, training.given, every, None, target, start)
        epochs = [member.epoch for member in members]
        members = training.begin(seeds, begin)
        train_each(training, members, epochs, threads_for(training, members))
        predictor = training.predictor(members)
        report += f" Trained again on all {len(every):,} rows for {members[0].epoch} epochs."
    return {
        **decisions,
        "encoder_": training.encoder,
        "target_": target,
        "network_": predictor,
        "hyperparameters_": training.settings,
        "fit_report_": report + limit.report(),
        **found,
    }


def fit_bags(estimator, rows, class_weight, target, rng, limit):
    """Train members each of which has rows of its own to train on and to validate on.

    Args:
        estimator, target, rng, limit: see `fit_rows`.
        rows: `Rows` of a `Frame`, all of them, in the order of the user.
        class_weight: of the estimator.

    Returns:
        dict of the estimator's fitted attributes, "oof_output_", the output `(rows, outputs)` of
        the members that were not trained on a row, and "oof_rows_", `rows`.
    """
    # A row that is repeated by its weight would be in several folds. `time` carries positions.
    mixed = weigh_classes(rows.replace(time=np.arange(len(rows))), class_weight, target)
    mixed = sort_rows(mixed)
    places, mixed = mixed.time, mixed.replace(time=None)
    strata = strata_of(mixed.y, target.head.kind == "class")
    pairs = split_members(estimator.bagging, mixed, strata, estimator.n_members or N_FOLDS, rng)
    settings = check_settings(estimator) | {"n_members": len(pairs)}
    estimator._check_decisions(target, mixed)
    training = Training(estimator, settings, mixed, None, target)
    training.limit = limit
    sizes = [len(train) for train, _ in pairs]
    batch = rows_per_step(settings["batch_size"], max(sizes))
    training.settings["batch_size"] = equal_steps(batch, sizes)
    members = []
    for train, held in pairs:
        parts = [training.rows.take(places).unit_weights() for places in (train, held)]
        seed = int(rng.integers(2**31))
        members.append(training.member(seed, *parts, mixed.take(held)))
    members = training.train_all(members)
    found = [member.network.predict(member.validation.x, verbose=0) for member in members]
    outputs = out_of_fold(found, len(rows), pairs)
    known = np.isfinite(outputs).all(axis=1)  # all but some with bagging="bootstrap"
    predicted, held = outputs[known], training.in_units.take(known)
    if training.corrects:
        target.learn_bias(predicted, held.y, held.weights)
    others = crossed(members, training.monitor, target)
    if others is not None:
        predicted = out_of_fold(others, len(rows), pairs)[known]
    in_order = np.empty_like(outputs)
    in_order[places] = outputs
    return {
        **estimator._decide_by_outputs(target, predicted, held),
        "encoder_": training.encoder,
        "target_": target,
        "network_": training.predictor(members),
        "hyperparameters_": training.settings,
        "history_": members[0].history(),
        "best_epoch_": members[0].epoch,
        "fit_report_": report_of(members, training, limit) + limit.report(),
        "n_rows_": len(rows),
        "oof_output_": in_order,
        "oof_rows_": rows,
    }


def fit_as_one(training, rng, limit, start, every):
    """Train by a preset that trains all networks itself.

    Args:
        training: `Training`.
        rng, limit, start, every: see `fit_rows`.

    Returns:
        dict of the estimator's fitted attributes.
    """
    estimator, settings, monitor = training.estimator, training.settings, training.monitor
    remedy = 'Leave it out, or use preset="realmlp".'
    rule = "must be left out of preset 'pack', whose networks train as one"
    for name, given in (
        ("callbacks", estimator.callbacks),
        ("refit", every),
        ("warm_start", start),
    ):
        if given:
            raise invalid(name, rule, getattr(estimator, name), remedy)
    errors = ("accuracy", "binary_accuracy")
    if monitor.scorer is not None or monitor.name not in ("loss", *errors):
        rule = "must be 'loss' or 'accuracy' in preset 'pack'"
        raise invalid("monitor", rule, settings["monitor"], 'Or use preset="realmlp".')
    held, rows = training.validation, training.rows
    with training.silenced():
        pack = training.preset.train(
            training.problem, training.encoder, settings, rows,
            held and (held.x, held.y, held.weights), rng,
            {"monitor": monitor.name if monitor.name in errors else None,
             "verbose": estimator.verbose, "limit": limit,
             "crosses": held is not None and crosses(estimator, held)},
        )  # fmt: skip
    predictor = average(pack.networks, pack.first, rows.x.shape[1:])
    training.learn_bias(predictor)
    decisions = training.decide(predictor) if pack.crossed is None else (
        training.decide_by(pack.crossed))  # fmt: skip
    return {
        **decisions,
        "encoder_": training.encoder,
        "target_": training.target,
        "network_": predictor,
        "hyperparameters_": settings | pack.drawn,
        "history_": history_frame(pack.history, pack.history["loss"]),
        "best_epoch_": pack.best_epoch,
        "fit_report_": pack.text + limit.report(),
    }


class Training:
    """Rows that are encoded for networks, and how these are trained on them.

    Args:
        estimator, rows, validation, target, start: see `fit_rows`.
        settings: dict of checked hyperparameters; it is changed where a time limit ends training.

    Attributes:
        settings: dict of the hyperparameters, resolved for these rows.
    """

    def __init__(self, estimator, settings, rows, validation, target, start=None):
        self.estimator, self.given, self.target = estimator, settings, target
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
        if settings.get("clip") and target.head.standardize and not target.head.distribution:
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

    def member(self, seed, rows=None, held=None, in_units=None):
        """A network that is not trained, with the callbacks that decide on its epochs.

        Args:
            seed: int.
            rows: encoded `Rows` to train on. None means all.
            held: encoded `Rows` to evaluate each epoch on. None means those of the training.
            in_units: `held` before it was encoded.

        Returns:
            `Member`.
        """
        settings = self.settings
        rows = self.rows if rows is None else rows
        if held is None:
            held, in_units = self.validation, self.in_units
        network = self.preset.build(self.problem, self.encoder, settings, seed, rows.x, rows.y)
        member = Member(network, rows, held, in_units)
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

    def begin(self, seeds, layers):
        """Members that are not trained; those that have layers begin with their weights."""
        members = [self.member(seed) for seed in seeds]
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
                    reject_divergence(member.network, self.settings["learning_rate"])
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
            reject_divergence(member.network, self.settings["learning_rate"])

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
            [member] = self.begin([seeds[number]], [layers[number]])
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
        rows, validation: encoded `Rows`.
        in_units: `validation` before it was encoded.
    """

    def __init__(self, network, rows=None, validation=None, in_units=None):
        self.network, self.rows, self.validation = network, rows, validation
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
