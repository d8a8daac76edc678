"""Print the results of a command on stdout and notes on stderr."""

import json
import sys
from typing import Any


def note(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr, flush=True)


def show(result: dict[str, Any], as_json: bool, text: str) -> None:
    """Print a result on stdout, as one JSON object or as text."""
    print(to_json(result) if as_json else text, flush=True)


def to_json(value: Any) -> str:
    """JSON in which a number that is not finite is null, as the standard wants it."""
    return json.dumps(finite(value), ensure_ascii=False, default=str)


def finite(value):
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    missing = value is None or value != value or str(value) in ("NaT", "<NA>")
    return None if missing or value in (float("inf"), -float("inf")) else value
