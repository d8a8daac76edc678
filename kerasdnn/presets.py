"""Presets: named sets of hyperparameters for the estimators, and how each builds its network.

A preset is the hyperparameters in the one vocabulary; an argument of an estimator that is not None
takes the place of the preset's. A new preset is a new row of `PRESETS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from .embedding import EmbedCategories
from .errors import one_of
from .factories import build_classifier, build_multilabel_classifier, build_regressor
from .training import Network

DEFAULT = "standard"
NAMES = ("standard", "realmlp", "realmlp-s")


@dataclass(frozen=True)
class Preset:
    """A set of hyperparameters.

    Attributes:
        hyperparameters: name to value, in the vocabulary of the estimators.
        build: `build(problem, n_outputs, n_dense, cardinalities, hyperparameters, seed)`, a
            compiled `Network` for the matrix of a `TableEncoder`.
    """

    hyperparameters: dict
    build: Callable


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


def build_standard(problem, n_outputs, n_dense, cardinalities, hyperparameters, seed):
    """The plain dense network of the factories, behind embeddings where there are any."""
    size = hyperparameters["embedding_size"]
    arguments = {name: hyperparameters[name] for name in FACTORY} | {"seed": seed}
    n_features = n_dense + size * len(cardinalities)
    if problem in ("regression", "count"):
        target = "real" if problem == "regression" else "count"
        network = build_regressor(n_features, n_outputs, target=target, **arguments)
    else:
        build = build_multilabel_classifier if problem == "multilabel" else build_classifier
        smoothing = hyperparameters["label_smoothing"]
        network = build(n_features, n_outputs, label_smoothing=smoothing, **arguments)
    metrics = network._compile_metrics._user_metrics
    layers = network.layers
    if cardinalities:
        first = [keras.Input((n_dense + len(cardinalities),))]
        layers = [*first, EmbedCategories(cardinalities, size, seed=seed), *layers]
        optimizer, loss, network = network.optimizer, network.loss, Network(layers, seed=seed)
    else:
        optimizer, loss = network.optimizer, network.loss
    network.compile(optimizer=optimizer, loss=loss, weighted_metrics=metrics)
    return network


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
}
PRESETS = {"standard": Preset(STANDARD, build_standard)}


def preset_of(name):
    """The `Preset` called `name`; None is the default one.

    Raises:
        ValueError: no such preset.
    """
    name = one_of("preset", DEFAULT if name is None else name, NAMES)
    if name not in PRESETS:
        raise ValueError(
            f"`preset` {name!r} is not part of this version. Received: preset={name!r}. "
            f"There is {', '.join(repr(known) for known in PRESETS)}."
        )
    return PRESETS[name]


def resolve(name, given):
    """The preset's hyperparameters, with those of `given` that are not None in their place."""
    chosen = dict(preset_of(name).hyperparameters)
    return chosen | {key: given[key] for key in chosen if given.get(key) is not None}
