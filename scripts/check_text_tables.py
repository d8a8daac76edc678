"""Compare tables read from Parquet with the same tables read from CSV as text only.

    scripts/run scripts/check_text_tables.py FOLDER     # seconds; a folder of Parquet files

A column that Parquet has as text is declared as categories in both, because text alone does not say
whether 1, 2, 3 are numbers. Every other column has to be inferred from its text. The encoded
matrices must be equal; the script exits with status 1 if one differs.
"""

import argparse
import io
import sys
import warnings
from pathlib import Path


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with *.parquet")
    parser.add_argument("--infer-all", action="store_true", help="declare no column")
    options = parser.parse_args(argv)
    files = sorted(options.folder.glob("*.parquet"))
    if not files:
        parser.error(f"{options.folder} holds no Parquet files.")
    differences = [compare(file, options.infer_all) for file in files]
    sys.exit(1 if any(differences) else 0)


def compare(file, infer_all):
    """Print and return the largest difference of the two matrices, NaN if they differ in shape."""
    import numpy as np
    import pandas as pd

    from kerasdnn import DataWarning, TableEncoder

    table = pd.read_parquet(file)
    text = pd.read_csv(io.StringIO(table.to_csv(index=False)), dtype=str)
    texts = [name for name in table if pd.api.types.is_string_dtype(table[name])]
    kinds = None if infer_all else dict.fromkeys(texts, "category")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        right = TableEncoder(columns=kinds).fit(table)
        ours = TableEncoder(columns=kinds).fit(text)
        expected, matrix = right.transform(table), ours.transform(text)
    same = expected.shape == matrix.shape
    difference = float(np.abs(expected - matrix).max()) if same else float("nan")
    print(f"{file.stem:18s} {len(table):6,} x {table.shape[1]:3d}   difference {difference:g}")
    return difference != 0


if __name__ == "__main__":
    main()
