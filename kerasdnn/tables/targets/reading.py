"""Read y: as an array, its missing values, and objects that are numbers."""

import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from ...checks.named_array import NamedArray
from ...checks.weights import check_same_rows
from ...core.messages import quoted_list, to_python, warn
from ..frame import read_frame, unmasked
from ..texts.parsing import split_number


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
        y = np.column_stack([plain_values(frame.column(j).values) for j in range(frame.width)])
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
    return plain_values(y), names


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


def plain_values(y):
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
