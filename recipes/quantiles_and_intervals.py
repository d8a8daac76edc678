"""Predict intervals: how wide they must be, and how often they contain the target.

    scripts/run recipes/quantiles_and_intervals.py          # 30 s of CPU time

Two tables: a curve whose noise grows along x, drawn here, so that the true quantiles are known; and
the diabetes table of scikit-learn. Four methods promise to contain 90% of new targets:

    linear quantiles          scikit-learn's QuantileRegressor, the baseline
    network's quantiles       DNNRegressor(quantiles=...), as the network predicts them
    conformal, around mean    DNNRegressor().predict_interval: one width for all rows
    conformal quantiles       DNNRegressor(quantiles=...).predict_interval

Expect the two conformal methods to contain about 90% of the curve's test rows, and the network's
quantiles alone to miss that by a few percent. Around the mean, the interval is too wide where the
noise is small and too narrow where it is large: look at the last column, the coverage in the worst
fifth of the rows. The 89 test rows of diabetes are too few to tell 86% from 94%.
"""

import numpy as np
from _common import Progress, Report, options, parse, start

COVERAGE, EPOCHS = 0.9, 64
ENDS = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2
QUANTILES = (ENDS[0], 0.5, ENDS[1])
ROWS, TEST_ROWS = 2_000, 2_000


def main(argv=None):
    args = parse(options(__doc__, "quantiles_and_intervals", epochs=EPOCHS), argv)
    device = start(args)
    import pandas as pd

    epochs = min(args.epochs, 3) if args.quick else args.epochs
    rows = 300 if args.quick else ROWS
    report = Report(args, "Prediction intervals that contain 90% of new rows", device)
    findings, results = [], []
    progress = Progress(6, "Fitting")
    for name, table in (("curve", curve(args.seed, rows)), ("diabetes", diabetes(args.seed))):
        found = intervals(table, epochs, args.seed, progress)
        for method, interval in found.items():
            results.append({"table": name, "method": method, **summary(interval, table)})
        if name == "curve":
            draw(report, table, found)
    results = pd.DataFrame(results)
    report.table("intervals", results, "Coverage and width on the test rows", digits=3)
    for name, part in results.groupby("table", sort=False):
        part = part.set_index("method")
        line = ", ".join(f"{m} {part['coverage'][m]:.1%}" for m in part.index)
        findings.append(f"{name}: of {TEST_ROWS if name == 'curve' else 89:,} test rows, "
                        f"the intervals contain: {line}.")  # fmt: skip
    worst = results[results["table"] == "curve"].set_index("method")["worst fifth"]
    findings.append(
        f"In the worst fifth of the curve, the interval around the mean contains "
        f"{worst['conformal, around mean']:.0%}, that of conformal quantiles "
        f"{worst['conformal quantiles']:.0%}."
    )
    report.findings(findings)
    report.save()


# ------------------------------------------------------------------------------------------- data
def curve(seed, rows):
    """X, y of training and test rows, and a function to the true quantiles."""
    import pandas as pd

    rng = np.random.default_rng(seed)

    def draw_rows(count):
        x = rng.uniform(0, 10, count)
        return pd.DataFrame({"x": x}), center(x) + spread(x) * rng.normal(size=count)

    return *draw_rows(rows), *draw_rows(TEST_ROWS)


def center(x):
    return 3 * np.sin(x) + x


def spread(x):
    return 0.2 + 0.25 * x


def diabetes(seed):
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=seed)
    return X, y.to_numpy(), X_test, y_test.to_numpy()


# ---------------------------------------------------------------------------------------- methods
def intervals(table, epochs, seed, progress):
    """Dict of method to interval `(rows, 2)` of the test rows."""
    from sklearn.linear_model import QuantileRegressor

    from kerasdnn import DNNRegressor

    X, y, X_test, _ = table
    settings = {"epochs": epochs, "random_state": seed}
    mean = DNNRegressor(**settings).fit(X, y)
    progress.step("mean")
    quantiles = DNNRegressor(quantiles=QUANTILES, **settings).fit(X, y)
    progress.step("quantiles")
    lines = [QuantileRegressor(quantile=end, alpha=0).fit(X, y) for end in ENDS]
    progress.step("linear quantiles")
    return {
        "linear quantiles": np.column_stack([line.predict(X_test) for line in lines]),
        "network's quantiles": quantiles.predict(X_test)[:, [0, 2]],
        "conformal, around mean": mean.predict_interval(X_test, coverage=COVERAGE),
        "conformal quantiles": quantiles.predict_interval(X_test, coverage=COVERAGE),
    }


def summary(interval, table):
    """Coverage, mean width, and the coverage of the worst fifth of the rows by their first column.

    A fifth of diabetes has 18 rows, of which chance alone may leave out several.
    """
    _, _, X_test, y_test = table
    low, high = interval.T
    covered = (low <= y_test) & (y_test <= high)
    fifths = np.array_split(np.argsort(X_test.iloc[:, 0].to_numpy(), kind="stable"), 5)
    return {"coverage": covered.mean(), "mean width": (high - low).mean(),
            "worst fifth": min(covered[rows].mean() for rows in fifths)}  # fmt: skip


def draw(report, table, found):
    """The intervals along the curve, with the true ones."""
    from scipy.stats import norm

    from kerasdnn import plots
    from kerasdnn.plots.styles import legend

    _, _, X_test, y_test = table
    x = X_test["x"].to_numpy()
    order, part = np.argsort(x), np.random.default_rng(0).permutation(len(x))[:400]
    with plots.style():
        figure, ax = plots.figure(width=7.5, height=4.5)
        ax.plot(x[part], y_test[part], ".", color="0.75", markersize=3, label="test rows")
        for end in (-1, 1):
            true = center(x) + end * norm.ppf(ENDS[1]) * spread(x)
            label = "true quantiles" if end > 0 else None
            ax.plot(x[order], true[order], color="black", linewidth=1, label=label)
        for index, name in enumerate(("conformal, around mean", "conformal quantiles")):
            line = plots.series(index) | {"marker": ""}
            for k, ends in enumerate(found[name].T):
                ax.plot(x[order], ends[order], **line, label=None if k else name)
        ax.set(xlabel="x", ylabel="y")
        legend(ax, "below")
    report.picture("intervals", figure, "Intervals of 90% along the curve whose noise grows.")


if __name__ == "__main__":
    main()
