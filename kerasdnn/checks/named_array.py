"""Arrays with the names of their rows and columns, for messages."""

from dataclasses import dataclass, field

import narwhals as nw
import numpy as np
import pandas as pd

from ..core.messages import quoted_list, to_python


@dataclass
class NamedArray:
    """An in-memory array with the names that a message needs.

    Attributes:
        values: array, shape `(rows, ...)`.
        what: str, the argument as the user wrote it, such as `x` or `validation_data[1]`.
        columns: list of the column names of a DataFrame or Series. None for an array.
        index: row labels where they differ from the positions. None otherwise.
        labels: the pandas index, also if it counts 0, 1, 2. None for an array.
    """

    values: np.ndarray
    what: str
    columns: list | None = None
    index: object = None
    labels: object = field(default=None, repr=False)

    def __len__(self):
        return len(self.values)

    def row(self, position):
        """Name a row: `row 3`, or `row 3 (index 'b')` if its label differs from its position."""
        label = "" if self.index is None else f" (index {to_python(self.index[position])!r})"
        return f"row {position}{label}"

    def label(self, position):
        """Name a column: `'age'`, or `3` of an array."""
        return str(position) if self.columns is None else repr(to_python(self.columns[position]))

    def column(self, position):
        """Name a column and its table: "Column 'age' of `x`"."""
        return f"Column {self.label(position)} of `{self.what}`"

    def describe_first(self, good):
        """Describe the first place where `good`, a bool array of the shape of the values, is False.

        Returns:
            str, such as "Column 'age' of `x` contains NaN in 3 of 400 rows (first: row 7)" or
            "`y` contains -1 in row 2 (such values in 9 of 400 rows)".
        """
        row, *inner = np.unravel_index(int(good.argmin()), good.shape)
        value = to_python(self.values[(row, *inner)])
        subject, at = f"`{self.what}`", self.row(int(row))
        if len(inner) == 1 and (self.columns is not None or good.shape[1] > 1):
            subject = self.column(int(inner[0]))
        if len(inner) > 1:
            at = f"{at}, position {tuple(map(int, inner))}"
        values = self.values if len(inner) > 1 else self.values[:, *inner]
        good = good if len(inner) > 1 else good[:, *inner]
        if value != value:
            good = values == values
        rows = int((~good.reshape(len(good), -1).all(axis=1)).sum())
        rows = f"{rows:,} of {len(good):,} rows"
        if value != value:
            return f"{subject} contains NaN in {rows} (first: {at})"
        return f"{subject} contains {value!r} in {at} (such values in {rows})"


def as_numbers(data):
    """Convert a table of numbers to one that Keras reads correctly; return anything else unchanged.

    A DataFrame or Series of pandas, polars, pyarrow and similar libraries becomes a pandas one with
    a single NumPy dtype if all of its columns are numbers or booleans. Masked values, and missing
    values among integers, become NaN.
    """
    if isinstance(data, np.ndarray):
        if not isinstance(data, np.ma.MaskedArray):
            return data
        if data.dtype.kind not in "iub" or not np.ma.is_masked(data):
            return data.filled(np.nan) if np.ma.is_masked(data) else data.data
        return data.astype("float64").filled(np.nan)
    if not isinstance(data, (pd.DataFrame, pd.Series)):
        if isinstance(data, pd.api.extensions.ExtensionArray):
            return as_numbers(pd.Series(data))
        found = nw.from_native(data, eager_only=True, allow_series=True, pass_through=True)
        if isinstance(found, nw.DataFrame):
            data = pd.DataFrame({name: found[name].to_numpy() for name in found.columns})
        elif isinstance(found, nw.Series):
            data = pd.Series(found.to_numpy(), name=found.name or None)
        else:
            return data
    dtypes = set(data.dtypes if data.ndim == 2 else [data.dtype])
    if len(dtypes) == 1 and isinstance(*dtypes, np.dtype):
        return data
    if not all(map(is_number_dtype, dtypes)):
        return data
    numpy_dtypes = [getattr(d, "numpy_dtype", getattr(d, "subtype", d)) for d in dtypes]
    dtype = np.result_type(*numpy_dtypes) if numpy_dtypes else np.dtype("float64")
    if dtype.kind not in "fiub" or (dtype.kind != "f" and data.isna().to_numpy().any()):
        dtype = np.dtype("float64")
    missing = {"na_value": np.nan} if dtype.kind == "f" else {}
    labels = {"columns": data.columns} if data.ndim == 2 else {"name": data.name}
    return type(data)(data.to_numpy(dtype=dtype, **missing), index=data.index, **labels)


def is_number_dtype(dtype):
    return pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)


def as_named_array(data, what):
    """Convert `data` to a `NamedArray`, or return None if it is not an array in memory.

    Raises:
        ValueError: a column name is duplicated, or a column does not contain real numbers.
    """
    data = as_numbers(data)
    if data is None or not hasattr(data, "__array__") or not hasattr(data, "shape"):
        return None
    labels = getattr(data, "index", None)
    labels = labels if hasattr(labels, "equals") else None
    counts_rows = labels is None or (getattr(labels, "start", None) == 0 and labels.step == 1)
    names = {"index": None if counts_rows else labels, "labels": labels}
    if hasattr(data, "columns"):
        _check_dtypes(data, what)
        check_duplicate_columns(data.columns, what)
        names["columns"] = list(data.columns)
    elif labels is not None:
        names["columns"] = None if data.name is None else [data.name]
    table = NamedArray(np.asarray(data) if labels is None else data.to_numpy(), what, **names)
    _check_numeric(table)
    return table


def _check_dtypes(frame, what):
    dtypes = frame.dtypes.to_list()
    for dtype in dict.fromkeys(dtypes):  # a few, for any number of columns
        is_object = isinstance(dtype, np.dtype) and dtype.kind == "O"  # searched later
        if not is_number_dtype(dtype) and not is_object:
            position = dtypes.index(dtype)
            column = frame.iloc[:, position]
            first = f", first value {to_python(column.iloc[0])!r}" if len(column) else ""
            raise ValueError(
                f"Column {to_python(frame.columns[position])!r} of `{what}` is not numeric: dtype "
                f"{dtype}{first}. `DNNClassifier` and `DNNRegressor` accept such columns."
            )


def _check_numeric(table):
    dtype = table.values.dtype
    if dtype.kind in "fiubV":  # V: bfloat16 and similar types
        return
    found = f"`{table.what}` is an empty array"
    if table.values.size:
        good = np.zeros(table.values.shape, dtype=bool)
        if dtype.kind == "O":  # name the first value that is not a number
            numbers = (int, float, np.number, np.bool_)
            good.flat = [isinstance(value, numbers) for value in table.values.flat]
        found = table.describe_first(good & ~good.all())
    raise ValueError(
        f"{found}: dtype {dtype} is not numeric. `DNNClassifier` and `DNNRegressor` accept text, "
        "dates and labels of any kind."
    )


def check_duplicate_columns(columns, what="x"):
    """Reject column names that are not unique.

    Raises:
        ValueError: with the names that occur more than once.
    """
    if columns is None or len(set(columns)) == len(columns):
        return
    twice = list(dict.fromkeys(name for name in columns if list(columns).count(name) > 1))
    raise ValueError(
        f"Columns of `{what}` must have different names: {quoted_list(twice)} more than once. "
        f"{what}.loc[:, ~{what}.columns.duplicated()] keeps the first of each."
    )
