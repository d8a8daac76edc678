"""Quantiles that never cross: an output activation and the pinball loss."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
from keras import ops

from ..core.arguments import is_number
from ..core.messages import invalid

register = keras.saving.register_keras_serializable(package="kerasdnn")


@register
def increasing(z: Any) -> Any:
    """Make each row increase from its first column to its last.

    The middle column, at position `columns // 2`, is unchanged. From there, each column adds
    softplus(z) = log(1 + e^z) to its neighbor on the way up, or subtracts it on the way down. A
    non-negative number is added, therefore no rounding makes a row decrease.

    Args:
        z: tensor of shape `(..., columns)`.

    Returns:
        Tensor of the same shape and dtype.

    Example:
        import numpy as np
        from kerasdnn.nn import increasing

        increasing(np.array([[1.0, 0.0, -1.0]]))    # [[-1.31, 0., 0.31]]
    """
    columns = z.shape[-1]
    middle = columns // 2
    gaps = ops.softplus(z)
    found = [z[..., middle : middle + 1]]
    for k in range(middle + 1, columns):
        found.append(found[-1] + gaps[..., k : k + 1])
    for k in range(middle - 1, -1, -1):
        found.insert(0, found[0] - gaps[..., k : k + 1])
    return ops.concatenate(found, axis=-1) if columns > 1 else found[0]


increasing.row_by_row = True


def check_quantiles(name: str, value: Any) -> tuple[float, ...]:
    """`value` as a tuple of floats, strictly increasing, each in (0, 1)."""
    remedy = "Such as (0.1, 0.5, 0.9)."
    rule = "must be a sequence of increasing numbers in (0, 1)"
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        raise invalid(name, rule, value, remedy)
    levels = list(value)
    inside = bool(levels) and all(is_number(level) and 0 < level < 1 for level in levels)
    if not inside or any(b <= a for a, b in pairwise(levels)):
        raise invalid(name, rule, value, remedy)
    return tuple(float(level) for level in levels)


@register
class QuantileLoss(keras.losses.Loss):
    """The pinball loss of several quantiles.

    With y the target and p the prediction of quantile q, the loss of a row is the mean over the
    quantiles of

        max(q (y - p), (q - 1) (y - p))

    which the q-quantile of y minimizes.

    Args:
        quantiles: sequence of increasing floats in (0, 1), one per output.
        **kwargs: `reduction`, `name` and `dtype`, as for every Keras loss.

    Call arguments:
        y_true: numbers, shape `(rows,)` or `(rows, 1)`.
        y_pred: predicted quantiles, shape `(rows, quantiles)`.

    Raises:
        ValueError: `quantiles` are not increasing numbers in (0, 1).

    Reference:
        Koenker and Bassett, Regression quantiles, 1978 (https://doi.org/10.2307/1913643).

    Example:
        import keras
        from kerasdnn.nn import QuantileLoss

        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        network.compile("adam", QuantileLoss((0.1, 0.5, 0.9)))
    """

    row_by_row = True
    takes_y_of = "quantiles"  # read by `checks/output_layer.py`

    def __init__(self, quantiles: Sequence[float], **kwargs: Any):
        super().__init__(**kwargs)
        self.quantiles = check_quantiles("quantiles", quantiles)

    def call(self, y_true, y_pred):
        if len(y_true.shape) < len(y_pred.shape):
            y_true = y_true[..., None]
        levels = ops.convert_to_tensor(self.quantiles, dtype=y_pred.dtype)
        error = ops.subtract(y_true, y_pred)
        return ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    def get_config(self):
        return {**super().get_config(), "quantiles": list(self.quantiles)}
