"""Checks of single arguments. Each returns the value in its plain Python type, or raises.

A message has three parts: the rule, what was received, the way out:

    `momentum` must be in [0, 1). Received: momentum=1.2. 0.9 is the usual value.
"""

import difflib
import math
import numbers

from .messages import invalid


class Unstackable(ValueError):
    """A network that is right by itself, but cannot be trained together with others."""


SHOWN = 12  # of a long list of valid names; the nearest ones are always shown


def check_choice(name, value, valid):
    """`value`, which must be one of the strings `valid`; else names the nearest ones."""
    valid = list(valid)
    if isinstance(value, str) and value in valid:
        return value
    listed = ", ".join(repr(v) for v in valid[:SHOWN]) + (", ..." if len(valid) > SHOWN else "")
    near = difflib.get_close_matches(value.lower(), valid) if isinstance(value, str) else []
    remedy = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    raise invalid(name, f"must be one of {listed}", value, remedy)


def known_name(name, value, valid, where, remedy=""):
    """`name`, an argument or a key given as `name=value`, which must be one of `valid`."""
    if name in valid:
        return name
    near = difflib.get_close_matches(str(name).lower(), list(valid))
    if not remedy:
        remedy = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else (
            f"The names are {', '.join(map(repr, valid))}."
        )  # fmt: skip
    raise invalid(name, f"is not {where}", value, remedy)


def check_interval(name, value, interval, remedy=""):
    """`value` as a float, which must be a number in `interval`, such as "[0, 1)"."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    if is_number(value):
        above = value >= low if interval[0] == "[" else value > low
        below = value <= high if interval[-1] == "]" else value < high
        if above and below:  # false for NaN
            return float(value)
    raise invalid(name, f"must be a number in {interval}", value, remedy)


def check_positive(name, value, remedy=""):
    """`value` as a float, which must be a finite number above 0."""
    if is_number(value) and 0 < value < math.inf:
        return float(value)
    raise invalid(name, "must be a finite number above 0", value, remedy)


def check_fraction(name, value, remedy=""):
    """`value` as a float, which must be a number from 0 up to, not including, 1."""
    return check_interval(name, value, "[0, 1)", remedy)


def check_integer(name, value, at_least=1, remedy="", at_most=math.inf):
    """`value` as an int, which must be a whole number from `at_least` to `at_most`."""
    if is_number(value) and at_least <= value <= at_most and value % 1 == 0:
        return int(value)
    bounds = f"of at least {at_least}" + (f", at most {at_most}" if at_most < math.inf else "")
    raise invalid(name, f"must be a whole number {bounds}", value, remedy)


def check_bool(name, value):
    """`value` as a bool, which must be True or False."""
    if type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise invalid(name, "must be True or False", value)


def is_number(value):
    """Whether `value` is a real number of Python or NumPy; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
