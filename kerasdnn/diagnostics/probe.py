"""Measure the layers of a network on a few rows: gradients, weights, dead and saturated units."""

import keras
import numpy as np
import pandas as pd
from keras import ops

PROBE_ROWS = 512
SAME_OUTPUT = 1e-6  # range over the rows, relative to its size, below which an output is constant
SATURATED = 0.02  # fraction of the range of an activation that counts as one of its ends
BOUNDED = {"sigmoid": (0, 1), "tanh": (-1, 1), "hard_sigmoid": (0, 1), "hard_tanh": (-1, 1),
           "softsign": (-1, 1)}  # fmt: skip


def sample(x, y, seed=0, rows=PROBE_ROWS):
    """Draw at most `rows` rows of x and y at random."""
    if len(x) != len(y):
        raise ValueError(
            f"`X` and `y` must have the same number of rows. Received: {len(x)} and {len(y)}."
        )
    x, y = np.asarray(x, dtype="float32"), np.asarray(y)
    if len(x) > rows:
        chosen = np.sort(np.random.default_rng(seed).choice(len(x), rows, replace=False))
        x, y = x[chosen], y[chosen]
    return x, y


def probe(network: keras.Model, x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Measure every layer that has a kernel.

    Args:
        network: built and compiled `keras.Sequential`.
        x: float32 `(rows, features)`.
        y: as in `fit`.

    Returns:
        DataFrame with a row per layer, first to last, and the columns
            gradient: root mean square of the gradient of the loss with respect to the kernel; NaN
                on a backend other than TensorFlow.
            weight: root mean square of the kernel.
            dead: fraction of units with the same output for all rows; NaN for the output layer.
            saturated: fraction of outputs in the outer 2% of the range of a bounded activation; NaN
                for other activations and for the output layer.
    """
    layers = layers_with_kernel(network)
    table = pd.DataFrame(index=pd.Index([layer.name for layer in layers], name="layer"))
    table["gradient"] = gradients(network, layers, x, y)
    table["weight"] = [root_mean_square(layer.kernel) for layer in layers]
    units = [unit_fractions(activation, out) for activation, out in hidden_outputs(network, x)]
    table[["dead", "saturated"]] = np.array([*units, (np.nan, np.nan)], dtype="float64")
    return table


def layers_with_kernel(network):
    found = [layer for layer in network.layers if hasattr(layer, "kernel")]
    if not found:
        kinds = ", ".join(type(layer).__name__ for layer in network.layers)
        raise ValueError(
            "`network` must have layers with a kernel, such as `Dense`. Received: a network of "
            f"{kinds or 'no layers'}."
        )
    return found


def gradients(network, layers, x, y):
    if keras.backend.backend() != "tensorflow":
        return np.full(len(layers), np.nan)
    import tensorflow as tf

    kernels = [layer.kernel.value for layer in layers]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(kernels)
        loss = network.compute_loss(x=x, y=y, y_pred=network(x, training=False))
    return [0.0 if g is None else root_mean_square(g) for g in tape.gradient(loss, kernels)]


def root_mean_square(tensor):
    return float(ops.sqrt(ops.mean(ops.square(tensor))))


def hidden_outputs(network, x):
    """Name of the activation and output of each hidden layer, as the next kernel receives it."""
    found, name = [], None
    for layer in network.layers:
        if hasattr(layer, "kernel") and name is not None:
            found.append((name, ops.convert_to_numpy(x)))
        training = {"training": False} if getattr(layer, "_call_has_training_arg", False) else {}
        x = layer(x, **training)
        if hasattr(layer, "kernel"):
            name = "linear"
        function = getattr(layer, "activation", None)
        if name == "linear" and function is not None:
            name = getattr(function, "__name__", "linear")
    return found


def unit_fractions(activation, output):
    """Fractions of dead units and of saturated outputs of one layer."""
    low, high = output.min(axis=0), output.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    dead = float((high - low <= SAME_OUTPUT * size).mean())
    if activation not in BOUNDED:
        return dead, np.nan
    bottom, top = BOUNDED[activation]
    margin = SATURATED * (top - bottom)
    return dead, float(((output < bottom + margin) | (output > top - margin)).mean())
