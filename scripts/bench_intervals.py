"""Coverage of prediction intervals on the test part of real tables.

    scripts/run scripts/bench_intervals.py --data shared/data     # 10 min on two cores
    scripts/run scripts/bench_intervals.py --data shared/data --splits 5      # an hour
    scripts/run scripts/bench_intervals.py --quick                # a minute

A regressor trains on the train part. One half of the valid part evaluates its epochs and gives the
residuals of the intervals, as in `fit`; the residuals of the other half, which the network has
never seen, give the intervals to compare with ("fresh"). Both are evaluated on the test part, for
the mean and for quantiles. "±" is the standard deviation that a coverage has by chance, of so many
validation and test rows. `--rows` limits the training rows.

Conformal intervals guarantee the mean coverage over splits of the rows. With `--splits N` the rows
are divided N times at random, in the same proportions; coverage is then the mean over the splits,
and "±" the standard deviation of that mean.
"""

import argparse
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from _accuracy_tables import names_in, read_table

COVERAGES = (0.8, 0.95)
VARIANTS = {"mean": {}, "quantiles": {"quantiles": (0.025, 0.1, 0.5, 0.9, 0.975)}}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--data", type=Path, metavar="DIR", help="folder of tables (default: those of scikit-learn)"
    )
    add("--rows", type=int, default=1800, help="maximum number of training rows (default: 1800)")
    add("--seeds", type=int, default=1, help="default: 1")
    add("--splits", type=int, default=0, metavar="N", help="random splits (default: the fixed one)")
    add("--tables", metavar="A,B", help="default: all for regression")
    add("--quick", action="store_true", help="few epochs, as a check")
    options = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    names = options.tables.split(",") if options.tables else names_in(options.data)
    tables = [read_table(name, options.data) for name in names]
    rows = []
    for variant in VARIANTS:
        for data in tables:
            if data.task == "regression":
                for seed in range(options.splits or options.seeds):
                    split = divided(data, seed) if options.splits else data
                    rows += measure(split, variant, seed, options)
                    print(*rows[-1].values(), sep="  ", flush=True)
    table = pd.DataFrame(rows)
    means = table.groupby(["variant", "table", "stated"], sort=False).mean(numeric_only=True)
    if options.splits:
        means["±"] /= np.sqrt(options.splits)
    print(means.drop(columns="seed").round(3).to_string())
    for (variant, stated), part in means.groupby(level=["variant", "stated"], sort=False):
        print(
            f"{variant}, {stated:.0%}: mean coverage {part['coverage'].mean():.3f}, from fresh "
            f"rows {part['fresh'].mean():.3f}; within 2 points on "
            f"{int((part['coverage'] - stated).abs().le(0.02).sum())} of {len(part)} tables"
        )
    return table


def divided(data, seed):
    """The table with its rows divided anew, as many to each part."""
    order = np.random.default_rng(1_000 + seed).permutation(np.concatenate([*data.rows.values()]))
    ends = np.cumsum([len(rows) for rows in data.rows.values()])[:-1]
    return replace(data, rows=dict(zip(data.rows, np.split(order, ends), strict=True)))


def measure(data, variant, seed, options):
    import kerasdnn

    rng = np.random.default_rng(seed)
    X, y = data.part("train")
    kept = rng.permutation(len(X))[: options.rows]
    held, test = data.part("valid"), data.part("test")
    order = rng.permutation(len(held[0]))
    half = len(order) // 2
    used, fresh = (tuple(v.iloc[i] for v in held) for i in (order[:half], order[half:]))
    settings = VARIANTS[variant] | ({"epochs": 8} if options.quick else {})
    model = kerasdnn.DNNRegressor(random_state=seed, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kerasdnn.DataWarning)
        model.fit(X.iloc[kept], y.iloc[kept], validation_data=used)
        found = coverage(model, *test), coverage(model.calibrate(*fresh), *test)
    rows = []
    for stated, (ours, width), (theirs, _) in zip(COVERAGES, *found, strict=True):
        chance = np.sqrt(stated * (1 - stated) * (1 / half + 1 / len(test[0])))
        rows.append({"variant": variant, "table": data.name, "seed": seed, "stated": stated,
                     "coverage": ours, "fresh": theirs, "±": chance,
                     "width in deviations": width / float(np.std(y))})  # fmt: skip
    return rows


def coverage(model, X, y):
    """Of each stated coverage the fraction of y within the interval, and its mean width."""
    found = []
    for stated in COVERAGES:
        low, high = model.predict_interval(X, coverage=stated).T
        found.append((float(((low <= y) & (y <= high)).mean()), float((high - low).mean())))
    return found


if __name__ == "__main__":
    sys.exit(main() is None)
