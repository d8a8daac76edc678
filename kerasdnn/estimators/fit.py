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
from ..checks.target_leakage import LEAKAGE, silenced, warn_of_copies, warn_of_row_numbers
from ..checks.targets import CONSTANT
from ..core.arguments import check_bool, check_choice, check_fraction, check_integer
from ..heads import head_of
from ..tables.encoder import TableEncoder
from ..tables.rows import (
    Part,
    class_weights,
    for_network,
    in_order,
    read_part,
    read_validation,
    repeated,
)
from ..tables.splits import divide_part
from ..tables.targets import drop_missing_targets
from .ensemble import average
from .presets import PRESETS

LEAST_TO_HOLD_OUT_OF = 50  # rows; fewer leave no rows to judge an epoch by


def fit_table(estimator, X, y, sample_weight, validation_data, make_target):
    """Train on a table. Returns a dict of the estimator's fitted attributes."""
    held = check_fraction("validation_fraction", estimator.validation_fraction)
    check_settings(estimator)
    rng = np.random.default_rng(estimator.draw_seed())

    if check_choice("missing_target", estimator.missing_target, ["error", "drop"]) == "drop":
        X, y, sample_weight = drop_missing_targets(X, y, sample_weight)
    part, target = read_part(X, y, sample_weight, make_target)
    told = [LEAKAGE] if warn_of_copies(part.frame, part.y) else []
    if target.problem == "multilabel" and (part.y.min(axis=0) == part.y.max(axis=0)).any():
        told.append(CONSTANT)
    warn_of_row_numbers(part.frame)
    n_rows = part.frame.rows
    part = Part(*repeated(part.frame, part.y, part.weights))
    part.weights = class_weights(
        getattr(estimator, "class_weight", None), target, part.y, part.weights
    )
    part = Part(*in_order(part.frame, part.y, part.weights))
    judged = None
    if validation_data is not None:
        judged = read_validation(validation_data, target)
        judged.weights = class_weights(
            getattr(estimator, "class_weight", None), target, judged.y, judged.weights
        )
    elif held and part.frame.rows >= LEAST_TO_HOLD_OUT_OF:
        part, judged = divide_part(part, target, held, rng)
    with silenced(*told):
        fitted = fit_parts(estimator, part, judged, target, rng)
    if validation_data is not None:
        fitted["encoder_"].warn_of_unseen(judged.frame)
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


def fit_parts(estimator, part, judged, target, rng):
    """Train on rows that are read and divided.

    Args:
        part, judged: `Part` to train on, and to judge epochs by or None.
        target: which learns its units from `part`.
        rng: NumPy generator, of the members' seeds.

    Returns:
        Dict of the estimator's fitted attributes.
    """
    settings = check_settings(estimator)
    epochs, patience = settings["epochs"], settings["patience"]
    build = PRESETS[estimator.chosen_preset()].build
    encoder = TableEncoder(
        settings["scaling"],
        settings["one_hot_limit"],
        estimator.categorical or (),
        estimator.columns,
    )
    encoder.fit(part.frame, sample_weight=part.weights)
    target.learn(part.y, part.weights)
    watched = watched_metric(settings["monitor"], target.problem)
    settings["metrics"] = with_metric(settings["metrics"], watched)
    if settings.get("clip") and target.problem == "regression":
        target.keep_range(part.y)
    x, y, weights = for_network(part, encoder, target)
    settings["batch_size"] = rows_per_step(settings["batch_size"], len(x))
    validation = None if judged is None else for_network(judged, encoder, target)

    def train(seed):
        """A trained network, and the number of the epoch whose weights it has."""
        network = build(target.problem, target.n, encoder, settings, seed, x, y)
        callbacks, best = list(estimator.callbacks or ()), None
        if judged is not None:
            best = keep_best(watched, patience if estimator.early_stopping and patience else epochs)
            callbacks.append(best)
        network.fit(
            x,
            y,
            sample_weight=weights,
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
    if getattr(target, "log", False):
        one, inputs = (part, x) if judged is None else (judged, validation[0])
        target.learn_bias(predictor.predict(inputs, verbose=0), one.y, one.weights)
    return {
        "encoder_": encoder,
        "target_": target,
        "network_": predictor,
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
