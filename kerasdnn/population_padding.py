"""Members as arrays, and their way into padded tensors with a leading axis, and back."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


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
