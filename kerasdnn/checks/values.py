"""Check numbers for NaN, infinity, overflow and rounding to float32.

A clean table must cost next to nothing. One dot product of the table with itself, at memory speed,
proves that every number is finite, because NaN and infinity survive it. Only a table that fails is
searched.
"""

import numpy as np

from ..core.messages import warn

OVERFLOWING = 1e76  # sum of squares above which a number may be too large for float32
CHUNK_NUMBERS = 2**13  # below the size from which BLAS uses several threads
SAMPLED_ROWS = 4_096  # of a table of integers
LARGEST_EXACT = 2**24  # float32 holds every integer up to this one
MIN_STEPS = 2**12  # of float32, between the lowest and the highest value of a column
SCREENED_ROWS = 256


def as_floats(values):
    """Convert an object array of numbers to float64, integers of any size to its limits."""
    try:
        return values.astype("float64")
    except OverflowError:
        largest = np.finfo("float64").max
        return np.clip(values, -float(largest), float(largest)).astype("float64")


def check_finite(table, precision="float32"):
    """Reject NaN, infinity and numbers that overflow `precision`.

    Args:
        table: `NamedArray`.
        precision: str, "float32" or "float64".

    Returns:
        float, the sum of squares; of integers, a lower bound from a sample of the rows.

    Raises:
        ValueError: with column, count, first row, value and fix.
    """
    values = table.values
    if values.dtype.kind in "bV" or values.size == 0:
        return 0.0
    if values.dtype.kind in "iu":  # integers do not overflow; identifiers show in any sample
        some = np.concatenate([values[:: max(1, len(values) // SAMPLED_ROWS)], values[-1:]])
        return float(max(-int(some.min()), int(some.max()))) ** 2
    with np.errstate(over="ignore", invalid="ignore"):
        total = _sum_of_squares(values.ravel(order="K"))
        if total < OVERFLOWING:  # false for NaN
            return total
        rounded = values.astype(precision) if values.dtype.itemsize > 4 else values
        good = np.isfinite(rounded)
    if good.all():  # large numbers, but valid
        return np.inf
    raise ValueError(_not_finite(table, good, precision))


def _sum_of_squares(flat):
    """Chunks too short for the threads of BLAS, which take ten times as long on a busy machine."""
    end = len(flat) - len(flat) % CHUNK_NUMBERS
    chunks, rest = flat[:end].reshape(-1, CHUNK_NUMBERS), flat[end:]
    return float(np.vecdot(chunks, chunks).sum()) + float(np.dot(rest, rest))


def _not_finite(table, good, precision):
    what, found = table.what, table.describe_first(good)
    where = np.unravel_index(int(good.argmin()), good.shape)
    value = table.values[where]
    if np.isfinite(value):
        return f"{found}, which overflows {precision}. Rescale, for example by the logarithm."
    if len(where) == 2 and len(good) > 1 and not good[:, where[1]].any():
        fix = "A constant column divided by its standard deviation of 0 gives this."
    elif not np.isnan(value):
        fix = "A division by zero or the logarithm of zero gives this: drop or clip such rows."
    elif len(where) == 2:
        fix = (
            "Fill it, for example with the median of the column, or drop such rows; "
            "`DNNClassifier` and `DNNRegressor` fill missing values themselves."
        )
    else:
        fix = f"Drop such rows: keep = np.isfinite({what}); x, y = x[keep], y[keep]."
    return f"{found}. {fix}"


def check_float32(table, sum_of_squares, precision="float32"):
    """Warn about columns, such as identifiers, whose distinct values become equal as float32.

    Args:
        table: `NamedArray`.
        sum_of_squares: float from `check_finite`. Below 2**48 no number reaches 2**24, up to which
            float32 is exact for integers.
        precision: str; other precisions than "float32" are not checked.
    """
    values = table.values
    if sum_of_squares < LARGEST_EXACT**2 or values.ndim != 2 or precision != "float32":
        return
    if values.dtype.kind not in "iuf" or (values.dtype.itemsize <= 4 and values.dtype.kind == "f"):
        return
    for position in _coarse_columns(values):
        merged = _merged(values[:, position])
        if merged:
            warn(
                f"{table.column(position)} loses precision: {merged[0]} and {merged[1]} become the "
                "same number in float32. Drop an identifier, or pass it as text to `DNNClassifier` "
                "or `DNNRegressor`; subtract the minimum of a time or count."
            )


def _coarse_columns(values):
    """Yield the positions of the columns for which float32 may be too coarse.

    Those are integers beyond 2^24, and values so close together relative to their size that float32
    has fewer than 2^12 steps between the lowest and the highest. The first rows clear most columns:
    a column with a fraction is not an identifier, and a range of many steps only grows with more
    rows (twice the size leaves room for larger ones).
    """
    first = values[:SCREENED_ROWS].astype("float64")
    largest = np.abs(first).max(axis=0)
    span = first.max(axis=0) - first.min(axis=0)
    clear = (np.floor(first) != first).any(axis=0) & (span >= MIN_STEPS * _step(2 * largest))
    for position in np.flatnonzero(~clear):
        low, high = float(values[:, position].min()), float(values[:, position].max())
        size = max(-low, high)
        if size > LARGEST_EXACT or 0 < high - low < MIN_STEPS * _step(size):
            yield position


def _step(size):
    """The distance from a number to the next float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.spacing(np.asarray(size, "float32"))


def _merged(column):
    """Two values that float32 makes equal; None if there are none, or few of fractions."""
    if (column.astype("float32") == column).all():
        return None
    distinct = np.unique(column)
    integers = column.dtype.kind in "iu" or bool((np.floor(distinct) == distinct).all())
    pair, count = merged_pair(distinct, distinct)
    if count <= (0 if integers else 0.01 * len(distinct)):
        return None
    return [int(value) for value in pair] if integers else pair


def merged_pair(distinct, inputs):
    """Find sorted distinct values whose network inputs become equal as float32.

    Returns:
        `(pair, count)`: the first two such values as a list, and the number of such pairs.
    """
    rounded = inputs.astype("float32")
    same = rounded[1:] == rounded[:-1]
    first = int(same.argmax()) if len(same) else 0
    return distinct[first : first + 2].tolist(), int(same.sum())
