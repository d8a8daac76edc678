"""Targets of regressors: numbers in the units of y, and as the network is trained on them."""

from datetime import date, timedelta
from decimal import Decimal
from numbers import Real

import numpy as np

from ...checks.values import as_floats
from ...core.messages import warn
from ...heads.loss import with_loss
from ...heads.numbers import head_of_numbers
from ...heads.problem_types import HEADS
from .reading import no_numbers

HEAVY_TAIL = 15  # standard deviations of the middle half, from the median
MIN_SKEW_ROWS = 50


class NumberTarget:
    """Numbers, standardized for training where `head.standardize` says so.

    Attributes:
        head: `Head`.
        flat: bool, whether y is `(rows,)`.
        shift: None, or float `(columns,)`: the network learns log(y + shift), 0 or 1.
        bias: float `(columns,)`, the mean of exp(residual), by which exp(prediction) is multiplied
            to predict the mean of y instead of its median; see `learn_bias`.
    """

    def __init__(self, head, n, flat, log=False):
        self.head, self.n, self.flat = head, n, flat
        self.center, self.scale = np.zeros(n), np.ones(n)
        self.range, self.log = None, log
        self.shift, self.bias = None, np.ones(n)

    @classmethod
    def of(cls, target, quantiles=None, loss=None):
        """A function from y and its column names to the target.

        Args:
            target: "log", or what `head_of_target` accepts.
            quantiles: see `quantile_head`, or None.
            loss: what `check_loss` accepts, or None.
        """
        log = isinstance(target, str) and target == "log"
        head = with_loss(head_of_numbers("real" if log else target, quantiles), loss)
        squared = not log and head.standardize and head.loss == HEADS["regression"].loss

        def make(y, names):
            if head.one_column and y.ndim > 1 and y.shape[1] > 1:
                what = "`quantiles` are" if head.levels else f"target={head.target!r} is"
                raise ValueError(
                    f"{what} of one column of `y`. Received: an array of shape "
                    f"{y.shape}. Train one regressor per column."
                )
            if squared and y.dtype.kind in "fiub":
                warn_of_skewed_target(y.reshape(len(y), -1).astype("float64"), names)
            return cls(head, 1 if y.ndim == 1 else y.shape[1], y.ndim == 1, log)

        return make

    def encode(self, y, what="y"):
        """y as float64 `(rows, columns)`, in its own units.

        Raises:
            ValueError: text, infinite numbers, another number of columns, values that are not
                counts, negative values of target "log".
        """
        if y.dtype.kind == "O" and all(isinstance(value, (Real, Decimal)) for value in y.ravel()):
            y = as_floats(y)  # whole numbers of more than 64 bits
        if y.dtype.kind not in "fiub":
            bad = next((v for v in y.ravel() if not isinstance(v, Real)), y.ravel()[0])
            kind = "text"
            if isinstance(bad, (timedelta, np.timedelta64)):
                kind = "duration"
            elif isinstance(bad, (date, np.datetime64)):
                kind = "datetime"
            raise ValueError(no_numbers(what, bad, kind))
        y = y.astype("float64").reshape(len(y), -1)
        if y.shape[1] != self.n:
            raise ValueError(
                f"`{what}` must have {self.n} columns as in `fit`. Received: {y.shape[1]}."
            )
        good = np.isfinite(y) & (np.abs(y) < np.finfo("float32").max)
        rule = "contain finite numbers that fit in float32"
        remedy = "Rescale it, or drop such rows."
        if good.all() and self.head.values:
            values = self.head.values
            good, rule, remedy = values.accepts(y), values.rule, values.remedy
        elif good.all() and self.log:
            good, remedy = y >= 0, "target='real' takes any number."
            rule = "contain non-negative numbers for target='log'"
        if not good.all():
            row, j = np.argwhere(~good)[0]
            raise ValueError(f"`{what}` must {rule}. Received: row {row} is {y[row, j]}. {remedy}")
        return y

    def learn(self, y, weights):
        """Learn the units of y; `weights` is float `(rows,)` or None."""
        self.baseline = np.average(y, axis=0, weights=weights)
        if self.head.distribution is not None:
            self.baseline = self.head.distribution.constant(y[:, 0], weights)
        if self.head.levels:
            w = None if weights is None else np.asarray(weights, "float64")
            self.baseline = np.quantile(y[:, 0], self.head.levels, method="inverted_cdf", weights=w)
        if self.head.by_mean:
            mean = np.average(np.abs(y), axis=0, weights=weights)
            self.scale = np.where(mean > 0, mean, 1.0)
        if self.log:
            self.shift = np.where(y.min(axis=0) > 0, 0.0, 1.0)
            y = np.log(y + self.shift)
        if self.head.standardize:
            self.center = np.average(y, axis=0, weights=weights)
            spread = np.sqrt(np.average((y - self.center) ** 2, axis=0, weights=weights))
            self.scale = np.where(spread > 1e-12 * np.abs(y).max(axis=0, initial=0), spread, 1.0)

    @property
    def bounded(self):
        """Whether presets keep predictions within the range of y.

        A line or an exponential may lead far beyond it in a row unlike those of training.
        """
        return self.head.standardize or "exponential" in (self.head.activation, self.head.like)

    def keep_range(self, y):
        """From now on predict no number outside those of y, and of y of earlier calls."""
        y = y if self.range is None else np.concatenate([self.range, y])
        self.range = np.stack([y.min(axis=0), y.max(axis=0)])

    def learn_bias(self, output, y, weights=None):
        """Learn the correction for predicting the mean from a model of the logarithm.

        A network that predicts the mean of log y well predicts the median of y. The smearing
        estimate (Duan, 1983) multiplies exp(prediction) by the mean of exp(residual).

        Args:
            output: of the network, `(rows, columns)`, best for rows that it was not trained on.
            y: in its own units, `(rows, columns)`; weights: float `(rows,)` or None.
        """
        if self.log:
            residual = np.log(y + self.shift) - (output * self.scale + self.center)
            self.bias = np.average(np.exp(residual.clip(-10, 10)), axis=0, weights=weights)

    def to_network(self, y):
        """y in its own units as the network is trained on it."""
        if self.shift is not None:
            with np.errstate(divide="ignore"):  # a validation row may hold 0 where no other did
                y = np.log(np.maximum(y + self.shift, np.finfo("float32").tiny))
        return ((y - self.center) / self.scale).astype("float32")

    def from_network(self, output):
        """The network's prediction in the units of y.

        Returns:
            float64 `(rows,)`, `(rows, columns)`, or `(rows, quantiles)` of a head with quantiles;
            of a distribution its mean.
        """
        if self.head.distribution is not None:
            output = output[:, :1]
        y = np.minimum(output.astype("float64"), np.finfo("float32").max)
        y = y * self.scale + self.center
        if self.shift is not None:
            y = np.exp(np.minimum(y, 88.0)) * self.bias - self.shift
            y = np.maximum(y, 0)
        if self.range is not None:
            y = np.clip(y, *self.range)
        return y[:, 0] if self.flat and not self.head.levels else y

    def parameters(self, output):
        """Both parameters of a distribution in the units of y, float64 `(rows, 2)`."""
        found = output.astype("float64")
        if self.head.distribution.scales:
            found = found * self.scale + [self.center[0], 0.0]
        if self.range is not None:
            found[:, 0] = np.clip(found[:, 0], *self.range[:, 0])
        return found

    def in_units(self, output):
        """What the loss is computed from, in the units of y: float64 `(rows, outputs)`."""
        if self.head.distribution is not None:
            return self.parameters(output)
        return self.from_network(output).reshape(len(output), -1)


def warn_of_skewed_target(y, names):
    """Warn of a target whose few largest values dominate the mean squared error.

    Args:
        y: float64 `(rows, columns)`; names: list of column names or None.
    """
    if len(y) < MIN_SKEW_ROWS:
        return
    for j, values in enumerate(y.T):
        if not np.isfinite(values).all():
            continue
        label = "`y`" if y.shape[1] == 1 else f"Column {names[j] if names else j!r} of `y`"
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        spread = (high - low) / 1.35
        if not spread:
            continue
        far = np.abs(values - median) > HEAVY_TAIL * spread
        if not far.any():
            continue
        worst = int(np.argmax(np.abs(values - median)))
        fact = (
            f"{label} has {int(far.sum()):,} of {len(values):,} values far from the others, such "
            f"as {values[worst]:.6g} (row {worst}; the median is {median:.6g}). They dominate the "
            "mean squared error."
        )
        if values.min() >= 0 and skewness(np.log1p(values / max(median, 1e-300))) < 2:
            warn(f"{fact} target='log' trains on its logarithm.")
        else:
            warn(f"{fact} Check these rows, drop or clip them, or transform `y`.")


def skewness(values):
    centered = values - values.mean()
    return float(np.mean(centered**3) / max(np.mean(centered**2), 1e-300) ** 1.5)
