"""Warn about features that copy the target or number the rows."""

import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd

from ..core.messages import DataWarning
from .table_columns import is_identifier_name, warn_once

SCREENED_ROWS = 256
MIN_ROWS = 20  # with fewer a feature may equal the target by chance
MIN_ROWS_NUMBERED = 50
LEAKAGE = "Columns? .* of `[^`]*` determines? "  # how a warning about a copy begins


def check_copies(features, targets):
    """Warn about features of an array that equal the target, or 1 - y for two classes.

    A `y` whose every column is a feature is that of an autoencoder, and accepted.

    Args:
        features, targets: `NamedArray`.
    """
    x, y = features.values, targets.values.reshape(len(targets), -1)
    if x.ndim != 2 or len(x) < MIN_ROWS or y.size != len(y) * y.shape[1]:
        return
    first = np.ascontiguousarray(x[:SCREENED_ROWS].T, dtype="float32") + np.float32(0)  # -0 is 0
    seen = {}
    for position, column in enumerate(first):
        seen.setdefault(column.tobytes(), []).append(position)
    copies = [_copies_of(y[:, j], x, seen) for j in range(y.shape[1])]
    if y.shape[1] > 1 and all(copies):
        return
    for j, found in enumerate(copies):
        if found and y[:, j].min() != y[:, j].max():
            target = f"column {targets.label(j)} of " if y.shape[1] > 1 else ""
            labels = [features.label(position) for position in found[:5]]
            _warn_of_copy(labels, features.what, f"{target}`{targets.what}`")


def _warn_of_copy(labels, what, target):
    columns = f"Column{'s'[: len(labels) > 1]} {', '.join(labels)} of `{what}`"
    message = (
        f"{columns} determine{'s'[: len(labels) == 1]} {target} in every row, so the network will "
        "learn to copy it. Drop what is not known at prediction time."
    )
    warn_once(message, message)


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


def warn_of_copies(frame, y):
    """Warn about columns of a table that equal y in every row or, of categories, rename y.

    Args:
        frame: `Frame`.
        y: encoded target, int classes `(rows,)` or numbers `(rows, columns)`.

    Returns:
        bool, whether there is such a column.
    """
    found = False
    for target in y.reshape(len(y), -1).T if len(y) >= MIN_ROWS else ():
        if target.min() != target.max():
            for j in range(frame.width):
                if is_copy(frame.column(j), target, classes=y.ndim == 1):
                    found = True
                    _warn_of_copy([frame.label(j)], "X", "`y`")
    return found


@contextmanager
def silenced(*beginnings):
    """Ignore the `DataWarning`s that begin so, because the user was warned about them before."""
    if not beginnings:
        yield
        return
    with warnings.catch_warnings():
        for beginning in beginnings:
            warnings.filterwarnings("ignore", beginning, DataWarning)
        yield


def warn_of_row_numbers(frame):
    """Warn about a column that numbers the rows, such as the index in a CSV file.

    Args:
        frame: `Frame`.
    """
    if frame.width < 2 or frame.rows < MIN_ROWS_NUMBERED:
        return
    for j in range(frame.width):
        column = frame.column(j)
        if frame.names is not None and is_identifier_name(frame.names[j]):
            continue  # the encoder ignores it, with a warning
        if column.kind == "numeric" and column.values.max() - column.values.min() == frame.rows - 1:
            values = np.sort(column.values)
            if (np.diff(values) == 1).all():
                warn_once(
                    f"Column {frame.label(j)} of `X` numbers the rows, from {values[0]:.0f} to "
                    f"{values[-1]:.0f}: what is learned from it does not apply to other rows. Drop "
                    "it, or read the file with pd.read_csv(..., index_col=0), unless it is a "
                    "quantity such as a time.",
                    "numbers of rows", frame.label(j),
                )  # fmt: skip


def is_copy(column, target, classes):
    """Return whether a column equals the target or, of categories, corresponds to it one-to-one."""
    if column.kind not in ("text", "boolean", "numeric"):
        return False
    same = np.array_equal if column.kind == "numeric" and not classes else one_to_one
    return all(
        same(column.values[rows], target[rows]) for rows in (slice(SCREENED_ROWS), slice(None))
    )


def one_to_one(values, target):
    codes, uniques = pd.factorize(values)
    ranks, classes = pd.factorize(target)
    if len(uniques) != len(classes) or len(classes) > len(target) / 2:
        return False  # values that hardly ever repeat correspond one-to-one to any others
    # Both are numbered by first appearance, so renamed values get the same numbers.
    return bool((codes == ranks).all())
