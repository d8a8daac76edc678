"""tune() over a table of any columns.

Plain networks: encoded once, searched as numbers, fitted as an estimator. A preset of its own:
`tuning_presets.py`.
"""

import numpy as np
import pandas as pd
from sklearn.base import clone

from .errors import invalid, one_of
from .estimators import DNNClassifier, DNNRegressor
from .fit_table import read_part, read_validation
from .labels import NumberTarget, learn_classes
from .presets import PRESETS
from .rows import class_weights
from .search_data import Rows, divide, infer_problem
from .search_project import agreed_seed, open_project
from .spaces import BUILD
from .tables import TableEncoder
from .tuning import tune_rows
from .tuning_presets import tune_preset

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
    estimator.set_params(preset=one_of("preset", estimator.preset or "standard", PRESETS))
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
    search |= {"directory": directory, "resume": resume, "seed": seed, "fixed": fixed, "cv": cv}
    if estimator.preset != "standard":
        again = {"X": X, "y": y, "sample_weight": sample_weight, "validation_data": validation_data}
        return tune_preset(estimator, parts, target, rows, again, **search)
    encoder = fit_encoder(estimator, part, train)
    target.learn(part.y[train], None if part.weights is None else part.weights[train])
    rows.x = np.vstack([encoder.transform(one.frame) for one in parts])
    rows.y = np.concatenate([
        target.to_network(one.y) if hasattr(target, "to_network") else one.y for one in parts
    ])  # fmt: skip
    given = estimator.get_params(deep=False)
    search["fixed"] = {n: given[n] for n in BUILD if given.get(n) is not None} | fixed

    def fit(hyperparameters, training):
        fitted = clone(estimator).set_params(
            **hyperparameters, **training, validation_fraction=0, early_stopping=False,
            one_hot_limit=encoder.one_hot_limit,
        )  # fmt: skip
        return fitted.fit(X, y, sample_weight=sample_weight)

    result = tune_rows(rows, validation_fraction=validation_fraction, refit=fit, **search)
    result.seed_name, result.preset = "random_state", "standard"
    return result


def estimator_for(y, problem):
    """An estimator of the kind that y asks for."""
    if problem in ("regression", "count"):
        return DNNRegressor(target="real" if problem == "regression" else "count")
    if problem is not None:
        return DNNClassifier()
    if isinstance(y, pd.Series) and not isinstance(y.dtype, np.dtype):
        numbers = pd.api.types.is_numeric_dtype(y.dtype) and y.dtype != "boolean"
        kind = "f" if numbers else "O"
    else:
        kind = np.asarray(y).dtype.kind
    if kind not in "fiu":
        return DNNClassifier()
    found, _, _ = infer_problem(np.asarray(y, "float64" if kind == "f" else None))
    return DNNRegressor() if found == "regression" else DNNClassifier()


def fit_encoder(estimator, part, train):
    """The estimator's encoder, fitted on rows `train`, with no column left to embed."""
    settings = estimator.hyperparameters_of_preset()
    weights = None if part.weights is None else part.weights[train]
    encoder = TableEncoder(settings["scaling"], MOST_CATEGORIES, estimator.categorical or ())
    encoder.fit(part.frame.take(train), sample_weight=weights)
    if encoder.cardinalities_:
        names = encoder.get_feature_names_out()[-len(encoder.cardinalities_) :]
        raise invalid(
            "X", f"must have at most {MOST_CATEGORIES:,} categories per column",
            f"column {names[0]!r} of {encoder.cardinalities_[0] - 1:,}",
            "Leave such columns out of the search, or group their rare categories.",
        )  # fmt: skip
    return encoder
