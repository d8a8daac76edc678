"""Tables of numbers for the recipes: real ones that scikit-learn ships, or a user's CSV file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """Numbers to learn from: X (rows, features) float32, y (rows,), and what y is."""

    name: str
    problem: str  # "binary", "multiclass" or "regression", as in heads.py
    X: np.ndarray
    y: np.ndarray


class Split(NamedTuple):
    """A table in two parts, scaled by what the training rows alone tell."""

    x: np.ndarray
    y: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray


# fmt: off
SHIPPED = {  # name          loader in sklearn.datasets  problem
    "breast cancer":        ("load_breast_cancer",       "binary"),
    "digits":               ("load_digits",              "multiclass"),
    "wine":                 ("load_wine",                "multiclass"),
    "diabetes":             ("load_diabetes",            "regression"),
}
# fmt: on


def shipped(name):
    """A real table that comes with scikit-learn."""
    from sklearn import datasets

    loader, problem = SHIPPED[name]
    X, y = getattr(datasets, loader)(return_X_y=True)
    return Table(name, problem, X.astype("float32"), _as_target(y, problem))


def read_csv(path, target, problem=None):
    """A user's table of numbers.

    Args:
        path: a CSV file with a header; every column but the target must be numeric and complete.
        target: name of the column to predict.
        problem: what the target is; None decides: words, truth values and up to ten whole
            numbers are classes, other numbers a quantity.

    Raises:
        ValueError: the file, the column or the values at fault, and what to do.
    """
    import pandas as pd

    if not Path(path).is_file():
        raise ValueError(f"--csv must be a file. Received: {path}")
    try:
        table = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV table: {error}") from error
    if target not in table:
        raise ValueError(
            f"--target must be a column of {path}: {', '.join(map(str, table.columns))}. "
            f"Received: {target}"
        )
    missing = table.isna().sum()
    if missing.any():
        column = missing.idxmax()
        raise ValueError(
            f"Values must not be missing. Received: {missing[column]} missing in column "
            f"{column!r}. Remove those rows, or fill them in."
        )
    X = table.drop(columns=target)
    for column in X:
        if not pd.api.types.is_numeric_dtype(X[column]):
            raise ValueError(
                f"Columns must be numeric. Received: column {column!r} of dtype "
                f"{X[column].dtype}, first value {X[column].iloc[0]!r}. Remove it, or see "
                "recipes/train_table.py, which takes mixed columns."
            )
    X = X.to_numpy("float32")
    if not np.isfinite(X).all():
        raise ValueError("Values must be finite in float32. Received: an infinite or huge value.")
    if len(X) < 50 or not X.shape[1]:
        raise ValueError(
            f"{path} must have at least 50 rows and a column beside the target. "
            f"Received: {len(X)} rows, {X.shape[1]} columns beside the target"
        )
    y = table[target]
    problem = problem or _problem_of(y)
    classes, counts = np.unique(y, return_counts=True)
    if problem == "regression" and not pd.api.types.is_numeric_dtype(y):
        raise ValueError(f"A regression target must be numeric. Received: column {target!r}")
    if len(classes) < 2:
        raise ValueError(f"The target must vary. Received: {target!r} is always {classes[0]}")
    if problem != "regression" and counts.min() < 5:
        raise ValueError(
            "Every class needs at least 5 rows. "
            f"Received: {counts.min()} with {target!r} = {classes[counts.argmin()]}"
        )
    if problem == "binary" and len(classes) != 2:
        raise ValueError(f"A binary target has 2 values. Received: {len(classes)}")
    print(f"Table: {path}, {len(X)} rows, {X.shape[1]} columns, {problem} target {target!r}")
    return Table(Path(path).stem, problem, X, _as_target(y, problem))


def split(table, seed, valid_share=0.3):
    """Training and validation rows, standardised with the training rows' mean and spread.

    A regression target is standardised too: a loss of 1 is then that of predicting the mean.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    strata = None if table.problem == "regression" else table.y
    x, x_valid, y, y_valid = train_test_split(
        table.X, table.y, test_size=valid_share, random_state=seed, stratify=strata
    )
    scale = StandardScaler().fit(x)
    x, x_valid = (scale.transform(part).astype("float32") for part in (x, x_valid))
    if table.problem == "regression":
        mean, spread = y.mean(), y.std()
        y, y_valid = (((part - mean) / spread).astype("float32") for part in (y, y_valid))
    return Split(x, y, x_valid, y_valid)


def _problem_of(y):
    import pandas as pd

    number = pd.api.types.is_numeric_dtype(y) and not pd.api.types.is_bool_dtype(y)
    values = y.nunique()
    if number and (values > 10 or (y % 1 != 0).any()):
        return "regression"
    return "binary" if values == 2 else "multiclass"


def _as_target(y, problem):
    if problem == "regression":
        return np.asarray(y, "float32")
    return np.unique(y, return_inverse=True)[1].astype("int32")
