"""Train a network on a table of any columns, and report how it compares with simple baselines.

    scripts/run recipes/train_table.py                                # abalone, about a minute
    scripts/run recipes/train_table.py --table penguins               # or arrests
    scripts/run recipes/train_table.py --csv houses.csv --target price --out results/houses

Text, dates, truth values and missing values need no preprocessing. The recipe infers the problem
type from the target and states the reason; --problem overrides it. A quarter of the rows is the
test set. The output folder contains the model (recipes/predict_table.py applies it), every table
and plot, and the report index.html.

Expected mean absolute error on the test set of abalone, in rings:

    mean predictor      2.43
    linear regression   1.57
    gradient boosting   1.56
    network             1.49
"""

import sys
import time
import warnings

import _common
import _mixed_table
import numpy as np
import pandas as pd
from _baselines import CONSTANT, attempt, baselines, loss_name, row_losses, scores

TEST_FRACTION = 0.25
REPEATS = 5  # permutations of each column for its importance
MOST_SHOWN = 15  # columns in the plot of importances
NETWORK = "network"


def make_parser():
    parser = _common.options(__doc__, "train_table")
    _common.add_table_options(parser, _mixed_table.SHIPPED)
    add = parser.add_argument
    add("--preset", choices=("realmlp", "realmlp-s", "tabm", "standard"), default="realmlp",
        help="preset of the estimator (default: %(default)s)")  # fmt: skip
    add("--epochs", type=_common.positive, help="maximum number of epochs (default: the preset's)")
    add("--hidden-units", type=_common.positive, nargs="*",
        help="units of each hidden layer (default: the preset's)")  # fmt: skip
    return parser


def make_network(args, problem):
    import kerasdnn

    estimator = kerasdnn.DNNRegressor if problem == "regression" else kerasdnn.DNNClassifier
    settings = {}
    if problem != "regression":  # the report evaluates probabilities
        settings = {"monitor": "loss", "label_smoothing": 0.0}
    return estimator(
        args.preset,
        **settings,
        hidden_units=args.hidden_units and tuple(args.hidden_units),
        epochs=3 if args.quick else args.epochs,
        random_state=args.seed,
        verbose=1 if sys.stdout.isatty() else 2 if args.quick else 0,
    )


def train(models, X, y):
    """Fit every model; a baseline that fails is removed from `models`.

    Returns:
        `(seconds, failures, messages)`: two dicts by model name, and the warnings of the network.
    """
    from threadpoolctl import threadpool_limits

    seconds, failures, messages = {}, {}, []
    # On a small table several threads of the baselines wait for each other longer than they work.
    threads = 1 if len(X) < 50_000 else None
    for name, model in list(models.items()):
        began = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught, threadpool_limits(threads):
            warnings.simplefilter("always")
            if name == NETWORK:
                model.fit(X, y)
            else:
                failures[name] = attempt(lambda model=model: model.fit(X, y))[1]
        seconds[name] = time.perf_counter() - began
        if failures.get(name):
            del models[name]
        if name == NETWORK:
            messages = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    return seconds, {n: why for n, why in failures.items() if why}, list(dict.fromkeys(messages))


def score_table(models, problem, X, y, seconds, failures):
    """One row per model; a baseline that failed has the reason in place of scores."""
    rows = [{"model": name} for name in seconds]
    for row in rows:
        name = row["model"]
        if name == NETWORK:
            row |= scores(problem, models[name], X, y)
        elif name in models:
            found, failure = attempt(lambda name=name: scores(problem, models[name], X, y))
            row |= found or {}
            if failure:
                failures[name] = failure
                del models[name]
        row["seconds to fit"] = seconds[name]
    table = pd.DataFrame(rows)
    if failures:
        table["note"] = table["model"].map(failures).fillna("")
    return table


def evaluate(report, models, problem, X, y, unit):
    """Plots of the errors on the test set."""
    from kerasdnn import plots

    model = models[NETWORK]
    if problem == "regression":
        predicted = np.asarray(model.predict(X), float).reshape(len(y))
        report.picture(
            "predicted", plots.predicted_against_true(y, predicted, unit=unit),
            "The prediction for each test row against the truth.",
        )  # fmt: skip
        report.picture(
            "residuals", plots.residuals(y, predicted, unit=unit),
            "Errors against the prediction. Where the mean residual is not zero, the model is "
            "systematically biased.",
        )  # fmt: skip
        return
    classes = model.classes_
    report.picture(
        "confusion", plots.confusion_matrix(y, model.predict(X), classes),
        "Rows: the true class and its number of test rows. Columns: the predicted class.",
    )  # fmt: skip
    if problem != "binary":
        return
    truth = (y == classes[1]).to_numpy().astype(int)
    predicted = {n: m.predict_proba(X)[:, 1] for n, m in models.items() if n not in CONSTANT}
    for name, draw, caption in (
        ("roc", plots.roc_curves, "Closer to the upper left corner is better, at any threshold."),
        ("precision_recall", plots.precision_recall_curves,
         "Precision is the fraction of positive predictions that are correct."),
        ("calibration", plots.calibration_curves,
         "A perfectly calibrated model lies on the dashed line."),
    ):  # fmt: skip
        positive = f"The positive class is {str(classes[1])!r}."
        report.picture(name, draw(truth, predicted), f"{caption} {positive}")


def importances(report, model, problem, X, y, repeats, seed):
    """How much the loss rises when one column is permuted, with a 95% confidence interval.

    The interval is that of the mean over the test rows.

    Returns:
        DataFrame with "column", "rise" and "half_width", the most important column first.
    """
    from kerasdnn import plots

    rng, base, rows = np.random.default_rng(seed), row_losses(problem, model, X, y), []
    for name in X:
        rises = np.zeros(len(X))
        for _ in range(repeats):
            permuted = X.copy()
            permuted[name] = X[name].iloc[rng.permutation(len(X))].set_axis(X.index)
            rises += (row_losses(problem, model, permuted, y) - base) / repeats
        rows.append((str(name), rises.mean(), 1.96 * rises.std(ddof=1) / np.sqrt(len(X))))
    found = pd.DataFrame(rows, columns=["column", "rise", "half_width"])
    found = found.sort_values("rise", ascending=False, kind="stable").reset_index(drop=True)
    shown, what = found.head(MOST_SHOWN), f"increase of the {loss_name(problem)}"
    headers = {"rise": what, "half_width": "95% CI ±"}
    report.table("importance", shown.rename(columns=headers), "Importance of the columns")
    ax = plots.figure(height=max(2.2, 0.34 * len(shown) + 1))[1]
    plots.dots(
        list(shown["column"]), shown["rise"], shown["half_width"], reference={"": 0},
        xlabel=f"{what} when the column is permuted", one_color=True, ax=ax,
    )  # fmt: skip
    report.picture(
        "importance", ax,
        f"Mean of {repeats} permutations and its 95% CI over {len(X):,} test rows.",
    )  # fmt: skip
    return found


def learning_curve(report, history, best_epoch):
    from kerasdnn import plots

    names = {"loss": "training set", "val_loss": "validation set"}
    curves = {label: history[name].to_numpy() for name, label in names.items() if name in history}
    ax = plots.learning_curves(curves, ylabel="loss", log_y=True)
    ax.axvline(best_epoch, color="#555555", lw=1, label=f"best epoch: {best_epoch}")
    ax.legend(loc="best", frameon=False)
    report.picture("learning", ax, "Loss per epoch. The network has the weights of the best epoch.")


def findings(losses, what, important, epochs):
    """Sentences computed from the results of this run.

    Args:
        losses: dict of model name to its loss on each test row.
        what: name of the mean of these losses.
        important: DataFrame that `importances` returned.
        epochs: `(best epoch, number of epochs)`.
    """
    means = {name: float(loss.mean()) for name, loss in losses.items()}
    best = min(means, key=means.get)
    lines = [f"Lowest {what} on the test set: {best}, {means[best]:.4g}."]
    for name in means:
        if name != NETWORK:
            gap = losses[NETWORK] - losses[name]
            half_width = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
            word = "lower" if gap.mean() < 0 else "higher"
            clear = "" if abs(gap.mean()) > half_width else ", not significant"
            lines.append(
                f"The {what} of the network is {means[NETWORK]:.4g}, {abs(gap.mean()):.2g} {word} "
                f"than that of {name} (95% CI ±{half_width:.2g}{clear})."
            )
    first = important.iloc[0]
    if (important["rise"] > important["half_width"]).any():
        lines.append(
            f"Most important feature: {first['column']!r} (permuting it raises the {what} by "
            f"{first['rise']:.3g}, 95% CI ±{first['half_width']:.2g})."
        )
    else:
        lines.append("No feature is clearly important.")
    return [*lines, f"Best epoch: {epochs[0]} of {epochs[1]} (weights restored)."]


def main(argv=None):
    parser = make_parser()
    args = _common.parse(parser, argv)
    with _common.one_line_errors(parser):
        return run(args, *_mixed_table.load(args))


def run(args, X, y, problem, sentences):
    device = _common.start(args)
    print("\n".join(sentences))
    from sklearn.model_selection import train_test_split

    report = _common.Report(args, f"Table: {args.csv or args.table}, target {y.name}", device)
    for sentence in sentences:
        report.page.text(sentence)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=TEST_FRACTION, random_state=args.seed,
        stratify=None if problem == "regression" else y,
    )  # fmt: skip
    models = {**baselines(problem, args.seed), NETWORK: make_network(args, problem)}
    seconds, failures, messages = train(models, X_train, y_train)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "model.kerasdnn"
    model = models[NETWORK]
    model.save(path)

    table = score_table(models, problem, X_test, y_test, seconds, failures)
    report.table("scores", table, f"Scores on the test set of {len(X_test):,} rows")
    report.page.heading("Warnings before training")
    report.page.findings(messages or ["None."])
    print("\nWarnings before training: " + ("\n- ".join(["", *messages]) or "none."))
    report.table("columns", _mixed_table.summary(X), "Columns")
    report.page.heading("Training")
    learning_curve(report, model.history_, model.best_epoch_)
    health = model.health(X_train, y_train)
    report.table("health", health.layers.reset_index(), "Layers after training")
    report.page.findings([str(finding) for finding in health.findings] or ["Nothing is wrong."])
    report.page.heading("Errors on the test set")
    evaluate(report, models, problem, X_test, y_test, str(y.name))
    repeats = 1 if args.quick else REPEATS
    important = importances(report, model, problem, X_test, y_test, repeats, args.seed)
    losses = {name: row_losses(problem, m, X_test, y_test) for name, m in models.items()}
    epochs = model.best_epoch_, len(model.history_)
    report.findings(findings(losses, loss_name(problem), important, epochs))
    report.save()
    print(f"Model: {path}. To apply it: scripts/run recipes/predict_table.py {path} rows.csv")
    return table


if __name__ == "__main__":
    main()
