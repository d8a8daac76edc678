"""What tune and compare do."""

from argparse import Namespace

from ..search import comparison
from . import streams
from .actions import (
    check_folder,
    data_of,
    make_estimator,
    prints_to_stderr,
    read,
    rows_of,
)
from .problems import infer_problem
from .results import note, show


def tune(given: Namespace) -> None:
    """Search for good hyperparameters and save the best model."""
    check_folder(given.out)
    rows, labels, notes = data_of(given)
    problem, why = (given.problem, "set by --problem") if given.problem else infer_problem(labels)
    estimator = make_estimator(given, problem)
    for sentence in [*notes, f"Problem type: {problem} ({why})."]:
        note(sentence)
    with prints_to_stderr():
        result = estimator.tune(
            rows.x, rows.y, sample_weight=rows.weights, groups=rows.groups, time=rows.time,
            oracle=given.oracle, max_trials=given.trials, epochs=given.trial_epochs, cv=given.cv,
            objective=given.objective, time_budget=given.time_budget, directory=given.directory,
            seed=given.seed, verbose=0 if given.quiet else 1,
        )  # fmt: skip
        best = result.best_estimator()
        best.save(given.out)
    found = {
        "model": str(given.out), "trials": len(result.trials), "objective": result.objective,
        "best_score": result.best_score, "best_hyperparameters": result.best_hyperparameters,
        "best_training": result.best_training, "seconds": result.seconds,
    }  # fmt: skip
    lines = [f"{name}: {value}" for name, value in found.items() if name != "model"]
    show(found, given.json, "\n".join([*lines, f"Model: {given.out}"]))


def compare(given: Namespace) -> None:
    """Compare values of hyperparameters, with confidence intervals."""
    varied, fixed = given.settings
    if given.out is not None:
        streams.check_output(given.out)
    rows, notes = rows_of(read(given), given)
    for sentence in notes:
        note(sentence)
    with prints_to_stderr():
        result = comparison.compare(
            rows.x, rows.y, varied, seeds=given.seeds, epochs=given.epochs, problem=given.problem,
            objective=given.objective, cv=given.cv, groups=rows.groups, time=rows.time,
            sample_weight=rows.weights, seed=given.seed, verbose=0 if given.quiet else 1, **fixed,
        )  # fmt: skip
    if given.out is not None:
        streams.write(result.table, given.out)
    found = {
        "objective": result.objective, "minimize": result.minimize, "best": result.best,
        "table": result.table.to_dict("records"), "seconds": result.seconds,
    }  # fmt: skip
    better = "smaller" if result.minimize else "larger"
    text = result.table.to_string(index=False, float_format=lambda value: f"{value:.4g}")
    show(found, given.json, f"{result.objective}, {better} is better\n{text}")
