"""The state of a population as arrays, and the file that holds it: npz, with a part in JSON."""

import json
import zipfile

import numpy as np

from .population_padding import Progress
from .saving import written_whole

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
    text = json.dumps({"format": FORMAT, **about}, default=lambda number: number.item())  # NumPy's
    about = np.frombuffer(text.encode(), "uint8")
    with written_whole(path) as beside, open(beside, "wb") as file:
        np.savez(file, about=about, **arrays)


def read(path):
    """What `write` was given: `(about, arrays)`.

    Raises:
        ValueError: the file is damaged, or another kind of file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop("about").tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"it has format {about['format']}, this version reads {FORMAT}")
        return about, arrays
    except FileNotFoundError:
        raise
    except (
        OSError,
        KeyError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        TypeError,
        AttributeError,
    ) as error:
        raise ValueError(
            f"`path` must be a file that `Population.save` wrote. Received: {path}, which cannot "
            f"be read: {error}. Restore it from a copy, or train anew."
        ) from error
