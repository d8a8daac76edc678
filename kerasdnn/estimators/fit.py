"""What fitting an estimator is: from a table and labels to a trained network.

read X and y, check the weights      errors that name the column, the row, the remedy
drop rows of weight 0, repeat those of weight 2, 3, ... and sort them (small tables)
hold out rows to judge by            stratified, shuffled
learn the encoding and the target's units on the rows to train on
train, keep the best epoch
"""

import math

import keras
import numpy as np
import pandas as pd

from ..checks.divergence import reject_divergence
from ..checks.target_leakage import silenced, warn_of_copies, warn_of_row_numbers
from ..core.arguments import check_bool, check_choice, check_fraction, check_integer
from ..core.rows import unpack_validation_data
from ..heads import head_of
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
from .ensemble import average
from .presets import PRESETS

LEAST_TO_HOLD_OUT_OF = 50  # rows; fewer leave no rows to judge an epoch by


def fit_table(estimator, given, validation_data, make_target):
    """Train on a table.

    Args:
        estimator: `TableEstimator`.
        given: `Rows` as the user passed them.
        validation_data: (X, y) or (X, y, sample_weight). None holds out a part of the rows.
        make_target: function of (y, column names of y) that returns a target.

    Returns:
        dict of the estimator's fitted attributes.
    """
    fraction = check_fraction("validation_fraction", estimator.validation_fraction)
    check_settings(estimator)
    check_exclusive(groups=given.groups, time=given.time, validation_data=validation_data)
    rng = np.random.default_rng(estimator.draw_seed())
    class_weight = getattr(estimator, "class_weight", None)

    rows, target = read_rows(given, make_target=make_target)
    told = ["No feature should be the target"] if warn_of_copies(rows.x, rows.y) else []
    if target.problem == "multilabel" and (rows.y.min(axis=0) == rows.y.max(axis=0)).any():
        told.append("`y`.* holds one value only")
    warn_of_row_numbers(rows.x)
    n_rows = len(rows)
    rows = sort_rows(weigh_classes(repeat_by_weight(rows), class_weight, target))
    validation = None
    if validation_data is not None:
        validation, _ = read_rows(unpack_validation_data(validation_data), target)
        validation = weigh_classes(validation, class_weight, target)
    elif fraction and len(rows) >= LEAST_TO_HOLD_OUT_OF:
        strata = strata_of(rows.y, target.problem in ("binary", "multiclass"))
        train, held = holdout(rows, strata, fraction, rng)
        if len(held):
            rows, validation = rows.take(train), rows.take(held)
    with silenced(*told):
        fitted = fit_rows(estimator, rows, validation, target, rng)
    if validation_data is not None:
        fitted["encoder_"].warn_of_unseen(validation.x)
    return {**fitted, "n_rows_": n_rows}


def check_settings(estimator):
    """The estimator's hyperparameters, whose preset's are checked where they are used.

    Raises:
        ValueError: one that training takes is unfit.
    """
    settings = estimator.hyperparameters_of_preset()
    check_bool("early_stopping", estimator.early_stopping)
    check_integer("epochs", settings["epochs"])
    if settings["patience"] is not None:
        check_integer("patience", settings["patience"])
    if settings["batch_size"] not in ("full", "auto"):
        remedy = "'full' is all rows in one step, 'auto' chooses by the number of rows."
        check_integer("batch_size", settings["batch_size"], remedy=remedy)
    check_integer("embedding_size", settings["embedding_size"])
    check_integer("n_members", settings["n_members"])
    check_choice("monitor", settings["monitor"], ["loss", "accuracy"])
    return settings


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
    epochs, patience = settings["epochs"], settings["patience"]
    build = PRESETS[estimator.chosen_preset()].build
    encoder = TableEncoder(
        settings["scaling"], settings["one_hot_limit"], estimator.categorical or ()
    )
    encoder.fit(rows.x, sample_weight=rows.weights)
    target.learn(rows.y, rows.weights)
    watched = watched_metric(settings["monitor"], target.problem)
    settings["metrics"] = with_metric(settings["metrics"], watched)
    if settings.get("clip") and target.problem == "regression":
        target.keep_range(rows.y)
    rows = encode_rows(rows, encoder, target)
    settings["batch_size"] = rows_per_step(settings["batch_size"], len(rows))
    if validation is not None:
        validation = encode_rows(validation, encoder, target)
        validation = validation.x, validation.y, validation.weights

    def train(seed):
        """A trained network, and the number of the epoch whose weights it has."""
        network = build(target.problem, target.n, encoder, settings, seed, rows.x, rows.y)
        callbacks, best = list(estimator.callbacks or ()), None
        if validation is not None:
            best = keep_best(watched, patience if estimator.early_stopping and patience else epochs)
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
    return {
        "encoder_": encoder,
        "target_": target,
        "network_": network if len(members) == 1 else average([member for member, _ in members]),
        "hyperparameters_": settings,
        "history_": history_frame(history.history, history.epoch),
        "best_epoch_": best_epoch,
    }


def watched_metric(monitor, problem):
    """The metric by which epochs are judged, None for the loss."""
    if monitor == "loss" or problem in ("regression", "count"):
        return None
    return next(iter(head_of(problem).metrics))


def with_metric(metrics, name):
    """The metrics asked for, and `name` among them; None stands for the default ones."""
    if metrics is None or name is None:
        return metrics
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    return metrics if name in metrics else [*metrics, name]


def keep_best(metric, patience):
    """The callback that keeps the best epoch's weights, and stops where none gets better."""
    if metric is not None:
        return BestEpoch(f"val_{metric}", patience)
    return keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)


def rows_per_step(batch_size, rows):
    """`batch_size` as a number or "full"; "auto" is more where there are more rows.

    64 up to 1,024 rows, 128 to 8,192, 256 to 30,000, 512 to 100,000, else 1,024; a little more or
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
    """Early stopping that keeps the weights of the best epoch; of equal ones the last.

    An error rate takes few values, so that many epochs tie. The last of them has trained longest
    at a falling learning rate.

    Args:
        monitor: name of a column of the history.
        patience: int, epochs without a better or an equal one after which training stops.
    """

    def __init__(self, monitor, patience):
        self.falls = monitor.endswith(("loss", "mae", "rmse"))
        mode = "min" if self.falls else "max"
        super().__init__(monitor, patience=patience, mode=mode, restore_best_weights=True)

    def _is_improvement(self, value, best):
        if best is None:
            return value == value  # not NaN
        return value <= best if self.falls else value >= best
