"""Keep a search in its folder: open it, find it again, and compare it with what is searched now."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import keras_tuner
import numpy as np

from ...core.atomic_files import TemporaryFolder
from ...core.messages import invalid
from ...core.state_files import read_json, write_json
from .tuner_internals import hyperband_trials

OWN_FILES = (
    "search.json", "oracle.json", "tuner[0-9]*.json", "job.json", "stopped.json", "data.npz",
    "wave.npz", "wave_*.npz", "trial_[0-9]*", "logs", "heard", ".kerasdnn-*",
)  # fmt: skip


@dataclass(frozen=True)
class Project:
    """The folder of a search.

    Attributes:
        path: `Path` of the folder.
        temporary: the `TemporaryFolder` around it, deleted with the last reference to it, or None.
    """

    path: Path
    temporary: object = None

    @property
    def for_tuner(self):
        """Arguments of a keras-tuner tuner."""
        return {"directory": str(self.path.parent), "project_name": self.path.name}


def open_project(directory, resume):
    """Open the folder `directory`/search; it is empty unless there is a search to resume.

    Args:
        directory: str or Path. None means a temporary folder.
        resume: bool; False deletes the search in the folder, and nothing else.

    Raises:
        ValueError: the folder holds something other than a search.
    """
    if directory is None:
        temporary = TemporaryFolder("kerasdnn-search-")
        project = Project(Path(temporary.name) / "search", temporary)
    else:
        project = Project(Path(directory) / "search")
        if not is_search(project.path):
            raise invalid(
                "directory", "must contain a search of kerasdnn in its folder 'search', or none",
                str(directory), "Choose another `directory`; nothing was deleted or written.",
            )  # fmt: skip
        for path in [] if resume else own_files(project.path):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    project.path.mkdir(parents=True, exist_ok=True)
    return project


@contextlib.contextmanager
def only_leader(directory):
    """Keep other searches out of a folder while the block runs; the system unlocks it at the end.

    Args:
        directory: str or Path. None locks nothing.

    Raises:
        ValueError: another search runs there.
    """
    if directory is None or not is_search(Path(directory) / "search"):
        yield  # `open_project` refuses the latter
        return
    Path(directory).mkdir(parents=True, exist_ok=True)
    with open(Path(directory) / ".kerasdnn-search.lock", "a+") as file:
        if not locked(file):
            file.seek(0)
            owner = file.read(200) or "another process"
            remedy = "Wait for its end, or take another `directory`."
            raise invalid("directory", f"is that of a running search, {owner}", str(directory),
                          remedy)  # fmt: skip
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def locked(file):
    """Whether this open file is now locked for this process; it is unlocked when it is closed."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(1_000)  # Windows lets nobody read what is locked
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True


def is_search(folder):
    """Whether a folder is that of a search, empty or missing; search.json marks a search."""
    if not folder.exists():  # where one can be made: no link to nowhere, no file in its way
        return not folder.is_symlink() and (folder.parent.is_dir() or not folder.parent.exists())
    if not folder.is_dir():
        return False
    marker = folder / "search.json"
    if not marker.is_file():
        return all(path.name.startswith(".") for path in folder.iterdir())
    try:
        return {"oracle", "seed"} <= read_json(marker).keys()
    except (ValueError, AttributeError):  # damaged: the oracle's file marks a search as well
        return (folder / "oracle.json").is_file()


def own_files(folder):
    """The files that a search wrote into its folder."""
    return [path for kind in OWN_FILES if folder.is_dir() for path in folder.glob(kind)]


def resolve_seed(project, seed):
    """`seed`; None means that of the search to resume, or a random one."""
    if seed is not None:
        return seed
    path = project.path / "search.json"
    return (
        read_json(path)["seed"]
        if path.exists()
        else int(np.random.default_rng().integers(1, 2**31))
    )


def check_resumable(project, about):
    """Record what the search is about, or compare it with what was recorded before.

    Raises:
        ValueError: the folder holds a search of other data or settings.
    """
    path = project.path / "search.json"
    if not path.exists():
        write_json(path, about)
        return
    before = read_json(path)
    for name, value in json.loads(json.dumps(about)).items():
        old = before.get(name, value)  # what earlier versions did not write is not compared
        if old != value:
            if isinstance(value, dict) and isinstance(old, dict):  # those that differ
                keys = [key for key in {**old, **value} if old.get(key) != value.get(key)]
                old, value = ({k: d[k] for k in keys if k in d} for d in (old, value))
            shown = "" if name in ("data", "space") else f" ({old!r} before)"
            raise ValueError(
                f"The search in {path.parent} was made with another `{name}`{shown}. Received: "
                f"{name}={value!r}. Choose another `directory`, or `resume=False` to delete it."
            )


def fingerprint(rows, pairs):
    """A hash of all numbers that a score depends on."""
    return fingerprint_of(
        rows.x, rows.y, rows.weights, *(array for pair in pairs for array in pair)
    )


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
    """A line that overwrites itself on a terminal; a log gets the last one only."""

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
    """Shows the progress of a search; called with the tuner after every chunk of training."""

    def __init__(self, oracle, verbose=1, stream=None):
        self.total, self.line = hyperband_trials(oracle) or oracle.max_trials, Line(verbose, stream)
        self.began, self.first = time.monotonic(), None

    def __call__(self, tuner):
        running = tuner.running.fraction_done() * len(tuner.running.trials) if tuner.running else 0
        best = tuner.oracle.get_best_trials(1)
        scored = best and best[0].score is not None
        self.show(
            len(tuner.oracle.end_order) + running,
            tuner.oracle.objective.name,
            best[0].score if scored else None,
        )

    def show(self, done, objective, best):
        """`done` may be fractional: a batch advances all of its trials together."""
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


def duration(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
