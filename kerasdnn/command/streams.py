"""Read and write the tables of the command: files of any format, stdin and stdout."""

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ..core.atomic_files import write_bytes
from ..core.messages import quoted_list
from ..tables.files import read_table
from .results import to_json

STDIO = "-"
SIGNATURES = {b"PAR1": ".parquet", b"ARROW1": ".feather"}  # of files that are not text


def _excel(table, out):
    table.to_excel(out, index=False)


# fmt: off
WRITERS: dict[str, Callable] = {  # by the ending of a file
    ".csv":     lambda table, out: out.write(table.to_csv(index=False).encode()),
    ".tsv":     lambda table, out: out.write(table.to_csv(index=False, sep="\t").encode()),
    ".parquet": lambda table, out: table.to_parquet(out, index=False),
    ".feather": lambda table, out: table.to_feather(out),
    ".jsonl":   lambda table, out: out.write(json_lines(table)),
    ".xlsx":    _excel,
}
# fmt: on
ALIASES = {".pq": ".parquet", ".arrow": ".feather", ".ndjson": ".jsonl", ".txt": ".csv"}
FORMATS = tuple(ending[1:] for ending in WRITERS)


def read(path: str, sep: str | None = None, decimal: str | None = None,
         encoding: str | None = None, form: str | None = None) -> pd.DataFrame:  # fmt: skip
    """Read a table of the command.

    Args:
        path: a file, or "-" for stdin.
        sep, decimal, encoding: as in `tables.files.read_table`.
        form: format of stdin, such as "parquet". None recognizes Parquet, Feather and JSON Lines,
            and takes everything else for delimited text.
    """
    if path != STDIO:
        return read_table(path, sep, decimal, encoding)
    content = sys.stdin.buffer.read()
    if not content.strip():
        raise ValueError("stdin is empty.")
    ending = f".{form}" if form else ending_of(content)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"stdin{ending}")
        file.write_bytes(content)
        try:
            return read_table(file, sep, decimal, encoding)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), "stdin")) from error


def ending_of(content):
    """The ending of a file with this content."""
    for signature, ending in SIGNATURES.items():
        if content.startswith(signature):
            return ending
    return ".jsonl" if content.lstrip()[:1] == b"{" else ".csv"


def check_output(path: str, form: str | None = None) -> str:
    """The ending that decides how a table is written to `path`; raises where it cannot be.

    Raises:
        ValueError: an ending that is not a format for writing.
    """
    if form:
        return f".{form}"
    if path == STDIO:
        return ".csv"
    ending = Path(path).suffix.lower()
    ending = ALIASES.get(ending, ending or ".csv")
    if ending not in WRITERS:
        raise ValueError(
            f"A table cannot be written as {ending!r}: {path}. Use one of "
            f"{quoted_list(WRITERS, 9)}, or pass --format."
        )
    return ending


def write(table: pd.DataFrame, path: str, form: str | None = None) -> None:
    """Write a table to a file atomically, or to stdout.

    Args:
        table: DataFrame; its index is not written.
        path: a file whose ending is the format, or "-" for stdout.
        form: the format, such as "parquet". None means that of the ending, CSV for stdout.
    """
    ending = check_output(path, form)
    out = io.BytesIO()
    try:
        WRITERS[ending](table, out)
    except ImportError as error:
        package = "openpyxl" if ending == ".xlsx" else "pyarrow"
        raise ImportError(f"Writing {ending[1:]} needs {package}: pip install {package}") from error
    if path == STDIO:
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(out.getvalue())
            sys.stdout.buffer.flush()
        else:  # in a notebook, stdout takes text only
            sys.stdout.write(out.getvalue().decode())
    else:
        write_bytes(path, out.getvalue())


def json_lines(table):
    """A JSON object per row; pandas would round the numbers."""
    columns = {str(name): table[name].astype(object).tolist() for name in table}
    rows = zip(*columns.values(), strict=True)
    return b"".join(to_json(dict(zip(columns, row, strict=True))).encode() + b"\n" for row in rows)
