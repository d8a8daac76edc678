"""What train, predict, evaluate and tune do with a table that is read in parts."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.messages import quoted_list
from ..core.rows import Rows
from ..streaming.source import Source, open_source
from ..streaming.training import sample_of
from ..tables.files import find_column
from .main import UsageError
from .results import note, show

PARQUET = (".parquet", ".pq")
IN_MEMORY = {"weights": "--weights", "groups": "--groups", "time": "--time", "report": "--report"}


def is_in_parts(given: Namespace) -> bool:
    """Return whether DATA is read in parts: a folder, or with --in-parts a file."""
    return given.in_parts or (given.data != "-" and Path(given.data).is_dir())


def open_given(given: Namespace) -> Source:
    """Open DATA without the columns of --drop.

    Raises:
        UsageError: an option that needs the complete table.
    """
    for name, option in IN_MEMORY.items():
        if getattr(given, name, None) is not None:
            raise UsageError(f"{option} needs a table in memory, without --in-parts")
    source = open_source(given.data)
    dropped = [column_of(source, name) for name in getattr(given, "drop", ())]
    source.names = [name for name in source.names if name not in dropped]
    return source


def column_of(source: Source, name: str) -> str:
    """The column of a source that an option names."""
    return str(find_column(pd.DataFrame(columns=source.names), name))


def rows_of(given: Namespace) -> tuple[Rows, pd.Series, list[str]]:
    """A source and its target, values of the target to infer the problem from, and sentences."""
    source = open_given(given)
    target = column_of(source, given.target)
    if len(source.names) == 1:
        raise ValueError("The table has no column besides the target, so nothing to learn from.")
    only_target = open_given(given)
    only_target.names = [target]
    labels = sample_of(only_target, [target], seed=0)[1]
    given.settings = {"missing_target": "drop"} | given.settings
    return Rows(source, target), labels, [f"{source.rows:,} rows are read in parts."]


def predict(given: Namespace, model: Any) -> None:
    """Write predictions to a Parquet file while the table is read."""
    if Path(given.out).suffix.lower() not in PARQUET or given.format not in (None, "parquet"):
        raise UsageError("a table that is read in parts needs --out FILE.parquet")
    source = open_given(given)
    kept = [column_of(source, name) for name in given.keep]
    known = getattr(model, "feature_names_in_", None)
    if known is not None and not set(known) & set(source.names):
        raise ValueError(
            f"The table has none of the columns of the model: {quoted_list(known, 20)}."
        )
    rows = model.predict_to(source, given.out, copy=kept)
    result = {"rows": rows, "out": given.out}
    show(result, given.json, f"{rows:,} predictions are in {given.out}")


def evaluate(given: Namespace, model: Any, target: str) -> tuple[int, dict[str, float]]:
    """Compute the number of rows, and loss and metrics, in one pass."""
    source = open_given(given)
    note(f"{source.rows:,} rows are read in parts.")
    return source.rows, model.evaluate(source, column_of(source, target))
