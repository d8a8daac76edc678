"""Encode a single row given as a dict of Python values, without a `Frame`: microseconds count.

Only values of common types take this path. For everything else, including all errors and warnings,
the encoder falls back to the path of complete tables. Both give the same numbers, because the
lookup tables here are written by the column states themselves.
"""

import math
import zlib
from datetime import date, datetime

import numpy as np
import pandas as pd

from ..checks.table_columns import LARGEST
from .columns import DAY, scaled, waves_of
from .frame import Column, without_zone
from .texts.reading import parse

FLOATS = {float, np.float64, np.float32, np.float16}
NUMBERS = {*FLOATS, int, np.int64, np.int32, np.int16, np.int8, np.uint32, np.uint16, np.uint8}
BOOLEANS = {bool, np.bool_}
MOMENTS = {datetime, pd.Timestamp}
EPOCH = date(1970, 1, 1).toordinal()
MICROSECONDS = 86_400_000_000  # of a day


class UseTablePath(Exception):
    """The row contains something that only the path of complete tables can encode."""


class RowEncoder:
    """The encoding of a fitted `TableEncoder` for one row.

    Args:
        encoder: fitted `TableEncoder`; plan: its `Plan`.
    """

    def __init__(self, encoder, plan):
        self.plan, self.scaling, self.names = plan, encoder.scaling, encoder.names_
        self.steps, self.dates = [], []
        position, flags, embedded = 0, {j: (a, b) for j, a, b in plan.flagged}, iter(plan.embedded)
        codes_at = {j: plan.dense + i for i, j in enumerate(embedded)}
        self.supported = self.names is not None and not encoder.crosses_ and not plan.empty
        if not self.supported:
            return
        for j, state in enumerate(plan.states):
            if not state.used:
                continue
            if state.role == "text" or (state.role == "categorical" and state.wide):
                self.supported = False
                return
            where = position
            if state.role == "numeric":
                position += len(state.parts)
                cells = [0.0, np.nan]
                if state.kind in ("datetime", "instant"):
                    cells = np.array([0, "NaT"], "datetime64[us]")
                    suffixes = [suffix for suffix, _, _ in state.parts]
                    self.dates.append((where, suffixes))
                sample = Column(state.kind, np.array(cells))
            elif state.kind == "boolean":
                sample = Column("boolean", np.array([np.nan, 0.0, 1.0, np.nan]))
            else:
                texts = ["\0", *state.categories, None]
                sample = Column("text", np.array(texts, dtype=object))
            table = None
            if j in flags:
                table = np.empty((len(sample.values), flags[j][1] - flags[j][0]), "float32")
                state.write(sample, table)
            is_plain = state.kind == "numeric" and not state.reading and bool(state.parts)
            codes = state.codes_of if state.kind == "text" and not state.buckets else None
            self.steps.append((self.names[j], state, where, flags.get(j),
                               table, codes_at.get(j), is_plain, codes))  # fmt: skip

    def __call__(self, row, told):
        """`row`, a dict with every column, as float32 `(1, columns)`.

        Args:
            told: set of names of columns with unseen categories that were warned of, or None to
                warn of none.

        Raises:
            UseTablePath: see the head of this file.
        """
        if not self.supported or len(row) != len(self.names):
            raise UseTablePath
        plan = self.plan
        out = np.empty((1, plan.width), dtype="float32")
        cells = out[0]
        numbers, moments = [np.nan] * len(plan.parts), []
        for name, state, where, flags, table, code_at, is_plain, codes in self.steps:
            if name not in row:
                raise UseTablePath
            value = row[name]
            kind = type(value)
            # Most columns need no more than one of the next two.
            if is_plain and kind in (float, np.float64) and -LARGEST <= value <= LARGEST:
                numbers[where] = value
                if flags is not None:
                    cells[flags[0] : flags[1]] = table[0]
                continue
            if codes is not None and kind is str and value in codes:
                code = codes[value] + 1
                if code_at is not None:
                    cells[code_at] = code
                if flags is not None:
                    cells[flags[0] : flags[1]] = table[code]
                continue
            missing = (
                value is None
                or value is pd.NA
                or value is pd.NaT
                or (kind in FLOATS and value != value)
            )
            if state.role == "categorical":
                code = -1 if missing else code_of(state, value, told)
                missing = missing or code is None
                code = -1 if missing else code
                if code_at is not None:
                    cells[code_at] = code + 1
                if flags is not None:
                    known = 0 if state.buckets else code + 1
                    cells[flags[0] : flags[1]] = table[-1 if missing else known]
                continue
            if state.kind in ("datetime", "instant"):
                value = None if missing else moment_of(state, value)
                missing = value is None
                moments.append(value)
            else:
                value = np.nan if missing else number_of(state, value)
                missing = value != value
                if state.parts:
                    numbers[where] = value
            if flags is not None:
                cells[flags[0] : flags[1]] = table[1 if missing else 0]
        if moments:
            elapsed, *angles = zip(*map(calendar_of, moments), strict=True)
            parts = {" elapsed days": elapsed} | waves_of(np.array(angles))
            for i, (where, suffixes) in enumerate(self.dates):
                for k, suffix in enumerate(suffixes):
                    numbers[where + k] = parts[suffix][i]
        if numbers:
            block = scaled(np.array(numbers), plan.centers, plan.scales, self.scaling)
            block[np.isnan(block)] = 0
            cells[: len(numbers)] = block
        return out


def one_row_dict(frame):
    """The only row of a DataFrame as a dict, or None if its dtypes carry meaning of their own."""
    for dtype in {id(dtype): dtype for dtype in frame.dtypes.tolist()}.values():
        if isinstance(dtype, pd.CategoricalDtype):
            dtype = dtype.categories.dtype
            allowed = dtype.kind == "O"
        elif isinstance(dtype, np.dtype):
            allowed = dtype.kind in "biufMO"
        else:
            allowed = isinstance(dtype, (pd.StringDtype, pd.Int64Dtype, pd.BooleanDtype))
        if not allowed:
            return None
    return dict(zip(frame.columns.tolist(), frame.iloc[0].tolist(), strict=True))


def code_of(state, value, told):
    """The code of a category; -1 if it is unseen, None if a word stands for a missing value."""
    if state.kind == "boolean":
        if type(value) in BOOLEANS:
            return int(value)
        value = parse_one(state, value)
        return None if np.isnan(value) else int(value)
    if type(value) is not str:
        raise UseTablePath
    if state.buckets:
        return zlib.crc32(value.encode("utf-8", "replace")) % state.buckets
    code = state.codes_of.get(value, -1)
    if code < 0 and told is not None and state.name not in told:
        raise UseTablePath
    return code


def number_of(state, value):
    if type(value) not in NUMBERS:
        if state.kind != "numeric" and state.reading is None:
            raise UseTablePath
        value = parse_one(state, value)
    elif state.kind != "numeric":
        raise UseTablePath
    if abs(value) > LARGEST:  # before an integer of any size is converted
        raise UseTablePath
    value = float(value)
    sentinels = state.reading.get("sentinels") if state.reading else None
    return np.nan if sentinels and value in sentinels else value


def moment_of(state, value):
    """Microseconds since 1970, or None for a sentinel."""
    if type(value) not in MOMENTS:
        value = parse_one(state, value)
        if np.isnat(value):
            return None
        value = int(value.astype("datetime64[us]").astype("int64"))
    else:
        if (value.tzinfo is None) != (state.kind == "datetime"):
            raise UseTablePath
        value = without_zone(value)
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        days = value.toordinal() - EPOCH
        value = days * MICROSECONDS + seconds * 1_000_000 + value.microsecond
    sentinels = state.reading.get("sentinels") if state.reading else None
    return None if sentinels and str(np.datetime64(value, "us")) in sentinels else value


def calendar_of(moment):
    """Elapsed days and fractions of the year, the week and the day; see `columns.parts_of`."""
    if moment is None:
        return np.nan, np.nan, np.nan, np.nan
    try:
        day = date.fromordinal(moment // MICROSECONDS + EPOCH)
    except (OverflowError, ValueError) as error:
        raise UseTablePath from error
    of_year = day.toordinal() - date(day.year, 1, 1).toordinal()
    elapsed = moment / 1e6 / DAY
    return elapsed, of_year / 365.25, (math.floor(elapsed) + 3) % 7 / 7, elapsed % 1


def parse_one(state, text):
    if type(text) is not str or not state.reading or "as" not in state.reading:
        raise UseTablePath
    values, stray = parse([text], state.reading)
    if stray[0]:
        raise UseTablePath
    return values[0]
