"""The interval of the mean against SciPy's, and its coverage by counting."""

import numpy as np
import pytest
from scipy import stats

from kerasdnn.core.statistics import mean_interval


def test_agrees_with_scipys_one_sample_t_test():
    samples = np.random.default_rng(0).normal(size=(7, 3))
    mean, half_width = mean_interval(samples, confidence=0.9)
    theirs = stats.ttest_1samp(samples, 0).confidence_interval(0.9)
    np.testing.assert_allclose(mean - half_width, theirs.low)
    np.testing.assert_allclose(mean + half_width, theirs.high)


def test_covers_the_true_mean_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(2.0, 3.0, size=(5, 20_000))
    mean, half_width = mean_interval(samples)
    covered = (np.abs(mean - 2.0) <= half_width).mean()
    assert covered == pytest.approx(0.95, abs=0.005)


def test_one_run_has_a_mean_but_no_interval():
    mean, half_width = mean_interval([3.0])
    assert mean == 3.0
    assert np.isnan(half_width)


@pytest.mark.parametrize(
    ("samples", "confidence", "words"),
    [([], 0.95, "at least one run"), ([1.0, 2.0], 1.0, "in \\(0, 1\\). Received: confidence=1.0")],
)
def test_bad_input_is_refused(samples, confidence, words):
    with pytest.raises(ValueError, match=words):
        mean_interval(samples, confidence)
