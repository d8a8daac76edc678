"""Search over a table with columns of any kind.

Plain networks: the table is encoded once, searched as numbers, and the best one is fitted as an
estimator. Estimators with a preset of their own are searched by `search/preset_search.py`.
"""

import numbers

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..core.messages import unknown_name, warn
from ..decisions.thresholds import needs_rows
from ..estimators.presets import PRESETS
from ..estimators.training import check_settings, rows_per_step
from ..heads.problem_types import make_problem
from ..hyperparameters import ESTIMATOR, FIT, SEARCH, names, why_refused
from ..tables.rows import check_exclusive
from ..tables.splits import split, strata_of
from .data import SearchData, TableData
from .engine.project import open_project, resolve_seed
from .network_search import tune_rows
from .preset_search import tune_preset
from .settings import BATCH_SIZE, EPOCHS
from .spaces import default_space
from .table_data import fit_encoder, kept_positions, read_table_data


def tune_table(given, estimator, class_weight, validation_data, settings, fit_arguments=None):
    """`tune` for a table.

    The encoder learns from the rows that all trials train on: with `cv` from all rows, whose means
    and categories then know a little of the rows that a fold is validated on.

    Args:
        given: `Rows` as the user passed them.
        estimator: `DNNClassifier` or `DNNRegressor` whose settings hold for all trials.
        class_weight, validation_data: see `tune`.
        settings: checked `SearchSettings`.
        fit_arguments: dict, arguments of `fit` for the best estimator. None means `given`.

    Returns:
        `SearchResult` whose `best_network()` is the estimator, fitted on all rows. The loss of a
        regression is in squared standard deviations of the target.
    """
    check_exclusive(groups=given.groups, time=given.time, validation_data=validation_data)
    estimator, settings = prepared(estimator, settings)
    given = given.replace(y=estimator._as_y(given.y))
    validation_data = estimator._as_validation(validation_data)
    table = read_table_data(given, estimator, class_weight, validation_data)
    rows, target = table.parts[0], table.target
    train = np.arange(len(rows))
    if validation_data is not None:
        pairs = [(train, np.arange(len(table.parts[1])) + len(rows))]
    else:
        cv = kept_positions(settings.cv, given.weights)
        strata = strata_of(rows.y, target.head.kind == "class")
        pairs = split(
            rows, strata, cv=cv, validation_fraction=settings.validation_fraction,
            seed=settings.seed,
        )  # fmt: skip
        train = pairs[0][0] if cv is None else train
    table = TableData(table.parts, target, pairs)
    if fit_arguments is None:
        fit_arguments = {
            "X": given.x, "y": given.y, "sample_weight": given.weights, "groups": given.groups,
            "time": given.time,
        }  # fmt: skip
    validated = {"validation_data": validation_data} | fit_arguments
    if estimator.preset != "standard":
        return tune_preset(estimator, table, settings, validated)
    encoder = fit_encoder(estimator, rows.take(train))
    batch_size = rows_per_step(settings.batch_size or estimator.batch_size, len(train))
    settings = settings.replace(
        epochs=settings.epochs or estimator.epochs or EPOCHS, batch_size=batch_size or BATCH_SIZE
    )
    if encoder.cardinalities_:
        warn_of_embedding(encoder, rows.x)
        return tune_preset(estimator, table, settings, validated)
    target.learn(rows.y[train], None if rows.weights is None else rows.weights[train])
    matrix = table.matrix(encoder, for_network=True)
    params = estimator.get_params(deep=False)
    factory = [name for name in names(SEARCH) if name not in names(FIT)]
    fixed = {name: params[name] for name in factory if params.get(name) is not None}
    problem = make_problem(target.head, matrix.x.shape[1], target.n)
    space = settings.space or default_space(
        problem.head, len(pairs[0][0]), settings.kind == "grid", fixed
    )

    # All rows are trained on, unless a threshold is chosen on some.
    rest = {} if needs_rows(params.get("threshold")) else {"validation_fraction": 0}

    def refit(hyperparameters, training):
        best = clone(estimator).set_params(
            **hyperparameters, **training, **rest, validation_split=None, early_stopping=False,
            one_hot_limit=encoder.one_hot_limit,
        )  # fmt: skip
        return best.fit(**{k: v for k, v in fit_arguments.items() if k != "validation_data"})

    return tune_rows(
        SearchData(matrix, problem, pairs), settings.replace(space=space, fixed=fixed), refit,
        estimator, target, seed_name="random_state", preset="standard",
    )  # fmt: skip


def prepared(estimator, settings):
    """A copy of the estimator with what is fixed and a preset, and the settings with a seed."""
    estimator = clone(estimator)
    given = estimator.get_params(deep=False)
    for name in settings.fixed.keys() - given:
        reason = why_refused(name, ESTIMATOR)
        raise unknown_name(f"{type(estimator).__name__}()", name, given, reason)
    estimator.set_params(**settings.fixed)
    estimator.set_params(preset=estimator.preset or search_preset(estimator))
    check_settings(estimator)
    seed = settings.seed
    if seed is None and isinstance(estimator.random_state, numbers.Integral):
        seed = int(estimator.random_state)
    seed = resolve_seed(open_project(settings.directory, settings.resume), seed)
    return estimator, settings.replace(seed=seed, fixed={})


def search_preset(estimator):
    """The preset to search around: plain networks, unless something is given that they lack."""
    given = {n for n, value in estimator.get_params(deep=False).items() if value is not None}
    lacking = (
        given & PRESETS["realmlp"].hyperparameters.keys() - PRESETS["standard"].hyperparameters
    )
    return estimator._chosen_preset() if lacking else "standard"


def warn_of_embedding(encoder, frame):
    """Explain why trials are fitted one by one: a population cannot embed categories."""
    column = next(j for j, state in enumerate(encoder.states_) if state.embedded)
    values = frame.column(column)
    count = len(pd.unique(values.values[~values.missing]))
    warn(
        f"Column {frame.label(column)} of `X` has {count:,} categories; trials can be trained "
        f"together with at most {encoder.one_hot_limit:,} per column. They embed the column, as "
        "`fit` does, and are fitted one by one. Merge rare categories to search faster."
    )
