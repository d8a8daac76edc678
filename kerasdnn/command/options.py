"""Options of the command out of the rows of `hyperparameters.py`.

A row's text begins with the type of its value, which says how an option is written: a switch for a
bool, several words for a sequence or a list, KEY=VALUE for a dict, else one word, which is read as
a number if it is one.
"""

import argparse
import json
from typing import Any

from .. import hyperparameters
from ..hyperparameters import DNN_CLASSIFIER, DNN_REGRESSOR, ESTIMATOR, SEARCH, Entry
from .main import UsageError

# Python objects, and what the command decides itself.
NOT_OPTIONS = ("callbacks", "verbose", "random_state", "validation_split", "warm_start")
RENAMED = {"target": "--target-type"}  # --target is the column
CONSTANTS = {"none": None, "true": True, "false": False, "inf": "inf", "nan": "nan"}


def rows() -> list[hyperparameters.Row]:
    """The rows that are options of `train`, one per name."""
    found: dict[str, hyperparameters.Row] = {}
    for row in hyperparameters.ROWS:
        if row.accepted_by & ESTIMATOR and row.name not in NOT_OPTIONS:
            found.setdefault(row.name, row)
    return list(found.values())


def option_of(name: str) -> str:
    return RENAMED.get(name, f"--{name.replace('_', '-')}")


def kind_of(row: hyperparameters.Row) -> str:
    """How the value is written: "bool", "sequence", "names", "dict" or "word"."""
    head = row.text.split(":")[0]
    if head.startswith(("bool", "non-default bool")):
        return "bool"
    if row.text.startswith(("list of column", "list of str")):
        return "names"
    if row.text.startswith(("sequence of", "list of")):
        return "sequence"
    return "dict" if "dict from" in row.text[:80] else "word"


def add_hyperparameters(parser: argparse.ArgumentParser) -> None:
    """Add an option for every hyperparameter of the estimators."""
    group = parser.add_argument_group(
        "hyperparameters", "Where one is left out, the preset decides; see the documentation of "
        "DNNClassifier and DNNRegressor.",
    )  # fmt: skip
    for row in rows():
        kind = kind_of(row)
        settings: dict[str, Any] = {"dest": f"h_{row.name}", "default": None}
        if kind == "bool":
            settings["action"] = argparse.BooleanOptionalAction
        elif kind == "dict":
            settings |= {"nargs": "+", "metavar": "KEY=VALUE"}
        elif kind != "word":
            settings |= {"nargs": "*", "metavar": "VALUE"}
        else:
            settings["metavar"] = "VALUE"
        group.add_argument(option_of(row.name), help=row.text.replace("%", "%%"), **settings)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The hyperparameters that were given, each checked by its row.

    Raises:
        UsageError: a value that the row rejects.
    """
    found = {}
    for row in rows():
        value = getattr(options, f"h_{row.name}", None)
        if value is not None:
            found[row.name] = value_of(row, value)
    try:
        return hyperparameters.check(found, ESTIMATOR)
    except ValueError as error:
        raise UsageError(str(error)) from error


def value_of(row, value):
    """The value of what argparse found."""
    kind = kind_of(row)
    if kind == "sequence":
        return tuple(literal(part) for word in value for part in word.split(",") if part)
    if kind == "dict":
        if len(value) == 1 and "=" not in value[0]:
            return literal(value[0])
        if wrong := [word for word in value if "=" not in word]:
            raise UsageError(f"{option_of(row.name)} needs KEY=VALUE. Received: {wrong[0]!r}")
        pairs = [word.rsplit("=", 1) for word in value]
        return {literal_key(row, key): literal(text) for key, text in pairs}
    return literal(value) if kind == "word" else value


def literal_key(row, key):
    """The keys of `class_weight` are labels, which may be numbers; others are names of columns."""
    return literal(key) if row.name == "class_weight" else key


def literal(text: str) -> Any:
    """A word of the command line as a number, bool, None, list or dict, else as it is."""
    if text.lower() in CONSTANTS:
        return CONSTANTS[text.lower()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return float(text)
    except ValueError:
        return text


def check_accepted(settings: dict[str, Any], entry: Entry) -> None:
    """Raise a UsageError if the estimator of the problem does not accept a hyperparameter."""
    for name in settings:
        if not hyperparameters.find(name, entry):
            kind = "classification" if entry == DNN_CLASSIFIER else "regression"
            reason = hyperparameters.why_refused(name, entry)
            raise UsageError(f"{option_of(name)} is not an option of a {kind}. {reason}".strip())


def entry_of(problem: str) -> Entry:
    return DNN_REGRESSOR if problem == "regression" else DNN_CLASSIFIER


def compared(options: argparse.Namespace) -> tuple[dict[str, list], dict[str, Any]]:
    """What --vary and --fix say: values by name, and the values of all runs."""
    varied = dict(pair(text, several=True) for text in options.vary)
    return varied, dict(pair(text) for text in options.fix)


def pair(text: str, several: bool = False) -> tuple[str, Any]:
    """The name and the value, or the values, of NAME=VALUE,VALUE.

    Raises:
        UsageError: no such pair, or a name that `compare` does not accept.
    """
    name, sign, words = text.partition("=")
    name = name.strip().replace("-", "_")
    if not sign or not words:
        raise UsageError(f"NAME=VALUE is needed. Received: {text!r}")
    if not hyperparameters.find(name, SEARCH):
        reason = hyperparameters.why_refused(name, SEARCH)
        raise UsageError(f"{name!r} is not a hyperparameter to compare. {reason}".strip())
    if not several:
        return name, literal(words)
    value = literal(f"[{words}]")
    values = value if isinstance(value, list) else [literal(w) for w in words.split(",")]
    return name, values
