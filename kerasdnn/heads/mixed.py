"""Several heads of one network, which predict columns of different kinds."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from ..core.arguments import check_choice, check_integer, check_positive
from ..core.messages import did_you_mean, invalid, quoted_list
from ..nn import losses
from .head import Head, Metric, Part
from .loss import make_loss
from .metrics import better
from .problem_types import HEADS

CLASSES_OF_HEAD = {"class": "multiclass"}  # other names of rows in `heads=`


def head_named(name: str, value: Any) -> Head:
    """Return the head of a column in `heads={name: value}`.

    Raises:
        ValueError: an unknown problem type, or one that several heads cannot have.
    """
    rows = {head.target: head for head in HEADS.values() if head.kind == "number"}
    rows |= dict(HEADS) | {key: HEADS[row] for key, row in CLASSES_OF_HEAD.items()}
    fitting = {key for key, head in rows.items() if head.kind != "labels" and not head.ordered}
    argument = f"heads[{name!r}]"
    head = value
    if not isinstance(value, Head):
        head = rows[check_choice(argument, value, [key for key in rows if key in fitting])]
    if head.ordered or head.levels or head.parts or head.kind == "labels":
        raise invalid(argument, "must be of one class or one number per row", value)
    return head


def check_loss_weights(name: str, value: Any) -> dict[str, float]:
    """Return `loss_weights` as a dict of positive floats."""
    if not isinstance(value, Mapping):
        rule = "must be a dict from the name of a head to the weight of its loss"
        raise invalid(name, rule, value, "Such as {'spend': 0.5}.")
    return {key: check_positive(f"{name}[{key!r}]", weight) for key, weight in value.items()}


def read_heads(heads: Any, loss_weights: Any = None) -> Head:
    """Return the mixed head of the argument `heads` of a factory.

    Args:
        heads: dict from the name of a head to a problem type, or to (problem type, classes).
        loss_weights: dict from name to positive float, or None.

    Raises:
        ValueError: fewer than two heads, an unknown problem type, a name twice.
    """
    if not isinstance(heads, Mapping) or len(heads) < 2:
        rule = "must be a dict from name to problem type, of at least two heads"
        remedy = "Such as {'churn': 'binary', 'plan': ('multiclass', 3), 'spend': 'regression'}."
        raise invalid("heads", rule, heads, remedy)
    parts = []
    for name, value in heads.items():
        several = isinstance(value, (tuple, list)) and len(value) == 2
        kind, n = value if several else (value, 1)
        head = head_named(name, kind)
        if head.per_class:
            remedy = f"Such as {name!r}: ('multiclass', 3). Two classes are 'binary'."
            if not several:
                raise invalid(f"heads[{name!r}]", "needs the number of classes", value, remedy)
            n = check_integer(f"heads[{name!r}]", n, 3, remedy)
        elif n != 1:
            raise invalid(f"heads[{name!r}]", "has no number of classes", value)
        parts.append(Part(name, head, n))
    return mixed_head(weighted_parts(parts, loss_weights))


def weighted_parts(parts: list[Part], loss_weights: Any) -> tuple[Part, ...]:
    """Return the parts with the weights of `loss_weights`, a dict or None."""
    weights = {} if loss_weights is None else check_loss_weights("loss_weights", loss_weights)
    names = [part.name for part in parts]
    for name in weights.keys() - {*names}:
        rule = f"must have keys among {quoted_list(names)}"
        raise invalid("loss_weights", rule, loss_weights, did_you_mean(str(name), names))
    return tuple(replace(part, weight=weights.get(part.name, 1.0)) for part in parts)


@functools.lru_cache(64)
def mixed_head(parts: tuple[Part, ...]) -> Head:
    """Return the head of a network that predicts several columns of different kinds.

    The output has the columns of all parts side by side, each with its own activation. The loss is
    the sum of their losses times their weights. y has a column per part, of numbers and of class
    indices.

    Args:
        parts: tuple of at least two `Part`.

    Raises:
        ValueError: two metrics would have the same name.
    """
    made, units = [make_loss(part.head) for part in parts], [part.units for part in parts]
    slices = losses.columns_of(units)
    activation = losses.MixedActivation(
        [(part.head.activation, n) for part, n in zip(parts, units, strict=True)]
    )
    metrics: dict[str, Metric] = {}
    for k, (part, at) in enumerate(zip(parts, slices, strict=True)):
        place = {"column": k, "start": at.start, "units": part.units}
        found = [Metric(partial(losses.PartLoss, made[k], **place), "min")]
        for name in part.head.metric_names(part.n):
            metric = part.head.metrics[name]
            make = partial(_part_metric, metric, f"{part.name}_{name}", place)
            found.append(Metric(make, metric.direction or better(name, part.head)))
        if twice := metrics.keys() & {*part.metric_names}:
            raise invalid("heads", "must not lead to equal names of metrics", min(twice))
        metrics |= dict(zip(part.metric_names, found, strict=True))

    def of_logits(y, z):
        found = 0.0
        for k, (part, at) in enumerate(zip(parts, slices, strict=True)):
            of, score = y[..., k : k + 1], part.head.logits_loss
            if score is None:
                of = keras.ops.broadcast_to(of, (*z.shape[:-1], 1))
                loss = losses.loss_of_part(made[k], of, keras.activations.get(
                    part.head.activation)(z[..., at]))  # fmt: skip
            else:
                if part.head.per_class:
                    of = keras.ops.one_hot(keras.ops.cast(of[..., 0], "int32"), part.units)
                loss = score(of, z[..., at])
            found = found + part.weight * loss
        return found

    starts = [part.head.initial_bias(part.n) or [0.0] * part.units for part in parts]
    start = tuple(value for values in starts for value in values)
    return Head(
        "n", activation, losses.MixedLoss(made, units, [part.weight for part in parts]), metrics,
        f"{len(parts)} numbers or class indices", name="mixed", kind="mixed",
        standardize=any(part.head.standardize for part in parts), parts=parts,
        start=start if any(start) else (), logits_loss=of_logits,
    )  # fmt: skip


def _part_metric(metric, full_name, place, name=None):
    return losses.PartMetric(metric(name=full_name), name=name or full_name, **place)
