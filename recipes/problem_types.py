"""Train a network for every problem type on a real table, in about ten lines each.

    scripts/run recipes/problem_types.py          # 15 s of CPU time

The problem type determines the output layer, the loss, the metrics and the form of y; the hidden
layers do not change. The linear baseline is linear, logistic or Poisson regression. It is better
where the relation is nearly linear (breast cancer, diabetes); the network is better where it is not
(digits).
"""

import numpy as np
from _common import Report, options, parse, start

EPOCHS, HIDDEN_UNITS, SEED_OF_SPLIT = 30, (64, 32), 0


def main(argv=None):
    args = parse(options(__doc__, "problem_types", epochs=EPOCHS), argv)
    device = start(args)
    import pandas as pd

    from kerasdnn.heads.problem_types import head_of

    epochs = min(args.epochs, 3) if args.quick else args.epochs
    report = Report(args, "One output layer and loss per problem type", device)
    rows = []
    for problem in (binary, multiclass, multiclass_one_hot, multilabel, regression, outputs, count):
        name, what, score, ours, linear, constant = problem(args.seed, epochs)
        head = head_of(name, one_hot=problem is multiclass_one_hot)
        print(f"{name:<11} {what:<20} {score} {ours:.3f}    head: {head}", flush=True)
        rows.append((name, head.activation, head.loss, head.y, what, score, ours, linear, constant))
    columns = ["problem", "output", "loss", "one row of y", "table", "metric", "network",
               "linear baseline", "constant baseline"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    report.table(
        "problem_types",
        table,
        "Each problem type with its output layer and loss, and scores on the test set",
    )
    better = np.where(table["metric"].str.contains("error"), -1, 1)
    gain = better * (table["network"] - table["linear baseline"])
    over = better * (table["network"] - table["constant baseline"])
    lost = ", ".join(table["problem"][gain < 0] + " (" + table["table"][gain < 0] + ")") or "none"
    draw(report, table, gain)
    report.findings(
        [
            f"The network is better than the constant baseline on {(over > 0).sum()} of "
            f"{len(table)} problems.",
            f"It is better than the linear baseline on {(gain > 0).sum()} of {len(table)}; the "
            f"baseline is better on {lost}.",
        ]
    )
    report.save()


def draw(report, table, gain):
    """Draw how much better than the linear baseline the network is on each problem."""
    from kerasdnn import plots

    percent = 100 * gain / table["linear baseline"].where(table["linear baseline"] > 0)
    ax = plots.dots(
        list(table["problem"] + ", " + table["table"]), percent, reference={"": 0}, one_color=True,
        xlabel="improvement over the linear baseline (%)",
    )  # fmt: skip
    report.picture("improvement", ax, "The score of the network relative to that of the baseline.")


# Each problem: data, model, result, linear baseline, constant baseline.
def binary(seed, epochs):
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    import kerasdnn

    x, x_test, y, y_test = halves(*load_breast_cancer(return_X_y=True))
    model = kerasdnn.build_classifier(x.shape[1], 2, HIDDEN_UNITS, prior=[1 - y.mean(), y.mean()],
                                      metrics=["accuracy"], seed=seed)  # fmt: skip
    model.fit(x, y, epochs=epochs, verbose=0)
    ours = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    linear = LogisticRegression(max_iter=1000).fit(x, y).score(x_test, y_test)
    return (
        "binary",
        "breast cancer",
        "accuracy",
        ours,
        linear,
        max(y_test.mean(), 1 - y_test.mean()),
    )


def multiclass(seed, epochs):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    import kerasdnn

    x, x_test, y, y_test = halves(*load_digits(return_X_y=True))
    model = kerasdnn.build_classifier(64, 10, HIDDEN_UNITS, metrics=["accuracy"], seed=seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    ours = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    linear = LogisticRegression(max_iter=1000).fit(x, y).score(x_test, y_test)
    return (
        "multiclass",
        "digits",
        "accuracy",
        ours,
        linear,
        (y_test == np.bincount(y).argmax()).mean(),
    )


def multiclass_one_hot(seed, epochs):
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression

    import kerasdnn

    x, x_test, y, y_test = halves(*load_wine(return_X_y=True))
    one_hot, one_hot_test = np.eye(3)[y], np.eye(3)[y_test]
    model = kerasdnn.build_classifier(13, 3, HIDDEN_UNITS, one_hot_labels=True,
                                      metrics=["accuracy"], seed=seed)  # fmt: skip
    model.fit(x, one_hot, epochs=epochs, verbose=0)
    ours = model.evaluate(x_test, one_hot_test, verbose=0, return_dict=True)["accuracy"]
    linear = LogisticRegression(max_iter=1000).fit(x, y).score(x_test, y_test)
    return (
        "multiclass",
        "wine, one-hot",
        "accuracy",
        ours,
        linear,
        (y_test == np.bincount(y).argmax()).mean(),
    )


def multilabel(seed, epochs):
    """Three labels of a digit at once: is it even, above 4, a prime number?"""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier

    import kerasdnn

    X, digit = load_digits(return_X_y=True)
    labels = np.column_stack([digit % 2 == 0, digit > 4, np.isin(digit, (2, 3, 5, 7))])
    x, x_test, y, y_test = halves(X, labels.astype("float32"))
    model = kerasdnn.build_multilabel_classifier(64, 3, HIDDEN_UNITS, seed=seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    ours = ((model.predict(x_test, verbose=0) > 0.5) == y_test).mean()
    linear = MultiOutputClassifier(LogisticRegression(max_iter=1000)).fit(x, y).predict(x_test)
    constant = (y_test == (y.mean(axis=0) > 0.5)).mean()
    return "multilabel", "digits, 3 labels", "accuracy", ours, (linear == y_test).mean(), constant


def regression(seed, epochs):
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LinearRegression

    import kerasdnn

    x, x_test, y, y_test = halves(*load_diabetes(return_X_y=True))
    model = kerasdnn.build_regressor(10, 1, HIDDEN_UNITS, l2=0.01, seed=seed)
    model.fit(x, (y - y.mean()) / y.std(), epochs=epochs, verbose=0)
    predicted = model.predict(x_test, verbose=0)[:, 0] * y.std() + y.mean()
    linear = LinearRegression().fit(x, y).predict(x_test)
    return "regression", "diabetes", "mean absolute error", *errors(y_test, predicted, linear, y)


def outputs(seed, epochs):
    """Two outputs at once: disease progression after a year, and the blood serum value s5."""
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LinearRegression

    import kerasdnn

    X, progression = load_diabetes(return_X_y=True)
    both = np.column_stack([progression, X[:, 8]])
    x, x_test, y, y_test = halves(np.delete(X, 8, axis=1), (both - both.mean(0)) / both.std(0))
    model = kerasdnn.build_regressor(9, 2, HIDDEN_UNITS, l2=0.01, seed=seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    predicted, linear = (
        model.predict(x_test, verbose=0),
        LinearRegression().fit(x, y).predict(x_test),
    )
    return (
        "regression",
        "diabetes, 2 outputs",
        "mean absolute error",
        *errors(y_test, predicted, linear, y),
    )


def count(seed, epochs):
    """How many of 16 dots are inked in one square of a digit, given the 63 other squares."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import PoissonRegressor

    import kerasdnn

    dots = load_digits().data
    x, x_test, y, y_test = halves(np.delete(dots, 28, axis=1), dots[:, 28])
    model = kerasdnn.build_regressor(63, 1, HIDDEN_UNITS, target="count", prior=y.mean(), seed=seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    predicted = model.predict(x_test, verbose=0)[:, 0]
    linear = PoissonRegressor(max_iter=1000).fit(x, y).predict(x_test)
    return (
        "count",
        "digits, one square",
        "mean absolute error",
        *errors(y_test, predicted, linear, y),
    )


def halves(X, y):
    """Training and test set, columns standardized with the training set."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, x_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=SEED_OF_SPLIT)
    scale = StandardScaler().fit(x)
    return scale.transform(x), scale.transform(x_test), y, y_test


def errors(y, predicted, linear, y_train):
    """Mean absolute error of the network, of the linear baseline and of the training median."""
    constant = np.median(y_train, axis=0)
    return tuple(np.abs(np.asarray(p) - y).mean() for p in (predicted, linear, constant))


if __name__ == "__main__":
    main()
