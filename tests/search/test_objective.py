"""The objective of a search against scikit-learn and Keras, and its direction."""

import numpy as np
import pytest
from keras import losses
from sklearn import metrics

from kerasdnn import DataWarning
from kerasdnn.heads.metrics import check_objective, direction_of
from kerasdnn.heads.problem_types import HEADS, head_of
from kerasdnn.search.objective import score

RNG = np.random.default_rng(0)


P = RNG.dirichlet(np.ones(4), 30)
LABELS = RNG.integers(0, 4, 30)
W = RNG.uniform(0.5, 2, 30)
PROBABILITY, ZERO_ONE = RNG.uniform(size=(30, 1)), RNG.integers(0, 2, 30)
NUMBERS, COUNTS = RNG.normal(size=(30, 2)), RNG.poisson(2, 30)


@pytest.mark.parametrize(
    ("objective", "problem", "one_hot", "y", "p", "theirs"),
    [
        ("val_loss", "binary", False, ZERO_ONE, PROBABILITY,
         lambda: metrics.log_loss(ZERO_ONE, PROBABILITY[:, 0], sample_weight=W)),
        ("val_accuracy", "binary", False, ZERO_ONE, PROBABILITY,
         lambda: metrics.accuracy_score(ZERO_ONE, PROBABILITY[:, 0] > 0.5, sample_weight=W)),
        ("val_loss", "multiclass", False, LABELS, P,
         lambda: metrics.log_loss(LABELS, P, sample_weight=W)),
        ("val_loss", "multiclass", True, np.eye(4)[LABELS], P,
         lambda: metrics.log_loss(LABELS, P, sample_weight=W)),
        ("val_accuracy", "multiclass", False, LABELS, P,
         lambda: metrics.accuracy_score(LABELS, P.argmax(1), sample_weight=W)),
        ("val_loss", "regression", False, NUMBERS, NUMBERS + 1,
         lambda: 1.0),
        ("val_mae", "regression", False, NUMBERS, P[:, :2],
         lambda: metrics.mean_absolute_error(NUMBERS, P[:, :2], sample_weight=W)),
        ("val_rmse", "regression", False, NUMBERS[:, 0], P[:, :1],
         lambda: metrics.root_mean_squared_error(NUMBERS[:, 0], P[:, 0], sample_weight=W)),
        ("val_r2", "regression", False, NUMBERS[:, 0], P[:, :1],
         lambda: metrics.r2_score(NUMBERS[:, 0], P[:, 0], sample_weight=W)),
        ("val_loss", "count", False, COUNTS, PROBABILITY,
         lambda: np.average(losses.poisson(COUNTS[:, None].astype("float32"),
                                           PROBABILITY.astype("float32")), weights=W)),
        ("val_loss", "multilabel", False, (NUMBERS > 0).astype(float), P[:, :2],
         lambda: np.average([metrics.log_loss(t, p, labels=[0, 1]) for t, p in
                             zip(NUMBERS > 0, P[:, :2], strict=True)], weights=W)),
    ],
)  # fmt: skip
def test_the_objective_is_what_scikit_learn_and_keras_say(
    objective, problem, one_hot, y, p, theirs
):
    assert score(objective, head_of(problem, one_hot), y, p, W) == pytest.approx(theirs(), rel=1e-5)


def test_a_network_that_predicts_nan_has_no_score():
    assert np.isnan(score("val_loss", HEADS["binary"], ZERO_ONE, PROBABILITY * np.nan))


def test_direction_follows_the_metric_and_training_metrics_are_refused():
    assert [direction_of(f"val_{m}") for m in ("loss", "rmse", "accuracy", "auc")] == [
        "min", "min", "max", "max",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="training rows says nothing"):
        direction_of("accuracy")
    with pytest.raises(ValueError, match="Did you mean 'val_accuracy'"):
        check_objective("val_acuracy", "binary", False)


@pytest.mark.parametrize(
    ("name", "direction"),
    [("mape", "min"), ("poisson", "min"), ("f1_score", "max"), ("ce", "min"), ("pr_auc", "max")],
)
def test_the_direction_of_any_metric_of_keras_is_known(name, direction):
    assert direction_of(f"val_{name}") == direction


def test_a_metric_of_unknown_direction_is_told():
    with pytest.warns(DataWarning, match="'quux' is unknown, so larger values"):
        assert direction_of("val_quux") == "max"


def test_an_area_needs_both_classes():
    p = np.float32([[0.1], [0.8], [0.6]])
    assert np.isnan(score("val_auc", HEADS["binary"], np.ones(3), p))
    assert np.isnan(score("val_pr_auc", HEADS["binary"], np.zeros(3), p))
    assert score("val_pr_auc", HEADS["binary"], np.ones(3), p) == pytest.approx(1)
    weights = np.float32([0, 1, 1])  # the row of the other class weighs nothing
    assert np.isnan(score("val_auc", HEADS["binary"], np.float32([0, 1, 1]), p, weights))
    both = np.float32([[1, 1], [1, 0], [1, 0]])  # labels: the first has no area
    areas = score("val_auc", HEADS["multilabel"], both, np.hstack([p, p]))
    assert areas == pytest.approx(0, abs=1e-6)  # the one positive is ranked last
