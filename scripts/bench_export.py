"""Compare every export with its model on real tables, and time one row through the NumPy export.

    scripts/run scripts/bench_export.py                        # about 20 s: one row of 20 columns
    scripts/run scripts/bench_export.py --data DIR             # six tables, all presets: 20 min
    scripts/run scripts/bench_export.py --data DIR --quick     # of each table one preset

Each model is trained on 2,000 rows for 10 epochs. Two of the tables get a date in the place of its
parts, and each table without missing values gets them in 3% of its cells. The table prints the
largest difference between a model and its export by each format, over thousands of ordinary and
awkward rows: of probabilities, or in standard deviations of y. A format that refuses a table,
because of its columns, has a dash; one that differs by more than 1e-5 is not written. For one row,
14 columns are numbers, 6 text of 4 categories; the time is the best of 20 rounds of 500
predictions.
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

PRESETS = "standard", "compact", "realmlp-s", "realmlp", "tabm", "pack"
TABLES = "bank_full", "telco_churn", "covertype_15k", "housing_mixed", "bike_hour", "diabetes"
ROWS, EPOCHS, MISSING, QUANTILES = 2_000, 10, 0.03, (0.1, 0.5, 0.9)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
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
    add("--tables", nargs="+", default=TABLES, choices=TABLES, metavar="NAME", help="some of them")
    add("--presets", nargs="+", default=PRESETS, choices=PRESETS, metavar="NAME", help="some")
    add("--quick", action="store_true", help="few rows and epochs, of each table one preset")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warnings.simplefilter("ignore")
    if options.data is None:
        time_one_row()
    else:
        compare(options)


def compare(options):
    """Print the largest differences."""
    from _accuracy_tables import names_in, read_table

    print("| table, preset | compared rows | " + " | ".join(FORMATS) + " | int8 |")
    print("|---" * (3 + len(FORMATS)) + "|")
    names = [name for name in options.tables if name in names_in(options.data)]
    for i, name in enumerate(names):
        data = read_table(name, options.data)
        for preset in (PRESETS[i % len(PRESETS)],) if options.quick else options.presets:
            for task, model in models(data, preset):
                rows, cells = proofs(model)
                print(f'| {name} ({task}), "{preset}" | {rows:,} | ' + " | ".join(cells) + " |",
                      flush=True)  # fmt: skip


def models(data, preset):
    """`(task, trained model)`; of the small table of numbers two."""
    from kerasdnn import DNNClassifier, DNNRegressor

    X, y = data.part("train")
    X, y = with_gaps(with_date(data.name, X.head(ROWS))), y.head(ROWS)
    settings = {"epochs": EPOCHS, "random_state": 0}
    if data.task != "regression":
        yield f"{y.nunique()} classes", DNNClassifier(preset, **settings).fit(X, y)
        return
    if data.name != "bike_hour":
        yield "regression", DNNRegressor(preset, **settings).fit(X, y)
    if data.name != "housing_mixed":
        yield "quantiles", DNNRegressor(preset, quantiles=QUANTILES, **settings).fit(X, y)


def with_date(name, X):
    """X with a column of dates in the place of the parts of dates that a table has."""
    import pandas as pd

    if name == "bike_hour":
        parts = {"year": 2011 + X["year"], "month": X["month"], "day": 1, "hour": X["hour"]}
        return X.drop(columns=["year", "month", "hour"]).assign(at=pd.to_datetime(parts))
    if name == "bank_full":
        months = X["month"].map({month: i + 1 for i, month in enumerate(MONTHS)})
        parts = {"year": 2012, "month": months, "day": X["day"]}
        contacted = pd.to_datetime(pd.DataFrame(parts), errors="coerce")
        return X.drop(columns=["month", "day"]).assign(contacted=contacted)
    return X


def with_gaps(X):
    """X with missing values in some cells, unless it has them."""
    import numpy as np

    if X.isna().to_numpy().any():
        return X
    return X.mask(np.random.default_rng(0).random(X.shape) < MISSING)


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
    for preset in PRESETS[:3]:
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
