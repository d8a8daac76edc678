"""Which rows are trained on, which are judged by, and how much each of them counts."""

import numpy as np
import pandas as pd

from .checks_words import listed, plain
from .errors import is_number

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
        columns = [frame.column(j).values for j in range(frame.width)]
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
        target: `labels.ClassTarget`, or another one, which has no classes to weigh.
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
    classes = [plain(label) for label in target.classes]
    if isinstance(class_weight, str) and class_weight == "balanced":
        mass = np.bincount(encoded, weights, target.n)
        factors = mass.sum() / (target.n * mass)
    elif isinstance(class_weight, dict):
        unknown = [key for key in class_weight if key not in classes]
        if unknown:
            raise ValueError(
                f"Keys of `class_weight` must be classes. Received: {listed(unknown)}; the classes "
                f"are {listed(classes, 10)}."
            )
        for key, weight in class_weight.items():
            if not is_number(weight) or not 0 <= weight < np.inf:
                raise ValueError(
                    "Weights in `class_weight` must be finite numbers >= 0. Received: "
                    f"{plain(weight)!r} for class {plain(key)!r}."
                )
        factors = np.array([class_weight.get(label, 1.0) for label in classes], dtype="float64")
    else:
        raise ValueError(
            "`class_weight` must be 'balanced' or a dict from label to weight. Received: "
            f"class_weight={class_weight!r}."
        )
    return factors[encoded] if weights is None else weights * factors[encoded]


def hold_out(strata, fraction, rng):
    """Rows to validate on: a random `fraction` of each stratum, at most all but one of its rows.

    Args:
        strata: int `(rows,)`, the class of each row, all 0 for a target without classes.
        fraction: float in (0, 1).
        rng: `numpy.random.Generator`.

    Returns:
        bool `(rows,)`.
    """
    order = np.lexsort([rng.random(len(strata)), strata])
    # Every stretch of 1/fraction rows, in the order of the strata, gives one row.
    taken = np.floor((np.arange(len(strata)) + rng.random()) * fraction)
    chosen = np.zeros(len(strata), dtype=bool)
    chosen[order[1:]] = np.diff(taken) > 0
    for stratum in np.unique(strata[chosen]):
        rows = np.flatnonzero(strata == stratum)
        if chosen[rows].all():
            chosen[rows[0]] = False
    return chosen
