"""Messages of errors and warnings: `invalid`, `DataWarning`, `warn`."""

import sys
import warnings

import numpy as np


class DataWarning(UserWarning):
    """The data or a setting of `fit` is legal, but a mistake more often than not.

    Silence one with `warnings.filterwarnings("ignore", message=..., category=DataWarning)`, or
    turn them all into errors with `warnings.simplefilter("error", DataWarning)`.
    """


def warn(message):
    """Warn as `DataWarning`, pointing at the line of the user's that called the toolkit."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DataWarning, stacklevel=level)


def _is_inside(module):
    return module.split(".")[0] in ("kerasdnn", "keras", "sklearn")


def to_python(value):
    """A NumPy scalar as the Python value that prints without its type."""
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return str(value)  # `item` of nanoseconds is a number
    return value.item() if isinstance(value, np.generic) else value


def quoted_list(values, limit=5):
    """`'a', 'b' and 3 more`."""
    values = list(values)
    text = ", ".join(repr(to_python(value)) for value in values[:limit])
    return text if len(values) <= limit else f"{text} and {len(values) - limit} more"


def invalid(name, rule, value, remedy="", kind=ValueError):
    """The error to raise: "`name` <rule>. Received: name=value. <remedy>"."""
    received = repr(value) if len(repr(value)) <= 200 else repr(value)[:200] + "..."
    message = f"`{name}` {rule}. Received: {name}={received}."
    return kind(f"{message} {remedy}".rstrip())
