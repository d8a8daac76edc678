"""Check single columns on their way through the encoder, and warn once about each."""

from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

import numpy as np

from ..core.messages import listed, plain, warn

LARGEST = float(np.finfo("float32").max)
LARGEST_EXACT = 2**24  # float32 holds every whole number up to this one
LARGEST_CODE = 2**53  # a column of numbers, which are float64, holds every one below this
ROWS_TO_CALL_IDENTIFIER = 50
MAX_CATEGORIES_COMPARED = 10_000

TOLD = ContextVar("told", default=None)  # keys of the warnings of a search, or None outside


@contextmanager
def told_once():
    """Within it, warn of each column and each matter once, however many encoders are fitted."""
    token = TOLD.set(set()) if TOLD.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            TOLD.reset(token)


def warn_once(message, *key):
    """Warn, unless a warning with the same key came before within `told_once`."""
    told = TOLD.get()
    if told is None or key not in told:
        if told is not None:
            told.add(key)
        warn(message)


# What may stand in a column at predict time, by what stood there in training.
# fmt: off
TAKES = {
    "numeric":  {"numeric", "boolean", "empty"},
    "boolean":  {"boolean", "empty"},
    "datetime": {"datetime", "empty"},
    "instant":  {"instant", "empty"},
    "duration": {"duration", "empty"},
    "text":     {"text", "empty"},
    "empty":    {"numeric", "boolean", "datetime", "instant", "duration", "text", "empty"},
}
# fmt: on


def check_kinds(states, columns):
    """Refuse columns of another type than in `fit`.

    Args:
        states: what each column learned; columns: the `frame.Column`s, in the same order.

    Raises:
        ValueError: listing them.
    """
    wrong = []
    for state, column in zip(states, columns, strict=True):
        if not state.used or column.kind in TAKES[state.kind] or is_taken(state, column):
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
            "makes text of numbers; a datetime has no time zone, an instant has one: "
            ".dt.tz_localize adds or drops it."
        )


def is_taken(state, column):
    """Whether values stand for categories: 0 and 1 for a boolean, or categories of their kind."""
    if state.kind == "boolean":
        known = (
            np.isin(column.values, (0, 1)) | column.missing if column.kind == "numeric" else False
        )
        return bool(np.all(known))
    if state.kind != "text":
        return False
    if column.kind in ("datetime", "instant"):
        return any(map(was_date, state.categories))
    return state.numbers  # seconds of a duration too


def was_date(text):
    """Whether a category may have been a date or a time."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def check_exact(column, name):
    """Refuse categories that are float64 and may have been other integers before."""
    with np.errstate(invalid="ignore"):
        beyond = (np.abs(column.values) >= LARGEST_CODE) & np.isfinite(column.values)
    if beyond.any():
        raise ValueError(
            f"Column {plain(name)!r} of `X` holds categories that float64 may have rounded. "
            f"Received: {column.values[beyond][0]:.0f}, beyond 2**53. Pass the column as integers "
            "or as text, before missing values or other columns turn it into float64."
        )


def check_sizes(column, name, frame):
    """Refuse infinite numbers and those beyond float32; `column` is a `frame.Column`."""
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


def warn_of_categories(texts, name):
    """Warn of categories that differ only in case or blanks; they stay different categories."""
    if len(texts) <= MAX_CATEGORIES_COMPARED and (twins := blank_twins(texts)):
        warn_once(
            f"Column {name} of `X` has categories that differ only in case or blanks, such as "
            f"{listed(twins)}; they are treated as different. X[{name}] = X[{name}]"
            ".str.strip().str.casefold() makes them one.",
            "spelling",
            name,
        )


def warn_of_stray(state, column, rows, told):
    """Warn of text that cannot be read as the type that `fit` inferred.

    Args:
        state: what the column learned; column: its `frame.Column` of text.
        rows: int array, positions of the values that cannot be read.
        told: set of names of columns, as in `warn_of_unseen`.
    """
    if state.name not in told and state.used:
        told.add(state.name)
        values = dict.fromkeys(column.values[rows].tolist())
        warn_once(
            f"Column {plain(state.name)!r} of `X` was read as {state.inferred} in `fit`; "
            f"{listed(values)} (first: row {int(rows[0])}, {len(rows):,} of "
            f"{len(column.values):,} rows) cannot be read so and is treated as missing.",
            "stray",
            state.name,
        )


def blank_twins(texts):
    """The first two of `texts` that differ only in case or blanks, or None."""
    seen = {}
    for text in texts:
        other = seen.setdefault(" ".join(text.casefold().split()), text)
        if other != text:
            return other, text
    return None


def warn_of_identifiers(state, column, name):
    """Warn of a column that tells rows apart and hence nothing about other rows."""
    rows = len(column.values)
    if rows < ROWS_TO_CALL_IDENTIFIER:
        return
    if state.role == "categorical" and state.kind == "text":
        if not state.categories:
            warn_once(
                f"`X` should not hold identifiers. Received: column {name}, whose {rows:,} values "
                "are all different. It is left out, for nothing can be learned from it.",
                "identifier",
                name,
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
            warn_once(
                f"Column {name} of `X` holds whole numbers that float32 cannot tell apart. "
                f"Received: {pair[0]} and {pair[1]}, which become the same number. If it is an "
                "identifier, drop it or name it in `categorical`.",
                "identifier",
                name,
            )


def warn_of_unseen(states, columns, told):
    """Warn of categories that training did not meet; they count as none of those it met.

    An embedding has a place for the rare and the new, which training may have met: it is warned of
    where it knows no value of the column.

    Args:
        states: what each column learned; columns: the `frame.Column`s, in the same order.
        told: set of the names of columns that were warned of before; those of now are added.
    """
    for state, column in zip(states, columns, strict=True):
        if state.role != "categorical" or state.kind != "text" or state.name in told:
            continue
        if column.kind == "empty" or not state.categories:  # nothing there, or an identifier
            continue
        unseen = (state.codes(column) < 0) & ~column.missing
        if unseen.any() and (not state.embedded or (unseen | column.missing).all()):
            told.add(state.name)
            values = dict.fromkeys(column.values[unseen].tolist())
            once = ", each in two rows or more" if state.embedded else ""
            warn_once(
                f"Column {plain(state.name)!r} of `X` should hold categories met in training"
                f"{once}. "
                f"Received: {listed(values)}, first in row {int(unseen.argmax())} "
                f"({int(unseen.sum())} of {len(unseen)} rows). They count as none of those met; "
                "train on rows that have them, or map them to a category that was there.",
                "unseen",
                state.name,
            )
