"""Compare every export with its model on real tables, and time one row through the NumPy export.

    scripts/run scripts/bench_export.py                        # about 20 s: one row of 20 columns
    scripts/run scripts/bench_export.py --data DIR             # and six tables of a folder
    scripts/run scripts/bench_export.py --data DIR --quick     # 2,000 rows and 2 epochs of each

The table prints the largest difference between a model and its export by each format, over
thousands of ordinary and difficult rows, in probability or in standard deviations of y. A dash
means that the format does not support the columns of the table; an export that differs by more than
1e-5 is not written. The single row has 14 numeric columns and 6 text columns with 4 categories; its
time is the best of 20 rounds of 500 predictions.
"""

import argparse
import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

PRESETS = "standard", "realmlp-s", "realmlp"
TABLES = "housing_mixed", "bank_full", "telco_churn", "wine_quality", "covertype_15k", "diabetes"
FORMATS = "numpy", "saved_model", "onnx", "litert"
TIMER = """
import timeit
from predict import load
model = load()
row = {f"number {i}": i / 7 for i in range(14)} | {f"text {i}": "abcd"[i % 4] for i in range(6)}
print(min(timeit.repeat(lambda: model.predict_proba(row), number=500, repeat=20)) / 500 * 1e6)
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="folder of tables (default: none)")
    add("--quick", action="store_true", help="few rows and epochs, one preset per table")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warnings.simplefilter("ignore")
    if options.data is not None:
        compare(options.data, options.quick)
    if options.data is None or not options.quick:
        time_one_row()


def compare(folder, quick):
    """Print the largest differences."""
    from _accuracy_tables import names_in, read_table

    print("table, preset | compared rows | " + " | ".join(FORMATS) + " | int8")
    names = [name for name in TABLES if name in names_in(folder)]
    for i, name in enumerate(names):
        for preset in (PRESETS[::2][i % 2],) if quick else PRESETS[::2]:
            model, quantiles = fit(read_table(name, folder), preset, quick)
            rows, cells = proofs(model)
            task = "quantiles" if quantiles else type(model).__name__
            print(f"{name} ({task}), {preset} | {rows:,} | " + " | ".join(cells), flush=True)


def fit(data, preset, quick):
    """`(model, whether it predicts quantiles)`, trained on the training part."""
    from kerasdnn import DNNClassifier, DNNRegressor

    X, y = data.part("train")
    if quick:
        X, y = X.head(2_000), y.head(2_000)
    settings = {"epochs": 2 if quick else 10, "random_state": 0}
    if data.task != "regression":
        return DNNClassifier(preset, **settings).fit(X, y), False
    quantiles = (0.1, 0.5, 0.9) if data.name == "diabetes" else None
    if quantiles:
        settings["quantiles"] = quantiles
    return DNNRegressor(preset, **settings).fit(X, y), bool(quantiles)


def proofs(model):
    """The number of compared rows, and the largest difference of each format as text."""
    cells, rows, small = [], 0, "-"
    for format in FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    proof = model.export(Path(folder) / "export", format=format)["proof"]
            except ValueError as error:
                apart = re.search(r"differs from the model by (\S+)", str(error))
                cells.append(f"{apart[1]}: not written" if apart else "-")
                continue
        cells.append(f"{proof['largest_difference']['all']:.1e}")
        rows = max(rows, proof["rows"]["all"])
        if "compared" in proof:
            found = proof["compared"]["int8"]
            small = f"{found['mean_difference']:.1e} on average"
            if "equal_labels" in found:
                small += f", {found['equal_labels']:.1%} equal labels"
    return rows, [*cells, small]


def time_one_row():
    import numpy as np
    import pandas as pd

    from kerasdnn import DNNClassifier

    rng = np.random.default_rng(0)
    numbers = {f"number {i}": rng.normal(size=600) for i in range(14)}
    texts = {f"text {i}": rng.choice(list("abcd"), 600) for i in range(6)}
    table = pd.DataFrame(numbers | texts)
    for preset in PRESETS:
        model = DNNClassifier(preset, epochs=2, random_state=0)
        model.fit(table, table["number 0"] > 0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export"
            model.export(path)
            done = subprocess.run(
                [sys.executable, "-c", TIMER], cwd=path, capture_output=True, text=True, check=True
            )
        print(f"{preset:10} {float(done.stdout):5.0f} µs")


if __name__ == "__main__":
    sys.exit(main())
