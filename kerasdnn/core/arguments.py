"""Check single arguments: each function returns the value as a plain Python object, or raises."""

import math
import numbers

from .messages import did_you_mean, invalid


class Unstackable(ValueError):
    """A valid network that cannot be trained together with others."""


MAX_NAMES = 12  # shown of a long list of valid names
MOMENTUM_REMEDY = "0.9 is the usual value; 0 is plain gradient descent."


def check_choice(name, value, valid):
    """Return `value`, one of the strings `valid`; the error suggests the nearest ones."""
    valid = list(valid)
    if isinstance(value, str) and value in valid:
        return value
    shown = ", ".join(map(repr, valid[:MAX_NAMES])) + (", ..." if len(valid) > MAX_NAMES else "")
    remedy = did_you_mean(value, valid) if isinstance(value, str) else ""
    raise invalid(name, f"must be one of {shown}", value, remedy)


def known_name(name, value, valid, where, remedy=""):
    """Return `name`, a key given as `name=value`, if it is one of `valid`."""
    if name in valid:
        return name
    remedy = remedy or did_you_mean(name, valid)
    names = f"The names are {', '.join(map(repr, valid))}."
    raise invalid(name, f"is not {where}", value, remedy or names)


def check_interval(name, value, interval, remedy=""):
    """Return `value` as a float if it is a number in `interval`, such as "[0, 1)"."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    if is_number(value):
        above = value >= low if interval[0] == "[" else value > low
        below = value <= high if interval[-1] == "]" else value < high
        if above and below:  # false for NaN
            return float(value)
    raise invalid(name, f"must be a number in {interval}", value, remedy)


def check_positive(name, value, remedy=""):
    """Return `value` as a float if it is positive and finite."""
    if is_number(value) and 0 < value < math.inf:
        return float(value)
    raise invalid(name, "must be a positive, finite number", value, remedy)


def check_fraction(name, value, remedy=""):
    """Return `value` as a float if it is in [0, 1)."""
    return check_interval(name, value, "[0, 1)", remedy)


def check_integer(name, value, at_least=1, remedy="", at_most=math.inf):
    """Return `value` as an int if it is an integer, such as 3 or 3.0, within both bounds."""
    if is_number(value) and at_least <= value <= at_most and value % 1 == 0:
        return int(value)
    bounds = f"of at least {at_least}" + (f", at most {at_most}" if at_most < math.inf else "")
    raise invalid(name, f"must be an integer {bounds}", value, remedy)


def check_bool(name, value):
    """Return `value` as a bool if it is True or False, of Python or NumPy."""
    if type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise invalid(name, "must be True or False", value)


def is_number(value):
    """Return whether `value` is a real number of Python or NumPy; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
