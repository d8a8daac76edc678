"""Every kind of problem on a real table, about ten lines each, beside what its head decides.

    scripts/run recipes/problem_types.py          # about 20 s on 2 cores

The head is the last layer and what goes with it: activation, loss, metrics, and what y must look
like. It follows from the problem; the layers below do not change.
The simple rival is linear, logistic or Poisson regression; it wins where the truth is nearly
linear (breast cancer, diabetes), and the network where it is not (digits).
"""

import numpy as np
from _common import Report, options, parse, start

EPOCHS, HIDDEN_UNITS, SEED_OF_SPLIT = 30, (64, 32), 0


def main(argv=None):
    args = parse(options(__doc__, "problem_types", epochs=EPOCHS), argv)
    device = start(args)
    import pandas as pd

    from kerasdnn.heads import head_of

    epochs = min(args.epochs, 3) if args.quick else args.epochs
    report = Report(args, "One head per problem", device)
    rows = []
    for problem in (binary, multiclass, multiclass_one_hot, multilabel, regression, outputs, count):
        name, what, score, ours, rival, trivial = problem(args.seed, epochs)
        head = head_of(name, one_hot=problem is multiclass_one_hot)
        print(f"{name:<11} {what:<20} {score} {ours:.3f}    head: {head}", flush=True)
        rows.append((name, head.activation, head.loss, head.y, what, score, ours, rival, trivial))
    columns = ["problem", "output", "loss", "one row of y", "table", "metric", "network",
               "simple rival", "constant guess"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    report.table("problem_types", table, "Each problem, its head, and the result on unseen rows")
    better = np.where(table["metric"].str.contains("error"), -1, 1)
    gain = better * (table["network"] - table["simple rival"])
    over = better * (table["network"] - table["constant guess"])
    report.findings(
        [
            f"The network beats a constant guess on {(over > 0).sum()} of {len(table)} problems.",
            f"It beats the simple rival on {(gain > 0).sum()} of {len(table)}; the rival wins on "
            + (
                ", ".join(table["problem"][gain < 0] + " (" + table["table"][gain < 0] + ")")
                or "none"
            )
            + ".",
        ]
    )
    report.save()


# Each problem: data, model, result, rival, constant guess.
def binary(seed, epochs):
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    import kerasdnn

    x, x_test, y, y_test = halves(*load_breast_cancer(return_X_y=True))
    model = kerasdnn.build_classifier(x.shape[1], 2, HIDDEN_UNITS, prior=[1 - y.mean(), y.mean()],
                                      metrics=["accuracy"], seed=seed)  # fmt: skip
    model.fit(x, y, epochs=epochs, verbose=0)
    ours = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    rival = LogisticRegression(max_iter=1000).fit(x, y).score(x_test, y_test)
    return "binary", "breast cancer", "accuracy", ours, rival, max(y_test.mean(), 1 - y_test.mean())


def multiclass(seed, epochs):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    import kerasdnn

    x, x_test, y, y_test = halves(*load_digits(return_X_y=True))
    model = kerasdnn.build_classifier(64, 10, HIDDEN_UNITS, metrics=["accuracy"], seed=seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    ours = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    rival = LogisticRegression(max_iter=1000).fit(x, y).score(x_test, y_test)
    return (
        "multiclass",
        "digits",
        "accuracy",
        ours,
        rival,
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
    rival = LogisticRegression(max_iter=1000).fit(x, y).score(x_test, y_test)
    return (
        "multiclass",
        "wine, one-hot",
        "accuracy",
        ours,
        rival,
        (y_test == np.bincount(y).argmax()).mean(),
    )


def multilabel(seed, epochs):
    """Three questions about a digit, asked at once: is it even, above 4, a prime?"""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier

    import kerasdnn

    X, digit = load_digits(return_X_y=True)
    answers = np.column_stack([digit % 2 == 0, digit > 4, np.isin(digit, (2, 3, 5, 7))])
    x, x_test, y, y_test = halves(X, answers.astype("float32"))
    model = kerasdnn.build_multilabel_classifier(64, 3, HIDDEN_UNITS, seed=seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    ours = ((model.predict(x_test, verbose=0) > 0.5) == y_test).mean()
    rival = MultiOutputClassifier(LogisticRegression(max_iter=1000)).fit(x, y).predict(x_test)
    guess = (y_test == (y.mean(axis=0) > 0.5)).mean()
    return "multilabel", "digits, 3 questions", "accuracy", ours, (rival == y_test).mean(), guess


def regression(seed, epochs):
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LinearRegression

    import kerasdnn

    x, x_test, y, y_test = halves(*load_diabetes(return_X_y=True))
    model = kerasdnn.build_regressor(10, 1, HIDDEN_UNITS, l2=0.01, seed=seed)
    model.fit(x, (y - y.mean()) / y.std(), epochs=epochs, verbose=0)
    predicted = model.predict(x_test, verbose=0)[:, 0] * y.std() + y.mean()
    rival = LinearRegression().fit(x, y).predict(x_test)
    return "regression", "diabetes", "mean absolute error", *errors(y_test, predicted, rival, y)


def outputs(seed, epochs):
    """Two outputs at once: the disease a year later, and the blood serum value s5."""
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LinearRegression

    import kerasdnn

    X, progression = load_diabetes(return_X_y=True)
    both = np.column_stack([progression, X[:, 8]])
    x, x_test, y, y_test = halves(np.delete(X, 8, axis=1), (both - both.mean(0)) / both.std(0))
    model = kerasdnn.build_regressor(9, 2, HIDDEN_UNITS, l2=0.01, seed=seed)
    model.fit(x, y, epochs=epochs, verbose=0)
    predicted, rival = (
        model.predict(x_test, verbose=0),
        LinearRegression().fit(x, y).predict(x_test),
    )
    return (
        "regression",
        "diabetes, 2 outputs",
        "mean absolute error",
        *errors(y_test, predicted, rival, y),
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
    rival = PoissonRegressor(max_iter=1000).fit(x, y).predict(x_test)
    return (
        "count",
        "digits, one square",
        "mean absolute error",
        *errors(y_test, predicted, rival, y),
    )


def halves(X, y):
    """Rows to learn from and rows to judge by, columns standardised by the former."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, x_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=SEED_OF_SPLIT)
    scale = StandardScaler().fit(x)
    return scale.transform(x), scale.transform(x_test), y, y_test


def errors(y, predicted, rival, y_train):
    """Mean absolute error of the network, of the rival, and of always saying the median."""
    guess = np.median(y_train, axis=0)
    return tuple(np.abs(np.asarray(p) - y).mean() for p in (predicted, rival, guess))


if __name__ == "__main__":
    main()
