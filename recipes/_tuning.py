"""What tune_classifier.py and tune_regressor.py share: search, refit, judge on rows held back."""

import time
from pathlib import Path

import _common
import _mixed_table
import numpy as np
import pandas as pd
from _table_rivals import rivals, scores

TEST_SHARE, TRIALS, EPOCHS, SPLITS = 0.25, 100, 60, 3
DEFAULT, TUNED = "network, untuned", "network, tuned"


def options(doc, name, tables):
    parser = _common.options(doc, name, epochs=EPOCHS)
    add = parser.add_argument
    add("--csv", type=Path, metavar="FILE", help="a table of your own, with a header")
    add("--target", metavar="COLUMN", help="the column of FILE to predict")
    add("--table", choices=tables, default=tables[0], help="if no --csv (default: %(default)s)")
    add("--trials", type=_common.positive, default=TRIALS, help="per search (default: %(default)s)")
    add("--oracle", default="random", choices=("random", "grid", "bayesian", "hyperband"))
    add("--splits", type=_common.positive, default=SPLITS, help="divisions of the rows, each with "
        "a search of its own (default: %(default)s)")  # fmt: skip
    return parser


def run(parser, argv, kinds, title):
    """The whole recipe. `kinds`: the problems it is for."""
    args = _common.parse(parser, argv)
    if args.quick:
        args.trials, args.epochs, args.splits = min(args.trials, 4), min(args.epochs, 4), 1
    if args.csv:
        table, target, name = _mixed_table.read_table(args.csv), args.target, str(args.csv)
    else:
        (table, target), name = _mixed_table.shipped(args.table), args.table
    X, y, said = _mixed_table.split_target(table, target)
    problem, why = _mixed_table.infer_problem(y)
    if problem not in kinds:
        other = "tune_regressor.py" if problem == "regression" else "tune_classifier.py"
        parser.error(f"the target {target!r} makes it {problem}: {why}. Take recipes/{other}.")
    _mixed_table.check_classes(y, problem)
    device = _common.start(args)
    report = _common.Report(args, f"{title}: {name}", device)
    said.insert(0, f"{len(X):,} rows, {X.shape[1]} columns beside {target!r}: {problem}, {why}.")
    for sentence in said:
        print(sentence)
        report.page.text(sentence)
    results, found = [], None
    for split in range(args.splits):
        rows, found = one_split(args, X, y, problem, args.seed + split)
        results += rows
    summary = show(report, args, results, found)
    report.findings(findings(args, summary, results, found))
    report.save()


def one_split(args, X, y, problem, seed):
    """Scores of all models on one division of the rows, and the search made for it."""
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits

    import kerasdnn

    strata = None if problem == "regression" else y
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=TEST_SHARE, stratify=strata, random_state=seed
    )
    kind = kerasdnn.DNNRegressor if problem == "regression" else kerasdnn.DNNClassifier
    models = rivals(problem, seed) | {
        DEFAULT: kind(
            "standard", random_state=seed, **({"epochs": args.epochs} if args.quick else {})
        )
    }
    rows = []
    for name, model in models.items():
        began = time.perf_counter()
        with threadpool_limits(1):  # the rivals' threads would wait for each other
            model.fit(X_train, y_train)
        rows.append((name, seed, time.perf_counter() - began, model))
    began = time.perf_counter()
    found = kind(random_state=seed).tune(
        X_train, y_train, oracle=args.oracle, max_trials=args.trials, epochs=args.epochs,
        batch_size=64, seed=seed, directory=args.out / f"search_{seed}",
    )  # fmt: skip
    searched = time.perf_counter() - began
    rows.append((TUNED, seed, searched, found.best_estimator()))
    print(f"Split {seed}: {len(found.trials)} trials in {searched:.1f} s.", flush=True)
    return [
        {"model": name, "split": seed, "seconds": seconds,
         **scores(problem, model, X_test, y_test)}
        for name, seed, seconds, model in rows
    ], found  # fmt: skip


def show(report, args, results, found):
    """Tables and pictures; returns the mean of every score by model."""
    results = pd.DataFrame(results)
    summary = results.drop(columns="split").groupby("model", sort=False).mean().reset_index()
    held = f"mean over {args.splits} divisions of the rows" if args.splits > 1 else "one division"
    report.table("scores", summary, f"On rows held back, {held}", digits=3)
    columns = ["trial", *found.names, "score", "epochs", "status"]
    ranking = found.ranking[columns].assign(
        hidden_units=lambda t: t["hidden_units"].map(lambda units: " ".join(map(str, units)))
    )
    report.table("trials", ranking.head(10), "The ten best trials of the last search")
    report.picture("history", found.plot_history(), "The course of the last search.")
    if len(found.trials) >= 10:
        report.picture("importance", found.plot_importance(),
                       "Which hyperparameters the score depends on, by a forest grown on the "
                       "trials.")  # fmt: skip
    report.picture("parallel", found.plot_parallel(), "Every trial as a thread, the best darkest.")
    report.picture("scores_by_value", found.plot_scores(), "The score against each hyperparameter.")
    return summary.set_index("model")


def findings(args, summary, results, found):
    """Sentences computed from the numbers alone."""
    results = pd.DataFrame(results)
    measure = "root mean squared error" if "R2" in summary else "log loss"
    wide = results.pivot_table(index="split", columns="model", values=measure)
    gain = (wide[DEFAULT] - wide[TUNED]).to_numpy()
    share = 100 * gain.mean() / wide[DEFAULT].mean()
    word = "lower" if gain.mean() > 0 else "higher"
    lines = [
        f"{measure}: tuned {summary.loc[TUNED, measure]:.3f}, untuned "
        f"{summary.loc[DEFAULT, measure]:.3f}, {abs(share):.1f} % {word}; better on "
        f"{int((gain > 0).sum())} of {len(gain)} divisions."
    ]
    if len(gain) > 2:
        from kerasdnn.core.statistics import paired_test

        p = paired_test(gain, TEST_SHARE / (1 - TEST_SHARE))
        sure = "more than the luck" if p < 0.05 else "not to be told from the luck"
        lines.append(
            f"That difference is {sure} of the rows (paired test for shared rows, p = {p:.2f})."
        )
    best = summary[measure].idxmin()
    lines.append(f"The best of all is {best}, at {summary.loc[best, measure]:.3f}.")
    seconds = summary.loc[TUNED, "seconds"]
    lines.append(
        f"A search of {len(found.trials)} trials took {seconds:.1f} s, "
        f"{seconds / len(found.trials):.2f} s per trial, the final fit included."
    )
    importance = found.importance
    if len(found.trials) >= 30 and importance.notna().any():
        lines.append(f"What mattered most in the last search: {importance.index[0]} "
                     f"({100 * importance.iloc[0]:.0f} % of the importance).")  # fmt: skip
    epochs = np.asarray(found.ranking["epochs"].head(10), float)
    lines.append(f"The ten best trials were best after {np.median(epochs):.0f} epochs (median).")
    return lines
