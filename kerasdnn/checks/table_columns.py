"""Check the columns of a table on their way through the encoder."""

import re
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

import numpy as np

from ..core.messages import quoted_list, to_python, warn
from .values import LARGEST_EXACT, merged_pair

LARGEST = float(np.finfo("float32").max)
LARGEST_CODE = 2**53  # float64 holds every integer below this one
MIN_ROWS_IDENTIFIER = 50
MAX_CATEGORIES_COMPARED = 10_000
IDENTIFIER = re.compile(
    r"unnamed: ?\d+|index|level_0|row.?(id|nr|no|num|number|index)?|#|(lfd.?)? ?n[or°]\.?|nummer|"
    r"(.*[ _.-])?(id|uuid|guid)"
)

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


# Kind of a column in training: kinds accepted at prediction.
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
    """Reject columns of another type than in `fit`.

    Args:
        states: list of what each column learned.
        columns: list of `frame.Column`, in the same order.

    Raises:
        ValueError: with a list of these columns.
    """
    wrong = []
    for state, column in zip(states, columns, strict=True):
        if not state.used or column.kind in TAKES[state.kind] or is_taken(state, column):
            continue
        first = next(iter(column.values[~column.missing]))
        name = to_python(state.name)
        wrong.append(f"{name!r} was {state.kind}, is {column.kind} ({to_python(first)!r})")
    if wrong:
        more = f" and {len(wrong) - 5} more" if wrong[5:] else ""
        raise ValueError(
            f"Columns of `X` must have the same types as in `fit`: {'; '.join(wrong[:5])}{more}. "
            "pd.to_numeric and pd.to_datetime convert text to numbers and dates, .astype(str) "
            "numbers to text; a datetime has no time zone, an instant has one: .dt.tz_localize "
            "adds or removes it."
        )


def is_taken(state, column):
    """Return whether values of another kind mean the same, such as 0 and 1 for a boolean."""
    if state.kind == "boolean":
        known = np.isin(column.values, (0, 1)) | column.missing
        return column.kind == "numeric" and bool(known.all())
    if state.kind != "text":
        return False
    if column.kind in ("datetime", "instant"):
        return any(map(was_date, state.categories))
    return state.numbers  # seconds of a duration too


def was_date(text):
    """Return whether a category may have been a date or a time."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def check_exact(column, name):
    """Reject float64 categories that may have been rounded from other integers."""
    with np.errstate(invalid="ignore"):
        beyond = (np.abs(column.values) >= LARGEST_CODE) & np.isfinite(column.values)
    if beyond.any():
        raise ValueError(
            f"Column {to_python(name)!r} of `X` contains categories beyond 2**53, such as "
            f"{column.values[beyond][0]:.0f}, which float64 may have rounded. Pass the column as "
            "integers or text, before missing values or other columns convert it to float64."
        )


def check_sizes(column, name, frame):
    """Reject infinite numbers and those that overflow float32.

    Args:
        column: `frame.Column`.
        name: str, its label.
        frame: `Frame` of the column.
    """
    if column.kind not in ("numeric", "duration"):
        return
    with np.errstate(invalid="ignore"):
        good = (np.abs(column.values) <= LARGEST) | np.isnan(column.values)
    if good.all():
        return
    row = int(good.argmin())
    label = "" if frame.index is None else f" (index {to_python(frame.index[row])!r})"
    fix = "Rescale the column, for example by its logarithm."
    overflows = ", which overflows float32"
    if np.isinf(column.values[row]):
        fix = (
            "A division by zero gives this: drop such rows, or replace the values by NaN, which is "
            "treated as a missing value."
        )
        overflows = ""
    raise ValueError(
        f"Column {name} of `X` contains {to_python(column.values[row])} in row {row}{label} (such "
        f"values in {int((~good).sum()):,} of {len(good):,} rows){overflows}. {fix}"
    )


def warn_of_categories(texts, name):
    """Warn of categories that differ only in case or blanks; they stay different categories."""
    if len(texts) <= MAX_CATEGORIES_COMPARED and (twins := blank_twins(texts)):
        warn_once(
            f"Column {name} of `X` has categories that differ only in case or blanks, such as "
            f"{quoted_list(twins)}; they are treated as different. X[{name}] = X[{name}]"
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
            f"Column {to_python(state.name)!r} of `X` was read as {state.inferred} in `fit`; "
            f"{quoted_list(values)} (first: row {int(rows[0])}, {len(rows):,} of "
            f"{len(column.values):,} rows) cannot be read so and is treated as missing.",
            "stray",
            state.name,
        )


def blank_twins(texts):
    """Return the first two of `texts` that differ only in case or blanks, or None."""
    seen = {}
    for text in texts:
        other = seen.setdefault(" ".join(text.casefold().split()), text)
        if other != text:
            return other, text
    return None


def is_identifier_name(name):
    """Whether a column's name says that it numbers the rows or identifies them."""
    name = str(name).strip()
    return name == "" or name.endswith(("Id", "ID")) or bool(IDENTIFIER.fullmatch(name.casefold()))


def warn_of_identifiers(state, column, name):
    """Warn about a column that identifies rows, which does not apply to other rows.

    Args:
        state: what the column learned.
        column: `frame.Column`.
        name: str, its label.
    """
    rows = len(column.values)
    if rows < MIN_ROWS_IDENTIFIER:
        return
    if state.role == "categorical" and state.kind == "text":
        if not state.categories:
            warn_once(
                f"Column {name} of `X` is ignored: all {rows:,} values are different, so it looks "
                f"like an identifier. Pass columns={{{name}: 'text'}} or another kind to use it.",
                "identifier",
                name,
            )
    elif column.kind == "numeric" and state.parts:
        values = column.values[~np.isnan(column.values)]
        if np.abs(values).max() <= LARGEST_EXACT or (values != np.floor(values)).any():
            return
        distinct = np.unique(values)
        _, center, scale = state.parts[0]
        pair, count = merged_pair(distinct, (distinct - center) * scale)
        if count:
            warn_once(
                f"Column {name} of `X` contains integers that are equal in float32, such as "
                f"{pair[0]:.0f} and {pair[1]:.0f}. If it is an identifier, drop it or name it in "
                "`categorical`.",
                "identifier",
                name,
            )


def warn_of_unseen(states, columns, warned):
    """Warn about categories that were not seen during training, and are treated as unknown.

    An embedding also has a vector for rare and unknown categories, which training may have used.
    For such a column the warning is given only if none of its values is known.

    Args:
        states: list of what each column learned.
        columns: list of `frame.Column`, in the same order.
        warned: set of the names of columns with an earlier warning; names are added.
    """
    for state, column in zip(states, columns, strict=True):
        if state.role != "categorical" or state.kind != "text" or state.name in warned:
            continue
        if column.kind == "empty" or not state.categories:  # no values, or an identifier
            continue
        unseen = (state.codes(column) < 0) & ~column.missing
        if unseen.any() and (not state.embedded or (unseen | column.missing).all()):
            warned.add(state.name)
            values = quoted_list(dict.fromkeys(column.values[unseen].tolist()))
            once = " (or in one row only)" if state.embedded else ""
            warn_once(
                f"Column {to_python(state.name)!r} of `X` contains categories not seen during "
                f"training{once}: {values} ({int(unseen.sum())} of {len(unseen)} rows, first: row "
                f"{int(unseen.argmax())}). They are treated as unknown. Retrain with such rows or "
                "map them to a known category.",
                "unseen",
                state.name,
            )
