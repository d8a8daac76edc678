"""Errors of regressors on few rows, relative to fewer steps and, for counts, to a higher rate.

    scripts/run scripts/bench_small_tables.py --data shared/data       # a quarter of an hour
    scripts/run scripts/bench_small_tables.py --quick                  # a minute

A regressor with its defaults trains on some rows of the train part of a table, drawn by each seed,
and predicts up to 2,500 rows of the valid part: the test part is left alone. Beside it, one trains
for the 48 epochs that larger tables have; where targets are integers also one with
`target="count"`, and one with the learning rate of other regressors. Without --data a formula makes
a table of counts.

The mean error over the seeds is sqrt(1 - R2), whose shifted geometric mean over the tables is
printed relative to the first row; seconds are those of all fits.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from _accuracy_tables import names_in, read_table
from bench_accuracy import count

COLUMNS = {
    "48 epochs": {"epochs": 48},
    "default": {},
    "counts, rate 0.2, 48 epochs": {"target": "count", "learning_rate": 0.2, "epochs": 48},
    "counts, rate 0.2": {"target": "count", "learning_rate": 0.2},
    "counts, default": {"target": "count"},
}
SHIFT = 0.01


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="folder of tables (default: a formula)")
    add("--rows", type=counts, default="60,100,200,400", metavar="A,B", help="default: %(default)s")
    add("--seeds", type=count, default=3, help="default: 3")
    add("--quick", action="store_true", help="100 rows and one seed, as a check")
    options = parser.parse_args(argv)
    if options.data and not (options.data / "meta.json").is_file():
        parser.error(f"--data: {options.data} has no meta.json")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warnings.simplefilter("ignore")
    sizes = [100] if options.quick else options.rows
    tables = read_tables(options.data)
    for rows in sizes:
        print(f"\n{rows} rows")
        for columns, chosen in (
            ([name for name in COLUMNS if "counts" not in name], tables),
            ([name for name in COLUMNS if "counts" in name], of_counts(tables)),
        ):
            compare(columns, chosen, rows, 1 if options.quick else options.seeds)


def counts(text):
    return [count(part) for part in text.split(",")]


def read_tables(folder):
    """`(X, y, X of the valid part, y)` of each table of numbers, by its name."""
    if folder is None:
        return {"a formula": formula()}
    found = {}
    for name in names_in(folder):
        data = read_table(name, folder)
        if data.task == "regression":
            X, y = data.part("valid")
            found[name] = (*data.part("train"), X[:2_500], y[:2_500])
    return found


def formula(rows=4_000):
    """Counts that depend on two of three columns, drawn from Poisson distributions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 3))
    y = rng.poisson(np.exp(np.clip(X[:, 0] + X[:, 1] ** 2, -2, 3)))
    half = rows // 2
    return X[:half], y[:half], X[half:], y[half:]


def of_counts(tables):
    def possible(y):
        y = np.asarray(y, "float64")
        return (y >= 0).all() and (y == np.floor(y)).all()

    return {name: table for name, table in tables.items() if possible(table[1])}


def compare(columns, tables, rows, seeds):
    from kerasdnn import DNNRegressor

    logs, seconds = np.zeros((len(columns), len(tables))), np.zeros(len(columns))
    for j, (X, y, X_new, y_new) in enumerate(tables.values()):
        errors = np.zeros((len(columns), seeds))
        for seed in range(seeds):
            places = np.random.default_rng(seed).permutation(len(y))[:rows]
            part = (
                (X.iloc[places], y.iloc[places]) if hasattr(X, "iloc") else (X[places], y[places])
            )
            for i, name in enumerate(columns):
                began = time.process_time()
                model = DNNRegressor(random_state=seed, **COLUMNS[name]).fit(*part)
                seconds[i] += time.process_time() - began
                errors[i, seed] = np.sqrt(max(0.0, 1 - model.score(X_new, y_new)))
        logs[:, j] = np.log(errors.mean(axis=1) + SHIFT)
    print(
        f"{'':30s}", "all".rjust(6), *(name[:14].rjust(14) for name in tables), "seconds".rjust(8)
    )
    for i, name in enumerate(columns):
        ratios = np.exp(logs[i] - logs[0])
        mean = np.exp((logs[i] - logs[0]).mean())
        each = "".join(f"{ratio:15.3f}" for ratio in ratios)
        print(f"{name:30s} {mean:6.3f}{each} {seconds[i]:8.0f}", flush=True)


if __name__ == "__main__":
    main()
