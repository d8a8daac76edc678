"""What a problem decides: the output layer, the loss, the metrics, and what y must look like.

A new kind of problem is a new row of `HEADS`. The metrics carry fixed names, so that a column of
the history is called the same in the first network of a session and in the hundredth. Both areas
under curves are Keras's, from 200 thresholds: good to about 0.002.
"""

import functools
import re
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from keras import metrics as km

from .core.arguments import check_choice
from .core.messages import invalid, warn
from .nn.losses import SmoothedSparseCategoricalCrossentropy


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
    check_choice("problem", problem, HEADS)
    return ONE_HOT if one_hot and problem == "multiclass" else HEADS[problem]


def make_loss(head, label_smoothing=0.0):
    """The loss of `head` as a Keras object; only a classifier's takes `label_smoothing`.

    A saved network that holds it opens in plain Keras, except for class indices with smoothing,
    which Keras does not have: see `nn/losses.py`.
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
            check_choice("metrics", metric, list(head.metrics) + sorted(KERAS_METRICS))
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


# The output bias that makes an untrained network guess what is known before any row is seen.
#
# With small weights the output starts near the bias alone. The best constant guess is the class
# frequencies, or the mean of the target; the bias that gives it is its image under the inverse of
# the output activation: log-odds for sigmoid, log for softmax and exponential, itself for linear.
# The first epochs then learn what depends on x. (Karpathy, A recipe for training neural
# networks.)

FREQUENCIES = "frequencies or counts, each above 0"
# fmt: off
FORMS = {       # what `prior` must be, for n classes, labels or target columns
    "binary":     f"the share of ones, in (0, 1), or the two classes' {FREQUENCIES}",
    "multiclass": f"the {{n}} classes' {FREQUENCIES}",
    "multilabel": "the share of ones of each of the {n} labels, in (0, 1)",
    "regression": "the mean of each of the {n} target columns, finite",
    "count":      "the mean of each of the {n} target columns, finite and above 0",
}
# fmt: on


def output_bias(problem, prior, n):
    """The starting bias of the output layer, as a list with one float per unit.

    Args:
        problem: key of `heads.HEADS`.
        prior: what `FORMS` says; a float will do for one.
        n: number of classes, labels or target columns.

    Raises:
        ValueError: `prior` is of another shape, or out of range.
    """
    try:
        p = np.atleast_1d(np.asarray(prior, dtype="float64"))
    except (TypeError, ValueError):
        p = np.array([np.nan])
    if problem == "binary" and p.shape == (1,):
        p = np.array([1 - p[0], p[0]])
    inside = {
        "binary": p > 0,
        "multiclass": p > 0,
        "multilabel": (p > 0) & (p < 1),
        "regression": np.isfinite(p),
        "count": p > 0,
    }[problem]
    if p.shape != (n,) or not np.isfinite(p).all() or not inside.all():
        raise invalid(
            "prior",
            f"must be {FORMS[problem].format(n=n)}",
            prior,
            "Leave it out where y does not hold every class." if (p == 0).any() else "",
        )
    if problem == "binary":
        p = np.log(p[1:] / p[:1])
    elif problem == "multilabel":
        p = np.log(p / (1 - p))
    elif problem == "multiclass":
        p = np.log(p / p.sum())
    elif problem == "count":
        p = np.log(p)
    return p.tolist()


# Where Keras does not say it.
LESS = ("ce", "log_cosh", "logcosh", "false_positives", "false_negatives")
LESS_WORDS = ("loss", "error", "entropy", "divergence", "deviance", "distance")
MORE_WORDS = ("acc", "auc", "iou", "precision", "recall", "specificity", "sensitivity", "true_")


def direction_of(objective, direction=None):
    """Returns "min" or "max": losses and errors are to be small, all other metrics large."""
    if direction is not None:
        return check_choice("direction", direction, ("min", "max"))
    if not isinstance(objective, str) or not objective.startswith("val_"):
        raise ValueError(
            "`objective` must be 'val_loss' or 'val_' and a metric's name: what is judged by rows "
            f"that were trained on says nothing. Received: objective={objective!r}."
        )
    return better(objective.removeprefix("val_"))


def better(name):
    """ "min" or "max", which of a metric is better: as its class says, else as its name does."""
    makers = [head.metrics[name] for head in (*HEADS.values(), ONE_HOT) if name in head.metrics]
    return _better(name, makers[0] if makers else None)


@functools.cache  # making a metric takes milliseconds
def _better(name, maker):
    if name in LESS or any(word in name for word in LESS_WORDS):
        return "min"
    try:
        metric = maker() if maker else keras.metrics.get(name.removeprefix("weighted_"))
    except (ValueError, TypeError):  # none of Keras's, or one that needs arguments
        metric = None
    found = getattr(metric, "_direction", None)
    if found is None and not any(word in name for word in MORE_WORDS):
        warn(
            f"`objective` should be a metric whose direction is known. Received: {name!r}, of "
            "which more is taken to be better. Where less is, let its name end in '_loss'."
        )
    return "min" if found == "down" else "max"


def check_objective(objective, problem, one_hot, metrics=()):
    """`objective` as it is, if a network of `problem` reports it."""
    names = ["loss", *head_of(problem, one_hot).metrics, *metrics]
    return check_choice("objective", objective, [f"val_{name}" for name in names])
