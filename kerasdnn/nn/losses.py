"""Losses that Keras lacks: of class indices, rare classes, positive numbers, and from logits."""

from typing import Any

import keras
from keras import ops

from ..core.arguments import check_fraction, check_interval


@keras.saving.register_keras_serializable(package="kerasdnn")
class SmoothedSparseCategoricalCrossentropy(keras.losses.Loss):
    """Cross-entropy of class indices with label smoothing.

    With K classes and smoothing s, the target of the true class is 1 - s + s/K, and of every other
    class s/K. The loss of a row with predicted probabilities p and true class c is therefore

        (1 - s) * -log p[c]  +  s * mean over k of -log p[k]

    which is `keras.losses.CategoricalCrossentropy(label_smoothing=s)` of the one-hot labels.

    Args:
        label_smoothing: float in [0, 1), s. Default 0.1.
        **kwargs: `reduction`, `name` and `dtype`, as for every Keras loss.

    Call arguments:
        y_true: class indices, shape `(rows,)` or `(rows, 1)`.
        y_pred: probabilities, shape `(rows, classes)`.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1).

    Reference:
        Szegedy et al., Rethinking the Inception architecture for computer vision, 2016.

    Example:
        import keras
        from kerasdnn.nn import SmoothedSparseCategoricalCrossentropy

        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
        network.compile("adam", SmoothedSparseCategoricalCrossentropy(0.1))
    """

    row_by_row = True
    takes_y_of = "sparse_categorical_crossentropy"  # read by `checks/output_layer.py`

    def __init__(self, label_smoothing: float = 0.1, **kwargs: Any):
        label_smoothing = check_fraction("label_smoothing", label_smoothing)
        super().__init__(**kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        true_class = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        even = ops.ones_like(y_pred) / y_pred.shape[-1]
        every_class = keras.losses.categorical_crossentropy(even, y_pred)
        s = self.label_smoothing
        return (1 - s) * true_class + s * every_class

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="kerasdnn")
class OneHotLoss(keras.losses.Loss):
    """A loss of one-hot labels for class indices, which it converts to one-hot labels first.

    Args:
        loss: Keras loss or function of `(y_true, y_pred)`, both of shape `(rows, classes)`, such as
            `keras.losses.CategoricalFocalCrossentropy()`; or its config.
        **kwargs: `reduction`, `name` and `dtype`, as for every Keras loss.

    Call arguments:
        y_true: class indices, shape `(rows,)` or `(rows, 1)`.
        y_pred: probabilities, shape `(rows, classes)`.

    Example:
        import keras
        from kerasdnn.nn import OneHotLoss

        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
        network.compile("adam", OneHotLoss(keras.losses.CategoricalFocalCrossentropy()))
    """

    row_by_row = True  # if `loss` is, see `training/metrics.py`
    takes_y_of = "sparse_categorical_crossentropy"

    def __init__(self, loss: Any, **kwargs: Any):
        loss = keras.losses.get(loss)
        if isinstance(loss, keras.losses.Loss):
            kwargs = {"reduction": loss.reduction} | kwargs
        super().__init__(**kwargs)
        self.loss = loss

    def call(self, y_true, y_pred):
        if len(y_true.shape) == len(y_pred.shape):
            y_true = ops.squeeze(y_true, -1)
        y_true = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
        call = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        return call(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "loss": keras.losses.serialize(self.loss)}


@keras.saving.register_keras_serializable(package="kerasdnn")
class AsymmetricLoss(keras.losses.Loss):
    """The asymmetric loss for rare classes: easy negatives count less than positives.

    With y 0 or 1, predicted probability p and q = max(p - margin, 0), the loss of an output is

        -y (1 - p)^gamma_positive log p - (1 - y) q^gamma_negative log(1 - q)

    averaged over the outputs. Negatives with a probability below the margin have no effect.

    Args:
        gamma_negative: non-negative float, how much less easy negatives count. Default: 4.
        gamma_positive: non-negative float, the same for positives. Default: 0.
        margin: float in [0, 1), subtracted from the probability of negatives. Default: 0.05.
        **kwargs: `reduction`, `name` and `dtype`, as for every Keras loss.

    Call arguments:
        y_true: 0 and 1, shape `(rows, outputs)`.
        y_pred: probabilities, shape `(rows, outputs)`.

    Reference:
        Ridnik et al., Asymmetric loss for multi-label classification, 2021 (arXiv:2009.14119).

    Example:
        from kerasdnn import build_multilabel_classifier
        from kerasdnn.nn import AsymmetricLoss

        network = build_multilabel_classifier(20, 5, loss=AsymmetricLoss(gamma_negative=2))
    """

    row_by_row = True
    takes_y_of = "asymmetric"  # read by `checks/output_layer.py`
    known_as = "asymmetric"  # the name in `heads.LOSSES`

    def __init__(
        self,
        gamma_negative: float = 4.0,
        gamma_positive: float = 0.0,
        margin: float = 0.05,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.gamma_negative = check_interval("gamma_negative", gamma_negative, "[0, inf)")
        self.gamma_positive = check_interval("gamma_positive", gamma_positive, "[0, inf)")
        self.margin = check_fraction("margin", margin)

    def call(self, y_true, y_pred):
        if len(y_true.shape) < len(y_pred.shape):
            y_true = y_true[..., None]
        y = ops.cast(y_true, y_pred.dtype)
        epsilon = keras.config.epsilon()
        p = ops.clip(y_pred, epsilon, 1 - epsilon)
        q = ops.maximum(p - self.margin, 0.0)
        positive = (1 - p) ** self.gamma_positive * ops.log(p)
        negative = q**self.gamma_negative * ops.log1p(-q)
        return -ops.mean(y * positive + (1 - y) * negative, axis=-1)

    def get_config(self):
        names = ("gamma_negative", "gamma_positive", "margin")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kerasdnn")
class GammaDeviance(keras.losses.Loss):
    """The deviance of the Gamma distribution, for positive numbers of any size.

    The loss of a target y with prediction p is

        2 (y / p - 1 - log(y / p))

    averaged over the outputs. It is 0 where p = y, and depends on the ratio of both alone: an error
    of 10% costs the same for small and for large targets.

    Args:
        name: str. None means the name of the class in snake case.
        reduction: str or None, as for every Keras loss. Default: "sum_over_batch_size".
        dtype: dtype of the computation, or a Keras dtype policy. None means Keras's default,
            float32.

    Call arguments:
        y_true: positive numbers, shape `(rows,)` or `(rows, outputs)`.
        y_pred: positive numbers, shape `(rows, outputs)`.

    Reference:
        McCullagh and Nelder, Generalized linear models, 1989, chapter 8.

    Example:
        import keras
        from kerasdnn.nn import GammaDeviance

        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "exponential")])
        network.compile("adam", GammaDeviance())
    """

    row_by_row = True
    takes_y_of = "gamma_deviance"  # read by `checks/output_layer.py`

    def call(self, y_true, y_pred):
        if len(y_true.shape) < len(y_pred.shape):
            y_true = y_true[..., None]
        # An exponential may underflow to 0, of which the logarithm is not finite.
        y_pred = ops.maximum(y_pred, SMALLEST)
        ratio = y_true / y_pred
        return ops.mean(2 * (ratio - 1 - ops.log(ops.maximum(ratio, SMALLEST))), axis=-1)


SMALLEST = 1e-30  # a normal number of float32, as is its inverse


def gamma_deviance_of_logits(y, z):
    """Compute the Gamma deviance of each row from the logarithm of the prediction.

    Args:
        y: float, broadcast to the shape of z, positive.
        z: float (..., units), what precedes the exponential.

    Returns:
        float (...), the mean over the units.
    """
    y = ops.broadcast_to(y, ops.shape(z))
    log_ratio = ops.log(ops.maximum(y, SMALLEST)) - z
    return ops.mean(2 * (ops.exp(log_ratio) - 1 - log_ratio), -1)


def binary_crossentropy_of_logits(y, z):
    """Compute the binary cross-entropy of each row from logits, accurate also where p is 0 or 1.

    Args:
        y: float, broadcast to the shape of z, targets in [0, 1].
        z: float (..., units), what precedes the sigmoid.

    Returns:
        float (...), the mean over the units.
    """
    y = ops.broadcast_to(y, ops.shape(z))
    return ops.mean(ops.binary_crossentropy(y, z, from_logits=True), -1)


def categorical_crossentropy_of_logits(y, z):
    """Compute the cross-entropy of each row from logits, accurate also where p is 0 or 1.

    Args:
        y: float, broadcast to the shape of z, target probabilities.
        z: float (..., classes), what precedes the softmax.

    Returns:
        float (...).
    """
    return ops.categorical_crossentropy(ops.broadcast_to(y, ops.shape(z)), z, from_logits=True)
