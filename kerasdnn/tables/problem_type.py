"""Infer the problem type from `y`, and whether `X` needs the table encoder."""

import numpy as np
import pandas as pd

from ..core.messages import invalid
from ..heads.head import Head
from ..heads.problem_types import Problem, head_of, make_problem
from .targets.mixed import MAX_AMBIGUOUS_INTEGERS
from .targets.reading import plain_values, read_target


def as_numbers(y):
    """y as an array, of numbers also where pandas keeps them as nullable or as objects."""
    array = np.asarray(y)
    if array.dtype.kind != "O" or pd.isna(array).any():
        return array
    return plain_values(array)


def infer_problem(y, problem: str | Head | None = None, n_features: int = 1) -> Problem:
    """Infer what y asks for.

    Several columns: 0 and 1 with one 1 per row are one-hot classes, 0 and 1 otherwise labels, any
    other numbers a regression. One column: the values 0 and 1 are a binary problem, 0..K-1 of an
    integer type are classes, other numbers a regression. A few other integers could be either and
    are rejected.

    Args:
        y: numbers of shape (rows,) or (rows, outputs).
        problem: key of `HEADS` or a `Head`. None infers it.
        n_features: int, columns of X.

    Returns:
        `Problem`.

    Raises:
        ValueError: text, or a y that could be two things: `problem` has to say which.
    """
    head = None if problem is None else head_of(problem)
    array = as_numbers(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub" or array.size == 0:
        raise invalid(
            "y", "must contain numbers, with shape (rows,) or (rows, outputs)",
            received=f"an array of dtype {array.dtype} and shape {array.shape}",
            remedy="`DNNClassifier.tune`, or a DataFrame as `X`, accepts text.",
        )  # fmt: skip
    values = np.unique(array[~np.isnan(array)] if array.dtype.kind == "f" else array)
    zero_or_one = np.isin(values, (0, 1)).all()
    if array.ndim == 2:
        one_hot = bool(zero_or_one and (array.sum(axis=1) == 1).all())
        head = head or head_of(
            "multiclass" if one_hot else "multilabel" if zero_or_one else "regression"
        )
        return make_problem(head, n_features, array.shape[1], one_hot=head.kind == "class")
    if head is None:
        integers = array.dtype.kind in "iu"
        if np.array_equal(values, [0, 1]):
            head = head_of("binary")
        elif integers and len(values) > 2 and np.array_equal(values, np.arange(len(values))):
            head = head_of("multiclass")
        elif integers and len(values) <= MAX_AMBIGUOUS_INTEGERS:
            raise ValueError(
                f"Cannot infer the problem type: the integers {', '.join(map(str, values))} in `y` "
                "could be classes, counts or quantities. Pass problem='regression' or 'count', or "
                "encode the classes as 0, 1, 2, ..."
            )
        else:
            head = head_of("regression")
    n_outputs = max(2, int(values.max()) + 1) if head.per_class else 1
    return make_problem(head, n_features, n_outputs)


def infer_target(y, problem: str | Head | None = None):
    """Infer the argument `target` of a `DNNRegressor` for y, labels of any kind.

    Args:
        y: (rows,) or (rows, outputs).
        problem: key of `HEADS` or a `Head`. None infers it.

    Returns:
        The target, or None where y holds classes or labels, which need a `DNNClassifier`.
    """
    if problem is not None:
        head = head_of(problem)
        return (head.target or head) if head.kind == "number" else None
    if isinstance(getattr(y, "dtype", None), pd.CategoricalDtype):
        return None
    values, _ = read_target(y)
    if values.dtype.kind not in "fiu" or infer_problem(values).kind != "number":
        return None
    return "real"


def is_table(X, y):
    """Whether X or y needs the table encoder: a DataFrame that is not all numbers, or text."""
    if not isinstance(X, pd.DataFrame):
        return isinstance(X, dict) or hasattr(X, "columns")
    numbers = all(getattr(dtype, "kind", "O") in "fiu" for dtype in X.dtypes)
    return not numbers or bool(X.isna().any(axis=None)) or as_numbers(y).dtype.kind in "OU"


def check_two_dimensional(X):
    """Raise ValueError unless X has the shape (rows, features); returns the number of features."""
    shape = np.shape(X)
    if len(shape) != 2:
        rule = "must be two-dimensional, with shape (rows, features)"
        raise invalid("X", rule, received=f"an array of shape {shape}")
    return shape[1]
