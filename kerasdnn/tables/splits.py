"""Split rows into training and validation rows: at random by class, by group, in time order.

Every split is a pair of int arrays, (training rows, validation rows). Nothing else in the package
decides which rows a network is trained on and which it is evaluated on.
"""

from itertools import islice

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from ..core.arguments import check_fraction, check_integer, is_number
from ..core.messages import invalid

DRAWS_OF_GROUPS = 20  # random choices of groups, of which the one that is nearest by class is taken


def strata_of(y, has_classes):
    """The class of each row as int64 array of shape (rows,); all 0 without classes."""
    if not has_classes:
        return np.zeros(len(y), "int64")
    return y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1).astype("int64")


def split(rows, strata, *, cv=None, validation_fraction=0.2, seed=0, repeats=1):
    """Split `rows` for a search or a comparison.

    Args:
        rows: `Rows`, with groups or times where these decide.
        strata: int array of shape (rows,), the class of each row.
        cv: see `folds`. None holds out `validation_fraction`.
        validation_fraction: float in (0, 1), fraction of the rows to validate on.
        seed: int, seed of the random splits.
        repeats: int, number of independent hold-outs where `cv` is None.

    Returns:
        list of (training rows, validation rows).

    Raises:
        ValueError: a part would be empty, or a row, group or time would be in both parts.
    """
    if cv is not None:
        return folds(rows, strata, cv, np.random.default_rng(seed))
    if check_fraction("validation_fraction", validation_fraction) == 0 or len(rows) < 2:
        rule = f"must hold out at least one of {len(rows):,} rows"
        raise invalid("validation_fraction", rule, validation_fraction)
    pairs = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        pairs.append(holdout(rows, strata, validation_fraction, rng))
        if not len(pairs[-1][1]):
            rule = f"must hold out at least one of {len(rows):,} rows"
            raise invalid("validation_fraction", rule, validation_fraction)
    return pairs


def holdout(rows, strata, fraction, rng):
    """Hold out a fraction of the rows: complete groups, the latest rows, or rows of every class.

    Args:
        rows: `Rows`.
        strata: int array of shape (rows,), the class of each row, all 0 without classes.
        fraction: float in (0, 1).
        rng: `numpy.random.Generator`.

    Returns:
        (training rows, validation rows), int arrays; the second is empty where the rows are too
        few to hold one out.
    """
    if rows.groups is not None:
        held = _groups_mask(rows.groups, strata, fraction, rng)
    elif rows.time is not None:
        held = _latest_mask(rows.time, fraction)
    else:
        held = holdout_mask(strata, fraction, rng)
    return np.flatnonzero(~held), np.flatnonzero(held)


def holdout_mask(strata, fraction, rng):
    """Draw a random `fraction` of each stratum, at most all but one of its rows.

    Returns:
        bool array of shape (rows,), true for the rows to validate on.
    """
    order = np.lexsort([rng.random(len(strata)), strata])
    # Every chunk of 1/fraction rows, in the order of the strata, gives one row.
    taken = np.floor((np.arange(len(strata)) + rng.random()) * fraction)
    chosen = np.zeros(len(strata), dtype=bool)
    chosen[order[1:]] = np.diff(taken) > 0
    for stratum in np.unique(strata[chosen]):
        rows = np.flatnonzero(strata == stratum)
        if chosen[rows].all():
            chosen[rows[0]] = False
    return chosen


def _groups_mask(groups, strata, fraction, rng):
    counts = pd.crosstab(groups, strata).to_numpy()  # (groups, classes)
    if len(counts) < 2:
        raise ValueError("`groups` must contain at least two groups, one of them to validate on.")
    best = np.inf
    for _ in range(DRAWS_OF_GROUPS):
        order = rng.permutation(len(counts))
        filled = np.cumsum(counts[order].sum(axis=1))
        number = np.abs(filled[:-1] - fraction * len(groups)).argmin() + 1
        held = counts[order[:number]].sum(axis=0)
        distance = np.abs(held - fraction * counts.sum(axis=0)).sum()
        distance += len(groups) * (held == counts.sum(axis=0)).any()  # a class to validate on only
        if distance < best:
            best, chosen = distance, order[:number]
    return np.isin(groups, np.unique(groups)[chosen])


def _latest_mask(time, fraction):
    first = np.sort(time)[min(len(time) - 1, round(len(time) * (1 - fraction)))]
    held = time >= first
    held = time > first if held.all() else held
    if not held.any():
        raise ValueError("`time` must contain at least two times, the later one to validate on.")
    return held


def folds(rows, strata, cv, rng):
    """Split `rows` for cross-validation.

    Args:
        rows, strata: see `split`.
        cv: int, number of folds: at random by class; of complete groups; or, where rows have a
            time, each fold is validated on rows that are later than those it is trained on. A
            scikit-learn splitter, or an iterable of (training rows, validation rows).
        rng: `numpy.random.Generator`.

    Returns:
        list of (training rows, validation rows).
    """
    if not is_number(cv):
        return _given_folds(rows, strata, cv)
    cv = check_integer("cv", cv, 2)
    for name, found in (("rows", len(rows)), ("groups", rows.groups), ("times", rows.time)):
        found = found if found is None or name == "rows" else len(np.unique(found))
        most = None if found is None else found - (name == "times")
        if most is not None and cv > most:
            raise invalid("cv", f"must be at most {most:,}, as there are {found:,} {name}", cv)
    if rows.groups is not None:
        kind = StratifiedGroupKFold if strata.any() else GroupKFold
        splitter = kind(cv, shuffle=True, random_state=int(rng.integers(2**31)))
        return [tuple(pair) for pair in splitter.split(strata, strata, rows.groups)]
    if rows.time is not None:
        edges = np.sort(rows.time)[np.arange(1, cv + 1) * len(rows) // (cv + 1)]
        if len(np.unique(edges)) < cv or edges[0] == rows.time.min():
            edges = np.unique(rows.time)
            edges = edges[np.arange(1, cv + 1) * len(edges) // (cv + 1)]
        fold = np.searchsorted(edges, rows.time, side="right")
        return [(np.flatnonzero(fold < k), np.flatnonzero(fold == k)) for k in range(1, cv + 1)]
    fold = fold_numbers(strata, cv, rng)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(cv)]


def fold_numbers(strata, k, rng):
    """The fold of each row, 0 to k - 1; every class, and the rows as a whole, is dealt evenly."""
    order = np.lexsort([rng.random(len(strata)), strata])
    fold = np.empty(len(strata), "int64")
    fold[order] = np.arange(len(strata)) % k
    return fold


def first_split(rows, strata, splitter, name="validation_split"):
    """The first split of a splitter, as (training rows, validation rows).

    Args:
        rows, strata: see `split`.
        splitter: scikit-learn splitter, or an iterable of (training rows, validation rows).
        name: str, the argument's name, for messages.
    """
    return _given_folds(rows, strata, splitter, name, most=1)[0]


def _given_folds(rows, strata, cv, name="cv", most=None):
    """At most `most` splits of a scikit-learn splitter or of an iterable, checked."""
    if isinstance(cv, (str, dict)) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
        kinds = "a splitter or an iterable of index pairs"
        kinds = kinds if most else f"an integer, {kinds}"
        remedy = "validation_fraction takes a number." if most else ""
        raise invalid(name, f"must be {kinds}", cv, remedy)
    order = np.arange(len(rows))
    if hasattr(cv, "split"):
        if rows.time is not None:  # a splitter such as TimeSeriesSplit reads the order of the rows
            order = np.argsort(rows.time, kind="stable")
        labels = strata if strata.any() or rows.y is None else rows.y
        groups = None if rows.groups is None else rows.groups[order]
        cv = cv.split(np.zeros((len(rows), 1)), labels[order], groups)
    pairs = []
    for number, pair in enumerate(islice(cv, most)):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise invalid(name, "must yield (training rows, validation rows)", pair)
        try:
            train, held = (order[np.asarray(part)] if len(part) else order[:0] for part in pair)
        except IndexError as error:
            raise ValueError(
                f"Split {number} of `{name}` must contain row positions below {len(rows):,}: "
                f"{error}."
            ) from error
        _check_apart(rows, train, held, f"Split {number} of `{name}`")
        pairs.append((train, held))
    if not pairs:
        raise ValueError(f"`{name}` must yield at least one split. Received: none.")
    return pairs


def _check_apart(rows, train, held, name):
    if not len(train) or not len(held):
        raise ValueError(f"{name} must have rows to train on and rows to validate on.")
    if np.intersect1d(train, held).size:
        raise ValueError(f"{name} has rows in both its training and its validation part.")
    if rows.groups is not None and np.intersect1d(rows.groups[train], rows.groups[held]).size:
        raise ValueError(
            f"{name} has a group in both its parts. Pass a splitter that keeps groups together, "
            "such as sklearn.model_selection.GroupKFold()."
        )
    if rows.time is not None and rows.time[train].max() > rows.time[held].min():
        raise ValueError(
            f"{name} is trained on rows that are later than some that it is validated on. Pass "
            "sklearn.model_selection.TimeSeriesSplit()."
        )
