"""Leaky ReLU, Mish, and hidden activations by name.

    leaky_relu(z) = z            where z > 0
                    alpha * z    elsewhere

which is max(alpha * z, z) for 0 < alpha < 1. It is not computed as that maximum: at z = inf the two
are equal, and the gradient would be alpha or the mean of both, instead of 1.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from .core.arguments import check_choice, check_interval
from .core.messages import invalid

ALPHA = 0.01  # Keras: 0.2 for the function, 0.3 for the layer


@keras.saving.register_keras_serializable(package="kerasdnn")
def leaky_relu(z: Any, alpha: float = ALPHA) -> Any:
    """Return `z` where it is positive, `alpha * z` elsewhere.

    The derivative is 1 for z > 0 and `alpha` for z < 0. At 0 it does not exist, and the backend of
    Keras decides: `alpha` on TensorFlow and PyTorch, 1 on JAX.

    Args:
        z: tensor of any shape.
        alpha: float in (0, 1), the slope for z < 0. Default: 0.01.

    Returns:
        Tensor with the shape and dtype of `z`.

    Raises:
        ValueError: `alpha` is outside (0, 1).

    Reference:
        Maas et al., Rectifier nonlinearities improve neural network acoustic models, 2013.

    Example:
        import numpy as np
        from kerasdnn import leaky_relu

        leaky_relu(np.array([-2.0, 0.0, 3.0]))    # [-0.02, 0., 3.]
    """
    return ops.leaky_relu(z, negative_slope=slope(alpha))


@keras.saving.register_keras_serializable(package="kerasdnn")
class LeakyReLU(keras.layers.Layer):
    """A layer that applies `leaky_relu`. Its slope is 0.01, that of the Keras layer 0.3.

    Args:
        alpha: float in (0, 1), the slope for z < 0. Default: 0.01.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: `alpha` is outside (0, 1).

    Example:
        from kerasdnn import LeakyReLU, build_regressor

        network = build_regressor(n_features=4, activation=LeakyReLU(0.1))
    """

    row_by_row = True

    def __init__(self, alpha: float = ALPHA, **kwargs: Any):
        alpha = slope(alpha)
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, z: Any) -> Any:
        return leaky_relu(z, self.alpha)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "alpha": self.alpha}


@keras.saving.register_keras_serializable(package="kerasdnn")
def mish(z: Any) -> Any:
    """Return z tanh(log(1 + e^z)) as Keras does, with one exponential instead of three.

    With n = e^z (e^z + 2), tanh(log(1 + e^z)) = n / (n + 2). A training step of RealMLP then takes
    a quarter less time.

    Args:
        z: tensor of any shape.

    Returns:
        Tensor with the shape and dtype of `z`.

    Reference:
        Misra, Mish: a self regularized non-monotonic activation function, 2020.

    Example:
        import numpy as np
        from kerasdnn.activations import mish

        mish(np.array([-2.0, 0.0, 3.0]))    # [-0.25, 0., 2.99]
    """
    # Beyond this limit n / (n + 2) is 1 in the precision of z, and n is still finite.
    e = ops.exp(ops.minimum(z, 5.0 if ops.dtype(z) == "float16" else 20.0))
    n = e * (e + 2)
    return z * (n / (n + 2))


def slope(alpha):
    return check_interval("alpha", alpha, "(0, 1)", "0.01 is the usual slope; 0 would be `relu`.")


# "leaky_relu" has slope 0.01 here, and "mish" is a faster way to the same numbers. Every other name
# means what it means in Keras.
leaky_relu.row_by_row = mish.row_by_row = True
BY_NAME: dict[str, Callable] = {
    name: getattr(keras.activations, name) for name in ("relu", "sigmoid", "tanh")
}
BY_NAME |= {"leaky_relu": leaky_relu, "mish": mish}
for _name, _function in vars(keras.activations).items():
    # "glu" halves the number of units; "threshold" has no defaults.
    if not _name.startswith("_") and _name not in (
        "get", "serialize", "deserialize", "glu", "threshold",
    ):  # fmt: skip
        BY_NAME.setdefault(_name, _function)

SUMS_TO_ONE = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "sparsemax": "Sparsemax",
}


def get(activation: str | Callable) -> Callable:
    """Look up the activation of a hidden layer.

    Args:
        activation: str, a name of `BY_NAME`; a function from a tensor to a tensor of the same
            shape; or a Keras layer such as `LeakyReLU(0.1)`.

    Returns:
        A function, or the Keras layer, to be copied for each hidden layer.

    Raises:
        ValueError: an unknown name, not an activation, or softmax.
    """
    if isinstance(activation, str):
        activation = BY_NAME[check_choice("activation", activation, BY_NAME)]
    if isinstance(activation, type) or not callable(activation):
        raise invalid(
            "activation",
            "must be a name, a function or a Keras layer",
            activation,
            "Pass an instance of a layer, such as `LeakyReLU()`.",
        )
    function = getattr(activation, "activation", activation)  # of `keras.layers.Activation`
    name = getattr(function, "__name__", type(function).__name__)
    if name in SUMS_TO_ONE or name in SUMS_TO_ONE.values():
        raise invalid(
            "activation",
            "of a hidden layer must not be softmax or a variant of it: their outputs sum to 1, "
            "therefore the units of a layer compete and the gradient almost vanishes",
            name,
            "Use 'relu' or 'leaky_relu'; the output layer of a multi-class classifier has softmax "
            "already.",
        )
    return activation


# The range of each activation whose range is known.
RANGES = {
    "linear": (-float("inf"), float("inf")),
    "leaky_relu": (-float("inf"), float("inf")),
    "relu": (0.0, float("inf")),
    "exponential": (0.0, float("inf")),
    "softplus": (0.0, float("inf")),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
