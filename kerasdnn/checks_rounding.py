"""Pre-flight warning of columns, such as identifiers, whose values float32 cannot tell apart.

A sum of squares below 2^48 says that no number reaches 2^24, up to which float32 holds every whole
number, and that there is nothing to look for.
"""

import numpy as np

from .checks_words import warn

LARGEST_EXACT = 2**24
FEWEST_STEPS = 2**12  # of float32, between the lowest and the highest value of a column
SCREENED_ROWS = 256


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
    first = values[:SCREENED_ROWS].astype("float64")
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
