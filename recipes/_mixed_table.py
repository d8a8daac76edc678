"""Read a table of any columns, a user's or a bundled one, and infer the type of its problem."""

import warnings

import numpy as np
import pandas as pd
from _common import quiet_imports

MIN_ROWS, MIN_ROWS_PER_CLASS, MAX_CLASSES = 50, 8, 50

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
    try:
        from sklego import datasets
    except ImportError as error:
        raise ImportError(
            "The bundled tables are part of scikit-lego, which is not installed: "
            "pip install scikit-lego. Or pass --csv FILE --target COLUMN."
        ) from error
    return getattr(datasets, f"load_{name}")(as_frame=True), SHIPPED[name][0]


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
    X, y, dropped = split_target(table, target)
    problem, why = (args.problem, "set by --problem") if args.problem else infer_problem(y)
    check_classes(y, problem)
    first = f"Table {name}: {len(X):,} rows, {X.shape[1]} columns and the target {target!r}."
    return X, y, problem, [first, *notes, *dropped, f"Problem type: {problem} ({why})."]


def split_target(table, target):
    """Features and target, without the rows whose target is missing.

    Returns:
        `(X, y, sentences)`: the sentences say what was dropped.

    Raises:
        ValueError: too few rows or columns, or a constant target.
    """
    known = table[target].notna()
    dropped = []
    if not known.all():
        dropped.append(f"{(~known).sum():,} rows without a value of {target!r} are dropped.")
    table = table[known].reset_index(drop=True)
    X, y = table.drop(columns=target), table[target]
    if len(table) < MIN_ROWS or X.shape[1] == 0:
        raise ValueError(
            f"The table must have at least {MIN_ROWS} rows with a value of {target!r} and at least "
            f"one other column. Received: {len(table)} rows, {X.shape[1]} other columns."
        )
    if y.nunique() < 2:
        raise ValueError(f"The target {target!r} is constant: it is always {y.tolist()[0]!r}.")
    return X, y, dropped


def infer_problem(y):
    """The problem type of a target and the reason: `("regression", "it has fractions")`.

    Text, truth values and up to ten different integers are classes; other numbers are a quantity.

    Raises:
        ValueError: dates, or text with so many different values that they cannot be classes.
    """
    values = y.nunique()
    if pd.api.types.is_datetime64_any_dtype(y):
        raise ValueError(
            f"The target {y.name!r} contains dates (first: {y.iloc[0]}). Convert them to numbers, "
            "such as days since the first date."
        )
    number = pd.api.types.is_numeric_dtype(y) and not pd.api.types.is_bool_dtype(y)
    if number and (np.asarray(y, float) % 1 != 0).any():
        return "regression", "its values have fractions"
    if number and values > 10:
        return "regression", f"its values are {values} different integers"
    if values > min(MAX_CLASSES, len(y) // 5):
        raise ValueError(
            f"The target {y.name!r} has {values:,} different values in {len(y):,} rows, so they "
            "cannot be classes. Is it a name or an identifier?"
        )
    kind = f"{values} different {'integers' if number else 'values'}"
    return ("binary" if values == 2 else "multiclass"), f"the target has {kind}"


def check_classes(y, problem):
    """Reject classes that are too rare to be learned and tested.

    Raises:
        ValueError: a rare class, or a target that does not fit the problem type.
    """
    counts = y.value_counts()
    rarest = counts.index.tolist()[-1]
    if problem == "binary" and len(counts) != 2:
        raise ValueError(f"A binary target must have 2 values; {y.name!r} has {len(counts)}.")
    if problem != "regression" and counts.min() < MIN_ROWS_PER_CLASS:
        raise ValueError(
            f"Every class must have at least {MIN_ROWS_PER_CLASS} rows; {rarest!r} in "
            f"{y.name!r} has {counts.min()}. Drop such rows or merge rare classes."
        )
    if problem == "regression" and not pd.api.types.is_numeric_dtype(y):
        raise ValueError(f"A regression target must be numeric; {y.name!r} has dtype {y.dtype}.")


def summary(X):
    """One row per column: its dtype, missing and different values, and typical values."""

    def typical(column):
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            return f"{column.min():.4g} to {column.max():.4g}, median {column.median():.4g}"
        if pd.api.types.is_datetime64_any_dtype(column):
            return f"{column.min():%Y-%m-%d} to {column.max():%Y-%m-%d}"
        counts = column.value_counts()
        if counts.empty:
            return ""
        return f"most frequent: {str(counts.index[0])[:30]} ({counts.iloc[0] / len(column):.0%})"

    return pd.DataFrame(
        {
            "column": [str(name) for name in X],
            "type": [str(dtype) for dtype in X.dtypes],
            "missing": [int(X[name].isna().sum()) for name in X],
            "different": [int(X[name].nunique()) for name in X],
            "values": [typical(X[name]) for name in X],
        }
    )
