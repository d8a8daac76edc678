"""Read rows of a table: check them, encode them for a network, weigh classes, sort small tables.

Rows as passed   read_rows: checked, without zero-weight rows   Rows of a Frame, y encoded
Rows of a Frame  encode_rows: by encoder and target             Rows of a float32 matrix
"""

from contextlib import suppress

import numpy as np
import pandas as pd

from ..checks.named_array import NamedArray, as_numbers
from ..checks.values import as_floats
from ..checks.weights import check_same_rows, check_sample_weight
from ..core.arguments import is_number
from ..core.messages import invalid, quoted_list, to_python
from ..core.rows import Rows
from .frame import Column, Frame, read_frame, unmasked
from .inference import infer_columns
from .targets.reading import read_target
from .texts.reading import read
from .texts.recognition import recognize

MAX_SORTED_ROWS = 1000  # rows (sum of weights) of a table that is small enough to be sorted


def read_rows(given, target=None, make_target=None):
    """Check rows and encode their targets; rows of weight 0 are dropped.

    Args:
        given: `Rows` as the user passed them.
        target: a target of `tables/targets/`. None means the one that `make_target` makes.
        make_target: function of (y, column names of y) that returns such a target.

    Returns:
        (`Rows` of a `Frame`, target).
    """
    rows, columns = read_table(given)
    if rows.weights is not None and rows.weights.min() == 0:
        rows = rows.take(rows.weights > 0)
    if target is None:
        target = make_target(rows.y, columns)
    return rows.replace(y=target.encode(rows.y, given.names[1])), target


def read_table(given):
    """Check that features, targets and weights are a table of rows that belong together.

    Args:
        given: `Rows` as the user passed them; groups or time may be the name of a column of X,
            which is then hidden.

    Returns:
        (`Rows` of a `Frame`, y as it is; column names of y or None).
    """
    X, y, names = given.x, given.y, given.names
    if isinstance(X, pd.Series):  # to predict, a row
        raise ValueError(
            f"`{names[0]}` must be a table. Received: a Series. A single column: "
            f"{names[0]}.to_frame(); a single row: {names[0]}.to_frame().T."
        )
    labels = y.index if isinstance(y, (pd.Series, pd.DataFrame)) else None
    y, columns = read_target(y, names[1])
    frame = read_frame(X, names[0])
    table = NamedArray(np.arange(frame.rows), names[0], labels=frame.index)
    check_same_rows(table, NamedArray(np.arange(len(y)), names[1], labels=labels))
    if table.labels is None and labels is not None:  # weights with an X without an index are y's
        table = NamedArray(table.values, names[1], labels=labels)
    if frame.rows == 0:
        raise ValueError(
            f"`{names[0]}` must have rows. Received: 0 rows, a minimum of 1 is required."
        )
    weights = None
    if given.weights is not None:
        weights = read_weights(given.weights)
        check_sample_weight(weights, table, names[2])
        weights = np.asarray(weights, dtype="float64").ravel()
    found = {}
    for name, value in (("groups", given.groups), ("time", given.time)):
        if is_column_name(value):
            known = list(range(frame.width)) if frame.names is None else list(frame.names)
            check_column_name(value, known, name)
            place = known.index(value)
            found[name] = ranks(frame.column(place), name)
            frame = hide(frame, place)
        elif value is not None:
            found[name] = read_ranks(value, name, table)
    return Rows(frame, y, weights, names, **found, places=np.arange(frame.rows)), columns


def check_exclusive(**arguments):
    """Raise ValueError where more than one of `arguments`, by name, is not None."""
    given = [name for name, value in arguments.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"Pass either `{given[0]}` or `{given[1]}`, not both.")


def is_column_name(value):
    """Whether the argument `groups` or `time` is the name of a column rather than an array."""
    return value is not None and (isinstance(value, (str, tuple)) or np.ndim(value) == 0)


def check_column_name(value, known, name):
    if value not in known:
        rule = "must name a column of `X`, or be an array with one value per row"
        raise invalid(name, rule, value, f"X has the columns {quoted_list(known, 20)}.")


def hide(frame, position):
    """The frame with nothing to learn in the column at `position`; its name stays.

    The encoder leaves such a column out, and a table to predict may have it or not.
    """
    if frame.matrix is None:
        columns = [*frame.columns]
        columns[position] = Column("empty", np.full(frame.rows, None))
        return Frame(columns, frame.rows, frame.names, index=frame.index)
    matrix, exact = frame.matrix.copy(), None if frame.exact is None else frame.exact.copy()
    for array in (matrix, exact):
        if array is not None:
            array[:, position] = 0
    return Frame(None, frame.rows, frame.names, matrix, frame.index, exact)


def read_ranks(values, name, table):
    """The rank of each row's group or time, int array of shape (rows,).

    Args:
        values: array, Series or list of shape (rows,).
        name: "groups" or "time".
        table: `NamedArray` of the rows that they belong to.
    """
    labels = values.index if isinstance(values, pd.Series) else None
    if np.ndim(values) != 1:
        received = f"an array of shape {np.shape(values)}"
        raise invalid(name, "must contain one value per row", received=received)
    check_same_rows(table, NamedArray(np.arange(len(values)), name, labels=labels))
    return ranks(read_frame({name: values}, name).column(0), name)


def ranks(column, name):
    """The rank of each value of a `Column`; equal values have one rank."""
    if column.missing.any():
        raise ValueError(
            f"`{name}` must not have missing values. Received: one in row "
            f"{int(column.missing.argmax())} ({int(column.missing.sum())} of "
            f"{len(column.values)} rows)."
        )
    values = column.values
    if name == "time" and column.kind in ("text", "boolean"):
        values = moments_of(column)
    return pd.factorize(values, sort=True)[0]


def moments_of(column):
    """The values of a `Column` of text as numbers or moments that can be sorted."""
    with suppress(TypeError, ValueError):
        return pd.to_datetime(pd.Series(column.values), format="ISO8601", utc=True).to_numpy()
    reading, _, ambiguous = recognize(column) if column.kind == "text" else (None, [], False)
    if reading is not None and reading["as"] != "boolean" and not ambiguous:
        found, stray = read(column, reading)
        if not len(stray) and not found.missing.any():
            return found.values
    raise ValueError(
        f"`time` must contain numbers or dates. Received: {column.kind} {column.values[0]!r}. "
        "pd.to_datetime turns text into dates."
    )


def label_rows(rows, given):
    """`rows` with the groups and times of `given`, arrays as the user passed them, as ranks."""
    labels = given.x.index if isinstance(given.x, pd.DataFrame) else None
    table = NamedArray(np.arange(len(rows)), rows.names[0], labels=labels)
    found = {
        name: read_ranks(value, name, table)
        for name, value in (("groups", given.groups), ("time", given.time))
        if value is not None
    }
    return rows.replace(**found)


def separate_columns(given):
    """Take a column that groups or time name out of an array or a DataFrame.

    Returns:
        `Rows` as the user passed them, with X without such a column and with arrays in its place.
    """
    labels, X = {"groups": given.groups, "time": given.time}, given.x
    if not any(map(is_column_name, labels.values())):
        return given
    X = as_numbers(X)
    for name, value in labels.items():
        if is_column_name(value):
            frame = hasattr(X, "columns")
            check_column_name(value, list(X.columns) if frame else range(np.shape(X)[1]), name)
            labels[name] = X[value] if frame else np.asarray(X)[:, value]
            X = X.drop(columns=[value]) if frame else np.delete(np.asarray(X), value, axis=1)
    return given.replace(x=X, **labels)


def read_weights(sample_weight):
    """Weights of any make as an array or a pandas object, of numbers where they are numbers."""
    weights = unmasked(sample_weight)
    if not hasattr(weights, "dtype") and not isinstance(weights, pd.DataFrame):
        weights = np.asarray(weights)  # lists, and pyarrow's arrays with what they miss
    if getattr(getattr(weights, "dtype", None), "kind", "") == "O":
        with suppress(TypeError, ValueError):  # which the check then names
            if not any(isinstance(weight, str) for weight in np.ravel(weights)):
                weights = as_floats(weights)
    return weights


def encode_rows(rows, encoder, target):
    """Rows as the network takes them: a float32 matrix, encoded targets, weights of mean 1."""
    y = target.to_network(rows.y) if hasattr(target, "to_network") else rows.y
    return rows.replace(x=encoder.encode(rows.x), y=y).unit_weights()


def repeat_by_weight(rows):
    """Repeat the rows of a small table as often as they weigh, where all weights are integers.

    A weight of 2 is then exactly the row twice, in the number of steps too. A larger table, or one
    with other weights, is returned as it is: there a weight only scales the loss of its row.

    Args:
        rows: `Rows` of a `Frame` with positive weights or None.
    """
    weights = rows.weights
    if weights is None or weights.sum() > MAX_SORTED_ROWS or (weights != np.floor(weights)).any():
        return rows
    return rows.take(np.repeat(np.arange(len(rows)), weights.astype("int64"))).replace(weights=None)


def sort_rows(rows):
    """Sort the rows of a small table, so that the order in which they come does not matter.

    Args:
        rows: `Rows` of a `Frame`. A larger table is returned in its order.

    Returns:
        `Rows`, with weights None where all are equal.
    """
    weights = rows.weights
    if len(rows) <= MAX_SORTED_ROWS and (weights is None or weights.sum() <= MAX_SORTED_ROWS):
        columns = [finding.column.values for finding in infer_columns(rows.x, {}, 32)]
        columns += list(rows.y.reshape(len(rows), -1).T)
        keys = [pd.factorize(values, sort=True)[0] for values in columns]
        last = [key for key in (rows.time, rows.groups, weights) if key is not None]
        rows = rows.take(np.lexsort([*last, *keys[::-1]]))
    if weights is not None and weights.min() == weights.max():
        rows = rows.replace(weights=None)
    return rows


def weigh_classes(rows, class_weight, target):
    """Multiply the weight of each row by that of its class.

    Args:
        rows: `Rows` whose y is an int array of shape (rows,), the class of each row.
        class_weight: "balanced" (all classes weigh the same in sum), or a dict from label to
            non-negative weight; labels left out weigh 1. None leaves the rows as they are.
        target: `targets.ClassTarget`, or another one, which has no classes to weigh.

    Raises:
        ValueError: another kind of `class_weight`, an unknown label, a negative weight.
    """
    if class_weight is None:
        return rows
    if target.head.kind == "labels":
        raise ValueError(
            "`class_weight` needs one class per row. Received: several labels per row, "
            f"class_weight={class_weight!r}. Weigh rows with `sample_weight`."
        )
    classes = [to_python(label) for label in target.classes]
    if isinstance(class_weight, str) and class_weight == "balanced":
        mass = np.bincount(rows.y, rows.weights, target.n)
        present = mass > 0  # a declared class may have no rows
        factors = np.ones(target.n)
        factors[present] = mass.sum() / (present.sum() * mass[present])
    elif isinstance(class_weight, dict):
        unknown = [key for key in class_weight if key not in classes]
        if unknown:
            raise ValueError(
                f"Keys of `class_weight` must be classes. Received: {quoted_list(unknown)}; the "
                f"classes are {quoted_list(classes, 10)}."
            )
        for key, weight in class_weight.items():
            if not is_number(weight) or not 0 <= weight < np.inf:
                raise ValueError(
                    "Weights in `class_weight` must be finite numbers >= 0. Received: "
                    f"{to_python(weight)!r} for class {to_python(key)!r}."
                )
        factors = np.array([class_weight.get(label, 1.0) for label in classes], dtype="float64")
    else:
        raise ValueError(
            "`class_weight` must be 'balanced' or a dict from label to weight. Received: "
            f"class_weight={class_weight!r}."
        )
    own = factors[rows.y]
    return rows.replace(weights=own if rows.weights is None else rows.weights * own)
