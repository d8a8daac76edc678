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
from keras import ops

from .. import activations
from ..core.arguments import check_choice, check_fraction, check_interval, check_positive
from ..factories import check_hidden_units
from ..heads import check_metrics, head_of, make_loss, make_metrics
from ..nn.embedding import EmbedCategories
from ..nn.group_adam import GroupAdam
from ..nn.realmlp_layers import (
    NTKDense,
    ParametricActivation,
    PeriodicEmbedding,
    Scale,
    ScheduledDropout,
)
from ..nn.schedules import CosLog, FlatCos
from ..training.network import Network

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
    smoothing = check_fraction("label_smoothing", settings["label_smoothing"])
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
        check_choice("numeric_embedding", settings["numeric_embedding"], ["periodic"])
        if encoder.n_numeric_:
            layers.append(PeriodicEmbedding(encoder.n_numeric_, seed=draw(rng)))
    if settings["front_scale"]:
        layers.append(Scale())
    return layers


def hidden(settings, steps, rng):
    """The hidden layers."""
    activation = activations.get(settings["activation"])
    dropout = check_fraction("dropout", settings["dropout"])
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
    rate = check_positive("learning_rate", settings["learning_rate"])
    if (
        check_choice("schedule", settings["schedule"], ["coslog4", "flat_cos", "constant"])
        != "constant"
    ):
        rate = CosLog(rate, steps) if settings["schedule"] == "coslog4" else FlatCos(rate, steps)
    decay = check_interval("weight_decay", settings["weight_decay"], "[0, inf)")
    return GroupAdam(
        rate, FlatCos(decay, steps) if decay else 0.0, GROUPS, beta_2=settings["beta_2"]
    )


def draw(rng):
    return int(rng.integers(2**31))


# Initial values from the data: every unit starts with spread 1 and its bend among the rows.
#
# Layer by layer, with x the rows as they arrive at the layer and d their number of columns:
#
#     W ~ N(0, 1), then each column divided by the standard deviation over rows of x W / sqrt(d)
#     b_j = -sum over k of w_k z_(i_k, j)    z = x W / sqrt(d), of 5 random rows i_k,
#                                            with w ~ Exp(1), normalised
#
# Source: Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024, appendix A.

ROWS = 4_096  # enough for a standard deviation
OF_BIAS = 5


def start_from_data(network, x, rng):
    """Set kernels and biases of the `NTKDense` layers of a built network, unless they start at 0.

    Args:
        network: a Sequential.
        x: rows to train on, `(rows, features)`.
        rng: `numpy.random.Generator`.
    """
    if len(x) > ROWS:
        x = x[rng.choice(len(x), ROWS, replace=False)]
    x = ops.cast(x, "float32")
    for layer in network.layers:
        if isinstance(layer, NTKDense) and not layer.zero:
            set_layer(layer, ops.convert_to_numpy(x), rng)
        x = layer.call(x)  # in float32, whatever the layer computes in


def set_layer(layer, x, rng):
    d = x.shape[1]
    kernel = rng.standard_normal((d, layer.units))
    z = x @ kernel / np.sqrt(d)
    spread = z.std(axis=0)
    spread[spread <= 1e-9] = 1.0
    kernel, z = kernel / spread, z / spread
    rows = rng.integers(len(x), size=(OF_BIAS, layer.units))
    share = rng.exponential(size=(OF_BIAS, layer.units))
    share /= share.sum(axis=0)
    bias = -(share * np.take_along_axis(z, rows, axis=0)).sum(axis=0)
    # A gain of 2 stands for the difference of two logits, whose spread is sqrt(2) and not 2.
    layer.kernel.assign(kernel / np.sqrt(layer.gain))
    layer.bias.assign(bias / np.sqrt(layer.gain))
