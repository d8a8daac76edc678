"""What tune_classifier.py and tune_regressor.py share: search, refit, evaluate on a test set."""

import time

import _common
import _mixed_table
import numpy as np
import pandas as pd

TEST_FRACTION, TRIALS, EPOCHS, SPLITS = 0.25, 100, 60, 3
DEFAULT, TUNED = "network, default", "network, tuned"


def options(doc, name, tables):
    parser = _common.options(doc, name, epochs=EPOCHS)
    _common.add_table_options(parser, tables)
    add = parser.add_argument
    add("--trials", type=_common.positive, default=TRIALS, help="per search (default: %(default)s)")
    add("--oracle", default="random", choices=("random", "grid", "bayesian", "hyperband"))
    add("--splits", type=_common.positive, default=SPLITS, help="splits into training and test set,"
        " each with its own search (default: %(default)s)")  # fmt: skip
    return parser


def run(parser, argv, kinds, title):
    """The complete recipe. `kinds`: the problem types it is for."""
    args = _common.parse(parser, argv)
    if args.quick:
        args.trials, args.epochs, args.splits = min(args.trials, 4), min(args.epochs, 4), 1
    with _common.one_line_errors(parser):
        X, y, problem, sentences = _mixed_table.load(args)
        if problem not in kinds:
            other = "tune_regressor.py" if problem == "regression" else "tune_classifier.py"
            raise ValueError(f"{sentences[-1]} Use recipes/{other} for the target {y.name!r}.")
        device = _common.start(args)
        report = _common.Report(args, f"{title}: {args.csv or args.table}", device)
        for sentence in sentences:
            print(sentence)
            report.page.text(sentence)
        results, failures, found = [], {}, None
        for split in range(args.splits):
            rows, found = one_split(args, X, y, problem, args.seed + split, failures)
            results += rows
        results = pd.DataFrame(results)
        summary = show(report, args, results, failures, found)
        report.findings(findings(summary, results, found))
        report.save()


def one_split(args, X, y, problem, seed, failures):
    """Scores of all models on one split of the rows, and its search.

    A baseline that fails is not in the scores; `failures` gets its name and the reason.
    """
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits

    import kerasdnn
    from kerasdnn.command.baselines import attempt, baselines, scores

    strata = None if problem == "regression" else y
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=TEST_FRACTION, stratify=strata, random_state=seed
    )
    estimator = kerasdnn.DNNRegressor if problem == "regression" else kerasdnn.DNNClassifier

    def scored(name, began, model):
        seconds = time.perf_counter() - began
        found = scores(problem, model, X_test, y_test)
        return {"model": name, "split": seed, "seconds": seconds, **found}

    def fitted(name, model):
        return scored(name, time.perf_counter(), model.fit(X_train, y_train))

    rows = []
    with threadpool_limits(1):  # several threads of the baselines would wait for each other
        for name, model in baselines(problem, seed).items():
            row, failure = attempt(lambda name=name, model=model: fitted(name, model))
            if failure:
                failures[name] = failure
            else:
                rows.append(row)
        epochs = {"epochs": args.epochs} if args.quick else {}
        rows.append(fitted(DEFAULT, estimator("standard", random_state=seed, **epochs)))
    began = time.perf_counter()
    search = estimator(random_state=seed).tune(
        X_train, y_train, oracle=args.oracle, max_trials=args.trials, epochs=args.epochs,
        batch_size=64, seed=seed, directory=args.out / f"search_{seed}",
    )  # fmt: skip
    rows.append(scored(TUNED, began, search.best_estimator()))
    seconds = rows[-1]["seconds"]
    print(f"Split {seed}: {len(search.trials)} trials in {seconds:.1f} s.", flush=True)
    return rows, search


def show(report, args, results, failures, found):
    """Tables and plots; returns the mean of every score by model."""
    summary = results.drop(columns="split").groupby("model", sort=False).mean().reset_index()
    table = summary
    if failures:
        failed = pd.DataFrame({"model": list(failures), "note": list(failures.values())})
        table = pd.concat([summary, failed]).fillna({"note": ""})
    splits = f"mean over {args.splits} splits" if args.splits > 1 else "one split"
    report.table("scores", table, f"Scores on the test set, {splits}", digits=3)
    columns = ["trial", *found.names, "score", "epochs", "status"]
    ranking = found.ranking[columns].assign(
        hidden_units=lambda t: t["hidden_units"].map(lambda units: " ".join(map(str, units)))
    )
    report.table("trials", ranking.head(10), "The ten best trials of the last search")
    report.picture("history", found.plot_history(), "Progress of the last search.")
    if len(found.trials) >= 10:
        report.picture(
            "importance", found.plot_importance(),
            "Importance of the hyperparameters, from a random forest fitted to the trials.",
        )  # fmt: skip
    report.picture("parallel", found.plot_parallel(), "One line per trial; the ten best in color.")
    report.picture("scores_by_value", found.plot_scores(), "The score against each hyperparameter.")
    return summary.set_index("model")


def findings(summary, results, found):
    """Sentences computed from the results of this run."""
    from kerasdnn.command.baselines import loss_name

    measure = "root mean squared error" if "R2" in summary else loss_name("binary")
    wide = results.pivot_table(index="split", columns="model", values=measure)
    gain = (wide[DEFAULT] - wide[TUNED]).to_numpy()
    percent = 100 * gain.mean() / wide[DEFAULT].mean()
    word = "lower" if gain.mean() > 0 else "higher"
    lines = [
        f"The {measure} of the tuned network is {summary.loc[TUNED, measure]:.3f}, "
        f"{abs(percent):.1f}% {word} than {summary.loc[DEFAULT, measure]:.3f} of the default; it is"
        f" lower on {int((gain > 0).sum())} of {len(gain)} splits."
    ]
    if len(gain) > 2:
        from kerasdnn.core.statistics import paired_test

        p = paired_test(gain, TEST_FRACTION / (1 - TEST_FRACTION))
        significant = "is" if p < 0.05 else "is not"
        lines.append(
            f"The difference {significant} statistically significant (corrected paired t-test, "
            f"p = {p:.2f})."
        )
    best = summary[measure].idxmin()
    lines.append(f"Lowest {measure}: {best}, {summary.loc[best, measure]:.3f}.")
    seconds = summary.loc[TUNED, "seconds"]
    lines.append(
        f"A search of {len(found.trials)} trials took {seconds:.1f} s, "
        f"{seconds / len(found.trials):.2f} s per trial, including the final fit."
    )
    importance = found.importance
    if len(found.trials) >= 30 and importance.notna().any():
        lines.append(
            f"Most important hyperparameter in the last search: {importance.index[0]} "
            f"({100 * importance.iloc[0]:.0f}% of the total importance)."
        )
    epochs = np.asarray(found.ranking["epochs"].head(10), float)
    lines.append(f"Best epoch of the ten best trials: {np.median(epochs):.0f} (median).")
    return lines
