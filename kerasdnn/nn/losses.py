"""Losses that Keras lacks: of class indices, rare classes, positive numbers, from logits, and the
weighted sum of the losses of several heads, with the activation and the metrics of such heads."""

import copyreg
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import keras
from keras import ops

from ..core import keras_internals
from ..core.arguments import check_fraction, check_interval, check_positive

register = keras.saving.register_keras_serializable(package="kerasdnn")


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


@register
class Huber(keras.losses.Huber):
    """Keras's Huber loss, with its `delta` in its config.

    With e the absolute difference of y and the prediction, the loss of an output is

        e^2 / 2                  where e <= delta
        delta (e - delta / 2)    elsewhere

    averaged over the outputs. The config of Keras's class lacks `delta`, and a copy or a file would
    have 1 instead. An estimator replaces that class by this one.

    Args:
        delta: positive float, the error at which the loss becomes linear. Default: 1.
        reduction: str or None, as for every Keras loss. Default: "sum_over_batch_size".
        name: str. Default: "huber_loss".
        dtype: dtype of the computation, or a Keras dtype policy. None means Keras's default,
            float32.

    Call arguments:
        y_true: numbers, shape `(rows,)` or `(rows, outputs)`.
        y_pred: numbers, shape `(rows, outputs)`.

    Example:
        from kerasdnn import build_regressor
        from kerasdnn.nn import Huber

        network = build_regressor(20, loss=Huber(delta=0.5))
    """

    row_by_row = True
    takes_y_of = "huber"  # read by `checks/output_layer.py`

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ):
        self.delta = check_positive("delta", delta)
        super().__init__(self.delta, reduction, name, dtype)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}

    def __repr__(self):
        return f"Huber(delta={self.delta:g})"


def complete(loss: Any) -> Any:
    """Return a loss whose config has its settings, where that of Keras's own lacks the `delta`."""
    lacks = type(loss) is keras.losses.Huber and keras_internals.settings_of(loss)["delta"] != 1
    return Huber(*settings_of_huber(loss)) if lacks else loss


def settings_of_huber(loss):
    """The arguments of Keras's Huber in their order."""
    return keras_internals.settings_of(loss)["delta"], loss.reduction, loss.name, loss.dtype


# scikit-learn copies the values of a grid before an estimator sees them.
copyreg.pickle(keras.losses.Huber, lambda loss: (keras.losses.Huber, settings_of_huber(loss)))


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


@register
class MixedActivation:
    """The output activation of several heads, each of which has its own columns.

    Args:
        parts: sequence of `(activation, units)`, one per head, such as `("sigmoid", 1)` and
            `("linear", 1)`.

    Call arguments:
        z: tensor of shape `(..., units of all heads)`.

    Example:
        import keras
        from kerasdnn.nn import MixedActivation

        layer = keras.layers.Dense(2, MixedActivation([("sigmoid", 1), ("linear", 1)]))
        layer(keras.Input((4,))).shape    # (None, 2)
    """

    row_by_row = True  # if its activations are, see `training/compile_cache.py`

    def __init__(self, parts: Sequence):
        self.parts = [(keras.activations.get(activation), int(n)) for activation, n in parts]

    def __call__(self, z):
        slices = columns_of([n for _, n in self.parts])
        found = [f(z[..., at]) for (f, _), at in zip(self.parts, slices, strict=True)]
        return ops.concatenate(found, axis=-1)

    def get_config(self):
        """Return the arguments of `__init__`, as Keras serializes them.

        Returns:
            dict.
        """
        return {"parts": [[keras.activations.serialize(f), n] for f, n in self.parts]}

    @classmethod
    def from_config(cls, config):
        """Create an activation from its config.

        Args:
            config: dict, what `get_config` returned.

        Returns:
            `MixedActivation`.
        """
        return cls(**config)


def columns_of(units: Sequence[int]) -> list[slice]:
    """The columns of each head among those of all heads."""
    ends = list(accumulate(units, initial=0))
    return [slice(start, stop) for start, stop in pairwise(ends)]


def loss_of_part(loss, y, p):
    """The loss of each row; `loss`: Keras loss or function, y: (..., 1), p: (..., units)."""
    return (loss.call if isinstance(loss, keras.losses.Loss) else loss)(y, p)


@register
class MixedLoss(keras.losses.Loss):
    """The weighted sum of the losses of several heads, as Keras's `loss_weights` has it.

    With y_k the column of head k in y, p_k its columns in the output and w_k its weight, the loss
    of a row is

        sum over k of w_k loss_k(y_k, p_k)

    Args:
        losses: sequence of Keras losses, their names or configs, one per head.
        units: sequence of int, outputs of each head.
        weights: sequence of positive float, one per head. None means 1 for every head.
        **kwargs: `reduction`, `name` and `dtype`, as for every Keras loss.

    Call arguments:
        y_true: shape `(rows, heads)`, numbers and class indices.
        y_pred: shape `(rows, units of all heads)`.

    Example:
        from kerasdnn.nn import MixedLoss

        MixedLoss(["binary_crossentropy", "mean_squared_error"], units=[1, 1], weights=[1, 0.5])
    """

    row_by_row = True  # if its losses are, see `training/metrics.py`
    takes_y_of_its_losses = True  # read by `checks/output_layer.py`

    def __init__(
        self,
        losses: Sequence,
        units: Sequence[int],
        weights: Sequence[float] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.losses = [keras.losses.get(loss) for loss in losses]
        self.units = [int(n) for n in units]
        self.weights = [1.0] * len(self.units) if weights is None else [float(w) for w in weights]

    def call(self, y_true, y_pred):
        found = 0.0
        for k, at in enumerate(columns_of(self.units)):
            loss = loss_of_part(self.losses[k], y_true[..., k : k + 1], y_pred[..., at])
            found = found + self.weights[k] * loss
        return found

    def get_config(self):
        losses = [keras.losses.serialize(loss) for loss in self.losses]
        return {
            **super().get_config(), "losses": losses, "units": self.units, "weights": self.weights,
        }  # fmt: skip


@register
class PartMetric(keras.metrics.Metric):
    """A metric of one of several heads.

    Args:
        metric: Keras metric, its name or its config.
        column: int, the column of the head in y.
        start: int, its first column in the output.
        units: int, how many columns it has there.
        name: str. None means that of the metric.
        **kwargs: `dtype`, as for every Keras metric.

    Example:
        import keras
        from kerasdnn.nn import PartMetric

        metric = keras.metrics.MeanAbsoluteError()
        PartMetric(metric, column=1, start=1, units=1, name="spend_mae")
    """

    row_by_row = True  # if `metric` is a sum over rows, see `training/metrics.py`

    def __init__(
        self, metric: Any, column: int, start: int, units: int, name: str | None = None,
        **kwargs: Any,
    ):  # fmt: skip
        metric = keras.metrics.get(metric)
        super().__init__(name=name or metric.name, **kwargs)
        self.metric, self.column, self.start, self.units = metric, column, start, units
        self._direction = getattr(metric, "_direction", None)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = y_true[:, self.column : self.column + 1]
        y_pred = y_pred[:, self.start : self.start + self.units]
        return self.metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()

    def get_config(self):
        own = {"column": self.column, "start": self.start, "units": self.units}
        return {**super().get_config(), "metric": keras.metrics.serialize(self.metric), **own}


@register
class PartLoss(keras.metrics.Mean):
    """The mean loss of one of several heads, without its weight.

    Args:
        loss: Keras loss, its name or its config.
        column: int, the column of y, at least 0.
        start: int, the first column of the head in the prediction, at least 0.
        units: int, the number of its columns in the prediction, at least 1.
        name: str. Default: "part_loss".
        **kwargs: `dtype`, as for every Keras metric.

    Example:
        from kerasdnn.nn import PartLoss

        PartLoss("mean_squared_error", column=1, start=1, units=1, name="spend_loss")
    """

    row_by_row = True  # if `loss` is, see `training/metrics.py`

    def __init__(
        self, loss: Any, column: int, start: int, units: int, name: str = "part_loss",
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(name=name, **kwargs)
        self.loss = keras.losses.get(loss)
        self.column, self.start, self.units = column, start, units
        self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true[:, self.column : self.column + 1], y_pred.dtype)
        losses = loss_of_part(self.loss, y_true, y_pred[:, self.start : self.start + self.units])
        return super().update_state(losses, sample_weight=sample_weight)

    def get_config(self):
        own = {"column": self.column, "start": self.start, "units": self.units}
        return {**super().get_config(), "loss": keras.losses.serialize(self.loss), **own}
