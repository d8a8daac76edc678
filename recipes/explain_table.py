"""Explain a model: which columns matter, what a prediction consists of, and how columns act.

    scripts/run recipes/explain_table.py                             # abalone, 40 s of CPU time
    scripts/run recipes/explain_table.py --table penguins            # or arrests
    scripts/run recipes/explain_table.py --csv houses.csv --target price

A quarter of the rows is the test set. On it the recipe measures the permutation importance of
every column with confidence intervals, divides the largest and the smallest prediction among the
columns (integrated gradients), and draws the partial dependence of the two most important columns
with scikit-learn. It then compares the network with gradient boosting on the same folds.

Expect on abalone: 'shell_weight' is the most important column for the number of rings, and every
row's attributions add up to its prediction.
"""

import _common
import _mixed_table
import numpy as np
import pandas as pd

TEST_FRACTION = 0.25
REPEATS = 30  # permutations of each column
FOLDS = 5  # of the comparison
MAX_ROWS = 1_000  # of the comparison
CURVES = 30  # rows whose own curves are drawn


def make_parser():
    parser = _common.options(__doc__, "explain_table")
    _common.add_table_options(parser, _mixed_table.SHIPPED)
    parser.add_argument("--epochs", type=_common.positive,
                        help="number of epochs (default: the preset's)")  # fmt: skip
    return parser


def estimator_for(args, problem, **settings):
    import kerasdnn

    kind = kerasdnn.DNNRegressor if problem == "regression" else kerasdnn.DNNClassifier
    return kind(epochs=2 if args.quick else args.epochs, **settings)


def importances(report, model, X, y, args):
    found = model.importance(X, y, repeats=3 if args.quick else REPEATS, seed=args.seed)
    report.table("importance", found.table, "Importance of the columns")
    report.picture(
        "importance", found.plot(),
        f"{len(found.repeats)} permutations of each column on {found.rows:,} test rows; all "
        "intervals hold together with a confidence of 95%.",
    )  # fmt: skip
    return found


def attributions(report, model, X):
    """Explain the rows with the largest and the smallest value of what is explained."""
    found = model.explain(X)
    total = found.prediction.to_numpy()
    mean = found.attributions.abs().mean().sort_values(ascending=False, kind="stable")
    table = pd.DataFrame({"column": mean.index.map(str), "mean |attribution|": mean.to_numpy()})
    report.table("attributions", table, f"Attributions to {found.attributions.attrs['what']}")
    for word, row in (("largest", int(total.argmax())), ("smallest", int(total.argmin()))):
        report.picture(
            f"row_{word}", found.plot(row),
            f"The test row with the {word} prediction: baseline plus all bars is the prediction.",
        )  # fmt: skip
    return found


def dependence(report, model, X, names):
    """The partial dependence of columns, with the curves of single rows where it is a number."""
    from sklearn.inspection import PartialDependenceDisplay

    from kerasdnn import plots

    texts = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    rows = X.dropna(subset=names).head(200 if len(X) > 200 else len(X))
    rows = rows.astype({n: "float64" for n in rows if n not in texts})
    target = model.classes_[-1] if len(getattr(model, "classes_", [])) > 2 else None
    with plots.style():
        drawing, axes = plots.figure(1, len(names), 4.2 * len(names), 3.6, squeeze=False)
        for name, ax in zip(names, axes[0], strict=True):
            PartialDependenceDisplay.from_estimator(
                model, rows, [name], categorical_features=texts, target=target, ax=ax,
                kind="average" if name in texts else "both", subsample=CURVES, random_state=0,
                grid_resolution=12,
            )  # fmt: skip
    what = "" if target is None else f" Class {target!r}."
    report.picture(
        "dependence", drawing,
        f"The mean prediction of {len(rows):,} test rows if a column had the value on the axis; "
        f"thin lines are single rows.{what}",
    )  # fmt: skip


def comparison(report, args, X, y, problem):
    """The network next to gradient boosting, on the same folds."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    import kerasdnn

    rows = np.random.default_rng(args.seed).permutation(len(X))[: 200 if args.quick else MAX_ROWS]
    trees = HistGradientBoostingClassifier
    if problem == "regression":
        trees = HistGradientBoostingRegressor
    found = kerasdnn.compare(
        {"network": estimator_for(args, problem), "trees": trees()}, X.iloc[rows], y.iloc[rows],
        cv=2 if args.quick else FOLDS, seed=args.seed, verbose=0,
    )  # fmt: skip
    report.table("comparison", found.table, f"Comparison on {len(rows):,} rows")
    report.picture("comparison", found.plot(), "Gray: the score of each fold.")
    return found


def main(argv=None):
    parser = make_parser()
    args = _common.parse(parser, argv)
    with _common.one_line_errors(parser):
        return run(args, *_mixed_table.load(args))


def run(args, X, y, problem, sentences):
    device = _common.start(args)
    print("\n".join(sentences))
    from sklearn.model_selection import train_test_split

    report = _common.Report(args, f"Explained: {args.csv or args.table}, target {y.name}", device)
    for sentence in sentences:
        report.page.text(sentence)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=TEST_FRACTION, random_state=args.seed,
        stratify=None if problem == "regression" else y,
    )  # fmt: skip
    progress = _common.Progress(5, "Working")
    model = estimator_for(args, problem, random_state=args.seed).fit(X_train, y_train)
    progress.step("trained")
    print(f"\n{model.summary()}")
    report.picture("history", model.plot_history(), "Loss per epoch.")
    important = importances(report, model, X_test, y_test, args)
    progress.step("importance")
    explained = attributions(report, model, X_test.head(200))
    progress.step("attributions")
    names = [name for name in important.table["column"] if name in X][:2]
    dependence(report, model, X_test, names)
    progress.step("partial dependence")
    compared = comparison(report, args, X, y, problem)
    progress.step("comparison")
    sums = explained.attributions.sum(axis=1) + explained.baseline
    if problem == "regression":
        gap = np.abs(sums - model.predict(X_test.head(200))).max()
        assert gap < 1e-5 * max(1, y.abs().max())
    report.findings([
        important.verdict,
        f"The attributions of {len(sums):,} test rows add up to their predictions; at most "
        f"{explained.attributions.attrs['remainder']:.2g} of a row was divided in proportion.",
        compared.verdict,
    ])  # fmt: skip
    report.save()
    return important.table


if __name__ == "__main__":
    main()
