"""The metrics that a head reports, and which of their values are better."""

import functools

import keras
from keras import metrics as km

from ..core.arguments import check_choice
from ..core.messages import invalid, warn
from .head import Head
from .loss_names import snake_case
from .problem_types import HEADS, ONE_HOT, head_of

# What Keras itself takes as the name of a metric.
KERAS_METRICS = {"accuracy", "acc", "crossentropy", "ce", "mse", "mape", "msle", "bce"} | {
    name
    for key in vars(km)
    if not key.startswith("_") and key not in ("get", "serialize", "deserialize", "Metric")
    for name in (key, snake_case(key))
}
# Where Keras does not say it.
LESS = ("ce", "log_cosh", "logcosh", "false_positives", "false_negatives")
LESS_WORDS = ("loss", "error", "entropy", "divergence", "deviance", "distance")
MORE_WORDS = ("acc", "auc", "iou", "precision", "recall", "specificity", "sensitivity", "true_")


def check_metrics(head, metrics):
    """Return `metrics` as a list, or None; an unknown name raises a ValueError."""
    if metrics is None:
        return None
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    for metric in metrics:
        known = isinstance(metric, str) and metric in head.metrics
        if head.one_column and not known and not isinstance(metric, km.Metric):
            what = "quantiles" if head.levels else "parameters of the distribution"
            rule = f"must be Keras metrics of y and all {what}, such as a subclass of yours"
            raise invalid("metrics", rule, metric, "The loss is always reported.")
        if not callable(metric):
            check_choice("metrics", metric, list(head.metrics) + sorted(KERAS_METRICS))
    return metrics


def make_metrics(head, n, metrics=None):
    """Make the metrics of `head` for `n` classes, or those asked for, each under a fixed name.

    Args:
        head: `Head`.
        n: int, number of classes, labels or target columns.
        metrics: None for the default, or a list of names (of the head's table, else Keras's),
            Keras metrics and functions.

    Returns:
        list of Keras metrics, names and functions, as `compile` takes them.
    """
    if metrics is None:
        metrics = [name for name in head.metric_names(n) if not head.metrics[name].scorer]
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


def direction_of(objective, direction=None, head: Head | None = None) -> str:
    """Return "min" or "max": losses and errors are to be small, all other metrics large."""
    if direction is not None:
        return check_choice("direction", direction, ("min", "max"))
    if not isinstance(objective, str) or not objective.startswith("val_"):
        raise ValueError(
            "`objective` must be 'val_loss' or 'val_' and a metric's name: a score on training "
            f"rows says nothing about new rows. Received: objective={objective!r}."
        )
    return better(objective.removeprefix("val_"), head)


def better(name: str, head: Head | None = None) -> str:
    """Return "min" or "max": which values of a metric, or of the loss, are better.

    Args:
        name: of the metric, without "val_".
        head: the problem type that reports it. None: any row of `HEADS` that does.
    """
    heads = [head] if head else [*HEADS.values(), ONE_HOT]
    metric = next((h.metrics[name] for h in heads if name in h.metrics), None)
    return (metric and metric.direction) or _better(name, metric)


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
            f"The direction of the objective {name!r} is unknown, so larger values are assumed to "
            "be better. If smaller values are better, use a name that ends in '_loss'."
        )
    return "min" if found == "down" else "max"


def check_objective(objective, problem, one_hot, metrics=()):
    """Return `objective`, which must be one that a network of `problem` reports."""
    names = ["loss", *head_of(problem, one_hot).metrics, *metrics]
    return check_choice("objective", objective, [f"val_{name}" for name in names])
