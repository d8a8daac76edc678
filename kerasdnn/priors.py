"""The output bias that makes an untrained network guess what is known before any row is seen.

With small weights the output starts near the bias alone. The best constant guess is the class
frequencies, or the mean of the target; the bias that gives it is its image under the inverse of
the output activation: log-odds for sigmoid, log for softmax and exponential, itself for linear.
The first epochs then learn what depends on x. (Karpathy, A recipe for training neural networks.)
"""

import numpy as np

from .errors import invalid

FREQUENCIES = "frequencies or counts, each above 0"
# fmt: off
FORMS = {       # what `prior` must be, for n classes, labels or target columns
    "binary":     f"the share of ones, in (0, 1), or the two classes' {FREQUENCIES}",
    "multiclass": f"the {{n}} classes' {FREQUENCIES}",
    "multilabel": "the share of ones of each of the {n} labels, in (0, 1)",
    "regression": "the mean of each of the {n} target columns, finite",
    "count":      "the mean of each of the {n} target columns, finite and above 0",
}
# fmt: on


def output_bias(problem, prior, n):
    """The starting bias of the output layer, as a list with one float per unit.

    Args:
        problem: key of `heads.HEADS`.
        prior: what `FORMS` says; a float will do for one.
        n: number of classes, labels or target columns.

    Raises:
        ValueError: `prior` is of another shape, or out of range.
    """
    try:
        p = np.atleast_1d(np.asarray(prior, dtype="float64"))
    except (TypeError, ValueError):
        p = np.array([np.nan])
    if problem == "binary" and p.shape == (1,):
        p = np.array([1 - p[0], p[0]])
    inside = {
        "binary": p > 0,
        "multiclass": p > 0,
        "multilabel": (p > 0) & (p < 1),
        "regression": np.isfinite(p),
        "count": p > 0,
    }[problem]
    if p.shape != (n,) or not np.isfinite(p).all() or not inside.all():
        raise invalid(
            "prior",
            f"must be {FORMS[problem].format(n=n)}",
            prior,
            "Leave it out where y does not hold every class." if (p == 0).any() else "",
        )
    if problem == "binary":
        p = np.log(p[1:] / p[:1])
    elif problem == "multilabel":
        p = np.log(p / (1 - p))
    elif problem == "multiclass":
        p = np.log(p / p.sum())
    elif problem == "count":
        p = np.log(p)
    return p.tolist()
