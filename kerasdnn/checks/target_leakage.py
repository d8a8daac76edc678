"""Warn of a feature that is a copy of the target."""

import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd

from ..core.messages import DataWarning, warn

SCREENED_ROWS = 256
FEWEST_ROWS_TO_CALL_A_COPY = 20  # on fewer rows a feature may equal the target by chance


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


FEWEST_ROWS_TO_CALL_A_NUMBERING = 50


def warn_of_copies(frame, y):
    """Warn of a column that equals y in every row; of text and booleans, one that renames y.

    Args:
        frame: `Frame`.
        y: encoded target, int classes `(rows,)` or numbers `(rows, columns)`.

    Returns:
        bool, whether it did.
    """
    told = False
    if len(y) < FEWEST_ROWS_TO_CALL_A_COPY:
        return told
    targets = y.reshape(len(y), -1).T
    for target in targets:
        if target.min() == target.max():
            continue
        for j in range(frame.width):
            if is_copy(frame.column(j), target, classes=y.ndim == 1):
                told = True
                warn(
                    f"No feature should be the target. Received: column {frame.label(j)} of `X` "
                    "tells `y` in every row. The network learns to copy it; drop it unless it is "
                    "known at prediction time."
                )
    return told


@contextmanager
def silenced(*beginnings):
    """Let `Network.fit` not tell of the encoded table what was told of the table itself."""
    if not beginnings:
        yield
        return
    with warnings.catch_warnings():
        for beginning in beginnings:
            warnings.filterwarnings("ignore", beginning, DataWarning)
        yield


def warn_of_row_numbers(frame):
    """Warn of a column that numbers the rows, as a CSV has that was written with its index."""
    if frame.width < 2 or frame.rows < FEWEST_ROWS_TO_CALL_A_NUMBERING:
        return
    for j in range(frame.width):
        column = frame.column(j)
        if column.kind == "numeric" and column.values.max() - column.values.min() == frame.rows - 1:
            values = np.sort(column.values)
            if (np.diff(values) == 1).all():
                warn(
                    f"Column {frame.label(j)} of `X` numbers the rows, from {values[0]:.0f} to "
                    f"{values[-1]:.0f}: what is learned from it does not hold for other rows. Drop "
                    "it, or read the file with pd.read_csv(..., index_col=0), unless it is a "
                    "quantity such as a time."
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
