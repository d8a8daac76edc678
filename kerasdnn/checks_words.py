"""The words of the pre-flight check: its warning category, and how a row and a column are named."""

import sys
import warnings
from dataclasses import dataclass, field

import numpy as np


class DataWarning(UserWarning):
    """The data or a setting of `fit` is legal, but a mistake more often than not.

    Silence one with `warnings.filterwarnings("ignore", message=..., category=DataWarning)`, or
    turn them all into errors with `warnings.simplefilter("error", DataWarning)`.
    """


def warn(message):
    """Warn as `DataWarning`, pointing at the line of the user's that called the toolkit."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DataWarning, stacklevel=level)


def _is_inside(module):
    return module.split(".")[0] in ("kerasdnn", "keras", "sklearn")


@dataclass
class Table:
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
        return name if self.index is None else f"{name} (index {plain(self.index[position])!r})"

    def column(self, position):
        """`column 'age'`, or `column 3` of an array."""
        return f"column {position if self.columns is None else repr(plain(self.columns[position]))}"

    def cell(self, where):
        """`column 'age', row 3`; the row alone where there is one column without a name."""
        row = self.row(int(where[0]))
        if len(where) == 1 or (self.columns is None and self.values[0].size == 1):
            return row
        if len(where) == 2:
            return f"{self.column(int(where[1]))}, {row}"
        return f"{row}, position {tuple(int(i) for i in where[1:])}"


def plain(value):
    """A NumPy scalar as the Python value that prints without its type."""
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return str(value)  # `item` of nanoseconds is a number
    return value.item() if isinstance(value, np.generic) else value


def listed(values, limit=5):
    """`'a', 'b' and 3 more`."""
    values = list(values)
    text = ", ".join(repr(plain(value)) for value in values[:limit])
    return text if len(values) <= limit else f"{text} and {len(values) - limit} more"
