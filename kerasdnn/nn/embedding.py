"""Embed columns that contain the codes of categories."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerasdnn")
class EmbedCategories(keras.layers.Layer):
    """A layer that replaces the last columns, codes of categories, by learned vectors.

    With the codes c_1..c_k of a row in the last k columns, the other columns x, and a table of
    vectors E_j for each of the k columns:

        output = [x, E_1[c_1], ..., E_k[c_k]]        E_j[0] starts at 0, the others at N(0, s^2)

    Code 0 means unknown: its vector stays 0 unless it occurs in training. All tables are one
    weight, so that a batch is one gather.

    Args:
        cardinalities: list of int, number of codes of each of the k columns, including 0.
        size: int, length of the vectors. Default 8.
        deviation: float, s, the standard deviation of initial vectors. None means 1 / sqrt(size).
        seed: int, of the initial vectors. None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, n + k)`, output shape `(rows, n + k * size)`.

    Example:
        import keras
        from kerasdnn.nn import EmbedCategories

        x = keras.Input((4,))
        EmbedCategories([3, 5], size=2)(x).shape    # (None, 6): 2 of the 4 columns are codes

    Reference:
        Guo and Berkhahn, Entity embeddings of categorical variables, 2016.
    """

    row_by_row = True

    def __init__(
        self,
        cardinalities: list[int],
        size: int = 8,
        deviation: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cardinalities, self.size, self.seed = list(cardinalities), size, seed
        self.deviation = size**-0.5 if deviation is None else deviation
        self.starts = np.cumsum([0, *self.cardinalities[:-1]]).astype("int32")

    def build(self, input_shape):
        normal = keras.initializers.RandomNormal(stddev=self.deviation, seed=self.seed)
        zeros = np.zeros((len(self.starts), self.size))

        def initial(shape, dtype=None):
            values = normal(shape, dtype=dtype)
            return ops.scatter_update(values, self.starts[:, None], ops.cast(zeros, dtype))

        shape = sum(self.cardinalities), self.size
        self.vectors = self.add_weight(shape=shape, initializer=initial, name="vectors")

    def call(self, x):
        k = len(self.cardinalities)
        codes = ops.cast(x[:, -k:], "int32")
        codes = ops.clip(codes, 0, np.array(self.cardinalities, "int32") - 1) + self.starts
        # The reshape makes gradients dense; Keras's optimizers process sparse ones in parts.
        table = ops.reshape(self.vectors, (-1, self.size))
        vectors = ops.reshape(ops.take(table, codes, axis=0), (-1, k * self.size))
        return ops.concatenate([x[:, :-k], ops.cast(vectors, x.dtype)], axis=1)

    def compute_output_shape(self, input_shape):
        k = len(self.cardinalities)
        return (*input_shape[:-1], input_shape[-1] - k + k * self.size)

    def get_config(self):
        own = {"cardinalities": self.cardinalities, "size": self.size}
        return {**super().get_config(), **own, "deviation": self.deviation, "seed": self.seed}
