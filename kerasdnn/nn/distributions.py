"""Outputs that are distributions: ordered classes, normal, and negative binomial.

With z what precedes the output activation,

    ordered classes      P(y > k) = sigmoid(s_k), where s decreases: s_0 = z_0,
                         s_k = s_(k-1) - softplus(z_(k-1) - z_k)
    normal               mean z_0, standard deviation softplus(z_1)
    negative binomial    mean mu = e^(z_0), dispersion a = softplus(z_1), variance mu + a mu^2

The losses are negative log-likelihoods, so that the parameters which minimize them are those of
maximum likelihood.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import metrics as km
from keras import ops

from ..core.arguments import check_integer

register = keras.saving.register_keras_serializable(package="kerasdnn")
SMALLEST_SCALE, SMALLEST_DISPERSION = 1e-4, 1e-6  # added, so that the losses are finite


def exceedance_logits(z):
    """Return s, the logits of P(y > k), and the gaps between neighbors, both along the last axis.

    They decrease by a softplus, whatever z is; where z decreases by a constant, so does s.
    """
    gaps = ops.softplus(z[..., :-1] - z[..., 1:])
    below = ops.cumsum(gaps, axis=-1)
    return z[..., :1] - ops.concatenate([ops.zeros_like(z[..., :1]), below], axis=-1), gaps


def log_ordinal(z):
    """Compute the logarithms of the probabilities of ordered classes.

    sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)) has no cancellation.

    Args:
        z: float (..., classes - 1).

    Returns:
        float (..., classes).
    """
    s, gaps = exceedance_logits(z)
    above, below = ops.log_sigmoid(s), ops.log_sigmoid(-s)
    between = ops.log(ops.maximum(-ops.expm1(-gaps), 1e-30))
    middle = above[..., :-1] + below[..., 1:] + between
    return ops.concatenate([below[..., :1], middle, above[..., -1:]], axis=-1)


@register
def ordinal(z: Any) -> Any:
    """Compute the probabilities of K ordered classes, which sum to 1, from K - 1 numbers.

    Args:
        z: tensor of shape `(..., classes - 1)`.

    Returns:
        Tensor of shape `(..., classes)`.
    """
    return ops.exp(log_ordinal(z))


def ordinal_crossentropy_of_logits(y, z):
    """Compute the cross-entropy of each row; y: float (..., classes), z: float (..., classes - 1).

    Returns:
        float (...).
    """
    return -ops.sum(y * log_ordinal(z), -1)


def ordinal_bias(frequencies: np.ndarray) -> np.ndarray:
    """Compute the thresholds that give the classes these frequencies where the score is 0.

    Args:
        frequencies: float (classes,), positive; they need not sum to 1.

    Returns:
        float64 (classes - 1,).
    """
    p = np.asarray(frequencies, "float64")
    above = 1 - np.cumsum(p / p.sum())[:-1]
    s = np.log(above / (1 - above))
    steps = np.log(np.expm1(s[:-1] - s[1:]))  # the inverse of softplus
    return s[0] - np.concatenate([[0.0], np.cumsum(steps)])


@register
class OrdinalOutput(keras.layers.Layer):
    """The proportional-odds model of ordered classes, from one score per row.

    With f the score and b the thresholds, the logits of P(y > k) are `exceedance_logits` of
    f + b: a higher score makes all higher classes more probable, and the thresholds keep their
    order.

    Args:
        classes: int, at least 2.
        bias_initializer: Keras initializer of the thresholds. Default: "zeros".
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, 1)`, output shape `(rows, classes)`, probabilities. Weight: "bias"
    `(classes - 1,)`.

    Reference:
        McCullagh, Regression models for ordinal data, 1980. Cao, Mirjalili, Raschka, Rank
        consistent ordinal regression for neural networks, 2020 (CORAL: one score, K - 1
        thresholds).

    Example:
        import keras
        from kerasdnn.nn import OrdinalOutput

        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1), OrdinalOutput(5)])
        network.output_shape    # (None, 5), probabilities
    """

    row_by_row = True

    def __init__(self, classes: int, bias_initializer: Any = "zeros", **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = check_integer("classes", classes, 2)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        self.bias = self.add_weight(
            shape=(self.classes - 1,), initializer=self.bias_initializer, name="bias"
        )

    def call(self, x):
        return ordinal(x + self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        initializer = keras.initializers.serialize(self.bias_initializer)
        return {
            **super().get_config(), "classes": self.classes, "bias_initializer": initializer,
        }  # fmt: skip


@register
def normal_parameters(z: Any) -> Any:
    """Make a mean and a positive standard deviation of two numbers.

    Args:
        z: tensor of shape `(..., 2)`.

    Returns:
        Tensor of shape `(..., 2)`: z_0 and softplus(z_1) + 0.0001.
    """
    return ops.concatenate([z[..., :1], ops.softplus(z[..., 1:]) + SMALLEST_SCALE], axis=-1)


@register
def negative_binomial_parameters(z: Any) -> Any:
    """Make a positive mean and a positive dispersion of two numbers.

    Args:
        z: tensor of shape `(..., 2)`.

    Returns:
        Tensor of shape `(..., 2)`: e^(z_0), and softplus(z_1) + 0.000001.
    """
    dispersion = ops.softplus(z[..., 1:]) + SMALLEST_DISPERSION
    return ops.concatenate([ops.exp(ops.minimum(z[..., :1], 80.0)), dispersion], axis=-1)


for _function in (ordinal, normal_parameters, negative_binomial_parameters):
    _function.row_by_row = True


class Likelihood(keras.losses.Loss):
    """Base class: y of shape `(rows,)` or `(rows, 1)`, parameters of shape `(rows, 2)`."""

    distribution: "Distribution"

    def call(self, y_true, y_pred):
        if len(y_true.shape) == len(y_pred.shape):
            y_true = y_true[..., 0]
        y_true = ops.cast(y_true, y_pred.dtype)
        return self.of_parameters(y_true, y_pred[..., 0], y_pred[..., 1])


@register
class NormalLikelihood(Likelihood):
    """The negative log-likelihood of a normal distribution with learned standard deviation.

    With mean m and standard deviation s the loss of y is

        log s + ((y - m) / s)^2 / 2 + log(2 pi) / 2

    Args:
        name: str. None means the name of the class in snake case.
        reduction: str or None, as for every Keras loss. Default: "sum_over_batch_size".
        dtype: dtype of the computation, or a Keras dtype policy. None means Keras's default,
            float32.

    Call arguments:
        y_true: numbers, shape `(rows,)` or `(rows, 1)`.
        y_pred: means and standard deviations, shape `(rows, 2)`.

    Reference:
        Nix, Weigend, Estimating the mean and variance of the target probability distribution, 1994.

    Example:
        import keras
        from kerasdnn.nn import NormalLikelihood

        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        network.compile("adam", NormalLikelihood())
    """

    row_by_row = True
    takes_y_of = "normal"  # read by `checks/output_layer.py`

    def of_parameters(self, y, mean, scale):
        """Compute the loss of each row from the parameters.

        Args:
            y: tensor `(rows,)`, the targets.
            mean: tensor `(rows,)`, the means.
            scale: tensor `(rows,)`, the standard deviations.

        Returns:
            Tensor `(rows,)`.
        """
        return ops.log(scale) + ops.square((y - mean) / scale) / 2 + math.log(2 * math.pi) / 2


@register
class NegativeBinomialLikelihood(Likelihood):
    """The negative log-likelihood of a negative binomial distribution, for counts.

    With mean mu, dispersion a and r = 1 / a, the loss of y is

        -log( Gamma(y + r) / (Gamma(r) y!)  (r / (r + mu))^r  (mu / (r + mu))^y )

    The variance is mu + a mu^2; as a falls to 0 the distribution becomes Poisson's.

    Args:
        name: str. None means the name of the class in snake case.
        reduction: str or None, as for every Keras loss. Default: "sum_over_batch_size".
        dtype: dtype of the computation, or a Keras dtype policy. None means Keras's default,
            float32.

    Call arguments:
        y_true: counts, shape `(rows,)` or `(rows, 1)`.
        y_pred: means and dispersions, shape `(rows, 2)`.

    Reference:
        Cameron, Trivedi, Regression analysis of count data, 2013, section 3.3 (NB2).

    Example:
        import keras
        from kerasdnn.nn import NegativeBinomialLikelihood

        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        network.compile("adam", NegativeBinomialLikelihood())
    """

    row_by_row = True
    takes_y_of = "negative_binomial"  # read by `checks/output_layer.py`

    def of_parameters(self, y, mean, dispersion):
        """Compute the loss of each row from the parameters.

        Args:
            y: tensor `(rows,)`, the targets.
            mean: tensor `(rows,)`, the means.
            dispersion: tensor `(rows,)`, the dispersions.

        Returns:
            Tensor `(rows,)`.
        """
        mean, r = ops.maximum(mean, 1e-30), 1 / dispersion
        gammas = log_gamma_ratio(y, r) - log_gamma_ratio(y, ops.ones_like(y))
        return r * ops.log1p(mean / r) + y * (ops.log(r + mean) - ops.log(mean)) - gammas


def log_gamma_ratio(y, r):
    """Compute log(Gamma(y + r) / Gamma(r)) for y from 0 and positive r, without cancellation.

    Gamma(r) = Gamma(r + 8) / (r (r + 1) ... (r + 7)), and Stirling's series for the rest.
    """
    shifted = r + 8
    total = y + shifted
    found = (shifted - 0.5) * ops.log1p(y / shifted) + y * ops.log(total) - y
    found += (1 / total - 1 / shifted) / 12 - (total**-3 - shifted**-3) / 360
    for i in range(8):
        found -= ops.log1p(y / (r + i))
    return found


@register
def absolute_error_of_mean(y: Any, p: Any) -> Any:
    """Compute |y - mean| of each row, where the first column of `p` is the mean."""
    return ops.mean(ops.abs(ops.reshape(y, (-1, 1)) - p[:, :1]), axis=-1)


@register
def class_distance(y: Any, p: Any) -> Any:
    """Compute how many classes the most probable class is away from the true one, of each row."""
    likely = ops.cast(ops.argmax(p, axis=-1), "float32")
    return ops.abs(likely - ops.cast(ops.reshape(y, (-1,)), "float32"))


absolute_error_of_mean.row_by_row = class_distance.row_by_row = True


@register
class MeanAbsoluteErrorOfMean(km.MeanMetricWrapper):
    """The mean absolute error of the first output, the mean of a distribution."""

    row_by_row = True

    def __init__(self, name: str = "mae", dtype: Any = None):
        super().__init__(absolute_error_of_mean, name, dtype)
        self._direction = "down"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register
class ClassDistance(km.MeanMetricWrapper):
    """The mean number of classes between the most probable class and the true one."""

    row_by_row = True

    def __init__(self, name: str = "class_distance", dtype: Any = None):
        super().__init__(class_distance, name, dtype)
        self._direction = "down"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register
class RootMeanSquaredErrorOfMean(km.RootMeanSquaredError):
    """The root mean squared error of the first output, the mean of a distribution."""

    row_by_row = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.reshape(y_true, (-1, 1))
        return super().update_state(y_true, y_pred[:, :1], sample_weight)


@dataclass(frozen=True)
class Distribution:
    """A distribution of two parameters that a network predicts for each row.

    Attributes:
        frozen: function from float64 means (rows,) and second parameters (rows,) to a frozen
            distribution of `scipy.stats`.
        second: function from float64 y (rows,), weights (rows,) or None, and its mean, to the
            second parameter of a model that knows nothing of X.
        scales: bool, whether the second parameter is in the units of y.
    """

    frozen: Callable
    second: Callable
    scales: bool

    def constant(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Both parameters of a model that knows nothing of X, by moments."""
        mean = np.average(y, weights=weights)
        return np.array([mean, self.second(y, weights, mean)])


def frozen_normal(mean, scale):
    from scipy import stats  # which takes half a second to load

    return stats.norm(mean, scale)


def frozen_negative_binomial(mean, dispersion):
    from scipy import stats

    r = 1 / dispersion
    return stats.nbinom(r, r / (r + mean))


def variance(y, weights, mean):
    return np.average((y - mean) ** 2, weights=weights)


def deviation(y, weights, mean):
    return max(math.sqrt(variance(y, weights, mean)), SMALLEST_SCALE)


def dispersion(y, weights, mean):
    return max((variance(y, weights, mean) - mean) / max(mean, 1e-30) ** 2, SMALLEST_DISPERSION)


NORMAL = Distribution(frozen_normal, deviation, True)
NEGATIVE_BINOMIAL = Distribution(frozen_negative_binomial, dispersion, False)
NormalLikelihood.distribution = NORMAL
NegativeBinomialLikelihood.distribution = NEGATIVE_BINOMIAL
ONE = math.log(math.expm1(1.0))  # softplus of it is 1
