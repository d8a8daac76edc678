"""tune(build=...): a search over any Keras model, in this process or in several."""

import os
import re
import time
import warnings

import numpy as np
import pandas as pd
from keras_tuner.engine.trial import Trial

from ...checks.divergence import reject_divergence
from ...checks.fit import column_names, match_columns
from ...checks.named_array import as_named_array
from ...checks.weights import check_same_rows, check_sample_weight
from ...core.arguments import check_choice, check_fraction, check_integer, check_positive
from ...core.messages import invalid
from ...heads import direction_of
from ...tables.problem_type import FEW
from ...tables.problem_type import as_numbers as plain_numbers
from ...tables.splits import hold_out
from ..engine.oracles import ORACLES
from ..engine.project import (
    Line,
    agreed_seed,
    check_same_search,
    fingerprint_of,
    open_project,
    space_of,
)
from ..result import SearchResult
from .jobs import Job, reference


def tune_models(
    X, y, build, workers, oracle, max_trials, epochs, batch_size, validation_data,
    validation_fraction, objective, sample_weight, time_budget, directory, resume, chief, silence,
    seed, verbose,
):  # fmt: skip
    """Search with keras-tuner's own tuner; arguments as in `tune`.

    The objective is what the model reports under its name, as everywhere in Keras.
    """
    check_is_not_a_worker()
    check_choice("oracle", oracle, ORACLES)
    check_integer("workers", workers, 0 if chief else 1)
    check_integer("epochs", epochs)
    if batch_size == "full":
        raise invalid("batch_size", "must be a number of rows with `build`", batch_size)
    if chief is not None and not re.fullmatch(r"[^:\s]+:\d{1,5}", chief):
        raise invalid("chief", "must be 'HOST:PORT'", chief, "'0.0.0.0:8700' listens everywhere.")
    apart = workers > 1 or chief is not None
    where = reference(build) if apart else {"name": getattr(build, "__qualname__", "")}
    project = open_project(directory, resume)
    seed = agreed_seed(project, seed)
    arrays = as_arrays(X, y, sample_weight, validation_data, validation_fraction, seed)
    check_same_search(project, {
        "data": fingerprint_of(*arrays.values()), "build": where["name"],
        "space": space_of(build), "oracle": oracle, "epochs": epochs, "batch_size": batch_size,
        "objective": objective, "seed": seed,
    })  # fmt: skip
    job = Job(
        project=str(project),
        build=where,
        oracle={
            "kind": oracle, "objective": objective, "direction": direction_of(objective),
            "max_trials": max_trials, "epochs": epochs, "seed": seed,
        },
        epochs=epochs,
        batch_size=batch_size,
        silence=check_positive("silence", silence),
        seed=seed,
    )  # fmt: skip
    job.save(arrays)
    line = Line(verbose)
    if not apart:
        search_here(job, build, time_budget, line)
    else:
        from .supervisor import supervise

        job.tuner(build=build)  # a build function that fails at once fails here, not in a log
        supervise(
            job, workers, time_budget,
            lambda done: line.show(f"trials {done}" + (f"/{max_trials}" if max_trials else "")),
            chief,
        )  # fmt: skip
    line.close()
    result = models_result(job.tuner(build=build), job)
    if directory is None:
        result.folder = project.folder
    return result


def check_is_not_a_worker():
    """A script that searches where it is imported would start a search in every worker."""
    if "KERASDNN_SEARCH" in os.environ:
        raise RuntimeError(
            "`tune(workers=...)` was called while a worker imported the file of `build`. Put the "
            "call under `if __name__ == '__main__':`."
        )


def as_arrays(X, y, sample_weight, validation_data, validation_fraction, seed):
    """Arrays by the names they have in data.npz, rows to judge by included."""
    x, y, weight = checked(X, y, sample_weight, ("X", "y", "sample_weight"))
    if validation_data is not None:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            rule = "must be (X, y) or (X, y, sample_weight)"
            raise invalid("validation_data", rule, type(validation_data).__name__)
        names = [f"validation_data[{i}]" for i in range(3)]
        x_valid = match_columns(validation_data[0], column_names(X), names[0])
        x_valid, y_valid, w_valid = checked(x_valid, *(*validation_data[1:], None)[:2], names)
    else:
        share = check_fraction("validation_fraction", validation_fraction)
        held = hold_out(classes_of(y), share, np.random.default_rng(seed))
        if not held.any():
            raise invalid("validation_fraction", "must hold out at least one row", share)
        x_valid, y_valid, x, y = x[held], y[held], x[~held], y[~held]
        w_valid = None if weight is None else weight[held]
        weight = None if weight is None else weight[~held]
    return {
        "x": x, "y": y, "sample_weight": weight,
        "x_valid": x_valid, "y_valid": y_valid, "w_valid": w_valid,
    }  # fmt: skip


def checked(X, y, sample_weight, names):
    """`(x, y, weights or None)` as arrays of numbers, of rows that belong together."""
    given = [v if hasattr(v, "__array__") or v is None else np.asarray(v) for v in (X, y)]
    x, y = (as_named_array(value, name) for value, name in zip(given, names, strict=False))
    for table, name in ((x, names[0]), (y, names[1])):
        if table is None or table.values.ndim == 0:
            raise invalid(name, "must be an array of numbers", table and table.values.item())
    check_same_rows(x, y)
    weight = sample_weight
    if weight is not None:
        weight = weight if hasattr(weight, "__array__") else np.asarray(weight)
        check_sample_weight(weight, y if x.labels is None else x, names[2])
        weight = as_numbers(as_named_array(weight, names[2]).values, names[2])
    return as_numbers(x.values, names[0]), as_numbers(y.values, names[1]), weight


def classes_of(y):
    """The class of each row where y seems to hold classes, all 0 elsewhere."""
    if y.ndim == 2 and y.shape[1] > 1 and (np.sort(y, axis=1) == np.eye(y.shape[1])[-1]).all():
        return y.argmax(axis=1)
    classes, found = np.unique(y, return_inverse=True)
    one_each = y.size == len(y) and len(classes) <= FEW and (classes == np.floor(classes)).all()
    return found.reshape(-1) if one_each else np.zeros(len(y), "int64")


def as_numbers(data, name):
    array = plain_numbers(data)
    if array.dtype.kind not in "fiub":
        raise invalid(name, "must be an array of numbers", f"dtype {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise invalid(name, "must hold finite numbers", "NaN or infinity")
    return array.astype("float32") if array.dtype.kind == "f" else array


def search_here(job, build, time_budget, line):
    """The search in this process; trials that fail end it as with workers."""
    tuner = job.tuner(build=build, served=True)
    tuner.oracle.take_back_all()
    end = None if time_budget is None else time.monotonic() + time_budget
    create = tuner.oracle.create_trial

    def create_until_over(tuner_id):
        line.show(f"trials {len(tuner.oracle.end_order)}")
        if end is not None and time.monotonic() > end:
            return Trial(tuner.oracle.hyperparameters.copy(), "none", status="STOPPED")
        return create(tuner_id)

    tuner.oracle.create_trial = create_until_over
    tuner.search(*job.fit_arrays(), verbose=0, **job.fit_arguments())
    if reasons := tuner.oracle.stop_reason:
        listed = "\n".join(f"  trial {trial}: {reason}" for trial, reason in reasons)
        raise RuntimeError(f"{len(reasons)} trials in a row failed:\n{listed}")


def models_result(tuner, job):
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
        minimise=oracle.objective.direction == "min",
        tuner=tuner,
        seconds=float("nan"),
        names=names,
        job=job,
    )


class ModelSearchResult(SearchResult):
    """What `tune(build=...)` found; the best network is the trial's own, at its best epoch."""

    def __init__(self, *, job, **kwargs):
        super().__init__(**kwargs)
        self.job = job

    def hyperparameters(self, rank=0):
        """The values of `hp` of the trial at a place of the ranking."""
        return self._settings(rank)

    def best_network(self, rank=0):
        self._settings(rank)
        trial = self.tuner.oracle.trials[self.ranking["trial"].iloc[rank]]
        network = self._network_of(trial)
        reject_divergence(network, None)
        return network

    def _network_of(self, trial):
        if not os.path.exists(self.tuner._get_checkpoint_fname(trial.trial_id)):
            network = self.tuner.hypermodel.build(trial.hyperparameters)  # trained elsewhere
            training = {**self.job.fit_arguments(), "epochs": trial.best_step + 1, "verbose": 0}
            network.fit(*self.job.fit_arrays(), **training)
            return network
        with warnings.catch_warnings():  # the weights are wanted, not the optimizer's state
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return self.tuner.load_model(trial)
