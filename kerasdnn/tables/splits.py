"""Divide rows into training and validation rows, by class where there are classes."""

import numpy as np

from ..core.arguments import check_fraction, check_integer
from ..core.messages import invalid


def divide(rows, *, cv=None, validation_fraction=0.2, seed=0, repeats=1):
    """Splits of `rows`, by class where there are classes.

    Args:
        cv: int, folds; None holds out `validation_fraction`, `repeats` times anew.

    Returns:
        List of `(training rows, validation rows)`.
    """
    n = len(rows.x)
    strata = rows.strata()
    if cv is not None:
        check_integer("cv", cv, 2)
        if cv > n:
            raise invalid("cv", f"must be at most the number of rows, {n:,}", cv)
        fold = folds(strata, cv, np.random.default_rng(seed))
        return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(cv)]
    if check_fraction("validation_fraction", validation_fraction) == 0 or n < 2:
        raise invalid("validation_fraction", "must leave rows to judge by", validation_fraction)
    splits = []
    for repeat in range(repeats):
        held = hold_out(strata, validation_fraction, np.random.default_rng([seed, repeat]))
        if not held.any():
            raise invalid(
                "validation_fraction", f"must hold out at least one of {n:,} rows",
                validation_fraction,
            )  # fmt: skip
        splits.append((np.flatnonzero(~held), np.flatnonzero(held)))
    return splits


def folds(strata, k, rng):
    """The fold of each row: every class is dealt out evenly, and so are the rows as a whole."""
    order = np.lexsort([rng.random(len(strata)), strata])
    fold = np.empty(len(strata), "int64")
    fold[order] = np.arange(len(strata)) % k
    return fold


def divide_part(part, target, held, rng):
    """`part` as rows to train on and rows to judge by."""
    one_class_each = target.problem in ("binary", "multiclass")
    strata = part.y if one_class_each else np.zeros(part.frame.rows, dtype="int64")
    chosen = hold_out(strata, held, rng)
    return (part.take(~chosen), part.take(chosen)) if chosen.any() else (part, None)


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
