"""Infer what each column of a table is, in `fit`; `texts` reads numbers and dates from text.

Every column gets a `Finding`: the column as it is encoded, how to read later tables, and what to
tell the user. Findings depend on the values of the training rows and on the arguments `columns` and
`categorical` of `TableEncoder`.
"""

from dataclasses import dataclass, field

import numpy as np

from ..checks.table_columns import is_identifier_name, warn_once
from ..core.messages import quoted_list, to_python
from .columns import texts_of
from .frame import Column
from .texts.parsing import split_number
from .texts.reading import parse_dates, read
from .texts.recognition import MIN_COMPACT, recognize

FORMATS = ("number", "date", "time", "boolean")  # what text may be read as
WANTED = (*FORMATS, "category", "hash", "text", "drop")  # values of the argument `columns`
KIND_NAMES = {"numeric": "number", "datetime": "date", "instant": "date", "duration": "time",
              "text": "category"}  # fmt: skip
MIN_IDENTIFIER_ROWS = 50
# Integers that are days or moments: the first and the last one, their reading, an example.
COMPACT_DATES = (
    (100101, 991231, {"as": "date", "formats": ["%y%m%d"], "zone": False}, "210331"),
    (19000101, 21001231, {"as": "date", "formats": ["%Y%m%d"], "zone": False}, "20210331"),
    (190001010000, 210012312359, {"as": "date", "formats": ["%Y-%m-%d %H:%M"], "zone": False},
     "202103311405"),
    (19000101000000, 21001231235959, {"as": "date", "formats": ["%Y-%m-%d %H:%M:%S"],
     "zone": False}, "20210331140500"),
)  # fmt: skip
MIN_COMPACT_DATES = 5  # different ones
MAX_UNITS = 8
LIMITS = {32767.0, 32768.0, 65535.0, 2147483647.0, 2147483648.0, 4294967295.0, 999.25, 9999.25}
MIN_WORDS = 3  # per value of a column of sentences
MAX_REPETITION = 5  # rows per different sentence
# fmt: off
CALENDAR_SENTINELS = np.array(["0001-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01",
                               "2099-12-31", "2999-12-31", "9999-12-31"], dtype="datetime64[D]")
# fmt: on


@dataclass
class Finding:
    """What was inferred about a column.

    Attributes:
        column: `Column`, read as the inferred type.
        kind: str, as in the table `TableEncoder.columns_`: one of `WANTED` or "empty".
        reading: dict or None, how `texts.reading.read` reads later tables.
        details: list of clauses about the guesses that were made.
        stray: list, the values that could not be read.
        declared: bool, whether the user said what the column holds.
    """

    column: Column
    kind: str
    reading: dict | None = None
    details: list = field(default_factory=list)
    stray: list = field(default_factory=list)
    declared: bool = False


def infer_columns(frame, wanted, one_hot_limit):
    """A `Finding` for each column of a table.

    Args:
        frame: `Frame` of the training rows.
        wanted: dict from position to one of `WANTED`, or a format of `strptime`, for the columns
            that the user declared.
        one_hot_limit: int, number of categories up to which a column is never free text.
    """
    columns = [frame.column(j) for j in range(frame.width)]
    decisions, hints = {}, {}
    for j, column in enumerate(columns):
        want = wanted.get(j)
        if want is None and (found := compact_date(column)):
            decisions[j] = *found, False
        elif is_format(want) or (want is None and not column.declared):
            column = as_text_column(column, want)
            if column.kind == "text":
                decisions[j] = recognize(column, want)
                learn_hints(*decisions[j], hints)
    findings = []
    for j, column in enumerate(columns):
        want = wanted.get(j)
        reading, details, ambiguous = decisions.get(j, (None, [], False))
        if ambiguous and hints:
            reading, details, _ = recognize(as_text_column(column, want), want, hints)
        if want == "boolean" and column.kind == "numeric":
            column = as_booleans(column, frame.label(j))
        if want == "drop":
            finding = Finding(column, "drop")
        elif reading is not None:
            finding = read_finding(column, reading, details if want is None else [])
        elif want in ("category", "hash", "text"):
            finding = Finding(column, want)
        elif is_format(want) and column.kind == "text":
            raise ValueError(
                f"Column {frame.label(j)} of `X` cannot be read as {want!r}, as `columns` says: it "
                f"holds {quoted_list(column.factorized[1], 3)}."
            )
        else:
            finding = Finding(column, KIND_NAMES.get(column.kind, column.kind))
        finding.declared = want is not None
        if want is None:
            name = j if frame.names is None else frame.names[j]
            finish(finding, name, one_hot_limit)
        findings.append(finding)
    return findings


def is_format(want):
    return isinstance(want, str) and (want in FORMATS or "%" in want)


def as_text_column(column, want):
    """The column as text if the user says that its values are dates, such as 20210331."""
    numbers = want is not None and (want == "date" or "%" in want) and column.kind == "numeric"
    return texts_of(column) if numbers else column


def compact_date(column):
    """`(reading, remarks)` of integers that are days or moments such as 20210331, else None."""
    if column.kind != "numeric":
        return None
    values = column.values[~column.missing]
    for first, last, reading, example in COMPACT_DATES:
        if len(values) == 0 or values.min() < first or values.max() > last:
            continue
        values = np.unique(values)
        fewest = MIN_COMPACT if len(example) == 6 else MIN_COMPACT_DATES
        if len(values) < fewest or (values != np.floor(values)).any():
            return None
        moments = parse_dates([f"{value:.0f}" for value in values[:1000]], reading["formats"])
        days = "days" if len(example) <= 8 else "moments"
        remarks = [f"integers such as {example} are {days}"]
        return None if np.isnat(moments).any() else (reading, remarks)
    return None


def as_booleans(column, label):
    good = np.isin(column.values, (0, 1)) | column.missing
    if not good.all():
        raise ValueError(
            f"Column {label} of `X` cannot be read as 'boolean', as `columns` says: it holds "
            f"{to_python(column.values[~good][0])!r}."
        )
    return Column("boolean", column.values)


def learn_hints(reading, _, ambiguous, hints):
    """Note what an unambiguous column says about the others of the table."""
    if reading is None or ambiguous:
        return
    if reading["as"] == "number" and (reading["decimal"], reading["thousands"]) != (".", ""):
        hints["decimal"] = reading["decimal"]
        hints.setdefault("dayfirst", reading["decimal"] == ",")
    if reading["as"] == "date" and not reading["formats"][0].startswith("%Y"):
        first = reading["formats"][0]
        if "%d" in first and "%m" in first and "m%m" not in first:
            hints["dayfirst"] = first.index("%d") < first.index("%m")


def read_finding(column, reading, details):
    """The `Finding` of a column that is read as another type."""
    found, stray = read(column, reading)
    finding = Finding(found, reading["as"], reading, list(details))
    if len(stray):
        finding.stray = list(dict.fromkeys(column.values[stray].tolist()))
    lost = int(found.missing.sum()) - int(column.missing.sum())
    if lost:
        marks = finding.stray or list(dict.fromkeys(column.values[found.missing & ~column.missing]))
        finding.details.append(
            f"{lost:,} of {len(column.values):,} values are missing or unreadable, such as "
            f"{quoted_list(marks, 3)}"
        )
    return finding


def finish(finding, name, one_hot_limit):
    """Find sentinels, identifiers and free text in a column that the user did not declare."""
    column = finding.column
    if column.kind in ("numeric", "datetime", "instant") and (found := find_sentinels(column)):
        rows = int(np.isin(column.values, found).sum())
        shown = [to_python(value) for value in found]
        finding.reading = {**(finding.reading or {}), "sentinels": [
            str(v) if column.values.dtype.kind == "M" else float(v) for v in found
        ]}  # fmt: skip
        finding.column, _ = read(column, {"sentinels": finding.reading["sentinels"]})
        finding.details.append(
            f"{quoted_list(shown, 3)} in {rows:,} of {len(column.values):,} rows is treated as "
            "missing, because it is far from the other values"
        )
    elif column.kind == "numeric" and is_numbering(column, name):
        finding.kind = "identifier"
    elif column.kind == "text" and not column.declared:
        codes, texts = column.factorized
        if is_free_text(texts, int((codes >= 0).sum()), one_hot_limit):
            finding.kind = "text"
        elif len(texts) > one_hot_limit and (units := mixed_units(texts)):
            finding.details.append(
                f"its numbers have several units ({quoted_list(units)}); convert them to one unit "
                "to use them as numbers"
            )


def mixed_units(texts):
    """The units of a column in which nearly every value is a number with one of a few units."""
    sample = texts[:: max(1, len(texts) // 300)]
    found = [parts[1] for text in sample if (parts := split_number(text)) and parts[1]]
    units = sorted(set(found))
    return units if len(found) > 0.8 * len(sample) and 2 <= len(units) <= MAX_UNITS else []


def find_sentinels(column):
    """Values at the ends of the range that stand for a missing one, such as -9999 or 9.9e15.

    A number of nines, sevens or eights alone, the limit of an integer type, or 1e15 and more counts
    if it is farther from the other values than twice their range. A negative one also counts if all
    others are non-negative, and one of up to three digits then has to be repeated. So do the first
    and last days of calendars in a column of dates.
    """
    values = column.values[~column.missing]
    if values.dtype.kind == "M":
        days = values.astype("datetime64[D]")
        candidates = np.unique(values[np.isin(days, CALENDAR_SENTINELS)])
        if len(candidates) == 0:
            return []
        rest = values[~np.isin(values, candidates)].astype("int64").astype("float64")
        return [c for c in candidates if stands_apart(float(c.astype("int64")), rest, False)]
    found: list = []
    while len(values) and (more := sentinels_at(values, -1) or sentinels_at(values, 1)):
        found += more
        values = values[~np.isin(values, more)]
    return found


def sentinels_at(values, sign):
    """Sentinels at one end of the range, where several may follow one another: 97, 98 and 99."""
    found, best = [], []
    while len(values):
        value = values.max() if sign > 0 else values.min()
        if not is_sentinel(value):
            break
        rest = values[values != value]
        rare = value > -1000 and len(values) - len(rest) < 2
        if rare and not stands_apart(value, rest, value >= 1e15):
            break
        found.append(value)
        values = rest
        if all(stands_apart(other, rest) for other in found):
            best = [*found]
    return best


def is_sentinel(value):
    if 1e15 <= abs(value) < np.inf or abs(value) in LIMITS:
        return True
    if abs(value) >= 1e9 or value != np.floor(value):
        return False
    digits = str(int(abs(value)))
    return (
        len(digits) > 1
        and set(digits[:-1]) <= {digits[0]}
        and digits[0] in "789"
        and (digits[-1] == digits[0] or (digits[-1] in "789" and digits[0] == "9"))
    )


def stands_apart(value, others, is_number=True):
    if len(others) < 3 or np.unique(others[:1000]).size < 3:
        return False
    low, high = others.min(), others.max()
    gap = low - value if value < low else value - high
    if is_number and abs(value) >= 1e15:
        return abs(value) / 1000 > max(abs(low), abs(high))  # a product may overflow
    return gap > 2 * (high - low) or (is_number and value <= -66 and low >= 0)


def is_numbering(column, name):
    """Whether a column has an identifier's name and a different integer in each row."""
    values = column.values
    if len(values) < MIN_IDENTIFIER_ROWS or not is_identifier_name(name) or column.missing.any():
        return False
    return bool((values == np.floor(values)).all()) and len(np.unique(values)) == len(values)


def is_free_text(texts, rows, one_hot_limit):
    """Whether different texts are sentences: several words, and hardly repeated."""
    if len(texts) <= one_hot_limit or rows > MAX_REPETITION * len(texts):
        return False
    sample = texts[:: max(1, len(texts) // 500)]
    return float(np.mean([len(text.split()) for text in sample])) >= MIN_WORDS


def warn_of_findings(findings, labels):
    """Warn of every guess: one warning for clean text, one for each column with remarks."""
    clean = []
    for finding, label in zip(findings, labels, strict=True):
        kind, override = finding.kind, f"columns={{{label}: 'category'}}"
        if finding.details and finding.reading and "as" not in finding.reading:
            warn_once(
                f"Column {label} of `X` contains values that probably stand for missing ones: "
                f"{'; '.join(finding.details)}. Pass columns={{{label}: '{kind}'}} to keep them.",
                "inferred",
                label,
            )
        elif finding.details and kind == "category":
            warn_once(
                f"Column {label} of `X` is treated as categorical: {'; '.join(finding.details)}.",
                "inferred",
                label,
            )
        elif finding.details:
            warn_once(
                f"Column {label} of `X` is read as {PLURALS[kind]}: {'; '.join(finding.details)}. "
                f"Pass {override} to keep its values as categories, or another kind or format.",
                "inferred",
                label,
            )
        elif finding.declared:
            continue
        elif finding.reading and kind in ("number", "date", "time"):
            clean.append(f"{label} as {PLURALS[kind]}")
        elif kind == "text" and finding.column.kind == "text":
            clean.append(f"{label} as free text")
        elif kind == "identifier":
            values = finding.column.values
            warn_once(
                f"Column {label} of `X` is ignored: its {len(values):,} values are different "
                f"integers, such as {values[0]:.0f}, so it looks like an identifier. Pass "
                f"columns={{{label}: 'number'}} to use it.",
                "inferred",
                label,
            )
    if clean:
        shown = ", ".join(clean[:8]) + (f" and {len(clean) - 8} more" if len(clean) > 8 else "")
        warn_once(
            f"Text columns of `X` are read by their values: {shown}. `columns_` of the encoder "
            "lists all; pass columns={name: kind} to choose another kind, such as 'category'.",
            "inferred",
            "clean",
        )


PLURALS = {"number": "numbers", "date": "dates", "time": "times", "boolean": "booleans"}
