"""One interface to tables that are read in parts.

    Parquet file or folder      read by pyarrow, one row group after the other
    pyarrow.dataset.Dataset     the same, or by the fragments of other formats
    lazy frame                  evaluated once by its own engine (Polars, DuckDB, Dask, PySpark),
                                into a temporary Parquet file: every pass then sees the same rows
                                in the same order, which few engines promise

A row is known by its number in the table. A hash of the number and a seed decides to which part of
a split it belongs, so that no pass has to remember the rows of another one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.atomic_files import TemporaryFolder
from ..core.messages import invalid, quoted_list
from ..core.sources import is_source

ROWS_PER_READ = 65_536
MIXED_ROW_GROUPS = 4  # read in turns where the order is random
EXACT = 2**53  # float64 holds every integer up to it


class Source:
    """A table that is read in parts.

    Args:
        dataset: `pyarrow.dataset.Dataset`.
        folder: `TemporaryFolder` of the dataset, deleted with the source, or None.
        names: list of the columns that count. None means all but the index of a DataFrame.

    Attributes:
        names: list of column names.
        rows: int, number of rows.
    """

    in_parts = True

    def __init__(self, dataset, folder=None, names=None):
        self.dataset, self.folder = dataset, folder
        index = (dataset.schema.pandas_metadata or {}).get("index_columns", ())
        names = dataset.schema.names if names is None else names
        self.names = [name for name in names if name not in index]  # a row label is no feature
        self.pieces, self.rows = [], 0  # (first row, fragment)
        try:
            fragments = list(dataset.get_fragments())
        except ValueError as error:
            raise ValueError(
                "`X` is a `pyarrow.dataset` with a filter, which is not supported. Write its rows "
                "to Parquet first: pyarrow.dataset.write_dataset(X, folder, format='parquet')."
            ) from error
        for fragment in fragments:
            split = getattr(fragment, "split_by_row_group", None)
            for piece in split() if split else [fragment]:
                self.pieces.append((self.rows, piece))
                groups = getattr(piece, "row_groups", None)
                self.rows += sum(g.num_rows for g in groups) if groups else piece.count_rows()
        if self.rows == 0:
            raise ValueError("`X` must have rows. Received: 0 rows (minimum of 1 is required).")

    def frames(
        self,
        columns: Sequence[str],
        rng: np.random.Generator | None = None,
        keep: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Yield the table as DataFrames of up to 65,536 rows, whose index is the row number.

        Args:
            columns: names of the columns to read.
            rng: random generator. With it row groups come in random order, four at a time in turns.
                None means the order of the table.
            keep: function from the row numbers, int64 `(rows,)`, to bool `(rows,)`. None means all.
        """
        order = np.arange(len(self.pieces)) if rng is None else rng.permutation(len(self.pieces))
        readers = [self.read(self.pieces[i], columns) for i in order]
        turns = MIXED_ROW_GROUPS if rng is not None else 1
        active, waiting = readers[:turns], readers[turns:]
        while active:
            for reader in list(active):
                found = next(reader, None)
                if found is None:
                    active.remove(reader)
                    active += waiting[:1]
                    del waiting[:1]
                    continue
                start, batch = found
                numbers = np.arange(start, start + batch.num_rows)
                if keep is not None:
                    kept = keep(numbers)
                    numbers, batch = numbers[kept], batch.filter(kept)
                if len(numbers):
                    yield as_frame(batch, numbers)

    def read(self, piece, columns):
        """Yield (number of the first row, `pyarrow.RecordBatch`) of a piece of the table."""
        start, piece = piece
        batches = piece.to_batches(
            schema=self.dataset.schema,
            columns=list(columns),
            batch_size=ROWS_PER_READ,
            batch_readahead=1,
            fragment_readahead=1,
        )
        for batch in batches:
            if batch.num_rows:
                yield start, batch
                start += batch.num_rows


def open_source(X: Any) -> Source:
    """Open a table that is read in parts.

    Args:
        X: path of a Parquet file or of a folder of them, `pyarrow.dataset.Dataset`, lazy frame, or
            a `Source`.

    Raises:
        ImportError: pyarrow is not installed.
        FileNotFoundError, ValueError: there is no Parquet file at the path.
    """
    if isinstance(X, Source):
        return X
    try:
        import pyarrow as pa
        import pyarrow.dataset as pads
    except ImportError as error:
        raise ImportError(
            "Tables that are read in parts need pyarrow. Install it: pip install "
            "'kerasdnn[streaming]'."
        ) from error
    if isinstance(X, (str, PathLike)):
        path = Path(fspath(X))
        if not path.exists():
            raise FileNotFoundError(f"`X` must be the path of a Parquet file. Not found: {path}")
        try:
            return Source(pads.dataset(path, format="parquet"))
        except pa.ArrowInvalid as error:
            rule = "must be the path of a Parquet file or of a folder of them"
            remedy = f"{error} Pass other files as a `pyarrow.dataset`."
            raise invalid("X", rule, str(path), remedy) from error
    if isinstance(X, pads.Dataset):
        return Source(X)
    import narwhals as nw

    folder = TemporaryFolder("kerasdnn-")
    file = Path(folder.name) / "table.parquet"
    lazy = nw.from_native(X)
    lazy.sink_parquet(file)
    names = lazy.collect_schema().names()  # Dask writes its index, too
    files = [file] if file.is_file() else sorted(file.glob("*.parquet"), key=by_numbers)
    return Source(pads.dataset(files, format="parquet"), folder, names)


def by_numbers(path):
    """The key that sorts names by their numbers: Dask's `part.2.parquet` before `part.10.parquet`.

    Example:
        by_numbers(Path("part.10.parquet"))                 # ["part.", 10, ".parquet"]
    """
    return [int(t) if t.isdecimal() else t for t in re.split(r"([0-9]+)", path.name)]


def as_frame(batch, numbers):
    """Return a `pyarrow.RecordBatch` as a DataFrame of dtypes that `read_frame` reads fast."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns, names = [], batch.schema.names
    for array in batch.columns:
        if pa.types.is_integer(array.type) and array.null_count:  # pandas would read objects
            extremes = pc.min_max(array).as_py().values()
            if all(value is not None and abs(value) <= EXACT for value in extremes):
                array = array.cast("float64")
        columns.append(array)
    known = {pa.bool_(): pd.BooleanDtype()}
    known |= {kind: pd.StringDtype("pyarrow") for kind in (pa.string(), pa.large_string())}
    known |= {kind: pd.Int64Dtype() for kind in (pa.int64(), pa.uint64())}
    whole = {
        name
        for name, array in zip(names, columns, strict=True)
        if pa.types.is_integer(array.type) and not array.null_count
    }
    table = pa.table(columns, names=names)
    mapper = lambda kind: known.get(kind)
    frame = table.to_pandas(types_mapper=mapper, date_as_object=False)
    for name in whole:  # plain integers, unless some are missing
        frame[name] = table[name].to_numpy()
    frame.index = numbers
    return frame


def uniform(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Return a number in [0, 1) for each row, which depends on its number and the seed only.

    The hash is SplitMix64 (Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators,
    2014).
    """
    start = np.random.SeedSequence(seed).generate_state(1, "uint64")
    with np.errstate(over="ignore"):
        z = (numbers.astype("uint64") + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + start
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / 2.0**53


def target_columns(source: Source, y: Any) -> list[str]:
    """Return the names of the target's columns.

    Args:
        source: `Source`.
        y: str, name of a column of X, or a list of several.

    Raises:
        ValueError: y is anything else.
    """
    names = [y] if isinstance(y, str) else y
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        rule = "must be the name of a column if X is read in parts"
        raise invalid("y", rule, received=f"an object of type {type(y).__name__}")
    unknown = [name for name in names if name not in source.names]
    if unknown or not names:
        remedy = f"X has the columns {quoted_list(source.names, 20)}."
        raise invalid("y", "must name a column of X", y, remedy)
    return list(names)


__all__ = ["Source", "is_source", "open_source", "target_columns", "uniform"]
