"""Layers of RealMLP, each usable in any Keras model.

    Scale                   s x, one s per column
    NTKDense                g (x W / sqrt(d) + b), d columns in: the factor is in the forward pass
    ParametricActivation    x + a (f(x) - x), one a per unit
    PeriodicEmbedding       [W2 cos(2 pi w1 x + b1) + b2, x] of each numeric column
    ScheduledDropout        dropout whose rate decays to 0 during training

Source: Holzmueller, Grinsztajn, Steinwart, Better by Default: Strong Pre-Tuned MLPs and Boosted
Trees on Tabular Data, 2024 (arXiv:2407.04491), section 3 and appendix A.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import keras
from keras import initializers, ops

from .schedules import FlatCos

register = keras.saving.register_keras_serializable(package="kerasdnn")


@register
class Scale(keras.layers.Layer):
    """A layer that multiplies each column by a learned weight, s x.

    Input and output shape `(rows, columns)`. The weight "scale" `(columns,)` is initially 1.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Example:
        import keras
        from kerasdnn.nn import Scale

        x = keras.Input((4,))
        Scale()(x).shape    # (None, 4)
    """

    row_by_row = True

    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones", name="scale")

    def call(self, x):
        return x * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape


@register
class NTKDense(keras.layers.Layer):
    """A dense layer in neural-tangent parametrization, g (x W / sqrt(d) + b).

    The factor 1 / sqrt(d) is part of the forward pass instead of the initial values, so that a
    learning rate has the same effect for layers of any width.

    Args:
        units: int, at least 1, number of outputs.
        activation: str, callable or None (linear).
        gain: float, factor g on the output. Default 1.0; use 2 for a single logit, which then
            learns like the difference of two.
        seed: int, of the initial W and b. None means a random one.
        zero: bool, whether W and b start at 0 instead of N(0, 1). Default False.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, d)`, output shape `(rows, units)`. Weights: "kernel" `(d, units)` and "bias"
    `(units,)`.

    Example:
        import keras
        from kerasdnn.nn import NTKDense

        x = keras.Input((4,))
        NTKDense(64, activation="relu", seed=0)(x).shape    # (None, 64)

    Reference:
        Jacot, Gabriel, Hongler, Neural tangent kernel, 2018.
    """

    row_by_row = True

    def __init__(
        self,
        units: int,
        activation: str | Callable | None = None,
        gain: float = 1.0,
        seed: int | None = None,
        zero: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units, self.gain, self.seed, self.zero = units, gain, seed, zero
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        draws = keras.random.SeedGenerator(self.seed)

        def normal():
            return "zeros" if self.zero else initializers.RandomNormal(stddev=1.0, seed=draws)

        self.kernel = self.add_weight(shape=shape, initializer=normal(), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer=normal(), name="bias")

    def linear(self, x):
        """Compute the output before the activation.

        Args:
            x: tensor `(rows, d)`.

        Returns:
            Tensor `(rows, units)`.
        """
        z = ops.matmul(x, self.kernel) * (self.gain / math.sqrt(x.shape[-1]))
        return z + self.gain * self.bias

    def call(self, x):
        return self.activation(self.linear(x))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        own = {"units": self.units, "activation": activation, "gain": self.gain}
        return {**super().get_config(), **own, "seed": self.seed, "zero": self.zero}


@register
class ParametricActivation(keras.layers.Layer):
    """An activation f with a learned weight a per unit: x + a (f(x) - x).

    Args:
        activation: str or callable, f.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input and output shape `(rows, units)`. The weight "mix" `(units,)`, a, is initially 1.

    Example:
        import keras
        from kerasdnn.nn import ParametricActivation

        x = keras.Input((4,))
        ParametricActivation("relu")(x).shape    # (None, 4)
    """

    row_by_row = True

    def __init__(self, activation: str | Callable, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.mix = self.add_weight(shape=input_shape[-1:], initializer="ones", name="mix")

    def call(self, x):
        return x + self.mix * (self.activation(x) - x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}


@register
class PeriodicEmbedding(keras.layers.Layer):
    """A layer that embeds each numeric column x as [W2 cos(2 pi w1 x + b1) + b2, x] ("PBLD").

    Each column has its own weights; the other columns are appended unchanged.

    Args:
        n: int, number of numeric columns, which come first.
        frequencies: int k, length of w1 and b1. Default 16.
        size: int, length of the embedding, including x. Default 4.
        deviation: float, standard deviation of the initial w1. Default 0.1.
        seed: int, of w1 ~ N(0, deviation^2), b1 ~ U(-pi, pi), and W2 and b2 ~
            U(-1/sqrt k, 1/sqrt k). None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, n + m)`, output shape `(rows, n * size + m)`. Weights: "frequency" and
    "phase" `(n, k)`, "mixture" `(n, k, size - 1)`, "offset" `(n, size - 1)`.

    Example:
        import keras
        from kerasdnn.nn import PeriodicEmbedding

        x = keras.Input((5,))
        PeriodicEmbedding(n=3)(x).shape    # (None, 14): 3 of the 5 columns are numeric
    """

    row_by_row = True

    def __init__(
        self,
        n: int,
        frequencies: int = 16,
        size: int = 4,
        deviation: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.n, self.frequencies, self.size = n, frequencies, size
        self.deviation, self.seed = deviation, seed

    def build(self, input_shape):
        n, k, out = self.n, self.frequencies, self.size - 1
        draws = keras.random.SeedGenerator(self.seed)

        def uniform(limit):
            return initializers.RandomUniform(-limit, limit, seed=draws)

        normal = initializers.RandomNormal(stddev=self.deviation, seed=draws)
        self.frequency = self.add_weight(shape=(n, k), initializer=normal, name="frequency")
        self.phase = self.add_weight(shape=(n, k), initializer=uniform(math.pi), name="phase")
        bound = uniform(k**-0.5)
        self.mixture = self.add_weight(shape=(n, k, out), initializer=bound, name="mixture")
        self.offset = self.add_weight(shape=(n, out), initializer=bound, name="offset")

    def call(self, x):
        numbers = x[:, : self.n, None]
        waves = cosine_of_turns(numbers * self.frequency + self.phase / (2 * math.pi))
        # The compiler fuses sums of products, which are faster than n tiny matrix products.
        parts = ops.sum(waves[..., None] * self.mixture, axis=2) + self.offset
        parts = ops.concatenate([parts, numbers], axis=2)
        flat = ops.reshape(parts, (-1, self.n * self.size))
        return ops.concatenate([flat, x[:, self.n :]], axis=1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.n * (self.size - 1))

    def get_config(self):
        own = {"n": self.n, "frequencies": self.frequencies, "size": self.size}
        return {**super().get_config(), **own, "deviation": self.deviation, "seed": self.seed}


@register
class ScheduledDropout(keras.layers.Layer):
    """Dropout whose rate decays: r(t) = rate (1 + cos(pi (max(1, 2 t) - 1))) / 2, t from 0 to 1.

    Each value is 0 with probability r(t), and otherwise divided by 1 - r(t). A weight of the layer
    counts the training steps.

    Args:
        rate: float in [0, 1), the initial rate.
        steps: int, number of training steps, after which nothing is dropped.
        seed: int. None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Example:
        import keras
        from kerasdnn.nn import ScheduledDropout

        x = keras.Input((4,))
        ScheduledDropout(0.15, steps=1_000, seed=0)(x, training=True).shape    # (None, 4)
    """

    row_by_row = True

    def __init__(self, rate: float, steps: int, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.schedule = FlatCos(rate, steps)
        self.seed = random.randrange(2**31) if seed is None else seed
        # As a variable, so that equal networks with other seeds share a compiled function.
        self.seed_state = keras.random.SeedGenerator(self.seed % 2**31)

    def build(self, input_shape):
        self.step = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="step", autocast=False
        )  # half precision cannot count steps

    def call(self, x, training=False):
        if not training:
            return x
        rate = self.schedule(self.step)
        self.step.assign(self.step + 1)
        number = ops.cast(self.step, "int32") * 2**16
        number = number + ops.cast(self.seed_state.state[0], "int32")
        keep = noise(ops.shape(x), number) >= rate
        return ops.where(keep, x / ops.cast(1 - rate, x.dtype), ops.zeros_like(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"rate": self.schedule.peak, "steps": self.schedule.steps, "seed": self.seed}
        return {**super().get_config(), **own}


def cosine_of_turns(u):
    """Compute cos(2 pi u), to 1e-7.

    The Taylor series of the sine on [-pi / 2, pi / 2] compiles to vector instructions. The
    library's cosine is one call per number, and took half the time of a training step.
    """
    x = 2 * math.pi * (0.25 - ops.abs(u - ops.round(u)))
    t = x * x
    series = 1 / 362_880 - t / 39_916_800
    for factorial in (-5_040, 120, -6, 1):
        series = 1 / factorial + t * series
    return x * series


def noise(shape, number):
    """Compute uniform, uncorrelated numbers in [0, 1) from `number` and their position.

    Integers are hashed twice by the finalizer of MurmurHash3, which is random enough for masks and
    ten times as fast as a statistical generator. (`population/forward.py` has its own, because
    merging would change the masks drawn.)
    """
    places = ops.reshape(ops.arange(math.prod(shape), dtype="int32"), shape)
    bits = hashed(places * -1_640_531_527 + hashed(number))
    return ops.cast(ops.bitwise_and(bits, 0xFFFFFF), "float32") / 2.0**24


def hashed(h):
    """Apply the finalizer of MurmurHash3 to int32, whose products wrap around."""
    for shift, factor in ((16, -2_048_144_789), (13, -1_028_477_387), (16, 1)):
        low = ops.bitwise_and(ops.right_shift(h, shift), 2 ** (32 - shift) - 1)
        h = ops.bitwise_xor(h, low) * factor
    return h
