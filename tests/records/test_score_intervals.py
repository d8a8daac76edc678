"""The scores of a record and their intervals, compared with their equations and with SciPy."""

import numpy as np
import pytest
from scipy import stats

from kerasdnn.records.intervals import mean_with_interval, scores_of, share_with_interval
from kerasdnn.tables.targets.classes import learn_classes

RNG = np.random.default_rng(0)


def test_the_interval_of_a_mean_is_students():
    values = RNG.normal(3, 2, 40)
    found = mean_with_interval(values)
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found["low"], found["high"]) == pytest.approx((low, high))
    assert found["value"] == pytest.approx(values.mean())


def test_integer_weights_give_the_mean_of_repeated_rows():
    values, weights = RNG.normal(size=30), RNG.integers(1, 4, 30)
    found = mean_with_interval(values, weights)
    assert found["value"] == pytest.approx(np.repeat(values, weights).mean())
    share = weights / weights.sum()
    deviation = np.sqrt(30 / 29 * np.sum(share**2 * (values - found["value"]) ** 2))
    half_width = stats.t.ppf(0.975, 29) * deviation
    assert found["high"] - found["value"] == pytest.approx(half_width)


@pytest.mark.parametrize("right", [0, 1, 13, 20])
def test_the_interval_of_an_accuracy_is_wilsons(right):
    found = share_with_interval(np.arange(20) < right)
    wilson = stats.binomtest(right, 20).proportion_ci(method="wilson")
    assert (found["low"], found["high"]) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


def test_a_single_row_has_no_interval():
    assert mean_with_interval([2.0]) == {"value": 2.0, "low": None, "high": None}


def test_the_scores_of_classes_are_log_loss_and_accuracy():
    y = np.array(["a", "b", "c", "a"])
    target = learn_classes(y)
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.2, 0.3], [0.8, 0.1, 0.1]])
    found = scores_of(target, target.encode(y), p)
    assert found["accuracy"]["value"] == 0.75
    losses = -np.log([0.6, 0.5, 0.3, 0.8])
    assert found["loss"]["value"] == pytest.approx(losses.mean(), rel=1e-6)
