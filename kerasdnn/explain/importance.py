"""Measure how much the score falls when a column of the table is permuted.

Every repeat draws rows with replacement and a permutation of each column:

    importance of column j in repeat r = score of the rows - score with column j permuted

The mean over the repeats is the importance. Its interval is Student's, with the standard deviation
of the repeats: it covers which rows happened to be there as well as the permutations (one of each
per repeat, which makes it a little too wide rather than too narrow). The intervals of all columns
hold together with the confidence asked for (Bonferroni), so that a table without any important
column is called so.

Source: Breiman, Random forests, 2001; Fisher, Rudin, Dominici, All models are wrong, but many are
useful, 2019.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import is_regressor
from sklearn.metrics import check_scoring

from ..core.arguments import check_integer, check_interval
from ..core.messages import invalid
from ..core.readable import Description, Readable
from ..decisions.outputs import scores_of_outputs
from ..tables.frame import Frame
from ..tables.rows import read_table
from .columns import fold_matrix, table_columns

MAX_ROWS_TOGETHER = 100_000  # of one prediction


@dataclass(frozen=True, repr=False)
class Importance(Readable):
    """How much each column matters to the score of a fitted estimator.

    Attributes:
        table: DataFrame, one row per column of the table, the most important first: "column",
            "importance" (mean fall of the score when the column is permuted), "low" and "high" (its
            confidence interval), "clear" (whether the interval is above 0).
        repeats: DataFrame of shape (repeats, columns), the fall of the score in each repeat.
        score: float, the score of the rows without any permutation.
        scoring: str, name of the score; larger is better.
        rows: int, number of rows.
        confidence: float, with which all intervals hold together.
        seed: int, seed of the permutations and of the rows drawn.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        found = model.importance(frame, labels, repeats=5)
        print(found)
        ax = found.plot()
    """

    table: pd.DataFrame
    repeats: pd.DataFrame
    score: float
    scoring: str
    rows: int
    confidence: float
    seed: int

    @property
    def verdict(self) -> str:
        """One sentence: which columns are clearly important, or that none is."""
        clear = self.table.loc[self.table["clear"], "column"].tolist()
        if not clear:
            return "No column is clearly important: every interval includes 0 or is below it."
        first = self.table.iloc[0]
        rest = f" Clearly above 0: {len(clear)} of {len(self.table)} columns."
        return (
            f"The most important column is {first['column']!r}: permuting it lowers the score by "
            f"{first['importance']:.3g} ({self.confidence:.0%} interval {first['low']:.3g} to "
            f"{first['high']:.3g}).{rest}"
        )

    def plot(self, most: int = 15, title: str | None = None, ax: Any = None) -> Any:
        """Plot the importance of the first `most` columns with their intervals.

        Args:
            most: int, number of columns shown. Default: 15.
            title: str. None means no title.
            ax: matplotlib axes. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from .. import plots

        top = self.table.head(most)
        if ax is None:
            ax = plots.figure(height=1.2 + 0.3 * max(3, len(top)))[1]
        return plots.dots(
            [str(name) for name in top["column"]],
            top["importance"],
            (top["high"] - top["importance"]).to_numpy(),
            xlabel=f"fall of the {self.scoring} when permuted, {self.confidence:.0%} interval",
            reference={"": 0.0},
            one_color=True,
            title=title,
            ax=ax,
        )

    def _describe(self):
        return Description(
            f"Permutation importance of {len(self.table)} columns",
            [
                self.verdict,
                f"The {self.scoring} of {self.rows:,} rows is {self.score:.4g}; larger is better.",
                f"{len(self.repeats)} repeats of permuted columns and drawn rows, seed "
                f"{self.seed}; all intervals hold together with a confidence of "
                f"{self.confidence:.0%}.",
            ],
            [("", self.table)],
        )


def measure(estimator, given, *, repeats=30, scoring=None, confidence=0.95, seed=0):
    """The `Importance` of the columns; `given` are `Rows` as the user passed them."""
    check_integer("repeats", repeats, 2)
    check_interval("confidence", confidence, "(0, 1)")
    check_integer("seed", seed, 0)
    rows, _ = read_table(given)
    if len(rows) < 2:
        raise invalid("X", "must have at least 2 rows to permute", received=f"{len(rows)} row")
    scorer = Scorer(estimator, check_scoring(estimator, scoring), rows)
    draws = drawn_rows(rows.y, not is_regressor(estimator), repeats, seed)
    outputs = estimator._output(rows.x)
    before = [scorer(outputs, sample) for sample in draws]
    names = table_columns(estimator.encoder_)
    falls = np.zeros((repeats, len(names)))
    used = fold_matrix(estimator.encoder_).any(axis=0)
    orders = [np.random.default_rng([seed, 1, r]).permutation(len(rows)) for r in range(repeats)]
    permuted = Permuted(estimator, rows.x)
    for j in np.flatnonzero(used):
        for r, found in enumerate(permuted.outputs(j, orders)):
            falls[r, j] = before[r] - scorer(found, draws[r])
    mean, deviation = falls.mean(axis=0), falls.std(axis=0, ddof=1)
    tail = (1 - confidence) / (2 * max(1, used.sum()))
    half_width = stats.t.ppf(1 - tail, repeats - 1) * deviation
    table = pd.DataFrame({
        "column": names, "importance": mean, "low": mean - half_width, "high": mean + half_width,
        "clear": mean - half_width > 0,
    }).sort_values("importance", ascending=False, kind="stable", ignore_index=True)  # fmt: skip
    return Importance(
        table=table,
        repeats=pd.DataFrame(falls, columns=names),
        score=float(scorer(outputs, np.arange(len(rows)))),
        scoring=name_of(estimator, scoring),
        rows=len(rows),
        confidence=confidence,
        seed=seed,
    )


def name_of(estimator, scoring):
    """What a score is called in sentences and on axes."""
    if scoring is None:
        if estimator.target_.head.parts:
            return "mean score of all columns"
        if not is_regressor(estimator):
            return "accuracy"
        return "D2" if estimator.target_.head.levels else "R2"
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")


def drawn_rows(y, by_class, repeats, seed):
    """Positions of rows drawn with replacement, of each class as many as there are.

    Args:
        y: array `(rows,)` or `(rows, outputs)`.
        by_class: bool, whether y holds classes; those of several labels are not kept apart.
        repeats: int, number of draws.
        seed: int.

    Returns:
        list of int arrays `(rows,)`.
    """
    strata = np.zeros(len(y), "int64")
    if by_class and (y.ndim == 1 or y.shape[1] == 1):
        strata = pd.factorize(y.reshape(-1))[0]
    groups = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    rngs = [np.random.default_rng([seed, 0, repeat]) for repeat in range(repeats)]
    return [
        np.concatenate([group[rng.integers(len(group), size=len(group))] for group in groups])
        for rng in rngs
    ]


class Scorer:
    """Score rows whose network outputs are known, with any scorer of scikit-learn."""

    def __init__(self, estimator, scorer, rows):
        self.estimator, self.scorer, self.rows = copy.copy(estimator), scorer, rows

    def __call__(self, outputs, sample):
        """The score of the rows at positions `sample`; `outputs` is `(rows, outputs)`."""

        def recorded(X):
            positions = X.matrix if isinstance(X, Frame) else np.asarray(X)
            return outputs[positions[:, 0].astype("int64")]

        self.estimator._output = recorded
        if not is_regressor(self.estimator):  # before they are calibrated
            head = self.estimator.target_.head
            self.estimator._scores = lambda X: scores_of_outputs(recorded(X), head)
        weights = self.rows.weights
        given = {} if weights is None else {"sample_weight": weights[sample]}
        return self.scorer(self.estimator, sample[:, None], self.rows.y[sample], **given)


class Encoded:
    """An encoder of tables that are encoded already."""

    def encode(self, X, warn_unseen=False):
        return X

    transform = encode


class Permuted:
    """The outputs of a fitted estimator for a table in which one column is permuted."""

    def __init__(self, estimator, frame):
        self.encoder, self.frame = estimator.encoder_, frame
        self.matrix = self.encoder.encode(frame)
        self.owned = fold_matrix(self.encoder) > 0
        self.crossed = {j for sources, _ in self.encoder.crosses_ for j in sources}
        self.estimator = copy.copy(estimator)
        self.estimator.encoder_ = Encoded()

    def outputs(self, j, orders):
        """Yield the output `(rows, outputs)` for each order of the column at position `j`."""
        together = max(1, MAX_ROWS_TOGETHER // len(self.matrix))
        for begin in range(0, len(orders), together):
            some = orders[begin : begin + together]
            matrix = np.concatenate([self.permuted(j, order) for order in some])
            yield from np.split(self.estimator._output(matrix), len(some))

    def permuted(self, j, order):
        if j in self.crossed:
            frame, place = self.frame, self.encoder._order(self.frame)[j]
            columns = [frame.column(k) for k in range(frame.width)]
            columns[place] = columns[place].take(order)
            return self.encoder.encode(Frame(columns, frame.rows, frame.names))
        matrix = self.matrix.copy()
        matrix[:, self.owned[:, j]] = self.matrix[order][:, self.owned[:, j]]
        return matrix
