"""The output bias that makes an untrained network guess what is known before any row is seen.

With small weights the output starts near the bias alone. The best constant guess is the class
frequencies, or the mean of the target; the bias that gives it is its image under the inverse of
the output activation: log-odds for sigmoid, log for softmax and exponential, itself for linear.
The first epochs then learn what depends on x. (Karpathy, A recipe for training neural networks.)
"""

from typing import Any

import numpy as np

from ..core.messages import invalid
from .head import Head
from .problem_types import FREQUENCIES, head_of

# fmt: off
# Output activation: inverse, which priors it accepts, what `prior` must be.
PRIORS: dict[str, tuple] = {
    "linear":      (lambda p: p, np.isfinite,
                    "the mean of each of the {n} target columns, finite"),
    "exponential": (np.log, lambda p: p > 0,
                    "the mean of each of the {n} target columns, finite and above 0"),
    "sigmoid":     (lambda p: np.log(p / (1 - p)), lambda p: (p > 0) & (p < 1),
                    "the fraction of ones of each of the {n} labels, in (0, 1)"),
    "softmax":     (lambda p: np.log(p / p.sum()), lambda p: p > 0,
                    f"the {{n}} classes' {FREQUENCIES}"),
}
# fmt: on


def output_bias(problem: str | Head, prior, n: int) -> list[float]:
    """Compute the starting bias of the output layer, one float per unit.

    Args:
        problem: key of `HEADS`, or a `Head`.
        prior: float or sequence of floats, see `PRIORS` and `Head.bias_rule`.
        n: int, number of classes, labels or target columns.

    Raises:
        ValueError: `prior` has another shape, or is out of range.
    """
    head = head_of(problem)
    two_classes = head.kind == "class" and head.units == "1"
    if head.activation not in PRIORS and head.bias is None:
        activation = getattr(head.activation, "__name__", head.activation)
        rule = f"needs the inverse of {activation!r}, which is not known"
        raise invalid("prior", rule, prior, "Leave it out.")
    like: Any = head.like or head.activation
    inverse, accepts, rule = PRIORS["softmax" if two_classes else like]
    try:
        p = np.atleast_1d(np.asarray(prior, dtype="float64"))
    except (TypeError, ValueError):
        p = np.array([np.nan])
    if two_classes:
        n = 2
        p = np.array([1 - p[0], p[0]]) if p.shape == (1,) else p
    if p.shape != (n,) or not np.isfinite(p).all() or not accepts(p).all():
        raise invalid(
            "prior",
            f"must be {(head.bias_rule or rule).format(n=n)}",
            prior,
            "Leave it out if y does not contain every class." if (p == 0).any() else "",
        )
    return (head.bias or inverse)(p).tolist()
