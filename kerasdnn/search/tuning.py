"""Search for good hyperparameters in one call: tune()."""

import inspect
from collections.abc import Callable
from os import PathLike
from typing import Any

from ..checks.table_columns import told_once
from ..core.messages import invalid, unknown_name
from ..core.rows import Rows
from ..core.sources import is_source
from ..hyperparameters import SEARCH, names, why_refused
from ..tables.problem_type import is_table
from ..tables.rows import separate_columns
from .engine.project import only_leader
from .network_search import tune_arrays
from .settings import SearchSettings


def tune(
    X: Any,
    y: Any,
    *,
    problem: Any = None,
    space: Callable | None = None,
    oracle: Any = "random",
    max_trials: int | None = 100,
    epochs: int | None = None,
    batch_size: int | str | None = None,
    validation_data: Any = None,
    validation_fraction: float = 0.2,
    cv: Any = None,
    groups: Any = None,
    time: Any = None,
    objective: str | Callable = "val_loss",
    sample_weight: Any = None,
    class_weight: dict | str | None = None,
    time_budget: float | None = None,
    directory: str | PathLike | None = None,
    resume: bool = True,
    n_jobs: int | None = None,
    build: Callable | None = None,
    silence: float = 600.0,
    seed: int | None = None,
    wave: int | None = None,
    tensorboard: str | PathLike | None = None,
    estimator: Any = None,
    verbose: int = 1,
    **fixed: Any,
) -> Any:
    """Search for good hyperparameters; many trials are trained together as one program.

    Args:
        X: numbers of shape (rows, features), scaled to about mean 0 and standard deviation 1; or a
            DataFrame of any columns, which is encoded (the result then contains estimators); or a
            source that is read in parts, see `DNNClassifier.fit`: trials then share a random sample
            of up to 131,072 rows, and the best estimator is trained on all rows.
        y: numbers of shape (rows,) or (rows, outputs), see `problem_type.infer_problem`; labels of
            any kind if X is a table. If X is read in parts, the name of its column.
        problem: key of `HEADS`, or a `Head`. None infers it from y.
        space: function from `hp` to a dict of hyperparameters. None means `spaces.default_space`.
        oracle: "random", "grid", "bayesian" or "hyperband", or a `keras_tuner.Oracle`. Default:
            "random".
        max_trials: int, at least 1. None means all of a grid or a Hyperband run. Default: 100.
        epochs: int, training epochs per trial; with Hyperband the maximum. None means those of the
            estimator, else 50.
        batch_size: int, rows per step, or "full" for one step per epoch. None means that of the
            estimator, else 32.
        validation_data: (X, y) or (X, y, sample_weight) to evaluate trials on. None holds out
            `validation_fraction` of the rows.
        validation_fraction: float in (0, 1), fraction of the rows, drawn by class, that trials are
            evaluated on. Default: 0.2.
        cv: int, number of folds of cross-validation instead; or a scikit-learn splitter; or an
            iterable of (training rows, validation rows). The folds of a trial are trained
            together. If half of the folds take long enough to repay another compilation, a trial
            that is significantly worse than the best on that half is not trained on the others.
            None means a single split.
        groups: name of a column of X, or array of shape (rows,): rows of one group are never on
            both sides of a split. A column named here is not a feature; pass `X[name]` to keep it
            as one. None means that rows are independent.
        time: name of a column of X, or array of shape (rows,) of numbers or dates: trials are
            evaluated on rows that are later than those they are trained on. A column named here is
            not a feature. None means that the order in time does not matter.
        objective: "val_loss" (without regularization and label smoothing, so that trials compare),
            or "val_" and a metric of the problem type or the name of a scikit-learn scorer, such as
            "val_average_precision"; or a scorer, a function of (estimator, X, y) whose result is
            better if it is larger. X is None if trials are trained together: the estimator has the
            predictions. The score of a trial is that of its best epoch. An area under a curve needs
            validation rows of both classes: folds that lack one are left out of the mean, with a
            `DataWarning`. Default: "val_loss".
        sample_weight: array of shape (rows,), non-negative; weights rows in training and in the
            objective. None means 1 for every row.
        class_weight: "balanced", or dict from class to weight, likewise. None means 1.
        time_budget: positive float, seconds after which the search stops; it can be resumed. None
            means no limit.
        directory: str or Path, folder of the project. None keeps nothing, and the search cannot be
            resumed.
        resume: bool, resume the search found in `directory`. False deletes it, and nothing else: a
            folder `directory`/search that contains anything but a search is rejected. Default:
            True.
        n_jobs: int, number of trials that run at a time, with `build` or around a preset; -1 means
            one per core. They run in processes of this machine, or where
            `joblib.parallel_config(backend=...)` says: Dask, Ray, Spark. The result does not depend
            on it. None means as `joblib.parallel_config` says, else 1. `workers` is an alias.
        build: function from `hp` to a compiled Keras model, for models other than plain dense
            networks. None searches networks of `build_*`.
        silence: positive float, seconds without the end of an epoch after which a worker is
            considered dead, and its trial runs again, with `build`. Default: 600.
        seed: int, at least 0, of the oracle and of the networks. None draws one, which the
            hyperparameters of the result include.
        wave: int, at least 1, maximum number of trials per batch, which are proposed together and,
            except with `build` or around a preset, trained together. None means 128, fewer for
            Bayesian search.
        tensorboard: folder for TensorBoard's HParams page. None writes none.
        estimator: `DNNClassifier` or `DNNRegressor`: X is a table, and the arguments of the
            estimator apply to all trials; `DNNClassifier.tune` passes itself. With a preset of its
            own, such as `DNNClassifier("realmlp")`, the search is around that one; see
            `search/preset_search.py`. None means no such settings.
        verbose: int, 1 shows a line of progress: trials done, best score, time left. Default: 1.
        fixed: hyperparameters of all trials, such as `hidden_units=(128, 128)`; they apply
            even if `space` also returns them, with a `DataWarning`.

    Returns:
        `SearchResult`.

    Raises:
        ValueError: invalid data or arguments; a damaged state file; a `directory` that holds a
            search of other data or settings.

    Example:
        from kerasdnn import build_classifier, tune
        from sklearn.datasets import load_breast_cancer
        from sklearn.preprocessing import scale

        X, y = load_breast_cancer(return_X_y=True)
        result = tune(scale(X), y, max_trials=2, epochs=2, seed=0, verbose=0)
        result.trials
        build_classifier(n_features=30, **result.best_hyperparameters)
        result.best_network().predict(scale(X))
    """
    fixed, n_jobs = earlier_names(fixed, n_jobs)
    known = [*inspect.signature(tune).parameters][:-1] + list(names(SEARCH))
    if estimator is not None:
        known += estimator.get_params(deep=False)
    for name in fixed.keys() - set(known):
        raise unknown_name("tune()", name, known, why_refused(name, SEARCH))
    settings = SearchSettings(
        space, oracle, max_trials, epochs, batch_size, validation_fraction, cv, objective,
        time_budget, directory, resume, seed, wave, tensorboard, verbose, fixed, n_jobs=n_jobs,
        silence=silence,
    ).checked()  # fmt: skip
    given = Rows(X, y, sample_weight, groups=groups, time=time)
    with only_leader(directory):
        return search(given, problem, class_weight, validation_data, settings, estimator, build)


def search(given, problem, class_weight, validation_data, settings, estimator, build):
    """`tune` of `Rows` by checked `SearchSettings`."""
    if build is not None:
        for name, value in {
            "problem": problem, "class_weight": class_weight, "estimator": estimator,
            "space": settings.space, "cv": settings.cv, "tensorboard": settings.tensorboard,
            **settings.fixed,
        }.items():  # fmt: skip
            if value is not None:
                raise invalid(name, "must be None with `build`", value)
        from .any_model.models import tune_models

        return tune_models(build, given, validation_data, settings)
    if settings.cv is not None and validation_data is not None:
        raise ValueError("Pass either `cv` or `validation_data`, not both.")
    if is_source(given.x):
        from .source_search import tune_source

        with told_once():
            return tune_source(given, problem, estimator, class_weight, validation_data, settings)
    from .table_data import estimator_for, estimator_of_kind

    if estimator is None and not is_table(separate_columns(given).x, given.y):
        return tune_arrays(
            given, problem, class_weight, validation_data, settings, estimator_of_kind
        )
    from .table_search import tune_table

    estimator = estimator_for(given.y, problem) if estimator is None else estimator
    with told_once():
        return tune_table(given, estimator, class_weight, validation_data, settings)


def earlier_names(fixed, n_jobs):
    """`(fixed, n_jobs)` without the names that arguments had earlier."""
    fixed = dict(fixed)
    workers = fixed.pop("workers", None)
    if fixed.pop("chief", None) is not None:
        raise ValueError(
            "`chief` is not an argument of tune() any more: workers of other machines are those of "
            "Dask, Ray or Spark. Connect to their cluster, and call tune() inside `with "
            "joblib.parallel_config(backend='dask'):`, without `chief` and `workers`."
        )
    return fixed, workers if n_jobs is None else n_jobs
