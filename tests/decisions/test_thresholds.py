"""Thresholds against expected costs, and against scikit-learn's TunedThresholdClassifierCV."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import confusion_matrix, f1_score, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

from kerasdnn.decisions.thresholds import (
    candidates,
    check_threshold,
    choose_threshold,
    threshold_of_costs,
)

RNG = np.random.default_rng(0)
P1 = RNG.beta(0.6, 2, size=4_000)
P = np.column_stack([1 - P1, P1])
Y = (RNG.random(4_000) < P1).astype(int)
CLASSES = np.array(["no", "yes"])


def choose(threshold, p=P, y=Y, weights=None):
    return choose_threshold(threshold, p, y, weights, CLASSES)


@pytest.mark.parametrize(
    "costs",
    [
        {"false_positive": 1, "false_negative": 5},
        {"false_positive": 3, "false_negative": 2, "true_positive": -1, "true_negative": 0.5},
    ],
)
def test_the_threshold_of_costs_has_the_lowest_expected_cost(costs):
    def expected(threshold):  # of rows that are positive with probability P1
        fp, fn = costs["false_positive"], costs["false_negative"]
        tp, tn = costs.get("true_positive", 0), costs.get("true_negative", 0)
        yes = (1 - P1) * fp + P1 * tp
        no = P1 * fn + (1 - P1) * tn
        return np.where(threshold < P1, yes, no).sum()

    found = choose(costs)
    tried = [expected(t) for t in np.linspace(0.01, 0.99, 99)]
    assert expected(found) <= min(tried) + 1e-9


def test_costs_of_the_issue_give_a_sixth():
    assert threshold_of_costs({"false_positive": 1, "false_negative": 5}) == pytest.approx(1 / 6)


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy", "accuracy"])
def test_the_threshold_of_a_metric_is_as_good_as_that_of_scikit_learn(metric):
    class Known(ClassifierMixin, BaseEstimator):
        classes_ = np.array([0, 1])

        def fit(self, X, y):
            return self

        def predict_proba(self, X):
            return X

        def __sklearn_is_fitted__(self):
            return True

    theirs = TunedThresholdClassifierCV(
        Known(), scoring=metric, cv="prefit", refit=False, thresholds=candidates(P1)
    ).fit(P, Y)
    scores = {
        t: make_scores(metric, t) for t in (choose(metric), theirs.best_threshold_)
    }  # fmt: skip
    ours, other = scores.values() if len(scores) == 2 else [*scores.values()] * 2
    assert ours == pytest.approx(other, abs=1e-12)


def make_scores(metric, threshold):
    tn, fp, fn, tp = confusion_matrix(Y, threshold < P1).ravel()
    return {
        "f1": 2 * tp / (2 * tp + fp + fn),
        "accuracy": (tp + tn) / len(Y),
        "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
    }[metric]


def test_a_scorer_object_sees_the_labels_and_weights_count():
    scorer = make_scorer(f1_score, pos_label="yes")
    assert choose(scorer) == choose("f1")
    heavy = np.where(Y == 1, 20.0, 1.0)
    assert choose("accuracy", weights=heavy) < 0.3 < choose("accuracy")


def test_a_number_is_taken_as_it_is_and_ties_go_to_the_middle():
    assert choose(0.3) == 0.3
    p = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert choose("f1", p, np.array([0, 1])) == 0.5


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "must be a number in"),
        (1.5, "must be a number in"),
        (True, "must be a number in"),
        ("f_1", "Did you mean 'f1'"),
        ({"false_positive": 1, "false_negatives": 5}, "must map 'false_positive'"),
        ({"false_positive": 1, "false_negative": "5"}, "must map"),
        ({"false_positive": 1}, "a mistake a higher cost"),
    ],
)
def test_what_is_no_threshold_is_an_error_with_its_value(value, words):
    with pytest.raises(ValueError, match=rf"`threshold` .*{words}|{words}.*Received: threshold="):
        check_threshold("threshold", value)


def test_a_metric_of_probabilities_is_an_error():
    with pytest.raises(ValueError, match=r"predicted classes.*Received: threshold='roc_auc'"):
        choose("roc_auc")
