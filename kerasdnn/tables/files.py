"""Read a table from a file: delimited text of any national variant, and what pandas reads.

The variant of a text file is detected on its first bytes: compression, encoding, separator, quote
character and decimal mark. pandas then reads the complete file with these settings.
"""

import bz2
import codecs
import csv
import difflib
import gzip
import io
import lzma
import re
import zipfile
from collections import Counter
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from ..core.messages import warn
from .extra_rows import without_extra_rows

SAMPLE_BYTES = 1 << 20
SAMPLE_RECORDS = 1000
MAX_PREAMBLE = 30  # records before the header
SEPARATORS = ";\t|,"  # of equally good ones the first
RARE_SEPARATORS = "\x01", "^", "~", r"\s{2,}", r"\s+"  # where none of the others fits
BYTE_ORDER_MARKS = {  # the longer ones first, which begin like the shorter ones
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
OPEN = {  # compression, as pandas calls it: the first bytes, and what opens it
    "gzip": (b"\x1f\x8b", gzip.open),
    "bz2": (b"BZh", bz2.open),
    "xz": (b"\xfd7zXZ\x00", lzma.open),
    "zip": (b"PK\x03\x04", None),
}
# Of cp1252: currencies, quotes, dashes, blanks, degrees and the like.
SYMBOLS = b"\x80\x91\x92\x93\x94\x96\x97\xa0\xa3\xa7\xb0\xb1\xb2\xb3\xb5"
PLAIN = SYMBOLS + bytes(range(128))
GUESSED = ("cp1252", "latin-1")  # for what is not Unicode; the second has a letter for every byte
# Numbers with a decimal mark d, with thousands separators t alone, and with neither of them.
NUMBER = r"[+-]?(?:[0-9]*|[1-9][0-9]{{0,2}}(?:{t}[0-9]{{3}})+){d}[0-9]+(?:[eE][+-]?[0-9]+)?"
GROUPED = r"[+-]?[1-9][0-9]{{0,2}}(?:{t}[0-9]{{3}})+"
WHOLE = r"[+-]?[0-9]+"
DIGITS = r"-?[0-9]+(?:\.[0-9]+)?"
CODE = r"0[0-9]{2,}"  # a zip code or a part number, whose zeros pandas would drop
ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?"


def read_table(
    path: str | Path,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> pd.DataFrame:
    """Read a table from a file; the format follows from its extension.

    `.parquet`, `.feather`, `.arrow`, `.xlsx`, `.xlsm`, `.xls`, `.ods` (the first sheet), `.json`
    (records), `.jsonl` and `.ndjson` are read by pandas. Every other file is taken for delimited
    text with a header, in the clear or compressed (gzip, bz2, xz, or a zip archive of one file). In
    text, columns of ISO dates become dates, and columns whose numbers are all written with
    thousands separators become numbers. Columns of digits with leading zeros, such as zip codes,
    stay text. Columns without a name and without a value, which spreadsheets export, are dropped.
    Rows that hold no data are skipped with a warning: titles before the header, questions or units
    below it, lines of comments that begin with #, rules, blank rows, totals and notes at the end.
    `\\N`, as databases write it, is a missing value.

    Args:
        path: str or Path.
        sep: str, what separates the columns of a text file. None means detected out of comma,
            semicolon, tab, vertical bar and, with a warning, blanks.
        decimal: str, "." or ",", the decimal mark of a text file. None means detected.
        encoding: str, the encoding of a text file, such as "cp1252". None means detected: a byte
            order mark, UTF-8, UTF-16, else cp1252 if the text looks Western European.

    Returns:
        DataFrame.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: a package that pandas needs for this format is not installed.
        ValueError: the file is not a table, or its encoding cannot be determined.

    Warns:
        DataWarning: the encoding was guessed, lines or rows were skipped, or there are further
            sheets.

    Example:
        import pandas as pd
        from kerasdnn.tables.files import read_table

        pd.DataFrame({"a": [1.5, 2.5]}).to_csv("a.csv", sep=";", decimal=",", encoding="utf-16")
        print(read_table("a.csv"))
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in (".gz", ".bz2", ".xz"):
        endings.pop()
    ending = endings[-1] if endings else ""
    try:
        if ending in READERS and not (ending == ".xls" and _is_text(path)):
            table = READERS[ending](path)
        else:
            table = _read_text(path, sep, decimal, encoding)
    except ImportError as error:
        package = INSTALL.get(ending, getattr(error, "name", None) or "the package")
        raise ImportError(f"Reading {path.name} needs {package}: pip install {package}") from error
    except UnicodeError as error:
        raise ValueError(
            f"{path} is not text in the encoding {getattr(error, 'encoding', encoding)}. "
            "Pass another `encoding`."
        ) from error
    except LookupError as error:  # pandas has no such encoding, and ValueErrors pass
        raise ValueError(f"{path} cannot be read: {_one_line(error)}") from error
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path} is not a readable table: {_one_line(error)}. Correct this line, or pass `sep`."
        ) from error
    except (ValueError, zipfile.BadZipFile, lzma.LZMAError, EOFError, csv.Error) as error:
        raise ValueError(f"{path} is not a readable table: {_one_line(error)}") from error
    if table.shape[1] == 0:
        raise ValueError(f"{path} is not a readable table: it has no columns.")
    return table


def find_column(table: pd.DataFrame, name: str) -> Hashable:
    """The label of a table's column whose name is `name`.

    Args:
        table: DataFrame.
        name: str.

    Returns:
        The label, which is a number where the table's names are numbers.

    Raises:
        ValueError: there is no such column; the message suggests similar names.
    """
    labels = {str(label): label for label in table.columns}
    if name in labels:
        return labels[name]
    by_lower: dict[str, list[str]] = {}
    for text in labels:
        by_lower.setdefault(text.strip().lower(), []).append(text)
    near = difflib.get_close_matches(name.strip().lower(), by_lower)
    similar = [repr(text) for lower in near for text in by_lower[lower]]
    if similar:
        hint = f"Did you mean {' or '.join(similar[:3])}?"
    else:
        names = list(labels)
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        hint = f"Its columns are {', '.join(map(repr, names[:20]))}{more}."
    raise ValueError(f"The table has no column {name!r}. {hint}")


def _first_sheet(path):
    with pd.ExcelFile(path) as workbook:
        first, *others = workbook.sheet_names
        if others:
            names = ", ".join(map(repr, others))
            warn(f"{path.name}: the sheet {first!r} is read, and not {names}.")
        top = pd.read_excel(workbook, header=None, nrows=3 * MAX_PREAMBLE, dtype=object)
        fields = [["" if pd.isna(v) else str(v) for v in row] for row in top.to_numpy()]
        preamble, _ = _without_preamble(list(enumerate(fields, start=1)))
        table = pd.read_excel(workbook, skiprows=preamble)
    if preamble:
        _warn_of_preamble(path, preamble)
    return without_extra_rows(_without_unnamed(table), path.name)


def _read_json(path, lines):
    """Records; text stays text, because pandas would drop the zeros of a zip code."""
    return pd.read_json(path, lines=lines, dtype=False)


READERS = {
    ".parquet": pd.read_parquet,
    ".pq": pd.read_parquet,
    ".feather": pd.read_feather,
    ".arrow": pd.read_feather,
    ".xlsx": _first_sheet,
    ".xlsm": _first_sheet,
    ".xls": _first_sheet,
    ".ods": _first_sheet,
    ".jsonl": lambda path: _read_json(path, lines=True),
    ".ndjson": lambda path: _read_json(path, lines=True),
    ".json": lambda path: _read_json(path, lines=False),
}
INSTALL = dict.fromkeys([".parquet", ".pq", ".feather", ".arrow"], "pyarrow")
INSTALL |= {".xlsx": "openpyxl", ".xlsm": "openpyxl", ".xls": "xlrd", ".ods": "odfpy"}


def _is_text(path):
    """Whether a file that is named like a workbook is text: many programs export such files."""
    compression, content = _first_bytes(path, 8)
    return compression is None and not content.startswith(b"\xd0\xcf\x11\xe0")


def _read_text(path, sep, decimal, encoding):
    compression, content = _first_bytes(path)
    if not content.strip():
        raise ValueError("it is empty")
    if re.match(rb"\s*<(?:!doctype|html|table|\?xml)", content, re.IGNORECASE):
        raise ValueError("it is a web page or XML. pd.read_html(path)[0] reads the table of a page")
    complete = len(content) < SAMPLE_BYTES
    candidates = [encoding] if encoding else _encodings(content, complete)
    for candidate in candidates:
        try:
            text = _decode(content, candidate, complete)
            table = _parse(path, text, complete, (sep, decimal, candidate, compression))
            break
        except UnicodeDecodeError:  # perhaps only after the sample
            if candidate == candidates[-1]:
                raise
    if encoding is None and candidate in GUESSED:
        warn(
            f"{path.name} is not UTF-8; it is read as {candidate}. Pass `encoding` if letters with "
            "accents are wrong."
        )
    return table


def _parse(path, text, complete, settings):
    sep, decimal, encoding, compression = settings
    text, skipped, sep = _without_separator_line(text, sep)
    sep, quote, preamble, records = _layout(text, sep, complete)
    _check_header(path, records)
    header, rows = records[0], _without_comment_rows(records[1:], len(records[0]))
    if decimal is None:
        decimal = _decimal_mark([field for row in rows for field in row], sep)
    longer = bool(rows) and all(len(row) == len(header) + 1 for row in rows)
    ends_empty = longer and not any(row[-1] for row in rows)
    escaped = '\\"' in text and '""' not in text
    codes = _columns_of_codes(rows, len(header))
    source, encoded = path, {"encoding": encoding, "compression": compression}
    if sep in RARE_SEPARATORS[-2:]:
        source, encoded = _with_tabs(path, encoding, sep, skipped + preamble), {}
        sep = "\t"
        warn(f"The columns of {path.name} are separated by blanks. Pass `sep` if they are not.")
    elif compression == "zip":
        source, encoded["compression"] = io.BytesIO(_first_bytes(path, -1)[1]), None
    if len(rows) < len(records) - 1:
        source, encoded = _without_comments(path, encoding, skipped + preamble), {}
        warn(f"Lines of comments in {path.name}, which begin with #, are skipped.")
    table = pd.read_csv(
        source, **encoded, sep=sep, decimal=decimal, quotechar=quote,
        escapechar="\\" if escaped else None, skiprows=skipped + preamble if encoded else 0,
        skipinitialspace=True, low_memory=False, na_values=["\\N"],
        dtype={} if longer and not ends_empty else dict.fromkeys(codes, str),
        index_col=False if ends_empty or not longer else None,
        usecols=list(range(len(header))) if ends_empty else None,
    )  # fmt: skip
    if preamble:
        _warn_of_preamble(path, preamble)
    if longer and not ends_empty:  # the header lacks a name for the column of row names
        table = table.reset_index(drop=True)
    blank = not complete or any(not any(map(str.strip, row)) for row in rows)
    table = _without_unnamed(without_extra_rows(_without_unnamed(table), path.name, blank))
    stripped = [str(name).strip() for name in table]
    if stripped[0].strip("# "):  # a header in a comment
        stripped[0] = stripped[0].lstrip("# ")
    if len(set(stripped)) == len(stripped):
        table.columns = stripped
    for name in table.select_dtypes(include=["object", "string"]):
        table[name] = _typed(table[name], decimal)
    return table


def _check_header(path, records):
    """Reject a header that is too short, and warn of one that is a row of data or repeats names."""
    header, *rows = records
    longer = [row for row in rows if any(row[len(header) :])]
    if len(rows) / 2 < len(longer) < len(rows):
        raise ValueError(
            f"its header has {len(header)} names, and most rows have "
            f"{max(map(len, longer))} values. Correct the header"
        )
    numbers = [
        j for j in range(len(header))
        if rows and all(j < len(row) and re.fullmatch(DIGITS, row[j].strip()) for row in rows)
    ]  # fmt: skip
    named = [float(header[j]) for j in numbers if re.fullmatch(DIGITS, header[j].strip())]
    if (
        len(numbers) > 1
        and len(named) == len(numbers)
        and (named != sorted(set(named)) or any(value % 1 for value in named))
    ):
        warn(
            f"The first line of {path.name} looks like data, and is read as the names of the "
            f"columns: {', '.join(header[:4])}. Insert a line of names."
        )
    repeated = [name for name, count in Counter(header).items() if count > 1 and name.strip()]
    if repeated:
        warn(
            f"{path.name} has several columns {repeated[0]!r}. The later ones are called "
            f"{repeated[0] + '.1'!r} and so on."
        )


def _with_tabs(path, encoding, sep, skipped):
    """The text of a file from the header on, with a tab between the columns."""
    _, content = _first_bytes(path, size=-1)
    lines = _decode(content, encoding, complete=True).split("\n")[skipped:]
    return io.StringIO("\n".join("\t".join(re.split(sep, line.strip())) for line in lines))


def _without_unnamed(table):
    """A table without its columns that have neither a name nor a value."""
    unnamed = [c for c in table if str(c).startswith("Unnamed: ") and table[c].isna().all()]
    return table.drop(columns=unnamed)


def _warn_of_preamble(path, lines):
    warn(f"The first {lines} lines of {path.name} are skipped: they come before the header.")


def _first_bytes(path, size=SAMPLE_BYTES):
    """`(compression, bytes)`: how the file is compressed, as pandas names it, and its beginning."""
    with path.open("rb") as file:
        magic = file.read(8)
    compression = next((name for name, (first, _) in OPEN.items() if magic.startswith(first)), None)
    if compression == "zip":
        with zipfile.ZipFile(path) as archive:
            names = [
                name for name in archive.namelist()
                if not name.endswith("/") and not name.startswith("__MACOSX/")
            ]  # fmt: skip
            tables = [name for name in names if name.lower().endswith((".csv", ".tsv"))]
            names = tables if len(tables) == 1 else names
            if len(names) != 1:
                listed = ", ".join(names[:5])
                raise ValueError(
                    f"the archive must contain one file, and holds {len(names)}: {listed}"
                )
            with archive.open(names[0]) as file:
                return compression, file.read(size)
    opener = OPEN[compression][1] if compression else open
    with opener(path, "rb") as file:
        return compression, file.read(size)


def _encodings(content, complete):
    """The encodings to try, the likeliest first."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return [name]
    if b"\0" in content[:4096]:
        even, odd = content[:4096:2].count(0), content[1:4096:2].count(0)
        encoding = "utf-16-be" if even > odd else "utf-16-le"
        with suppress(UnicodeDecodeError):  # ASCII, separators at least, has a zero in each pair
            _decode(content, encoding, complete)
            if min(even, odd) == 0 and max(even, odd) > 0.05 * len(content[:4096:2]):
                return [encoding]
        raise ValueError("it is a binary file")
    with suppress(UnicodeDecodeError):
        _decode(content, "utf-8", complete)
        return ["utf-8", *GUESSED]
    # In Western European text, letters outside ASCII stand alone or next to one within a word of
    # ASCII letters; in others, they form words.
    runs = [run for run in re.findall(rb"[\x80-\xff]+", content) if run.strip(SYMBOLS)]
    words = [w for w in re.findall(rb"[A-Za-z\x80-\xff]+", content) if w.strip(PLAIN)]
    mixed = sum(re.search(rb"[A-Za-z]", word) is not None for word in words) > 0.7 * len(words)
    if sum(map(len, runs)) > (2.2 if mixed else 1.6) * len(runs):
        raise ValueError(
            "its encoding cannot be determined. Pass `encoding`, such as 'cp949' (Korean), "
            "'shift_jis' (Japanese), 'gb18030' (Chinese) or 'cp1251' (Cyrillic)"
        )
    return list(GUESSED)


def _decode(content, encoding, complete):
    """The text of the bytes; an incomplete last character is left out of a sample."""
    text = codecs.getincrementaldecoder(encoding)().decode(content, final=complete)
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _without_separator_line(text, sep):
    """`(text, rows to skip, sep)`; Excel understands a first line such as "sep=;"."""
    found = re.match(r'"?sep=(.)"?\n', text)
    if found:
        return text[found.end() :], 1, sep or found.group(1)
    return text, 0, sep


def _layout(text, sep, complete):
    """`(separator, quote character, lines before the header, records)` of a text.

    The separator is the one with which most records have as many fields as the header.
    """
    best = (-1.0, 0), ",", '"', 0, [[""]]
    single = '"' not in text and re.search(r"(^|[;,|\t])'[^'\n]*'([;,|\t]|$)", text, re.MULTILINE)
    for quote in ("'", '"') if single else ('"',):
        for candidate in [sep] if sep else SEPARATORS:
            records = _records(text, candidate, quote)
            if not complete or len(records) > SAMPLE_RECORDS:  # the last one may be incomplete
                records = records[: max(1, min(len(records) - 1, SAMPLE_RECORDS))]
            preamble, records = _without_preamble(records)
            width = len(records[0]) if records else 0
            if width == 0 or (width == 1 and not sep and candidate != ","):
                continue
            rows = records[1:]
            fits = sum(len(row) in (width, width + 1) for row in rows) / max(1, len(rows))
            if width == 1 and not sep:
                fits = 0.0  # a separator that splits the header is better than none
            if (fits, width) > best[0]:
                best = (fits, width), candidate, quote, preamble, records
    if not sep and len(best[-1][0]) == 1:
        for candidate in RARE_SEPARATORS:
            records = _records(text, candidate, '"')
            preamble, records = _without_preamble(records if complete else records[:-1])
            widths = {len(record) for record in records[:SAMPLE_RECORDS]}
            if len(records) > 2 and len(widths) == 1 and widths != {1}:
                return candidate, '"', preamble, records
    return best[1:]


def _records(text, sep, quote):
    """`(line number, fields)` of the first records."""
    if len(sep) > 1:  # a regular expression, which pandas accepts
        lines = enumerate(text.split("\n")[: SAMPLE_RECORDS + 2], start=1)
        return [(number, re.split(sep, line.strip())) for number, line in lines if line.strip()]
    records = []
    reader = csv.reader(io.StringIO(text), delimiter=sep, quotechar=quote, skipinitialspace=True)
    with suppress(csv.Error):  # a quote that is never closed: another separator fits better
        for record in reader:
            if record:
                records.append((reader.line_num, record))
            if len(records) > SAMPLE_RECORDS + 1:
                break
    return records


def _without_preamble(records):
    """`(lines, records)`: lines of comments before the header, and the records from there on."""
    fields = [record for _, record in records]
    if not fields:
        return 0, []
    # A spreadsheet writes as many separators after a title as elsewhere.
    widths = [max((j + 1 for j, v in enumerate(record) if v), default=0) for record in fields]
    usual = Counter(widths).most_common(1)[0][0]
    comments = next((i for i, record in enumerate(fields) if not _is_comment(record)), len(fields))
    if 0 < comments < len(fields):
        last, next_one = fields[comments - 1], fields[comments]
        named = 1 < len(last) >= usual and any(map(_is_number, next_one))
        first = comments - 1 if named and not any(map(_is_number, last)) else comments
        return (records[first - 1][0] if first else 0), fields[first:]
    least = usual if usual == 2 else max(1, usual - 1)
    first = next((i for i, width in enumerate(widths) if width >= least), 0)
    header = [field.strip() for field in fields[first]]
    while header and not header[-1]:
        header.pop()
    named = all(header[1:]) and any(header) and not any(map(_is_number, header))
    if first == 0 or first > MAX_PREAMBLE or not named or usual < 2:
        return 0, fields
    blank = records[first][0] - records[first - 1][0] > 1 or not any(fields[first - 1])
    if usual == 2 and not blank:  # the header may lack a name for the column of row names
        return 0, fields
    return records[first - 1][0], fields[first:]


def _without_comment_rows(rows, width):
    """The records below the header without lines of comments among them."""
    data = [row for row in rows if not _is_comment(row)]
    if len(data) == len(rows) or len(rows) - len(data) > 0.05 * len(rows):
        return rows
    numbers = [
        j for j in range(width)
        if all(j >= len(row) or not row[j] or _is_number(row[j]) for row in data)
    ]  # fmt: skip
    for row in rows:
        if _is_comment(row) and len(row) == width and all(_is_number(row[j]) for j in numbers):
            return rows  # such as an address that begins with a number sign
    return data


def _without_comments(path, encoding, skipped):
    """The text of a file from the header on without the lines that begin with #."""
    _, content = _first_bytes(path, size=-1)
    lines = _decode(content, encoding, complete=True).split("\n")[skipped:]
    return io.StringIO("\n".join(line for line in lines if not line.startswith("#")))


def _is_comment(record):
    return record[0].lstrip().startswith("#")


def _is_number(field):
    return re.fullmatch(r"[\d.,+-]+", field.strip()) is not None


def _columns_of_codes(rows, width):
    """The positions of columns of digits, some of which have leading zeros."""
    codes = []
    for j in range(width):
        found = [row[j].strip() for row in rows if j < len(row)]
        numbers = [field for field in found if re.search("[0-9]", field)]
        if any(re.fullmatch(CODE, field) for field in numbers) and "".join(numbers).isdecimal():
            codes.append(j)
    return codes


def _decimal_mark(fields, sep):
    """The decimal mark of most of the numbers: a point or a comma."""
    text = [field.strip() for field in fields]
    points = sum(re.fullmatch(NUMBER.format(t=",", d=r"\."), field) is not None for field in text)
    commas = sum(re.fullmatch(NUMBER.format(t=r"\.", d=","), field) is not None for field in text)
    # "1,234" has a thousands separator or a decimal comma; after a semicolon probably the latter.
    groups = sum(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", field) is not None for field in text)
    return "," if commas - (0 if sep == ";" else groups) > points else "."


def _typed(column, decimal):
    """A column of text as dates or as numbers, if every value is written as one."""
    words = column.dropna()
    if not words.map(type).eq(str).all():
        return column
    if len(words) and words.str.fullmatch(r'="[^"]*"').all():  # a formula, so that it stays text
        column = column.str[2:-1]
        words = column.dropna()

    def all_match(pattern):  # most columns are decided by their first values
        return len(words) > 0 and all(
            part.str.strip().str.fullmatch(pattern).all() for part in (words.head(100), words)
        )

    if all_match(ISO_DATE):
        with suppress(ValueError):  # days that do not exist, such as 0000-00-00, stay text
            return pd.to_datetime(column.str.strip(), format="ISO8601")
    if all_match(WHOLE) and words.str.strip().str.fullmatch(CODE).any():
        return column
    other = "," if decimal == "." else "."
    for point, thousands in ((decimal, other), (other, decimal)):
        marks = {"t": re.escape(thousands), "d": re.escape(point)}
        if all_match(f"{NUMBER}|{GROUPED}|{WHOLE}".format(**marks)):
            words = words.str.replace(thousands, "", regex=False)
            words = words.str.replace(point, ".", regex=False)
            return pd.to_numeric(words).reindex(column.index)
    return column


def _one_line(error):
    return " ".join(str(error).split()).removesuffix(".") or type(error).__name__
