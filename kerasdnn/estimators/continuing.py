"""Train a fitted estimator further, one pass over new rows at a time: `partial_fit`.

The first call fixes the encoder, the classes and the units of y. How many calls follow is not
known, therefore no schedule has an end: the learning rate of the RealMLP presets is constant, and
so are their dropout and weight decay.
"""

import pandas as pd

from ..checks.divergence import reject_divergence
from ..checks.target_leakage import silenced
from ..checks.targets import ABSENT, CONSTANT
from ..core import keras_internals
from ..core.arguments import is_number
from ..core.messages import invalid
from ..heads import make_problem, with_loss
from ..nn.average import AverageOf
from ..nn.schedules import Schedule
from ..tables.rows import encode_rows, read_rows, weigh_classes
from ..tables.targets import drop_missing_targets
from .ensemble import copy_weights
from .fit import as_column, check_settings, make_encoder, rows_per_step
from .presets import PRESETS, has_end, reject_joint

RATE = 0.25  # of a preset whose schedule ends with the last epoch, relative to its peak
ENDLESS = 10**6  # epochs, after which dropout and weight decay would have decayed


def fit_partially(estimator, given, make_target):
    """Train for one pass over rows.

    Args:
        estimator: `TableEstimator`, fitted or not.
        given: `Rows` as the user passed them.
        make_target: function of (y, column names of y) that returns a target, for the first call.

    Returns:
        dict of the estimator's fitted attributes.
    """
    settings = check_settings(estimator)
    before = estimator if hasattr(estimator, "network_") else None
    class_weight = getattr(estimator, "class_weight", None)
    reject_joint(estimator._chosen_preset(), "`partial_fit`")
    check_single(estimator, settings, class_weight)
    if estimator.missing_target == "drop":
        given = drop_missing_targets(given)
    rows, target = read_rows(given, before and before.target_, make_target)
    rows = weigh_classes(rows, class_weight, target)
    decisions = {}
    if before is None:
        estimator._check_decisions(target, None)
        target.head = with_loss(target.head, settings["loss"])
        encoder = make_encoder(estimator, settings, rows)
        target.learn(rows.y, rows.weights)
    else:
        encoder = before.encoder_
        encoder.warn_of_unseen(rows.x)
    if settings.get("clip") and target.head.standardize and not target.head.distribution:
        target.keep_range(rows.y)
    count = len(rows)
    encoded = encode_rows(rows, encoder, target)
    if settings["loss"] is not None and target.head.units == "1":
        encoded = as_column(encoded)
    settings["batch_size"] = rows_per_step(settings["batch_size"], count)
    network = None if before is None else before.network_
    if network is None or isinstance(keras_internals.learning_rate_of(network.optimizer), Schedule):
        problem = make_problem(target.head, encoded.x.shape[1], target.n)
        seed = estimator._draw_seed()
        endless, build = without_end(settings), PRESETS[estimator._chosen_preset()].build
        made = build(problem, encoder, endless, seed, encoded.x, encoded.y)
        if network is not None:
            copy_weights(network.layers, made.layers)
        network = made
    weights = network.get_weights()
    with silenced(CONSTANT, ABSENT):  # of these rows
        history = network.fit(
            encoded.x, encoded.y, sample_weight=encoded.weights, epochs=1,
            batch_size=settings["batch_size"], verbose=estimator.verbose,
            callbacks=list(estimator.callbacks or ()) or None,
        ).history  # fmt: skip
    try:
        reject_divergence(network, settings["learning_rate"])
    except ValueError:
        network.set_weights(weights)
        raise
    if before is None:
        decisions = estimator._decide(target, network, None, None)
    row = pd.DataFrame(history)
    past = row if before is None else pd.concat([before.history_, row], ignore_index=True)
    past.index = pd.RangeIndex(1, len(past) + 1, name="epoch")
    return {
        **decisions,
        "encoder_": encoder,
        "target_": target,
        "network_": network,
        "hyperparameters_": settings,
        "history_": past,
        "best_epoch_": len(past),
        "fit_report_": f"Trained {len(past)} passes; the last one, over {count:,} rows, was kept.",
        "n_rows_": count if before is None else before.n_rows_ + count,
    }


def check_single(estimator, settings, class_weight):
    """Reject what one pass over some rows cannot do."""
    network = getattr(estimator, "network_", None)
    if settings["n_members"] > 1 or (network and isinstance(network.layers[-1], AverageOf)):
        remedy = "Train several estimators, and average their predictions."
        raise invalid("n_members", "must be 1 for `partial_fit`", settings["n_members"], remedy)
    if estimator.bagging is not None:
        remedy = "One pass over some rows has no folds. Leave it out."
        raise invalid("bagging", "must be None for `partial_fit`", estimator.bagging, remedy)
    if isinstance(class_weight, str):
        remedy = "Pass a dict from label to weight: class frequencies are unknown before all rows."
        raise invalid("class_weight", "must be a dict for `partial_fit`", class_weight, remedy)


def without_end(settings):
    """Hyperparameters of a network that is trained for an unknown number of epochs."""
    endless = {"schedule": "constant", "warmup": None}
    if has_end(settings):
        rate = settings["learning_rate"]
        endless["learning_rate"] = rate * RATE if is_number(rate) else rate
    if has_end(settings) or "beta_2" in settings:  # RealMLP's dropout and weight decay end, too
        endless["epochs"] = ENDLESS
    return settings | {name: value for name, value in endless.items() if name in settings}
