"""Hold the state of each member as arrays, pad it for the device, and save it to a file."""

import contextlib
import math
import os
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ..core.state_files import read_arrays, write_arrays
from ..heads.problem_types import Problem, row_of
from ..hyperparameters import MEMBER, default
from .optimizer_rules import RULES

FORMAT = 1  # of the file


@dataclass(frozen=True)
class Member:
    """A network of a population: its checked hyperparameters.

    Attributes:
        given: the dict that was passed, with its seed.
        hidden_units, loss, activation, dropout, l2, batch_norm, label_smoothing, prior, seed: as in
            `factories.build_for`.
        rule, hyperparameters: what `optimizer_rules.rule_of` returns.
        slot_start: float, initial value of the optimizer state variables.
        batch_size, epochs: its own, or None.
    """

    given: dict
    hidden_units: tuple
    loss: str | None
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
        return weight_shapes(problem, widths, self.batch_norm)

    def shapes_of_kernels(self, n_features, units):
        widths = n_features, *self.hidden_units, units
        return list(pairwise(widths))

    @property
    def n_slots(self):
        return len(RULES[self.rule].slots)


def weight_shapes(problem, hidden_units, batch_norm):
    """List the shapes of the trainable weights in the order of Keras.

    Per hidden layer kernel and bias, with batch norm kernel, gamma and beta; then the output's
    kernel, of one column if classes are ordered, and bias.
    """
    shapes, width = [], problem.n_features
    for hidden in hidden_units:
        shapes += [(width, hidden), (hidden,)] + ([(hidden,)] if batch_norm else [])
        width = hidden
    return [*shapes, (width, 1 if problem.head.ordered else problem.units), (problem.units,)]


@dataclass
class Progress:
    """What training changes of a member, as NumPy arrays without padding.

    Attributes:
        weights: list, the trainable weights in the order of Keras.
        slots: list, per optimizer state variable of its rule a list like `weights`.
        moving: list, mean and variance per hidden layer, with batch norm.
        steps: int, steps done.
        best: `weights + moving` after the best epoch, or None.
    """

    weights: list
    slots: list
    moving: list
    steps: int = 0
    best: list | None = None


def initial_progress(member, weights):
    slots = [[np.full_like(w, member.slot_start) for w in weights] for _ in range(member.n_slots)]
    moving = []
    if member.batch_norm:
        for units in member.hidden_units:
            moving += [np.zeros(units, "float32"), np.ones(units, "float32")]
    return Progress(weights, slots, moving)


def pad_and_stack(shapes, lists):
    """Stack the arrays of several networks into tensors with a leading axis.

    Args:
        shapes: shapes of the tensors; where arrays are smaller or fewer, they are 0.
        lists: per network a list of arrays; None for a weight that it does not have.
    """
    stacked = [np.zeros(shape, "float32") for shape in shapes]
    for k, arrays in enumerate(lists):
        for padded, array in zip(stacked, arrays, strict=True):
            if array is not None:
                padded[(k, *map(slice, array.shape))] = array
    return [tf.constant(padded) for padded in stacked]


def unstack(tensors, k, shapes):
    """Copy the arrays of network `k`, which has these shapes; None for a weight that it lacks."""
    return [
        t[(k, *map(slice, shape))].copy()
        for t, shape in zip(tensors, shapes, strict=True)
        if shape is not None
    ]


def align_layers(values, length, after):
    """Pad a network's list with None for the layers it lacks, before the last `after` values."""
    end = len(values) - after
    return [*values[:end], *[None] * (length - len(values)), *values[end:]]


def progress_arrays(progress):
    """Concatenate the `Progress` of all members into a few long arrays."""

    def flattened(lists):
        arrays = [array.reshape(-1) for arrays in lists for array in arrays]
        return np.concatenate(arrays) if arrays else np.zeros(0, "float32")

    return {
        "weights": flattened(p.weights for p in progress),
        "slots": flattened([w for slot in p.slots for w in slot] for p in progress),
        "moving": flattened(p.moving for p in progress),
        "best": flattened(p.best or [] for p in progress),
        "has_best": np.array([p.best is not None for p in progress]),
        "steps": np.array([p.steps for p in progress], "int32"),
    }


def progress_from(arrays, progress):
    """Read what `progress_arrays` returned; `progress` holds members of the same shapes.

    Raises:
        ValueError: the arrays belong to other members.
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
            "`state` must come from a population with the same members. Received: (members, "
            f"weights, moving averages, optimizer state) {received} instead of {expected}. Create "
            "the population from the same list of members."
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
    """Yield `(about, arrays)` as `write` received them; errors of the caller name the file.

    Raises:
        ValueError: the file is damaged, another kind of file, or claims more than it contains.
        FileNotFoundError: there is no such file.
    """
    os.stat(path)
    try:
        about, arrays = read_arrays(path, remedy="Restore it from a copy, or train again.")
        if about.pop("format", None) != FORMAT:
            raise ValueError(f"This version reads format {FORMAT} only.")
        check_weights(about, arrays)
        yield about, arrays
    except Exception as error:  # of any type: a file may contain anything
        rule = "`path` must be a file that `Population.save` wrote. Received: "
        raise ValueError(f"{rule}{path}. {error}") from error


def check_weights(about, arrays):
    """Reject members with more weights than the file contains, before they are created."""
    layers = default("hidden_units", MEMBER)
    problem = Problem(row_of(about["problem"]), about["n_outputs"], about["n_features"])
    claimed = sum(
        math.prod(shape)
        for member in about["members"]
        for shape in weight_shapes(problem, member.get("hidden_units", layers), batch_norm=False)
    )
    if claimed > arrays["weights"].size:
        raise ValueError(f"its members have {claimed:,} weights, the file {arrays['weights'].size}")
