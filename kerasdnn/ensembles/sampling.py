"""Draw the hyperparameters of the members of a pack from ranges.

A hyperparameter that the user gives is the same for every member; a `Range` is drawn from for each
member, independently of the others. The ranges are those of TabPack (2026, arXiv:2607.05380) where
`estimators/presets.py` does not say otherwise.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.messages import to_python
from ..hyperparameters import Range


@dataclass(frozen=True, repr=False)
class LogUniform(Range):
    """Numbers from `low` to `high`, uniform in their logarithm."""

    low: float
    high: float

    def __repr__(self):
        return f"log-uniform from {self.low:g} to {self.high:g} in each network"

    def largest(self):
        return self.high

    def draw(self, rng):
        return math.exp(rng.uniform(math.log(self.low), math.log(self.high)))


@dataclass(frozen=True, repr=False)
class OneOf(Range):
    """One of some values, each with the same probability."""

    values: tuple

    def __repr__(self):
        return f"one of {', '.join(map(repr, self.values))} in each network"

    def largest(self):
        return self.values[-1]

    def draw(self, rng):
        return to_python(self.values[rng.integers(len(self.values))])


@dataclass(frozen=True, repr=False)
class ZeroOrUniform(Range):
    """0 with probability 1/2, else uniform from 0 to `high`."""

    high: float

    def __repr__(self):
        return f"0 or uniform from 0 to {self.high:g} in each network"

    def largest(self):
        return self.high

    def draw(self, rng):
        number = rng.uniform(0, self.high)
        return 0.0 if rng.random() < 0.5 else number


@dataclass(frozen=True, repr=False)
class Layers(Range):
    """Units per hidden layer: one of `widths` in each of one of `depths` layers."""

    depths: tuple
    widths: tuple

    def __repr__(self):
        depths, widths = ("/".join(map(str, v)) for v in (self.depths, self.widths))
        return f"{depths} layers of {widths} units in each network"

    def largest(self):
        return (max(self.widths),) * max(self.depths)

    def draw(self, rng):
        depth, width = OneOf(self.depths).draw(rng), OneOf(self.widths).draw(rng)
        return (width,) * depth


def draw_members(settings: dict[str, Any], names: tuple, n: int, rng: np.random.Generator) -> list:
    """Draw the hyperparameters of `n` members.

    Args:
        settings: name to value, or to the `Range` that it is drawn from.
        names: those of `settings` that a member has.
        n: int, number of members.
        rng: `numpy.random.Generator`.

    Returns:
        list of dicts. The members of a larger pack begin with those of a smaller one.
    """
    found = []
    for seed in rng.bit_generator.seed_seq.spawn(n):  # type: ignore[attr-defined]
        own, member = np.random.default_rng(seed), {}
        for name in names:
            value = settings[name]
            member[name] = value.draw(own) if isinstance(value, Range) else value
        found.append(member)
    return found
