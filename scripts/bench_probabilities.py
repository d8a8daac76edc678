"""Log loss of calibrated and uncalibrated probabilities, with and without label smoothing.

    scripts/run scripts/bench_probabilities.py --data shared/data            # an hour on two cores
    scripts/run scripts/bench_probabilities.py --quick                       # a minute

A network trains on the train part of a table, its epochs are evaluated and its probabilities are
calibrated on the valid part, and log loss and error are those of the test part. Tables for
regression become tasks of two classes: above the median of the training rows, or not. `--rows`
limits the training rows; a third as many validation rows are used, and up to 5,000 test rows. The
last column is isotonic calibration on the same rows. With several `--seeds`, each of which draws
the networks and the rows of large tables, the mean of the difference is printed with its standard
error. `--dev` leaves the test part alone and divides the training and validation rows again with
each seed, to decide something.
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

TEST_ROWS = 5_000  # at most
VARIANTS = {
    "default": {},
    "label_smoothing=0": {"label_smoothing": 0.0},
    'label_smoothing=0, monitor="loss"': {"label_smoothing": 0.0, "monitor": "loss"},
    'preset="standard"': {"preset": "standard"},
}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--data", type=Path, metavar="DIR", help="folder of tables (default: those of scikit-learn)"
    )
    add("--tables", metavar="A,B", help="default: all")
    add("--variants", type=int, default=len(VARIANTS), help="so many of: " + "; ".join(VARIANTS))
    add("--rows", type=int, default=1800, help="maximum number of training rows (default: 1800)")
    add("--seeds", type=int, default=1, help="default: 1")
    add("--dev", action="store_true", help="divide training and validation rows anew")
    add("--quick", action="store_true", help="two small tables, few epochs, as a check")
    options = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    names = options.tables.split(",") if options.tables else names_in(options.data)
    if options.quick:
        names, options.variants = ["breast_cancer", "diabetes"], 1
    rows = []
    for variant in list(VARIANTS)[: options.variants]:
        for name in names:
            for seed in range(options.seeds):
                rows.append(measure(name, variant, seed, options))
                print(*rows[-1].values(), sep="  ", flush=True)
    table = pd.DataFrame(rows)
    for variant, part in table.groupby("variant", sort=False):
        report(variant, part)
    return table


def measure(name, variant, seed, options):
    import kerasdnn

    data = read_table(name, options.data)
    parts = parts_of(divided(data, seed) if options.dev else data, options.rows, seed)
    (X, y), valid, (X_test, y_test) = parts
    settings = VARIANTS[variant] | ({"epochs": 8} if options.quick else {})
    model = kerasdnn.DNNClassifier(calibrate=False, random_state=seed, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kerasdnn.DataWarning)
        model.fit(X, y, validation_data=valid)
        before = log_loss(model, X_test, y_test)
        model.calibrate(*valid)  # what `fit` does with calibrate=True
        after, temperature = log_loss(model, X_test, y_test), model.temperature_
        error = 1 - model.score(X_test, y_test)
        model.calibrate(*valid, method="isotonic")
        isotonic = log_loss(model, X_test, y_test)
    return {"variant": variant, "table": name, "seed": seed, "error": round(error, 5),
            "uncalibrated": round(before, 5), "calibrated": round(after, 5),
            "temperature": round(temperature, 3), "isotonic": round(isotonic, 5)}  # fmt: skip


def divided(data, seed):
    """The table without its test part, its other rows divided 60 / 20 / 20."""
    order = np.concatenate([data.rows["train"], data.rows["valid"]])
    order = np.random.default_rng(1_000 + seed).permutation(order)
    ends = int(0.6 * len(order)), int(0.8 * len(order))
    return replace(data, rows=dict(zip(data.rows, np.split(order, ends), strict=True)))


def parts_of(data, rows, seed):
    """Training, validation and test rows as `(X, y)`; numbers become two classes."""
    found = []
    for part, limit in (("train", rows), ("valid", rows // 3), ("test", TEST_ROWS)):
        X, y = data.part(part)
        if len(X) > limit:
            kept = np.random.default_rng(seed).choice(len(X), limit, replace=False)
            X, y = (values.iloc[kept].reset_index(drop=True) for values in (X, y))
        found.append((X, y))
    if data.task == "regression":
        median = data.part("train")[1].median()
        found = [(X, (y > median).map({True: "high", False: "low"})) for X, y in found]
    return found


def log_loss(model, X, y):
    from sklearn.metrics import log_loss

    return log_loss(y, model.predict_proba(X), labels=model.classes_)


def report(variant, part):
    by_table = part.groupby("table", sort=False)
    means = by_table.mean(numeric_only=True).drop(columns="seed")
    change = part["calibrated"] / part["uncalibrated"] - 1
    percent = 100 * change.groupby(part["table"], sort=False).agg(["mean", "sem"])
    means = means.assign(**{"change (%)": percent["mean"], "± (%)": percent["sem"]})
    print(f"\n{variant}\n{means.round(3).to_string()}")
    gmean = {name: np.exp(np.log(means[name]).mean()) for name in ("uncalibrated", "calibrated")}
    print(
        f"Calibrated is better on {int((percent['mean'] < 0).sum())} of {len(means)} tables, in "
        f"{int((change < 0).sum())} of {len(change)} fits; worst fit {100 * change.max():+.1f}%. "
        f"Geometric mean of the log loss: {gmean['uncalibrated']:.4f} uncalibrated, "
        f"{gmean['calibrated']:.4f} calibrated; mean error {means['error'].mean():.4f}."
    )


if __name__ == "__main__":
    sys.exit(main() is None)
