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

import numpy as np
from sklearn.model_selection import PredefinedSplit

from ..checks.named_array import NamedArray
from ..checks.target_leakage import LEAKAGE, silenced, warn_of_copies, warn_of_row_numbers
from ..checks.targets import ABSENT, CONSTANT, warn_of_constants
from ..checks.weights import LACKING
from ..core.arguments import check_fraction
from ..core.rows import unpack_validation_data
from ..stopping.time_limit import TimeLimit
from ..tables.rows import (
    check_exclusive,
    read_rows,
    repeat_by_weight,
    sort_rows,
    weigh_classes,
)
from ..tables.splits import first_split, holdout, strata_of
from ..tables.targets.reading import drop_missing_targets
from .ensemble import (
    MIN_ROWS_TO_SPLIT,
    bags_of,
    check_bagging,
    equal_steps,
    layers_of_members,
    out_of_fold,
    split_members,
    threads_for,
    train_each,
)
from .training import (
    Training,
    check_settings,
    crossed,
    enough_steps,
    report_of,
    rows_per_step,
)


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
    check_bagging(estimator, given, validation_data)
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
    bags = bags_of(estimator, rows, validation_data)
    if bags:
        recorder.divide(rows, None, given=False)
        with silenced(*told, ABSENT, LACKING):  # a member may have no rows of a rare class
            return fit_bags(estimator, rows, class_weight, target, rng, limit, bags)
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


def fit_rows(estimator, rows, validation, target, rng, limit=None, start=None, every=None):
    """Train on rows that are read and split.

    Args:
        estimator: `TableEstimator`.
        rows: `Rows` of a `Frame` to train on.
        validation: such `Rows` to evaluate each epoch on, or None.
        target: target of `tables/targets/`; it learns its units from `rows`.
        rng: `numpy.random.Generator` that draws the seed of each member.
        limit: `TimeLimit`. None begins the one of the estimator.
        start: fitted estimator to begin with the weights of, or None.
        every: such `Rows` to train on again, for the best number of epochs, or None.

    Returns:
        dict of the estimator's fitted attributes.
    """
    settings = check_settings(estimator)
    if validation is not None:
        settings = enough_steps(settings, estimator, len(rows))
    estimator._check_decisions(target, validation)
    limit = TimeLimit.of(estimator) if limit is None else limit
    every = None if validation is None else every
    training = Training(estimator, settings, rows, validation, target, start)
    training.limit = limit
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
        "hyperparameters_": training.reported(members),
        "fit_report_": report + limit.report(),
        **found,
    }


def fit_bags(estimator, rows, class_weight, target, rng, limit, bags):
    """Train members each of which has rows of its own to train on and to validate on.

    Args:
        estimator, target, rng, limit: see `fit_rows`.
        rows: `Rows` of a `Frame`, all of them, in the order of the user.
        class_weight: of the estimator.
        bags: see `ensemble.bags_of`.

    Returns:
        dict of the estimator's fitted attributes, "oof_output_", the output `(rows, outputs)` of
        the members that were not trained on a row, and "oof_rows_", `rows`.
    """
    # A row that is repeated by its weight would be in several folds. `time` carries positions.
    mixed = weigh_classes(rows.replace(time=np.arange(len(rows))), class_weight, target)
    mixed = sort_rows(mixed)
    places, mixed = mixed.time, mixed.replace(time=None)
    strata = strata_of(mixed.y, target.head.kind == "class")
    bagging, n = bags
    pairs = split_members(bagging, mixed, strata, n, rng)
    sizes = [len(train) for train, _ in pairs]
    settings = enough_steps(check_settings(estimator), estimator, max(sizes))
    settings = settings | {"n_members": len(pairs)}
    estimator._check_decisions(target, mixed)
    training = Training(estimator, settings, mixed, None, target)
    training.limit = limit
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
        "hyperparameters_": training.reported(members),
        "history_": members[0].history(),
        "best_epoch_": members[0].epoch,
        "fit_report_": report_of(members, training, limit) + limit.report(),
        "n_rows_": len(rows),
        "oof_output_": in_order,
        "oof_rows_": rows,
    }
