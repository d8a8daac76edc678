"""Read columns of text by the reading that `recognition` chose for them in `fit`."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from ..columns import texts_of
from ..frame import Column
from .parsing import (
    common_era,
    is_missing,
    parse_boolean,
    parse_number,
    parse_serial,
    parse_time,
    tidy_date,
)

ISO_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S.%f"]
FEW_VALUES = 64  # up to here one call per value is faster than one of pandas for all


def parse_dates(texts, formats):
    """Texts as datetime64[us] in UTC or without a zone, NaT where no format fits."""
    moments = np.full(len(texts), "NaT", dtype="datetime64[us]")
    for tidy in (without_t, lambda texts: [tidy_date(text) for text in texts]):
        left = np.flatnonzero(np.isnat(moments))
        if not len(left):
            break
        tidied = tidy([texts[i] for i in left] if len(left) < len(texts) else texts)
        for form in formats:
            moments[left] = found = parse_dates_by(form, tidied)
            bad = np.flatnonzero(np.isnat(found))
            left, tidied = left[bad], [tidied[i] for i in bad]
            if not tidied:
                break
    return moments


def parse_dates_by(form, texts):
    if len(texts) <= FEW_VALUES:
        return np.array([parse_date(text, form) for text in texts], dtype="datetime64[us]")
    zoned = "%z" in form
    found = pd.to_datetime(pd.Series(texts, dtype=object), format=form, errors="coerce", utc=zoned)
    found = found.dt.tz_localize(None) if zoned else found
    return found.to_numpy().astype("datetime64[us]")


def without_t(texts):
    """ISO dates with a blank instead of the T before the time."""
    joined = "\n".join(texts).replace("T", " ").split("\n")  # one call for all of them
    return joined if len(joined) == len(texts) else [text.replace("T", " ") for text in texts]


def parse_date(text, form):
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        found = pd.to_datetime(text, format=form, errors="coerce") if "%f" in form else pd.NaT
        if found is pd.NaT:
            return np.datetime64("NaT")
        moment = found.to_pydatetime(warn=False)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def parse(texts, reading):
    """`(values, stray)` of different texts: float64 or datetime64, and where none was found.

    A stray text is neither a value nor one of `MISSING`; its value is NaN or NaT.
    """
    kind = reading["as"]
    if kind == "date":
        texts = [common_era(text) for text in texts] if reading.get("era") else texts
        values = parse_dates(texts, reading["formats"])
        bad = np.isnat(values)
        if reading.get("serials"):
            for i in np.flatnonzero(bad):
                if (moment := parse_serial(texts[i])) is not None:
                    values[i], bad[i] = moment, False
    else:
        if kind == "number":
            marks = reading["decimal"], reading["thousands"], frozenset(reading["units"])
            found = parse_plain(texts) if marks[0] == "." else None
            if found is not None:
                return found, np.zeros(len(texts), dtype=bool)
            factors = reading.get("factors", {})
            found = [parse_number(text, *marks, factors) for text in texts]
        else:
            found = list(map({"time": parse_time, "boolean": parse_boolean}[kind], texts))
        values = np.array([np.nan if v is None else v for v in found], dtype="float64")
        bad = np.isnan(values)
    stray = np.zeros(len(texts), dtype=bool)
    stray[bad] = [not is_missing(texts[i]) for i in np.flatnonzero(bad)]
    return values, stray


def parse_plain(texts):
    """Numbers as Python writes them, as float64; None if there is anything else among `texts`."""
    if set("".join(texts)) <= set("0123456789+-.eE"):
        try:
            return np.asarray(texts, dtype=object).astype("float64")
        except ValueError:
            pass
    return None


KIND_OF = {"number": "numeric", "time": "duration", "boolean": "boolean", "date": "datetime"}


def read(column, reading):
    """A column as its reading has it.

    Returns:
        `(Column, stray)`: of the kind of the reading, and the positions of rows whose text is
        neither a value nor a missing one. A column that is not text is returned as it is.
    """
    if column.kind == "numeric" and reading.get("as") == "date":  # such as 20210331
        column = texts_of(column)
    if column.kind != "text" or "as" not in reading:
        return without_sentinels(column, reading), ()
    kind = "instant" if reading.get("zone") else KIND_OF[reading["as"]]
    codes, texts = column.factorized
    values, bad = parse(texts, reading)
    gap = np.array(["NaT"], values.dtype) if values.dtype.kind == "M" else [np.nan]
    stray = np.flatnonzero(np.append(bad, False)[codes]) if bad.any() else ()
    values = np.concatenate([values, gap])[codes]
    if kind == "numeric" and column.exact is not None:  # numbers among text, in full
        for i, value in enumerate(column.exact):
            if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
                values[i] = value
    found = without_sentinels(Column(kind, values), reading)
    return (Column("empty", values) if found.missing.all() else found), stray


def without_sentinels(column, reading):
    """A column whose sentinels, values that stand for a missing one, are missing."""
    sentinels = reading.get("sentinels")
    if not sentinels or column.kind not in ("numeric", "datetime", "instant"):
        return column
    values = column.values
    found = np.isin(values, np.array(sentinels, dtype=values.dtype))
    if not found.any():
        return column
    values = values.copy()
    values[found] = np.array("NaT" if values.dtype.kind == "M" else np.nan, values.dtype)
    return Column(column.kind, values)
