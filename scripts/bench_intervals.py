"""Coverage of prediction intervals on the test part of real tables.

    scripts/run scripts/bench_intervals.py --data shared/data     # 4 min on two cores
    scripts/run scripts/bench_intervals.py --data shared/data --splits 10     # 40 min
    scripts/run scripts/bench_intervals.py --quick                # a minute

A regressor trains on the train part. The valid part evaluates its epochs and gives the residuals of
the intervals, which are evaluated on the test part, for the mean and for quantiles. `--rows` limits
the training rows.

One split decides little: of n validation and m test rows, the number of covered test rows has a
beta-binomial distribution with the parameters m, k and n + 1 - k, where k = ceil((n + 1) stated),
whatever the network is. "expected" is its mean, k / (n + 1), "±" its standard deviation, "low" and
"high" are the ends of its central 95%, and "P(2 points)" is the probability of a coverage within 2
points of the stated one. With `--splits N` the rows are divided N times at random, in the same
proportions; coverage is then the mean over the splits, and "±" the standard deviation of that mean.
"""

import argparse
import math
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from _accuracy_tables import names_in, read_table
from scipy.stats import betabinom

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
    add("--preset", help="default: the default one")
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
    means = means.drop(columns="seed")
    if options.splits:
        means["±"] /= np.sqrt(options.splits)
        means = means.drop(columns=["low", "high", "P(2 points)"])
    print(means.round(3).to_string())
    for (variant, stated), part in means.groupby(level=["variant", "stated"], sort=False):
        near = int((part["coverage"] - stated).abs().le(0.02 + 1e-9).sum())
        chance = np.sqrt((part["±"] ** 2).sum()) / len(part)
        text = (
            f"{variant}, {stated:.0%}: mean coverage {part['coverage'].mean():.3f} ± {chance:.3f}"
        )
        text += f"; within 2 points on {near} of {len(part)} tables"
        if not options.splits:
            inside = part["coverage"].between(part["low"], part["high"]).sum()
            text += f" ({part['P(2 points)'].sum():.1f} expected), within chance on {inside}"
        print(text)
    return table


def divided(data, seed):
    """The table with its rows divided anew, as many to each part."""
    order = np.random.default_rng(1_000 + seed).permutation(np.concatenate([*data.rows.values()]))
    ends = np.cumsum([len(rows) for rows in data.rows.values()])[:-1]
    return replace(data, rows=dict(zip(data.rows, np.split(order, ends), strict=True)))


def measure(data, variant, seed, options):
    import kerasdnn

    X, y = data.part("train")
    kept = np.random.default_rng(seed).permutation(len(X))[: options.rows]
    held, test = data.part("valid"), data.part("test")
    settings = VARIANTS[variant] | ({"epochs": 8} if options.quick else {})
    model = kerasdnn.DNNRegressor(options.preset, random_state=seed, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kerasdnn.DataWarning)
        model.fit(X.iloc[kept], y.iloc[kept], validation_data=held)
    rows = []
    for stated in COVERAGES:
        low, high = model.predict_interval(test[0], coverage=stated).T
        rows.append({
            "variant": variant, "table": data.name, "seed": seed, "stated": stated,
            "coverage": float(((low <= test[1]) & (test[1] <= high)).mean()),
            **by_chance(len(held[0]), len(test[0]), stated),
            "width in deviations": float((high - low).mean()) / float(np.std(y)),
        })  # fmt: skip
    return rows


def by_chance(n, m, stated):
    """What the coverage of m test rows is by chance, of intervals from n validation rows."""
    k = min(n, math.ceil((n + 1) * stated - 1e-9))
    covered = betabinom(m, k, n + 1 - k)
    near = np.arange(math.ceil((stated - 0.02) * m), math.floor((stated + 0.02) * m) + 1)
    low, high = covered.interval(0.95)
    return {"expected": k / (n + 1), "±": covered.std() / m, "low": low / m, "high": high / m,
            "P(2 points)": float(covered.pmf(near).sum())}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main() is None)
