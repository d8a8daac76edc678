"""List the losses and metrics that are sums over rows, and update metrics for many steps at once.

Stock Keras updates every metric after every batch. If the state of a metric is a sum over rows, a
compiled function may instead keep the predictions of its steps and update the metric once, over
thousands of rows. Only exact classes of Keras are known to be such sums; `Dice`, `Tversky`, or a
function that computes a mean over the batch itself are not.
"""

import functools

import keras
from keras import losses as kl
from keras import metrics as km

from ..core import keras_internals

# fmt: off
LOSSES = {
    kl.MeanSquaredError, kl.MeanAbsoluteError, kl.MeanAbsolutePercentageError,
    kl.MeanSquaredLogarithmicError, kl.Huber, kl.LogCosh, kl.BinaryCrossentropy,
    kl.BinaryFocalCrossentropy, kl.CategoricalCrossentropy, kl.CategoricalFocalCrossentropy,
    kl.SparseCategoricalCrossentropy, kl.Hinge, kl.SquaredHinge, kl.CategoricalHinge,
    kl.KLDivergence, kl.Poisson, kl.CosineSimilarity,
}
MEANS = {
    km.Accuracy, km.BinaryAccuracy, km.CategoricalAccuracy, km.SparseCategoricalAccuracy,
    km.TopKCategoricalAccuracy, km.SparseTopKCategoricalAccuracy, km.BinaryCrossentropy,
    km.CategoricalCrossentropy, km.SparseCategoricalCrossentropy, km.MeanSquaredError,
    km.MeanAbsoluteError, km.MeanAbsolutePercentageError, km.MeanSquaredLogarithmicError,
    km.LogCoshError, km.Hinge, km.SquaredHinge, km.CategoricalHinge, km.KLDivergence, km.Poisson,
    km.CosineSimilarity, km.RootMeanSquaredError,
}
COUNTS = {
    km.AUC, km.Precision, km.Recall, km.TruePositives, km.TrueNegatives, km.FalsePositives,
    km.FalseNegatives,
}
# fmt: on


@functools.cache
def functions():
    """Return the functions of these losses and metrics, which a wrapper may be given instead.

    Not computed at import: metrics create variables, after which TensorFlow's devices can no longer
    be configured.
    """
    return {
        *(loss().fn for loss in LOSSES),
        *(keras_internals.function_of(metric()) for metric in MEANS - {km.RootMeanSquaredError}),
        kl.sparse_categorical_crossentropy,
    }


WRAPPER = kl.MeanSquaredError.__mro__[1]


def is_row_by_row_loss(loss):
    """Return whether `loss` is the weighted mean of numbers that each depend on one row only."""
    cls = type(loss)
    known = cls in LOSSES or (cls is WRAPPER and loss.fn in functions())
    ours = _is_ours(cls)
    reduced = loss.reduction in ("sum_over_batch_size", "mean_with_sample_weight")
    if ours and hasattr(loss, "losses"):  # `MixedLoss`
        return reduced and all(is_row_by_row_loss(as_object(part)) for part in loss.losses)
    if ours and hasattr(loss, "loss"):  # `OneHotLoss`, `MemberLoss`
        return reduced and is_row_by_row_loss(as_object(loss.loss))
    return reduced and (ours or (known and _within_rows(loss)))


def as_object(loss):
    """A loss or the function of one as a Keras loss."""
    return loss if isinstance(loss, kl.Loss) else WRAPPER(loss)


def is_sum_over_rows(metric):
    """Return whether updating `metric` once with all rows equals updating it batch by batch."""
    cls = type(metric)
    if _is_ours(cls):
        if isinstance(getattr(metric, "metric", None), km.Metric):  # `MemberMetric`, `PartMetric`
            return is_sum_over_rows(metric.metric)
        return not hasattr(metric, "loss") or is_row_by_row_loss(as_object(metric.loss))
    if cls is km.R2Score:
        # The adjusted score counts rows, including padding.
        return metric.num_regressors == 0 and metric.class_aggregation is not None
    if cls is km.MeanMetricWrapper:
        return keras_internals.function_of(metric) in functions() and _within_rows(metric)
    if cls in COUNTS:
        return cls is km.AUC or len(metric.thresholds) == 1  # otherwise a number per threshold
    return cls in MEANS and _within_rows(metric)


def _is_ours(cls):
    return cls.__module__.split(".")[0] == "kerasdnn" and "row_by_row" in vars(cls)


def _within_rows(part):
    """Return whether a loss or metric reduces along the last axis, and counts every row."""
    settings = keras_internals.settings_of(part)
    return settings.get("axis", -1) in (-1, None) and settings.get("ignore_class") is None


def only_sums_over_rows(model):
    """Return whether every metric of a compiled, built model is a sum over rows."""
    own = keras_internals.metric_containers(model)
    metrics = [metric for group in keras_internals.metrics_of(model) for metric in group]
    others = [m for m in model.metrics if m not in own]
    twice = len(set(map(id, metrics))) < len(metrics)  # updated twice
    return not (others or twice) and all(map(is_sum_over_rows, metrics))


def update(model, y, y_pred, sample_weight=None, mask=None):
    """Update the model's compiled metrics as Keras does, without the rows where `mask` is 0."""
    if mask is not None:
        given = sample_weight is not None
        sample_weight = keras.ops.cast(sample_weight, mask.dtype) * mask if given else mask
    plain, weighted = keras_internals.metrics_of(model)
    for metric in plain:
        metric.update_state(y, y_pred, sample_weight=mask)
    for metric in weighted:
        metric.update_state(y, y_pred, sample_weight=sample_weight)
