"""Check `health` on real tables: silent on default fits, and each planted fault found by name.

    scripts/run scripts/check_health.py FOLDER             # 50 fits, about 10 min on 2 idle cores
    scripts/run scripts/check_health.py --fits 4           # the four tables of scikit-learn

FOLDER is one that `bench_accuracy.py` reads. The script exits with status 1 if a default fit has a
finding, or if a fault is not found.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import _accuracy_tables as tables

MAX_ROWS = 2_000


def read_options(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("folder", type=Path, nargs="?", help="folder of tables (default: those of scikit-learn)")
    add(
        "--fits",
        type=int,
        default=50,
        help="fits of a preset, table by table, then with the next seed (default: %(default)s)",
    )
    add("--first", type=int, default=0, help="skip this number of fits (default: %(default)s)")
    add("--rows", type=int, default=MAX_ROWS, help="maximum rows of a table (default: %(default)s)")
    add("--presets", default="compact", help="presets of the fits, separated by commas")
    add("--tables", help="tables, separated by commas (default: all)")
    return parser.parse_args(argv)


def sample(data, rows, seed):
    """At most `rows` rows of a table, drawn at random: `(X, y)`."""
    X, y = data.X, data.y
    if len(X) > rows:
        X = X.sample(rows, random_state=seed)
        y = y.loc[X.index]
    return X.reset_index(drop=True), y.reset_index(drop=True)


def estimator_for(data):
    from kerasdnn import DNNClassifier, DNNRegressor

    return DNNRegressor if data.task == "regression" else DNNClassifier


def healthy(read, options):
    """Print the findings on default fits; return how many have one, and the number of fits."""
    wrong, presets = 0, options.presets.split(",")
    seeds = range(-(-options.fits // len(read)))
    jobs = [(seed, data) for seed in seeds for data in read][options.first : options.fits]
    for preset in presets:
        for seed, data in jobs:
            X, y = sample(data, options.rows, seed)
            began = time.perf_counter()
            model = estimator_for(data)(preset, random_state=seed).fit(X, y)
            findings = model.health(X, y).findings
            wrong += bool(findings)
            text = "; ".join(map(str, findings)) or "nothing"
            seconds = time.perf_counter() - began
            print(f"{data.name:15s} {preset} seed {seed} {seconds:5.1f} s   {text}", flush=True)
    return wrong, len(jobs) * len(presets)


# Faults. Each takes the encoded matrix, the targets, and returns the `Health` of a network that has
# it. All but the first are the result of training with a setting or a table that is at fault.


def monitored(network, x, y, epochs, **fit):
    """Train with `Diagnostics`, and return its report."""
    from kerasdnn import Diagnostics

    diagnostics = Diagnostics(x, y, every=1)
    network.fit(x, y, epochs=epochs, verbose=0, callbacks=[diagnostics], **fit)
    return diagnostics.health()


def classifier(x, *args, **settings):
    from kerasdnn import build_classifier

    return build_classifier(x.shape[1], 2, *args, seed=0, **settings)


def not_a_number(x, y):
    from kerasdnn import health

    network = classifier(x)
    network.fit(x, y, epochs=1, verbose=0)
    network.layers[0].kernel.assign(network.layers[0].kernel * float("nan"))
    return health(network, x, y)


def divergence(x, y):
    import keras

    from kerasdnn import build_regressor

    keras.utils.set_random_seed(0)
    network = build_regressor(x.shape[1], optimizer="sgd", learning_rate=50.0, seed=0)
    return monitored(network, x, y.astype("float32"), 5)


def unscaled_inputs(x, y):
    x = x.copy()
    x[:, 0] *= 5_000  # in grams instead of kilograms, and squared
    return monitored(classifier(x, learning_rate=1e-4), x, y, 2)


def vanishing_gradient(x, y):
    return monitored(classifier(x, (32,) * 8, activation="sigmoid"), x, y, 4)


def dead_units(x, y):
    network = classifier(x, (32,) * 4, optimizer="adam", learning_rate=0.3)
    return monitored(network, x, y, 4)


def saturated_units(x, y):
    network = classifier(x, activation="tanh", optimizer="sgd", learning_rate=1e-3)
    network.layers[0].kernel.assign(network.layers[0].kernel * 100)
    return monitored(network, x, y, 2)


def plateau(x, y):
    import numpy as np

    from kerasdnn import build_regressor

    network = build_regressor(x.shape[1], optimizer="sgd", learning_rate=1e-5, prior=0.0, seed=0)
    network.layers[-1].kernel.assign(network.layers[-1].kernel * 0)
    noise = np.random.default_rng(0).normal(size=len(x)).astype("float32")
    return monitored(network, x, noise, 8)


def rate_too_high(x, y):
    network = classifier(x, (16,), optimizer="adam", activation="leaky_relu", learning_rate=0.3)
    return monitored(network, x, y, 20)


def rate_too_low(x, y):
    network = classifier(x, optimizer="sgd", learning_rate=1e-4)
    return monitored(network, x, y, 20)


def overfitting(x, y):
    network = classifier(x, (256, 256), optimizer="adam", learning_rate=3e-3)
    return monitored(network, x[:150], y[:150], 60, validation_data=(x[150:600], y[150:600]))


def imbalance(x, y):
    import numpy as np

    rare = np.flatnonzero(y == 1)[:40]
    rows = np.sort(np.concatenate([np.flatnonzero(y == 0), rare]))
    x, y = x[rows], y[rows]
    network = classifier(x, (4,), optimizer="sgd", learning_rate=1e-3, prior=y.mean())
    return monitored(network, x, y, 2)


FAULTS = {
    "not a number": not_a_number,
    "divergence": divergence,
    "unscaled inputs": unscaled_inputs,
    "vanishing gradient": vanishing_gradient,
    "dead units": dead_units,
    "saturated units": saturated_units,
    "plateau": plateau,
    "learning rate too high": rate_too_high,
    "learning rate too low": rate_too_low,
    "overfitting": overfitting,
    "imbalance": imbalance,
}


def planted(data, options):
    """Print what is found of each fault in a binary table, and return how many are missed."""
    import numpy as np

    from kerasdnn import TableEncoder
    from kerasdnn.tables.targets.classes import ClassTarget

    X, y = sample(data, options.rows, 0)
    x = TableEncoder(one_hot_limit=1_000).fit_transform(X)
    y = ClassTarget(np.unique(y)).encode(y.to_numpy())
    missed = 0
    for name, plant in FAULTS.items():
        found = {finding.name: finding for finding in plant(x, y).findings}
        missed += name not in found
        print(
            f"{data.name:15s} {name}: {found.get(name, f'MISSED, found {list(found)}')}", flush=True
        )
    return missed


def main(argv=None):
    options = read_options(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    names = options.tables.split(",") if options.tables else tables.names_in(options.folder)
    read = [tables.read_table(name, options.folder) for name in names]
    wrong, fits = healthy(read, options)
    print(f"{fits - wrong} of {fits} default fits are without a finding.")
    binary = next((data for data in read if data.task == "binary"), None)
    missed = 0
    if binary is not None:
        missed = planted(binary, options)
        print(f"{len(FAULTS) - missed} of {len(FAULTS)} planted faults are found in {binary.name}.")
    sys.exit(1 if wrong or missed else 0)


if __name__ == "__main__":
    main()
