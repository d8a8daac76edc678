"""Tables of numbers: real ones that scikit-learn contains, or a user's file."""

from pathlib import Path
from typing import NamedTuple

import _mixed_table
import numpy as np


class Table(NamedTuple):
    """Numbers to learn from: X (rows, features) float32, y (rows,), and the problem type."""

    name: str
    problem: str  # "binary", "multiclass" or "regression", as in HEADS
    X: np.ndarray
    y: np.ndarray


class Split(NamedTuple):
    """Training and validation set, standardized with the training rows alone."""

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
    """A real table that scikit-learn contains."""
    from sklearn import datasets

    loader, problem = SHIPPED[name]
    X, y = getattr(datasets, loader)(return_X_y=True)
    return Table(name, problem, X.astype("float32"), _as_target(y, problem))


def read_own(args):
    """A user's table, which must consist of numbers without missing values.

    Args:
        args: the options of a recipe; see `_common.add_table_options`.

    Raises:
        ValueError: the file, the column or the values at fault, and what to do.
    """
    import pandas as pd

    X, y, problem, sentences = _mixed_table.load(args)
    for name in X:
        column = X[name]
        if not pd.api.types.is_numeric_dtype(column):
            raise ValueError(
                f"Column {name!r} must be numeric. Received: dtype {column.dtype}, first value "
                f"{column.tolist()[0]!r}. Drop it, or use recipes/train_table.py, which accepts "
                "any column."
            )
        missing = int(column.isna().sum())
        if missing:
            raise ValueError(
                f"Column {name!r} has {missing} missing values. Drop those rows, fill them in, or "
                "use recipes/train_table.py, which accepts missing values."
            )
        if not np.isfinite(column.to_numpy("float32")).all():
            raise ValueError(f"Column {name!r} contains values that are infinite in float32.")
    print("\n".join(sentences))
    return Table(Path(args.csv).stem, problem, X.to_numpy("float32"), _as_target(y, problem))


def split(table, seed, valid_fraction=0.3):
    """Training and validation rows, standardized with mean and standard deviation of the former.

    A regression target is standardized too: predicting the mean then has a loss of 1.
    """
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    strata = None if table.problem == "regression" else table.y
    x, x_valid, y, y_valid = train_test_split(
        table.X, table.y, test_size=valid_fraction, random_state=seed, stratify=strata
    )
    scale = StandardScaler().fit(x)
    x, x_valid = (scale.transform(part).astype("float32") for part in (x, x_valid))
    if table.problem == "regression":
        mean, deviation = y.mean(), y.std()
        y, y_valid = (((part - mean) / deviation).astype("float32") for part in (y, y_valid))
    return Split(x, y, x_valid, y_valid)


def _as_target(y, problem):
    if problem == "regression":
        return np.asarray(y, "float32")
    return np.unique(y, return_inverse=True)[1].astype("int32")
