"""Pre-flight checks of the numbers themselves: what is in `x`, and in `y` before it means anything.

The common case, a clean table, must cost next to nothing: one dot product of the whole table with
itself, at the speed of memory, tells that every number is finite (NaN and infinity survive it).
Only a table that fails is searched.
"""

import narwhals as nw
import numpy as np
import pandas as pd

from .checks_words import Table, listed, plain, warn

OVERFLOWING = 1e76  # sum of squares above which a number may be too large for float32
BLOCK = 2**13
SCREENED_ROWS = 256
WHOLE_ROWS = 4_096  # of whole numbers, looked at for their size
FEWEST_ROWS_TO_CALL_A_COPY = 20  # on fewer rows a feature may equal the target by chance


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


def as_table(data, what):
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
        table = Table(data.to_numpy(), columns=list(data.columns), **names)
        check_duplicate_columns(table.columns, what)
    elif labels is not None:
        table = Table(data.to_numpy(), columns=None if data.name is None else [data.name], **names)
    else:
        table = Table(np.asarray(data), **names)
    _check_numeric(table)
    return table


def _check_dtypes(frame, what):
    dtypes = frame.dtypes.to_list()
    for dtype in dict.fromkeys(dtypes):  # a few of them, in whatever number of columns
        plain_objects = isinstance(dtype, np.dtype) and dtype.kind == "O"  # searched later
        if not is_number_dtype(dtype) and not plain_objects:
            position = dtypes.index(dtype)
            column = frame.iloc[:, position]
            raise _not_numeric(what, repr(plain(frame.columns[position])), dtype, column)


def _not_numeric(what, name, dtype, column):
    first = f", first value {plain(column.iloc[0])!r}" if len(column) else ""
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
    value = repr(plain(table.values[where])) if table.values.size else "no value"
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
        f"Columns of `{what}` must have different names. Received: {listed(twice)} more than once. "
        f"`{what}.loc[:, ~{what}.columns.duplicated()]` keeps the first of each."
    )


def check_finite(table, precision="float32"):
    """Refuse NaN, infinity and numbers that overflow `precision`; returns the sum of squares.

    Raises:
        ValueError: it names column, first bad row, value and remedy.
    """
    values = table.values
    if values.dtype.kind in "bV" or values.size == 0:
        return 0.0
    if values.dtype.kind in "iu":
        return _largest_whole(values) ** 2
    flat = values.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        total = _sum_of_squares(flat)
        if total < OVERFLOWING:  # not of NaN or infinity either
            return total
        rounded = values.astype(precision) if values.dtype.itemsize > 4 else values
        good = np.isfinite(rounded)
    if good.all():  # large numbers, but legal
        return np.inf
    where = np.unravel_index(int(good.argmin()), good.shape)
    raise ValueError(_not_finite(table, good, where, precision))


def _sum_of_squares(flat):
    """In blocks too short for the linear algebra library to call in threads, which wait in turn
    where the processor is busy: then they take ten times as long."""
    whole = len(flat) - len(flat) % BLOCK
    blocks, rest = flat[:whole].reshape(-1, BLOCK), flat[whole:]
    return float(np.vecdot(blocks, blocks).sum()) + float(np.dot(rest, rest))


def _largest_whole(values):
    """The largest magnitude of some rows from first to last.

    No whole number overflows, and what float32 rounds is worth a warning where it is many values,
    as of an identifier, whose size shows in any few thousand rows.
    """
    some = np.concatenate([values[:: max(1, len(values) // WHOLE_ROWS)], values[-1:]])
    return float(max(-int(some.min()), int(some.max())))


def _not_finite(table, good, where, precision):
    value, what = table.values[where], table.what
    bad = ~good.reshape(len(good), -1)
    rows = int(bad.any(axis=1).sum())
    found = f"{table.cell(where)} is {plain(value)} ({rows} of {len(bad)} rows hold such a value)"
    if np.isfinite(value):
        return (
            f"`{what}` must fit in {precision}. Received: {found}, which becomes infinite. "
            f"Rescale the column, e.g. by its logarithm."
        )
    if len(where) == 2 and len(bad) > 1 and bad[:, where[1]].all():
        remedy = "The whole column is so: a constant column divided by its zero spread gives this."
    elif np.isnan(value):
        remedy = f"Drop such rows: keep = np.isfinite({what}); x, y = x[keep], y[keep]."
        if len(where) == 2:
            remedy = (
                "Fill it, e.g. with the median of the column, or drop such rows; `DNNClassifier` "
                "and `DNNRegressor` fill missing values themselves."
            )
    else:
        remedy = "A division by zero or the logarithm of zero gives this: drop or clip such rows."
    return f"`{what}` must hold finite numbers. Received: {found}. {remedy}"


def check_copies(features, targets):
    """Warn of a feature that is the target itself.

    Two classes may also be copied the other way round (1 - y). A `y` whose every column is a
    feature is an autoencoder's and no mistake.
    """
    x = features.values
    y = targets.values.reshape(len(targets), -1)
    if x.ndim != 2 or len(x) < FEWEST_ROWS_TO_CALL_A_COPY or y.size != len(y) * y.shape[1]:
        return
    head = np.ascontiguousarray(x[:SCREENED_ROWS].T, dtype="float32") + np.float32(0)  # -0 is 0
    seen = {}
    for position, column in enumerate(head):
        seen.setdefault(column.tobytes(), []).append(position)
    copies = [_copies_of(y[:, j], x, seen) for j in range(y.shape[1])]
    if y.shape[1] > 1 and all(copies):
        return
    for j, found in enumerate(copies):
        if found and y[:, j].min() != y[:, j].max():
            name = "it" if y.shape[1] == 1 else f"its {targets.column(j)}"
            columns = ", ".join(features.column(position) for position in found[:5])
            warn(
                f"No feature should be the target. Received: {columns} of `{features.what}` equals "
                f"`{targets.what}`" + ("" if name == "it" else f" ({name})") + " in every row. "
                "The network learns to copy it; drop it unless it is known at prediction time."
            )


def _copies_of(target, x, seen):
    target = target.astype("float32") + np.float32(0)
    candidates = [target]
    if set(np.unique(target[:SCREENED_ROWS]).tolist()) <= {0.0, 1.0}:
        candidates.append(1 - target)
    return [
        position
        for values in candidates
        for position in seen.get(values[:SCREENED_ROWS].tobytes(), ())
        if (x[:, position].astype("float32") == values).all()
    ]
