"""Pre-flight checks of callbacks and layers: settings that Keras lets run and come to nothing."""

import difflib
import re

import keras

from ..core import keras_internals
from ..core.messages import warn


def check_monitors(callbacks, names, validated):
    """Warn of a callback that monitors what training never reports: it will do nothing.

    Args:
        callbacks: a callback, a list of them, or None.
        names: names of the loss and metrics, without `val_`; None where unknown, which passes.
        validated: whether there is validation data.

    The warning names the callback, the name, the nearest valid one, and a callback of your own,
    which may report further values.
    """
    if callbacks is None or names is None:
        return
    callbacks = getattr(callbacks, "callbacks", callbacks)
    callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    own = [c for c in callbacks if not type(c).__module__.startswith(("keras.", "kerasdnn."))]
    # ReduceLROnPlateau and LearningRateScheduler add the learning rate to the logs.
    names = [*names, "learning_rate"]
    valid = [*names, *(f"val_{name}" for name in names[:-1])] if validated else names
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str) or monitor in valid:
            continue
        if getattr(callback, "save_best_only", True) is False:
            continue  # a ModelCheckpoint that keeps every epoch never looks at its monitor
        message = _unknown_monitor(type(callback).__name__, monitor, names, valid)
        warn(message + (f" (Unless {type(own[0]).__name__} reports it.)" if own else ""))


def _unknown_monitor(callback, monitor, names, valid):
    if monitor.startswith("val_") and monitor[4:] in names:
        return (
            f"{callback}(monitor={monitor!r}) needs validation data. Received: neither "
            "`validation_data` nor `validation_split`. Give one, or monitor "
            f"{monitor[4:]!r}, which is measured on the training rows."
        )
    nearest = difflib.get_close_matches(monitor, valid, n=1, cutoff=0.0)
    return (
        f"{callback} monitors {monitor!r}, which training does not report. Received: "
        f"monitor={monitor!r}. Did you mean {nearest[0]!r}? Reported are "
        f"{', '.join(repr(name) for name in valid if name != 'learning_rate')}."
    )


def reported_names(network):
    """Names that a compiled network reports for the training rows, or None where unknown."""
    if type(network).compute_metrics is not keras.Model.compute_metrics:
        return None
    names = ["loss"]
    for weighted, metrics in enumerate(keras_internals.given_metrics(network)):
        metrics = metrics or []
        if isinstance(metrics, dict):
            return None
        flat = [
            m for part in metrics for m in (part if isinstance(part, (list, tuple)) else [part])
        ]
        for metric in flat:
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
    return re.sub(
        r"([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    ).lower()


def check_distribution(network):
    """Warn of batch normalization whose statistics differ from replica to replica."""
    strategy = getattr(network, "distribute_strategy", None)
    if getattr(strategy, "num_replicas_in_sync", 1) < 2:
        return
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.synchronized:
            warn(
                f"BatchNormalization needs synchronized=True under {type(strategy).__name__}. "
                f"Received: layer {layer.name!r}, synchronized=False on "
                f"{strategy.num_replicas_in_sync} replicas, each of which would normalize by the "
                "mean and variance of its own share of the batch."
            )
