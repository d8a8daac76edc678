"""Prediction intervals with stated coverage: split conformal, and conformalized quantiles.

Both widen (or narrow) the prediction by what held-out rows require. With n of them, of which row i
has the score e_i, and e_(k) the k-th smallest score,

    split conformal           e = |y - f| / s(f)            f -+ s(f) e_(k)
    conformalized quantiles   e = max(f_low - y, y - f_high)    f_low - e_(k), f_high + e_(k)

with k = ceil((n + 1) coverage). A new row is within its interval with a probability from `coverage`
to `coverage + 1 / (n + 1)`, whatever the model and the distribution, if it is exchangeable with the
held-out rows. For k > n there is no finite interval.

The scale s lets the width follow the prediction where the problem type suggests it: 1 for numbers,
f for positive ones, sqrt(f + 1/4) for counts. With target "log" all of it is on the logarithm.

Sources: Lei et al., Distribution-free predictive inference for regression, 2018; Romano, Patterson
and Candes, Conformalized quantile regression, 2019.
"""

import math
from typing import Any

import numpy as np

from ..core.arguments import is_number
from ..core.messages import invalid, warn

MAX_ROWS = 10_000  # that are kept
SCALES = {
    "constant": lambda f: np.ones_like(f),
    "relative": lambda f: np.maximum(f, np.finfo("float32").tiny),
    "root": lambda f: np.sqrt(np.maximum(f, 0) + 0.25),
    "log": lambda f: np.ones_like(f),
}


def check_coverage(coverage: Any) -> float:
    """Return `coverage` if it is a number in (0, 1)."""
    if not is_number(coverage) or not 0 < coverage < 1:
        remedy = "0.9 is 90%."
        raise invalid("coverage", "must be a number in (0, 1)", coverage, remedy)
    return float(coverage)


class Conformal:
    """The residuals of held-out rows, from which intervals of any coverage are made.

    Args:
        residuals: float `(rows, predictions)`, (y - f) / s(f); one column per column of y, or per
            quantile.
        weights: float `(rows,)`, or None.
        scale: key of `SCALES`.
        shift: float `(predictions,)`, for "log": the logarithm is that of y + shift.
        levels: tuple of float, the quantiles; empty if the mean is predicted.
        lowest: float, no interval goes below it.
    """

    def __init__(self, residuals, weights=None, scale="constant", shift=0.0, levels=(),
                 lowest=-math.inf):  # fmt: skip
        self.residuals = np.asarray(residuals, "float64")
        self.weights = None if weights is None else np.asarray(weights, "float64")
        self.scale, self.shift = scale, np.asarray(shift, "float64")
        self.levels, self.lowest = tuple(levels), lowest

    @classmethod
    def fit(cls, prediction: Any, y: Any, weights: Any = None, **how: Any) -> "Conformal":
        """Compute the residuals of held-out rows.

        Of more than `MAX_ROWS` rows a random part is kept, which is as valid.

        Args:
            prediction: float `(rows, predictions)`.
            y: float `(rows, columns)`.
            weights: float `(rows,)`, or None.
            how: `scale`, `shift`, `levels` and `lowest`.
        """
        made = cls(np.empty((0, prediction.shape[1])), **how)
        residuals = made.to_scale(y) - made.to_scale(prediction)
        residuals /= SCALES[made.scale](prediction)
        if len(residuals) > MAX_ROWS:
            kept = np.random.default_rng(0).choice(len(residuals), MAX_ROWS, replace=False)
            residuals, weights = residuals[kept], None if weights is None else weights[kept]
        return cls(rounded(residuals), weights, **how)

    def to_scale(self, y):
        if self.scale != "log":
            return np.asarray(y, "float64")
        return np.log(np.maximum(y + self.shift, np.finfo("float32").tiny))

    def from_scale(self, y):
        if self.scale != "log":
            return y
        return np.exp(np.minimum(y, 700.0)) - self.shift

    def interval(self, prediction: np.ndarray, coverage: float) -> np.ndarray:
        """Prediction intervals.

        Args:
            prediction: float `(rows, predictions)`.
            coverage: float in (0, 1).

        Returns:
            float64 `(rows, columns of y, 2)`.

        Warns:
            DataWarning: there are too few held-out rows for the coverage.
        """
        f, scales = self.to_scale(prediction), SCALES[self.scale](prediction)
        if self.levels:
            low, high = self.nearest_levels(coverage)
            r = self.residuals
            width = self.quantile(np.maximum(-r[:, low], r[:, high]), coverage)
            ends = f[:, [low]] - width, f[:, [high]] + width
            middle = (ends[0] + ends[1]) / 2  # a negative width may exceed half the distance
            ends = np.minimum(ends[0], middle), np.maximum(ends[1], middle)
        else:
            columns = np.abs(self.residuals).T
            width = np.array([self.quantile(e, coverage) for e in columns])
            ends = f - width * scales, f + width * scales
        found = np.stack([self.from_scale(end) for end in ends], axis=-1)
        return np.maximum(found, self.lowest)

    def nearest_levels(self, coverage):
        """The positions of the quantiles nearest to the ends of a central interval."""
        levels = np.array(self.levels)
        ends = (1 - coverage) / 2, (1 + coverage) / 2
        return tuple(int(np.abs(levels - end).argmin()) for end in ends)

    def quantile(self, scores, coverage):
        """The k-th smallest score, k = ceil((n + 1) coverage); of weighted rows the same share.

        With weights n is Kish's effective number of rows, (sum w)^2 / sum w^2.
        """
        order = np.argsort(scores)
        w = np.ones(len(scores)) if self.weights is None else self.weights[order]
        n = w.sum() ** 2 / (w**2).sum()
        reached = np.cumsum(w) / w.sum()
        k = int(np.searchsorted(reached, coverage * (1 + 1 / n) - 1e-9))
        if k == len(scores):
            needed = math.ceil(coverage / (1 - coverage) - 1e-9)
            warn(
                f"`coverage` {coverage:g} needs at least {needed:,} validation rows. Received: "
                f"{n:,.0f}. The interval is the widest that they allow, and covers about "
                f"{n / (n + 1):.0%}. `calibrate` takes more held-out rows."
            )
            k -= 1
        return scores[order[k]]

    def to_state(self) -> dict[str, Any]:
        return {
            "residuals": self.residuals.tolist(),
            "weights": None if self.weights is None else self.weights.tolist(),
            "scale": self.scale, "shift": self.shift.tolist(), "levels": list(self.levels),
            "lowest": self.lowest,
        }  # fmt: skip


@np.vectorize(otypes=["float64"])
def rounded(value):
    """A number with seven digits, which is half as long in a file."""
    return float(f"{value:.7g}")


def conformal_from_state(state: dict[str, Any] | None) -> Conformal | None:
    """The `Conformal` of a state.

    Raises:
        ValueError: the state is not one that `to_state` returned.
    """
    if state is None:
        return None
    found = Conformal(**state)
    r, w = found.residuals, found.weights
    right = r.ndim == 2 and found.scale in SCALES and np.isfinite(r).all()
    if not right or (w is not None and w.shape != (len(r),)):
        raise ValueError("the residuals of the intervals are inconsistent")
    return found
