"""The state of a population as arrays, and the file that holds it: npz, with a part in JSON."""

import contextlib
import math
import os

import numpy as np

from .factories import HIDDEN_UNITS
from .population_members import weight_shapes
from .population_padding import Progress
from .state_files import read_arrays, write_arrays

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
    wide = about["n_outputs"] if about["problem"] != "binary" else 1
    claimed = sum(
        math.prod(shape)
        for member in about["members"]
        for shape in weight_shapes(
            about["n_features"], member.get("hidden_units", HIDDEN_UNITS), wide, batch_norm=False
        )
    )
    if claimed > arrays["weights"].size:
        raise ValueError(f"its members have {claimed:,} weights, the file {arrays['weights'].size}")
