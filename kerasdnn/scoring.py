"""Metrics fed with a whole epoch at once.

Stock Keras updates every metric after every batch. For metrics whose state is a sum over rows
that is the same sum in more pieces, so that a compiled program keeps the predictions of its
steps and updates each metric once, over thousands of rows.
"""

from keras import metrics as km

SUMS_OVER_ROWS = (
    km.MeanMetricWrapper,
    km.RootMeanSquaredError,
    km.AUC,
    km.Precision,
    km.Recall,
    km.TruePositives,
    km.TrueNegatives,
    km.FalsePositives,
    km.FalseNegatives,
)


def is_sum_over_rows(metric):
    """Whether updating `metric` once with all rows equals updating it batch by batch."""
    if not from_keras(type(metric)):
        return False
    if isinstance(metric, km.R2Score):
        return metric.num_regressors == 0  # the adjusted score counts rows, padding included
    if type(metric) is km.MeanMetricWrapper:
        return from_keras(metric._fn)  # a user's function may return one number per batch
    return isinstance(metric, SUMS_OVER_ROWS)


def from_keras(thing):
    return getattr(thing, "__module__", "").split(".")[0] == "keras"


def only_sums_over_rows(model):
    """Whether every metric of a compiled, built model is a sum over rows."""
    own = [model._loss_tracker, model._compile_metrics]
    others = [m for m in model.metrics if m not in own]
    return not others and all(is_sum_over_rows(m) for m in compiled_metrics(model))


def compiled_metrics(model):
    return model._compile_metrics.metrics if model._compile_metrics is not None else []


def update(model, y, y_pred, sample_weight=None, mask=None):
    """Update the model's compiled metrics as Keras does, leaving out the rows where mask is 0."""
    if model._compile_metrics is None:
        return
    if mask is not None:
        sample_weight = mask if sample_weight is None else sample_weight * mask
    for plain in model._compile_metrics._flat_metrics:
        for metric in plain.metrics if plain else ():
            metric.update_state(y, y_pred, sample_weight=mask)
    for weighted in model._compile_metrics._flat_weighted_metrics:
        for metric in weighted.metrics if weighted else ():
            metric.update_state(y, y_pred, sample_weight=sample_weight)
