"""Search for the hyperparameters of a network over rows that are checked."""

import json

import numpy as np
import pandas as pd

from ..checks.divergence import reject_divergence
from ..core.arguments import check_choice
from ..heads import check_objective, direction_of
from ..tables.splits import divide
from .engine.oracles import ORACLES, make_oracle
from .engine.population_tuner import WAVE, PopulationTuner
from .engine.project import (
    Progress,
    agreed_seed,
    check_same_search,
    described,
    fingerprint,
    open_project,
    space_of,
)
from .result import result_of
from .spaces import NetworkModel, default_space


def tune_rows(
    rows, *, space, oracle, max_trials, epochs, batch_size, validation_fraction, cv, objective,
    time_budget, directory, resume, seed, wave, tensorboard, verbose, fixed, refit=None,
):  # fmt: skip
    """`tune` over rows that are checked. `refit(hyperparameters, training)` makes the best one."""
    epochs, batch_size = epochs or 50, batch_size or 32
    project = open_project(directory, resume)
    seed = agreed_seed(project, seed)
    kind = oracle if isinstance(oracle, str) else type(oracle).__name__
    if isinstance(oracle, str):
        check_choice("oracle", oracle, ORACLES)
        check_objective(objective, rows.problem, rows.one_hot)
        oracle = make_oracle(
            oracle, objective, direction_of(objective), max_trials, epochs, seed
        )  # fmt: skip
    trained_on = rows.splits[0][0] if rows.splits else np.arange(len(rows.x))
    space = space or default_space(rows.problem, len(trained_on), kind == "grid", fixed)
    if not rows.splits:
        rows.splits = divide(rows, cv=cv, validation_fraction=validation_fraction, seed=seed)
    model = NetworkModel(
        rows.problem, rows.x.shape[1], rows.n_outputs, space, fixed, one_hot=rows.one_hot
    )
    check_same_search(project, {
        "data": fingerprint(rows), "space": space_of(model), "oracle": kind, "epochs": epochs,
        "batch_size": batch_size, "cv": cv, "objective": oracle.objective.name, "seed": seed,
        "fixed": json.loads(json.dumps(fixed, default=described)),
    })  # fmt: skip
    tuner = PopulationTuner(
        oracle, model, wave=wave or default_wave(kind, max_trials), seed=seed,
        directory=project.parent, project_name=project.name,
    )  # fmt: skip
    tuner.on_block = Progress(oracle, verbose)
    tuner.search_rows(rows, epochs, batch_size, time_budget)
    tuner.on_block.close()

    def train_anew(hyperparameters, training):
        network = rows.build(**{"seed": seed, **hyperparameters})
        x, y, weights = rows.part(trained_on)
        if rows.names:  # by which it then matches the rows to predict
            x = pd.DataFrame(x, columns=list(rows.names))
        network.fit(x, y, sample_weight=weights, verbose=0, **training)
        reject_divergence(network, None)
        return network

    result = result_of(tuner, refit or train_anew)
    if directory is None:  # the folder lives as long as the result that reads from it
        result.folder = project.folder
    if tensorboard is not None:
        from .result import write_hparams

        write_hparams(result, tensorboard)
    return result


def default_wave(kind, max_trials):
    """Trials per wave: as many as there are, but Bayesian search must see results to learn."""
    if kind in ("bayesian", "BayesianOracle", "BayesianOptimizationOracle"):
        return max(8, -(-(max_trials or 100) // 6))
    return WAVE
