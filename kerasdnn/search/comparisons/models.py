"""Compare estimators, ours with any preset and those of scikit-learn, on the same folds."""

import contextlib
from time import perf_counter as time_now

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from ...checks.table_columns import told_once
from ...core.arguments import check_integer
from ...core.messages import invalid, quoted_list
from ...core.parallel import Died, Shared, check_n_jobs, for_workers, run_calls
from ...estimators.base import TableEstimator
from ...estimators.estimators import DNNClassifier, DNNRegressor
from ...estimators.presets import PRESETS
from ...tables.encoder import TableEncoder
from ...tables.problem_type import infer_target
from ...tables.rows import is_column_name, read_table
from ...tables.splits import split
from .result import Comparison, summarize

FOLDS = 10
SEVERAL = "an estimator of several columns"
MAX_SMALL_ROWS = 50_000  # up to here the threads of scikit-learn wait longer than they work


def is_models(options):
    """Whether `options` are estimators by name, next to which a text is the name of a preset."""
    return isinstance(options, dict) and any(map(is_estimator, options.values()))


def is_estimator(value):
    return hasattr(value, "fit") and hasattr(value, "get_params") and not isinstance(value, type)


def compare_models(models, given, *, scoring=None, cv=None, seed=0, verbose=1, n_jobs=None):
    """Fit and score every model on every fold; the `Comparison`.

    Args:
        models: dict from a name to an estimator, or to the name of a preset.
        given: `Rows` as the user passed them.
        scoring, cv, seed, verbose, n_jobs: see `compare`.
    """
    check_integer("seed", seed, 0)
    check_n_jobs(n_jobs)
    models = read_models(models, given.y)
    several = kind_of(next(iter(models.values()))) == SEVERAL
    if several:
        given = given.replace(y=next(iter(models.values()))._as_y(given.y))
        if scoring is not None and not callable(scoring):
            rule = "must be a function of (estimator, X, y) for several columns of y"
            raise invalid("scoring", rule, scoring, "None means `score` of the estimators.")
    rows, _ = read_table(given)
    rows = rows.replace(y=given.y) if several else rows
    scorers = {name: check_scoring(model, scoring) for name, model in models.items()}
    classes = is_classifier(next(iter(models.values())))
    table = features(given)
    models, notes = prepare(models, table)
    strata = np.zeros(len(rows), "int64")
    if classes and rows.y.ndim == 1:
        strata = pd.factorize(rows.y, sort=True)[0]
    pairs = split(rows, strata, cv=FOLDS if cv is None else cv, seed=seed)
    shared = Shared(table=table, rows=rows.replace(x=None), pairs=pairs, scorers=scorers)
    folds = range(len(pairs))
    calls = {(k, name): (seeded(model, seed + k),) for k in folds for name, model in models.items()}
    found, total, began = {}, len(calls), time_now()
    calls = run_calls(fit_and_score, shared, calls, n_jobs)
    with told_once(), contextlib.closing(calls) as results:
        for (fold, name), result in results:
            if isinstance(result, Died):
                raise RuntimeError(f"Model {name!r} failed in fold {fold}: {result}.")
            found[fold, name] = result
            if verbose:
                line = f"{len(found)} of {total} fits: fold {fold + 1} of {name}"
                print(f"\r{line:<60}", end="", flush=True)
    if verbose:
        print()
    scores = np.array([[found[fold, name][0] for fold in folds] for name in models])
    runs = pd.DataFrame([
        {"model": name, "run": fold, "score": score, "fit_seconds": seconds}
        for (fold, name), (score, seconds) in sorted(found.items(), key=lambda item: item[0][0])
    ])  # fmt: skip
    runs = pd.concat([runs[runs["model"] == name] for name in models], ignore_index=True)
    test_share = float(np.mean([len(held) / len(train) for train, held in pairs]))
    summary = pd.DataFrame({"model": list(models)})
    summary = summary.assign(**summarize(scores, -1, test_share, shared=True))
    summary["fit_seconds"] = [
        runs.loc[runs["model"] == name, "fit_seconds"].mean() for name in models
    ]
    order = np.argsort(-summary["mean"].to_numpy(), kind="stable")
    return Comparison(
        table=summary.iloc[order].reset_index(drop=True),
        runs=runs,
        curves=[],
        objective=score_name(scoring, classes, several),
        minimize=False,
        names=["model"],
        seconds=time_now() - began,
        rows=len(rows),
        seed=seed,
        test_share=test_share,
        notes=notes,
    )


@for_workers
def fit_and_score(key, shared, model):
    """Fit a model on a fold.

    Args:
        key: (number of the fold, name of the model).
        shared: `Shared` with what the models are fitted on and scored by.
        model: estimator with a seed.

    Returns:
        (score on the other rows, seconds of `fit`).
    """
    (fold, name), rows, began = key, shared.rows, time_now()
    train, held = shared.pairs[fold]
    try:
        fitted = fit(model, shared.table, rows, train)
        seconds = time_now() - began
        own = {} if rows.weights is None else {"sample_weight": rows.weights[held]}
        X, y = take_rows(shared.table, held), take_rows(rows.y, held)
        return float(shared.scorers[name](fitted, X, y, **own)), seconds
    except Exception as error:
        raise ValueError(f"Model {name!r} failed in fold {fold}: {error}") from error


def score_name(scoring, classes, several):
    if scoring is None and several:
        return "mean of accuracy and R2"
    if scoring is None:
        return "accuracy" if classes else "R2"
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")


def read_models(models, y):
    """The models as estimators of one kind.

    Raises:
        ValueError: fewer than two, something else than an estimator or a preset, or several kinds.
    """
    if len(models) < 2:
        raise invalid("options", "must contain at least two models", list(models))
    found = {}
    for name, model in models.items():
        others = [one for one in models.values() if is_estimator(one) and kind_of(one) == SEVERAL]
        if isinstance(model, str) and model in PRESETS and others:
            model = type(others[0])(model)
        elif isinstance(model, str) and model in PRESETS:
            target = infer_target(y)
            model = DNNClassifier(model) if target is None else DNNRegressor(model, target=target)
        if not is_estimator(model):
            remedy = f"Presets are {quoted_list(PRESETS)}."
            rule = "must be an estimator or the name of a preset"
            raise invalid(f"options[{name!r}]", rule, model, remedy)
        found[str(name)] = model
    kinds = [kind_of(model) for model in found.values()]
    if len(set(kinds)) > 1 or kinds[0] is None:
        text = ", ".join(f"{n!r} is {k or 'neither'}" for n, k in zip(found, kinds, strict=True))
        rule = "must contain only classifiers, only regressors or only `DNNMultiOutput`"
        raise invalid("options", rule, received=text)
    return found


def kind_of(model):
    """What an estimator predicts, as text, or None."""
    if is_classifier(model) or is_regressor(model):
        return "a classifier" if is_classifier(model) else "a regressor"
    return SEVERAL if isinstance(model, TableEstimator) else None


def features(given):
    """The table that the models get: a DataFrame or an array without columns of groups or time."""
    X = given.x
    if isinstance(X, (dict, list, tuple)) and not isinstance(X, np.ndarray):
        X = pd.DataFrame(X) if isinstance(X, dict) or isinstance(X[0], dict) else np.asarray(X)
    elif not isinstance(X, (pd.DataFrame, np.ndarray)) and hasattr(X, "to_pandas"):
        X = X.to_pandas()  # polars, pyarrow
    for name in (given.groups, given.time):
        if is_column_name(name):
            X = X.drop(columns=[name]) if hasattr(X, "columns") else np.delete(X, name, axis=1)
    return X


def prepare(models, table):
    """The models, those that cannot take the table as it is behind a preparation.

    Ours and pipelines get the table as it is. So does every other model if the table has numbers
    alone, none of them missing. Otherwise a model that accepts missing values, such as gradient
    boosting, gets text as codes, and every other one what `TableEncoder` makes of the table. All of
    it is learned in each fold from the training rows.

    Returns:
        `(models, notes)`: dict, and list of sentences.
    """
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table)
    numbers = all(getattr(dtype, "kind", "O") in "fiub" for dtype in frame.dtypes)
    gaps = bool(frame.isna().any(axis=None))
    found, notes = {}, []
    for name, model in models.items():
        found[name] = model
        if isinstance(model, (TableEstimator, Pipeline)) or (numbers and not gaps):
            continue
        if get_tags(model).input_tags.allow_nan:
            if not numbers:
                found[name] = make_pipeline(FunctionTransformer(plain_columns), codes(), model)
                notes.append(f"{name!r} gets categories as codes and dates as days.")
        else:
            encoder = TableEncoder(one_hot_limit=1_000)
            found[name] = make_pipeline(encoder, model)
            notes.append(f"{name!r} gets the table encoded by TableEncoder.")
    return found, notes


def plain_columns(table):
    """A table with numbers as float, dates as days, and everything else as text."""
    columns = {}
    for name, column in pd.DataFrame(table).items():
        if pd.api.types.is_datetime64_any_dtype(column):
            moments = pd.to_datetime(column, utc=True)
            columns[name] = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
        elif pd.api.types.is_timedelta64_dtype(column):
            columns[name] = column / pd.Timedelta(days=1)
        elif pd.api.types.is_numeric_dtype(column):
            columns[name] = column.astype("float64")
        else:
            text = column.astype(object)
            columns[name] = text.where(column.notna(), "(missing)").astype(str)
    return pd.DataFrame(columns)


def codes():
    """A transformer that replaces categories by codes, unseen ones by a missing value."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return make_column_transformer(
        ("passthrough", make_column_selector(dtype_include="number")),
        (encoder, make_column_selector(dtype_exclude="number")),
    )


def seeded(model, seed):
    """A copy of a model whose `random_state` is `seed` wherever it was left open."""
    model = clone(model)
    parameters = model.get_params()
    names = [name for name in parameters if name.split("__")[-1] == "random_state"]
    return model.set_params(**{name: seed for name in names if parameters[name] is None})


def fit(model, table, rows, train):
    """Fit a model on the rows at `train`, with their weights, and ours with groups and time."""
    given = {}
    if isinstance(model, TableEstimator):
        for name in ("groups", "time"):
            if getattr(rows, name) is not None:
                given[name] = getattr(rows, name)[train]
        if len(given) == 2:
            del given["time"]
    if rows.weights is not None:
        prefix, last = "", model
        if isinstance(model, Pipeline):
            prefix, last = f"{model.steps[-1][0]}__", model.steps[-1][1]
        if not has_fit_parameter(last, "sample_weight"):
            rule = f"is not accepted by {type(last).__name__}, one of the models"
            raise invalid("sample_weight", rule)
        given[f"{prefix}sample_weight"] = rows.weights[train]
    threads = 1 if len(train) <= MAX_SMALL_ROWS else None
    with told_once(), threadpool_limits(threads):
        return model.fit(take_rows(table, train), take_rows(rows.y, train), **given)
