"""tune() over a table of any columns.

Plain networks: encoded once, searched as numbers, fitted as an estimator. A preset of its own:
`search/preset_search.py`.
"""

import numbers

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..core.arguments import known_name
from ..core.messages import invalid, warn
from ..estimators.estimators import DNNClassifier, DNNRegressor
from ..estimators.fit import check_settings, rows_per_step
from ..estimators.presets import PRESETS
from ..hyperparameters import BUILD
from ..tables.encoder import TableEncoder
from ..tables.problem_type import infer_problem
from ..tables.rows import class_weights, read_part, read_validation
from ..tables.splits import divide
from ..tables.targets import NumberTarget, learn_classes, read_target
from .engine.project import agreed_seed, open_project
from .network_search import tune_rows
from .preset_search import tune_preset
from .rows import Rows

MOST_CATEGORIES = 1000  # of a column; a population one-hot encodes, it does not embed


def tune_table(
    X, y, *, estimator, problem, sample_weight, class_weight, validation_data, cv,
    validation_fraction, directory, resume, seed, fixed, **search,
):  # fmt: skip
    """`tune` for a table.

    The encoder learns from the rows that all trials train on: with `cv` from all rows, whose
    means and categories then know a little of the rows a fold is judged by.

    Args:
        estimator: `DNNClassifier` or `DNNRegressor` whose settings hold for all trials, or None.
        others: see `tune`.

    Returns:
        `SearchResult` whose `best_network()` is the estimator, fitted on all rows. The loss of a
        regression is in squared standard deviations of the target.
    """
    estimator = clone(estimator) if estimator is not None else estimator_for(y, problem)
    given = estimator.get_params(deep=False)
    for name, value in fixed.items():
        known_name(name, value, given, f"an argument of `{type(estimator).__name__}`")
    estimator.set_params(**fixed)
    estimator.set_params(preset=estimator.preset or search_preset(estimator))
    check_settings(estimator)
    if seed is None and isinstance(estimator.random_state, numbers.Integral):
        seed = int(estimator.random_state)
    make_target = learn_classes
    if isinstance(estimator, DNNRegressor):
        make_target = NumberTarget.of(estimator.target)
        if class_weight is not None:
            raise invalid("class_weight", "needs classes, not numbers", class_weight)
    elif class_weight is None:
        class_weight = estimator.class_weight
    else:
        estimator.set_params(class_weight=class_weight)
    part, target = read_part(X, y, sample_weight, make_target)
    parts = [part] if validation_data is None else [part, read_validation(validation_data, target)]
    for one in parts:
        one.weights = class_weights(class_weight, target, one.y, one.weights)

    seed = agreed_seed(open_project(directory, resume) if directory else None, seed)
    rows = Rows(
        np.empty((part.frame.rows, 0)), part.y, None, target.problem,
        1 if target.problem == "binary" else target.n,
    )  # fmt: skip
    train = np.arange(part.frame.rows)
    if validation_data is not None:
        judged = np.arange(parts[1].frame.rows) + part.frame.rows
        rows.splits = [(train, judged)]
    else:
        rows.splits = divide(rows, cv=cv, validation_fraction=validation_fraction, seed=seed)
        if cv is None:
            train = rows.splits[0][0]
    if any(one.weights is not None for one in parts):
        weights = [np.ones(one.frame.rows) if one.weights is None else one.weights for one in parts]
        rows.weights = np.concatenate(weights).astype("float32")
    search |= {"directory": directory, "resume": resume, "seed": seed, "cv": cv}
    again = {"X": X, "y": y, "sample_weight": sample_weight, "validation_data": validation_data}
    if estimator.preset == "standard":
        encoder = fit_encoder(estimator, part, train)
        epochs, batch_size = search["epochs"] or estimator.epochs, search["batch_size"]
        batch_size = rows_per_step(batch_size or estimator.batch_size, len(train))
        search |= {"epochs": epochs or 50, "batch_size": batch_size or 32}
    if estimator.preset != "standard" or encoder.cardinalities_:
        if estimator.preset == "standard":
            warn_of_embedding(encoder, part.frame)
            search["wave"] = None
        return tune_preset(estimator, parts, target, rows, again, **search)
    target.learn(part.y[train], None if part.weights is None else part.weights[train])
    rows.x = np.vstack([encoder.transform(one.frame) for one in parts])
    rows.y = np.concatenate([
        target.to_network(one.y) if hasattr(target, "to_network") else one.y for one in parts
    ])  # fmt: skip
    given = estimator.get_params(deep=False)
    search["fixed"] = {n: given[n] for n in BUILD if given.get(n) is not None}

    def fit(hyperparameters, training):
        fitted = clone(estimator).set_params(
            **hyperparameters, **training, validation_fraction=0, early_stopping=False,
            one_hot_limit=encoder.one_hot_limit,
        )  # fmt: skip
        return fitted.fit(X, y, sample_weight=sample_weight)

    result = tune_rows(rows, validation_fraction=validation_fraction, refit=fit, **search)
    result.seed_name, result.preset = "random_state", "standard"
    return result


def search_preset(estimator):
    """The preset to search around: plain networks, unless something is given that those lack."""
    given = {n for n, value in estimator.get_params(deep=False).items() if value is not None}
    lacking = (
        given & PRESETS["realmlp"].hyperparameters.keys() - PRESETS["standard"].hyperparameters
    )
    return estimator.chosen_preset() if lacking else "standard"


def estimator_for(y, problem):
    """An estimator of the kind that y asks for."""
    if problem in ("regression", "count"):
        return DNNRegressor(target="real" if problem == "regression" else "count")
    if problem is not None or isinstance(getattr(y, "dtype", None), pd.CategoricalDtype):
        return DNNClassifier()
    values, _ = read_target(y)
    if values.dtype.kind not in "fiu" or infer_problem(values)[0] != "regression":
        return DNNClassifier()
    return DNNRegressor()


def fit_encoder(estimator, part, train):
    """The estimator's encoder, fitted on rows `train`.

    It embeds no column of up to `MOST_CATEGORIES`, unless the estimator was given another limit.
    """
    settings = estimator.hyperparameters_of_preset()
    weights = None if part.weights is None else part.weights[train]
    limit = estimator.one_hot_limit or MOST_CATEGORIES
    encoder = TableEncoder(
        settings["scaling"], limit, estimator.categorical or (), estimator.columns
    )
    return encoder.fit(part.frame.take(train), sample_weight=weights)


def warn_of_embedding(encoder, frame):
    """Say why trials are fitted one by one: a population cannot embed categories."""
    column = encoder._the_plan().embedded[0]
    values = frame.column(column)
    warn(
        f"Columns should have at most {encoder.one_hot_limit:,} categories for trials to be "
        f"trained many at a time. Received: column {frame.label(column)} of "
        f"{len(pd.unique(values.values[~values.missing])):,}. Trials embed it, as `fit` does, and "
        "are fitted one by one. Pool its rare categories to search faster."
    )
