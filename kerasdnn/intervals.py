"""Mean and confidence interval over repeated runs: one seed is an anecdote."""

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
