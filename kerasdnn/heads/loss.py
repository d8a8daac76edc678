"""The loss of a head: another one in its place, the loss as Keras takes it, and its values."""

import functools
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from ..core.messages import invalid
from ..nn import losses
from .head import Head
from .loss_names import FOCAL, LOSSES, keras_name, loss_named

# Losses of Keras that depend on the units or the zero of y: an estimator does not standardize it.
IN_UNITS = ("poisson", "mean_squared_logarithmic_error", "kl_divergence", "cosine_similarity")
# A custom loss receives class indices; those of Keras, but for these, one-hot labels.
OF_INDICES = ("", "sparse_categorical_crossentropy", "categorical_generalized_cross_entropy")
OF_CLASSES = ("crossentropy", "hinge", "asymmetric")
RELATIVE = "mean_absolute_percentage_error"


@functools.lru_cache(256)
def with_loss(head: Head, loss: Any = None) -> Head:
    """Return `head` with another loss and everything else, also where it already has another.

    Args:
        head: `Head`.
        loss: what `check_loss` accepts. None means the loss of the row.

    Raises:
        ValueError: a loss of Keras that does not fit the output of the head.
    """
    if head.levels:
        if loss is not None:
            raise ValueError("Pass either `loss` or `quantiles`, not both.")
        return head
    if head.parts and loss is not None:
        rule = "must be left out of a problem with several heads, each of which has its own"
        raise invalid("loss", rule, loss, "Such as heads={'spend': 'huber'}.")
    if head.distribution is not None and loss is not None:
        rule = f"must be left out of a {head.name} problem, whose loss is its likelihood"
        raise invalid("loss", rule, loss)
    head = head.row or head
    if isinstance(loss, str) and loss == FOCAL:
        loss = f"{'categorical' if head.per_class else 'binary'}_focal_crossentropy"
    name = "" if loss is None else keras_name(loss)
    if loss is None or (isinstance(loss, str) and name == head.loss):
        return head
    one_hot = head.kind == "class" and head.one_hot
    if "categorical" in name and (not head.per_class or (one_hot and name in OF_INDICES)):
        what = "labels in one column" if one_hot else "an output per class"
        remedy = (
            "Use 'binary_crossentropy'." if not head.per_class and head.kind != "number" else ""
        )
        raise invalid("loss", f"needs {what}, which a {head.name} problem lacks", loss, remedy)
    if head.kind == "number" and any(word in name for word in OF_CLASSES):
        raise invalid("loss", f"needs classes, not a {head.name} problem", loss)
    if name == "poisson" and head.kind == "number" and head.activation != "exponential":
        remedy = "Pass target='count' instead, or 'positive' for numbers that are not counts."
        raise invalid("loss", "needs a problem whose predictions are positive", loss, remedy)
    relative = name == RELATIVE and bool(head.standardize)
    return replace(
        head, loss=name if isinstance(loss, str) and name in LOSSES else loss, row=head,
        logits_loss=None, by_mean=head.by_mean or relative,
        standardize=head.standardize and not relative and name not in IN_UNITS,
    )  # fmt: skip


def make_loss(head: Head, label_smoothing: float = 0.0):
    """Make the loss of `head` as Keras takes it: an object, or the function it was given as.

    A saved network that holds it opens in plain Keras, except for class indices with smoothing,
    which Keras does not have: see `nn/losses.py`.

    Args:
        label_smoothing: float in [0, 1), only for a head whose loss takes it.
    """
    if label_smoothing:
        if head.smoothed is None:
            remedy = "Leave it out."
            what: object = head.name or head
            if head.row is not None and head.kind != "number":
                what = keras_name(head.loss) or head.loss
            rule = f"needs classes and a loss that takes it, not {what}"
            raise invalid("label_smoothing", rule, label_smoothing, remedy)
        loss = head.smoothed(label_smoothing=label_smoothing)
    elif isinstance(head.loss, str):
        loss = loss_named(head.loss)
    else:
        loss = head.loss() if isinstance(head.loss, type) else head.loss
    indices = head.row is not None and head.per_class and not head.one_hot
    return losses.OneHotLoss(loss) if indices and keras_name(loss) not in OF_INDICES else loss


def mean_loss(head: Head, y, prediction, weights=None) -> float:
    """Compute the loss of predictions, without label smoothing, as a weighted mean over the rows.

    Args:
        y: array (rows,) or (rows, outputs), as the network takes it.
        prediction: array (rows, outputs), what the network predicts.
        weights: (rows,), row weights. None means 1 for every row.
    """
    rows = row_losses(head, y, prediction)
    # A custom loss may return one number for all rows, which weights no longer change.
    return float(np.average(rows, weights=weights if len(y) == rows.size else None))


def row_losses(head: Head, y, prediction) -> np.ndarray:
    """Compute the loss of each prediction, without label smoothing; y and prediction as above.

    Returns:
        array (rows,), or one number of a custom loss that returns it for all rows.
    """
    loss = make_loss(head)
    loss = loss.call if isinstance(loss, keras.losses.Loss) else loss
    y = np.asarray(y)
    if head.per_class and not head.one_hot:
        y = y.reshape(-1).astype("int32")
    else:
        shape = (len(prediction), 1) if head.one_column else np.shape(prediction)
        shape = (len(prediction), len(head.parts)) if head.parts else shape
        y = y.reshape(shape).astype(prediction.dtype)
    return keras.ops.convert_to_numpy(loss(y, prediction))


def check_shapes(head: Head, y, outputs: int) -> None:
    """Reject a custom loss that cannot be computed from some rows, which Keras reports as shapes.

    Args:
        y: array of a few rows, as the network takes it.
        outputs: int, number of outputs of the network.
    """
    if not callable(head.loss) or keras_name(head.loss):
        return
    prediction = np.full((len(y), outputs), 1 / outputs, "float32")
    try:
        row_losses(head, y, prediction)
    except Exception as error:
        shape = np.shape(y) if head.per_class and not head.one_hot else prediction.shape
        what = "indices of classes" if head.per_class else "y"
        raise invalid(
            "loss", f"must accept {what} of shape {shape} and predictions of shape "
            f"{prediction.shape}", head.loss, f"It raised {type(error).__name__}: "
            f"{str(error).splitlines()[0][:120]}",
        ) from error  # fmt: skip
