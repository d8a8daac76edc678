"""Evaluate members: the loss and the metrics of the head, for a group of networks at once.

The device computes sums over rows, and the host computes metrics from them. They are weighted
means over the rows and equal those of Keras: areas under curves use its 200 thresholds. A metric
without sums is computed by Keras from the predictions.
"""

import functools

import numpy as np
import tensorflow as tf

from .forward import forward, losses, output
from .train_steps import MAX_FUNCTIONS

THRESHOLDS = 200


@functools.lru_cache(MAX_FUNCTIONS)
def evaluation_function(layout, needed):
    """Return `sums` as a TensorFlow graph, because a few large products are not worth compiling."""
    # Without `reduce_retracing`, which replaces shapes by unknown ones that layers need.
    return tf.function(functools.partial(sums, layout, needed), autograph=False)


def sums(layout, needed, stack, constants, table, rows, real, center):
    """Compute sums over rows for each network: a dict of float32 (networks, ...).

    Args:
        needed: names of the sums, see `needed_sums`.
        rows: int32 (networks or 1, rows), positions in `table`.
        real: bool, of the same shape, False for padding.
        center: (units,), subtracted from targets, so that their squares keep their precision.
    """
    x, y = tf.gather(table[0], rows), tf.gather(table[1], rows)
    weight = tf.gather(table[2], constants["weights_from"][:, None] + rows)
    weight = tf.where(real, weight, 0.0)  # (networks, rows)
    z, _ = forward(layout, stack.weights, stack.moving, constants, x)
    p = output(layout, z)

    def total(values):
        values = tf.cast(values, "float32")
        return tf.reduce_sum(values * (weight if len(values.shape) == 2 else weight[..., None]), 1)

    def yes():
        return tf.broadcast_to(y > 0.5, tf.shape(p))

    def labels():
        return tf.argmax(y, -1, tf.int32) if layout.head.one_hot else tf.cast(y, "int32")

    def hits():
        if layout.head.per_class:
            return tf.argmax(p, -1, tf.int32) == labels()
        return (p > 0.5) == yes()

    def in_top_5():
        of_label = tf.reduce_sum(p * tf.one_hot(labels(), layout.units), -1, keepdims=True)
        return tf.reduce_sum(tf.cast(p > of_label, "int32"), -1) < 5

    def centered():
        return tf.broadcast_to(y - center, tf.shape(p))

    terms = {
        "absolute": lambda: tf.abs(p - y),
        "squared": lambda: tf.square(p - y),
        "y": centered,
        "y_squared": lambda: tf.square(centered()),
        "hits": hits,
        "top_5": in_top_5,
        "true": lambda: (p > 0.5) & yes(),
        "claimed": lambda: p > 0.5,
    }
    found = {"weight": tf.reduce_sum(weight, 1), "loss": total(losses(layout, z, y))}
    found |= {name: total(term()) for name, term in terms.items() if name in needed}
    if {"yes", "no", "all"} & {*needed}:
        found |= histograms(p, yes(), weight)
    return found


def needed_sums(problem):
    """List the sums from which the metrics of a problem are computed: a tuple of str."""
    metrics = [problem.head.metrics[name] for name in problem.head.metric_names(problem.n_outputs)]
    return tuple(sorted({name for m in metrics if m.sums in FORMULAS for name in m.sums}))


def histograms(p, yes, weight):
    """Sum row weights between thresholds by class: "yes" and "no" (networks, units, thresholds)."""
    shape = tf.shape(p)
    bucket = tf.cast(tf.math.ceil(p * (THRESHOLDS - 1)) - 1, "int32")
    bucket = tf.clip_by_value(bucket, 0, THRESHOLDS - 1)  # also what NaN was converted to
    networks, units = shape[0], shape[2]
    place = tf.range(networks)[:, None, None] * units + tf.range(units)
    place = tf.reshape(place * THRESHOLDS + bucket, [-1])
    weight = tf.broadcast_to(weight[..., None], shape)

    def histogram(of):
        flat = tf.reshape(tf.where(of, weight, 0.0), [-1])
        counts = tf.math.unsorted_segment_sum(flat, place, networks * units * THRESHOLDS)
        return tf.reshape(counts, [networks, units, THRESHOLDS])

    return {"yes": histogram(yes), "no": histogram(~yes)}


def metrics_of_sums(layout, found, others):
    """Compute `val_loss` and the metrics of the head from sums: a dict of float64 (networks,).

    Args:
        found: dict of float64 (networks, ...), the sums.
        others: dict of the metrics that are not computed from sums, by name.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if "yes" in found:
            found = found | {k: found[k][..., ::-1].cumsum(-1)[..., ::-1] for k in ("yes", "no")}
            found["all"] = found["yes"] + found["no"]
        values = {"loss": mean(found, "loss")}
        for name in layout.head.metric_names(layout.units):
            formula = FORMULAS.get(layout.head.metrics[name].sums)
            values[name] = others[name] if formula is None else formula(found)
    diverged = ~np.isfinite(values["loss"])
    return {f"val_{name}": np.where(diverged, np.nan, value) for name, value in values.items()}


def mean(found, name):
    """Compute the weighted mean over the rows and outputs."""
    values = found[name].reshape(len(found["weight"]), -1)
    return (values / found["weight"][:, None]).mean(1)


def r2_score(found):
    variation = found["y_squared"] - found["y"] ** 2 / found["weight"][:, None]
    r2 = 1 - found["squared"] / variation
    return np.where(np.isinf(r2), 0.0, r2).mean(1)


# How the host computes a metric from its sums, see `heads.Metric.sums`.
FORMULAS = {
    ("absolute",): lambda found: mean(found, "absolute"),
    ("squared",): lambda found: np.sqrt(mean(found, "squared")),
    ("squared", "y", "y_squared"): r2_score,
    ("hits",): lambda found: mean(found, "hits"),
    ("top_5",): lambda found: mean(found, "top_5"),
    ("true", "claimed"): lambda found: ratio(found["true"][:, 0], found["claimed"][:, 0]),
    ("true", "yes"): lambda found: ratio(found["true"][:, 0], found["yes"][:, 0, 0]),
    ("yes", "no"): lambda found: mean_of_defined(area_under_roc(found["yes"], found["no"])),
    ("yes", "all"): lambda found: mean_of_defined(area_under_precision(found["yes"], found["all"])),
}


def mean_of_defined(areas):
    """Average over the labels (networks, units) that have an area; NaN if none has."""
    defined = ~np.isnan(areas)
    return np.where(defined, areas, 0).sum(1) / defined.sum(1)


def ratio(a, b):
    """Compute a / b, or 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def area_under_roc(yes, no):
    """Compute the area from the weight above each threshold, (..., thresholds), by trapezoids.

    NaN if all rows belong to one class, where Keras returns 0.
    """
    recall, false_alarms = yes / yes[..., :1], no / no[..., :1]
    heights = (recall[..., :-1] + recall[..., 1:]) / 2
    return ((false_alarms[..., :-1] - false_alarms[..., 1:]) * heights).sum(-1)


def area_under_precision(yes, claimed):
    """Compute the area as `keras.metrics.AUC(curve="PR")`, with the interpolation of Davis and
    Goadrich (https://doi.org/10.1145/1143844.1143874); NaN without positive rows."""
    gained, asked = yes[..., :-1] - yes[..., 1:], claimed[..., :-1] - claimed[..., 1:]
    slope = ratio(gained, asked)
    intercept = yes[..., 1:] - slope * claimed[..., 1:]
    both = (claimed[..., :-1] > 0) & (claimed[..., 1:] > 0)
    steps = np.where(both, ratio(claimed[..., :-1], claimed[..., 1:]), 1.0)
    return (slope * (gained + intercept * np.log(steps)) / yes[..., :1]).sum(-1)


def metrics_by_keras(layout, stack, constants, table, rows, weights_from):
    """Let Keras compute the metrics without sums: a dict of float64 (members,).

    Args:
        rows: list of int32 arrays, one per member, or one for all.
    """
    head = layout.head
    found = {
        name: np.empty(len(weights_from))
        for name in head.metric_names(layout.units)
        if head.metrics[name].sums not in FORMULAS
    }
    y_all, weights = (table[1].numpy(), table[2].numpy()) if found else (None, None)
    for k, start in enumerate(weights_from if found else ()):
        own = rows[k if len(rows) > 1 else 0]
        if k == 0 or len(rows) > 1:  # of all members at once, where they share their rows
            x = tf.gather(table[0], own)[None]
            z, _ = forward(layout, stack.weights, stack.moving, constants, x)
            p = output(layout, z).numpy()
        for name, values in found.items():
            metric = head.metrics[name]()
            metric.update_state(y_all[own], p[k], sample_weight=weights[start + own])
            values[k] = np.mean(metric.result())
    return found
