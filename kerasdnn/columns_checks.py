"""What is refused or warned of in a single column, on the way through the encoder."""

import numpy as np

from .checks_words import listed, plain, warn

LARGEST = float(np.finfo("float32").max)
LARGEST_EXACT = 2**24  # float32 holds every whole number up to this one
ROWS_TO_CALL_IDENTIFIER = 50

# What may stand in a column at predict time, by what stood there in training.
# fmt: off
TAKES = {
    "numeric":  {"numeric", "boolean", "empty"},
    "boolean":  {"boolean", "empty"},
    "datetime": {"datetime", "empty"},
    "duration": {"duration", "empty"},
    "text":     {"text", "empty"},
    "empty":    {"numeric", "boolean", "datetime", "duration", "text", "empty"},
}
# fmt: on


def check_kinds(states, columns):
    """Refuse columns of another type than in `fit`.

    Args:
        states: what each column learned; columns: the `frames.Column`s, in the same order.

    Raises:
        ValueError: listing them.
    """
    wrong = []
    for state, column in zip(states, columns, strict=True):
        if column.kind in TAKES[state.kind] or is_taken(state, column):
            continue
        first = next(iter(column.values[~column.missing]))
        wrong.append(
            f"column {plain(state.name)!r} was {state.kind}, is {column.kind} ({plain(first)!r})"
        )
    if wrong:
        raise ValueError(
            "Columns of `X` must be of the types of `fit`. Received: "
            f"{'; '.join(wrong[:5])}{f' and {len(wrong) - 5} more' if wrong[5:] else ''}. "
            "pd.to_numeric and pd.to_datetime turn text into numbers and dates; .astype(str) "
            "makes text of numbers."
        )


def is_taken(state, column):
    """Whether numbers stand for categories: 0 and 1 for a boolean, or categories of numbers."""
    if state.kind == "boolean":
        known = (
            np.isin(column.values, (0, 1)) | column.missing if column.kind == "numeric" else False
        )
        return bool(np.all(known))
    return state.kind == "text" and state.numbers and column.kind in ("numeric", "boolean")


def check_sizes(column, name, frame):
    """Refuse infinite numbers and those beyond float32; `column` is a `frames.Column`."""
    if column.kind not in ("numeric", "duration"):
        return
    with np.errstate(invalid="ignore"):
        good = (np.abs(column.values) <= LARGEST) | np.isnan(column.values)
    if good.all():
        return
    row = int(good.argmin())
    value = plain(column.values[row])
    label = "" if frame.index is None else f" (index {plain(frame.index[row])!r})"
    if np.isinf(value):
        rule, remedy = (
            "hold finite numbers",
            "A division by zero gives this: drop such rows, or mark them as missing (NaN), which "
            "is learned from.",
        )
    else:
        rule, remedy = "fit in float32", "Rescale the column, e.g. by its logarithm."
    raise ValueError(
        f"`X` must {rule}. Received: column {name}, row {row}{label} is {value} "
        f"({int((~good).sum())} of {len(good)} rows hold such a value). {remedy}"
    )


def warn_of_identifiers(state, column, name):
    """Warn of a column that tells rows apart and hence nothing about other rows."""
    rows = len(column.values)
    if rows < ROWS_TO_CALL_IDENTIFIER:
        return
    if state.role == "categorical" and state.kind == "text":
        if not state.categories:
            warn(
                f"`X` should not hold identifiers. Received: column {name}, whose {rows:,} values "
                "are all different. It is left out, for nothing can be learned from it."
            )
    elif column.kind == "numeric" and state.parts:
        values = column.values[~np.isnan(column.values)]
        if np.abs(values).max() <= LARGEST_EXACT or (values != np.floor(values)).any():
            return
        distinct = np.unique(values)
        _, center, scale = state.parts[0]
        after = ((distinct - center) * scale).astype("float32")
        same = np.flatnonzero(after[1:] == after[:-1])
        if len(same):
            pair = distinct[same[0] : same[0] + 2].astype("int64").tolist()
            warn(
                f"Column {name} of `X` holds whole numbers that float32 cannot tell apart. "
                f"Received: {pair[0]} and {pair[1]}, which become the same number. If it is an "
                "identifier, drop it or name it in `categorical`."
            )


def warn_of_unseen(states, columns):
    """Warn of categories that training did not meet; they count as none of those it met.

    Args:
        states: what each column learned; columns: the `frames.Column`s, in the same order.
    """
    for state, column in zip(states, columns, strict=True):
        # An embedding has a place for the rare and the new, which training may have met.
        if state.role != "categorical" or state.kind != "text" or state.embedded:
            continue
        if column.kind == "empty" or not state.categories:  # nothing there, or an identifier
            continue
        unseen = (state.codes(column) < 0) & ~column.missing
        if unseen.any():
            values = dict.fromkeys(column.values[unseen].tolist())
            warn(
                f"Column {plain(state.name)!r} of `X` should hold categories met in training. "
                f"Received: {listed(values)}, first in row {int(unseen.argmax())} "
                f"({int(unseen.sum())} of {len(unseen)} rows). They count as none of those met; "
                "train on rows that have them, or map them to a category that was there."
            )
