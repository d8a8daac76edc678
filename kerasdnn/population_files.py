"""The state of a population as arrays, and the file that holds it: npz, with a part in JSON."""

import contextlib
import json
import math
import zipfile

import numpy as np

from .factories import HIDDEN_UNITS
from .population_members import weight_shapes
from .population_padding import Progress
from .saving import written_whole

FORMAT = 1
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


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
    text = json.dumps({"format": FORMAT, **about}, default=lambda number: number.item())  # NumPy's
    about = np.frombuffer(text.encode(), "uint8")
    with written_whole(path) as beside, open(beside, "wb") as file:
        np.savez(file, about=about, **arrays)


@contextlib.contextmanager
def reading(path):
    """Give `(about, arrays)` as `write` was given them; errors of who uses them name the file.

    Raises:
        ValueError: the file is damaged, another kind of file, or claims more than it holds.
    """
    try:
        arrays = read_arrays(path)
        about = json.loads(arrays.pop("about").tobytes())
        if about.pop("format") != FORMAT:
            raise ValueError(f"it has another format, this version reads {FORMAT}")
        check_weights(about, arrays)
        yield about, arrays
    except FileNotFoundError:
        raise
    except Exception as error:  # of every kind: a file may hold anything
        raise ValueError(
            f"`path` must be a file that `Population.save` wrote. Received: {path}, which cannot "
            f"be read: {error!r}. Restore it from a copy, or train anew."
        ) from error


def read_arrays(path):
    """The arrays of a npz file, by name, none larger than its bytes in the file."""
    arrays = {}
    with zipfile.ZipFile(path) as file:
        for part in file.infolist():
            with file.open(part) as data:
                version = np.lib.format.read_magic(data)
                shape, _, dtype = HEADERS[version](data)
            claimed = math.prod(shape) * dtype.itemsize
            if claimed > part.file_size or part.file_size > part.compress_size:
                raise ValueError(f"{part.filename} claims {claimed:,} bytes, which it has not")
            with file.open(part) as data:
                arrays[part.filename.removesuffix(".npy")] = np.lib.format.read_array(data)
    return arrays


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
