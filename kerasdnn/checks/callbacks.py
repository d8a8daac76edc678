"""Check callbacks and layers for settings that Keras accepts and that have no effect."""

import difflib
import re

import keras

from ..core import keras_internals
from ..core.messages import warn


def as_list(callbacks):
    """Convert the `callbacks` of `fit` (None, one, a list or a `CallbackList`) to a list."""
    callbacks = getattr(callbacks, "callbacks", callbacks)
    return keras.tree.flatten(callbacks) if callbacks else []


def check_monitors(callbacks, names, validated):
    """Warn about callbacks that monitor a value that training does not report.

    Args:
        callbacks: a callback, a list of them, a `CallbackList`, or None.
        names: list of str, the loss and metrics without "val_". None if unknown: no check.
        validated: bool, whether there is validation data.
    """
    if names is None:
        return
    callbacks = as_list(callbacks)
    custom = [c for c in callbacks if not type(c).__module__.startswith(("keras.", "kerasdnn."))]
    # ReduceLROnPlateau and LearningRateScheduler add the learning rate to the logs.
    names = [*names, *(name for c in callbacks for name in getattr(c, "reports", ()))]
    names = [*names, "learning_rate"]
    valid = [*names, *(f"val_{name}" for name in names[:-1])] if validated else names
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str) or monitor in valid:
            continue
        if getattr(callback, "save_best_only", True) is False:
            continue  # a ModelCheckpoint of every epoch ignores its monitor
        message = _unknown_monitor(type(callback).__name__, monitor, names, valid)
        unless = f" (Unless {type(custom[0]).__name__} reports it.)" if custom else ""
        warn(message + unless)


def _unknown_monitor(callback, monitor, names, valid):
    if monitor.startswith("val_") and monitor[4:] in names:
        return (
            f"{callback} monitors {monitor!r}, but there is no validation data, so it has no "
            "effect. Pass `validation_data` or `validation_split`, or monitor the training value, "
            f"{monitor[4:]!r}."
        )
    nearest = difflib.get_close_matches(monitor, valid, n=1, cutoff=0.0)
    return (
        f"{callback} monitors {monitor!r}, which training does not report, so it has no effect. "
        f"Did you mean {nearest[0]!r}? Reported are "
        f"{', '.join(repr(name) for name in valid if name != 'learning_rate')}."
    )


def reported_names(network):
    """Return the names that a compiled network reports for training rows, None if unknown."""
    if type(network).compute_metrics is not keras.Model.compute_metrics:
        return None
    names = ["loss"]
    for weighted, metrics in enumerate(keras_internals.given_metrics(network)):
        if isinstance(metrics, dict):
            return None
        for metric in keras.tree.flatten(list(metrics or [])):
            name = _metric_name(metric)
            same = sum(re.fullmatch(rf"{re.escape(name)}(_\d+)?", old) is not None for old in names)
            names.append(name if not same else f"{name}_{same}")
            if same and weighted:
                names.append(f"weighted_{name}")
    return names


def _metric_name(metric):
    if isinstance(metric, str):
        return metric
    name = getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__)
    if hasattr(metric, "name"):
        return name
    name = re.sub(r"\W+", "", name)  # as Keras names functions: MyMetric becomes my_metric
    name = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def check_distribution(network):
    """Warn about batch normalization whose statistics differ between replicas."""
    strategy = getattr(network, "distribute_strategy", None)
    replicas = getattr(strategy, "num_replicas_in_sync", 1)
    for layer in network.layers if replicas > 1 else ():
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.synchronized:
            warn(
                f"Layer {layer.name!r} normalizes by the mean and variance of one of {replicas} "
                f"replicas. Pass synchronized=True to BatchNormalization under "
                f"{type(strategy).__name__}."
            )
