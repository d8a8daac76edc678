"""Measure predicted and actual durations of fits, threads, folds next to a single fit, a search.

    scripts/run scripts/bench_duration.py --data DIR                  # all, about 10 minutes
    scripts/run scripts/bench_duration.py --data DIR --rows 1000 predict folds

    predict   seconds that the first epochs of `fit` predict, and those that it takes, per table
    threads   the networks of an average trained in turn, and at the same time; equal weights
    folds     `bagging="folds"` (5 folds) and 5 separate fits to 4/5 of the rows, in single fits
    search    20 random trials around the preset, with and without sharing compiled functions
              between networks with other schedules

Each of these begins without compiled functions. Processor seconds are next to seconds of the clock:
they are the ones to compare where other programs run. DIR has NAME.parquet and NAME.split.npz of
each table and meta.json; see `_accuracy_tables.py`.
"""

import argparse
import contextlib
import os
import statistics
import time
from pathlib import Path

TABLES = "abalone", "telco_churn", "bike_hour", "diabetes"


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="of: predict threads folds search")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--tables", nargs="*", default=TABLES, help=f"default {' '.join(TABLES)}")
    parser.add_argument("--rows", type=int, default=2_000, help="most rows of a table")
    parser.add_argument("--preset", default="compact")
    parser.add_argument("--trials", type=int, default=20, help="of the search")
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parts = {"predict": predict, "threads": threads, "folds": folds, "search": search}
    for name in args.parts or parts:
        if name not in parts:
            parser.error(f"parts are predict, threads, folds and search. Received: {name}")
        parts[name](args)


def read(args):
    """Yield (name, class of estimator, X, y) for each table."""
    from _accuracy_tables import read_table

    from kerasdnn import DNNClassifier, DNNRegressor

    for name in args.tables:
        table = read_table(name, args.data)
        X, y = table.part("train")
        kind = DNNRegressor if table.task == "regression" else DNNClassifier
        yield name, kind, X[: args.rows], y[: args.rows]


def timed(call):
    """Return the result of a call that begins without compiled functions, and its seconds:
    (of the clock, of the processor)."""
    from kerasdnn.training import compile_cache

    compile_cache.traces.clear()
    before = time.perf_counter(), time.process_time()
    result = call()
    return result, (time.perf_counter() - before[0], time.process_time() - before[1])


def warm_up(kind, X, y):
    """Import what a first fit imports."""
    kind("standard", epochs=1, hidden_units=(2,)).fit(X[:60], y[:60])


def predict(args):
    print(f"{'table':16}{'rows':>7}{'predicted':>11}{'took':>7}{'ratio':>7}{'CPU':>7}")
    ratios = []
    for name, kind, X, y in read(args):
        model = kind(args.preset, random_state=0)
        warm_up(kind, X, y)
        predicted, _ = timed(lambda model=model, X=X, y=y: model.estimate_fit_time(X, y))
        _, (took, cpu) = timed(lambda model=model, X=X, y=y: model.fit(X, y))
        ratios.append(predicted / took)
        row = f"{name:16}{len(X):7,}{predicted:11.1f}{took:7.1f}{ratios[-1]:7.2f}{cpu:7.1f}"
        print(row, flush=True)
    error = statistics.median(max(ratio, 1 / ratio) for ratio in ratios)
    print(f"median ratio {statistics.median(ratios):.2f}, median factor of the error {error:.2f}")


def threads(args):
    import joblib
    import numpy as np

    print(f"{'table':16}{'rows':>7}{'in turn':>9}{'at once':>9}{'ratio':>7}{'CPU':>7}{'CPU':>7}")
    ratios = []
    for name, kind, X, y in read(args):
        model = lambda kind=kind, X=X, y=y: kind(args.preset, random_state=0).fit(X, y)
        warm_up(kind, X, y)
        with joblib.parallel_config("sequential"):
            one, (turn, cpu) = timed(model)
        both, (once, cpu_once) = timed(model)
        for ours, theirs in zip(both.network_.weights, one.network_.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        ratios.append(turn / once)
        row = (
            f"{name:16}{len(X):7,}{turn:9.1f}{once:9.1f}{ratios[-1]:7.2f}{cpu:7.1f}{cpu_once:7.1f}"
        )
        print(row, flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}; the weights are equal")


def folds(args):
    row = "{:16}{:>7}{:>9}{:>7}{:>7}{:>11}{:>7}"
    print(row.format("table", "rows", "one fit", "folds", "ratio", "five fits", "ratio"))
    ratios = []
    for name, kind, X, y in read(args):
        model = lambda kind=kind, **own: kind(args.preset, random_state=0, **own)
        warm_up(kind, X, y)
        parts = [i % 5 != 0 for i in range(len(X))]

        def each(model=model, X=X, y=y, parts=parts):
            for _ in range(5):
                model().fit(X[parts], y[parts])

        _, (_, one) = timed(lambda model=model, X=X, y=y: model().fit(X, y))
        _, (_, five) = timed(lambda model=model, X=X, y=y: model(bagging="folds").fit(X, y))
        _, (_, apart) = timed(each)
        ratios.append((five / one, apart / one))
        numbers = one, five, five / one, apart, apart / one
        cells = [f"{number:.{1 + (i in (2, 4))}f}" for i, number in enumerate(numbers)]
        print(row.format(name, f"{len(X):,}", *cells), flush=True)
    found = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print("processor seconds; median ratios {:.2f} and {:.2f}".format(*found))


@contextlib.contextmanager
def without_sharing():
    """Let schedules be constants of compiled functions, as they were before."""
    from kerasdnn.training import compile_cache

    before = compile_cache.inputs_of
    compile_cache.inputs_of = lambda thing: ()
    try:
        yield
    finally:
        compile_cache.inputs_of = before


def search(args):
    from kerasdnn.estimators.presets import PRESETS

    row = "{:16}{:>7}{:>24}{:>9}{:>9}{:>7}{:>16}"
    print(row.format("table", "rows", "space", "apart", "shared", "ratio", "best scores"))
    ratios = []
    for name, kind, X, y in read(args):
        warm_up(kind, X, y)
        values = PRESETS[args.preset].values(kind.__name__ == "DNNRegressor")
        shape = {part: values[part] for part in ("hidden_units", "activation")}
        for space, fixed in (("of the preset", {}), ("equal layers", shape)):

            def tuned(kind=kind, X=X, y=y, fixed=fixed):
                model = kind(args.preset, **fixed)
                return model.tune(X, y, max_trials=args.trials, seed=0, verbose=0).best_score

            with without_sharing():
                old, (_, before) = timed(tuned)
            new, (_, after) = timed(tuned)
            ratios.append(after / before)
            scores = f"{old:.4f} {new:.4f}"
            cells = name, f"{len(X):,}", space, f"{before:.1f}", f"{after:.1f}"
            print(row.format(*cells, f"{ratios[-1]:.2f}", scores), flush=True)
    print(
        f"processor seconds of {args.trials} trials; median ratio {statistics.median(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
