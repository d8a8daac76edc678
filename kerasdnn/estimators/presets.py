"""Presets: named sets of hyperparameters for the estimators, and how each builds its network.

A preset is the hyperparameters in the one vocabulary; an argument of an estimator that is not None
takes the place of the preset's. A new preset is a new row of `PRESETS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from ..core import keras_internals
from ..core.arguments import check_choice
from ..core.messages import invalid
from ..factories import build_classifier, build_multilabel_classifier, build_regressor
from ..nn.embedding import EmbedCategories
from ..training.network import Network
from . import realmlp

DEFAULT = "realmlp"  # docs/log.md says why


@dataclass(frozen=True)
class Preset:
    """A set of hyperparameters.

    Attributes:
        hyperparameters: name to value, in the vocabulary of the estimators.
        build: `build(problem, n_outputs, encoder, hyperparameters, seed, x, y)`, a compiled
            `Network` for x, the matrix that a `TableEncoder` made of the rows to train on.
        of_numbers: those of a regressor that differ.
    """

    hyperparameters: dict
    build: Callable
    of_numbers: dict = field(default_factory=dict)


# Hyperparameters that the factories take under the same name.
FACTORY = (
    "hidden_units",
    "activation",
    "optimizer",
    "learning_rate",
    "momentum",
    "dropout",
    "l2",
    "batch_norm",
    "metrics",
)


def build_standard(problem, n_outputs, encoder, hyperparameters, seed, x, y):
    """The plain dense network of the factories, behind embeddings where there are any."""
    size, n_dense = hyperparameters["embedding_size"], encoder.n_dense_
    cardinalities = encoder.cardinalities_
    arguments = {name: hyperparameters[name] for name in FACTORY} | {"seed": seed}
    if isinstance(arguments["optimizer"], keras.optimizers.Optimizer):
        arguments["optimizer"] = unused_copy(arguments["optimizer"])
    n_features = n_dense + size * len(cardinalities)
    if problem in ("regression", "count"):
        target = "real" if problem == "regression" else "count"
        network = build_regressor(n_features, n_outputs, target=target, **arguments)
    else:
        build = build_multilabel_classifier if problem == "multilabel" else build_classifier
        smoothing = hyperparameters["label_smoothing"]
        network = build(n_features, n_outputs, label_smoothing=smoothing, **arguments)
    metrics = keras_internals.given_metrics(network)[0]
    layers = network.layers
    if cardinalities:
        first = [keras.Input((n_dense + len(cardinalities),))]
        layers = [*first, EmbedCategories(cardinalities, size, seed=seed), *layers]
        optimizer, loss, network = network.optimizer, network.loss, Network(layers, seed=seed)
    else:
        optimizer, loss = network.optimizer, network.loss
    network.compile(optimizer=optimizer, loss=loss, weighted_metrics=metrics)
    return network


def unused_copy(optimizer):
    """An optimizer of the same settings, so that each network of an estimator has its own."""
    rate = keras_internals.learning_rate_of(optimizer)
    config = keras_internals.config_without_rate(optimizer)
    if not isinstance(rate, keras.Variable):  # Keras would write it down and look it up by name
        config["learning_rate"] = rate
    copy = type(optimizer).from_config(config)
    for name, value in vars(optimizer).items():  # arguments that the config of a user's class lacks
        if not name.startswith("_") and name != "built" and isinstance(value, (int, float, str)):
            setattr(copy, name, value)
    return copy


STANDARD = {
    "hidden_units": (64, 32),
    "activation": "relu",
    "optimizer": "adam",
    "learning_rate": None,
    "momentum": None,
    "dropout": 0.0,
    "l2": 0.0,
    "batch_norm": False,
    "label_smoothing": 0.0,
    "metrics": None,
    "batch_size": 32,
    "epochs": 200,
    "patience": 20,
    "scaling": "standard",
    "one_hot_limit": 32,
    "embedding_size": 8,
    "monitor": "loss",
    "n_members": 1,
}
PRESETS = {
    "standard": Preset(STANDARD, build_standard),
    "realmlp": Preset(realmlp.FULL, realmlp.build_realmlp, realmlp.FULL_NUMBERS),
    "realmlp-s": Preset(realmlp.SIMPLE, realmlp.build_realmlp, realmlp.SIMPLE_NUMBERS),
}


def choose(name, given):
    """The name of the preset: `name`, or where it is None the one that has what is given.

    That is the default one, or "standard" where a hyperparameter is given that only it has, such
    as `optimizer`.

    Args:
        name: str or None.
        given: dict, arguments of an estimator.

    Raises:
        ValueError: no such preset.
    """
    if name is not None:
        return check_choice("preset", name, PRESETS)
    plain = PRESETS["standard"].hyperparameters.keys() - PRESETS[DEFAULT].hyperparameters.keys()
    return "standard" if any(given.get(key) is not None for key in plain) else DEFAULT


def resolve(name, given, numbers=False):
    """The preset's hyperparameters, with those of `given` that are not None in their place.

    Args:
        name: of the preset, as `choose` gives it.
        given: dict, arguments of an estimator.
        numbers: bool, whether it is a regressor.

    Raises:
        ValueError: a hyperparameter that this preset does not have, but another one.
    """
    preset = PRESETS[name]
    chosen = preset.hyperparameters | (preset.of_numbers if numbers else {})
    everything = {key for other in PRESETS.values() for key in other.hyperparameters}
    given = {key: given[key] for key in everything if given.get(key) is not None}
    for key in sorted(given.keys() - chosen.keys()):
        others = [repr(n) for n, other in PRESETS.items() if key in other.hyperparameters]
        raise invalid(
            key,
            f"is no hyperparameter of the preset {name!r}",
            given[key],
            f"It is one of preset={' or '.join(others)}.",
        )
    return chosen | given
