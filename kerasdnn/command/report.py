"""Report a trained network: scores next to those of baselines, plots, importances, findings."""

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .baselines import CONSTANT, attempt, baselines, loss_name, row_losses, scores
from .problems import summary

TEST_FRACTION = 0.25
REPEATS = 5  # permutations of each column for its importance
MOST_SHOWN = 15  # columns in the plot of importances
NETWORK = "network"


class Report:
    """Keep results in a folder: tables as CSV, plots as PNG, all of them in one HTML report.

    Args:
        folder: str or Path.
        title: str, of the HTML report.
        notes: str, the paragraphs below the title.
        to: text stream that the tables are printed to. None means stdout.
    """

    def __init__(self, folder: str | Path, title: str, *notes: str, to: Any = None):
        from ..plots.page import Page

        self.out, self.page, self.to = Path(folder), Page(title), to
        for note in notes:
            self.page.text(note)

    def print(self, text: str) -> None:
        print(text, file=self.to, flush=True)

    def table(self, name: str, table: pd.DataFrame, title: str, digits: int = 4) -> None:
        from ..core.atomic_files import write_bytes

        write_bytes(self.out / f"{name}.csv", table.to_csv(index=False).encode())
        self.page.heading(title)
        self.page.table(table, digits)
        self.print(f"\n{title}\n{table.round(digits).to_string(index=False, na_rep='')}")

    def picture(self, name: str, drawing: Any, caption: str) -> None:
        from .. import plots

        plots.save(drawing, self.out / f"{name}.png")
        self.page.picture(drawing, caption)

    def findings(self, lines: list[str]) -> None:
        self.print("\nFindings")
        for line in lines:
            self.print(f"- {line}")
        self.page.summary(lines)

    def save(self) -> None:
        path = self.page.save(self.out / "index.html")
        self.print(f"\nPlots, tables and the report are in {self.out}; open {path}")


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
    from .. import plots

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
    from .. import plots

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
    from .. import plots

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


def report_training(report: Report, model: Any, X: Any, y: Any, problem: str, **run: Any) -> Any:
    """Train a network and baselines, save the network, and report how they compare.

    Args:
        report: `Report` to fill and save.
        model: estimator, not yet fitted; its callbacks are removed afterwards.
        X, y: DataFrame and Series without missing targets.
        problem: "binary", "multiclass" or "regression".
        run: `path` of the model; `seed` of the split and of the baselines; `test_fraction`, 0.25
            by default; `repeats` of each permutation, 5 by default.

    Returns:
        DataFrame of the scores on the test set, one row per model.
    """
    from sklearn.model_selection import train_test_split

    seed, path = run["seed"], Path(run["path"])
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=run.get("test_fraction", TEST_FRACTION), random_state=seed,
        stratify=None if problem == "regression" else y,
    )  # fmt: skip
    models = {**baselines(problem, seed), NETWORK: model}
    seconds, failures, messages = train(models, X_train, y_train)
    model.set_params(callbacks=None)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)

    table = score_table(models, problem, X_test, y_test, seconds, failures)
    report.table("scores", table, f"Scores on the test set of {len(X_test):,} rows")
    report.page.heading("Warnings before training")
    report.page.findings(messages or ["None."])
    told = "\n- ".join(["", *messages]) or "none."
    report.print(f"\nWarnings before training: {told}")
    report.table("columns", summary(X), "Columns")
    report.page.heading("Training")
    learning_curve(report, model.history_, model.best_epoch_)
    health = model.health(X_train, y_train)
    report.table("health", health.layers.reset_index(), "Layers after training")
    report.page.findings([str(finding) for finding in health.findings] or ["Nothing is wrong."])
    report.page.heading("Errors on the test set")
    evaluate(report, models, problem, X_test, y_test, str(y.name))
    repeats = run.get("repeats", REPEATS)
    important = importances(report, model, problem, X_test, y_test, repeats, seed)
    losses = {name: row_losses(problem, m, X_test, y_test) for name, m in models.items()}
    epochs = model.best_epoch_, len(model.history_)
    report.findings(findings(losses, loss_name(problem), important, epochs))
    report.save()
    return table
