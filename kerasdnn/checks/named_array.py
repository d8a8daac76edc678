"""Arrays with the names of their rows and columns, as messages need them."""

from dataclasses import dataclass, field

import narwhals as nw
import numpy as np
import pandas as pd

from ..core.messages import quoted_list, to_python


@dataclass
class NamedArray:
    """An in-memory array with the names that an error message needs.

    Attributes:
        values: array, shape `(rows, ...)`.
        what: the argument as the user wrote it, such as `x` or `validation_data[1]`.
        columns: names of the columns of a DataFrame (or of a Series), or None.
        index: labels of the rows where they say more than the position, or None.
        labels: every pandas index, also one that counts 0, 1, 2; None for an array.
    """

    values: np.ndarray
    what: str
    columns: list | None = None
    index: object = None
    labels: object = field(default=None, repr=False)

    def __len__(self):
        return len(self.values)

    def row(self, position):
        """`row 3`, or `row 3 (index 'b')` where the index is not the position itself."""
        name = f"row {position}"
        return name if self.index is None else f"{name} (index {to_python(self.index[position])!r})"

    def column(self, position):
        """`column 'age'`, or `column 3` of an array."""
        name = position if self.columns is None else repr(to_python(self.columns[position]))
        return f"column {name}"

    def cell(self, where):
        """`column 'age', row 3`; the row alone where there is one column without a name."""
        row = self.row(int(where[0]))
        if len(where) == 1 or (self.columns is None and self.values[0].size == 1):
            return row
        if len(where) == 2:
            return f"{self.column(int(where[1]))}, {row}"
        return f"{row}, position {tuple(int(i) for i in where[1:])}"


def as_numbers(data):
    """`data` such that Keras reads the numbers that stand in it; anything but a table as it is.

    A DataFrame or Series of pandas, polars, pyarrow and their like becomes one of pandas of a
    single NumPy dtype, where all of its columns are numbers or booleans. What a mask hides, and
    what is missing among integers, becomes NaN.
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
    plain_dtypes = [
        getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype)) for dtype in dtypes
    ]
    dtype = np.result_type(*plain_dtypes) if plain_dtypes else np.dtype("float64")
    if dtype.kind not in "fiub" or (dtype.kind != "f" and data.isna().to_numpy().any()):
        dtype = np.dtype("float64")
    missing = {"na_value": np.nan} if dtype.kind == "f" else {}
    labels = {"columns": data.columns} if data.ndim == 2 else {"name": data.name}
    return type(data)(data.to_numpy(dtype=dtype, **missing), index=data.index, **labels)


def is_number_dtype(dtype):
    return pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)


def as_named_array(data, what):
    """`data` as a `Table`, or None when it is not an array in memory.

    Raises:
        ValueError: a column is repeated or does not hold real numbers.
    """
    data = as_numbers(data)
    if data is None or not hasattr(data, "__array__") or not hasattr(data, "shape"):
        return None
    index = getattr(data, "index", None)
    labels = index if hasattr(index, "equals") else None
    counts_rows = labels is None or (getattr(labels, "start", None) == 0 and labels.step == 1)
    names = {"what": what, "index": None if counts_rows else labels, "labels": labels}
    if hasattr(data, "columns"):
        _check_dtypes(data, what)
        table = NamedArray(data.to_numpy(), columns=list(data.columns), **names)
        check_duplicate_columns(table.columns, what)
    elif labels is not None:
        table = NamedArray(
            data.to_numpy(), columns=None if data.name is None else [data.name], **names
        )
    else:
        table = NamedArray(np.asarray(data), **names)
    _check_numeric(table)
    return table


def _check_dtypes(frame, what):
    dtypes = frame.dtypes.to_list()
    for dtype in dict.fromkeys(dtypes):  # a few of them, in whatever number of columns
        plain_objects = isinstance(dtype, np.dtype) and dtype.kind == "O"  # searched later
        if not is_number_dtype(dtype) and not plain_objects:
            position = dtypes.index(dtype)
            column = frame.iloc[:, position]
            raise _not_numeric(what, repr(to_python(frame.columns[position])), dtype, column)


def _not_numeric(what, name, dtype, column):
    first = f", first value {to_python(column.iloc[0])!r}" if len(column) else ""
    return ValueError(
        f"Columns of `{what}` must be numeric. Received: column {name} of dtype {dtype}{first}. "
        "`DNNClassifier` and `DNNRegressor` take such columns as they are."
    )


def _check_numeric(table):
    kind = table.values.dtype.kind
    if kind in "fiubV":  # V: bfloat16 and its kin
        return
    where = (0,) * table.values.ndim
    if kind == "O":  # name the first value that is not a number, not merely the first value
        numbers = (int, float, np.number, np.bool_)
        cells = np.ndenumerate(table.values)
        where = next((at for at, value in cells if not isinstance(value, numbers)), where)
    value = repr(to_python(table.values[where])) if table.values.size else "no value"
    cell = table.cell(where) if table.values.size else "an empty array"
    raise ValueError(
        f"`{table.what}` must be numeric. Received: {cell} is {value}, dtype {table.values.dtype}. "
        "`DNNClassifier` and `DNNRegressor` take text, dates and labels of any kind as they are."
    )


def check_duplicate_columns(columns, what="x"):
    """Refuse a table whose column names are not unique.

    Raises:
        ValueError: a name appears twice; it names them.
    """
    if columns is None or len(set(columns)) == len(columns):
        return
    twice = list(dict.fromkeys(name for name in columns if list(columns).count(name) > 1))
    raise ValueError(
        f"Columns of `{what}` must have different names. Received: {quoted_list(twice)} more than "
        "once. "
        f"`{what}.loc[:, ~{what}.columns.duplicated()]` keeps the first of each."
    )
