"""Train a fitted estimator further, one pass over new rows at a time: `partial_fit`.

The first call fixes the encoder, the classes and the units of y. How many calls follow is not
known, therefore no schedule has an end: the learning rate of the RealMLP presets is constant, and
so are their dropout and weight decay. Of an average of networks, each is trained.
"""

import weakref

import numpy as np
import pandas as pd

from ..checks.divergence import reject_divergence
from ..checks.target_leakage import silenced
from ..checks.targets import ABSENT, CONSTANT
from ..core import keras_internals
from ..core.arguments import is_number
from ..core.messages import invalid
from ..heads.loss import with_loss
from ..heads.problem_types import make_problem
from ..nn.schedules import Schedule
from ..tables.rows import encode_rows, read_rows, weigh_classes
from ..tables.targets.reading import drop_missing_targets
from .ensemble import average, copy_weights, first_of, layers_of
from .presets import PRESETS, has_end
from .ranges import drawn, report, settings_of_member
from .training import as_column, check_settings, make_encoder, rows_per_step

RATE = 0.25  # of a preset whose schedule ends with the last epoch, relative to its peak
ENDLESS = 10**6  # epochs, after which dropout and weight decay would have decayed
# By average: the networks in it, with their optimizers, which no file has.
AVERAGED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


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
    check_arguments(estimator, class_weight)
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
    if settings.get("clip") and target.bounded:
        target.keep_range(rows.y)
    count = len(rows)
    encoded = encode_rows(rows, encoder, target)
    if settings["loss"] is not None and target.head.units == "1":
        encoded = as_column(encoded)
    settings["batch_size"] = rows_per_step(settings["batch_size"], count)
    networks = [] if before is None else AVERAGED.get(before.network_, [before.network_])
    if not networks or not continues(networks[0]):
        problem = make_problem(target.head, encoded.x.shape[1], target.n)
        build = PRESETS[estimator._chosen_preset()].build
        layers = [] if before is None else layers_of(before.network_)
        members = len(layers) or settings["n_members"]
        seeds = [first := estimator._draw_seed()]
        seeds += np.random.default_rng(first).integers(2**31, size=members - 1).tolist()
        kept = before and before.hyperparameters_
        owns = [settings_of_member(settings, s, i, kept) for i, s in enumerate(seeds)]
        networks = [
            build(problem, encoder, without_end(own), seed, encoded.x, encoded.y)
            for own, seed in zip(owns, seeds, strict=True)
        ]
        settings = report(settings, owns)
        for own, network in zip(layers, networks, strict=False):  # none before the first call
            copy_weights(own, network.layers)
        predictor = networks[0]
        if members > 1:
            predictor = average(networks)
            AVERAGED[predictor] = networks
    else:
        predictor = before.network_
        settings |= {name: before.hyperparameters_[name] for name in drawn(settings)}
    weights = [network.get_weights() for network in networks]
    try:
        with silenced(CONSTANT, ABSENT):  # of these rows
            for network in networks:
                network.fit(
                    encoded.x, encoded.y, sample_weight=encoded.weights, epochs=1,
                    batch_size=settings["batch_size"], verbose=estimator.verbose,
                    callbacks=list(estimator.callbacks or ()) or None,
                )  # fmt: skip
                reject_divergence(network, settings["learning_rate"])
    except ValueError:
        for network, own in zip(networks, weights, strict=True):
            network.set_weights(own)
        raise
    if before is None:
        decisions = estimator._decide(target, predictor, None, None)
    history = networks[0].history.history
    row = pd.DataFrame(history)
    past = row if before is None else pd.concat([before.history_, row], ignore_index=True)
    past.index = pd.RangeIndex(1, len(past) + 1, name="epoch")
    return {
        **decisions,
        "encoder_": encoder,
        "target_": target,
        "network_": predictor,
        "hyperparameters_": settings,
        "history_": past,
        "best_epoch_": len(past),
        "fit_report_": f"Trained {len(past)} passes; the last one, over {count:,} rows, was kept.",
        "n_rows_": count if before is None else before.n_rows_ + count,
    }


def continues(network):
    """Whether a network can be trained on: it is no average, and its schedule has no end."""
    rate = keras_internals.learning_rate_of(network.optimizer)
    return first_of(network) is network and not isinstance(rate, Schedule)


def check_arguments(estimator, class_weight):
    """Reject what one pass over some rows cannot do."""
    if estimator.bagging:
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
