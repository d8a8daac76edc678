"""Choose the probability of the second class above which it is predicted.

A number is taken as it is. Costs have a best threshold in closed form: predicting the second class
of a row with probability p costs (1 - p) fp + p tp, predicting the first one p fn + (1 - p) tn.
The former is less if

    p > (fp - tn) / (fp - tn + fn - tp)

A metric has none, and is computed for thresholds between the probabilities of held-out rows.

Source: Elkan, The foundations of cost-sensitive learning, 2001.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer, get_scorer_names

from ..core.arguments import check_choice, is_number
from ..core.messages import invalid, quoted_list

MAX_CANDIDATES = 200
COSTS = ("false_positive", "false_negative", "true_positive", "true_negative")
EXAMPLE = {"false_positive": 1, "false_negative": 5}


def check_threshold(name: str, value: Any) -> Any:
    """Return `value` if it is a number in (0, 1), costs, or a metric.

    Raises:
        ValueError: it is none of these.
    """
    if is_number(value) and 0 < value < 1:
        return float(value)
    if isinstance(value, Mapping):
        threshold_of_costs(value, name)
        return dict(value)
    if isinstance(value, str):
        return check_choice(name, value, get_scorer_names())
    if callable(value):
        return value
    rule = "must be a number in (0, 1), the name of a scorer of scikit-learn, a scorer, or costs"
    raise invalid(name, rule, value, f"Such as 0.3, 'f1' or {EXAMPLE}.")


def needs_rows(threshold: Any) -> bool:
    """Return whether a threshold is chosen on held-out rows."""
    return isinstance(threshold, str) or callable(threshold)


def threshold_of_costs(costs: Mapping[str, float], name: str = "threshold") -> float:
    """The threshold with the lowest expected cost, see the head of this module.

    Args:
        costs: dict from "false_positive", "false_negative", and where correct predictions have a
            cost or, negative, a gain, "true_positive" and "true_negative" to the cost of a row.
        name: str, what an error calls the argument.

    Raises:
        ValueError: an unknown name, a value that is not a number, or a mistake that does not cost
            more than the correct prediction of the same row.
    """
    unknown = [key for key in costs if key not in COSTS]
    if unknown or not all(is_number(v) and np.isfinite(v) for v in costs.values()):
        rule = f"must map {quoted_list(COSTS)} to numbers"
        raise invalid(name, rule, dict(costs), f"Such as {EXAMPLE}.")
    fp, fn, tp, tn = (float(costs.get(key, 0.0)) for key in COSTS)
    if fp <= tn or fn <= tp:
        rule = "must give a mistake a higher cost than the correct prediction of the same row"
        raise invalid(name, rule, dict(costs), f"Such as {EXAMPLE}.")
    return (fp - tn) / (fp - tn + fn - tp)


class At(ClassifierMixin, BaseEstimator):
    """A classifier of given probabilities, for scorers of scikit-learn."""

    def __init__(self, threshold, classes):
        self.threshold, self.classes_ = threshold, classes

    def predict(self, p):
        return self.classes_[(p[:, 1] > self.threshold).astype("int64")]


def choose_threshold(threshold: Any, p: Any, y: Any, weights: Any, classes: Any) -> float:
    """Choose the threshold that `threshold` asks for.

    Of several with the same score the one nearest to 0.5 is taken.

    Args:
        threshold: what `check_threshold` accepts.
        p: float `(rows, 2)`, calibrated probabilities of held-out rows.
        y: int `(rows,)`, 0 or 1.
        weights: float `(rows,)`, or None.
        classes: array of the two labels. A scorer by name sees 0 and 1 instead, so that the second
            label is the positive one; a scorer object sees the labels.

    Raises:
        ValueError: a metric of probabilities instead of predicted classes.
    """
    if is_number(threshold):
        return float(threshold)
    if isinstance(threshold, Mapping):
        return threshold_of_costs(threshold)
    classes = np.array([0, 1]) if isinstance(threshold, str) else np.asarray(classes)
    scorer, y = get_scorer(threshold), classes[np.asarray(y)]
    given = {} if weights is None else {"sample_weight": np.asarray(weights)}
    tried = candidates(p[:, 1])
    with warnings.catch_warnings():  # at some thresholds a class is never predicted
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        try:
            scores = np.array([scorer(At(t, classes), p, y, **given) for t in tried], "float64")
        except AttributeError as error:
            raise invalid(
                "threshold", "must be a metric of predicted classes", threshold,
                "Such as 'f1' or 'balanced_accuracy'.",
            ) from error  # fmt: skip
    best = tried[scores == np.nanmax(scores)]
    return float(best[np.abs(best - 0.5).argmin()])


def candidates(p):
    """Thresholds between the different values of p, at most `MAX_CANDIDATES`."""
    values = np.unique(p)
    middles = (values[1:] + values[:-1]) / 2
    if len(middles) > MAX_CANDIDATES:
        places = np.linspace(0, len(middles) - 1, MAX_CANDIDATES).round().astype("int64")
        middles = middles[places]
    return np.append(middles, 0.5)
