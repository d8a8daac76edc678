"""Leaky ReLU, Mish, and the activation of hidden layers looked up by name.

    leaky_relu(z) = z            where z > 0
                    alpha * z    elsewhere

which is max(alpha * z, z) for 0 < alpha < 1. It is not computed as that maximum: z = inf is a tie
of the two, and its gradient would come out as alpha, or as the mean of both, instead of 1.
"""

import keras
from keras import ops

from .core.arguments import check_choice, check_interval
from .core.messages import invalid

ALPHA = 0.01  # Keras: 0.2 for the function, 0.3 for the layer


@keras.saving.register_keras_serializable(package="kerasdnn")
def leaky_relu(z, alpha=ALPHA):
    """`z` where it is positive, `alpha * z` elsewhere.

    The derivative is 1 for z > 0 and `alpha` for z < 0. At 0, where there is none, it is what the
    Keras backend takes: `alpha` on TensorFlow and PyTorch, 1 on JAX.

    Args:
        z: tensor of any shape.
        alpha: float in (0, 1), the slope for z < 0.

    Raises:
        ValueError: `alpha` is outside (0, 1).

    Reference:
        Maas et al., Rectifier nonlinearities improve neural network acoustic models, 2013.

    Example:
        leaky_relu(np.array([-2.0, 0.0, 3.0]))    # [-0.02, 0., 3.]
    """
    return ops.leaky_relu(z, negative_slope=slope(alpha))


@keras.saving.register_keras_serializable(package="kerasdnn")
class LeakyReLU(keras.layers.Layer):
    """`leaky_relu` as a layer. Keras's layer of this name has slope 0.3 by default, this one 0.01.

    Args:
        alpha: float in (0, 1), the slope for z < 0.

    Raises:
        ValueError: `alpha` is outside (0, 1).
    """

    row_by_row = True

    def __init__(self, alpha=ALPHA, **kwargs):
        alpha = slope(alpha)
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, z):
        return leaky_relu(z, self.alpha)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@keras.saving.register_keras_serializable(package="kerasdnn")
def mish(z):
    """z tanh(log(1 + e^z)), as Keras's, in one exponential instead of three.

    With n = e^z (e^z + 2), tanh(log(1 + e^z)) = n / (n + 2): a training step of RealMLP takes a
    quarter less time.

    Reference:
        Misra, Mish: a self regularized non-monotonic activation function, 2020.
    """
    # From there on n / (n + 2) is 1 in the precision of z, and n still finite.
    e = ops.exp(ops.minimum(z, 5.0 if ops.dtype(z) == "float16" else 20.0))
    n = e * (e + 2)
    return z * (n / (n + 2))


def slope(alpha):
    return check_interval("alpha", alpha, "(0, 1)", "0.01 is the usual slope; 0 would be `relu`.")


# "leaky_relu" is ours, of slope 0.01; "mish" is ours with Keras's numbers. Every other name means
# what it means in Keras.
leaky_relu.row_by_row = mish.row_by_row = True
BY_NAME = {name: getattr(keras.activations, name) for name in ("relu", "sigmoid", "tanh")}
BY_NAME |= {"leaky_relu": leaky_relu, "mish": mish}
for _name, _function in vars(keras.activations).items():
    # "glu" makes one unit of two, so that a layer would not have the units asked for; "threshold"
    # has no defaults.
    if not _name.startswith("_") and _name not in (
        "get", "serialize", "deserialize", "glu", "threshold",
    ):  # fmt: skip
        BY_NAME.setdefault(_name, _function)

SUMS_TO_ONE = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "sparsemax": "Sparsemax",
}


def get(activation):
    """The activation of a hidden layer: a callable, or a Keras layer to be copied.

    Args:
        activation: name ("leaky_relu" is the one above, the rest are Keras's), callable from a
            tensor to a tensor of the same shape, or a Keras layer such as `LeakyReLU(0.1)`.

    Raises:
        ValueError: unknown name, not an activation, or softmax.
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
            "of a hidden layer must not be softmax or its kin: their outputs sum to 1, so that "
            "the units of a layer compete and little gradient gets through",
            name,
            "Use 'relu' or 'leaky_relu'; the factories put softmax on the output of a multi-class "
            "classifier by themselves.",
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
