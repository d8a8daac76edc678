"""What train_table.py and predict_table.py share: reading a table, telling what its target is."""

from pathlib import Path

import numpy as np
import pandas as pd

FEWEST_ROWS, MOST_CLASSES = 50, 50
ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?"

# fmt: off
SHIPPED = {  # real tables with text columns that come with scikit-lego (MIT)
    # name       target      rows and columns                        problem
    "abalone":  ("rings",    "4,177 shellfish: sex and sizes",       "regression"),
    "arrests":  ("released", "5,226 arrests: was the person freed?", "binary"),
    "penguins": ("species",  "344 penguins, some cells missing",     "multiclass"),
}
# fmt: on


def shipped(name):
    """A table that comes with a package, and the name of its target."""
    try:
        from sklego import datasets
    except ImportError as error:
        raise ValueError(
            "The tables that come along are in the package scikit-lego. Received: none installed. "
            "`pip install scikit-lego` gets it, or take --csv FILE --target COLUMN."
        ) from error

    return getattr(datasets, f"load_{name}")(as_frame=True), SHIPPED[name][0]


def read_table(path):
    """A CSV file with a header as a DataFrame; text columns of ISO dates become dates.

    Raises:
        ValueError: no such file, or not a table.
    """
    if not Path(path).is_file():
        raise ValueError(f"The table must be a CSV file. Received: {path}, which is no file.")
    try:
        table = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV table: {error}") from error
    for column in table.select_dtypes(include=["object", "string"]):
        words = table[column].dropna().astype(str)
        if len(words) and words.str.fullmatch(ISO_DATE).all():
            table[column] = pd.to_datetime(table[column], format="ISO8601", errors="coerce")
    return table


def split_target(table, target):
    """Features and target; rows whose target is missing are left out.

    Returns:
        `(X, y, sentences)`: the sentences say what was left out.

    Raises:
        ValueError: no such column, too few rows, or a target that never changes.
    """
    if target not in table:
        raise ValueError(
            f"--target must be a column of the table: {', '.join(map(str, table.columns))}. "
            f"Received: {target}"
        )
    known = table[target].notna()
    said = []
    if not known.all():
        said.append(f"{(~known).sum():,} rows without a value of {target!r} are left out.")
    table = table[known].reset_index(drop=True)
    X, y = table.drop(columns=target), table[target]
    if len(table) < FEWEST_ROWS or X.shape[1] == 0:
        raise ValueError(
            f"The table must have at least {FEWEST_ROWS} rows with a value of {target!r} and a "
            f"column beside it. Received: {len(table)} rows, {X.shape[1]} columns beside it."
        )
    if y.nunique() < 2:
        raise ValueError(f"The target must vary. Received: {target!r} is always {y.iloc[0]!r}.")
    return X, y, said


def infer_problem(y):
    """What a target is, and why: `("regression", "it holds fractions")`.

    Text, truth values and few whole numbers are classes; other numbers are a quantity.

    Raises:
        ValueError: so many different texts that they can be no classes, or dates.
    """
    values = y.nunique()
    if pd.api.types.is_datetime64_any_dtype(y):
        raise ValueError(
            f"A target must be a number or a class. Received: dates in {y.name!r}, first "
            f"{y.iloc[0]}. Turn them into a number, such as the days since the first."
        )
    number = pd.api.types.is_numeric_dtype(y) and not pd.api.types.is_bool_dtype(y)
    if number and (np.asarray(y, float) % 1 != 0).any():
        return "regression", "its values have fractions"
    if number and values > 10:
        return "regression", f"it is a whole number with {values} different values"
    if values > min(MOST_CLASSES, len(y) // 5):
        raise ValueError(
            f"A target of text must repeat its classes. Received: {y.name!r} with {values:,} "
            f"different values in {len(y):,} rows. Is it a name or an identifier?"
        )
    kind = f"{values} different " + ("whole numbers" if number else "values")
    return ("binary" if values == 2 else "multiclass"), f"it holds {kind}"


def check_classes(y, problem):
    """Refuse a class too rare to be learned and tested.

    Raises:
        ValueError: naming the class and its rows, or the number of classes of a binary target.
    """
    counts = y.value_counts()
    if problem == "binary" and len(counts) != 2:
        raise ValueError(f"A binary target has 2 values. Received: {len(counts)} in {y.name!r}.")
    if problem != "regression" and counts.min() < 8:
        raise ValueError(
            f"Every class needs at least 8 rows. Received: {counts.min()} with {y.name!r} = "
            f"{counts.idxmin()!r}. Leave such rows out or merge rare classes."
        )
    if problem == "regression" and not pd.api.types.is_numeric_dtype(y):
        raise ValueError(f"A regression target must be numeric. Received: {y.name!r}, {y.dtype}.")


def summary(X):
    """One row per column: what it holds, how much is missing, how many different values."""

    def middle(column):
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            return f"{column.min():.4g} to {column.max():.4g}, median {column.median():.4g}"
        if pd.api.types.is_datetime64_any_dtype(column):
            return f"{column.min():%Y-%m-%d} to {column.max():%Y-%m-%d}"
        common = column.value_counts()
        if common.empty:
            return ""
        return f"most often {str(common.index[0])[:30]} ({common.iloc[0] / len(column):.0%})"

    return pd.DataFrame(
        {
            "column": [str(name) for name in X],
            "type": [str(dtype) for dtype in X.dtypes],
            "missing": [int(X[name].isna().sum()) for name in X],
            "different": [int(X[name].nunique()) for name in X],
            "values": [middle(X[name]) for name in X],
        }
    )
