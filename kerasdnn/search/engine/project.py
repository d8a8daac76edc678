"""The folder of a search: made, found again, and held against what is searched now."""

import hashlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import keras_tuner
import numpy as np

from ...core.arguments import check_integer
from ...core.messages import invalid
from ...core.state_files import read_json, write_json

OWN_FILES = (
    "search.json", "oracle.json", "tuner[0-9]*.json", "job.json", "stopped.json", "data.npz",
    "wave.npz", "wave_*.npz", "trial_[0-9]*", "logs", "heard", ".kerasdnn-*",
)  # fmt: skip


class Project(type(Path())):
    """The folder of a search; `folder` deletes a temporary one with the last reference to it."""

    folder = None


def open_project(directory, resume):
    """The project's folder, `directory`/search, empty unless there is something to resume.

    Raises:
        ValueError: the folder holds something, but no search.
    """
    if directory is None:
        folder = tempfile.TemporaryDirectory(prefix="kerasdnn-search-")
        project = Project(folder.name) / "search"
        project.folder = folder
    else:
        project = Project(directory) / "search"
        if not is_search(project):
            raise invalid(
                "directory", "must hold a search of kerasdnn in its folder 'search', or none",
                str(directory), "Take another `directory`; nothing was deleted or written.",
            )  # fmt: skip
        for path in [] if resume else own_files(project):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    project.mkdir(parents=True, exist_ok=True)
    return project


def is_search(project):
    """Whether a folder is that of a search, empty or not there; the mark is search.json."""
    if not project.exists():  # where one can be made: no link to nowhere, no file in its way
        return not project.is_symlink() and (project.parent.is_dir() or not project.parent.exists())
    if not project.is_dir():
        return False
    marker = project / "search.json"
    if not marker.is_file():
        return all(path.name.startswith(".") for path in project.iterdir())
    try:
        return {"oracle", "seed"} <= read_json(marker).keys()
    except (ValueError, AttributeError):  # damaged: the oracle's file tells as well
        return (project / "oracle.json").is_file()


def own_files(project):
    """What a search wrote into its folder; files of others stay there."""
    return [path for kind in OWN_FILES if project.is_dir() for path in project.glob(kind)]


def agreed_seed(project, seed):
    """`seed`; where it is None, that of the search to resume, or a new one."""
    if seed is not None:
        return check_integer("seed", seed, 0)
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
        if before.get(name, value) != value:  # what earlier versions did not write is not compared
            shown = "" if name in ("data", "space") else f" ({before.get(name)!r} before)"
            raise ValueError(
                f"The search in {project} was made with another `{name}`{shown}. Received: "
                f"{name}={value!r}. Take another `directory`, or `resume=False` to delete it."
            )


def described(value):
    """A hyperparameter that JSON does not take as what is the same in the next process."""
    if hasattr(value, "get_config"):
        config = {k: v for k, v in value.get_config().items() if k != "name"}  # it counts up
        return f"{type(value).__name__} {config}"
    return getattr(value, "__qualname__", str(value))


def fingerprint(rows):
    """A hash of all numbers a score depends on."""
    splits = (array for split in rows.splits for array in split)
    return fingerprint_of(rows.x, rows.y, rows.weights, *splits)


def fingerprint_of(*arrays):
    """A hash of the numbers in `arrays`, of which some may be None."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def space_of(model):
    """A hash of the hyperparameters of a space, or of a build function, at its defaults."""
    hp = keras_tuner.HyperParameters()
    getattr(model, "settings", getattr(model, "build", model))(hp)
    return hashlib.sha256(json.dumps(hp.get_config(), sort_keys=True).encode()).hexdigest()[:16]


class Line:
    """A line that writes over itself on a terminal; in a log, the last one alone."""

    def __init__(self, verbose=1, stream=None):
        self.verbose, self.stream = verbose, stream or sys.stderr
        self.text = ""

    def show(self, text):
        if self.verbose and self.stream.isatty():
            self.stream.write("\r" + text.ljust(len(self.text)))
            self.stream.flush()
        self.text = text

    def close(self):
        if self.verbose and self.text:
            self.stream.write("\n" if self.stream.isatty() else self.text + "\n")
            self.stream.flush()
        self.text = ""


class Progress:
    """Called with the tuner after every block of training."""

    def __init__(self, oracle, verbose=1, stream=None):
        self.total, self.line = trials_in_all(oracle), Line(verbose, stream)
        self.began, self.first = time.monotonic(), None

    def __call__(self, tuner):
        running = tuner.open.share_done() * len(tuner.open.trials) if tuner.open else 0
        best = tuner.oracle.get_best_trials(1)
        scored = best and best[0].score is not None
        self.show(
            len(tuner.oracle.end_order) + running,
            tuner.oracle.objective.name,
            best[0].score if scored else None,
        )

    def show(self, done, objective, best):
        """`done` may be a fraction: a wave advances all of its trials at once."""
        if self.first is None:
            self.first = done
        line = f"trials {done:.0f}" + (f"/{self.total}" if self.total else "")
        line += f" | best {objective} {best:.5g}" if best is not None else ""
        gained, elapsed = done - self.first, time.monotonic() - self.began
        if self.total and gained > 0:
            line += f" | {duration(elapsed * max(0, self.total - done) / gained)} left"
        self.line.show(line)

    def close(self):
        self.line.close()


def trials_in_all(oracle):
    """How many trials the search will have, None if that is not known before."""
    if hasattr(oracle, "_get_num_brackets"):  # Hyperband
        total = sum(
            oracle._get_size(bracket, number)
            for bracket in range(oracle._get_num_brackets())
            for number in range(bracket + 1)
        )
        return min(total, oracle.max_trials or total)
    return oracle.max_trials


def duration(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
