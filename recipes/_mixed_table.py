"""Read a table of any columns, a user's or a bundled one, and infer the type of its problem."""

import warnings

from _common import quiet_imports

# fmt: off
SHIPPED = {  # real tables with text columns that scikit-lego contains (MIT license)
    # name       target      rows and columns                        problem
    "abalone":  ("rings",    "4,177 shellfish: sex and sizes",       "regression"),
    "arrests":  ("released", "5,226 arrests: was the person freed?", "binary"),
    "penguins": ("species",  "344 penguins, some cells missing",     "multiclass"),
}
# fmt: on


def shipped(name):
    """A bundled table, and the name of its target."""
    if name == "friedman":
        return friedman(), "y"
    try:
        from sklego import datasets
    except ImportError as error:
        raise ImportError(
            "The bundled tables are part of scikit-lego, which is not installed: "
            "pip install scikit-lego. Or pass --csv FILE --target COLUMN."
        ) from error
    return getattr(datasets, f"load_{name}")(as_frame=True), SHIPPED[name][0]


def friedman():
    """Friedman's formula with noise of standard deviation 1: five of ten columns matter."""
    import pandas as pd
    from sklearn.datasets import make_friedman1

    X, y = make_friedman1(1_500, noise=1.0, random_state=0)
    return pd.DataFrame(X, columns=[f"x{i + 1}" for i in range(X.shape[1])]).assign(y=y)


def read(path, args):
    """A user's table as a DataFrame, and the sentences that describe what was guessed."""
    with quiet_imports():
        from kerasdnn.tables.files import read_table
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = read_table(path, sep=args.sep, decimal=args.decimal, encoding=args.encoding)
    return table, [str(warning.message) for warning in caught]


def load(args):
    """The features, the target, the problem type, and sentences that describe them.

    Raises:
        FileNotFoundError, ImportError, ValueError: the file, the column or the values at fault.
    """
    if args.csv:
        table, notes = read(args.csv, args)
        from kerasdnn.tables.files import find_column

        target, name = find_column(table, args.target), args.csv
    else:
        (table, target), notes, name = shipped(args.table), [], args.table
    with quiet_imports():
        from kerasdnn.command.problems import check_classes, infer_problem, split_target
    X, y, dropped = split_target(table, target)
    problem, why = (args.problem, "set by --problem") if args.problem else infer_problem(y)
    check_classes(y, problem)
    first = f"Table {name}: {len(X):,} rows, {X.shape[1]} columns and the target {target!r}."
    return X, y, problem, [first, *notes, *dropped, f"Problem type: {problem} ({why})."]
