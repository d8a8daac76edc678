"""Train a network on a table of mixed columns and report on it, beside its simplest rivals.

    scripts/run recipes/train_table.py                                # abalone, a minute or so
    scripts/run recipes/train_table.py --table penguins               # or arrests
    scripts/run recipes/train_table.py --csv houses.csv --target price --out results/houses

Text, dates, truth values and missing cells need no preparation. The recipe tells from the target
whether it is a class or a quantity, and says why; --problem overrules it. A quarter of the rows is
held back to judge by. In the output folder: the model (recipes/predict_table.py applies it), every
table and picture, and index.html, one page with all of it.

Expect on abalone, mean absolute error on the rows held back, in rings:

    always the mean     2.43
    linear regression   1.57
    gradient boosting   1.56
    network             1.48
"""

import sys
import time
import warnings
from pathlib import Path

import _common
import _mixed_table
import numpy as np
import pandas as pd

TEST_SHARE = 0.25
REPEATS = 5  # shuffles of each column for its importance
NETWORK = "network"


def parser():
    made = _common.options(__doc__, "train_table")
    made.add_argument("--preset", choices=("realmlp", "realmlp-s", "standard"), default="realmlp",
                      help="kind of network (default: %(default)s)")  # fmt: skip
    made.add_argument("--epochs", type=_common.positive, help="most of them; default: the preset's")
    made.add_argument("--csv", type=Path, metavar="FILE", help="a table of your own, with a header")
    made.add_argument("--target", metavar="COLUMN", help="the column of FILE to predict")
    made.add_argument("--table", choices=_mixed_table.SHIPPED, default="abalone",
                      help="if no --csv: one that comes along (default: %(default)s)")  # fmt: skip
    made.add_argument("--problem", choices=("binary", "multiclass", "regression"),
                      help="what the target is, where its values leave doubt")  # fmt: skip
    made.add_argument("--hidden-units", type=_common.positive, nargs="*",
                      help="units of each hidden layer; default: the preset's")  # fmt: skip
    return made


def data(args):
    """The rows and what the target is. Returns X, y, problem, sentences about them."""
    if args.csv:
        table, target, name = _mixed_table.read_table(args.csv), args.target, args.csv
    else:
        (table, target), name = _mixed_table.shipped(args.table), args.table
    X, y, said = _mixed_table.split_target(table, target)
    if args.problem:
        problem, why = args.problem, "--problem says so"
    else:
        problem, why = _mixed_table.infer_problem(y)
    _mixed_table.check_classes(y, problem)
    said.insert(0, f"Table {name}: {len(X):,} rows, {X.shape[1]} columns beside {target!r}.")
    said.append(f"The target {target!r} makes it {problem}: {why}.")
    return X, y, problem, said


def network(args, problem):
    import kerasdnn

    estimator = kerasdnn.DNNRegressor if problem == "regression" else kerasdnn.DNNClassifier
    settings = {}
    if problem != "regression":  # the report judges probabilities
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
    """Fit every model. Returns seconds of each and the warnings of the check before training."""
    from threadpoolctl import threadpool_limits

    seconds, found = {}, []
    # On a small table several threads of the rivals wait for each other longer than they work.
    threads = 1 if len(X) < 50_000 else None
    for name, model in models.items():
        began = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught, threadpool_limits(threads):
            warnings.simplefilter("always")
            model.fit(X, y)
        seconds[name] = time.perf_counter() - began
        if name == NETWORK:
            found = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    return seconds, list(dict.fromkeys(found))


def judge(report, models, problem, X, y, unit):
    """Pictures of the errors on the rows held back."""
    from kerasdnn import plots

    model = models[NETWORK]
    if problem == "regression":
        predicted = np.asarray(model.predict(X), float).reshape(len(y))
        report.picture(
            "predicted", plots.predicted_against_true(y, predicted, unit=unit),
            "Each test row: what the network predicts, against the truth.",
        )  # fmt: skip
        report.picture(
            "residuals", plots.residuals(y, predicted, unit=unit),
            "Errors against the prediction. A mean off zero is a fault that could be learned.",
        )  # fmt: skip
        return
    classes = model.classes_
    report.picture(
        "confusion", plots.confusion_matrix(y, model.predict(X), classes),
        "Rows: the true class, and how many test rows it has. Columns: the network's answer.",
    )  # fmt: skip
    if problem != "binary":
        return
    truth = (y == classes[1]).to_numpy().astype(int)
    rows = {name: m.predict_proba(X)[:, 1] for name, m in models.items() if "always" not in name}
    for name, draw, caption in (
        ("roc", plots.roc_curves, "Further to the upper left is better, at any threshold."),
        ("precision_recall", plots.precision_recall_curves, "Of those answered so, how many are."),
        ("calibration", plots.calibration_curves, "On the dashed line a probability is honest."),
    ):
        report.picture(name, draw(truth, rows), f"{caption} Class {str(classes[1])!r} counts as 1.")


def importances(report, model, problem, X, y, repeats, seed):
    """How much worse the network answers when one column is shuffled."""
    from sklearn.inspection import permutation_importance

    from kerasdnn import plots

    scoring = "neg_mean_absolute_error" if problem == "regression" else "neg_log_loss"
    what = "mean absolute error" if problem == "regression" else "log loss"
    result = permutation_importance(
        model, X, y, scoring=scoring, n_repeats=repeats, random_state=seed
    )
    order = np.argsort(-result.importances_mean)[:15]
    names = [str(X.columns[i]) for i in order]
    table = pd.DataFrame(
        {
            "column": names,
            f"rise of {what}": result.importances_mean[order],
            "spread": result.importances_std[order],
        }
    )
    report.table("importance", table, "What the network looks at")
    ax = plots.figure(height=max(2.2, 0.34 * len(names) + 1))[1]
    plots.dots(
        names, result.importances_mean[order], 1.96 * result.importances_std[order],
        xlabel=f"rise of {what} when the column is shuffled", ax=ax,
    )  # fmt: skip
    report.picture("importance", ax, f"Mean of {repeats} shuffles; the line is 1.96 spreads.")
    return names[0], float(result.importances_mean[order[0]]), what


def learning_curve(report, history):
    from kerasdnn import plots

    names = {"loss": "training rows", "val_loss": "validation rows"}
    curves = {label: history[name].to_numpy() for name, label in names.items() if name in history}
    report.picture(
        "learning", plots.learning_curves(curves, ylabel="loss", log_y=True),
        "Loss per epoch. The weights of the best epoch by the validation rows are kept.",
    )  # fmt: skip


def findings(losses, what, important, epochs):
    """Sentences computed from the numbers of this run.

    Args:
        losses: dict of model name to its loss on each test row, in the same order.
        what: name of the mean of these losses.
    """
    means = {name: float(loss.mean()) for name, loss in losses.items()}
    best = min(means, key=means.get)
    lines = [f"Lowest {what} on the test rows: {best}, {means[best]:.4g}."]
    for name in means:
        if name != NETWORK:
            gap = losses[NETWORK] - losses[name]
            spread = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
            word = "lower" if gap.mean() < 0 else "higher"
            clear = "" if abs(gap.mean()) > spread else ", which these rows cannot tell from zero"
            lines.append(
                f"The network's {what} is {means[NETWORK]:.4g}, {abs(gap.mean()):.2g} {word} than "
                f"that of {name} (95 % interval ±{spread:.2g}{clear})."
            )
    column, rise, _ = important
    if rise > 0:
        lines.append(f"It leans most on {column!r}: shuffled, the {what} rises by {rise:.3g}.")
    else:
        lines.append("No column matters: shuffling any of them does not make it worse.")
    return [*lines, f"It trained for {epochs} epochs."]


def main(argv=None):
    options = parser()
    args = _common.parse(options, argv)
    try:
        X, y, problem, said = data(args)
    except ValueError as error:
        options.error(str(error))
    device = _common.start(args)
    print("\n".join(said))
    from _table_rivals import rivals, row_losses, scores
    from sklearn.model_selection import train_test_split

    report = _common.Report(args, f"Table: {args.csv or args.table}, target {y.name}", device)
    for sentence in said:
        report.page.text(sentence)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=TEST_SHARE, random_state=args.seed,
        stratify=None if problem == "regression" else y,
    )  # fmt: skip
    models = {**rivals(problem, args.seed), NETWORK: network(args, problem)}
    seconds, found = train(models, X_train, y_train)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "model.kerasdnn"
    models[NETWORK].save(path)

    rows = [
        {"model": name, **scores(problem, model, X_test, y_test), "seconds to fit": seconds[name]}
        for name, model in models.items()
    ]
    table = pd.DataFrame(rows)
    report.table("scores", table, f"Scores on {len(X_test):,} rows held back")
    report.page.heading("What the check before training found")
    report.page.findings(found or ["Nothing."])
    print("\nThe check before training found: " + ("\n- ".join(["", *found]) or "nothing."))
    report.table("columns", _mixed_table.summary(X), "The columns")
    report.page.heading("How it learned")
    learning_curve(report, models[NETWORK].history_)
    health = models[NETWORK].health(X_train, y_train)
    report.table("health", health.layers.reset_index(), "Its layers after training")
    report.page.findings([str(finding) for finding in health.findings] or ["Nothing is wrong."])
    report.page.heading("Which errors it makes")
    judge(report, models, problem, X_test, y_test, str(y.name))
    repeats = 1 if args.quick else REPEATS
    important = importances(report, models[NETWORK], problem, X_test, y_test, repeats, args.seed)
    losses = {name: row_losses(problem, m, X_test, y_test) for name, m in models.items()}
    epochs = len(models[NETWORK].history_)
    report.findings(findings(losses, important[2], important, epochs))
    report.save()
    print(f"The model: {path}. Apply it: scripts/run recipes/predict_table.py {path} rows.csv")
    return table


if __name__ == "__main__":
    main()
