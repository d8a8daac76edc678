"""The heads of a regressor: a row of `HEADS` for numbers, or quantiles of one number."""

import functools
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from ..core.arguments import check_choice
from ..core.messages import invalid
from ..nn.quantiles import QuantileLoss, check_quantiles, increasing
from .head import Head
from .problem_types import HEADS


def head_of_target(target: str | Head, others: Sequence[str] = ()) -> Head:
    """Return the row for numbers that `target=` selects in a regressor: "real", "count", ...

    Args:
        target: name of a row, or a `Head`.
        others: names that are valid where the caller has treated them, for the message.

    Raises:
        ValueError: another name.
    """
    if isinstance(target, Head):
        return target
    rows = {head.target: head for head in HEADS.values() if head.kind == "number"}
    return rows[check_choice("target", target, [*rows, *others])]


def head_of_numbers(target: str | Head, quantiles=None) -> Head:
    """Return the head of a regressor: `head_of_target`, or with `quantiles` `quantile_head`."""
    head = head_of_target(target)
    if quantiles is None:
        return head
    if head is not HEADS["regression"]:
        remedy = "They have no distribution of their own; leave `target` out."
        raise invalid("quantiles", f"need target='real', not {target!r}", quantiles, remedy)
    return quantile_head(check_quantiles("quantiles", quantiles))


@functools.lru_cache(64)
def quantile_head(levels: tuple[float, ...]) -> Head:
    """Return the head that predicts quantiles of one column, which never cross.

    At first it predicts the quantiles of a standard normal distribution, as a standardized y has
    them if it is normal.

    Args:
        levels: tuple of increasing floats in (0, 1).
    """
    normal = [NormalDist().inv_cdf(level) for level in levels]
    middle = len(levels) // 2
    neighbors = [*normal[1 : middle + 1], normal[middle], *normal[middle:-1]]
    steps = np.maximum(np.abs(np.subtract(normal, neighbors)), 1e-3)
    start = np.log(np.expm1(steps))  # the inverse of softplus
    start[middle] = normal[middle]
    loss = QuantileLoss(levels)
    return Head(
        "1", increasing, loss, {}, "1 float", name="quantiles", standardize=True, levels=levels,
        start=tuple(map(float, start)), row=HEADS["regression"],
        logits_loss=lambda y, z: loss.call(y, increasing(z)),
    )  # fmt: skip
