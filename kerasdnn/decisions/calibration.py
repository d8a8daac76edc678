"""Calibrate probabilities on held-out rows.

    Temperature    softmax(z / T), or sigmoid(z / T)
    Isotonic       one non-decreasing function per class, then divided by their sum

z are log-probabilities of shape (rows, classes), or log-odds of shape (rows, outputs) of classes or
labels that have a sigmoid each. A temperature leaves the most probable class as it is; isotonic
regression may change it, and needs many rows.
"""

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit, log_softmax, logit, softmax
from sklearn.isotonic import IsotonicRegression

from ..core.messages import invalid, warn

SMALLEST = float(np.finfo("float32").tiny)  # of a probability
LARGEST = 1 - 2.0**-24  # of one whose complement is not known
PRIOR_ROWS = 3.0  # limits the temperature of rows that are all predicted correctly
USUAL = 0.15  # temperatures are mostly within this of 1, in their logarithm; docs/log.md says why
GRID = 33  # log-temperatures at which a minimum is looked for
FARTHEST = 1e3  # temperatures are between its inverse and it
MIN_ISOTONIC_ROWS = 200
METHODS = ("temperature", "isotonic")


def check_calibrate(name: str, value: Any) -> bool | str:
    """Return `value` if it is a bool, or the name of a method."""
    if type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    if isinstance(value, str) and value in METHODS:
        return value
    rule = 'must be True, False, "temperature" or "isotonic"'
    raise invalid(name, rule, value, "True means temperature scaling, False no calibration.")


def to_probabilities(z, sigmoid):
    """Probabilities of log-odds, or with `sigmoid` False of log-probabilities."""
    return np.maximum(expit(z) if sigmoid else softmax(z, axis=1), SMALLEST)


def to_scores(p, sigmoid):
    """The inverse: log-odds, or log-probabilities."""
    p = np.clip(p, SMALLEST, LARGEST)
    return logit(p) if sigmoid else np.log(p)


class Temperature:
    """Divide log-odds or log-probabilities by one number.

    Args:
        value: positive float, T. Above 1, probabilities move towards each other; below 1, apart.

    Example:
        from kerasdnn.decisions.calibration import Temperature

        Temperature(2.0).probabilities(np.array([[0.0], [2.0]]), sigmoid=True)   # 0.5 and 0.73
    """

    kind = "temperature"
    keeps_order = True

    def __init__(self, value: float):
        self.value = float(value)

    @classmethod
    def fit(cls, z: Any, y: Any, weights: Any = None, *, sigmoid: bool) -> "Temperature":
        """Minimize the log loss of held-out rows and a penalty over b = 1 / T.

            sum over rows of w_i log loss(b z_i, y_i)
                + log(1 + (log b / 0.15)^2)  +  3 (b - 1 - log b)

        The second term is a Cauchy prior on log b: most networks need a temperature near 1, and
        some one far from it. It keeps T near 1 unless the rows support more, and hardly counts
        then. The third has its minimum at b = 1, too. Without it, rows that are all predicted
        correctly would let b grow without bound.

        Args:
            z: float `(rows, outputs)`, see the head of this module.
            y: int `(rows,)`, positions of the true classes; with `sigmoid` 0 or 1 of the shape of
                z.
            weights: float `(rows,)`, or None. Only their proportions count.
            sigmoid: bool, whether z are log-odds.
        """
        z = np.asarray(z, "float64")
        w = unit_weights(weights, len(z))[:, None]
        if sigmoid:
            y = np.reshape(y, z.shape)
        else:
            y = np.arange(z.shape[1]) == np.asarray(y)[:, None]

        def convex(log_b):  # the first and the third term, of b
            b = np.exp(log_b)
            log_p = (log_expit(b * z) * y + log_expit(-b * z) * (1 - y)) if sigmoid else (
                log_softmax(b * z, axis=1) * y)  # fmt: skip
            return -(w * log_p).sum() + PRIOR_ROWS * (b - 1 - log_b)

        def slope(log_b):  # its derivative with respect to b
            b = np.exp(log_b)
            p = expit(b * z) if sigmoid else softmax(b * z, axis=1)
            return (w * (p - y) * z).sum() + PRIOR_ROWS * (1 - 1 / b)

        def penalized(log_b):
            return convex(log_b) + np.log1p((log_b / USUAL) ** 2)

        def penalized_slope(log_b):  # the derivative of all terms with respect to log b
            prior = 2 * log_b / (USUAL**2 + log_b**2)
            return np.exp(log_b) * slope(log_b) + prior

        end = np.log(FARTHEST)
        if slope(-end) >= 0 or slope(end) <= 0:
            far = -end if slope(-end) >= 0 else end
        else:
            far = brentq(slope, -end, end, xtol=1e-12)
        # The prior pulls from there towards 0, and there may be two minima in between.
        grid = np.linspace(0.0, far, GRID)
        k = int(np.argmin([penalized(log_b) for log_b in grid]))
        ends = grid[max(k - 1, 0)], grid[min(k + 1, GRID - 1)]
        best = grid[k]
        if np.prod([np.sign(penalized_slope(log_b)) for log_b in ends]) < 0:
            best = brentq(penalized_slope, *ends, xtol=1e-12)
        return cls(np.exp(-best))

    def probabilities(self, z: np.ndarray, sigmoid: bool) -> np.ndarray:
        """Calibrated probabilities, of the shape of z."""
        return to_probabilities(z / self.value, sigmoid)

    def scores(self, z: np.ndarray, sigmoid: bool) -> np.ndarray:
        """Log-odds or log-probabilities of the calibrated probabilities."""
        return z / self.value if sigmoid else log_softmax(z / self.value, axis=1)

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "value": self.value}


class Isotonic:
    """A non-decreasing, piecewise linear function of the probability, one per output.

    Args:
        x, y: lists of float arrays, the corners of the function of each output.
    """

    kind = "isotonic"
    keeps_order = False

    def __init__(self, x: Any, y: Any):
        self.x, self.y = ([np.asarray(v, "float64") for v in values] for values in (x, y))

    @classmethod
    def fit(cls, z: Any, y: Any, weights: Any = None, *, sigmoid: bool) -> "Isotonic":
        """Fit scikit-learn's `IsotonicRegression` to each output, one class against the others.

        Args:
            z, y, weights, sigmoid: as in `Temperature.fit`.

        Warns:
            DataWarning: there are few rows.
        """
        if len(z) < MIN_ISOTONIC_ROWS:
            warn(
                f"Isotonic calibration is fitted to {len(z):,} rows and will follow their random "
                f"variation. Use {MIN_ISOTONIC_ROWS} or more, or calibrate='temperature', which "
                "needs few."
            )
        p = to_probabilities(np.asarray(z, "float64"), sigmoid)
        y = np.reshape(y, p.shape) if sigmoid else np.arange(p.shape[1]) == np.asarray(y)[:, None]
        corners = []
        for k in range(p.shape[1]):
            if y[:, k].any():
                curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
                curve.fit(p[:, k], y[:, k], sample_weight=weights)
                corners.append((curve.X_thresholds_, curve.y_thresholds_))
            else:  # nothing is known of a class without rows
                corners.append(([0.0, 1.0], [0.0, 1.0]))
        return cls(*zip(*corners, strict=True))

    def probabilities(self, z: np.ndarray, sigmoid: bool) -> np.ndarray:
        """Calibrated probabilities, of the shape of z."""
        p = to_probabilities(z, sigmoid)
        found = np.empty_like(p)
        for k, (x, y) in enumerate(zip(self.x, self.y, strict=True)):
            found[:, k] = np.interp(p[:, k], x, y)
        if not sigmoid:
            total = found.sum(axis=1, keepdims=True)
            uniform = np.full_like(found, 1 / found.shape[1])
            found = np.divide(found, total, out=uniform, where=total > 0)
        return np.maximum(found, SMALLEST)

    def scores(self, z: np.ndarray, sigmoid: bool) -> np.ndarray:
        """Log-odds or log-probabilities of the calibrated probabilities."""
        return to_scores(self.probabilities(z, sigmoid), sigmoid)

    def to_state(self) -> dict[str, Any]:
        corners = {"x": [v.tolist() for v in self.x], "y": [v.tolist() for v in self.y]}
        return {"kind": self.kind, **corners}


Calibrator = Temperature | Isotonic


def fit_calibrator(method: bool | str, z: Any, y: Any, weights: Any, sigmoid: bool) -> Calibrator:
    """The calibrator that `calibrate=method` asks for; True is "temperature"."""
    cls = Isotonic if method == "isotonic" else Temperature
    return cls.fit(z, y, weights, sigmoid=sigmoid)


def calibrator_from_state(state: dict[str, Any] | None) -> Calibrator | None:
    """The calibrator of a state.

    Raises:
        ValueError: the state is not one that `to_state` returned.
    """
    if state is None:
        return None
    if state["kind"] == "isotonic":
        curves = Isotonic(state["x"], state["y"])
        for x, y in zip(curves.x, curves.y, strict=True):
            if len(x) != len(y) or not (np.diff(x) >= 0).all() or not (np.diff(y) >= 0).all():
                raise ValueError("the corners of a calibration are not in order")
        return curves
    if state["kind"] != "temperature" or not 0 < state["value"] < np.inf:
        raise ValueError("unknown calibration")
    return Temperature(state["value"])


def unit_weights(weights, rows):
    """Row weights, float64 with mean 1."""
    if weights is None:
        return np.ones(rows)
    weights = np.asarray(weights, "float64")
    return weights / weights.mean()
