"""Hyperparameters that a preset draws from ranges, for each network of an average.

A hyperparameter that the user gives is the same for all networks; a `Range` is drawn from for each
network, independently of the others, as in TabPack (2026, arXiv:2607.05380).
"""

import math
from collections.abc import Mapping, Sequence
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


def settings_of_member(
    settings: Mapping[str, Any], seed: int, number: int = 0, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The hyperparameters of one network: those of an average, a value in place of each `Range`.

    Args:
        settings: name to value or to the `Range` that it is drawn from.
        seed: int, of the network.
        number: int, its position in the average.
        before: `hyperparameters_` of a fitted estimator whose networks are trained further. None
            draws new ones.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    own = dict(settings)
    for name in sorted(drawn(settings)):
        value = settings[name].draw(rng)
        own[name] = value if before is None else _kept(before[name], value, number)
    return own


def drawn(settings: Mapping[str, Any]) -> list[str]:
    """The names of the hyperparameters that are drawn for each network."""
    return [name for name, value in settings.items() if isinstance(value, Range)]


def _kept(before, value, number):
    """What a network had before: its own value, or that of all networks."""
    several = isinstance(before, tuple)
    if isinstance(value, tuple):  # which are the units of one network
        several = any(isinstance(units, tuple) for units in before)
    return before[number] if several else before


def report(settings: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The hyperparameters of an average: a tuple of those of its networks where they were drawn."""
    names = drawn(settings)
    return {**settings, **{name: tuple(own[name] for own in members) for name in names}}
