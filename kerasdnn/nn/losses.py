"""A loss that Keras does not have: cross-entropy of class indices with label smoothing."""

from typing import Any

import keras
from keras import ops

from ..core.arguments import check_fraction


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
