"""What can be measured of a network on a few rows: gradients, weights, units that say nothing."""

import keras
import numpy as np
import pandas as pd
from keras import ops

ROWS = 512
SMOOTH = 1e-6  # spread over the rows, relative to its size, below which an output is constant
NEAR = 0.02  # share of the range of a bounded activation that counts as its end
BOUNDED = {"sigmoid": (0, 1), "tanh": (-1, 1), "hard_sigmoid": (0, 1), "hard_tanh": (-1, 1),
           "softsign": (-1, 1)}  # fmt: skip


def sample(x, y, seed=0, rows=ROWS):
    """At most `rows` rows of x and y, drawn at random."""
    if len(x) != len(y):
        raise ValueError(
            f"`X` and `y` must have the same number of rows. Received: {len(x)} and {len(y)}."
        )
    x, y = np.asarray(x, dtype="float32"), np.asarray(y)
    if len(x) > rows:
        chosen = np.sort(np.random.default_rng(seed).choice(len(x), rows, replace=False))
        x, y = x[chosen], y[chosen]
    return x, y


def probe(network, x, y):
    """The state of every layer with a kernel, on the rows given.

    Args:
        network: built and compiled `keras.Sequential`.
        x: `(rows, features)`.
        y: as in `fit`.

    Returns:
        DataFrame, a row per layer, by its name, first to last:
            gradient: root mean square of the loss's gradient by the layer's kernel.
            weight: root mean square of the kernel.
            dead: share of units whose output is the same for all rows. NaN for the output layer.
            saturated: share of outputs in the outer 2 % of the range of a bounded activation; NaN
                of others, and for the output layer.
    """
    layers = layers_with_kernel(network)
    table = pd.DataFrame(index=pd.Index([layer.name for layer in layers], name="layer"))
    table["gradient"] = gradients(network, layers, x, y)
    table["weight"] = [rms(layer.kernel) for layer in layers]
    units = [unit_shares(activation, out) for activation, out in hidden_outputs(network, x)]
    table[["dead", "saturated"]] = np.array([*units, (np.nan, np.nan)], dtype="float64")
    return table


def layers_with_kernel(network):
    found = [layer for layer in network.layers if hasattr(layer, "kernel")]
    if not found:
        raise ValueError(
            "`network` must have layers with a kernel, such as `Dense`. Received: "
            f"{[type(layer).__name__ for layer in network.layers]}."
        )
    return found


def gradients(network, layers, x, y):
    """Root mean square of the gradient of each kernel; NaN where the backend is no TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return np.full(len(layers), np.nan)
    import tensorflow as tf

    kernels = [layer.kernel.value for layer in layers]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(kernels)
        y_pred = network(x, training=False)
        loss = network.compute_loss(x=x, y=y, y_pred=y_pred)
    return [0.0 if g is None else rms(g) for g in tape.gradient(loss, kernels)]


def rms(tensor):
    return float(ops.sqrt(ops.mean(ops.square(tensor))))


def hidden_outputs(network, x):
    """Name of the activation and output of each hidden layer: what the next kernel is given."""
    found, name = [], None
    for layer in network.layers:
        if hasattr(layer, "kernel") and name is not None:
            found.append((name, ops.convert_to_numpy(x)))
        if getattr(layer, "_call_has_training_arg", False):
            x = layer(x, training=False)
        else:
            x = layer(x)
        if hasattr(layer, "kernel"):
            name = "linear"
        function = getattr(layer, "activation", None)
        if name is not None and function is not None and name == "linear":
            name = getattr(function, "__name__", "linear")
    return found


def unit_shares(activation, output):
    """Share of dead units, and of saturated outputs, of one layer."""
    low, high = output.min(axis=0), output.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    dead = float((high - low <= SMOOTH * size).mean())
    if activation not in BOUNDED:
        return dead, np.nan
    bottom, top = BOUNDED[activation]
    margin = NEAR * (top - bottom)
    return dead, float(((output < bottom + margin) | (output > top - margin)).mean())
