"""Infer what the target of a table asks for, and reject tables that nothing can be learned from."""

import numpy as np
import pandas as pd

MIN_ROWS, MIN_ROWS_PER_CLASS, MAX_CLASSES = 50, 8, 50
PROBLEMS = ("binary", "multiclass", "regression")


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
    check_not_constant(y)
    return X, y, dropped


def check_not_constant(y):
    if y.nunique() < 2:
        raise ValueError(f"The target {y.name!r} is constant: it is always {y.tolist()[0]!r}.")


def infer_problem(y):
    """The problem type of a target and the reason: `("regression", "it has fractions")`.

    Text, truth values and up to ten different integers are classes; other numbers are a quantity.

    Raises:
        ValueError: dates, one value only, or text with so many different values that they cannot
            be classes.
    """
    values = y.nunique()
    if pd.api.types.is_datetime64_any_dtype(y):
        raise ValueError(
            f"The target {y.name!r} contains dates (first: {y.iloc[0]}). Convert them to numbers, "
            "such as days since the first date."
        )
    check_not_constant(y)
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
