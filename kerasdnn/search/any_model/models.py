"""Search any Keras model, in this process or in several: tune(build=...)."""

import os
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd

from ...checks.divergence import reject_divergence
from ...checks.fit import column_names, match_columns
from ...checks.named_array import as_named_array
from ...checks.weights import check_same_rows, check_sample_weight
from ...core.arguments import check_choice
from ...core.messages import invalid
from ...core.rows import Rows, unpack_validation_data
from ...heads import direction_of
from ...tables.problem_type import MAX_AMBIGUOUS_INTEGERS
from ...tables.problem_type import as_numbers as plain_numbers
from ...tables.rows import check_exclusive, label_rows, separate_columns
from ...tables.splits import holdout
from ..engine.oracles import ORACLES
from ..engine.project import (
    Line,
    check_resumable,
    fingerprint_of,
    open_project,
    resolve_seed,
    space_of,
)
from ..engine.tuner_internals import checkpoint_files
from ..result import SearchResult
from ..settings import BATCH_SIZE, EPOCHS
from .jobs import Job, reference


def tune_models(build, given, validation_data, processes, settings):
    """Search with keras-tuner's own tuner.

    The objective is what the model reports under its name, as everywhere in Keras.

    Args:
        build: function from `hp` to a compiled Keras model.
        given: `Rows` as the user passed them.
        validation_data: see `tune`.
        processes: checked `Processes`.
        settings: checked `SearchSettings`.
    """
    check_is_not_a_worker()
    check_choice("oracle", settings.oracle, ORACLES)
    if settings.batch_size == "full":
        raise invalid("batch_size", "must be a number of rows with `build`", "full")
    where = {"name": getattr(build, "__qualname__", "")}
    if processes.several:
        where = reference(build)
    project = open_project(settings.directory, settings.resume)
    settings = settings.replace(
        epochs=settings.epochs or EPOCHS, batch_size=settings.batch_size or BATCH_SIZE,
        seed=resolve_seed(project, settings.seed),
    )  # fmt: skip
    arrays = as_arrays(given, validation_data, settings.validation_fraction, settings.seed)
    check_resumable(project, {
        "data": fingerprint_of(*arrays.values()), "build": where["name"],
        "space": space_of(build), **settings.for_resume(),
    })  # fmt: skip
    job = Job(
        project=str(project.path),
        build=where,
        oracle={
            "kind": settings.oracle, "objective": settings.objective,
            "direction": direction_of(settings.objective), "max_trials": settings.max_trials,
            "epochs": settings.epochs, "seed": settings.seed,
        },
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        silence=processes.silence,
        seed=settings.seed,
    )  # fmt: skip
    job.save(arrays)
    line = Line(settings.verbose)
    if not processes.several:
        search_here(job, build, settings.time_budget, line)
    else:
        from .supervisor import supervise

        total = f"/{settings.max_trials}" if settings.max_trials else ""
        job.tuner(build=build)  # a build function that fails at once fails here, not in a log
        supervise(
            job, processes.workers, settings.time_budget,
            lambda done: line.show(f"trials {done}{total}"), processes.chief,
        )  # fmt: skip
    line.close()
    return models_result(job.tuner(build=build), job, project)


def check_is_not_a_worker():
    """A script that searches where it is imported would start a search in every worker."""
    if "KERASDNN_SEARCH" in os.environ:
        raise RuntimeError(
            "`tune(workers=...)` was called while a worker imported the file of `build`. Put the "
            "call under `if __name__ == '__main__':`."
        )


def as_arrays(given, validation_data, fraction, seed):
    """Arrays by the names they have in data.npz, those of the validation rows included."""
    check_exclusive(groups=given.groups, time=given.time, validation_data=validation_data)
    given = separate_columns(given)
    rows = label_rows(read_arrays(given), given)
    if validation_data is not None:
        held = unpack_validation_data(validation_data)
        x = match_columns(held.x, column_names(given.x), held.names[0])
        held = read_arrays(held.replace(x=x))
    else:
        strata, rng = classes_of(rows.y), np.random.default_rng(seed)
        train, valid = holdout(rows, strata, fraction, rng)
        if not len(valid):
            raise invalid("validation_fraction", "must hold out at least one row", fraction)
        rows, held = rows.take(train), rows.take(valid)
    return {
        "x": rows.x, "y": rows.y, "sample_weight": rows.weights,
        "x_valid": held.x, "y_valid": held.y, "w_valid": held.weights,
    }  # fmt: skip


def read_arrays(given):
    """`Rows` of arrays of numbers that belong together."""
    values = [
        v if hasattr(v, "__array__") or v is None else np.asarray(v) for v in (given.x, given.y)
    ]
    x, y = (as_named_array(value, name) for value, name in zip(values, given.names, strict=False))
    for table, name in ((x, given.names[0]), (y, given.names[1])):
        if table is None or table.values.ndim == 0:
            raise invalid(name, "must be an array of numbers", table and table.values.item())
    check_same_rows(x, y)
    weights, name = given.weights, given.names[2]
    if weights is not None:
        weights = weights if hasattr(weights, "__array__") else np.asarray(weights)
        check_sample_weight(weights, y if x.labels is None else x, name)
        weights = as_numbers(as_named_array(weights, name).values, name)
    x, y = (as_numbers(t.values, n) for t, n in zip((x, y), given.names, strict=False))
    return Rows(x, y, weights, given.names)


def classes_of(y):
    """The class of each row where y seems to hold classes, all 0 elsewhere."""
    if y.ndim == 2 and y.shape[1] > 1 and (np.sort(y, axis=1) == np.eye(y.shape[1])[-1]).all():
        return y.argmax(axis=1)
    classes, found = np.unique(y, return_inverse=True)
    one_each = (
        y.size == len(y)
        and len(classes) <= MAX_AMBIGUOUS_INTEGERS
        and (classes == np.floor(classes)).all()
    )
    return found.reshape(-1) if one_each else np.zeros(len(y), "int64")


def as_numbers(data, name):
    array = plain_numbers(data)
    if array.dtype.kind not in "fiub":
        received = f"an array of dtype {array.dtype}"
        raise invalid(name, "must be an array of numbers", received=received)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"`{name}` contains NaN or infinite numbers. Drop such rows.")
    return array.astype("float32") if array.dtype.kind == "f" else array


def search_here(job, build, time_budget, line):
    """Search in this process; trials that fail end the search as they do with workers."""

    def show():
        line.show(f"trials {len(tuner.oracle.end_order)}")

    tuner = job.tuner(build=build, served=True, heartbeat=show)
    tuner.oracle.take_back_all()
    tuner.oracle.end = None if time_budget is None else time.monotonic() + time_budget
    tuner.search(*job.fit_arrays(), verbose=0, **job.fit_arguments())
    show()
    if reasons := tuner.oracle.stop_reason:
        listed = "\n".join(f"  trial {trial}: {reason}" for trial, reason in reasons)
        raise RuntimeError(f"{len(reasons)} trials in a row failed:\n{listed}")


def models_result(tuner, job, project):
    """The trials on disk as a `SearchResult`."""
    oracle, records, names = tuner.oracle, [], []
    for trial_id, trial in oracle.trials.items():
        values = {
            k: v for k, v in trial.hyperparameters.values.items() if not k.startswith("tuner/")
        }
        names = list(dict.fromkeys([*names, *values]))
        records.append({
            "trial": trial_id, **values, "score": trial.score,
            "status": trial.status.lower(), "message": trial.message,
            "epochs": trial.best_step + 1, "seconds": np.nan,
        })  # fmt: skip
    trials = pd.DataFrame(records)
    if len(trials):
        rest = ["score", "status", "message", "epochs", "seconds"]
        trials = trials.reindex(columns=["trial", *names, *rest])
    return ModelSearchResult(
        trials=trials,
        epochs=pd.DataFrame(),
        objective=oracle.objective.name,
        minimize=oracle.objective.direction == "min",
        tuner=tuner,
        seconds=float("nan"),
        names=names,
        folder=project if project.temporary else None,
        job=job,
    )


class ModelSearchResult(SearchResult):
    """What `tune(build=...)` found; the best network is that of the trial, at its best epoch."""

    def __init__(self, *, job, **kwargs):
        super().__init__(**kwargs)
        self.job = job

    def hyperparameters(self, rank: int = 0) -> dict[str, Any]:
        """The values of `hp` of the trial at position `rank` of the ranking."""
        return self._settings(rank)

    def best_network(self, rank: int = 0) -> Any:
        self._settings(rank)
        trial = self.tuner.oracle.trials[self.ranking["trial"].iloc[rank]]
        network = self._network_of(trial)
        reject_divergence(network, None)
        return network

    def _network_of(self, trial):
        if not checkpoint_files(self.tuner, trial.trial_id)[0].exists():
            network = self.tuner.hypermodel.build(trial.hyperparameters)  # trained elsewhere
            training = {**self.job.fit_arguments(), "epochs": trial.best_step + 1, "verbose": 0}
            network.fit(*self.job.fit_arrays(), **training)
            return network
        with warnings.catch_warnings():  # the weights are wanted, not the optimizer's state
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return self.tuner.load_model(trial)
