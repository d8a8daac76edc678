"""RealMLP: the network of "Better by Default", and the settings that its authors found.

    [embed categories]  [periodic embedding of numbers]  scale
    three times: NTK dense, parametric activation, dropout
    NTK dense

trained by `GroupAdam` under the waves of `CosLog`. "realmlp-s" is the authors' simplified form:
neither embeddings nor dropout nor decay, plain activations, and the last layer starts at 0.

Source: Holzmueller, Grinsztajn, Steinwart, 2024 (arXiv:2407.04491), section 3 and appendix A.
"""

import math

import keras
import numpy as np

from . import activations
from .embedding import EmbedCategories
from .errors import fraction, one_of, positive, within
from .group_adam import GroupAdam
from .heads import check_metrics, head_of, make_loss, make_metrics
from .layers import check_hidden_units
from .realmlp_layers import (
    NTKDense,
    ParametricActivation,
    PeriodicEmbedding,
    Scale,
    ScheduledDropout,
)
from .realmlp_start import start_from_data
from .schedules import CosLog, FlatCos
from .training import Network

# fmt: off
SHARED = {
    "hidden_units": (256, 256, 256), "activation": "selu", "label_smoothing": 0.1,
    "metrics": None, "batch_size": "auto", "epochs": 256, "patience": None, "scaling": "robust",
    "embedding_size": 8, "monitor": "accuracy", "schedule": "coslog4", "beta_2": 0.95,
    "front_scale": True, "n_members": 1,
}
FULL = SHARED | {
    "learning_rate": 0.04, "dropout": 0.15, "weight_decay": 0.02, "numeric_embedding": "periodic",
    "parametric": True, "data_start": True, "clip": True, "one_hot_limit": 8,
    "epochs": 128,  # the authors: 256. As accurate on validation rows, in half the time
}
SIMPLE = SHARED | {
    "learning_rate": 0.04, "dropout": 0.0, "weight_decay": 0.0, "numeric_embedding": None,
    "parametric": False, "data_start": False, "clip": False, "one_hot_limit": 1_000,
}
# Of a regression.
NUMBERS = {"activation": "mish", "monitor": "loss", "label_smoothing": 0.0}
FULL_NUMBERS, SIMPLE_NUMBERS = NUMBERS | {"learning_rate": 0.2}, NUMBERS | {"learning_rate": 0.07}

# Factors of the learning rate and of the weight decay. The authors square the former in the decay.
GROUPS = {
    "scale": (6.0, 36.0), "bias": (0.1, 0.0), "mix": (0.1, 0.01),
    "frequency": (0.1, 0.01), "phase": (0.1, 0.01), "mixture": (0.1, 0.01), "offset": (0.1, 0.01),
}
# fmt: on


def build_realmlp(problem, n_outputs, encoder, settings, seed, x, y):
    """A compiled `Network` for the matrix of a `TableEncoder`; see `presets.Preset`."""
    head = head_of(problem)
    rng = np.random.default_rng(seed)
    batch_size = len(x) if settings["batch_size"] == "full" else settings["batch_size"]
    steps = settings["epochs"] * math.ceil(len(x) / batch_size)
    layers = [keras.Input((x.shape[1],)), *front(encoder, settings, rng)]
    layers += hidden(settings, steps, rng)
    gain = 2.0 if head.activation == "sigmoid" else 1.0
    # Counts start at their mean: an exponential of random numbers may fall to 0 in the first steps,
    # where its gradient ends too.
    zero, units = not settings["data_start"] or problem == "count", head.n_units(n_outputs)
    layers.append(NTKDense(units, head.activation, gain, draw(rng), zero, name="output"))
    network = Network(layers, seed=seed)
    if settings["data_start"]:
        start_from_data(network, x, rng)
    if problem == "count":  # whose logarithm is learned: from its mean on
        output = network.layers[-1]
        output.bias.assign_add(np.log(np.maximum(np.mean(y, axis=0), 1e-6)).ravel())
    smoothing = fraction("label_smoothing", settings["label_smoothing"])
    metrics = settings["metrics"]
    if metrics is None:
        metrics = next(iter(head.metrics))  # areas under curves every epoch take their time
    network.compile(
        optimizer=make_optimizer(settings, steps),
        loss=make_loss(head, smoothing),
        weighted_metrics=make_metrics(head, n_outputs, check_metrics(head, metrics)),
    )
    return network


def front(encoder, settings, rng):
    """What stands before the first dense layer."""
    layers = []
    if encoder.cardinalities_:
        layers.append(
            EmbedCategories(
                encoder.cardinalities_, settings["embedding_size"], deviation=1.0, seed=draw(rng)
            )
        )
    if settings["numeric_embedding"] is not None:
        one_of("numeric_embedding", settings["numeric_embedding"], ["periodic"])
        if encoder.n_numeric_:
            layers.append(PeriodicEmbedding(encoder.n_numeric_, seed=draw(rng)))
    if settings["front_scale"]:
        layers.append(Scale())
    return layers


def hidden(settings, steps, rng):
    """The hidden layers."""
    activation = activations.get(settings["activation"])
    dropout = fraction("dropout", settings["dropout"])
    layers = []
    for i, units in enumerate(check_hidden_units(settings["hidden_units"])):
        own = settings["parametric"] or isinstance(activation, keras.layers.Layer)
        layers.append(
            NTKDense(units, None if own else activation, seed=draw(rng), name=f"hidden_{i + 1}")
        )
        if isinstance(activation, keras.layers.Layer):
            config = activation.get_config() | {"name": f"activation_{i + 1}"}
            layers.append(type(activation).from_config(config))
        elif own:
            layers.append(ParametricActivation(activation))
        if dropout:
            layers.append(ScheduledDropout(dropout, steps, seed=draw(rng)))
    return layers


def make_optimizer(settings, steps):
    rate = positive("learning_rate", settings["learning_rate"])
    if one_of("schedule", settings["schedule"], ["coslog4", "flat_cos", "constant"]) != "constant":
        rate = CosLog(rate, steps) if settings["schedule"] == "coslog4" else FlatCos(rate, steps)
    decay = within("weight_decay", settings["weight_decay"], "[0, inf)")
    return GroupAdam(
        rate, FlatCos(decay, steps) if decay else 0.0, GROUPS, beta_2=settings["beta_2"]
    )


def draw(rng):
    return int(rng.integers(2**31))
