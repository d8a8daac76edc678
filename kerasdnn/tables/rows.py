"""Which rows are trained on, which are judged by, and how much each of them counts."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..checks.named_array import NamedArray
from ..checks.weights import check_same_rows, check_sample_weight
from ..core.arguments import is_number
from ..core.messages import quoted_list, to_python
from .frame import read_frame, unmasked
from .inference import infer_columns
from .targets import read_target


@dataclass
class Part:
    """Rows to train on or to judge by: `frame`, encoded `y`, `weights` (None: all equal)."""

    frame: object
    y: np.ndarray
    weights: np.ndarray | None

    def take(self, rows):
        weights = None if self.weights is None else self.weights[rows]
        return Part(self.frame.take(rows), self.y[rows], weights)


def read_part(X, y, sample_weight, target, names=("X", "y", "sample_weight")):
    """`(X, y, sample_weight)` checked, as a `Part` without rows of weight 0.

    Args:
        target: a target of `tables/targets.py`, or a function that makes one of `(y, column
            names)`.

    Returns:
        `(Part, target)`.
    """
    frame, y, columns, weights = read_rows(X, y, sample_weight, names)
    if weights is not None and weights.min() == 0:
        keep = weights > 0
        frame, y, weights = frame.take(keep), y[keep], weights[keep]
    if callable(target):
        target = target(y, columns)
    return Part(frame, target.encode(y, names[1]), weights), target


def read_rows(X, y, sample_weight, names=("X", "y", "sample_weight")):
    """`(frame, y, its column names or None, weights or None)`, of rows that belong together."""
    if isinstance(X, pd.Series):  # to predict, a row
        raise ValueError(
            f"`{names[0]}` must be a table. Received: a Series. A single column: "
            f"{names[0]}.to_frame(); a single row: {names[0]}.to_frame().T."
        )
    labels = y.index if isinstance(y, (pd.Series, pd.DataFrame)) else None
    y, columns = read_target(y, names[1])
    frame = read_frame(X, names[0])
    rows = NamedArray(np.arange(frame.rows), names[0], labels=frame.index)
    check_same_rows(rows, NamedArray(np.arange(len(y)), names[1], labels=labels))
    if rows.labels is None and labels is not None:  # weights beside X without an index are y's
        rows = NamedArray(rows.values, names[1], labels=labels)
    if frame.rows == 0:
        raise ValueError(
            f"`{names[0]}` must have rows. Received: 0 rows, a minimum of 1 is required."
        )
    weights = None
    if sample_weight is not None:
        weights = read_weights(sample_weight)
        check_sample_weight(weights, rows, names[2])
        weights = np.asarray(weights, dtype="float64").ravel()
    return frame, y, columns, weights


def read_weights(sample_weight):
    """Weights of any make as an array or a pandas object, of numbers where they are numbers."""
    weights = unmasked(sample_weight)
    if not hasattr(weights, "dtype") and not isinstance(weights, pd.DataFrame):
        weights = np.asarray(weights)  # lists, and pyarrow's arrays with what they miss
    if getattr(getattr(weights, "dtype", None), "kind", "") == "O":
        with suppress(TypeError, ValueError):  # which the check then names
            if not any(isinstance(weight, str) for weight in np.ravel(weights)):
                weights = weights.astype("float64")
    return weights


def read_validation(validation_data, target):
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise ValueError(
            "`validation_data` must be (X, y) or (X, y, sample_weight). Received: "
            f"{type(validation_data).__name__}."
        )
    X, y, weight = (*validation_data, None)[:3]
    names = [f"validation_data[{i}]" for i in range(3)]
    return read_part(X, y, weight, target, names)[0]


def for_network(part, encoder, target):
    """`(x, y, weights)` as the network takes them; weights have mean 1."""
    y = target.to_network(part.y) if hasattr(target, "to_network") else part.y
    weights = part.weights
    if weights is not None:
        weights = (weights / weights.mean()).astype("float32")
    return encoder.transform(part.frame), y, weights


SORTED_UP_TO = 1000  # rows (sum of weights)


def repeated(frame, y, weights):
    """The rows of a small table as often as they weigh, where all weights are whole numbers.

    A weight of 2 is then exactly the row twice, in the number of steps too. A larger table, or one
    of other weights, is given back as it is: there a weight only scales the loss of its row.

    Args:
        frame: `Frame`.
        y: encoded target, `(rows,)` or `(rows, columns)`.
        weights: float64 `(rows,)`, all above 0, or None.

    Returns:
        `(frame, y, weights)`.
    """
    if weights is None or weights.sum() > SORTED_UP_TO or (weights != np.floor(weights)).any():
        return frame, y, weights
    rows = np.repeat(np.arange(frame.rows), weights.astype("int64"))
    return frame.take(rows), y[rows], None


def in_order(frame, y, weights):
    """The rows of a small table sorted, so that the order in which they come does not matter.

    Args, Returns:
        As `repeated`; weights None where all are equal. A larger table is given back as it is.
    """
    if frame.rows <= SORTED_UP_TO and (weights is None or weights.sum() <= SORTED_UP_TO):
        columns = [finding.column.values for finding in infer_columns(frame, {}, 32)]
        columns += list(y.reshape(len(y), -1).T)
        ranks = [pd.factorize(values, sort=True)[0] for values in columns]
        order = np.lexsort([*([] if weights is None else [weights]), *ranks[::-1]])
        frame, y = frame.take(order), y[order]
        weights = None if weights is None else weights[order]
    if weights is not None and weights.min() == weights.max():
        weights = None
    return frame, y, weights


def class_weights(class_weight, target, encoded, weights):
    """`weights` times the weight of each row's class.

    Args:
        class_weight: None, "balanced" (all classes weigh the same in sum), or a dict from label to
            weight; labels left out weigh 1.
        target: `targets.ClassTarget`, or another one, which has no classes to weigh.
        encoded: int `(rows,)`.
        weights: float64 `(rows,)` or None.

    Raises:
        ValueError: neither of these, a label that is no class, a weight below 0.
    """
    if class_weight is None:
        return weights
    if target.problem == "multilabel":
        raise ValueError(
            "`class_weight` needs one class per row. Received: several labels per row, "
            f"class_weight={class_weight!r}. Weigh rows with `sample_weight`."
        )
    classes = [to_python(label) for label in target.classes]
    if isinstance(class_weight, str) and class_weight == "balanced":
        mass = np.bincount(encoded, weights, target.n)
        factors = mass.sum() / (target.n * mass)
    elif isinstance(class_weight, dict):
        unknown = [key for key in class_weight if key not in classes]
        if unknown:
            raise ValueError(
                f"Keys of `class_weight` must be classes. Received: {quoted_list(unknown)}; the "
                "classes "
                f"are {quoted_list(classes, 10)}."
            )
        for key, weight in class_weight.items():
            if not is_number(weight) or not 0 <= weight < np.inf:
                raise ValueError(
                    "Weights in `class_weight` must be finite numbers >= 0. Received: "
                    f"{to_python(weight)!r} for class {to_python(key)!r}."
                )
        factors = np.array([class_weight.get(label, 1.0) for label in classes], dtype="float64")
    else:
        raise ValueError(
            "`class_weight` must be 'balanced' or a dict from label to weight. Received: "
            f"class_weight={class_weight!r}."
        )
    return factors[encoded] if weights is None else weights * factors[encoded]
