"""Embed numeric columns: piecewise-linear encodings and cosines, usable in any Keras model.

    PiecewiseLinearEmbedding    x -> bins of quantiles -> a linear layer per column
    CosineEmbedding             x -> a [x, cos(2 pi (w x + b))] + c

`PeriodicEmbedding` of `realmlp_layers.py` is the third: cosines followed by a linear layer.

Sources: Gorishniy, Rubachev, Babenko, On embeddings for numerical features in tabular deep
learning, 2022 (arXiv:2203.05556); Gorishniy, Kotelnikov, Babenko, TabM, 2025 (arXiv:2410.24210).
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import initializers, ops

from ..core.arguments import check_choice, check_integer
from ..core.messages import invalid
from .realmlp_layers import cosine_of_turns

NO_LIMIT = 3.0e38  # finite, because weights are checked for infinite values


def quantile_edges(x: npt.ArrayLike, n_bins: int = 48) -> list[list[float]]:
    """Compute the edges of bins that contain about equally many rows, for each column.

    Args:
        x: array `(rows, columns)` of finite numbers, the training rows.
        n_bins: int, at least 1, number of bins of a column with many values. It is at most the
            number of rows minus 1. Default 48.

    Returns:
        One increasing list per column, of 2 to `n_bins` + 1 edges. A column of few values has fewer
        bins, because equal quantiles are merged; a constant column c has the edges c and c + 1.

    Raises:
        ValueError: `x` is not two-dimensional, or contains values that are not finite.

    Example:
        import numpy as np
        from kerasdnn.nn import quantile_edges

        edges = quantile_edges(np.random.default_rng(0).normal(size=(200, 3)), n_bins=16)
    """
    x = np.asarray(x, "float64")
    n_bins = check_integer("n_bins", n_bins)
    if x.ndim != 2 or not len(x):
        rule = "must be two-dimensional, with shape (rows, columns) and at least one row"
        raise invalid("x", rule, received=f"an array of shape {x.shape}")
    if not np.isfinite(x).all():
        count = int((~np.isfinite(x)).sum())
        raise invalid("x", "must be finite", received=f"{count} values that are not")
    levels = np.linspace(0, 1, max(1, min(n_bins, len(x) - 1)) + 1)
    found = []
    for column in np.quantile(x, levels, axis=0).T:
        edges = np.unique(column.astype("float32"))
        if len(edges) == 1:
            width = max(1.0, abs(edges[0]) * 1e-3)
            edges = np.array([edges[0], edges[0] + width], dtype="float32")
        found.append(edges.tolist())
    return found


@keras.saving.register_keras_serializable(package="kerasdnn")
class PiecewiseLinearEmbedding(keras.layers.Layer):
    """A layer that embeds each numeric column by a continuous, piecewise-linear function.

    With the edges e_0 < ... < e_T of a column x, its encoding has one component per bin t = 1..T:

        c_t = (x - e_(t-1)) / (e_t - e_(t-1)), clipped to [0, 1]

    except that c_1 has no lower and c_T no upper bound: values outside the edges extrapolate
    linearly. From it, with weights per column,

        version "B"       w x + b + sum_t P_t c_t         P starts at 0, as a linear embedding
        version "A"       b + sum_t P_t c_t
        size None         the components c themselves, with no weights to train

    The other columns are appended unchanged. The edges are weights that are not trained, and
    therefore networks on different rows share a compiled function.

    Args:
        edges: one increasing list of at least two numbers per numeric column, see `quantile_edges`.
            The numeric columns come first.
        size: int, length of the embedding of a column, or None for the encoding alone. Default 16.
        version: "B" (default) or "A".
        activation: str, callable or None (linear), applied to the embedding. Default None.
        n_bins: int, number of components per column of which those beyond its bins are 0. None
            means the largest number of bins of a column.
        seed: int, of w, b and, in version "A", P ~ U(-1/sqrt s, 1/sqrt s), where s is `size` in
            version "B" and the number of bins in version "A". None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, n + m)` for n numeric columns, output shape `(rows, n * size + m)`. Trained
    weights: "linear" `(n, size)` (version "B"), "bias" `(n, size)`, "piecewise" `(n, n_bins,
    size)`.

    Raises:
        ValueError: edges that do not increase, or more bins in a column than `n_bins`.

    Example:
        import keras
        import numpy as np
        from kerasdnn.nn import PiecewiseLinearEmbedding, quantile_edges

        x = np.random.default_rng(0).normal(size=(200, 5))
        edges = quantile_edges(x[:, :3], n_bins=16)                 # of the training rows
        embed = PiecewiseLinearEmbedding(edges, size=8)
        embed(keras.Input((5,))).shape    # (None, 26): 3 of the 5 columns are numeric

    References:
        Gorishniy, Rubachev, Babenko, On embeddings for numerical features in tabular deep learning,
        2022. Version "B" is the one of TabM, 2025.
    """

    row_by_row = True

    def __init__(
        self,
        edges: Sequence[Sequence[float]],
        size: int | None = 16,
        version: str = "B",
        activation: str | Any = None,
        n_bins: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        edges = [check_edges(j, column) for j, column in enumerate(edges)]
        if not edges:
            raise invalid("edges", "must have at least one column", edges)
        most = max(map(len, edges)) - 1
        self.n, self.n_bins = len(edges), most if n_bins is None else n_bins
        check_integer("n_bins", self.n_bins, most, f"A column has {most} bins.")
        self.size = None if size is None else check_integer("size", size)
        self.version = check_choice("version", version, ("A", "B"))
        self.activation = keras.activations.get(activation)
        self.seed = seed
        # The name says what it is to a compiled function: initial values of weights.
        self.edges_initializer = edges

    def build(self, input_shape):
        for name, values in component_tables(self.edges_initializer, self.n_bins).items():

            def initial(shape, dtype=None, values=values):
                return ops.convert_to_tensor(values, dtype)

            weight = self.add_weight(
                shape=values.shape, initializer=initial, trainable=False, name=name, autocast=False
            )
            setattr(self, name, weight)
        if self.size is None:
            return
        draws = keras.random.SeedGenerator(self.seed)
        wide = self.version == "A"
        limit = (self.n_bins if wide else self.size) ** -0.5
        uniform = initializers.RandomUniform(-limit, limit, seed=draws)
        shape = self.n, self.size
        if not wide:
            self.linear = self.add_weight(shape=shape, initializer=uniform, name="linear")
        self.bias = self.add_weight(shape=shape, initializer=uniform, name="bias")
        self.piecewise = self.add_weight(
            shape=(self.n, self.n_bins, self.size),
            initializer=uniform if wide else "zeros",
            name="piecewise",
        )

    def components(self, x):
        """Encode the numeric columns.

        Args:
            x: tensor `(rows, columns)`, the numeric columns first.

        Returns:
            Tensor `(rows, n, n_bins)`.
        """
        x = ops.cast(x[:, : self.n, None], self.slope.dtype)
        return ops.clip((x - self.edge) * self.slope, self.low, self.high)

    def call(self, x):
        parts = ops.cast(self.components(x), x.dtype)
        if self.size is None:
            width = self.n * self.n_bins
        else:
            parts = ops.einsum("rnt,nts->rns", parts, self.piecewise) + self.bias
            if self.version == "B":
                parts = parts + x[:, : self.n, None] * self.linear
            parts, width = self.activation(parts), self.n * self.size
        return ops.concatenate([ops.reshape(parts, (-1, width)), x[:, self.n :]], axis=1)

    def compute_output_shape(self, input_shape):
        size = self.n_bins if self.size is None else self.size
        return (*input_shape[:-1], input_shape[-1] + self.n * (size - 1))

    def get_config(self):
        own = {"edges": self.edges_initializer, "size": self.size, "version": self.version}
        own["activation"] = keras.activations.serialize(self.activation)
        return {**super().get_config(), **own, "n_bins": self.n_bins, "seed": self.seed}


@keras.saving.register_keras_serializable(package="kerasdnn")
class CosineEmbedding(keras.layers.Layer):
    """A layer that embeds each numeric column x by cosines of learned frequencies.

        u = [x, cos(2 pi (w x + b))]        output = a u + c

    Each column has its own weights. At the start a and c are 0, and with them the output. The other
    columns are appended unchanged.

    Args:
        n: int, number of numeric columns, which come first.
        size: int, at least 2, length of the embedding, of which x is the first number. Default 16.
        deviation: float, standard deviation of the initial w, a normal distribution truncated at
            three standard deviations. Default 1.0.
        seed: int, of w. None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, n + m)`, output shape `(rows, n * size + m)`. Weights: "frequency" and
    "phase" `(n, size - 1)`, "factor" and "bias" `(n, size)`.

    Example:
        import keras
        from kerasdnn.nn import CosineEmbedding

        x = keras.Input((5,))
        CosineEmbedding(n=3, size=8)(x).shape    # (None, 26): 3 of the 5 columns are numeric
    """

    row_by_row = True

    def __init__(
        self,
        n: int,
        size: int = 16,
        deviation: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.n, self.size = check_integer("n", n), check_integer("size", size, 2)
        self.deviation, self.seed = deviation, seed

    def build(self, input_shape):
        shape = self.n, self.size - 1

        def initial(shape, dtype=None):
            return ops.cast(truncated_normal(shape, self.deviation, self.seed), dtype)

        self.frequency = self.add_weight(shape=shape, initializer=initial, name="frequency")
        self.phase = self.add_weight(shape=shape, initializer="zeros", name="phase")
        shape = self.n, self.size
        self.factor = self.add_weight(shape=shape, initializer="zeros", name="factor")
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")

    def call(self, x):
        numbers = x[:, : self.n, None]
        waves = cosine_of_turns(numbers * self.frequency + self.phase)
        parts = ops.concatenate([numbers, waves], axis=2) * self.factor + self.bias
        flat = ops.reshape(parts, (-1, self.n * self.size))
        return ops.concatenate([flat, x[:, self.n :]], axis=1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.n * (self.size - 1))

    def get_config(self):
        own = {"n": self.n, "size": self.size, "deviation": self.deviation, "seed": self.seed}
        return {**super().get_config(), **own}


def check_edges(j, edges):
    """The edges of column `j` as a list of floats."""
    values = np.asarray(edges, "float64")
    if values.ndim != 1 or len(values) < 2 or not (np.diff(values) > 0).all():
        rule = "must be an increasing list of at least two numbers"
        raise invalid(f"edges[{j}]", rule, list(edges), "`quantile_edges` computes such lists.")
    return values.tolist()


def component_tables(edges, n_bins):
    """The arrays with which the components are clip(slope (x - edge), low, high).

    Args:
        edges: one increasing list per column.
        n_bins: int, number of components; those beyond the bins of a column are 0 for any x.

    Returns:
        dict of four float32 arrays `(columns, n_bins)`.
    """
    slope, edge, low, high = np.zeros((4, len(edges), n_bins))
    for j, column in enumerate(edges):
        column = np.asarray(column, "float64")
        count, width = len(column) - 1, np.diff(column)
        slope[j, :count], edge[j, :count] = 1 / width, column[:-1]
        high[j, :count] = 1
        low[j, 0], high[j, count - 1] = -NO_LIMIT, NO_LIMIT
    tables = {"slope": slope, "edge": edge, "low": low, "high": high}
    return {name: values.astype("float32") for name, values in tables.items()}


def truncated_normal(shape, deviation, seed):
    """Draw N(0, deviation^2), truncated at three standard deviations, by inversion."""
    rng = np.random.default_rng(seed)
    inside = math.erf(3 / math.sqrt(2))
    u = ops.convert_to_tensor(rng.uniform(-inside, inside, size=shape), "float32")
    return deviation * math.sqrt(2) * ops.erfinv(u)
