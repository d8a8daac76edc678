"""Confidence intervals and paired tests: one seed is an anecdote."""

import numpy as np
from scipy import stats


def mean_interval(samples, confidence=0.95, axis=0):
    """Mean of repeated measurements and half the width of its confidence interval.

    The interval is Student's: mean +- t * s / sqrt(n), with the sample standard deviation s
    (n - 1 in its denominator). It is exact for normally distributed measurements.

    Args:
        samples: array, one entry along `axis` per run.
        confidence: float in (0, 1), how often such an interval covers the true mean.
        axis: int, the axis of the runs.

    Returns:
        `(mean, half_width)`, arrays without `axis`; `half_width` is NaN for a single run.

    Raises:
        ValueError: no runs, or `confidence` outside (0, 1).
    """
    samples = np.asarray(samples, float)
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must be in (0, 1). Received: confidence={confidence}")
    if samples.ndim == 0 or samples.shape[axis] == 0:
        raise ValueError(
            f"`samples` must hold at least one run. Received: samples of shape {samples.shape}"
        )
    n = samples.shape[axis]
    mean = samples.mean(axis=axis)
    if n == 1:
        return mean, np.full_like(mean, np.nan)
    t = stats.t.ppf((1 + confidence) / 2, n - 1)
    return mean, t * samples.std(axis=axis, ddof=1) / np.sqrt(n)


def paired_test(differences, test_share=0.0):
    """Two-sided p-value of paired Student's t-test; for resampled splits, Nadeau and Bengio's.

    t = mean(d) / sqrt((1/n + q) var(d)),     q = test rows / training rows

    Splits drawn again and again from the same rows share most of their training rows, so that the
    runs are not independent and the plain test (q = 0) finds differences where there are none.

    Args:
        differences: `(runs,)`, one thing's score minus the other's in the same run.
        test_share: float, q; 0 where the runs share no drawing of rows.

    Returns:
        float: NaN for fewer than two runs, 1 where all differences are 0.

    Reference:
        Nadeau and Bengio, Inference for the generalization error, 2003.
    """
    d = np.asarray(differences, float)
    n = len(d)
    if n < 2 or not np.isfinite(d).all():
        return float("nan")
    spread = np.sqrt((1 / n + test_share) * d.var(ddof=1))
    if spread == 0:
        return 1.0 if d.mean() == 0 else 0.0
    return float(2 * stats.t.sf(abs(d.mean()) / spread, n - 1))


def holm(p_values):
    """p-values of many tests at once, raised so that one false alarm in all is as rare as said.

    Holm's step-down: the k-th smallest of m is multiplied by m - k + 1, and no value falls below
    the one before it. NaN stays NaN and counts for nothing.

    Reference:
        Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    p = np.asarray(p_values, float)
    raised = np.full_like(p, np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    factors = len(order) - np.arange(len(order))
    raised[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return raised
