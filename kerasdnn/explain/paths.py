"""Differentiate a network along straight lines between two rows.

A line needs numbers, and an embedded column holds the code of a category. A line therefore starts
behind the embedding: in the scaled numbers, the flags and the vectors of the categories. It starts
behind a piecewise-linear embedding of numbers, too, whose bins may be so narrow that it is a step.
An average of networks has one such start per member, and moves along all of them together.
"""

from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from ..nn.average import AverageOf
from ..nn.embedding import EmbedCategories
from ..nn.numeric_embeddings import PiecewiseLinearEmbedding

ROWS_PER_STEP = 4096  # rows of one pass through the network
ROUNDING = 5e-7  # relative error of a float32 output


@dataclass
class Stage:
    """A network behind its embedding.

    Attributes:
        front: list of the embedding layers in front.
        members: list of `Stage`, whose outputs are averaged, or empty.
        layers: list of the layers behind the embeddings or the average.
    """

    front: list
    members: list = field(default_factory=list)
    layers: list = field(default_factory=list)

    def starts(self, x):
        """What the line runs through: a list of float32 arrays `(rows, columns)`."""
        if self.members:
            return [start for member in self.members for start in member.starts(x)]
        for layer in self.front:
            x = ops.convert_to_numpy(layer(x))
        return [x]

    def fold(self, fold):
        """`columns.fold_matrix` for each of the arrays of `starts`."""
        if self.members:
            return [part for member in self.members for part in member.fold(fold)]
        for layer in self.front:
            if isinstance(layer, EmbedCategories):
                codes = len(layer.cardinalities)
                vectors = np.repeat(fold[-codes:], layer.size, axis=0)
                fold = np.concatenate([fold[:-codes], vectors])
            else:
                size = layer.n_bins if layer.size is None else layer.size
                fold = np.concatenate([np.repeat(fold[: layer.n], size, axis=0), fold[layer.n :]])
        return [fold]

    def output(self, starts):
        """The network's output; `starts` is an iterator of tensors."""
        if self.members:
            x = ops.mean(ops.stack([member.output(starts) for member in self.members]), axis=0)
        else:
            x = next(starts)
        for layer in self.layers:
            inference = {"training": False} if layer._call_has_training_arg else {}
            x = layer(x, **inference)
        return x


def stage_of(network, codes):
    """The `Stage` of a `keras.Sequential`.

    Args:
        network: `Network` of an estimator.
        codes: int, number of embedded columns.

    Raises:
        ValueError: the network embeds categories elsewhere than in its first layer, or the backend
            is not TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Explanations need gradients of the TensorFlow backend. Received: "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow before importing keras."
        )
    layers, front = [*network.layers], []
    if isinstance(layers[0], AverageOf):
        return Stage([], [stage_of(n, codes) for n in layers[0].networks], layers[1:])
    while isinstance(layers[0], (EmbedCategories, PiecewiseLinearEmbedding)):
        front.append(layers.pop(0))
    if codes and not any(isinstance(layer, EmbedCategories) for layer in front):
        raise ValueError(
            "Explanations need the categories to be embedded by the first layer. Received: "
            f"{type(layers[0]).__name__}. Fit with a larger `one_hot_limit`, so that no column is "
            "embedded."
        )
    return Stage(front, [], layers)


def slopes(stage, starts, unit, link):
    """Values of an output and its gradients in the starts.

    Args:
        stage: `Stage`.
        starts: list of arrays `(rows, columns)`.
        unit: int array `(rows,)`, the output of interest of each row.
        link: `attributions.Link`, from outputs to what is explained.

    Returns:
        `(values, noise, gradients)`: float64 `(rows,)`, how much of it the rounding of float32 may
        change, and a list of float64 arrays as `starts`.
    """
    import tensorflow as tf

    values, noise, gradients = [], [], []
    for begin in range(0, len(unit), ROWS_PER_STEP):
        rows = slice(begin, begin + ROWS_PER_STEP)
        inputs = [tf.convert_to_tensor(start[rows], "float32") for start in starts]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            output = tf.cast(stage.output(iter(inputs)), "float32")
            chosen = tf.gather(output, unit[rows], batch_dims=1)
        value, slope = link(output.numpy().astype("float64"), unit[rows])
        found = tape.gradient(chosen, inputs, tf.constant(slope, "float32"))
        values.append(value)
        noise.append(ROUNDING * np.abs(slope * chosen.numpy()))
        gradients.append([
            np.zeros(start[rows].shape) if g is None else g.numpy().astype("float64")
            for g, start in zip(found, starts, strict=True)
        ])  # fmt: skip
    joined = [np.concatenate(parts) for parts in zip(*gradients, strict=True)]
    return np.concatenate(values), np.concatenate(noise), joined
