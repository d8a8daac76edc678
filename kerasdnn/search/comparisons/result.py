"""Hold what a comparison found: a table with intervals and tests, a verdict, plots."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...core.readable import Description, Readable
from ...core.statistics import holm, mean_interval, paired_interval, paired_test
from ..result import cell_value

CONFIDENCE = 0.95  # a difference is clear if its corrected p-value is below 1 minus this


def summarize(scores, sign, test_share, confidence=0.95, shared=False):
    """Columns of the table, from scores of shape (options, runs).

    Args:
        scores: float array.
        sign: 1 if a smaller score is better, else -1.
        test_share: float, see `statistics.paired_test`.
        confidence: float in (0, 1). Default: 0.95.
        shared: bool, whether the interval of a mean is corrected by `test_share`, too.

    A run that diverged has no score: the mean of its option is then NaN, not that of the others.
    """
    mean, half_width = mean_interval(scores, confidence, axis=1)
    if shared:  # the rows that training sets share make the mean less certain than runs alone say
        half_width = [paired_interval(own, test_share, confidence)[1] for own in scores]
    columns = {"mean": mean, "low": mean - half_width, "high": mean + half_width}
    columns["std"] = scores.std(axis=1, ddof=1) if scores.shape[1] > 1 else np.nan
    columns["diverged"] = np.isnan(scores).sum(axis=1)
    if np.isnan(mean).all():
        empty = ("difference", "difference_low", "difference_high", "p_value")
        return {**columns, **dict.fromkeys(empty, np.nan)}
    best = int(np.nanargmin(sign * mean))
    differences = scores - scores[best]
    p = [paired_test(d, test_share) for d in differences]
    p[best] = np.nan  # not tested against itself
    found = [paired_interval(d, test_share, confidence) for d in differences]
    columns["difference"] = [center for center, _ in found]
    columns["difference_low"] = [center - half for center, half in found]
    columns["difference_high"] = [center + half for center, half in found]
    return {**columns, "p_value": holm(p)}


@dataclass(repr=False)
class Comparison(Readable):
    """What `compare` found.

    Attributes:
        table: DataFrame, one row per option, the best first: its values, or the name of the model;
            `mean` of the score over the runs, 95% interval `low` to `high` and standard deviation
            `std`; how many runs `diverged`; `difference` of the mean to that of the best with its
            95% interval `difference_low` to `difference_high`, and `p_value` of the paired test of
            that difference, corrected for the number of tests (Holm) and, where splits were drawn,
            for rows that the runs share (Nadeau and Bengio). Of models also `fit_seconds`, the mean
            time of a fit.
        runs: DataFrame, one row per option and run: its score and the epoch of it; of models the
            fold and `fit_seconds`.
        curves: list of arrays, the objective after each epoch, in the order of `runs`; empty for
            models.
        objective: str, the name of the score.
        minimize: bool, whether a smaller score is better; also `minimise`.
        names: list of str, the options; of models "model".
        seconds: float, duration of the training.
        rows: int, number of rows.
        seed: int, the first seed.
        test_share: float, validation rows divided by training rows where the runs share rows; 0 if
            the test is not corrected.
        notes: list of str, what was done to the table of a model.

    Example:
        from kerasdnn import compare
        from sklearn.datasets import load_breast_cancer
        from sklearn.preprocessing import scale

        X, y = load_breast_cancer(return_X_y=True)
        options = {"optimizer": ["momentum", "nag"]}
        result = compare(scale(X), y, options, seeds=3, epochs=2, hidden_units=(8,), verbose=0)
        print(result.verdict)
        ax = result.plot_differences()
    """

    table: pd.DataFrame
    runs: pd.DataFrame
    curves: list
    objective: str
    minimize: bool
    names: list
    seconds: float
    rows: int = 0
    seed: int = 0
    test_share: float = 0.0
    notes: list = field(default_factory=list)

    @property
    def minimise(self) -> bool:
        """Another name of `minimize`."""
        return self.minimize

    @property
    def best(self) -> dict[str, Any]:
        """The best combination, as keyword arguments of a `build_*` function."""
        found = {name: cell_value(self.table.at[0, name]) for name in self.names}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def verdict(self) -> str:
        """One sentence: which option is clearly better, or that no difference is clear."""
        labels, table = self.labels(), self.table
        count, runs = len(self.runs) // max(1, len(table)), self._runs_are()
        failed = [label for label, mean in zip(labels, table["mean"], strict=True) if mean != mean]
        rest = table.iloc[1:].dropna(subset=["mean"])
        left_out = f" Not compared, as runs diverged: {self._listed(failed)}." if failed else ""
        if not len(rest):
            return f"There is nothing to compare {labels[0]!r} with.{left_out}"
        if count < 2:
            return f"One {runs[:-1]} cannot tell a difference from chance.{left_out}"
        clear = (rest["p_value"] < 1 - CONFIDENCE).to_numpy()
        worse = [label for label, is_clear in zip(labels[1:], clear, strict=False) if is_clear]
        close = [label for label, is_clear in zip(labels[1:], clear, strict=False) if not is_clear]
        over, best = f"over {count} {runs}", f"{labels[0]!r} ({self._shown(table.iloc[0])})"
        if not worse:
            if len(rest) > 1:
                sentence = f"No clear difference {over}; the best mean has {best}."
            else:
                second = f"{labels[1]!r} ({self._shown(rest.iloc[0])})"
                sentence = (
                    f"No clear difference {over} between {best} and {second}: "
                    f"{self._gap(rest.iloc[0])}."
                )
        elif not close:
            than = f"{worse[0]!r} ({self._shown(rest.iloc[0])})"
            than = than if len(worse) == 1 else f"all {len(worse)} others"
            sentence = f"{best} is clearly better than {than} {over}: {self._gap(rest.iloc[0])}."
        else:
            sentence = (
                f"{best} is clearly better than {self._listed(worse)} {over}, and not clearly "
                f"better than {self._listed(close)}."
            )
        return sentence + left_out

    def _gap(self, row):
        low, high = row["difference_low"], row["difference_high"]
        return (
            f"difference {row['difference']:.3g}, {CONFIDENCE:.0%} interval {low:.3g} to "
            f"{high:.3g}, p = {row['p_value']:.2g}"
        )

    @staticmethod
    def _shown(row):
        return f"{row['mean']:.4g}"

    @staticmethod
    def _listed(labels):
        text = ", ".join(map(repr, labels[:4]))
        return text if len(labels) <= 4 else f"{text} and {len(labels) - 4} more"

    def _runs_are(self):
        return "folds" if self.names == ["model"] else "runs"

    def labels(self) -> list[str]:
        """Return a short name per row of `table`.

        Returns:
            list of str.
        """
        return [
            ", ".join(shown(row[name]) for name in self.names if not is_missing(row[name]))
            for _, row in self.table.iterrows()
        ]

    def plot(self, most: int = 20, title: str | None = None, ax: Any = None) -> Any:
        """Plot means and intervals of the best options.

        For models, the score of each fold is a gray dot.

        Args:
            most: int, the number of options that are drawn. Default: 20.
            title: str, the title of the plot. None means no title.
            ax: matplotlib axes to draw on. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from ... import plots

        top = self.table.dropna(subset=["mean"]).head(most)
        better = "smaller" if self.minimize else "larger"
        if ax is None:
            ax = plots.figure(height=1.2 + 0.28 * max(4, len(top)))[1]
        ax = plots.dots(
            self.labels()[: len(top)],
            top["mean"],
            (top["high"] - top["mean"]).to_numpy(),
            xlabel=f"{self.objective}, mean and 95% interval; {better} is better",
            title=title,
            ax=ax,
        )
        if self.names == ["model"]:
            for row, name in zip(range(len(top) - 1, -1, -1), top["model"], strict=True):
                scores = self.runs.loc[self.runs["model"] == name, "score"]
                ax.plot(scores, [row - 0.22] * len(scores), "o", color="#999999", ms=3, zorder=2)
        return ax

    def plot_differences(self, title: str | None = None, ax: Any = None) -> Any:
        """Plot the difference of each option to the best with its paired interval.

        Where an interval includes 0, the difference may be chance. (The test in `table` also
        accounts for the number of options.)

        Args:
            title: str, the title of the plot. None means no title.
            ax: matplotlib axes to draw on. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from ... import plots

        rest = self.table.iloc[1:].dropna(subset=["difference"])
        if ax is None:
            ax = plots.figure(height=1.2 + 0.28 * max(4, len(rest)))[1]
        return plots.dots(
            self.labels()[1 : len(rest) + 1],
            rest["difference"],
            (rest["difference_high"] - rest["difference"]).to_numpy(),
            xlabel=f"{self.objective} minus that of {self.labels()[0]!r}, 95% interval",
            reference={"": 0.0}, title=title, ax=ax,
        )  # fmt: skip

    def plot_curves(self, most: int = 6, title: str | None = None, ax: Any = None) -> Any:
        """Plot the mean objective of the best options after each epoch.

        Args:
            most: int, the number of options that are drawn. Default: 6.
            title: str, the title of the plot. None means no title.
            ax: matplotlib axes to draw on. None means a new figure.

        Returns:
            The matplotlib axes.

        Raises:
            ValueError: models were compared, which have no curves.
        """
        from ... import plots

        if not self.curves:
            raise ValueError("Models have no training curves to plot. Use `plot()` instead.")
        curves = {}
        for label, (_, row) in zip(self.labels(), self.table.head(most).iterrows(), strict=False):
            same = np.all([self.runs[name] == row[name] for name in self.names], axis=0)
            found = [self.curves[i] for i in np.flatnonzero(same)]
            curves[label] = np.array(found)
        return plots.learning_curves(curves, ylabel=self.objective, title=title, ax=ax)

    def _describe(self):
        count, runs = len(self.runs) // max(1, len(self.table)), self._runs_are()
        what = "models" if self.names == ["model"] else "options"
        better = "smaller" if self.minimize else "larger"
        test = "Paired t-test"
        if self.test_share:
            test += ", corrected for training rows that the runs share (Nadeau and Bengio, 2003)"
        if len(self.table) > 2:
            test += " and for the number of tests (Holm)" if self.test_share else ", with Holm's "
            test += "" if self.test_share else "correction for the number of tests"
        size = f"{self.rows:,} rows, " if self.rows else ""
        table = self.table.drop(columns=self.names)
        table.insert(0, what[:-1], self.labels())
        return Description(
            f"Comparison of {len(self.table)} {what} over {count} {runs}",
            [
                self.verdict,
                f"Score: {self.objective}; {better} is better. {test}.",
                f"{size}{count} {runs} each, first seed {self.seed}, {self.seconds:.3g} seconds of "
                "training.",
                *self.notes,
            ],
            [("", table)],
        )


def shown(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_missing(value):
    return value is None or (isinstance(value, float) and np.isnan(value))
