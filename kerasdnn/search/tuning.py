"""tune(): a search for good hyperparameters in one call."""

import inspect

from ..checks.table_columns import told_once
from ..core.arguments import check_integer, check_positive, known_name
from ..core.messages import invalid
from ..hyperparameters import BUILD
from ..tables.problem_type import is_table
from .network_search import tune_rows
from .rows import read_rows


def tune(
    X,
    y,
    *,
    problem=None,
    space=None,
    oracle="random",
    max_trials=100,
    epochs=None,
    batch_size=None,
    validation_data=None,
    validation_fraction=0.2,
    cv=None,
    objective="val_loss",
    sample_weight=None,
    class_weight=None,
    time_budget=None,
    directory=None,
    resume=True,
    workers=1,
    build=None,
    chief=None,
    silence=600.0,
    seed=None,
    wave=None,
    tensorboard=None,
    estimator=None,
    verbose=1,
    **fixed,
):
    """Search for good hyperparameters; trials are trained many at a time as one program.

    Args:
        X: numbers `(rows, features)`, scaled to about mean 0 and spread 1; or a DataFrame of any
            columns, which goes through the table encoder (the result then holds estimators).
        y: numbers, see `problem_type.infer_problem`; labels of any kind where X is a table.
        problem: one of `HEADS`; None infers it from y.
        space: function from `hp` to a dict of hyperparameters; None is `spaces.default_space`.
        oracle: "random", "grid", "bayesian" or "hyperband", or a `keras_tuner.Oracle`.
        max_trials: int, or None for all of a grid or a Hyperband run.
        epochs: int, of every trial whose space names none; the most of a trial under Hyperband.
            None is what the estimator was given, else 50.
        batch_size: int or "full", likewise. None is what the estimator was given, else 32.
        validation_data: `(X, y)` or `(X, y, sample_weight)` to judge trials by. None holds out
            `validation_fraction` of the rows, by class.
        cv: int, judge by cross-validation instead: a trial's folds are trained side by side, and
            a trial that is significantly worse than the best on half of its folds is spared the
            others.
        objective: "val_loss" (without regularisation and label smoothing, so that trials compare)
            or "val_" and a metric of the problem. A trial's score is that of its best epoch.
            An area under a curve needs rows of both classes to judge by: folds that lack one are
            left out of the mean, with a DataWarning.
        sample_weight, class_weight: weigh rows, in training and in the objective.
        time_budget: seconds after which the search stops; it can be resumed.
        directory: folder of the project. None keeps nothing: the search cannot be resumed.
        resume: bool, go on with the search found in `directory`; False deletes it, and nothing
            else: a folder `directory`/search that holds anything but a search is refused.
        workers, build: for models that are no stack of dense layers: `build(hp)` returns a
            compiled Keras model, and `workers` processes train one trial each; see
            `search/any_model/supervisor.py`.
        chief: "HOST:PORT" at which workers of other machines find the search; everyone who
            reaches the port can take part, so keep it to a network you trust.
        silence: seconds after which a worker that finishes no epoch counts as dead.
        seed: int, of the oracle and of the networks; None draws one, which the result's
            hyperparameters tell.
        wave: int, trials trained together at most.
        tensorboard: folder for TensorBoard's HParams page, or None.
        estimator: `DNNClassifier` or `DNNRegressor`: X is a table, and what the estimator was
            given holds for all trials; `DNNClassifier.tune` passes itself. With a preset of its
            own, such as `DNNClassifier("realmlp")`, the search is around that one; see
            `search/preset_search.py`.
        verbose: 1 for a line of progress: trials done, best score, time left.
        fixed: hyperparameters of all trials, such as `hidden_units=(128, 128)`; they hold even
            where a `space` of your own names them, too, which a DataWarning tells.

    Returns:
        `SearchResult`.

    Raises:
        ValueError: unfit data or arguments; a damaged state file; a `directory` that holds a
            search of other data or settings.

    Example:
        result = tune(X, y, max_trials=100, epochs=20)
        result.trials
        build_classifier(n_features=30, **result.best_hyperparameters)
        result.best_network().predict(X)
    """
    valid = [*inspect.signature(tune).parameters][:-1] + list(BUILD)
    if estimator is not None:
        valid += [*estimator.get_params(deep=False)]
    for name, value in fixed.items():
        known_name(name, value, valid, "an argument of `tune`")
    fixed = {name: value for name, value in fixed.items() if value is not None}
    if epochs is not None:
        epochs = check_integer("epochs", epochs)
    if batch_size not in (None, "full"):
        batch_size = check_integer(
            "batch_size", batch_size, remedy="'full' is all rows in one step."
        )
    if max_trials is not None:
        max_trials = check_integer("max_trials", max_trials)
    if cv is not None:
        cv = check_integer("cv", cv, 2)
    if build is not None or workers != 1:
        return tune_models(
            X, y, build, workers, oracle, max_trials, epochs or 50, batch_size or 32,
            validation_data, validation_fraction, objective, sample_weight, time_budget, directory,
            resume, chief, silence, seed, verbose,
            problem=problem, space=space, cv=cv, class_weight=class_weight, wave=wave,
            tensorboard=tensorboard, estimator=estimator, **fixed,
        )  # fmt: skip
    if time_budget is not None:
        check_positive("time_budget", time_budget)
    if cv is not None and validation_data is not None:
        raise invalid("cv", "must be None where validation_data is given", cv)
    search = {
        "space": space, "oracle": oracle, "max_trials": max_trials, "epochs": epochs,
        "batch_size": batch_size, "validation_fraction": validation_fraction, "cv": cv,
        "objective": objective, "time_budget": time_budget, "directory": directory,
        "resume": resume, "seed": seed, "wave": wave, "tensorboard": tensorboard,
        "verbose": verbose, "fixed": fixed,
    }  # fmt: skip
    if estimator is not None or is_table(X, y):
        from .table_search import tune_table

        with told_once():
            return tune_table(
                X, y, estimator=estimator, problem=problem, sample_weight=sample_weight,
                class_weight=class_weight, validation_data=validation_data, **search,
            )  # fmt: skip
    rows = read_rows(X, y, problem, sample_weight, class_weight, validation_data)
    return tune_rows(rows, **search)


def tune_models(X, y, build, workers, *arguments, **refused):
    from .any_model.models import tune_models

    if build is None:
        raise invalid(
            "workers", "must be 1 without `build`", workers,
            "A population already uses all cores; processes are for models of your own.",
        )  # fmt: skip
    for name, value in refused.items():
        if value is not None:
            raise invalid(name, "must be None with `build`", value)
    return tune_models(X, y, build, workers, *arguments)
