"""Measure the time of the check before training, compared with one epoch of training.

    scripts/run scripts/bench_checks.py             # a minute or two on a CPU

For each table, first verifies that the check accepts it and finds a NaN planted in its last cell.
Then prints the median times of `check_fit` and of one epoch, and their ratio. The time of an epoch
is a tenth of the difference between `Network.fit` with 11 epochs and with 1, so that compilation
and everything else that is done once per fit is not included.
"""

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import numpy as np
import pandas as pd

from kerasdnn.checks.fit import check_fit
from kerasdnn.training.network import Network

EPOCHS, HIDDEN_UNITS = 10, (64, 32)


def tables(rows, features):
    """Tables of the same size: as training is given them, and those that are searched longer."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features))
    return {
        "float32": x.astype("float32"),
        "float64": x,
        "DataFrame": pd.DataFrame(x, columns=[f"c{i}" for i in range(features)]),
        "float64, large numbers": x * 1e6,
        "int64": (100 * x).astype("int64"),
    }


def build(features):
    layers = [keras.Input((features,))]
    layers += [keras.layers.Dense(units, "relu") for units in HIDDEN_UNITS]
    network = Network([*layers, keras.layers.Dense(1, "sigmoid")], seed=0)
    network.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return network


def median(function, repeats):
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def epoch_seconds(network, x, y, batch_size, repeats):
    def fit(epochs):
        network.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)

    fit(1), fit(EPOCHS + 1)  # compile
    few, many = (median(lambda n=n: fit(n), repeats) for n in (1, EPOCHS + 1))
    return (many - few) / EPOCHS


def finds_a_planted_nan(network, x, y):
    bad = x.astype("float64")
    bad = bad.copy()
    (bad.iloc if hasattr(bad, "iloc") else bad)[-1, -1] = np.nan
    try:
        check_fit(network, bad, y)
    except ValueError as error:
        return f"row {len(y) - 1} is nan" in str(error)
    return False


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(argv)
    network = build(args.features)
    y = np.arange(args.rows) % 2
    made = tables(args.rows, args.features)
    epochs = {
        size: epoch_seconds(network, made["float32"], y, size, args.repeats) for size in (32, 1024)
    }
    for size, seconds in epochs.items():
        print(f"one epoch of {args.rows:,} x {args.features}, batch {size}: {seconds * 1e3:.1f} ms")
    print(f"{'table':24}{'check':>10}" + "".join(f"{f'of batch {size}':>16}" for size in epochs))
    for name, x in made.items():
        if not finds_a_planted_nan(network, x, y):
            print(f"{name}: the planted NaN was not found")
            return 1
        seconds = median(lambda x=x: check_fit(network, x, y, validation_split=0.2), 20)
        shares = "".join(f"{seconds / epoch:>16.2%}" for epoch in epochs.values())
        print(f"{name:24}{seconds * 1e3:>7.2f} ms{shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
