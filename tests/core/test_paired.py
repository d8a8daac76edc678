"""Paired tests against SciPy, their equations, and the rate of their false alarms."""

import numpy as np
import pytest
from scipy import stats

from kerasdnn.core.statistics import holm, paired_test
from kerasdnn.search.engine.batch_run import clearly_worse

RNG = np.random.default_rng(0)


def test_without_shared_rows_it_is_students_paired_test():
    a, b = RNG.normal(size=(2, 12))
    assert paired_test(a - b) == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_shared_rows_widen_the_interval_by_their_equation():
    d, q = RNG.normal(0.5, 1, 10), 0.25
    t = d.mean() / np.sqrt((1 / 10 + q) * d.var(ddof=1))
    assert paired_test(d, q) == pytest.approx(2 * stats.t.sf(abs(t), 9))


@pytest.mark.parametrize(("d", "p"), [([0, 0, 0], 1.0), ([2, 2, 2], 0.0)])
def test_differences_that_do_not_vary_are_sure(d, p):
    assert paired_test(d) == p


@pytest.mark.parametrize("d", [[1.0], [1.0, np.nan], []])
def test_too_few_or_diverged_runs_prove_nothing(d):
    assert np.isnan(paired_test(d))


def test_holm_on_a_worked_example():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04 -> 0.06
    raised = holm([0.03, 0.01, np.nan, 0.04, 0.02])
    np.testing.assert_allclose(raised, [0.06, 0.04, np.nan, 0.06, 0.06])


def test_holm_keeps_false_alarms_rare():
    p = RNG.uniform(size=(2000, 20))
    alarms = np.mean([(holm(row) < 0.05).any() for row in p])
    assert 0.03 < alarms < 0.07


def test_a_trial_far_behind_on_every_fold_is_clearly_worse_and_a_noisy_one_is_not():
    best = np.array([0.10, 0.12, 0.11])
    far, noisy = best + [0.50, 0.52, 0.51], best + [0.5, -0.05, 0.3]
    diverged = best * np.nan
    assert clearly_worse(np.array([far, best, noisy, diverged]), 0.25).tolist() == [
        True, False, False, True,
    ]  # fmt: skip


def test_with_all_trials_diverged_none_is_clearly_worse():
    assert not clearly_worse(np.full((3, 2), np.nan), 0.25).any()
