"""The folder of a search: made, found again, and held against what is searched now."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import keras_tuner
import numpy as np

from .errors import whole
from .wave_oracle import read_json, write_json


class Project(type(Path())):
    """The folder of a search; `folder` deletes a temporary one with the last reference to it."""

    folder = None


def open_project(directory, resume):
    """The project's folder, `directory`/search, empty unless there is something to resume."""
    if directory is None:
        folder = tempfile.TemporaryDirectory(prefix="kerasdnn-search-")
        project = Project(folder.name) / "search"
        project.folder = folder
    else:
        project = Project(directory) / "search"
        if not resume and project.exists():
            shutil.rmtree(project)
    project.mkdir(parents=True, exist_ok=True)
    return project


def agreed_seed(project, seed):
    """`seed`; where it is None, that of the search to resume, or a new one."""
    if seed is not None:
        return whole("seed", seed, 0)
    path = project and project / "search.json"
    if path and path.exists():
        return read_json(path)["seed"]
    return int(np.random.default_rng().integers(1, 2**31))


def check_same_search(project, about):
    """Write what the search is about, or hold it against what was written before."""
    path = project / "search.json"
    if not path.exists():
        write_json(path, about)
        return
    before = read_json(path)
    for name, value in json.loads(json.dumps(about)).items():
        if before.get(name) != value:
            shown = "" if name in ("data", "space") else f" ({before.get(name)!r} before)"
            raise ValueError(
                f"The search in {project} was made with another `{name}`{shown}. Received: "
                f"{name}={value!r}. Take another `directory`, or `resume=False` to delete it."
            )


def fingerprint(rows):
    """A hash of all numbers a score depends on."""
    digest = hashlib.sha256()
    for array in (rows.x, rows.y, rows.weights, *(a for split in rows.splits for a in split)):
        if array is not None:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def space_of(model):
    """The hyperparameters of a space at its defaults, as JSON takes them."""
    hp = keras_tuner.HyperParameters()
    model.settings(hp)
    return hashlib.sha256(json.dumps(hp.get_config(), sort_keys=True).encode()).hexdigest()[:16]
