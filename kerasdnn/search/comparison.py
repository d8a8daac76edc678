"""Compare options in one call, with confidence intervals and tests: compare().

Every combination of hyperparameters is trained with the same seeds on the same splits, all of them
as one population. Estimators are fitted one after the other on the same folds, see
`comparisons/models.py`.
"""

import inspect
import itertools
from time import perf_counter as time_now
from typing import Any

import numpy as np
import pandas as pd

from ..checks.table_columns import told_once
from ..core.arguments import check_choice, check_integer
from ..core.messages import invalid
from ..core.rows import Rows
from ..heads.metrics import direction_of
from ..hyperparameters import SEARCH, check_name
from ..tables.problem_type import is_table
from ..tables.rows import separate_columns
from .comparisons.models import compare_models, is_models
from .comparisons.result import Comparison, summarize
from .data import defined_splits, read_data
from .engine.trial_batch import train
from .settings import BATCH_SIZE, EPOCHS, SearchSettings
from .table_data import encode_table, kept_positions


def compare(
    X: Any,
    y: Any,
    options: dict | list[dict],
    *,
    seeds: int = 20,
    epochs: int = EPOCHS,
    batch_size: int | str = BATCH_SIZE,
    problem: Any = None,
    objective: str = "val_loss",
    scoring: Any = None,
    judge: str = "last",
    validation_data: Any = None,
    validation_fraction: float = 0.25,
    cv: Any = None,
    groups: Any = None,
    time: Any = None,
    sample_weight: Any = None,
    class_weight: dict | str | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    verbose: int = 1,
    **fixed: Any,
) -> Any:
    """Compare hyperparameters or estimators: fit each on the same rows, and test the differences.

    Of hyperparameters, every combination of `options` is trained with every seed, all of them as
    one program. Estimators, of kerasdnn with any preset and of scikit-learn, are fitted on the same
    folds, `n_jobs` at a time: `compare({"ours": DNNClassifier(), "trees":
    HistGradientBoostingClassifier()}, X, y)`; `compare(X, y, models)` is the same. They take X, y,
    `cv`, `groups`, `time`, `sample_weight`, `scoring`, `seed`, `n_jobs` and `verbose` alone; every
    other argument belongs to an estimator. A model that cannot take the table as it is gets it
    prepared, and the result says so: pass a `Pipeline` to prepare it yourself.

    Args:
        X: numbers of shape (rows, features), scaled to about mean 0 and standard deviation 1; or a
            DataFrame with any columns, which the encoder of the estimators makes numbers of.
        y: numbers of shape (rows,) or (rows, outputs), see `problem_type.infer_problem`; labels of
            any type if X is such a DataFrame. The loss of a regression on it is in squared standard
            deviations of the target.
        options: dict from a hyperparameter's name to the values to cross, or a list of dicts, one
            per option: `{"optimizer": ["nag", "adam"], "learning_rate": [0.001, 0.01]}`. Or dict
            from the name of a model to an estimator, all of them classifiers, all regressors or all
            `DNNMultiOutput`; a text next to one is the name of a preset.
        seeds: int, runs per combination. A run draws validation rows, initial weights, dropout and
            the order of the rows; it draws the same for every combination. Default: 20.
        epochs: int, training epochs of each run, unless they are among the options. Default: 50.
        batch_size: int, rows per step, or "full" for one step per epoch, likewise. Default: 32.
        problem: key of `HEADS`, or a `Head`. None infers it from y.
        objective: "val_loss" or "val_" and a metric of the problem type, such as "val_accuracy".
            Default: "val_loss". For hyperparameters.
        scoring: name of a scikit-learn score, or a function of (estimator, X, y), by which
            estimators are compared; larger is better. None means accuracy for classifiers, R2 for
            regressors, and for `DNNMultiOutput` its `score`, the mean of both.
        judge: "last" evaluates the last epoch of each run; "best" its best epoch, as early stopping
            would choose it (on the validation rows, which flatters all of them a little). Default:
            "last".
        validation_data: (X, y) or (X, y, sample_weight) to evaluate all runs on. None draws
            `validation_fraction` of the rows for each seed.
        validation_fraction: float in (0, 1). Default: 0.25.
        cv: int, number of folds, a scikit-learn splitter, or an iterable of (training rows,
            validation rows): the runs use its splits in turn. Let `seeds` be a multiple of their
            number. None means a random split for each seed; for estimators 10 folds.
        groups: name of a column of X, or array of shape (rows,): rows of one group are never on
            both sides of a split. A column named here is not a feature. None means that rows are
            independent.
        time: name of a column of X, or array of shape (rows,) of numbers or dates: runs are
            evaluated on rows that are later than those they are trained on. A column named here is
            not a feature. None means that the order in time does not matter.
        sample_weight: array of shape (rows,), non-negative; weights rows in training and in the
            score. None means 1 for every row.
        class_weight: "balanced", or dict from class to weight, likewise. None means 1.
        seed: int, at least 0, the first seed; of estimators it is that of the folds, and in fold k
            seed + k is the `random_state` of those that have none. Default: 0.
        n_jobs: int, fits of estimators that run at a time; -1 means one per core. They run in
            processes of this machine, or where `joblib.parallel_config(backend=...)` says. None
            means as `joblib.parallel_config` says, else 1.
        verbose: int, 0 for no line of progress. Default: 1.
        fixed: hyperparameters of all runs, such as `hidden_units=(32, 16)`.

    Returns:
        `Comparison`.

    Raises:
        ValueError: unknown names, options that are nothing to compare, invalid data.

    Example:
        from kerasdnn import compare
        from sklearn.datasets import load_breast_cancer
        from sklearn.preprocessing import scale

        X, y = load_breast_cancer(return_X_y=True)
        options = {"optimizer": ["momentum", "nag"]}
        result = compare(scale(X), y, options, seeds=3, epochs=2, hidden_units=(8,), verbose=0)
        result.table      # a row per option: mean, interval, difference to the best, p-value
        ax = result.plot()
    """
    if is_models(X):
        X, y, options = y, options, X
    if is_models(options):
        own = {
            "epochs": epochs, "batch_size": batch_size, "problem": problem, "judge": judge,
            "objective": objective, "validation_data": validation_data, "seeds": seeds,
            "validation_fraction": validation_fraction, "class_weight": class_weight,
        }  # fmt: skip
        check_no_settings({**own, **fixed})
        given = Rows(X, y, sample_weight, groups=groups, time=time)
        return compare_models(
            options, given, scoring=scoring, cv=cv, seed=seed, verbose=verbose, n_jobs=n_jobs
        )
    if n_jobs not in (None, 1):
        remedy = "They already use all cores."
        raise invalid("n_jobs", "must be None or 1 for hyperparameters, which train together",
                      n_jobs, remedy)  # fmt: skip
    if scoring is not None:
        raise invalid("scoring", "is for estimators", scoring, "Hyperparameters take `objective`.")
    columns, combinations = cross(options)
    values = options if isinstance(options, dict) else dict.fromkeys(columns, options)
    for name in [*values, *fixed]:
        check_name(name, SEARCH, "compare()")
    if twice := sorted(set(columns) & set(fixed)) or [n for n in columns if n == "seed"]:
        raise invalid("options", "must not name what is fixed, nor the seed", twice)
    seeds = check_integer("seeds", seeds)
    check_choice("judge", judge, ("last", "best"))
    if cv is not None and validation_data is not None:
        raise ValueError("Pass either `cv` or `validation_data`, not both.")
    settings = SearchSettings(validation_fraction=validation_fraction, cv=cv, seed=seed).checked()
    given = Rows(X, y, sample_weight, groups=groups, time=time)
    cv = settings.cv
    if is_table(separate_columns(given).x, y):
        with told_once():
            data = encode_table(given, problem, class_weight, validation_data)
        cv = kept_positions(cv, sample_weight)
    else:
        data = read_data(given, problem, class_weight, validation_data)
    sign = 1 if direction_of(objective, head=data.problem.head) == "min" else -1
    drawn = not data.pairs
    data = data.split(
        cv=cv, validation_fraction=validation_fraction, seed=settings.seed, repeats=seeds
    )
    defined = {id(pair) for pair in defined_splits(data, objective)}
    splits = [run % len(data.pairs) for run in range(seeds)]  # the split of each run
    numbers = [run for run in range(seeds) if id(data.pairs[splits[run]]) in defined]
    common = {"epochs": epochs, "batch_size": batch_size, **fixed}
    members, folds = [], []
    for combination, run in itertools.product(combinations, numbers):
        members.append({**common, **combination, "seed": settings.seed + run})
        folds.append(splits[run])
    began = time_now()
    trained = train(members, data, folds, objective=objective, verbose=verbose)
    seconds = time_now() - began

    runs = pd.DataFrame([{**c, "run": r} for c in combinations for r in numbers])
    scores = np.array([
        t.curve[-1] if judge == "last" else t.best if t.best is not None else np.nan
        for t in trained
    ])  # fmt: skip
    runs["score"] = np.where(np.isfinite(scores), scores, np.nan)
    runs["epoch"] = [len(t.curve) if judge == "last" else t.best_epoch for t in trained]
    test_share = len(data.pairs[0][1]) / len(data.pairs[0][0]) if drawn else 0.0
    by_option = runs["score"].to_numpy().reshape(len(combinations), len(numbers))
    table = pd.DataFrame(combinations)
    table = table.assign(**summarize(by_option, sign, test_share))
    order = np.argsort(sign * table["mean"].to_numpy(), kind="stable")  # NaN comes last
    return Comparison(
        table=table.iloc[order].reset_index(drop=True),
        runs=runs,
        curves=[t.curve for t in trained],
        objective=objective,
        minimize=sign == 1,
        names=columns,
        seconds=seconds,
        rows=len(data.rows),
        seed=settings.seed,
        test_share=test_share,
    )


def check_no_settings(given):
    """Reject arguments for hyperparameters where estimators are compared."""
    defaults = inspect.signature(compare).parameters
    for name, value in given.items():
        if name not in defaults or value is not defaults[name].default:
            remedy = f"Set it on the estimator: DNNClassifier({name}=...)."
            if name in ("objective", "seeds", "judge", "validation_data", "validation_fraction"):
                instead = {"objective": "scoring"}.get(name, "cv")
                remedy = f"Use `{instead}`."
            raise invalid(name, "is not for a comparison of estimators", value, remedy)


def cross(options):
    """The names of the options and the list of their combinations, dicts."""
    rule = "must be a dict from names to lists of values, or a list of dicts"
    if isinstance(options, dict):
        for name, values in options.items():
            if isinstance(values, (str, dict)) or not hasattr(values, "__len__") or not len(values):
                example = f"{name}=[{values!r}] is a list of one value."
                raise invalid(f"options[{name!r}]", "must be a list of values", values, example)
        names = list(options)
        combinations = [
            dict(zip(names, values, strict=True)) for values in itertools.product(*options.values())
        ]
    elif isinstance(options, (list, tuple)) and all(isinstance(o, dict) for o in options):
        combinations = [dict(option) for option in options]
        names = list(dict.fromkeys(name for option in combinations for name in option))
    else:
        raise invalid("options", rule, options)
    if not names:
        raise invalid("options", rule, options)
    if len({str(sorted(c.items(), key=str)) for c in combinations}) < len(combinations):
        raise invalid("options", "must not contain the same combination twice", options)
    return names, combinations
