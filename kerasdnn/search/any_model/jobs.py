"""Describe a search of any Keras model in files, so that every process can take part in it.

PROJECT/job.json says which build function, oracle and settings, PROJECT/data.npz holds the rows.
"""

import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import runpy
from pathlib import Path

import keras
import keras_tuner
import numpy as np

from ...core.messages import invalid
from ...core.state_files import REMEDY, read_arrays, read_json, sha256, write_arrays, write_json
from ..engine import tuner_internals


@dataclasses.dataclass
class Job:
    """What the processes of a search agree on.

    Attributes:
        build: dict from `reference`, the function from `hp` to a compiled model.
        oracle: dict, `kind` and its arguments, see `oracles.make_oracle`.
        epochs, batch_size: of every trial.
        silence: seconds without a heartbeat after which a process is considered dead.
        seed: int; the weights of a trial depend on it and on the trial's number only.
    """

    project: str
    build: dict
    oracle: dict
    epochs: int
    batch_size: int | None
    silence: float
    seed: int

    def save(self, arrays):
        """Write job.json, and data.npz with `arrays`, a dict that leaves out what is None."""
        Path(self.project).mkdir(parents=True, exist_ok=True)
        arrays = {k: v for k, v in arrays.items() if v is not None}
        write_arrays(Path(self.project, "data.npz"), {}, arrays)
        write_json(Path(self.project, "job.json"), dataclasses.asdict(self))

    @classmethod
    def load(cls, project, build=None):
        """The job of a project folder, here or copied from elsewhere; `build` overrides its own."""
        content = read_json(Path(project, "job.json"))
        content |= {"project": str(project), "build": build or content["build"]}
        return cls(**{field.name: content[field.name] for field in dataclasses.fields(cls)})

    def tuner(self, served=False, heartbeat=None, build=None):
        """The tuner of the search; `served` for the process that hands out its trials."""
        from ..engine.oracles import make_oracle
        from .served import Served

        oracle = make_oracle(**self.oracle, mixin=Served if served else None)
        build = build or load_build(self.build)
        return ModelTuner(oracle, build, Path(self.project), self.seed, heartbeat)

    def fit_arrays(self):
        data = self._data()
        return data["x"], data["y"]

    def fit_arguments(self):
        data = self._data()
        given = {"epochs": self.epochs, "batch_size": self.batch_size}
        if "sample_weight" in data:
            given["sample_weight"] = data["sample_weight"]
        held_out = [data[name] for name in ("x_valid", "y_valid", "w_valid") if name in data]
        return {**given, "validation_data": tuple(held_out)}

    def _data(self):
        return read_arrays(Path(self.project, "data.npz"))[1]

    def write_stop_reason(self, reason):
        write_json(Path(self.project, "stopped.json"), {"reasons": reason})

    def stop_reason(self):
        """The failures that stopped the search; None while the coordinator hands out trials."""
        path = Path(self.project, "stopped.json")
        if not path.exists():
            return None
        content = read_json(path)
        return content if isinstance(content, list) else content["reasons"]


class ModelTuner(keras_tuner.Hyperband):
    """keras-tuner's tuner of Keras models, with any oracle; that of Hyperband handles epochs."""

    def __init__(self, oracle, build, project, seed, heartbeat=None):
        self.seed, self.heartbeat = seed, heartbeat or (lambda: None)
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            keras_tuner.Tuner.__init__(
                self, oracle, build, directory=str(project.parent), project_name=project.name
            )
        written = tuner_internals.oracle_file(oracle).exists()
        if written and not oracle.trials and not tuner_internals.is_worker(self):
            oracle.reload()  # written by a process of another name

    def save(self):
        if not tuner_internals.is_worker(self):
            self.oracle.save()
            write_json(tuner_internals.tuner_file(self), {})

    def reload(self):
        if not tuner_internals.is_worker(self):
            self.oracle.reload()

    def pre_create_trial(self):
        self.heartbeat()

    def run_trial(self, trial, *args, **kwargs):
        # The same weights whichever process runs the trial, and whenever.
        keras.utils.set_random_seed(
            int(np.random.SeedSequence([self.seed, int(trial.trial_id)]).generate_state(1)[0])
        )
        try:
            found = super().run_trial(trial, *args, **kwargs)
            write_json(self.checksums(trial.trial_id), self.digests(trial.trial_id))
            return found
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            Path(self.get_trial_dir(trial.trial_id), "error.txt").write_text(reason)
            raise

    def checksums(self, trial_id):
        return Path(self.get_trial_dir(trial_id), "checksums.json")

    def digests(self, trial_id):
        """Checksums of what keras-tuner keeps of a trained model."""
        paths = tuner_internals.checkpoint_files(self, trial_id)
        return {path.name: sha256(path.read_bytes()) for path in paths if path.exists()}

    def _build_hypermodel(self, hp):
        if "tuner/trial_id" in hp.values:  # continues the training of that one
            self.check_intact(hp.values["tuner/trial_id"])
        return super()._build_hypermodel(hp)

    def load_model(self, trial):
        self.check_intact(trial.trial_id)
        return super().load_model(trial)

    def check_intact(self, trial_id):
        path = self.checksums(trial_id)
        if path.exists() and read_json(path) != self.digests(trial_id):
            raise keras_tuner.errors.FatalValueError(
                f"The weights of trial {trial_id} in {path.parent} cannot be read: their checksum "
                f"does not match their content. {REMEDY}"
            )

    def on_epoch_end(self, trial, model, epoch, logs=None):
        self.heartbeat()
        self.oracle.get_trial(trial.trial_id)


def reference(build):
    """Describe where other processes find the function `build`: module or file, and name."""
    remedy = "Define it with `def` at the top level of a file, so that other processes find it."
    if not inspect.isfunction(build) or "<" in build.__qualname__:
        raise invalid("build", "must be a function of a module", build, remedy)
    try:
        path = os.path.abspath(inspect.getsourcefile(build))
    except TypeError:
        path = ""
    if not os.path.exists(path):
        raise invalid("build", "must be a function in a file", build, remedy)
    module = None if build.__module__ == "__main__" else build.__module__
    return {"path": path, "module": module, "name": build.__qualname__}


def load_build(where):
    """Load the function that `reference` or "FILE.py:NAME" describes."""
    if isinstance(where, str):
        path, _, name = where.rpartition(":")
        where = {"path": path, "module": None, "name": name}
    if where["module"]:
        try:
            return getattr(importlib.import_module(where["module"]), where["name"])
        except ImportError:  # imported from a folder that is not on this process's path
            pass
    return runpy.run_path(where["path"], run_name="kerasdnn_search")[where["name"]]
