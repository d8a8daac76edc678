"""Infer the problem type from `y`, and whether `X` needs the table encoder."""

import numpy as np
import pandas as pd

from ..core.arguments import check_choice
from ..core.messages import invalid
from ..heads import HEADS
from .targets import _values

FEW = 20  # so many different whole numbers may be classes as well as a quantity


def as_numbers(y):
    """y as an array, of numbers also where pandas keeps them as nullable or as objects."""
    array = np.asarray(y)
    if array.dtype.kind != "O" or pd.isna(array).any():
        return array
    return _values(array)


def infer_problem(y, problem=None):
    """What y asks for.

    Several columns: 0 and 1 with one 1 per row are one-hot classes, 0 and 1 otherwise labels, any
    other numbers a regression. One column: two values 0 and 1 are a binary problem, whole numbers
    0..K-1 of an integer type classes, other numbers a regression. A few other whole numbers could
    be either and are refused.

    Returns:
        `(problem, n_outputs, one_hot)`.

    Raises:
        ValueError: text, or a y that could be two things: `problem` has to say which.
    """
    if problem is not None:
        check_choice("problem", problem, HEADS)
    array = as_numbers(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub" or array.size == 0:
        remedy = "Text goes through `DNNClassifier.tune`, or a DataFrame as X."
        kind = f"{array.dtype} of shape {array.shape}"
        raise invalid("y", "must be numbers of shape (rows,) or (rows, outputs)", kind, remedy)
    values = np.unique(array[~np.isnan(array)] if array.dtype.kind == "f" else array)
    if array.ndim == 2:
        columns = array.shape[1]
        one_hot = np.isin(values, (0, 1)).all() and bool((array.sum(axis=1) == 1).all())
        if problem is None:
            labels = "multilabel" if np.isin(values, (0, 1)).all() else "regression"
            problem = "multiclass" if one_hot else labels
        return problem, columns, problem == "multiclass"
    steps = np.arange(len(values))
    if problem is None:
        if np.array_equal(values, [0, 1]):
            problem = "binary"
        elif array.dtype.kind in "iu" and np.array_equal(values, steps) and len(values) > 2:
            problem = "multiclass"
        elif array.dtype.kind in "iu" and len(values) <= FEW:
            raise invalid(
                "y", "must say what it is", f"whole numbers {values.tolist()}",
                "Pass problem='regression' or 'count', or number the classes 0, 1, 2, ...",
            )  # fmt: skip
        else:
            problem = "regression"
    if problem == "multiclass" and values.max() > 1:
        return problem, int(values.max()) + 1, False
    return ("binary" if problem == "multiclass" else problem), 1, False


def is_table(X, y):
    """Whether X or y must go through the table encoder: a DataFrame not all numbers, or text."""
    if not isinstance(X, pd.DataFrame):
        return isinstance(X, dict) or hasattr(X, "columns")
    numbers = all(getattr(dtype, "kind", "O") in "fiu" for dtype in X.dtypes)
    return not numbers or bool(X.isna().any(axis=None)) or as_numbers(y).dtype.kind in "OU"
