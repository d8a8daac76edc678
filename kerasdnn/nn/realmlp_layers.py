"""The layers of RealMLP, each usable in any Keras model.

    Scale                   s x, one s per column
    NTKDense                g (x W / sqrt(d) + b), d columns in: the factor is in the forward pass
    ParametricActivation    x + a (f(x) - x), one a per unit
    PeriodicEmbedding       [W2 cos(2 pi w1 x + b1) + b2, x] of each numeric column
    ScheduledDropout        dropout whose rate falls to 0 with the training

Source: Holzmueller, Grinsztajn, Steinwart, Better by Default: Strong Pre-Tuned MLPs and Boosted
Trees on Tabular Data, 2024 (arXiv:2407.04491), section 3 and appendix A.
"""

import math
import random

import keras
from keras import initializers, ops

from .schedules import FlatCos

register = keras.saving.register_keras_serializable(package="kerasdnn")


@register
class Scale(keras.layers.Layer):
    """Multiply each column by a weight of its own, s x: which columns matter is learned first.

    Shapes: `(rows, columns)` to the same. Weight "scale", initially 1.
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
    """A dense layer in neural-tangent parametrisation, g (x W / sqrt(d) + b).

    The factor 1 / sqrt(d) stands in the forward pass and not in the initial values, so that a
    learning rate means the same for layers of any width.

    Args:
        units: int.
        activation: as in `keras.layers.Dense`.
        gain: float, g. 2 makes one logit learn like the difference of two.
        seed: int, of the initial N(0, 1) of W and b; with `zero=True` both start at 0.

    Shapes: `(rows, d)` to `(rows, units)`. Weights "kernel" `(d, units)` and "bias" `(units,)`.

    Reference:
        Jacot, Gabriel, Hongler, Neural tangent kernel, 2018.
    """

    row_by_row = True

    def __init__(self, units, activation=None, gain=1.0, seed=None, zero=False, **kwargs):
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

    def call(self, x):
        z = ops.matmul(x, self.kernel) * (self.gain / math.sqrt(x.shape[-1]))
        return self.activation(z + self.gain * self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        own = {"units": self.units, "activation": activation, "gain": self.gain}
        return {**super().get_config(), **own, "seed": self.seed, "zero": self.zero}


@register
class ParametricActivation(keras.layers.Layer):
    """x + a (f(x) - x): each unit learns how much of the activation it takes.

    Args:
        activation: name or function, f.

    Shapes: `(rows, units)` to the same. Weight "mix" a, initially 1.
    """

    row_by_row = True

    def __init__(self, activation, **kwargs):
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
    """Each of the first n columns, x, becomes [W2 cos(2 pi w1 x + b1) + b2, x] ("PBLD").

    Columns have weights of their own; the other columns pass unchanged, on the right.

    Args:
        n: int, how many columns, from the left, are numbers.
        frequencies: int k, length of w1 and b1.
        size: int, length of what a column becomes, itself included.
        deviation: float, standard deviation of the initial w1.
        seed: int, of w1 ~ N(0, deviation^2), b1 ~ U(-pi, pi), W2 and b2 ~ U(-1/sqrt k, 1/sqrt k).

    Shapes: `(rows, n + m)` to `(rows, n * size + m)`. Weights "frequency" and "phase" `(n, k)`,
    "mixture" `(n, k, size - 1)`, "offset" `(n, size - 1)`.
    """

    row_by_row = True

    def __init__(self, n, frequencies=16, size=4, deviation=0.1, seed=None, **kwargs):
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
        # Few and small: sums of products, which a compiler fuses, beat n tiny matrix products.
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
    """Dropout at the rate r(t) = rate (1 + cos(pi (max(1, 2 t) - 1))) / 2, t from 0 to 1.

    Each value is 0 with probability r(t), else divided by 1 - r(t). The layer counts the training
    steps itself, in a weight.

    Args:
        rate: float in [0, 1).
        steps: int, of the whole training; after them nothing is dropped.
        seed: int.
    """

    row_by_row = True

    def __init__(self, rate, steps, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.schedule = FlatCos(rate, steps)
        self.seed = random.randrange(2**31) if seed is None else seed
        # The seed as a variable: equal networks of other seeds share a compiled function.
        self.seed_state = keras.random.SeedGenerator(self.seed % 2**31)

    def build(self, input_shape):
        self.step = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="step", autocast=False
        )  # a count of steps, which half precision would not hold

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
    """cos(2 pi u), to 1e-7.

    The Taylor series of the sine on [-pi / 2, pi / 2], which compiles to vector instructions; the
    library's cosine is a call per number, and took half the time of a training step.
    """
    x = 2 * math.pi * (0.25 - ops.abs(u - ops.round(u)))
    t = x * x
    series = 1 / 362_880 - t / 39_916_800
    for factorial in (-5_040, 120, -6, 1):
        series = 1 / factorial + t * series
    return x * series


def noise(shape, number):
    """Numbers in [0, 1), a function of `number` and their place: uniform and uncorrelated.

    Integers are hashed twice by the finalizer of MurmurHash3. For masks that is random enough, and
    ten times as fast as a generator made for statistics.
    """
    places = ops.reshape(ops.arange(shape[0] * shape[1], dtype="int32"), shape)
    bits = hashed(places * -1_640_531_527 + hashed(number))
    return ops.cast(ops.bitwise_and(bits, 0xFFFFFF), "float32") / 2.0**24


def hashed(h):
    """The finalizer of MurmurHash3 on int32, whose products wrap around."""
    for shift, factor in ((16, -2_048_144_789), (13, -1_028_477_387), (16, 1)):
        low = ops.bitwise_and(ops.right_shift(h, shift), 2 ** (32 - shift) - 1)
        h = ops.bitwise_xor(h, low) * factor
    return h
