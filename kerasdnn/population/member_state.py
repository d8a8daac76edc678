"""A member of a population: what it is, its state as arrays, and the file that holds it."""

import contextlib
import math
import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..core.state_files import read_arrays, write_arrays
from ..heads import row_of
from ..hyperparameters import HIDDEN_UNITS
from .optimizer_rules import RULES


@dataclass(frozen=True)
class Member:
    """A member, checked.

    Attributes:
        given: the dict as given, with its seed.
        hidden_units, activation, dropout, l2, batch_norm, label_smoothing, prior, seed: as the
            factories take them.
        rule, hyperparameters: as `optimizer_rules.rule_of` gives them.
        slot_start: what a slot of the optimizer is filled with at the start.
        batch_size, epochs: its own, or None.
    """

    given: dict
    hidden_units: tuple
    activation: str
    dropout: float
    l2: float
    batch_norm: bool
    label_smoothing: float
    prior: object
    seed: int
    rule: str
    hyperparameters: dict
    slot_start: float
    batch_size: int | str | None
    epochs: int | None

    def shapes(self, problem):
        widths = self.hidden_units
        return weight_shapes(problem.n_features, widths, problem.units, self.batch_norm)

    @property
    def n_slots(self):
        return len(RULES[self.rule].slots)


def weight_shapes(n_features, hidden_units, units, batch_norm):
    """Shapes of the trainable weights, in Keras's order.

    Per hidden layer kernel and bias, with batch norm kernel, gamma and beta; then the output's
    kernel and bias.
    """
    shapes, width = [], n_features
    for hidden in hidden_units:
        shapes += [(width, hidden), (hidden,)] + ([(hidden,)] if batch_norm else [])
        width = hidden
    return [*shapes, (width, units), (units,)]


@dataclass
class Progress:
    """The changing part of one member, unpadded NumPy arrays.

    Attributes:
        weights: trainable, in Keras's order; slots: per slot of its rule, a list like `weights`;
        moving: mean and variance per hidden layer, with batch norm.
        steps: int, steps done.
        best: `weights + moving` after the best epoch, or None.
    """

    weights: list
    slots: list
    moving: list
    steps: int = 0
    best: list | None = None


def first_progress(member, weights):
    slots = [[np.full_like(w, member.slot_start) for w in weights] for _ in range(member.n_slots)]
    moving = []
    if member.batch_norm:
        for units in member.hidden_units:
            moving += [np.zeros(units, "float32"), np.ones(units, "float32")]
    return Progress(weights, slots, moving)


def join(shapes, lists):
    """Arrays of several networks as tensors with a leading axis.

    Args:
        shapes: of the tensors; where arrays are smaller or fewer, they are 0.
        lists: per network a list of arrays; None for a weight that it does not have.
    """
    joined = [np.zeros(shape, "float32") for shape in shapes]
    for k, arrays in enumerate(lists):
        for whole, array in zip(joined, arrays, strict=True):
            if array is not None:
                whole[(k, *map(slice, array.shape))] = array
    return [tf.constant(whole) for whole in joined]


def part(tensors, k, shapes):
    """The arrays of network `k`, which has these shapes; None for a weight that it lacks."""
    return [
        t[(k, *map(slice, shape))].copy()
        for t, shape in zip(tensors, shapes, strict=True)
        if shape is not None
    ]


def spread(values, depth, total, per_layer, after):
    """A network's list, `per_layer` per hidden layer, with None for layers that it lacks."""
    end = len(values) - after
    return [*values[:end], *[None] * (per_layer * (total - depth)), *values[end:]]


FORMAT = 1


def progress_arrays(progress):
    """All members' `Progress` in a few long arrays."""

    def glued(lists):
        arrays = [array.reshape(-1) for arrays in lists for array in arrays]
        return np.concatenate(arrays) if arrays else np.zeros(0, "float32")

    return {
        "weights": glued(p.weights for p in progress),
        "slots": glued([w for slot in p.slots for w in slot] for p in progress),
        "moving": glued(p.moving for p in progress),
        "best": glued(p.best or [] for p in progress),
        "has_best": np.array([p.best is not None for p in progress]),
        "steps": np.array([p.steps for p in progress], "int32"),
    }


def progress_from(arrays, progress):
    """The inverse; `progress` holds members of the same shapes.

    Raises:
        ValueError: the arrays are of other members.
    """
    places = dict.fromkeys(("weights", "slots", "moving", "best"), 0)
    kinds = {
        "weights": [p.weights for p in progress],
        "moving": [p.moving for p in progress],
        "slots": [slot for p in progress for slot in p.slots],
    }
    sizes = {
        kind: sum(a.size for arrays in all_of for a in arrays) for kind, all_of in kinds.items()
    }
    expected = (len(progress), *sizes.values())
    received = (len(arrays["steps"]), *(len(arrays[kind]) for kind in sizes))
    if expected != received:
        raise ValueError(
            "`state` must be of a population with the same members. Received: (members, weights, "
            f"moving averages, optimizer slots) {received} instead of {expected}. Make the "
            "population from the same list of members."
        )

    def take(name, like):
        found = []
        for array in like:
            start = places[name]
            places[name] += array.size
            found.append(arrays[name][start : places[name]].reshape(array.shape).copy())
        return found

    return [
        Progress(
            take("weights", p.weights),
            [take("slots", slot) for slot in p.slots],
            take("moving", p.moving),
            int(steps),
            take("best", p.weights + p.moving) if has_best else None,
        )
        for p, steps, has_best in zip(progress, arrays["steps"], arrays["has_best"], strict=True)
    ]


def write(path, about, arrays):
    write_arrays(path, {"format": FORMAT, **about}, arrays)


@contextlib.contextmanager
def reading(path):
    """Give `(about, arrays)` as `write` was given them; errors of who uses them name the file.

    Raises:
        ValueError: the file is damaged, another kind of file, or claims more than it holds.
        FileNotFoundError: there is none.
    """
    os.stat(path)
    try:
        about, arrays = read_arrays(path, remedy="Restore it from a copy, or train anew.")
        if about.pop("format", None) != FORMAT:
            raise ValueError(f"It has another format than {FORMAT}, which this version reads.")
        check_weights(about, arrays)
        yield about, arrays
    except Exception as error:  # of every kind: a file may hold anything
        rule = "`path` must be a file that `Population.save` wrote. Received: "
        raise ValueError(f"{rule}{path}. {error}") from error


def check_weights(about, arrays):
    """Refuse members of more weights than the file holds, before they are made."""
    wide = row_of(about["problem"]).n_units(about["n_outputs"])
    claimed = sum(
        math.prod(shape)
        for member in about["members"]
        for shape in weight_shapes(
            about["n_features"], member.get("hidden_units", HIDDEN_UNITS), wide, batch_norm=False
        )
    )
    if claimed > arrays["weights"].size:
        raise ValueError(f"its members have {claimed:,} weights, the file {arrays['weights'].size}")
