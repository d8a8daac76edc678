"""Paths, datasets and lazy frames are sources; tables in memory are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerasdnn.core.sources import is_source


def test_tables_in_memory_are_no_sources():
    frame = pd.DataFrame({"a": [1.0]})
    for X in (frame, frame.a, np.ones((2, 2)), {"a": 1}, [[1]], None, 3):
        assert not is_source(X)


def test_paths_and_what_has_no_rows_yet_are_sources():
    assert is_source("table.parquet")
    assert is_source(Path("folder"))
    pl, pads = pytest.importorskip("polars"), pytest.importorskip("pyarrow.dataset")
    frame = pl.DataFrame({"a": [1.0]})
    assert is_source(frame.lazy())
    assert not is_source(frame)
    assert is_source(pads.dataset(frame.to_arrow()))
    assert not is_source(frame.to_arrow())
