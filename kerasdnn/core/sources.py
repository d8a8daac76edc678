"""Tell tables that are read in parts from tables in memory."""

from os import PathLike
from typing import Any

IN_MEMORY = "numpy", "pandas", "builtins", "scipy"  # modules of types that are no sources


def is_source(X: Any) -> bool:
    """Return whether X is a Parquet path, a `pyarrow.dataset.Dataset` or a lazy frame."""
    if isinstance(X, (str, PathLike)):
        return True
    module = type(X).__module__.split(".")[0]
    if module in IN_MEMORY:
        return False
    if module == "kerasdnn":
        return bool(getattr(X, "in_parts", False))
    if module == "pyarrow":
        import pyarrow.dataset

        return isinstance(X, pyarrow.dataset.Dataset)
    import narwhals as nw

    return isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame)
