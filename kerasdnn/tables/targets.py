"""Encode targets for training and decode predictions.

    ClassTarget     one class per row                labels to 0..K-1
    LabelTarget     several labels per row           columns of 0 and 1
    MixedTarget     columns of different kinds       a target of its own for each
    NumberTarget    numbers, one or several columns  standardized, (y - mean) / standard deviation
                    their logarithms                 log y or log(1 + y), then standardized
                    positive numbers                 divided by their mean
                    counts                           unchanged

Each has `head` (a row of `heads.HEADS`), `n` (classes, labels, columns), `encode`, and the
prediction of a model that knows nothing of X as `baseline`.
"""

import warnings
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from ..checks.named_array import NamedArray
from ..checks.table_columns import blank_twins
from ..checks.values import as_floats
from ..checks.weights import check_same_rows
from ..core.messages import invalid, quoted_list, to_python, warn
from ..heads import (
    HEADS,
    Part,
    head_named,
    head_of,
    head_of_numbers,
    make_problem,
    mixed_head,
    weighted_parts,
    with_loss,
)
from ..nn.losses import columns_of
from .frame import read_frame, unmasked
from .texts.parsing import split_number

MAX_AMBIGUOUS_INTEGERS = 20  # so many different integers may be classes as well as a quantity


class MixedColumns(pd.DataFrame):
    """Columns of y that are read one by one, for `MixedTarget`: each keeps its own type."""

    @property
    def _constructor(self):
        return MixedColumns

    def objects(self):
        """The values as Python objects, array `(rows, columns)`."""
        found = np.empty(self.shape, object)
        for k, name in enumerate(self.columns):
            found[:, k] = read_target(self.iloc[:, k], f"y[{name!r}]")[0]
        return found


def read_target(y, what="y"):
    """Read y as an array of `(rows,)` or `(rows, columns)`, with column names if it has any.

    Raises:
        ValueError: y is None, has missing values, or has more than two dimensions.
    """
    if y is None:
        raise ValueError(
            "`fit` requires y to be passed, but the target y is None. Received: y=None."
        )
    if isinstance(y, MixedColumns):
        return y.objects(), list(y.columns)
    names, y = None, unmasked(y)
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        y = y.iloc[:, 0]
        values, _ = read_target(y, what)
        return values[:, None], None
    if hasattr(y, "columns"):
        frame = read_frame(y, what)
        names = frame.names
        times = [frame.column(j) for j in range(frame.width) if frame.column(j).kind in TIMES]
        if times:
            raise ValueError(no_numbers(what, times[0].values[0], times[0].kind))
        y = np.column_stack([_values(frame.column(j).values) for j in range(frame.width)])
    elif hasattr(y, "to_pylist"):  # pyarrow's, which cannot give NumPy all that they hold
        y = np.array(y.to_pylist(), dtype=object)
    elif hasattr(y, "to_numpy"):
        y = y.to_numpy()
    elif isinstance(y, (list, tuple)) and len(y) and np.asarray(y).dtype.kind in "USf":
        y = np.asarray(y, dtype=object)  # numbers next to strings or fractions stay what they are
    y = np.asarray(y)
    if y.dtype.kind == "c":
        raise ValueError(f"Complex data not supported. Received: {what} of dtype {y.dtype}.")
    if y.ndim not in (1, 2):
        raise ValueError(
            f"{what} should be a 1d array, or 2d with a column per output. Received: shape "
            f"{y.shape}."
        )
    missing = pd.isna(y)
    if missing.any():
        rows = np.flatnonzero(missing.reshape(len(y), -1).any(axis=1))
        y_name = "y" if what.startswith("y[") else what  # which may be a column of y
        raise ValueError(
            f"Input {what} contains NaN: {len(rows):,} of {len(y):,} rows have a missing target. "
            f"Received: rows {quoted_list(rows, 10)}. Pass missing_target='drop' to an estimator, "
            f"or drop them: keep = pd.notna({what}); X, {y_name} = X[keep], {y_name}[keep]."
        )
    return _values(y), names


def drop_missing_targets(given):
    """Drop the rows whose target is missing.

    Args:
        given: `Rows` as the user passed them.

    Returns:
        `Rows` with X as a `Frame`, or `given` if no target is missing.

    Warns:
        DataWarning: rows were dropped.
    """
    y = given.y
    values = y if hasattr(y, "isna") else np.array(unmasked(y), dtype=object)
    missing = np.asarray(pd.isna(values)).reshape(len(values), -1).any(axis=1)
    if not missing.any():
        return given
    rows = np.flatnonzero(missing)
    warn(
        f"`y` has missing values in {len(rows):,} of {len(values):,} rows (rows "
        f"{quoted_list(rows)}), which are dropped."
    )
    frame = read_frame(given.x)
    labels = y.index if isinstance(y, (pd.Series, pd.DataFrame)) else None
    check_same_rows(
        NamedArray(np.arange(frame.rows), "X", labels=frame.index),
        NamedArray(np.arange(len(values)), "y", labels=labels),
    )
    if hasattr(y, "isna"):
        kept = y[~missing]
        kept = kept.infer_objects() if hasattr(kept, "infer_objects") else kept
    else:
        kept = np.asarray(values[~missing].tolist())

    def part(value):  # groups and time may be the name of a column
        if value is None or isinstance(value, (str, tuple)) or np.ndim(value) == 0:
            return value
        return (value if isinstance(value, pd.Series) else np.asarray(value))[~missing]

    arrays = {name: part(getattr(given, name)) for name in ("weights", "groups", "time")}
    return given.replace(x=frame.take(~missing), y=kept, **arrays)


TIMES = {
    "duration": "pd.to_timedelta({what}).total_seconds() makes numbers of durations",
    "datetime": "Subtract a date and take total_seconds() of the difference",
}
TIMES["instant"] = TIMES["datetime"]


def no_numbers(what, value, kind):
    """The message that y, or a column of it, is of another kind."""
    remedy = TIMES.get(kind, "`DNNClassifier` takes labels of any kind").format(what=what)
    if isinstance(value, str) and (parts := split_number(value)):
        plain = parts[3].replace(".", "").isdecimal() and not parts[1]
        remedy = f"pd.to_numeric({what}) turns text into numbers"
        if not plain:
            remedy = f"Convert {what} to numbers: remove units and thousands separators, write a "
            remedy += "point as the decimal mark, then pd.to_numeric"
    return f"`{what}` must contain numbers. Received: {kind} {to_python(value)!r}. {remedy}."


def _values(y):
    """Objects as numbers where they are numbers, and numbers hold them exactly."""
    if y.dtype.kind != "O" or y.size == 0:
        return y
    kind = pd.api.types.infer_dtype(y.ravel(), skipna=False)
    dtypes = {"boolean": ["bool"], "integer": ["int64", "uint64"], "floating": ["float64"]}
    dtypes |= {"decimal": ["float64"], "mixed-integer-float": ["float64"]}
    for dtype in dtypes.get(kind, ()):
        with suppress(OverflowError):
            numbers = y.astype(dtype)
            if (numbers == y).all():
                return numbers
    return y


class ClassTarget:
    """One of K classes per row; K = 2 is the problem "binary".

    Attributes:
        classes: array of labels; sorted, or if they are ordered from lowest to highest.
    """

    def __init__(self, classes, ordered=False):
        self.classes = classes
        self.n = len(classes)
        self.head = make_problem("ordinal" if ordered else "multiclass", 1, self.n).head

    def encode(self, y, what="y"):
        """Positions of the labels among the classes, int32 `(rows,)`.

        Raises:
            ValueError: a label that `fit` has not seen.
        """
        y = column(y, what)
        try:
            order = np.argsort(self.classes, kind="stable")
            positions = np.searchsorted(self.classes, y, sorter=order).clip(0, self.n - 1)
            positions = order[positions]
            known = self.classes[positions] == y
        except TypeError:
            known = np.zeros(len(y), dtype=bool)
        if not np.all(known):
            unknown = pd.unique(pd.Series(y[~np.asarray(known)], dtype=object))
            raise ValueError(
                f"`{what}` must contain classes of `fit`. Received: {quoted_list(unknown)}; the "
                "classes "
                f"are {quoted_list(self.classes, 10)}."
            )
        return positions.astype("int32")

    def learn(self, encoded, weights):
        mass = np.bincount(encoded, weights, self.n)
        share = mass / mass.sum()
        self.baseline = share[1:] if self.n == 2 else share


class LabelTarget:
    """Several yes-or-no labels per row; `classes` names them."""

    def __init__(self, classes):
        self.head = head_of("multilabel")
        self.classes = classes
        self.n = len(classes)

    def encode(self, y, what="y"):
        """y as float32 `(rows, labels)` of 0 and 1."""
        if y.ndim != 2 or y.shape[1] != self.n or not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"`{what}` must contain 0 or 1 in {self.n} columns, one per label. Received: shape "
                f"{y.shape}, values {quoted_list(np.unique(y))}."
            )
        return y.astype("float32")

    def learn(self, encoded, weights):
        self.baseline = np.average(encoded, axis=0, weights=weights)


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
            target: "log", or what `heads.head_of_target` accepts.
            quantiles: see `heads.quantile_head`, or None.
            loss: what `heads.check_loss` accepts, or None.
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
        return found

    def in_units(self, output):
        """What the loss is computed from, in the units of y: float64 `(rows, outputs)`."""
        if self.head.distribution is not None:
            return self.parameters(output)
        return self.from_network(output).reshape(len(output), -1)


class MixedTarget:
    """Several columns of y, each with a target of its own.

    Attributes:
        names: list of the names of the columns.
        targets: list of `ClassTarget` and `NumberTarget` of one column.
        weights: dict from name to the weight of its loss, or None.
        head: `Head` of all columns.
    """

    def __init__(self, names, targets, weights=None):
        self.names, self.targets, self.weights = list(names), list(targets), weights
        self.n = len(self.names)
        parts = [
            Part(name, target.head, target.n if target.head.per_class else 1)
            for name, target in zip(self.names, self.targets, strict=True)
        ]
        self.head = mixed_head(weighted_parts(parts, weights))

    @classmethod
    def of(cls, heads=None, loss_weights=None, classes=None):
        """A function from y, as `MixedColumns` reads it, and its column names to the target.

        Args:
            heads: dict from a column to its problem type, see the argument of `DNNMultiOutput`.
            loss_weights: dict from a column to the weight of its loss, or None.
            classes: dict from a column of classes to all labels that will occur; y may lack some.
                None means that y has them all.
        """

        def make(y, names):
            kinds, labels = heads or {}, classes or {}
            for argument, given in (("heads", kinds), ("classes", labels)):
                for name in given.keys() - {*names}:
                    raise invalid(
                        argument, "must have the columns of `y` as keys", name,
                        f"`y` has {quoted_list(names)}.",
                    )  # fmt: skip
            targets = [
                target_of_column(y[:, k], name, kinds.get(name), labels.get(name))
                for k, name in enumerate(names)
            ]
            of_classes = [n for n, one in zip(names, targets, strict=True)
                          if isinstance(one, ClassTarget)]  # fmt: skip
            missing = [name for name in of_classes if classes is not None and name not in labels]
            if missing:
                raise ValueError(
                    f"`classes` must have the labels of column {missing[0]!r}, because later rows "
                    "may have labels that these rows lack. Pass them to the first call, such as "
                    f"classes={{{missing[0]!r}: {list(targets[names.index(missing[0])].classes)}}}."
                )
            return cls(names, targets, loss_weights)

        return make

    def __iter__(self):
        """Yield each target with its columns among the outputs."""
        return zip(self.targets, columns_of([part.units for part in self.head.parts]), strict=True)

    def encode(self, y, what="y"):
        """y as float64 `(rows, columns)`: positions of classes, and numbers in their own units.

        Raises:
            ValueError: another number of columns, an unseen class, or an invalid number.
        """
        if y.ndim != 2 or y.shape[1] != self.n:
            raise ValueError(
                f"`{what}` must have the columns {quoted_list(self.names)}. Received: an array of "
                f"shape {y.shape}."
            )
        found = np.empty(y.shape)
        for k, (name, target) in enumerate(zip(self.names, self.targets, strict=True)):
            encoded = target.encode(_values(y[:, k]), f"{what}[{name!r}]")
            found[:, k] = encoded.reshape(-1)
        return found

    def decode(self, y):
        """An encoded y as a DataFrame of labels and numbers."""
        columns = zip(self.names, self.targets, strict=True)
        return pd.DataFrame({
            name: target.classes[y[:, k].astype("int64")] if hasattr(target, "classes") else y[:, k]
            for k, (name, target) in enumerate(columns)
        })  # fmt: skip

    def of_column(self, k, y):
        """Column k of an encoded y, as its own target encodes it."""
        y = y[:, k]
        return y.astype("int32") if self.head.parts[k].head.kind == "class" else y[:, None]

    def learn(self, y, weights):
        """Learn the units of each column; `weights` is float `(rows,)` or None."""
        for k, target in enumerate(self.targets):
            target.learn(self.of_column(k, y), weights)

    @property
    def baseline(self):
        """The prediction of a model that knows nothing of X, in the units of each column."""
        return np.concatenate([np.reshape(target.baseline, -1) for target in self.targets])

    @property
    def numbers(self):
        """Yield the positions of columns of numbers with their targets."""
        return [(k, t) for k, t in enumerate(self.targets) if isinstance(t, NumberTarget)]

    @property
    def log(self):
        """Whether a column is trained on its logarithm."""
        return any(target.log for _, target in self.numbers)

    @property
    def range(self):
        """The ranges that predictions are kept in; they are those of the targets."""
        return [target.range for _, target in self.numbers]

    @range.setter
    def range(self, values):
        for k, (_, target) in enumerate(self.numbers):
            target.range = None if values is None else values[k]

    def keep_range(self, y):
        """From now on predict no number outside those of y; see `NumberTarget.keep_range`."""
        for k, target in self.numbers:
            if target.head.standardize and not target.head.distribution:
                target.keep_range(self.of_column(k, y))

    def learn_bias(self, output, y, weights=None):
        """Learn the corrections of columns that are trained on their logarithm."""
        for k, (target, at) in enumerate(self):
            if getattr(target, "log", False):
                target.learn_bias(output[:, at], self.of_column(k, y), weights)

    def to_network(self, y):
        """An encoded y as the network is trained on it, float32 `(rows, columns)`."""
        found = y.astype("float32")
        for k, target in self.numbers:
            found[:, k] = target.to_network(y[:, k : k + 1])[:, 0]
        return found

    def in_units(self, output):
        """What metrics are computed from: probabilities, and numbers in the units of y."""
        found = output.astype("float64")
        for target, at in self:
            if isinstance(target, NumberTarget):
                found[:, at] = target.in_units(output[:, at])
        return found


def target_of_column(y, name, kind=None, classes=None):
    """The target of one of several columns of y.

    Args:
        y: array of objects `(rows,)`.
        name: its name.
        kind: "class", "log", or another head, see `heads.head_named`. None: text, booleans, 0 and
            1, and the integers 0..K-1 are classes.
        classes: the labels of a column of classes, of which y may lack some, or None.

    Raises:
        ValueError: a column that the head does not accept; a few other integers, which could be
            classes or a quantity.
    """
    values = _values(y)
    kind = "class" if kind is None and classes is not None else kind
    if kind is None:
        found = np.unique(values) if values.dtype.kind in "iuf" else np.arange(2)
        few = values.dtype.kind != "f" and len(found) <= MAX_AMBIGUOUS_INTEGERS
        counted = few and np.array_equal(found, np.arange(len(found)))
        kind = "class" if counted or np.isin(found, (0, 1)).all() else "regression"
        if kind == "regression" and few:
            raise ValueError(
                f"Column {name!r} of `y` could hold classes or a quantity: the integers "
                f"{quoted_list(found, 5)}. Pass heads={{{name!r}: 'class'}} or 'regression'."
            )
    if kind == "log":
        return NumberTarget.of("log")(values, [name])
    head = head_named(name, kind)
    try:
        if head.kind == "class":
            target = learn_classes(values, [name], classes, 2 if classes is None else 1)
            if head.units == "1" and target.n > 2:
                raise invalid("heads", f"must be 'class' for {target.n} classes", {name: kind})
            return target
        if classes is not None:
            raise invalid("classes", f"must be left out of a {head.name} problem", classes)
        return NumberTarget.of(head)(values, [name])
    except ValueError as error:
        raise ValueError(f"Column {name!r} of `y`: {error}") from error


HEAVY_TAIL = 15  # standard deviations of the middle half, from the median
MIN_SKEW_ROWS = 50


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


def column(y, what="y"):
    """y as `(rows,)`; a column vector is converted with scikit-learn's warning."""
    if y.ndim == 2 and y.shape[1] == 1:
        warnings.warn(
            f"A column-vector {what} was passed when a 1d array was expected. It is taken as 1d.",
            DataConversionWarning,
            stacklevel=4,
        )
        return y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"{what} should be a 1d array. Received: shape {y.shape}.")
    return y


def order_of(y, ordered):
    """The labels of a classifier with `ordered` from lowest to highest.

    Args:
        y: what the user passed.
        ordered: True, or a sequence of labels.

    Returns:
        list of labels, or None for the order of numbers.
    """
    if ordered is not True:
        return list(ordered)
    dtype = getattr(y, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
        used = set(pd.unique(pd.Series(y).dropna()))
        return [label for label in dtype.categories if label in used]
    return None


def learn_ordered_classes(order, classes=None, least=2):
    """A function from y and its column names to the target of ordered classes.

    Args:
        order: list of labels from lowest to highest, or None for sorted ones.
        classes, least: see `learn_classes`.
    """

    def make(y, names=None):
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(
                "`ordered` needs one class per row. Received: `y` of shape "
                f"{y.shape}. Leave it out for several labels per row."
            )
        target = learn_classes(y, names, classes, least)
        labels = target.classes
        if order is None and labels.dtype.kind not in "biuf":
            raise ValueError(
                "`ordered=True` needs labels that have an order: numbers, or a pandas Categorical "
                f"with ordered=True. Received: {quoted_list(labels)}. Pass all labels from lowest "
                "to highest, such as ordered=('low', 'medium', 'high')."
            )
        if order is not None:
            unlisted = [label for label in labels if label not in set(order)]
            if unlisted:
                raise ValueError(
                    f"`ordered` must contain every label of `y`. It lacks {quoted_list(unlisted)}. "
                    f"Received: ordered={tuple(order)!r}."
                )
            kind = None if labels.dtype.kind == "U" else labels.dtype
            labels = np.array(order, dtype=kind)
        return ClassTarget(labels, ordered=True)

    return make


def learn_classes(y, names=None, classes=None, least=2):
    """The target of a classifier: `ClassTarget` or `LabelTarget`.

    Args:
        y: labels `(rows,)`, or 0 and 1 `(rows, labels)`.
        names: column names of y, or None.
        classes: the declared label vocabulary, which may have labels that y lacks. None means the
            labels of y.
        least: int, the fewest different labels that y may hold.

    Raises:
        ValueError: numbers that are no classes ("Unknown label type"), labels of several types,
            one class alone, labels that are not among `classes`.
    """
    if y.ndim == 2 and y.shape[1] > 1:
        if classes is not None:
            raise invalid(
                "classes", "must be None where `y` has several columns of 0 and 1", classes,
                "The names of the columns of `y` are the labels.",
            )  # fmt: skip
        good = np.isin(y, (0, 1)) if y.dtype.kind in "fiub" else np.zeros(y.shape, dtype=bool)
        if not good.all():
            row, j = np.argwhere(~good)[0]
            raise ValueError(
                "Unknown label type: `y` of several columns must contain 0 or 1 in each. Received: "
                f"shape {y.shape}, row {row} is {to_python(y[row, j])!r}. Train one classifier per "
                "column, or `DNNRegressor` on numbers."
            )
        if (y.sum(axis=1) == 1).all():
            warn(
                f"Each row of `y` has a single 1 in its {y.shape[1]} columns, which are treated as "
                "labels that may occur together. If they exclude each other, pass the class of "
                "each row: y.idxmax(axis=1) of a DataFrame, y.argmax(axis=1) of an array."
            )
        for j in np.flatnonzero(y.min(axis=0) == y.max(axis=0)):
            label = repr(names[j]) if names else str(j)
            warn(
                f"Label {label} of `y` is {to_python(y[0, j])!r} in all {len(y):,} rows, so the "
                "network can only learn to predict it always. Check how the rows were selected."
            )
        return LabelTarget(np.array(names if names else np.arange(y.shape[1])))
    y = column(y)
    if y.dtype.kind not in "biufUO":
        raise ValueError(
            f"Unknown label type: labels must be strings, integers or booleans. Received: "
            f"dtype {y.dtype}. y.astype(str) converts them to text."
        )
    if y.dtype.kind == "O" and not all(isinstance(label, str) for label in y):
        kinds = sorted({type(label).__name__ for label in y})
        rule = "labels must be of one type"
        if set(kinds) <= {"int", "float"}:  # `read_target` found no dtype that holds them exactly
            rule = "integers must fit in 64 bits, or in 53 bits if y also contains fractions"
        elif len(kinds) == 1:
            rule = "labels must be strings, integers or booleans"
        raise ValueError(
            f"Unknown label type: {rule}. Received: {', '.join(kinds)}, such as "
            f"{quoted_list(pd.unique(pd.Series(y, dtype=object)), 3)}. y.astype(str) converts "
            "them to text."
        )
    if y.dtype.kind == "f" and np.isinf(y).any():
        row = int(np.isinf(y).argmax())
        raise ValueError(
            f"Unknown label type: labels must be finite. Received: row {row} is {y[row]} "
            f"({int(np.isinf(y).sum())} of {len(y)} rows). Drop such rows."
        )
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        row = int((y != np.floor(y)).argmax())
        raise ValueError(
            "Unknown label type: continuous. Labels must be strings, integers or booleans. "
            f"Received: row {row} is {y[row]}. `DNNRegressor` predicts numbers."
        )
    found = np.unique(y)
    classes = found if classes is None else read_vocabulary(classes, found)
    if y.dtype.kind in "UO" and (twins := blank_twins(classes)):
        warn(
            f"`y` has classes that differ only in case or blanks. Received: {quoted_list(twins)}. "
            "y = y.str.strip().str.casefold() of a Series makes them one."
        )
    if y.dtype.kind != "O" and len(found) > max(20, len(y) / 2):
        warn(
            f"`y` contains {len(found):,} different numbers in {len(y):,} rows, which are probably "
            "not classes. Use `DNNRegressor` to predict numbers."
        )
    if len(found) < least:
        raise ValueError(
            f"`y` must contain at least two classes. Received: one class, {to_python(found[0])!r}, "
            f"in all {len(y):,} rows with a positive weight (n_samples={len(y)})."
        )
    return ClassTarget(classes)


def read_vocabulary(classes, found):
    """The declared labels, sorted, in the dtype of y where that holds them.

    Args:
        classes: labels in any order.
        found: array of the different labels of y.

    Raises:
        ValueError: fewer than two labels, a label twice, labels of y that are not among them.
    """
    labels, _ = read_target(pd.Series(list(classes)), "classes")
    if len(labels) < 2 or len(pd.unique(labels)) < len(labels):
        raise invalid("classes", "must be at least two different labels", classes)
    same_type = labels.dtype.kind in "biuf" if found.dtype.kind in "biuf" else True
    unknown = [y for y in found if y not in set(labels.tolist())] if same_type else found
    if len(unknown):
        raise ValueError(
            f"`y` must contain labels of `classes`. Received: {quoted_list(unknown)}; classes are "
            f"{quoted_list(labels, 10)}. Add them to `classes`, or drop such rows."
        )
    if found.dtype.kind in "biuf" and (labels.astype(found.dtype) == labels).all():
        labels = labels.astype(found.dtype)
    return np.sort(labels)
