"""Build the messages of errors and warnings.

An error states the rule, what was received and the fix; a warning states a fact, its consequence
and what to do:

    `momentum` must be in [0, 1). Received: momentum=1.2. 0.9 is the usual value.
    Column 'id' of `X` is ignored: all 3,000 values are different, so it looks like an identifier.
"""

import difflib
import sys
import warnings

import numpy as np

MAX_CHARACTERS = 200  # of a value that a message shows
NOTHING = object()


class DataWarning(UserWarning):
    """The data or a setting of `fit` is valid, but probably a mistake.

    Example:
        import warnings

        import kerasdnn

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`y`", category=kerasdnn.DataWarning)
            warnings.simplefilter("error", kerasdnn.DataWarning)  # raise all of them as errors
    """


def invalid(name, rule, value=NOTHING, remedy="", kind=ValueError, *, received=""):
    """Build the error for an invalid argument: "`name` rule. Received: name=value. remedy".

    Args:
        name: str, the argument.
        rule: str, such as "must be positive".
        value: the value received, of which at most 200 characters are shown.
        remedy: str, one or more sentences, down to the code to type.
        kind: class of the error.
        received: str, a description shown instead of a value, such as "an array of shape (3,)".

    Returns:
        The exception, for the caller to raise.
    """
    if value is not NOTHING:
        received = f"{name}={shortened(repr(value))}"
    received = f" Received: {received}." if received else ""
    return kind(f"`{name}` {rule}.{received} {remedy}".rstrip())


def unknown_name(where, name, valid, remedy=""):
    """Build the error for an unknown keyword: "tune() got an unknown keyword 'dropot'. ...".

    Args:
        where: str, the function that was called, such as "tune()".
        name: the keyword received.
        valid: iterable of the valid names.
        remedy: str. An empty one means the nearest valid names, or all of them.

    Returns:
        ValueError, for the caller to raise.
    """
    remedy = remedy or did_you_mean(name, valid) or f"Valid are {quoted_list(valid, 30)}."
    return ValueError(f"{where} got an unknown keyword {name!r}. {remedy}")


def did_you_mean(value, valid):
    """Return "Did you mean 'a' or 'b'?" with the nearest valid names, "" where none is near."""
    near = difflib.get_close_matches(str(value).lower(), list(map(str, valid)))
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else ""


def warn(message):
    """Issue a `DataWarning` that points to the line of user code that called the package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DataWarning, stacklevel=level)


def _is_inside(module):
    return module.split(".")[0] in ("kerasdnn", "keras", "sklearn")


def shortened(text):
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."


def to_python(value):
    """Convert a NumPy scalar to the Python value, which prints without its type."""
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return str(value)  # `item` of nanoseconds is a number
    return value.item() if isinstance(value, np.generic) else value


def quoted_list(values, limit=5):
    """Format values as `'a', 'b' and 3 more`."""
    values = list(values)
    text = ", ".join(shortened(repr(to_python(value))) for value in values[:limit])
    return text if len(values) <= limit else f"{text} and {len(values) - limit} more"
