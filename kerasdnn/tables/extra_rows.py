"""Find the rows of a file that hold no data: further headers, rules, totals, notes, empty rows."""

import re

import pandas as pd

from ..core.messages import warn
from .texts.parsing import is_missing, split_number

MAX_HEADERS = 2  # below the names of the columns: questions, units, identifiers of a survey tool
MAX_NOTES = 20  # below the data
SAMPLE_ROWS = 200
MIN_ROWS = 5
RULE = re.compile(r"[-+=:_| ]*--[-+=:_| ]*|[+|=-]+")
TOTAL = re.compile(
    r"((grand|sub|overall) ?-?)?(total|totals|sum)( général| general| geral)?|summe|gesamt(summe)?|"
    r"insgesamt|ergebnis|totale|totaal|suma|razem|celkem|итого|всего|合計|总计|합계|총계",
    re.IGNORECASE,
)
NOTE = re.compile(
    r"\(?\d[\d., ]* (rows?|records?|zeilen|lignes|filas)( affected)?\)?|"
    r"(sources?|quelle|fuente|fonte|notes?|anmerkung(en)?|hinweis|end of (file|report)|"
    r"generated|exported|stand|copyright)\b.*|©.*",
    re.IGNORECASE,
)


def without_extra_rows(table: pd.DataFrame, file: str, blank: bool = True) -> pd.DataFrame:
    """A table without the rows that hold no data.

    Args:
        table: DataFrame as read from a file, whose columns are text where such rows are.
        file: str, its name, for the warning.
        blank: bool, whether rows without a value are blank ones, rather than NULL in each column.

    Warns:
        DataWarning: rows were dropped, with their first values.
    """
    found: dict[str, pd.Index] = {}
    empty = table.isna().all(axis=1)
    if blank and empty.any() and not empty.all():
        found["empty rows"] = table.index[empty]
        table = table[~empty]
    texts = [j for j, dtype in enumerate(table.dtypes) if is_text(dtype)]
    if len(texts) == table.shape[1] > 1:  # as when files are joined
        names = [str(name) for name in table]
        same = [i for i, value in enumerate(table.iloc[:, 0]) if value == names[0]]
        same = [i for i in same if table.iloc[i].tolist() == names]
        found["repeated headers"] = table.index[same]
        table = table.drop(index=table.index[same])
    if texts and len(table) > MIN_ROWS:
        rules = [i for i in (0, len(table) - 1) if is_rule(table.iloc[i])]
        found["rules"] = table.index[rules]
        table = table.drop(index=table.index[rules])
        found["further headers"] = table.index[: count_headers(table, texts)]
        found["totals and notes"] = table.index[len(table) - count_notes(table) :]
        table = table.drop(index=[*found["further headers"], *found["totals and notes"]])
    if not any(map(len, found.values())):
        return table
    dropped = [f"{len(rows):,} {what}" for what, rows in found.items() if len(rows)]
    warn(f"{file}: {' and '.join(dropped)} are skipped, because they hold no data.")
    return table.reset_index(drop=True).infer_objects()


def is_text(dtype):
    return dtype.kind == "O" or isinstance(dtype, pd.StringDtype)


def present(row):
    """The values of a row that are not missing, as text."""
    return [str(value).strip() for value in row[row.notna()]]


def is_rule(row):
    values = present(row)
    return bool(values) and all(RULE.fullmatch(value) for value in values) and "--" in str(values)


def count_headers(table, texts):
    """How many rows below the names of the columns are further headers.

    Where the other rows of a column are numbers, a header has text.
    """
    for count in range(MAX_HEADERS, 0, -1):
        head, rest = table.iloc[:count], table.iloc[count : count + SAMPLE_ROWS]
        others = [j for j in range(table.shape[1]) if j not in texts]
        if len(rest) < MIN_ROWS or head.iloc[:, others].notna().any(axis=None):
            continue
        numbers = [j for j in texts if holds_numbers(rest.iloc[:, j])]
        if numbers and all(is_header(head.iloc[i], rest, numbers, texts) for i in range(count)):
            return count
    return 0


def holds_numbers(column):
    values = [str(value) for value in column.dropna()]
    good = sum(split_number(value) is not None for value in values)
    return good > 0 and good + sum(map(is_missing, values)) >= 0.9 * len(values)


def is_header(row, rest, numbers, texts):
    """Whether a row has text above each column of numbers, and nothing of the other rows."""
    for j in texts:
        value = row.iloc[j]
        if not isinstance(value, str) or is_missing(value):
            if j in numbers and not (pd.isna(value) and len(numbers) > 2):
                return False
        elif split_number(value) is not None or (rest.iloc[:, j] == value).any():
            return False
    words = [value for j, value in enumerate(row) if j not in numbers and isinstance(value, str)]
    wordy = all(len(value.split()) > 2 or value[:1] in "[({" for value in words)
    return len(numbers) > 1 or wordy


def count_notes(table):
    """How many of the last rows are totals or notes."""
    count = 0
    while count < min(MAX_NOTES, len(table) - MIN_ROWS) and is_note(table, len(table) - 1 - count):
        count += 1
    return count


def is_note(table, position):
    row = table.iloc[position]
    first = next(j for j, value in enumerate(row) if pd.notna(value))
    value = row.iloc[first]
    if not isinstance(value, str) or (table.iloc[:-MAX_NOTES, first] == value).any():
        return False
    alone = row.notna().sum() == 1
    if first == 0 and NOTE.fullmatch(value.strip()) and row.isna().mean() >= 0.5:
        return True  # with a comma in it
    if alone and first == 0 and (table.shape[1] > 2 or NOTE.fullmatch(value.strip())):
        before = table.iloc[:-MAX_NOTES] if len(table) > 2 * MAX_NOTES else table.iloc[:MIN_ROWS]
        return not (before.notna().sum(axis=1) == 1).any()
    return TOTAL.fullmatch(value.strip().rstrip(":")) is not None
