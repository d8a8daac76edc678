"""Fit an estimator: from a table and labels to a trained network.

1. Read X and y and check the weights.
2. Drop rows of weight 0; in small tables repeat rows of weight 2, 3, ... and sort all rows.
3. Hold out a stratified random validation set.
4. Learn the encoding and the target's units from the training rows.
5. Train and restore the weights of the best epoch.
6. Calibrate probabilities, choose a threshold, or take residuals, on the validation rows.
"""

import math

import keras
import numpy as np
import pandas as pd

from ..checks.divergence import reject_divergence
from ..checks.target_leakage import LEAKAGE, silenced, warn_of_copies, warn_of_row_numbers
from ..checks.targets import CONSTANT
from ..core.arguments import check_fraction
from ..core.rows import unpack_validation_data
from ..heads import better, make_problem, with_loss
from ..hyperparameters import ESTIMATOR, PRESET, check, names
from ..tables.encoder import TableEncoder
from ..tables.rows import (
    check_exclusive,
    encode_rows,
    read_rows,
    repeat_by_weight,
    sort_rows,
    weigh_classes,
)
from ..tables.splits import holdout, strata_of
from ..tables.targets import drop_missing_targets
from ..training.size import Size, warn_of_size
from .ensemble import average
from .presets import PRESETS

MIN_ROWS_TO_SPLIT = 50  # fewer rows are all trained on


def fit_table(estimator, given, validation_data, make_target, recorder):
    """Train on a table.

    Args:
        estimator: `TableEstimator`.
        given: `Rows` as the user passed them.
        validation_data: (X, y) or (X, y, sample_weight). None holds out a part of the rows.
        make_target: function of (y, column names of y) that returns a target.
        recorder: `records.contents.Recorder` of this training.

    Returns:
        dict of the estimator's fitted attributes.
    """
    fraction = check_fraction("validation_fraction", estimator.validation_fraction)
    check_settings(estimator)
    check_exclusive(groups=given.groups, time=given.time, validation_data=validation_data)
    rng = np.random.default_rng(estimator._draw_seed())
    class_weight = getattr(estimator, "class_weight", None)

    if estimator.missing_target == "drop":
        given = drop_missing_targets(given)
    rows, target = read_rows(given, make_target=make_target)
    recorder.read(given, rows, target)
    told = [LEAKAGE] if warn_of_copies(rows.x, rows.y) else []
    if target.head.kind == "labels" and (rows.y.min(axis=0) == rows.y.max(axis=0)).any():
        told.append(CONSTANT)
    warn_of_row_numbers(rows.x)
    n_rows = len(rows)
    rows = sort_rows(weigh_classes(repeat_by_weight(rows), class_weight, target))
    validation = None
    if validation_data is not None:
        validation, _ = read_rows(unpack_validation_data(validation_data), target)
        validation = weigh_classes(validation, class_weight, target)
    elif fraction and len(rows) >= MIN_ROWS_TO_SPLIT:
        strata = strata_of(rows.y, target.head.kind == "class")
        train, held = holdout(rows, strata, fraction, rng)
        if len(held):
            rows, validation = rows.take(train), rows.take(held)
    recorder.divide(rows, validation, given=validation_data is not None)
    with silenced(*told):
        fitted = fit_rows(estimator, rows, validation, target, rng)
    if validation_data is not None:
        fitted["encoder_"].warn_of_unseen(validation.x)
    return {**fitted, "n_rows_": n_rows}


def check_settings(estimator):
    """Check the arguments of an estimator; returns the hyperparameters that they resolve to.

    Raises:
        ValueError: an argument is out of range, or the preset does not accept it.
    """
    settings = estimator._hyperparameters()
    given = estimator.get_params(deep=False)
    check({name: given[name] for name in names(ESTIMATOR) if name in given}, ESTIMATOR)
    return check(settings, ESTIMATOR | PRESET)


def fit_rows(estimator, rows, validation, target, rng):
    """Train on rows that are read and split.

    Args:
        estimator: `TableEstimator`.
        rows: `Rows` of a `Frame` to train on.
        validation: such `Rows` to evaluate each epoch on, or None.
        target: target of `tables/targets.py`; it learns its units from `rows`.
        rng: `numpy.random.Generator` that draws the seed of each member.

    Returns:
        dict of the estimator's fitted attributes.
    """
    settings = check_settings(estimator)
    estimator._check_decisions(target, validation)
    epochs = settings["epochs"]
    patience = settings["patience"] if settings["early_stopping"] else epochs
    build = PRESETS[estimator._chosen_preset()].build
    encoder = TableEncoder(
        settings["scaling"],
        settings["one_hot_limit"],
        estimator.categorical or (),
        estimator.columns,
    )
    encoder.fit(rows.x, sample_weight=rows.weights)
    target.head = with_loss(target.head, settings["loss"])
    target.learn(rows.y, rows.weights)
    monitored = monitored_metric(settings["monitor"], target.head)
    settings["metrics"] = with_metric(settings["metrics"], monitored)
    if settings.get("clip") and target.head.standardize:
        target.keep_range(rows.y)
    held = 0 if validation is None else len(validation)
    columns = encoder.n_dense_ + len(encoder.cardinalities_)
    warn_of_size(Size.of(len(rows), held, columns, target.n, settings))
    in_units = rows if validation is None else validation
    rows = encode_rows(rows, encoder, target)
    problem = make_problem(target.head, rows.x.shape[1], target.n)
    settings["batch_size"] = rows_per_step(settings["batch_size"], len(rows))
    if validation is not None:
        validation = encode_rows(validation, encoder, target)
    if settings["loss"] is not None and target.head.units == "1":
        # A custom loss may subtract y from the prediction, which has two dimensions.
        rows = rows.replace(y=rows.y.reshape(-1, 1))
        validation = validation and validation.replace(y=validation.y.reshape(-1, 1))
    if validation is not None:
        validation = validation.x, validation.y, validation.weights

    def train(seed):
        """A trained network, and the number of the epoch whose weights it has."""
        network = build(problem, encoder, settings, seed, rows.x, rows.y)
        callbacks, best = list(estimator.callbacks or ()), None
        if validation is not None:
            best = best_epoch_callback(monitored, patience)
            callbacks.append(best)
        network.fit(
            rows.x,
            rows.y,
            sample_weight=rows.weights,
            batch_size=settings["batch_size"],
            epochs=epochs,
            verbose=estimator.verbose,
            callbacks=callbacks or None,
            validation_data=validation,
        )
        reject_divergence(network, settings["learning_rate"])
        return network, best.best_epoch + 1 if best else len(network.history.epoch)

    members = [train(int(rng.integers(2**31))) for _ in range(settings["n_members"])]
    network, best_epoch = members[0]
    history = network.history
    predictor = network if len(members) == 1 else average([member for member, _ in members])
    if getattr(target, "log", False) and not target.head.levels:
        inputs = rows.x if validation is None else validation[0]
        output = predictor.predict(inputs, verbose=0)
        target.learn_bias(output, in_units.y, in_units.weights)
    held_out = (None, None) if validation is None else (validation[0], in_units)
    return {
        **estimator._decide(target, predictor, *held_out),
        "encoder_": encoder,
        "target_": target,
        "network_": predictor,
        "hyperparameters_": settings,
        "history_": history_frame(history.history, history.epoch),
        "best_epoch_": best_epoch,
    }


def monitored_metric(monitor, head):
    """The metric that selects the best epoch; None means the loss."""
    return None if monitor == "loss" or head.kind == "number" else next(iter(head.metrics))


def with_metric(metrics, name):
    """The metrics asked for, with `name` among them; None means the default ones."""
    if metrics is None or name is None:
        return metrics
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    return metrics if name in metrics else [*metrics, name]


def best_epoch_callback(metric, patience):
    """Make the callback that restores the weights of the best epoch and stops early.

    Args:
        metric: str, name of the validation metric; None means the loss.
        patience: int, epochs without an improvement after which training stops.
    """
    if metric is not None:
        return BestEpoch(f"val_{metric}", patience)
    return keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)


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


class BestEpoch(keras.callbacks.EarlyStopping):
    """Early stopping that restores the weights of the best epoch, among equal ones the last.

    An error rate takes few values, therefore many epochs tie. The last of them has trained longest
    at a falling learning rate.

    Args:
        monitor: str, name of a column of the history.
        patience: int, epochs without a better or an equal one after which training stops.
    """

    def __init__(self, monitor, patience):
        mode = better(monitor.removeprefix("val_"))
        self.falls = mode == "min"
        super().__init__(monitor, patience=patience, mode=mode, restore_best_weights=True)

    def _is_improvement(self, value, best):
        if best is None:
            return value == value  # not NaN
        return value <= best if self.falls else value >= best
