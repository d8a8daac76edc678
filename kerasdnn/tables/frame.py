"""Read tables of any library as columns of NumPy.

A pandas DataFrame (NumPy, nullable, Arrow-backed dtypes), polars, pyarrow and whatever else speaks
the dataframe interchange protocol, a dict of columns, a dict of scalars or a pandas Series (one
row), a list of dicts, an array (masked cells are missing) or a list of rows: all become a `Frame`
whose columns are of these kinds, and of no other:

    numeric     float64, NaN where missing           numbers of any width, decimals
    boolean     float64 0, 1, NaN where missing
    datetime    datetime64[us], NaT where missing    dates and times without a time zone
    instant     datetime64[us], NaT where missing    those with one, in UTC: one instant, one value
    duration    float64 seconds, NaN where missing
    text        str objects, None or NaN if missing  strings, categories, mixed objects
                                                     (`inference` reads numbers and dates from it)
    empty       nothing but missing values, of any dtype
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import check_array

from ..checks.named_array import NamedArray, check_duplicate_columns
from ..checks.weights import check_same_rows
from ..core.messages import to_python

NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
DATES = {"datetime", "datetime64", "date"}
PLAIN = "biufOM"  # NumPy dtypes whose values say without their column what they are
DURATIONS = {"timedelta", "timedelta64"}
SECONDS = {"W": 604_800, "D": 86_400, "h": 3600, "m": 60, "s": 1.0}
SECONDS |= {"ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "fs": 1e-15, "as": 1e-18}


@dataclass
class Column:
    """One column: `kind` as in the head of this file, `values` of shape `(rows,)`.

    `declared` is True where its dtype says that it holds categories. `exact`, if not None, has the
    values as they came: integers that float64 may have rounded, or the objects of a text column.
    """

    kind: str
    values: np.ndarray
    declared: bool = False
    exact: np.ndarray | None = None

    def take(self, rows):
        exact = None if self.exact is None else self.exact[rows]
        return Column(self.kind, self.values[rows], self.declared, exact)

    @cached_property
    def missing(self):
        """Where a value is missing, bool `(rows,)`."""
        if self.kind == "empty":
            return np.ones(len(self.values), dtype=bool)
        return np.isnan(self.values) if self.values.dtype.kind == "f" else pd.isna(self.values)

    @cached_property
    def factorized(self):
        """`(codes, different values)` of text, code -1 where a value is missing."""
        return pd.factorize(self.values)


class Frame:
    """The columns of a table, read on first use.

    Attributes:
        names: column names, None where the table is an array.
        matrix: float64 `(rows, columns)` where the table is an array of numbers, else None;
            exact: that array, if it is of integers that float64 may have rounded.
        index: pandas row labels, or None.
        rows, width: int, number of rows and columns.
    """

    def __init__(self, columns, rows, names=None, matrix=None, index=None, exact=None):
        self.columns, self.rows, self.names = columns, rows, names
        self.matrix, self.index, self.exact = matrix, index, exact
        self.width = len(columns) if matrix is None else matrix.shape[1]

    def column(self, position):
        """The `Column` at `position`."""
        if self.matrix is not None:
            exact = None if self.exact is None else self.exact[:, position]
            return Column("numeric", self.matrix[:, position], exact=exact)
        column = self.columns[position]
        if not isinstance(column, Column):
            try:
                column = read_column(column)
            except (ValueError, TypeError, OverflowError) as error:
                raise ValueError(f"Column {self.label(position)}: {error}") from error
            if column.missing[:1].all() and column.missing.all():
                column = Column("empty", column.values)
            self.columns[position] = column
        return column

    def take(self, rows):
        """The frame with the rows at `rows`, a bool mask or positions."""
        rows = np.asarray(rows)
        count = int(rows.sum()) if rows.dtype == bool else len(rows)
        if self.matrix is not None:
            exact = None if self.exact is None else self.exact[rows]
            return Frame(None, count, self.names, self.matrix[rows], exact=exact)
        columns = [self.column(j).take(rows) for j in range(self.width)]
        return Frame(columns, count, self.names)

    def label(self, position):
        return repr(to_python(self.names[position])) if self.names is not None else str(position)


def read_frame(X, what="X"):
    """Read `X` as a `Frame`.

    Args:
        X: see the head of this file; shape `(rows, columns)`.
        what: the argument's name, for messages.

    Raises:
        ValueError: not two-dimensional, no columns, a name twice, columns of different lengths,
            complex numbers.
        TypeError: a sparse matrix.
    """
    if isinstance(X, Frame):
        return X
    if isinstance(X, (list, tuple)) and len(X) and all(isinstance(row, Mapping) for row in X):
        # Records of JSON. As objects, a missing key does not convert integers to floats.
        X = pd.DataFrame(list(X), dtype=object)
    if isinstance(X, pd.DataFrame):
        return _from_pandas(X, what)
    if isinstance(X, pd.Series):  # such as frame.iloc[0]
        X = X.to_dict()
    if isinstance(X, np.ma.MaskedArray):
        X = unmasked(X)
    if isinstance(X, np.ndarray) and X.dtype.names and X.ndim == 1:  # such as frame.to_records()
        X = {name: X[name] for name in X.dtype.names}
    if isinstance(X, Mapping) and not issparse(X):  # one kind of sparse matrix is a dict
        return _from_dict(X, what)
    if not isinstance(X, (np.ndarray, list, tuple)) and not issparse(X):
        native = nw.from_native(X, eager_only=True, pass_through=True)
        if isinstance(native, nw.DataFrame):
            return _from_narwhals(native, what)
        if hasattr(X, "__dataframe__") and not hasattr(X, "__array__"):
            return _from_pandas(pd.api.interchange.from_dataframe(X), what)
    elif isinstance(X, (list, tuple)) and np.asarray(X).dtype.kind in "US":
        X = np.asarray(X, dtype=object)  # else NumPy converts numbers next to strings to text
    allowed = {"ensure_all_finite": False, "ensure_min_samples": 0, "input_name": what}
    X = check_array(X, dtype=None, **allowed)
    if X.dtype.kind in "fiub" and X.dtype.itemsize <= 8:
        exact = X if is_wide(X.dtype) else None
        return Frame(None, len(X), matrix=X.astype("float64", copy=False), exact=exact)
    return Frame(list(X.T), len(X))


def _from_pandas(X, what):
    if isinstance(X.columns, pd.MultiIndex):
        raise ValueError(
            f"`{what}` must have one row of column names. Received: {X.columns.nlevels} levels, "
            f"such as {X.columns[0]!r}. {what}.columns = {what}.columns.map('_'.join) joins them."
        )
    columns = [series for _, series in X.items()]
    if len(X) == 1:  # a row to predict is read by its values
        columns = [
            read_scalar(series.array[0]) if is_plain(series.dtype) else series for series in columns
        ]
    return _named(columns, list(X.columns), len(X), what, X.index)


def is_plain(dtype):
    """Return whether the values of a pandas dtype are self-explanatory without it."""
    return dtype.kind in PLAIN if isinstance(dtype, np.dtype) else dtype == "str"


def _read_row(names, values):
    columns = []
    for name, value in zip(names, values, strict=True):
        try:
            columns.append(read_scalar(value))
        except ValueError as error:
            raise ValueError(f"Column {to_python(name)!r}: {error}") from error
    return columns


def _from_dict(X, what):
    scalars = [np.ndim(value) == 0 for value in X.values()]
    columns = list(X.values())
    if scalars and all(scalars):
        columns = _read_row(X, columns)
    elif any(scalars):
        raise ValueError(
            f"`{what}` must contain one value per column (a row) or one sequence per column. "
            f"Received: a dict of both; {to_python(list(X)[scalars.index(True)])!r} has a single "
            "value."
        )
    series = {k: v for k, v in X.items() if isinstance(v, pd.Series)}
    tables = [
        NamedArray(column.array, f"{what}[{to_python(name)!r}]", labels=column.index)
        for name, column in series.items()
    ]
    for table in tables[1:]:  # all columns must have the same rows
        check_same_rows(tables[0], table)
    index = tables[0].labels if tables else None
    lengths = {} if scalars and all(scalars) else {k: len(v) for k, v in X.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"Columns of `{what}` must have the same length. "
            f"Received: lengths {str(lengths)[:200]}."
        )
    return _named(columns, list(X), next(iter(lengths.values()), 1), what, index)


def _from_narwhals(X, what):
    def to_numpy(series):
        if series.dtype in (nw.Categorical, nw.Enum):
            native = series.to_native()
            if hasattr(native, "to_pandas") and hasattr(native, "dictionary_encode"):
                return native.to_pandas()  # pyarrow's, whose categories are of any type
            texts = series.cast(nw.String).to_numpy()
            return Column("text", texts.astype(object), declared=True)
        if series.dtype == nw.Datetime and series.dtype.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            return Column("instant", _microseconds(series.to_numpy()))
        if series.dtype.is_integer() and series.null_count():  # to_numpy converts them to float64
            return np.array(series.to_list(), dtype=object)
        return series.to_numpy()

    return _named([to_numpy(X[name]) for name in X.columns], list(X.columns), len(X), what)


def _named(columns, names, rows, what, index=None):
    names = [to_python(name) for name in names]
    if not names:
        raise ValueError(
            f"`{what}` has 0 feature(s) (shape=({rows}, 0)) while a minimum of 1 is required."
        )
    for name in names:
        if not isinstance(name, (str, int)) or isinstance(name, bool):
            raise ValueError(
                f"Column names of `{what}` must be strings or integers. Received: {name!r}. "
                f"{what}.columns = {what}.columns.map(str) converts them."
            )
    check_duplicate_columns(names, what)
    return Frame(columns, rows, names, index=index)


def read_column(values):
    """Read an array or a pandas Series as a `Column`.

    Raises:
        ValueError: complex numbers, dates that are not dates.
    """
    if isinstance(values, pd.Series) and not isinstance(values.dtype, np.dtype):
        return _read_extension(values)
    # A list stays objects: NumPy would convert numbers and None among strings to text.
    kind = object if isinstance(values, (list, tuple)) else None
    values = np.asarray(unmasked(values), dtype=kind)
    if values.ndim != 1:
        raise ValueError(f"a column must be one-dimensional. Received: shape {values.shape}.")
    kind = values.dtype.kind
    if kind == "b":
        return Column("boolean", values.astype("float64"))
    if kind in "fiu":
        exact = values if is_wide(values.dtype) else None
        return Column("numeric", values.astype("float64", copy=False), exact=exact)
    if kind == "M":
        return Column("datetime", _microseconds(values))
    if kind == "m":
        return Column("duration", _seconds(values))
    if kind == "c":
        raise ValueError("Complex data not supported.")
    return _read_objects(values.astype(object, copy=False))


def _read_extension(series):
    dtype = series.dtype
    types = pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        texts = np.array([as_text(v) for v in dtype.categories] + [None], dtype=object)
        return Column("text", texts[series.cat.codes.to_numpy()], declared=True)
    if isinstance(dtype, pd.StringDtype):  # Arrow finds the different values fastest
        codes, texts = pd.factorize(series)
        texts = np.append(np.asarray(texts, dtype=object), None)
        column = Column("text", texts[codes])
        column.__dict__.update(factorized=(codes, texts[:-1]), missing=codes < 0)
        return column
    if isinstance(dtype, pd.PeriodDtype):
        return read_column(series.dt.to_timestamp())
    if getattr(dtype, "tz", None) or getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None):
        column = read_column(series.dt.tz_convert("UTC").dt.tz_localize(None))
        return Column("instant", column.values.astype("datetime64[us]"))
    if isinstance(dtype, pd.SparseDtype):
        return read_column(np.asarray(series))
    if types.is_bool_dtype(dtype):
        return Column("boolean", series.to_numpy(dtype="float64", na_value=np.nan))
    if types.is_numeric_dtype(dtype) and dtype.kind in "iuf":
        exact = series.to_numpy(dtype=object) if is_wide(dtype) else None
        numbers = series.to_numpy(dtype="float64", na_value=np.nan)
        return Column("numeric", numbers, exact=exact)
    return _read_objects(series.to_numpy(dtype=object))


def _read_objects(values):
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "string":
        return Column("text", values)
    missing = pd.isna(values)
    if missing.all():
        return Column("empty", values)
    if kind == "boolean" or kind in NUMBERS:
        numbers = np.full(len(values), np.nan)
        numbers[~missing] = values[~missing].astype("float64")
        if kind == "boolean":
            return Column("boolean", numbers)
        return Column("numeric", numbers, exact=None if kind == "floating" else values)
    if kind == "period":
        return read_column(pd.PeriodIndex(values).to_timestamp().to_numpy())
    if kind in DATES:
        zoned = [getattr(value, "tzinfo", None) is not None for value in values[~missing]]
        if any(zoned) and not all(zoned):
            raise ValueError(
                "either all times must have a time zone or none. Received: both, such as "
                f"{values[~missing][zoned.index(True)]} and "
                f"{values[~missing][zoned.index(False)]}. pd.to_datetime(..., utc=True) gives "
                "all of them the same."
            )
        moments = np.full(len(values), "NaT", dtype="datetime64[us]")
        moments[~missing] = [without_zone(value) for value in values[~missing]]
        return Column("instant" if any(zoned) else "datetime", moments)
    if kind in DURATIONS:
        seconds = np.full(len(values), np.nan)
        seconds[~missing] = [_seconds_of(value) for value in values[~missing]]
        return Column("duration", seconds)
    if kind == "complex":
        raise ValueError("Complex data not supported.")
    for value in values[~missing]:
        if isinstance(value, (list, dict, set, np.ndarray)):
            row = next(i for i, other in enumerate(values) if other is value)
            raise ValueError(
                f"a cell must contain a single value. Row {row} holds a {type(value).__name__}, "
                f"{str(value)[:80]}. Turn it into columns, such as its length, or "
                "frame.pop(name).str.join('|').str.get_dummies()."
            )
    texts = np.full(len(values), None)
    texts[~missing] = [as_text(value) for value in values[~missing]]
    return Column("text", texts, exact=values)


def read_scalar(value):
    """Read a single value as a `Column` of one row; common types without pandas."""
    if isinstance(value, str):
        return Column("text", np.array([value], dtype=object))
    if isinstance(value, (bool, np.bool_)):
        return Column("boolean", np.array([float(value)]))
    if isinstance(value, (int, float, np.integer, np.floating)) and value == value:  # not NaN
        exact = None if isinstance(value, (float, np.floating)) else np.array([value], dtype=object)
        try:
            return Column("numeric", np.array([float(value)]), exact=exact)
        except OverflowError as error:
            raise ValueError(f"{error}; the value begins with {str(value)[:8]}") from error
    if isinstance(value, datetime) and value is not pd.NaT:
        kind = "datetime" if value.tzinfo is None else "instant"
        return Column(kind, np.array([without_zone(value)], dtype="datetime64[us]"))
    cell = np.empty(1, dtype=object)
    cell[0] = value  # a tuple too is one value
    return read_column(cell)


def is_wide(dtype):
    """Return whether a dtype holds integers that float64 may round."""
    return dtype.kind in "iu" and dtype.itemsize == 8


def unmasked(values):
    """Return a masked array as a plain one with missing values; anything else unchanged."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if values.dtype.kind in "mM":
        return values.filled(np.array("NaT", values.dtype))
    if values.dtype.kind == "f":
        return values.filled(np.nan)
    plain_values = values.data
    if np.ma.is_masked(values):
        plain_values = plain_values.astype(object)
        plain_values[values.mask] = None
    return plain_values


def _seconds_of(duration):
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    return float(_seconds(np.array([duration]))[0])


def without_zone(moment):
    """Return a date or time unchanged, or in UTC if it has a time zone."""
    zone = getattr(moment, "tzinfo", None)
    return moment if zone is None else moment.astimezone(UTC).replace(tzinfo=None)


def _microseconds(moments):
    converted = moments.astype("datetime64[us]")
    back = converted.astype(moments.dtype)
    if moments.dtype != converted.dtype and not np.array_equal(back, moments, equal_nan=True):
        worst = moments[np.argmax((back != moments) & ~np.isnat(moments))]
        if np.datetime_data(moments.dtype)[0] not in ("ns", "ps", "fs", "as"):
            raise ValueError(f"dates must be within 290,000 years of 1970. Received: {worst}.")
    return converted


def _seconds(durations):
    unit, count = np.datetime_data(durations.dtype)
    seconds = durations.astype("int64") * (count * SECONDS[unit])
    return np.where(np.isnat(durations), np.nan, seconds)


def as_text(value):
    """Return a category as text, the same for every type that a library gives it.

    3, 3.0 and "3" are equal, because a missing value in the column converts 3 to 3.0; so are a
    fraction and its copy in float32, and a date, a time and a period that begin at the same time.
    """
    if isinstance(value, Decimal) and value.is_finite():  # 1.50 and 1.5 are one, and so is 1E+1
        return str(int(value)) if value == int(value) else format(value, "f").rstrip("0")
    if isinstance(value, (float, np.floating)):
        return str(int(value) if float(value).is_integer() else np.float32(value))
    if isinstance(value, pd.Period):
        value = value.to_timestamp()
    if isinstance(value, (date, np.datetime64)):
        moment = np.array(without_zone(value), dtype="datetime64[us]").item()
        return str(moment if isinstance(moment, datetime) else value)
    if isinstance(value, (timedelta, np.timedelta64)):
        return as_text(_seconds_of(value))
    return str(value)
