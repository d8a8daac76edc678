"""Which trials need no further folds: significantly worse than the best on those they had."""

import numpy as np

from .paired import paired_test


def hopeless(scores, test_share, level=0.05):
    """One-sided paired test of each trial against the best one.

    Args:
        scores: `(trials, folds)`, smaller is better; NaN where a network diverged.
        test_share: float, rows judged by over rows trained on, see `paired_test`.
        level: float, the chance of dropping a trial that is as good as the best.

    Returns:
        bool `(trials,)`. Trials that diverged are hopeless, the best one never is.
    """
    mean = scores.mean(axis=1)
    if np.isnan(mean).all():
        return np.zeros(len(scores), bool)
    best = int(np.nanargmin(mean))
    found = np.isnan(mean)
    for trial in np.flatnonzero(~found):
        worse = scores[trial] - scores[best]
        found[trial] = worse.mean() > 0 and paired_test(worse, test_share) / 2 < level
    return found
