"""Compute what a network's output does not show: log-odds, each member's output, dropout.

A float32 sigmoid near 1 has lost the log-odds: 0.99999994 is the largest number below 1, log-odds
16.6. Whoever divides log-odds by a temperature needs those from which the sigmoid was computed.
"""

import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from ..core.messages import invalid
from ..nn.average import AverageOf
from ..nn.realmlp_layers import NTKDense, ScheduledDropout
from ..training.network import Network
from .calibration import to_scores

ROWS_AT_ONCE = 8_192
TWINS: Any = weakref.WeakKeyDictionary()  # network to its twin, and for which function


class BeforeActivation(keras.layers.Layer):
    """A dense layer without its activation, with the same variables.

    Args:
        layer: built `Dense` or `NTKDense`.
    """

    row_by_row = True

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, x):
        if type(self.layer) is NTKDense:
            return self.layer.linear(x)
        z = ops.matmul(x, self.layer.kernel)
        return ops.add(z, self.layer.bias) if self.layer.use_bias else z

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.layer.units)


class LogOddsOfAverage(keras.layers.Layer):
    """The log-odds of the mean of several sigmoids, with the same variables.

    Args:
        networks: list of `keras.Sequential` that end with log-odds.
    """

    row_by_row = True

    def __init__(self, networks, **kwargs):
        super().__init__(**kwargs)
        self.networks = networks

    def call(self, x):
        return self.combine(ops.stack([network(x, training=False) for network in self.networks]))

    @staticmethod
    def combine(z):
        """The log-odds of the mean of sigmoid(z) over the first axis."""
        return ops.logsumexp(-ops.softplus(-z), axis=0) - ops.logsumexp(-ops.softplus(z), axis=0)

    def compute_output_shape(self, input_shape):
        return self.networks[0].compute_output_shape(input_shape)


def before_activation(network: Network) -> Network | None:
    """A `Network` that predicts the log-odds of one that ends with a sigmoid, or their average.

    Both share all variables.

    Returns:
        None if the last layer is not a plain dense one with a sigmoid, in float32.
    """
    network.make_predict_function()  # a new one after `compile`
    twin, function = TWINS.get(network, (None, None))
    if function is not network.predict_function:
        layers = log_odds_layers(network)
        if layers is None:
            return None
        twin = Network([keras.Input(network.input_shape[1:]), *layers], seed=network.seed)
        TWINS[network] = twin, network.predict_function
    return twin


def log_odds_layers(network):
    """The layers of `before_activation`, or None."""
    *others, last = network.layers
    if type(last) is AverageOf:
        found = [log_odds_layers(one) for one in last.networks]
        if None in found:
            return None
        shape = last.networks[0].input_shape[1:]
        return [*others, LogOddsOfAverage([keras.Sequential([keras.Input(shape), *one])
                                           for one in found])]  # fmt: skip
    plain = type(last) is NTKDense or (
        type(last) is keras.layers.Dense
        and not last.lora_enabled
        and last.quantization_mode is None
    )
    sigmoid = plain and last.activation is keras.activations.sigmoid
    return (
        [*others, BeforeActivation(last)] if sigmoid and last.compute_dtype == "float32" else None
    )


def class_scores(network: Network, run: Callable, head: Any) -> np.ndarray:
    """The scores that `calibration` takes.

    Args:
        network: predicts probabilities.
        run: function from a network to its output, float64 `(rows, outputs)`.
        head: the `Head` of its problem type.

    Returns:
        float64 log-odds `(rows, labels)`, or log-probabilities `(rows, classes)` up to a constant
        per row.
    """
    twin = None if head.per_class else before_activation(network)
    return scores_of_outputs(run(network), head) if twin is None else both(run(twin), head)


def scores_of_outputs(outputs: np.ndarray, head: Any) -> np.ndarray:
    """`class_scores` of probabilities."""
    return both(to_scores(outputs, sigmoid=not head.per_class), head)


def both(z, head):
    """The log-odds of the second of two classes as the scores of both."""
    return np.column_stack([np.zeros(len(z)), z[:, 0]]) if head.units == "1" else z


def members_of(network: Network) -> list[keras.Sequential]:
    """The networks whose outputs a network averages; empty if it averages none."""
    last = network.layers[-1]
    return list(last.networks) if isinstance(last, AverageOf) else []


def outputs_of(network: keras.Sequential, x: np.ndarray) -> np.ndarray:
    """The outputs of a network, float64, computed layer by layer: nothing is compiled."""
    parts = [x[i : i + ROWS_AT_ONCE] for i in range(0, max(1, len(x)), ROWS_AT_ONCE)]
    found = [ops.convert_to_numpy(network(part, training=False)) for part in parts]
    return np.concatenate(found).astype("float64")


def outputs_with_dropout(network: keras.Sequential, x: np.ndarray, seed: int) -> np.ndarray:
    """The outputs of a network whose dropout is active, everything else as in prediction.

    Raises:
        ValueError: the network has no dropout.
    """
    generator = keras.random.SeedGenerator(seed)
    if not any(dropout_rate(layer) for layer in layers_of(network)):
        raise invalid(
            "method", "needs a network with dropout", "dropout", "Fit with dropout=0.1, or with "
            "n_members=5 and pass method='members'.",
        )  # fmt: skip
    found = []
    for i in range(0, max(1, len(x)), ROWS_AT_ONCE):
        z = ops.convert_to_tensor(x[i : i + ROWS_AT_ONCE])
        for layer in layers_of(network):
            rate = dropout_rate(layer)
            z = keras.random.dropout(z, rate, seed=generator) if rate else layer(z, training=False)
        found.append(ops.convert_to_numpy(z))
    return np.concatenate(found).astype("float64")


def layers_of(network):
    """The layers of a Sequential, with those of Sequentials inside it."""
    for layer in network.layers:
        yield from layers_of(layer) if isinstance(layer, keras.Sequential) else [layer]


def dropout_rate(layer):
    """The fraction that a layer sets to 0 in training, of a scheduled one at its start; else 0."""
    if isinstance(layer, ScheduledDropout):
        return layer.schedule.peak
    return layer.rate if type(layer) is keras.layers.Dropout else 0.0
