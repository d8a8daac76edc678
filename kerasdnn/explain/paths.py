"""Differentiate a network along straight lines between two rows.

A line needs numbers, and an embedded column holds the code of a category. A line therefore starts
behind the embedding: in the scaled numbers, the flags and the vectors of the categories. An average
of networks has one such start per member, and moves along all of them together.
"""

from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from ..nn.average import AverageOf
from ..nn.embedding import EmbedCategories

ROWS_PER_STEP = 4096  # rows of one pass through the network
ROUNDING = 5e-7  # relative error of a float32 output


@dataclass
class Stage:
    """A network behind its embedding.

    Attributes:
        embed: the `EmbedCategories` layer in front, or None.
        members: list of `Stage`, whose outputs are averaged, or empty.
        layers: list of the layers behind the embedding or the average.
    """

    embed: EmbedCategories | None
    members: list = field(default_factory=list)
    layers: list = field(default_factory=list)

    def starts(self, x):
        """What the line runs through: a list of float32 arrays `(rows, columns)`."""
        if self.members:
            return [start for member in self.members for start in member.starts(x)]
        return [x if self.embed is None else ops.convert_to_numpy(self.embed(x))]

    def fold(self, fold):
        """`columns.fold_matrix` for each of the arrays of `starts`."""
        if self.members:
            return [part for member in self.members for part in member.fold(fold)]
        if self.embed is None:
            return [fold]
        codes = len(self.embed.cardinalities)
        vectors = np.repeat(fold[-codes:], self.embed.size, axis=0)
        return [np.concatenate([fold[:-codes], vectors])]

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
    layers = [*network.layers]
    first = layers[0]
    if isinstance(first, AverageOf):
        return Stage(None, [stage_of(n, codes) for n in first.networks], layers[1:])
    if isinstance(first, EmbedCategories):
        return Stage(first, [], layers[1:])
    if codes:
        raise ValueError(
            "Explanations need the categories to be embedded by the first layer. Received: "
            f"{type(first).__name__}. Fit with a larger `one_hot_limit`, so that no column is "
            "embedded."
        )
    return Stage(None, [], layers)


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
