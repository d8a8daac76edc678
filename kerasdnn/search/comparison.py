"""Compare options in one call, with confidence intervals and tests: compare().

Every combination of the options is trained with the same seeds on the same splits, all of them as
one population.
"""

import itertools
from dataclasses import dataclass
from time import perf_counter as time_now
from typing import Any

import numpy as np
import pandas as pd

from ..checks.table_columns import told_once
from ..core.arguments import check_choice, check_integer
from ..core.messages import invalid
from ..core.rows import Rows
from ..core.statistics import holm, mean_interval, paired_test
from ..heads import direction_of
from ..hyperparameters import SEARCH, check_name
from ..tables.problem_type import is_table
from ..tables.rows import separate_columns
from .data import defined_splits, read_data
from .engine.trial_batch import train
from .result import cell_value
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
    judge: str = "last",
    validation_data: Any = None,
    validation_fraction: float = 0.25,
    cv: Any = None,
    groups: Any = None,
    time: Any = None,
    sample_weight: Any = None,
    class_weight: dict | str | None = None,
    seed: int = 0,
    verbose: int = 1,
    **fixed: Any,
) -> Any:
    """Train every combination of `options` with every seed and compare the scores.

    Args:
        X: numbers of shape (rows, features), scaled to about mean 0 and standard deviation 1; or a
            DataFrame with any columns, which the encoder of the estimators makes numbers of.
        y: numbers of shape (rows,) or (rows, outputs), see `problem_type.infer_problem`; labels of
            any type if X is such a DataFrame. The loss of a regression on it is in squared standard
            deviations of the target.
        options: dict from a hyperparameter's name to the values to cross, or a list of dicts, one
            per option: `{"optimizer": ["nag", "adam"], "learning_rate": [0.001, 0.01]}`.
        seeds: int, runs per combination. A run draws validation rows, initial weights, dropout and
            the order of the rows; it draws the same for every combination. Default: 20.
        epochs: int, training epochs of each run, unless they are among the options. Default: 50.
        batch_size: int, rows per step, or "full" for one step per epoch, likewise. Default: 32.
        problem: key of `HEADS`, or a `Head`. None infers it from y.
        objective: "val_loss" or "val_" and a metric of the problem type, such as "val_accuracy".
            Default: "val_loss".
        judge: "last" evaluates the last epoch of each run; "best" its best epoch, as early stopping
            would choose it (on the validation rows, which flatters all of them a little). Default:
            "last".
        validation_data: (X, y) or (X, y, sample_weight) to evaluate all runs on. None draws
            `validation_fraction` of the rows for each seed.
        validation_fraction: float in (0, 1). Default: 0.25.
        cv: int, number of folds, a scikit-learn splitter, or an iterable of (training rows,
            validation rows): the runs use its splits in turn. Let `seeds` be a multiple of their
            number. None means a random split for each seed.
        groups: name of a column of X, or array of shape (rows,): rows of one group are never on
            both sides of a split. A column named here is not a feature. None means that rows are
            independent.
        time: name of a column of X, or array of shape (rows,) of numbers or dates: runs are
            evaluated on rows that are later than those they are trained on. A column named here is
            not a feature. None means that the order in time does not matter.
        sample_weight: array of shape (rows,), non-negative; weights rows in training and in the
            score. None means 1 for every row.
        class_weight: "balanced", or dict from class to weight, likewise. None means 1.
        seed: int, at least 0, the first seed. Default: 0.
        verbose: int, 0 for no line of progress. Default: 1.
        fixed: hyperparameters of all runs, such as `hidden_units=(32, 16)`.

    Returns:
        `Comparison`.

    Raises:
        ValueError: unknown names, options that are nothing to compare, invalid data.

    Example:
        result = compare(X, y, {"optimizer": ["momentum", "nag"]}, epochs=20)
        result.table      # a row each: mean, interval, difference to the best, p-value
        result.plot()
    """
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
    )


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
        raise invalid("options", "must not hold the same combination twice", options)
    return names, combinations


def summarize(scores, sign, test_share, confidence=0.95):
    """Columns of the table, from scores of shape (options, runs).

    A run that diverged has no score: the mean of its option is then NaN, not that of the others.
    """
    mean, half_width = mean_interval(scores, confidence, axis=1)
    columns = {"mean": mean, "low": mean - half_width, "high": mean + half_width}
    columns["std"] = scores.std(axis=1, ddof=1) if scores.shape[1] > 1 else np.nan
    columns["diverged"] = np.isnan(scores).sum(axis=1)
    if np.isnan(mean).all():
        return {**columns, "difference": np.nan, "p_value": np.nan}
    best = int(np.nanargmin(sign * mean))
    differences = scores - scores[best]
    p = [paired_test(d, test_share) for d in differences]
    p[best] = np.nan  # not tested against itself
    return {**columns, "difference": differences.mean(axis=1), "p_value": holm(p)}


@dataclass
class Comparison:
    """What `compare` found.

    Attributes:
        table: DataFrame, one row per combination, the best first: its values; `mean` of the score
            over the runs, 95% interval `low` to `high` and standard deviation `std`; how many runs
            `diverged`; `difference` of the mean to that of the best, and `p_value` of the paired
            test of that difference, corrected for the number of tests (Holm) and, where splits
            were drawn, for rows that the runs share (Nadeau and Bengio).
        runs: DataFrame, one row per combination and run: its score and the epoch of it.
        curves: list of arrays, the objective after each epoch, in the order of `runs`.
        objective: str, the name of the score.
        minimize: bool, whether a smaller score is better; also `minimise`.
        names: list of str, the options.
        seconds: float, duration of the training.
    """

    table: pd.DataFrame
    runs: pd.DataFrame
    curves: list
    objective: str
    minimize: bool
    names: list
    seconds: float

    @property
    def minimise(self) -> bool:
        return self.minimize

    @property
    def best(self) -> dict[str, Any]:
        """The best combination, as keyword arguments of a `build_*` function."""
        found = {name: cell_value(self.table.at[0, name]) for name in self.names}
        return {name: value for name, value in found.items() if value is not None}

    def labels(self) -> list[str]:
        """A short name per row of `table`."""
        return [
            ", ".join(shown(row[name]) for name in self.names if not is_missing(row[name]))
            for _, row in self.table.iterrows()
        ]

    def plot(self, most: int = 20, title: str | None = None, ax: Any = None) -> Any:
        """Plot means and intervals of the best `most` combinations. Returns the axes."""
        from .. import plots

        top = self.table.dropna(subset=["mean"]).head(most)
        better = "smaller" if self.minimize else "larger"
        if ax is None:
            ax = plots.figure(height=1.2 + 0.28 * max(4, len(top)))[1]
        return plots.dots(
            self.labels()[: len(top)],
            top["mean"],
            (top["high"] - top["mean"]).to_numpy(),
            xlabel=f"{self.objective}, mean and 95% interval; {better} is better",
            title=title,
            ax=ax,
        )

    def plot_curves(self, most: int = 6, title: str | None = None, ax: Any = None) -> Any:
        """Plot the mean objective after each epoch of the best `most` combinations."""
        from .. import plots

        curves = {}
        for label, (_, row) in zip(self.labels(), self.table.head(most).iterrows(), strict=False):
            same = np.all([self.runs[name] == row[name] for name in self.names], axis=0)
            found = [self.curves[i] for i in np.flatnonzero(same)]
            curves[label] = np.array(found)
        return plots.learning_curves(curves, ylabel=self.objective, title=title, ax=ax)


def shown(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_missing(value):
    return value is None or (isinstance(value, float) and np.isnan(value))
