"""Search for the hyperparameters of a plain network over rows that are checked."""

import pandas as pd

from ..checks.divergence import reject_divergence
from ..core.arguments import check_choice
from ..core.messages import invalid
from ..factories import build_for
from .data import read_data
from .engine.oracles import ORACLES, oracle_of
from .engine.population_tuner import PopulationTuner
from .engine.project import (
    Progress,
    check_resumable,
    fingerprint,
    open_project,
    resolve_seed,
    space_of,
)
from .objective import find_objective, with_objective
from .result import search_tail
from .settings import BATCH_SIZE, EPOCHS, trials_per_batch
from .spaces import NetworkModel, default_space


def tune_arrays(given, problem, class_weight, validation_data, settings, stand_in):
    """`tune` over arrays; the best network is trained on all of them.

    Args:
        given: `Rows` as the user passed them.
        problem, class_weight, validation_data: see `tune`.
        settings: checked `SearchSettings`.
        stand_in: function from a kind of problem to an estimator, see `objective.with_objective`.
    """
    data = read_data(given, problem, class_weight, validation_data)
    rows = data.rows.take(data.pairs[0][0]) if data.pairs else data.rows
    if settings.space is None:
        coarse, problem = settings.kind == "grid", data.problem
        space = default_space(problem.head, len(rows), coarse, settings.fixed)
        settings = settings.replace(space=space)

    def refit(hyperparameters, training):
        network = build_for(data.problem, **hyperparameters)
        x = rows.x
        if data.columns:  # by which the network then matches the rows to predict
            x = pd.DataFrame(x, columns=list(data.columns))
        network.fit(x, rows.y, sample_weight=rows.weights, verbose=0, **training)
        reject_divergence(network, None)
        return network

    return tune_rows(data, settings, refit, stand_in(data.problem.kind))


def tune_rows(data, settings, refit, estimator, target=None, **about):
    """`tune` over rows that are checked.

    Args:
        data: `SearchData`; where it has no splits they are drawn.
        settings: checked `SearchSettings` with a space.
        refit: function of (hyperparameters, training) that trains the best network.
        estimator, target: see `objective.with_objective`.
        about: other attributes of the result.

    Returns:
        `SearchResult`.
    """
    if settings.n_jobs not in (None, 1):
        rule = "must be None or 1 where trials are trained together"
        raise invalid("n_jobs", rule, settings.n_jobs, "They already use all cores.")
    project = open_project(settings.directory, settings.resume)
    settings = settings.replace(
        epochs=settings.epochs or EPOCHS, batch_size=settings.batch_size or BATCH_SIZE,
        seed=resolve_seed(project, settings.seed),
    )  # fmt: skip
    if isinstance(settings.oracle, str):
        check_choice("oracle", settings.oracle, ORACLES)
    model = NetworkModel(data.problem, settings.space, settings.fixed)
    monitor, settings = find_objective(settings, data.problem.head)
    data = with_objective(data, monitor, estimator, target)
    data = data.split(
        cv=settings.cv, validation_fraction=settings.validation_fraction, seed=settings.seed
    )
    about_search = {"data": fingerprint(data.rows, data.pairs), "space": space_of(model)}
    check_resumable(project, about_search | settings.for_resume())
    tuner = PopulationTuner(
        oracle_of(settings, data.problem.head), model, wave=trials_per_batch(settings),
        seed=settings.seed, **project.for_tuner,
    )  # fmt: skip
    tuner.on_progress = Progress(tuner.oracle, settings.verbose)
    tuner.search_data(data, settings)
    tuner.on_progress.close()
    return search_tail(tuner, project, settings, refit, **about)
