"""Confidence intervals, paired tests and corrections for multiple tests."""

import numpy as np
from scipy import stats

from .arguments import check_interval
from .messages import invalid


def mean_interval(samples, confidence=0.95, axis=0):
    """Compute the mean of repeated measurements and half the width of its confidence interval.

    The interval is Student's: mean +- t * s / sqrt(n), with the sample standard deviation s
    (n - 1 in its denominator). It is exact for normally distributed measurements.

    Args:
        samples: array, one entry along `axis` per run.
        confidence: float in (0, 1), probability that the interval covers the true mean. Default
            0.95.
        axis: int, default 0, the axis of the runs.

    Returns:
        `(mean, half_width)`, arrays without `axis`; `half_width` is NaN for a single run.

    Raises:
        ValueError: no runs, or `confidence` outside (0, 1).
    """
    samples = np.asarray(samples, float)
    check_interval("confidence", confidence, "(0, 1)")
    if samples.ndim == 0 or samples.shape[axis] == 0:
        shape = f"an array of shape {samples.shape}"
        raise invalid("samples", "must contain at least one run", received=shape)
    n = samples.shape[axis]
    mean = samples.mean(axis=axis)
    if n == 1:
        return mean, np.full_like(mean, np.nan)
    t = stats.t.ppf((1 + confidence) / 2, n - 1)
    return mean, t * samples.std(axis=axis, ddof=1) / np.sqrt(n)


def paired_test(differences, test_share=0.0):
    """Compute the two-sided p-value of a paired t-test, corrected for overlapping training sets.

    t = mean(d) / sqrt((1/n + q) var(d)),     q = test rows / training rows

    Repeated splits of the same rows share most of their training rows. Their runs are therefore not
    independent, and the plain test (q = 0) finds differences where there are none.

    Args:
        differences: array `(runs,)`, the difference of both scores in each run.
        test_share: float, q; default 0, for runs with independent rows.

    Returns:
        float in [0, 1]; NaN for fewer than two runs, 1 if all differences are 0.

    Reference:
        Nadeau and Bengio, Inference for the generalization error, 2003.
    """
    d = np.asarray(differences, float)
    n = len(d)
    if n < 2 or not np.isfinite(d).all():
        return float("nan")
    error = np.sqrt((1 / n + test_share) * d.var(ddof=1))
    if error == 0:
        return 1.0 if d.mean() == 0 else 0.0
    return float(2 * stats.t.sf(abs(d.mean()) / error, n - 1))


def paired_interval(differences, test_share=0.0, confidence=0.95):
    """Compute the mean of paired differences and half the width of its confidence interval.

    The interval is that of `paired_test`: it excludes 0 where the p-value is below 1 - confidence.

    Args:
        differences, test_share: see `paired_test`.
        confidence: float in (0, 1). Default: 0.95.

    Returns:
        `(mean, half_width)`, floats; `half_width` is NaN for fewer than two runs.
    """
    d = np.asarray(differences, float)
    if len(d) < 2 or not np.isfinite(d).all():
        return float(d.mean()), float("nan")
    t = stats.t.ppf((1 + confidence) / 2, len(d) - 1)
    return float(d.mean()), float(t * np.sqrt((1 / len(d) + test_share) * d.var(ddof=1)))


def holm(p_values):
    """Adjust the p-values of several tests for their number (Holm's step-down method).

    The k-th smallest of m is multiplied by m - k + 1, and no value falls below the one before it.
    NaN stays NaN and is not counted.

    Reference:
        Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    p = np.asarray(p_values, float)
    raised = np.full_like(p, np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    factors = len(order) - np.arange(len(order))
    raised[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return raised
