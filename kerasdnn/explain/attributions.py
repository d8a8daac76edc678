"""Divide a prediction among the columns of the table: integrated gradients.

With F the prediction, x the encoded row and b the encoded baseline, the attribution of coordinate i
is

    a_i = (x_i - b_i) times the integral over t from 0 to 1 of dF/dx_i at b + t (x - b)

and the sum of all a_i is F(x) - F(b). The attributions of all coordinates that belong to a column
of the table are added up. The integral is computed by Gauss-Lobatto quadrature. An interval is
halved until that changes no column, more often where a unit has its kink than elsewhere. The rule's
outermost points are the ends of the interval, therefore the change of F over it is known: what its
sum still lacks is divided among the columns in proportion to the size of their attributions in that
interval, so that the sum is exact. No step depends on other rows.

Source: Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, 2017.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from ..core.arguments import check_choice, is_number
from ..core.messages import invalid, quoted_list, to_python
from ..core.readable import Description, Readable
from ..decisions.outputs import before_activation, outputs_of
from ..tables.frame import read_frame
from .columns import fold_matrix, neutral_row, table_columns
from .paths import slopes, stage_of

POINTS = 6  # of a rule, exact for polynomials of degree 9
INTERVALS = 2  # of a line at first
MAX_HALVINGS = 6  # 1 / 128 of the line
TOLERANCE = 3e-4  # of a column in an interval, relative to the attributions of the row
PARTS_PER_STEP = 1024
SCALES = ("logit", "probability")
SMALLEST, LARGEST = float(np.finfo("float32").tiny), 1 - 2.0**-24  # as in `decision_function`


class _Explanation(NamedTuple):
    attributions: pd.DataFrame
    baseline: pd.Series


class Explanation(Readable, _Explanation):
    """What each column contributes to the prediction for each row; unpacks as a pair.

    Attributes:
        attributions: DataFrame of shape (rows, columns), columns as in `fit`. Its `attrs` say what
            was explained ("what"), and the largest part of a row that was divided in proportion
            instead of integrated ("remainder").
        baseline: Series of shape (rows,), the prediction for the baseline. The attributions of a
            row and its baseline add up to its prediction.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        attributions, baseline = model.explain(frame)
        attributions.sum(axis=1) + baseline      # the log-odds of the second class
    """

    __slots__ = ()

    @property
    def prediction(self) -> pd.Series:
        """The predictions that were explained, Series of shape (rows,)."""
        return (self.attributions.sum(axis=1) + self.baseline).rename("prediction")

    def plot(self, row: int = 0, most: int = 15, title: str | None = None, ax: Any = None) -> Any:
        """Plot the attributions of a row, the largest first.

        Args:
            row: int, position of the row. Default: 0.
            most: int, number of columns shown. Default: 15.
            title: str. None means the row's prediction and baseline.
            ax: matplotlib axes. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from .. import plots

        own = self.attributions.iloc[row]
        own = own.iloc[np.argsort(-own.abs().to_numpy(), kind="stable")[:most]]
        if title is None:
            title = (
                f"Prediction {self.prediction.iloc[row]:.4g}, baseline "
                f"{self.baseline.iloc[row]:.4g}"
            )
        if ax is None:
            ax = plots.figure(height=1.2 + 0.3 * max(3, len(own)))[1]
        return plots.attributions(
            [str(name) for name in own.index], own.to_numpy(), title=title, ax=ax,
            xlabel=f"attribution to {self.attributions.attrs.get('what', 'the prediction')}",
        )  # fmt: skip

    def _describe(self):
        frame = self.attributions
        size = frame.abs().mean().sort_values(ascending=False, kind="stable")
        table = pd.DataFrame({"column": size.index.map(str), "mean |attribution|": size.to_numpy()})
        table["mean"] = frame.mean()[size.index].to_numpy()
        first = self.baseline.iloc[0] if len(self.baseline) else np.nan
        same = bool((self.baseline == first).all())
        low, high = self.baseline.min(), self.baseline.max()
        return Description(
            f"Attributions of {len(frame):,} rows to {frame.shape[1]:,} columns",
            [
                f"They explain {frame.attrs.get('what', 'the prediction')}.",
                f"The baseline is {first:.4g}."
                if same
                else f"The baseline is {low:.4g} to {high:.4g}, depending on the class of the row.",
                "Each row adds up to its prediction minus the baseline.",
            ],
            [("Mean over the rows", table)],
        )


@dataclass(frozen=True)
class Link:
    """From the outputs of a network to the prediction that is explained.

    Attributes:
        target: the estimator's target, see `tables/targets/`.
        scale: "logit" or "probability" of classes and labels; "" for numbers.
        sign: -1 explains the first of two classes, whose output is that of the second.
        temperature: float, what log-odds are divided by, see `DNNClassifier.calibrate`.
        odds: bool, whether the outputs are log-odds.
    """

    target: Any
    scale: str
    sign: int = 1
    temperature: float = 1.0
    odds: bool = False

    def __call__(self, output, unit):
        """Values of the outputs `unit` of float64 `(rows, outputs)`, and their derivatives.

        The derivatives are those by the same outputs `(rows,)`, or by all `(rows, outputs)`.
        """
        rows = np.arange(len(output))
        chosen = output[rows, unit]
        if not self.scale:  # y in its units is a function of each output by itself
            step = 1e-4 * np.maximum(1, np.abs(output))
            low, value, high = (
                self.target.from_network(o).reshape(len(o), -1)[rows, unit]
                for o in (output - step, output, output + step)
            )
            return value, (high - low) / (2 * step[rows, unit])
        if self.target.head.per_class:
            return self._of_classes(output, unit)
        p = chosen.clip(SMALLEST, LARGEST)
        z, slope = (chosen, 1.0) if self.odds else (np.log(p) - np.log1p(-p), 1 / (p * (1 - p)))
        z, slope = z / self.temperature, self.sign * slope / self.temperature
        if self.scale == "logit":
            return self.sign * z, np.broadcast_to(slope, z.shape)
        q = expit(z)
        return (1.0 if self.sign < 0 else 0.0) + self.sign * q, slope * q * (1 - q)

    def _of_classes(self, output, unit):
        """The same for outputs that are probabilities of classes, as `predict_proba` has them."""
        rows = np.arange(len(output))
        p = output.clip(SMALLEST, LARGEST)
        q = softmax(np.log(p) / self.temperature, axis=1)
        own = q[rows, unit]
        slope = -q.copy()  # dq_k / dp_j = q_k (1 if j = k else 0, minus q_j) / (T p_j)
        slope[rows, unit] += 1
        slope /= self.temperature * p
        if self.scale == "probability":
            return own, own[:, None] * slope
        own = own.clip(SMALLEST, LARGEST)
        return np.log(own) - np.log1p(-own), slope / (1 - own)[:, None]


@dataclass(frozen=True)
class Line:
    """The lines from the baseline to the rows.

    Attributes:
        stage: `paths.Stage`.
        origin, ends: lists of float64 arrays `(1, columns)` and `(rows, columns)`.
        fold: list of arrays `(columns, table columns)`, see `columns.fold_matrix`.
    """

    stage: Any
    origin: list
    ends: list
    fold: list

    def parts(self, rows, low, high, unit, link):
        """Integrate over parts of lines.

        Args:
            rows: int `(parts,)`, the rows whose lines they belong to.
            low, high: float `(parts,)` in [0, 1], where they begin and end.
            unit, link: see `integrate`.

        Returns:
            `(attributions, change, noise)`: float64 `(parts, table columns)`, and `(parts,)`, by
            how much the prediction changes, and how much of it may be rounding.
        """
        chunks = [
            self._chunk(*(a[i : i + PARTS_PER_STEP] for a in (rows, low, high)), unit, link)
            for i in range(0, len(rows), PARTS_PER_STEP)
        ]
        return tuple(np.concatenate(arrays) for arrays in zip(*chunks, strict=True))

    def _chunk(self, rows, low, high, unit, link):
        nodes, weights = lobatto(POINTS)
        length = (high - low)[:, None]
        times = (low[:, None] + length * nodes).reshape(-1, 1)
        spans = [end[rows] - o for o, end in zip(self.origin, self.ends, strict=True)]
        starts = [
            o + times * np.repeat(span, POINTS, axis=0)
            for o, span in zip(self.origin, spans, strict=True)
        ]
        values, noise, slope = slopes(self.stage, starts, np.repeat(unit[rows], POINTS), link)
        found = 0.0
        for span, gradient, fold in zip(spans, slope, self.fold, strict=True):
            mean = np.einsum("p,rpc->rc", weights, gradient.reshape(len(rows), POINTS, -1))
            found = found + (length * span * mean) @ fold
        values = values.reshape(-1, POINTS)
        return found, values[:, -1] - values[:, 0], noise.reshape(-1, POINTS).max(axis=1)


def explain(estimator, X, output=None, scale=None, baseline=None):
    """The `Explanation` of a fitted estimator for the rows of X; see `Explained.explain`."""
    encoder = estimator.encoder_
    frame = read_frame(X)
    network, head = estimator.network_, estimator.target_.head
    twin = None if head.kind == "number" or head.per_class else before_activation(network)
    if twin is None:
        outputs = estimator._output(frame)
    else:
        network, outputs = twin, outputs_of(twin, encoder.encode(frame))
    link, unit, what = chosen_output(estimator, outputs, output, scale)
    if head.kind != "number":
        link = replace(link, temperature=estimator.temperature_, odds=twin is not None)
        if not getattr(estimator.calibrator_, "keeps_order", True):
            what += " before its isotonic calibration"
    stage = stage_of(network, len(encoder.cardinalities_))
    begin = neutral_row(encoder)
    if baseline is not None:
        begin = encoder.encode(read_frame(baseline, "baseline"))
        if not len(begin):
            raise invalid("baseline", "must have rows", received="0 rows")
    origin = [s.mean(axis=0, keepdims=True, dtype="float64") for s in stage.starts(begin)]
    units = np.unique(unit)
    names = table_columns(encoder)
    index = frame.index if frame.index is not None else pd.RangeIndex(frame.rows)
    if not frame.rows:
        empty = pd.DataFrame(np.empty((0, len(names))), index, names)
        return Explanation(empty, pd.Series(np.empty(0), index, name="baseline"))
    at_origin = dict(
        zip(units, slopes(stage, [np.repeat(o, len(units), 0) for o in origin], units, link)[0],
            strict=True)
    )  # fmt: skip
    start_values = np.array([at_origin[u] for u in unit])
    totals = link(outputs, unit)[0] - start_values
    ends = [s.astype("float64") for s in stage.starts(encoder.encode(frame))]
    fold = stage.fold(fold_matrix(encoder))
    found, left = integrate(Line(stage, origin, ends, fold), unit, link)
    missing = totals - found.sum(axis=1)
    found = completed(found, totals, fold[0].any(axis=0))
    attributions = pd.DataFrame(found, index, names)
    attributions.attrs = {"what": what, "remainder": float((left + np.abs(missing)).max())}
    return Explanation(attributions, pd.Series(start_values, index, name="baseline"))


def integrate(line, unit, link):
    """Integrate the gradients along the lines from the baseline to each row.

    Args:
        line: `Line`.
        unit: int `(rows,)`, the output that is explained.
        link: `Link`.

    Returns:
        `(attributions, left)`: float64 `(rows, table columns)`, and `(rows,)`, the part that was
        divided in proportion.
    """
    count = len(unit)
    found, left = np.zeros((count, line.fold[0].shape[1])), np.zeros(count)
    edges = np.linspace(0, 1, INTERVALS + 1)
    rows = np.repeat(np.arange(count), INTERVALS)
    low, high = np.tile(edges[:-1], count), np.tile(edges[1:], count)
    whole = line.parts(rows, low, high, unit, link)[0]
    size = np.zeros(count)
    np.add.at(size, rows, np.abs(whole).sum(axis=1))
    for halvings in range(1, MAX_HALVINGS + 1):
        middle = (low + high) / 2
        rows = np.repeat(rows, 2)
        low, high = (np.column_stack(ends).ravel() for ends in ((low, middle), (middle, high)))
        parts, change, noise = line.parts(rows, low, high, unit, link)
        both = parts[0::2] + parts[1::2]
        error = np.abs(both - whole).max(axis=1, initial=0)
        allowed = TOLERANCE * size[rows[0::2]] + 2 * (noise[0::2] + noise[1::2])
        done = np.repeat((error <= allowed) | (halvings == MAX_HALVINGS), 2)
        np.add.at(found, rows[done], completed(parts, change)[done])
        np.add.at(left, rows[done], np.abs(change - parts.sum(axis=1))[done])
        rows, low, high, whole = rows[~done], low[~done], high[~done], parts[~done]
        if not len(rows):
            break
    return found, left


def completed(parts, totals, used=None):
    """`parts` of shape (rows, columns) with sums `totals`.

    What is missing is divided in proportion to the size of the parts; where all parts of a row are
    0, evenly among the columns `used`, a bool array (None leaves the row as it is).
    """
    share = np.abs(parts)
    size = share.sum(axis=1, keepdims=True)
    even = 0.0 if used is None else used / max(1, used.sum())
    share = np.where(size > 0, share / np.where(size > 0, size, 1), even)
    return parts + (totals - parts.sum(axis=1))[:, None] * share


def lobatto(points):
    """Nodes in [0, 1] and weights of the Gauss-Lobatto rule, float64 `(points,)` each."""
    legendre = np.polynomial.legendre.Legendre.basis(points - 1)
    nodes = np.concatenate([[-1.0], np.sort(legendre.deriv().roots().real), [1.0]])
    weights = 2 / (points * (points - 1) * legendre(nodes) ** 2)
    return (nodes + 1) / 2, weights / 2


def chosen_output(estimator, outputs, output, scale):
    """What is explained: `(Link, int array (rows,) of the outputs, a description)`."""
    target = estimator.target_
    head, rows = target.head, np.arange(len(outputs))
    if head.kind == "number":
        if scale is not None:
            raise invalid("scale", "needs classes or labels", scale, "Leave it out.")
        position, name = chosen_number(target, output)
        return Link(target, ""), np.full(len(rows), position), name
    scale = check_choice("scale", "logit" if scale is None else scale, SCALES)
    word = "log-odds" if scale == "logit" else "probability"
    classes = [to_python(label) for label in estimator.classes_]
    if output is not None and to_python(output) not in classes:
        known = f"The estimator knows {quoted_list(classes, 10)}."
        raise invalid("output", "must be a class or a label", output, known)
    if head.units == "1":
        position = 1 if output is None else classes.index(to_python(output))
        what = f"the {word} of {classes[position]!r}"
        return Link(target, scale, 2 * position - 1), np.zeros(len(rows), "int64"), what
    if output is not None or len(classes) == 1:
        position = 0 if output is None else classes.index(to_python(output))
        return (
            Link(target, scale),
            np.full(len(rows), position),
            f"the {word} of {classes[position]!r}",
        )
    if head.kind == "labels":
        known = f"Pass one of {quoted_list(classes, 10)}."
        raise invalid("output", "must name the label that is explained", output, known)
    return Link(target, scale), outputs.argmax(axis=1), f"the {word} of the class predicted"


def chosen_number(target, output):
    """Position and description of the predicted number that `output` selects."""
    levels = list(target.head.levels)
    if levels:
        if output is None:
            output = min(levels, key=lambda level: abs(level - 0.5))
        if output not in levels:
            raise invalid("output", f"must be one of the quantiles {levels}", output)
        return levels.index(output), f"the quantile {output:g} of y"
    if output is None and target.n == 1:
        return 0, "the prediction of y"
    if not is_number(output) or output not in range(target.n):
        rule = f"must be the position of a column of y, 0 to {target.n - 1}"
        raise invalid("output", rule, output)
    return int(output), f"the prediction of column {int(output)} of y"
