"""Presets: named sets of hyperparameters for the estimators, and how each builds its network.

A preset gives a value to every hyperparameter that it accepts, under the names of
`hyperparameters.py`; an argument of an estimator that is not None replaces it. A new preset is a
new row of `PRESETS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from ..core import keras_internals
from ..core.arguments import check_choice, is_number
from ..core.messages import invalid
from ..factories import build_for
from ..hyperparameters import ESTIMATOR, NETWORK, default, names
from ..nn.embedding import EmbedCategories
from ..optimizers import layerwise
from ..training.network import Network
from .ranges import LogUniform, OneOf
from .realmlp import build_realmlp
from .tabm import build_tabm

DEFAULT = "compact"  # docs/log.md says why


@dataclass(frozen=True)
class Preset:
    """A set of hyperparameters.

    Attributes:
        hyperparameters: name to value, or to the `Range` that each network of an average draws it
            from.
        build: `build(problem, encoder, hyperparameters, seed, x, y)` returns a compiled `Network`
            for a `Problem` and x, the matrix that a `TableEncoder` made of the training rows; the
            hyperparameters are those of `ranges.settings_of_member`.
        of_numbers: the values of a regressor that differ.
        of_steep: the values that differ of a regressor whose head is steep, see `heads.Head`.
        least_steps: int, steps of a regressor that is validated and whose `epochs` and `batch_size`
            are not given; a table of few rows is trained for more epochs. See docs/log.md.
        bagging: the argument `bagging` where it is None and nothing that is given excludes it.
    """

    hyperparameters: dict[str, Any]
    build: Callable[..., Network]
    of_numbers: dict[str, Any] = field(default_factory=dict)
    of_steep: dict[str, Any] = field(default_factory=dict)
    least_steps: int = 0
    bagging: str | None = None

    def values(self, numbers: bool = False, steep: bool = False) -> dict[str, Any]:
        """The hyperparameters of a classifier, with `numbers` of a regressor, or of a steep one."""
        own = self.of_numbers if numbers else {}
        return self.hyperparameters | own | (self.of_steep if steep else {})


def build_standard(problem, encoder, hyperparameters, seed, x, y):
    """Build the plain dense network of the factories, after embeddings where there are any."""
    size, cardinalities = hyperparameters["embedding_size"], encoder.cardinalities_
    settings = {n: hyperparameters[n] for n in names(NETWORK) if n in hyperparameters}
    if isinstance(settings["optimizer"], keras.optimizers.Optimizer):
        settings["optimizer"] = unused_copy(settings["optimizer"])
    width = encoder.n_dense_ + size * len(cardinalities)
    factors, settings["learning_rate_factors"] = settings["learning_rate_factors"], None
    network = build_for(replace(problem, n_features=width), **settings, seed=seed)
    metrics = keras_internals.given_metrics(network)[0]
    optimizer, loss, layers = network.optimizer, network.loss, network.layers
    if cardinalities:
        embed = EmbedCategories(cardinalities, size, seed=seed)
        network = Network([keras.Input((x.shape[1],)), embed, *layers], seed=seed)
    optimizer = layerwise(optimizer, network, factors)
    network.compile(optimizer=optimizer, loss=loss, weighted_metrics=metrics)
    return network


def unused_copy(optimizer):
    """An optimizer with the same settings, so that each network of an estimator has its own."""
    rate = keras_internals.learning_rate_of(optimizer)
    config = keras_internals.config_without_rate(optimizer)
    if not isinstance(rate, keras.Variable):  # Keras would save its name only
        config["learning_rate"] = rate
    copy = type(optimizer).from_config(config)
    for name, value in vars(optimizer).items():  # arguments that the config of a custom class lacks
        if not name.startswith("_") and name != "built" and isinstance(value, (int, float, str)):
            setattr(copy, name, value)
    keras_internals.copy_decay_exclusions(optimizer, copy)
    return copy


# fmt: off
STANDARD = {name: default(name, ESTIMATOR) for name in (
    "hidden_units", "loss", "activation", "kernel_initializer", "optimizer", "learning_rate",
    "schedule", "warmup", "momentum", "learning_rate_factors", "clipnorm", "dropout", "l2",
    "l1", "batch_norm", "layer_norm", "residual", "wide", "label_smoothing", "metrics",
    "batch_size", "epochs", "early_stopping", "patience", "scaling", "one_hot_limit",
    "embedding_size", "monitor", "n_members",
)}
# The settings of the authors of RealMLP, but for what a comment explains.
FULL = {
    "hidden_units": (256, 256, 256), "loss": None, "activation": "selu", "learning_rate": 0.04,
    "dropout": 0.15, "label_smoothing": 0.1, "metrics": None, "batch_size": "auto",
    "epochs": 128,  # the authors: 256. As accurate on validation rows, in half the time
    # The authors never stop. With a patience of 50, longer than all but the last two waves of the
    # learning rate, the same epochs are kept in 83% of the time; docs/log.md has the figures.
    "early_stopping": True, "patience": 50, "scaling": "robust", "one_hot_limit": 8,
    "embedding_size": 8, "numeric_embedding": "periodic", "weight_decay": 0.02,
    "monitor": "accuracy", "n_members": 1, "schedule": "coslog4", "warmup": None,
    "beta_2": 0.95, "front_scale": True, "parametric": True, "data_start": True, "clip": True,
    "n_bins": 48, "numeric_size": 8, "learning_rate_factors": None,
}
SIMPLE = FULL | {
    "dropout": 0.0, "epochs": 256, "early_stopping": False, "patience": 80,
    "one_hot_limit": 1_000,
    "numeric_embedding": None, "weight_decay": 0.0, "parametric": False, "data_start": False,
    "clip": False,
}
# Several small networks instead of a large one; docs/log.md has the measurements.
COMPACT = FULL | {
    "hidden_units": (128, 128, 128), "epochs": 48, "patience": 24,
    "numeric_embedding": "piecewise", "n_members": 2,
}
# The settings of AutoGluon's TabM, but for what a comment explains.
TABM = {
    "hidden_units": (128, 128), "loss": None, "activation": "relu",
    "learning_rate": 0.004,  # AutoGluon: 0.002
    "dropout": 0.1, "label_smoothing": 0.0, "metrics": None, "batch_size": "auto", "epochs": 128,
    "early_stopping": True, "patience": 16, "scaling": "robust", "one_hot_limit": 32,
    "embedding_size": 8, "numeric_embedding": "piecewise", "weight_decay": 3e-4,
    "monitor": "loss", "n_members": 1, "schedule": "constant", "warmup": None, "beta_2": 0.999,
    "clip": True, "k": 8,  # the paper: 32. As accurate on validation rows, in a third of the time
    "sharing": "full", "n_bins": 48, "numeric_size": 8, "learning_rate_factors": None,
}
# Different networks like those of "compact"; docs/log.md has the measurements.
PACK = COMPACT | {
    "hidden_units": OneOf(((128,) * 3, (192,) * 3, (128,) * 4)),
    "learning_rate": LogUniform(0.024, 0.064), "dropout": OneOf((0.0, 0.15, 0.25)),
    "numeric_embedding": OneOf(("piecewise", "piecewise", "periodic")), "n_members": 8,
}
NUMBERS = {"activation": "mish", "monitor": "loss", "label_smoothing": 0.0}
STEEP = {"learning_rate": 0.05}
PRESETS = {
    "standard": Preset(STANDARD, build_standard),
    "realmlp": Preset(FULL, build_realmlp, NUMBERS | {"learning_rate": 0.2}, STEEP, 400),
    "realmlp-s": Preset(SIMPLE, build_realmlp, NUMBERS | {"learning_rate": 0.07}),
    "compact": Preset(COMPACT, build_realmlp, NUMBERS | {"learning_rate": 0.2}, STEEP, 400),
    "tabm": Preset(TABM, build_tabm),
    "pack": Preset(PACK, build_realmlp, NUMBERS | {"learning_rate": LogUniform(0.12, 0.32)},
                   {"learning_rate": LogUniform(0.03, 0.08)}, 400, bagging="folds"),
}
# fmt: on


def by_name(numbers: bool = False, steep: bool = False) -> dict[str, dict[str, Any]]:
    """The values of each preset, see `Preset.values`; "standard" is the last."""
    order = sorted(PRESETS, key="standard".__eq__)
    return {name: PRESETS[name].values(numbers, steep) for name in order}


def choose(name: str | None, given: Mapping[str, Any]) -> str:
    """Choose a preset: `name`, or for None one that accepts what is given.

    That is the default preset, or "standard" if a hyperparameter is given that only "standard"
    accepts, such as `optimizer`.

    Args:
        name: str or None.
        given: arguments of an estimator; those that are None are not given.

    Raises:
        ValueError: an unknown preset.
    """
    if name is not None:
        return check_choice("preset", name, PRESETS)
    plain = STANDARD.keys() - PRESETS[DEFAULT].hyperparameters.keys()
    return "standard" if any(given.get(key) is not None for key in plain) else DEFAULT


def resolve(
    name: str, given: Mapping[str, Any], numbers: bool = False, steep: bool = False
) -> dict[str, Any]:
    """Replace hyperparameters of a preset by those of `given` that are not None.

    Args:
        name: name of the preset, as `choose` returns it.
        given: arguments of an estimator.
        numbers: bool, whether it is a regressor.
        steep: bool, whether its head is, see `heads.Head`.

    Raises:
        ValueError: a hyperparameter that another preset accepts and this one does not.
    """
    chosen = PRESETS[name].values(numbers, steep)
    everything = {key for other in PRESETS.values() for key in other.hyperparameters}
    given = {key: given[key] for key in everything if given.get(key) is not None}
    for key in sorted(given.keys() - chosen.keys()):
        others = [repr(n) for n, other in PRESETS.items() if key in other.hyperparameters]
        remedy = f"Pass preset={' or '.join(others)} to use it."
        raise invalid(key, f"is not a hyperparameter of preset {name!r}", given[key], remedy)
    if "patience" in given:  # without early stopping it would have no effect
        chosen["early_stopping"] = True
    elif has_end(chosen | given) and is_number(epochs := given.get("epochs")):
        longer = max(1, epochs / chosen["epochs"])  # as are the waves of the learning rate
        chosen["patience"] = round(chosen["patience"] * longer)
    if "loss" in given and "label_smoothing" in chosen:
        chosen["label_smoothing"] = 0.0  # not every loss takes it
    return chosen | given


def has_end(settings: Mapping[str, Any]) -> bool:
    """Whether the learning rate of a preset ends with the last epoch."""
    return settings.get("schedule", "constant") not in (None, "constant")
