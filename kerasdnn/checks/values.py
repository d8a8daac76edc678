"""Pre-flight checks of the numbers themselves: what is in `x`, and in `y` before it means anything.

The common case, a clean table, must cost next to nothing: one dot product of the whole table with
itself, at the speed of memory, tells that every number is finite (NaN and infinity survive it).
Only a table that fails is searched.
"""

import numpy as np

from ..core.messages import to_python, warn

OVERFLOWING = 1e76  # sum of squares above which a number may be too large for float32
BLOCK = 2**13
WHOLE_ROWS = 4_096  # of whole numbers, looked at for their size


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
    found = (
        f"{table.cell(where)} is {to_python(value)} ({rows} of {len(bad)} rows hold such a value)"
    )
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


# Pre-flight warning of columns, such as identifiers, whose values float32 cannot tell apart.
#
# A sum of squares below 2^48 says that no number reaches 2^24, up to which float32 holds every
# whole number, and that there is nothing to look for.

LARGEST_EXACT = 2**24
FEWEST_STEPS = 2**12  # of float32, between the lowest and the highest value of a column
ROUNDING_ROWS = 256


def check_float32(table, sum_of_squares, precision="float32"):
    """Warn of a column whose distinct values become equal as float32, as identifiers do."""
    values = table.values
    if sum_of_squares < LARGEST_EXACT**2 or values.ndim != 2 or precision != "float32":
        return
    if values.dtype.kind not in "iuf" or (values.dtype.itemsize <= 4 and values.dtype.kind == "f"):
        return
    for position in _coarse_columns(values):
        merged = _merged(values[:, position])
        if merged:
            warn(
                f"`{table.what}` is rounded to float32, which tells whole numbers apart only up to "
                f"{LARGEST_EXACT:,}. Received: {table.column(position)}, where {merged[0]} and "
                f"{merged[1]} become the same number. Drop an identifier, or pass it as text to "
                "`DNNClassifier` or `DNNRegressor`; of a time or a count, subtract the smallest."
            )


def _coarse_columns(values):
    """Positions of the columns that float32 may be too coarse for.

    Those are whole numbers that pass 2^24, and values so close together, beside their size, that
    float32 has fewer than 2^12 steps between the lowest and the highest. The first rows clear most
    columns: a fraction among them is no identifier, and a range of many steps only grows with more
    rows (twice the size leaves room for larger ones).
    """
    first = values[:ROUNDING_ROWS].astype("float64")
    largest = np.abs(first).max(axis=0)
    span = first.max(axis=0) - first.min(axis=0)
    clear = (np.floor(first) != first).any(axis=0) & (span >= FEWEST_STEPS * _step(2 * largest))
    for position in np.flatnonzero(~clear):
        low, high = float(values[:, position].min()), float(values[:, position].max())
        size = max(-low, high)
        if size > LARGEST_EXACT or 0 < high - low < FEWEST_STEPS * _step(size):
            yield position


def _step(size):
    """The distance from a number to the next one that float32 holds."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.spacing(np.asarray(size, "float32"))


def _merged(column):
    """Two values that float32 makes one, or None where no values (of fractions: few) merge."""
    if (column.astype("float32") == column).all():
        return None
    distinct = np.unique(column)
    rounded = distinct.astype("float32")
    same = rounded[1:] == rounded[:-1]
    whole = column.dtype.kind in "iu" or bool((np.floor(distinct) == distinct).all())
    if same.sum() <= (0 if whole else 0.01 * len(distinct)):
        return None
    first = int(same.argmax())
    pair = distinct[first : first + 2].tolist()
    return [int(value) for value in pair] if whole else pair
