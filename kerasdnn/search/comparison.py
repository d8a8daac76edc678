"""compare(): which choice is better, and is the difference more than the luck of the seed?

Every combination of the options is trained with the same seeds on the same splits, all of them as
one population.
"""

import itertools
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.arguments import check_choice, check_integer, known_name
from ..core.messages import invalid
from ..core.statistics import holm, mean_interval, paired_test
from ..heads import direction_of
from ..hyperparameters import BUILD, TRAIN
from ..tables.splits import divide
from .engine.trial_batch import train
from .result import plain
from .rows import defined_splits, read_rows


def compare(
    X,
    y,
    options,
    *,
    seeds=20,
    epochs=50,
    batch_size=32,
    problem=None,
    objective="val_loss",
    judge="last",
    validation_data=None,
    validation_fraction=0.25,
    sample_weight=None,
    class_weight=None,
    seed=0,
    verbose=1,
    **fixed,
):
    """Train every combination of `options` with every seed and set the scores side by side.

    Args:
        X: numbers `(rows, features)`, scaled to about mean 0 and spread 1.
        y: see `problem_type.infer_problem`.
        options: dict from a hyperparameter's name to the values to cross, or a list of dicts, one
            per thing compared: `{"optimizer": ["nag", "adam"], "learning_rate": [0.001, 0.01]}`.
        seeds: int, runs per combination. A run draws validation rows, first weights, dropout and
            the order of the rows; it draws the same for every combination.
        epochs, batch_size: as in `fit`; unless they are among the options.
        problem: one of `HEADS`; None infers it from y.
        objective: "val_loss" or "val_" and a metric of the problem, such as "val_accuracy".
        judge: "last" epoch, or "best" epoch of each run, as early stopping would choose it (on
            the rows that judge, so a little flattering to all).
        validation_data: `(X, y)` to judge all runs by; None draws `validation_fraction` of the
            rows anew for each seed.
        sample_weight, class_weight: weigh rows in training and in the score.
        seed: int, the first seed.
        verbose: 0 for no line of progress.
        fixed: hyperparameters of all runs, such as `hidden_units=(32, 16)`.

    Returns:
        `Comparison`.

    Raises:
        ValueError: unknown names, options that name nothing to compare, unfit data.

    Example:
        result = compare(X, y, {"optimizer": ["momentum", "nag"]}, epochs=20)
        result.table      # a row each: mean, interval, difference to the best, p-value
        result.plot()
    """
    names, combinations = cross(options)
    values = options if isinstance(options, dict) else dict.fromkeys(names, options)
    for name, value in {**values, **fixed}.items():
        known_name(name, value, BUILD + TRAIN, "a hyperparameter to compare")
    if twice := sorted(set(names) & set(fixed)) or [n for n in names if n == "seed"]:
        raise invalid("options", "must not name what is fixed, nor the seed", twice)
    (
        check_integer("seeds", seeds),
        check_integer("seed", seed, 0),
        check_choice("judge", judge, ("last", "best")),
    )
    sign = 1 if direction_of(objective) == "min" else -1
    rows = read_rows(X, y, problem, sample_weight, class_weight, validation_data)
    drawn = not rows.splits
    if drawn:
        rows.splits = divide(
            rows, validation_fraction=validation_fraction, seed=seed, repeats=seeds
        )
    kept = {id(split) for split in defined_splits(rows, objective)}
    numbers = [r for r in range(seeds) if not drawn or id(rows.splits[r]) in kept]
    members, splits = [], []
    for combination, run in itertools.product(combinations, numbers):
        common = {"epochs": epochs, "batch_size": batch_size}
        members.append({**common, **fixed, **combination, "seed": seed + run})
        splits.append(run if drawn else 0)
    began = time.perf_counter()
    trained = train(members, rows, splits, objective=objective, verbose=verbose)
    seconds = time.perf_counter() - began

    runs = pd.DataFrame([{**c, "run": r} for c in combinations for r in numbers])
    scores = np.array([
        t.curve[-1] if judge == "last" else t.best if t.best is not None else np.nan
        for t in trained
    ])  # fmt: skip
    runs["score"] = np.where(np.isfinite(scores), scores, np.nan)
    runs["epoch"] = [len(t.curve) if judge == "last" else t.best_epoch for t in trained]
    share = len(rows.splits[0][1]) / len(rows.splits[0][0]) if drawn else 0.0
    by_option = runs["score"].to_numpy().reshape(len(combinations), len(numbers))
    table = pd.DataFrame(combinations)
    table = table.assign(**summarise(by_option, sign, share))
    order = np.argsort(sign * table["mean"].to_numpy(), kind="stable")  # NaN comes last
    return Comparison(
        table=table.iloc[order].reset_index(drop=True),
        runs=runs,
        curves=[t.curve for t in trained],
        objective=objective,
        minimise=sign == 1,
        names=names,
        seconds=seconds,
    )


def cross(options):
    """Names and the list of dicts that `options` stands for."""
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


def summarise(scores, sign, test_share, confidence=0.95):
    """Columns of the table, from scores `(options, runs)`.

    A run that diverged has no score: the option's mean is then NaN, not that of the lucky runs.
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
        table: DataFrame, the best first, a row per combination: its values; `mean` of the score
            over the runs, 95 % interval `low` to `high` and standard deviation `std`; how many
            runs `diverged`; `difference` of the mean to the best's, and `p_value` of the paired
            test of that difference, corrected for the number of tests (Holm) and, where splits
            were drawn, for rows that the runs share (Nadeau and Bengio).
        runs: DataFrame, a row per combination and run: score, and the epoch it was taken at.
        curves: list of arrays, the objective after each epoch, in the order of `runs`.
        objective, minimise: what was judged, and whether smaller is better.
        seconds: float, the training.
    """

    table: pd.DataFrame
    runs: pd.DataFrame
    curves: list
    objective: str
    minimise: bool
    names: list
    seconds: float

    @property
    def best(self):
        """The best combination, as keyword arguments of a factory."""
        found = {name: plain(self.table.at[0, name]) for name in self.names}
        return {name: value for name, value in found.items() if value is not None}

    def labels(self):
        """A short name per row of `table`."""
        return [
            ", ".join(shown(row[name]) for name in self.names if not is_missing(row[name]))
            for _, row in self.table.iterrows()
        ]

    def plot(self, most=20, title=None, ax=None):
        """Means and intervals of the best `most` combinations, from top to bottom.

        Returns:
            The axes.
        """
        from .. import plots

        top = self.table.dropna(subset=["mean"]).head(most)
        better = "smaller" if self.minimise else "larger"
        if ax is None:
            ax = plots.figure(height=1.2 + 0.28 * max(4, len(top)))[1]
        return plots.dots(
            self.labels()[: len(top)],
            top["mean"],
            (top["high"] - top["mean"]).to_numpy(),
            xlabel=f"{self.objective}, mean and 95 % interval; {better} is better",
            title=title,
            ax=ax,
        )

    def plot_curves(self, most=6, title=None, ax=None):
        """The objective after each epoch, mean over the runs, for the best `most`."""
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
