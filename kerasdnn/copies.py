"""A feature that is the target: legal, but what is learned from it is of no use to anybody."""

import numpy as np
import pandas as pd

from .checks_columns import FEWEST_ROWS_TO_CALL_A_COPY, SCREENED_ROWS
from .checks_words import warn


def warn_of_copies(frame, y):
    """Warn of a column that equals y in every row; of text and booleans, one that renames y.

    Args:
        frame: `Frame`.
        y: encoded target, int classes `(rows,)` or numbers `(rows, columns)`.
    """
    if len(y) < FEWEST_ROWS_TO_CALL_A_COPY:
        return
    targets = y.reshape(len(y), -1).T
    for target in targets:
        if target.min() == target.max():
            continue
        for j in range(frame.width):
            if is_copy(frame.column(j), target, classes=y.ndim == 1):
                warn(
                    f"No feature should be the target. Received: column {frame.label(j)} of `X` "
                    "tells `y` in every row. The network learns to copy it; drop it unless it is "
                    "known at prediction time."
                )


def is_copy(column, target, classes):
    """Whether the column's values and the target's stand one for one."""
    for rows in (slice(SCREENED_ROWS), slice(None)):
        values, wanted = column.values[rows], target[rows]
        if column.kind == "numeric" and not classes:
            same = np.array_equal(values, wanted)
        elif column.kind in ("text", "boolean", "numeric"):
            same = one_to_one(values, wanted)
        else:
            same = False
        if not same:
            return False
    return True


def one_to_one(values, target):
    codes, uniques = pd.factorize(values)
    ranks, classes = pd.factorize(target)
    if len(uniques) != len(classes) or len(classes) > len(target) / 2:
        return False  # values that hardly ever repeat stand one for one with any others
    # Both are numbered by first appearance, so that a renaming gives the same numbers.
    return bool((codes == ranks).all())
