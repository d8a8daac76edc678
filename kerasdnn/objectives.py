"""What a search is judged by, and whether less or more of it is better."""

import functools

import keras

from .checks_words import warn
from .errors import one_of
from .heads import HEADS, ONE_HOT, head_of

# Where Keras does not say it.
LESS = ("ce", "log_cosh", "logcosh", "false_positives", "false_negatives")
LESS_WORDS = ("loss", "error", "entropy", "divergence", "deviance", "distance")
MORE_WORDS = ("acc", "auc", "iou", "precision", "recall", "specificity", "sensitivity", "true_")


def direction_of(objective, direction=None):
    """Returns "min" or "max": losses and errors are to be small, all other metrics large."""
    if direction is not None:
        return one_of("direction", direction, ("min", "max"))
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
    return one_of("objective", objective, [f"val_{name}" for name in names])
