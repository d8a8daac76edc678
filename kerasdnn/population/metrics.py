"""How members are judged: the loss and the metrics of their head, for all of a stack at once.

The device adds up what is a sum over rows, the host makes metrics of the sums. They are weighted
means over the rows, and equal Keras's: areas under curves come from its 200 thresholds.
"""

import functools

import numpy as np
import tensorflow as tf

from ..heads import head_of
from .forward import forward, losses, output
from .train_steps import REMEMBERED

THRESHOLDS = 200


@functools.lru_cache(REMEMBERED)
def judging_program(layout):
    """`sums` for a layout as a TensorFlow graph: a few large products are not worth compiling."""
    # No `reduce_retracing`: after a few shapes it traces unknown ones, and layers need theirs.
    return tf.function(functools.partial(sums, layout), autograph=False)


def sums(layout, stack, constants, table, rows, real, weights_from, center):
    """Sums over rows for each network: a dict of float32 (networks, ...).

    Args:
        rows: int32 (networks or 1, rows) into `table`; `real`: bool, likewise, False for padding.
        weights_from: int32 (networks,), where each network's row weights begin.
        center: (units,), what targets are measured from, so that their squares keep their digits.
    """
    x, y = tf.gather(table[0], rows), tf.gather(table[1], rows)
    weight = tf.gather(table[2], weights_from[:, None] + rows)
    weight = tf.where(real, weight, 0.0)  # (networks, rows)
    z, _ = forward(layout, stack.weights, stack.moving, constants, x)
    p = output(layout, z)

    def total(values):
        return tf.reduce_sum(values * (weight if len(values.shape) == 2 else weight[..., None]), 1)

    found = {"weight": tf.reduce_sum(weight, 1), "loss": total(losses(layout, z, y))}
    if layout.problem in ("regression", "count"):
        error = p - y
        y = tf.broadcast_to(y - center, tf.shape(p))
        found |= {
            "absolute": total(tf.abs(error)),
            "squared": total(tf.square(error)),
            "y": total(y),
            "y_squared": total(tf.square(y)),
        }
    elif layout.problem == "multiclass":
        labels = tf.argmax(y, -1, tf.int32) if layout.one_hot else tf.cast(y, "int32")
        of_label = tf.reduce_sum(p * tf.one_hot(labels, layout.units), -1, keepdims=True)
        above = tf.reduce_sum(tf.cast(p > of_label, "int32"), -1)
        found["hits"] = total(tf.cast(tf.argmax(p, -1, tf.int32) == labels, "float32"))
        found["top_5"] = total(tf.cast(above < 5, "float32"))
    else:
        yes = tf.broadcast_to(y > 0.5, tf.shape(p))
        found["hits"] = total(tf.cast((p > 0.5) == yes, "float32"))
        found["true"] = total(tf.cast((p > 0.5) & yes, "float32"))
        found["claimed"] = total(tf.cast(p > 0.5, "float32"))
        found |= histograms(p, yes, weight)
    return found


def histograms(p, yes, weight):
    """Weight of the rows between thresholds, of yes and of no: (networks, units, thresholds)."""
    shape = tf.shape(p)
    bucket = tf.cast(tf.math.ceil(p * (THRESHOLDS - 1)) - 1, "int32")
    bucket = tf.clip_by_value(bucket, 0, THRESHOLDS - 1)  # also what NaN became
    networks, units = shape[0], shape[2]
    place = tf.range(networks)[:, None, None] * units + tf.range(units)
    place = tf.reshape(place * THRESHOLDS + bucket, [-1])
    weight = tf.broadcast_to(weight[..., None], shape)

    def histogram(of):
        flat = tf.reshape(tf.where(of, weight, 0.0), [-1])
        counts = tf.math.unsorted_segment_sum(flat, place, networks * units * THRESHOLDS)
        return tf.reshape(counts, [networks, units, THRESHOLDS])

    return {"yes": histogram(yes), "no": histogram(~yes)}


def metrics(problem, units, found, others=()):
    """What `sums` found as `val_loss` and the metrics of the head: dict of float64 (networks,).

    Args:
        others: dict of the metrics that `sums` does not know, by name.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = found["weight"]
        mean = {
            k: (v / weight.reshape((-1,) + (1,) * (v.ndim - 1))).reshape(len(weight), -1).mean(1)
            for k, v in found.items()
            if k in ("loss", "absolute", "squared", "hits", "top_5")
        }
        values = {"loss": mean["loss"]}
        if problem in ("regression", "count"):
            values["mae"], values["rmse"] = mean["absolute"], np.sqrt(mean["squared"])
            spread = found["y_squared"] - found["y"] ** 2 / weight[:, None]
            r2 = 1 - found["squared"] / spread
            values["r2"] = np.where(np.isinf(r2), 0.0, r2).mean(1)
        elif problem == "multiclass":
            values["accuracy"] = mean["hits"]
            if units > 5:
                values["top_5_accuracy"] = mean["top_5"]
        else:
            values["accuracy" if problem == "binary" else "binary_accuracy"] = mean["hits"]
            yes, no = (found[k][..., ::-1].cumsum(-1)[..., ::-1] for k in ("yes", "no"))
            if problem == "binary":
                true = found["true"][:, 0]
                values["precision"] = ratio(true, found["claimed"][:, 0])
                values["recall"] = ratio(true, yes[:, 0, 0])
                values["pr_auc"] = mean_of_defined(area_under_precision(yes, no))
            values["auc"] = mean_of_defined(area_under_roc(yes, no))
        values |= others
    diverged = ~np.isfinite(values["loss"])
    ordered = ["loss", *(name for name in head_of(problem).metrics if name in values)]
    return {f"val_{name}": np.where(diverged, np.nan, values[name]) for name in ordered}


def mean_of_defined(areas):
    """Mean over the labels (networks, units) that have an area, NaN where none has."""
    defined = ~np.isnan(areas)
    return np.where(defined, areas, 0).sum(1) / defined.sum(1)


def ratio(a, b):
    """a / b, and 0 where b is."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def area_under_roc(yes, no):
    """From the weight above each threshold, (..., thresholds): trapezoids, as Keras.

    NaN where the rows are of one class, for which Keras gives 0.
    """
    recall, false_alarms = yes / yes[..., :1], no / no[..., :1]
    heights = (recall[..., :-1] + recall[..., 1:]) / 2
    return ((false_alarms[..., :-1] - false_alarms[..., 1:]) * heights).sum(-1)


def area_under_precision(yes, no):
    """As `keras.metrics.AUC(curve="PR")`: Davis and Goadrich's interpolation; NaN without yes."""
    claimed = yes + no
    gained, asked = yes[..., :-1] - yes[..., 1:], claimed[..., :-1] - claimed[..., 1:]
    slope = ratio(gained, asked)
    intercept = yes[..., 1:] - slope * claimed[..., 1:]
    both = (claimed[..., :-1] > 0) & (claimed[..., 1:] > 0)
    steps = np.where(both, ratio(claimed[..., :-1], claimed[..., 1:]), 1.0)
    return (slope * (gained + intercept * np.log(steps)) / yes[..., :1]).sum(-1)


def metrics_by_keras(names, layout, stack, constants, table, rows, weights_from):
    """The metrics of a head that `sums` does not know, from predictions: dict of (members,).

    Args:
        names: of the metrics.
        rows: list of int32 arrays, one per member, or one for all.
    """
    if not names:
        return {}
    found = {name: np.empty(len(weights_from)) for name in names}
    y_all, weights = table[1].numpy(), table[2].numpy()
    for k, start in enumerate(weights_from):
        own = rows[k if len(rows) > 1 else 0]
        if k == 0 or len(rows) > 1:  # of all members at once, where they share their rows
            z, _ = forward(
                layout, stack.weights, stack.moving, constants, tf.gather(table[0], own)[None]
            )
            p = output(layout, z).numpy()
        for name in names:
            metric = head_of(layout.problem, layout.one_hot).metrics[name]()
            metric.update_state(y_all[own], p[k], sample_weight=weights[start + own])
            found[name][k] = np.mean(metric.result())
    return found


# What `metrics` makes of sums on the device.
OF_SUMS = {
    "regression": ("mae", "rmse", "r2"), "count": ("mae", "rmse", "r2"),
    "binary": ("accuracy", "precision", "recall", "pr_auc", "auc"),
    "multiclass": ("accuracy", "top_5_accuracy"), "multilabel": ("binary_accuracy", "auc"),
}  # fmt: skip


def metric_names(problem, n_outputs):
    """The columns that `metrics` gives."""
    names = [n for n in head_of(problem).metrics if n != "top_5_accuracy" or n_outputs > 5]
    return ["val_loss", *(f"val_{name}" for name in names)]
