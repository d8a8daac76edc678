"""What a problem decides: the output layer, the loss, the metrics, and what y must look like.

A new kind of problem is a new row of `HEADS`. The metrics carry fixed names, so that a column of
the history is called the same in the first network of a session and in the hundredth. Both areas
under curves are Keras's, from 200 thresholds: good to about 0.002.
"""

import re
from dataclasses import dataclass
from functools import partial

import keras
from keras import metrics as km

from .errors import one_of
from .losses import SmoothedSparseCategoricalCrossentropy


@dataclass(frozen=True)
class Head:
    """One row of the table.

    Attributes:
        units: "1" for a single output whatever the number of classes, "K" or "n" for one each.
        activation: Keras name of the output activation.
        loss: Keras name of the loss.
        metrics: names of the default metrics, each with what makes one.
        y: what one row of y holds.
    """

    units: str
    activation: str
    loss: str
    metrics: dict
    y: str

    def n_units(self, n):
        """Units of the output layer for `n` classes, labels or target columns."""
        return 1 if self.units == "1" else n

    def __str__(self):
        return (
            f"{self.units} x {self.activation}, {self.loss}, y: {self.y}, "
            f"metrics: {', '.join(self.metrics)}"
        )


# fmt: off
ERRORS = {"mae": km.MeanAbsoluteError, "rmse": km.RootMeanSquaredError, "r2": km.R2Score}
BINARY = {"accuracy": km.BinaryAccuracy, "precision": km.Precision, "recall": km.Recall,
          "auc": km.AUC, "pr_auc": partial(km.AUC, curve="PR")}
LABELS = {"binary_accuracy": km.BinaryAccuracy, "auc": partial(km.AUC, multi_label=True)}
CLASSES = {"accuracy": km.SparseCategoricalAccuracy,
           "top_5_accuracy": partial(km.SparseTopKCategoricalAccuracy, k=5)}
ONE_HOT_CLASSES = {"accuracy": km.CategoricalAccuracy,
                   "top_5_accuracy": partial(km.TopKCategoricalAccuracy, k=5)}

HEADS = {         # units, activation,    loss,                              metrics, a row of y
    "regression": Head("n", "linear",      "mean_squared_error",              ERRORS,  "n floats"),
    "count":      Head("n", "exponential", "poisson",                         ERRORS,  "n counts"),
    "binary":     Head("1", "sigmoid",     "binary_crossentropy",             BINARY,  "0 or 1"),
    "multiclass": Head("K", "softmax",     "sparse_categorical_crossentropy", CLASSES, "0..K-1"),
    "multilabel": Head("K", "sigmoid",     "binary_crossentropy",             LABELS,  "K of 0/1"),
}
# The multi-class head for `one_hot_labels=True`.
ONE_HOT = Head("K", "softmax", "categorical_crossentropy", ONE_HOT_CLASSES, "K times 0, once 1")
# fmt: on

# What Keras itself takes as the name of a metric.
KERAS_METRICS = {"accuracy", "acc", "crossentropy", "ce"} | {
    name
    for key in vars(km)
    if not key.startswith("_") and key not in ("get", "serialize", "deserialize", "Metric")
    for name in (key, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower())
}


def head_of(problem, one_hot=False):
    """The `Head` of a problem by its name; `one_hot` for multi-class labels in K columns."""
    one_of("problem", problem, HEADS)
    return ONE_HOT if one_hot and problem == "multiclass" else HEADS[problem]


def make_loss(head, label_smoothing=0.0):
    """The loss of `head` as a Keras object; only a classifier's takes `label_smoothing`.

    A saved network that holds it opens in plain Keras, except for class indices with smoothing,
    which Keras does not have: see `losses.py`.
    """
    if not label_smoothing:
        return keras.losses.deserialize({"class_name": LOSSES[head.loss], "config": {}})
    return SMOOTHED[head.loss](label_smoothing=label_smoothing)


LOSSES = {
    "mean_squared_error": "MeanSquaredError",
    "poisson": "Poisson",
    "binary_crossentropy": "BinaryCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
}
SMOOTHED = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SmoothedSparseCategoricalCrossentropy,
}


def check_metrics(head, metrics):
    """`metrics` as a list, or None; an unknown name is a ValueError."""
    if metrics is None:
        return None
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    for metric in metrics:
        if not callable(metric):
            one_of("metrics", metric, list(head.metrics) + sorted(KERAS_METRICS))
    return metrics


def make_metrics(head, n, metrics=None):
    """The metrics of `head` for `n` classes, or those asked for, each under a fixed name.

    Args:
        head: `Head`.
        n: number of classes, labels or target columns. Top-5 accuracy is left out up to 5.
        metrics: None for the default, or a list of names (of the head's table, else Keras's),
            Keras metrics and functions.
    """
    if metrics is None:
        metrics = [name for name in head.metrics if name != "top_5_accuracy" or n > 5]
    return [_metric(head, metric) for metric in metrics]


def _metric(head, metric):
    if not isinstance(metric, str):
        return metric
    if metric in head.metrics:
        return head.metrics[metric](name=metric)
    if metric in ("acc", "crossentropy", "ce"):  # Keras chooses which by the shape of y
        return metric
    found = km.get(metric)
    if not isinstance(found, km.Metric):
        return metric  # a function, which goes under its name
    # Keras would call the second one of a session `true_positives_1`.
    return type(found).from_config({**found.get_config(), "name": metric})
