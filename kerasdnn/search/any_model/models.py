"""Search any Keras model: tune(build=...)."""

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
from ...tables.problem_type import MAX_AMBIGUOUS_INTEGERS
from ...tables.problem_type import as_numbers as plain_numbers
from ...tables.rows import check_exclusive, label_rows, separate_columns
from ...tables.splits import holdout
from ..engine.oracles import ORACLES, oracle_of
from ..engine.project import (
    Progress,
    check_resumable,
    fingerprint_of,
    open_project,
    resolve_seed,
    space_of,
)
from ..result import SearchResult
from ..settings import BATCH_SIZE, EPOCHS, trials_per_batch
from .trials import ModelTuner


def tune_models(build, given, validation_data, settings):
    """Search with one model per trial.

    The objective is what the model reports under its name, as everywhere in Keras.

    Args:
        build: function from `hp` to a compiled Keras model.
        given: `Rows` as the user passed them.
        validation_data: see `tune`.
        settings: checked `SearchSettings`.
    """
    check_choice("oracle", settings.oracle, ORACLES)
    if settings.batch_size == "full":
        raise invalid("batch_size", "must be a number of rows with `build`", "full")
    project = open_project(settings.directory, settings.resume)
    settings = settings.replace(
        epochs=settings.epochs or EPOCHS, batch_size=settings.batch_size or BATCH_SIZE,
        seed=resolve_seed(project, settings.seed),
    )  # fmt: skip
    arrays = as_arrays(given, validation_data, settings.validation_fraction, settings.seed)
    check_resumable(project, {
        "data": fingerprint_of(*arrays.values()), "build": getattr(build, "__qualname__", ""),
        "space": space_of(build), **settings.for_resume(),
    })  # fmt: skip
    training = {
        "seed": settings.seed, "silence": settings.silence, "fit": fit_arguments(arrays, settings)
    }  # fmt: skip
    tuner = ModelTuner(
        oracle_of(settings), build, training, trials_per_batch(settings), **project.for_tuner
    )
    tuner.on_progress = Progress(tuner.oracle, settings.verbose)
    tuner.search(settings.time_budget, settings.n_jobs)
    tuner.on_progress.close()
    return models_result(tuner, project)


def fit_arguments(arrays, settings):
    """The arguments of `fit` of every trial."""
    held = [arrays[name] for name in ("x_valid", "y_valid", "w_valid")]
    found = {
        "x": arrays["x"], "y": arrays["y"], "sample_weight": arrays["sample_weight"],
        "epochs": settings.epochs, "batch_size": settings.batch_size,
        "validation_data": tuple(array for array in held if array is not None),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


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


def models_result(tuner, project):
    """The trials on disk as a `SearchResult`."""
    oracle, records, names = tuner.oracle, [], []
    for trial_id, trial in oracle.trials.items():
        if trial_id not in oracle.end_order:  # the time was over
            continue
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
        seconds=tuner.seconds,
        names=names,
        folder=project,
    )


class ModelSearchResult(SearchResult):
    """What `tune(build=...)` found; the best network is that of the trial, at its best epoch."""

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
        if not self.tuner.has_weights(trial):
            network = self.tuner.hypermodel.build(trial.hyperparameters)  # trained elsewhere
            training = {"epochs": trial.best_step + 1, "verbose": 0}
            network.fit(**{**self.tuner.training["fit"], **training})
            return network
        return self.tuner.load_model(trial)
