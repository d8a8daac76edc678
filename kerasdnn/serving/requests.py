"""Check the rows of a request against the columns of a model, value by value.

Each column accepts some types of JSON. Text, for example, is accepted for a date or where the model
has learned to read text; what it says is checked by the encoder.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from ..core.messages import quoted_list, shortened, to_python

LARGEST = 1e300  # above it a number acts like infinity in what is computed from it
MAX_PROBLEMS = 20  # of a request that are reported
NAMES = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
# The types of JSON that a kind of column accepts, besides null.
TYPES = {
    "numeric": ("number",),
    "boolean": ("boolean",),
    "datetime": ("string",),
    "instant": ("string",),
    "duration": ("number", "string"),
    "text": ("string",),
    "empty": ("string", "number", "boolean"),
}


class Invalid(Exception):
    """A request that cannot be answered.

    Attributes:
        status: int, the HTTP status.
        problems: list of `{"loc", "msg", "type"}`.
    """

    def __init__(self, status: int, problems: list[dict[str, Any]]):
        super().__init__(problems[0]["msg"])
        self.status, self.problems = status, problems


def problem(message: str, *place: Any, kind: str = "value_error") -> dict[str, Any]:
    """A problem of the body at `place`, such as `("rows", 3, "age")`."""
    return {"loc": ["body", *place], "msg": message, "type": kind}


@dataclass(frozen=True)
class RequestColumn:
    """What a column of a request may hold.

    Attributes:
        name: str, its name in a request.
        types: the types of JSON that it accepts besides null.
        required: bool; a column that the model ignores may be left out.
        kind: str, what the model learned the column to be.
        examples: some values of the training.
    """

    name: str
    types: tuple[str, ...]
    required: bool
    kind: str
    examples: tuple = ()


def columns_of(model: Any) -> list[RequestColumn]:
    """The columns of a request to a fitted estimator.

    Raises:
        ValueError: the model was trained on an array, or on names that JSON does not have.
    """
    encoder = model.encoder_
    if encoder.names_ is None or not all(isinstance(name, str) for name in encoder.names_):
        raise ValueError(
            "To be served, a model must be trained on a table whose columns have names of type "
            "str. Received: a model of an array, or of other names."
        )
    crossed = {j for sources, _ in encoder.crosses_ for j in sources}
    found = []
    for j, state in enumerate(encoder.states_):
        categories = getattr(state, "categories", [])
        types = TYPES[state.kind] if state.used or j in crossed else TYPES["empty"]
        if state.role == "categorical" and state.numbers:  # some categories are numbers
            types = ("string", "number", "boolean")
        elif (state.reading and "as" in state.reading) or state.kind == "boolean":
            types = tuple(dict.fromkeys([*types, "string"]))
        if state.kind == "boolean":
            types = tuple(dict.fromkeys([*types, "number"]))
        examples = tuple(to_python(category) for category in categories[:5])
        kind = state.inferred or state.kind
        found.append(RequestColumn(state.name, types, state.used or j in crossed, kind, examples))
    return found


def parse(body: bytes) -> Any:
    """The JSON of a body.

    Raises:
        Invalid: it is not JSON, or has NaN, an infinite number or a key twice.
    """
    try:
        return json.loads(body, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except Invalid:
        raise
    except RecursionError:
        raise Invalid(400, [problem("The body is nested too deeply.", kind="json")]) from None
    except ValueError as error:  # of JSON, of UTF-8, or an integer of thousands of digits
        message = f"The body is not JSON: {shortened(str(error))}"
        raise Invalid(400, [problem(message, kind="json")]) from None


def _no_key_twice(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        message = f"The key {shortened(repr(twice))} is there twice in one object."
        raise Invalid(422, [problem(message, kind="duplicate")])
    return found


def _no_constant(word):
    raise Invalid(400, [problem(f"{word} is not JSON; null is a missing value.", kind="json")])


def read_rows(content: Any, columns: list[RequestColumn], max_rows: int) -> list[dict[str, Any]]:
    """The rows of the JSON `{"rows": [{column: value, ...}, ...]}`, checked.

    Raises:
        Invalid: with every problem, up to 20; the message names row, column and value.
    """
    if not isinstance(content, dict) or set(content) != {"rows"}:
        message = 'The body must be {"rows": [{"column": value, ...}, ...]}.'
        raise Invalid(422, [problem(message)])
    rows = content["rows"]
    if not isinstance(rows, list) or not rows:
        raise Invalid(422, [problem("`rows` must be a list of at least one row.", "rows")])
    if len(rows) > max_rows:
        message = f"`rows` must contain at most {max_rows:,} rows. Received: {len(rows):,}."
        raise Invalid(413, [problem(message, "rows", kind="too_many_rows")])
    known, problems = {column.name: column for column in columns}, []
    required = [column.name for column in columns if column.required]
    for position, row in enumerate(rows):
        problems += _problems_of_row(row, position, known, required)
        if len(problems) >= MAX_PROBLEMS:
            raise Invalid(422, problems[:MAX_PROBLEMS])
    problems = problems or _mixed_columns(rows, columns)
    if problems:
        raise Invalid(422, problems)
    return rows


def _problems_of_row(row, position, known, required):
    if not isinstance(row, dict):
        message = f"A row must be an object of columns and values. Received: {_shown(row)}."
        return [problem(message, "rows", position)]
    found = []
    for name in required:
        if name not in row:
            message = f"Column {name!r} is missing in row {position}."
            found.append(problem(message, "rows", position, name, kind="missing"))
    for name, value in row.items():
        if len(found) >= MAX_PROBLEMS:
            break
        if name not in known:
            message = f"Row {position} has an unknown column {shortened(repr(name))}. The columns "
            message += f"are {quoted_list(known, 30)}."
            found.append(problem(message, "rows", position, name, kind="unknown_column"))
        elif fault := _fault(value, known[name].types):
            message = f"Column {name!r} {fault} in row {position}. Received: {_shown(value)}."
            found.append(problem(message, "rows", position, name, kind="type"))
    return found


def _fault(value, types):
    """What is wrong with a value, or ""."""
    kind = NAMES.get(type(value))
    if kind != "null" and kind not in types:
        return f"must be {' or '.join(types)} or null"
    if kind == "number" and (abs(value) > LARGEST or not math.isfinite(value)):
        return f"must be a number between -{LARGEST:g} and {LARGEST:g}"
    return ""


def _mixed_columns(rows, columns):
    """Columns with strings in some rows and numbers in others: one would be read as the other."""
    found = []
    for column in columns:
        if len(column.types) > 1:
            kinds = {NAMES[type(row[column.name])] for row in rows if column.name in row}
            if len(kinds - {"null"}) > 1:
                message = f"Column {column.name!r} must contain values of one type in a request. "
                message += f"Received: {' and '.join(sorted(kinds - {'null'}))}."
                found.append(problem(message, "rows", column.name, kind="type"))
    return found


def _shown(value):
    return shortened(json.dumps(value)[:1000])
