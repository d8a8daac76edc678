"""The pre-flight check: what `fit` looks at before it trains.

Stock Keras trains without a word on NaN, on labels outside the classes, on a target whose shape
broadcasts; the result is a network that answers wrongly. Here each such mistake is an error where
the result could only be wrong, and a `DataWarning` where it may be meant:

    error      NaN, infinity, a masked or missing value or text in x, y, weights
               numbers that overflow float32
               no rows; x, y, weights of different lengths; pandas rows of another index
               two columns of one name; columns other than those of `fit`
               labels outside the classes, fractions of a class, one-hot rows that do not sum to 1
               y below 0 for Poisson and for the squared logarithmic error
               y with another number of columns than the network has outputs
               class_weight: not a dict, keys that are no class, weights below 0, no classes
               sample_weight: below 0, all 0
    warning    a callback that monitors what is not reported
               an output layer that contradicts the loss
               soft labels (between 0 and 1) for binary cross-entropy, softmax under it
               one class only, or classes without a row; a constant target
               targets that the output activation cannot reach
               a class without a weight in class_weight
               the last rows, which validation_split takes, of one class or beyond the others
               identifiers that float32 rounds to the same number
               a feature equal to the target
               BatchNormalization not synchronized on several replicas
               after training: a loss that is not finite (`checks/divergence.py`)
    nothing    constant columns: a network takes no harm (the table encoder handles its own)

The problem is read from the loss and the output layer, so the check also serves a network from a
file. With a loss of one's own, y is checked for NaN and length alone. Data that is not in memory
(datasets, generators) cannot be looked through: only callbacks and layers are checked.
`scripts/silent_errors.py` runs each mistake against stock Keras and against this.
"""

import keras

from ..core.messages import quoted_list
from .callbacks import check_distribution, check_monitors, reported_names
from .named_array import as_named_array
from .output_layer import read_head
from .target_leakage import check_copies
from .targets import check_output, check_targets
from .values import check_finite, check_float32
from .weights import (
    check_class_weight,
    check_same_rows,
    check_sample_weight,
    check_validation,
    check_validation_split,
)


def check_fit(
    network,
    x,
    y=None,
    sample_weight=None,
    class_weight=None,
    validation_data=None,
    validation_split=0.0,
    callbacks=None,
):
    """Check the arguments of `network.fit`. Returns None.

    Args:
        network: a compiled `keras.Model`; loss and output layer say what y must be.
        x: array or DataFrame, shape `(rows, features)`. Anything else is not looked at.
        y: array, Series or DataFrame, shape `(rows,)` or `(rows, outputs)`.
        sample_weight, class_weight, validation_data, validation_split, callbacks: as in `fit`.

    Raises:
        ValueError: a mistake that could only give a wrong network.

    Warns:
        DataWarning: what is legal, but a mistake more often than not.
    """
    validated = bool(validation_split) or validation_data is not None
    check_monitors(callbacks, reported_names(network), validated)
    check_distribution(network)
    checked = check_data(network, x, y, sample_weight)
    if checked is None:
        return
    head, y_table = checked
    check_class_weight(class_weight, head, y_table, sample_weight)
    if isinstance(validation_data, (tuple, list)):
        match_validation(validation_data[0], column_names(x))
        names = ("x", "y", "sample_weight")[: len(validation_data)]
        judged = check_data(
            network,
            **dict(zip(names, validation_data, strict=False)),
            what=[f"validation_data[{i}]" for i in range(3)],
            training=False,
        )
        if judged and judged[1] is not None and y_table is not None and len(judged[1]) > 1:
            received = f"validation_data of {len(judged[1]):,} rows"
            check_validation(head, y_table.values, judged[1].values, received)
    elif validation_data is None and y_table is not None and validation_split:
        check_validation_split(head, y_table, validation_split)


def check_data(
    network,
    x,
    y=None,
    sample_weight=None,
    what=("x", "y", "sample_weight"),
    training=True,
):
    """Check rows to train on, or with `training=False` to evaluate or predict.

    Returns:
        `(OutputHead, Table of y)`, or None when x is not an array in memory.

    Raises:
        ValueError: as `check_fit`.
    """
    x = as_named_array(x, what[0]) if not takes_text(network) else None
    if x is None:
        return None
    sum_of_squares = _check_features(network, x)
    precision = _precision(network)
    if training:
        check_float32(x, sum_of_squares, precision)
    y = as_named_array(y, what[1])
    head = read_head(network, None if y is None else y.values.shape)
    if y is not None:
        check_same_rows(x, y)
    rows = x if y is None or x.labels is not None else y
    check_sample_weight(sample_weight, rows, what[2], head.units is not None)
    if y is None:
        return head, None
    check_finite(y, precision)
    check_output(head)
    check_targets(head, y, training)
    if training:
        check_copies(x, y)
    return head, y


def check_rows(network, x, columns=None):
    """Check rows to predict; returns them, a DataFrame with its columns in the order of `columns`.

    Args:
        network: a `keras.Model`.
        x: array or DataFrame, shape `(rows, features)`. Anything else passes.
        columns: the names at `fit`, or None.

    Raises:
        ValueError: NaN, infinity or text; other columns than those of `fit`. No rows are no
            mistake here, nor is a missing column name.
    """
    x = match_columns(x, columns)
    table = as_named_array(x, "x") if not takes_text(network) else None
    if table is not None and len(table):
        _check_features(network, table)
    return x


def takes_text(network):
    """Whether the first layer of a network reads strings: which, only that layer can say."""
    first = next(iter(getattr(network, "_layers", ())), None)
    return getattr(first, "dtype", None) == "string" or isinstance(first, keras.layers.Hashing)


def column_names(x):
    """The names of a DataFrame's columns, or None of an array and of columns only numbered."""
    if not hasattr(x, "columns") or all(isinstance(name, int) for name in x.columns):
        return None
    return tuple(x.columns)


def _check_features(network, x):
    """Rows, width and finite numbers; returns the sum of squares."""
    if x.values.ndim < 1 or len(x) == 0:
        raise ValueError(f"`{x.what}` must have rows. Received: shape {x.values.shape}.")
    _check_width(network, x)
    return check_finite(x, _precision(network))


def _precision(network):
    precision = getattr(network, "compute_dtype", "float32")
    return precision if precision == "float64" else "float32"


def _check_width(network, x):
    """Refuse another number of columns than the network was built for."""
    try:
        *_, width = network.input_shape
    except (AttributeError, TypeError, ValueError):  # not built yet
        return
    if x.values.ndim == 2 and isinstance(width, int) and x.values.shape[1] != width:
        raise ValueError(
            f"`{x.what}` must have {width} columns, as the network's input. Received: "
            f"{x.values.shape[1]} columns."
        )


def match_validation(x, columns):
    """Refuse validation rows whose columns stand in another order than those to train on.

    Raises:
        ValueError: it lists the differences, or says how to put the order right.
    """
    if column_names(match_columns(x, columns, "validation_data[0]")) != column_names(x):
        raise ValueError(
            "`validation_data[0]` must have its columns in the order of `x`. Received: "
            f"{quoted_list(x.columns)}. Pass validation_data=(x_val[x.columns], y_val)."
        )


def match_columns(x, columns, what="x"):
    """The columns of a DataFrame in the order that the network was trained on.

    Args:
        x: DataFrame, or an array, which has no names and passes as it is.
        columns: the names at `fit`, or None where it was given an array, which passes too.

    Raises:
        ValueError: a name is missing, unknown or twice; it lists the differences.

    >>> match_columns(pd.DataFrame({"b": [2.0], "a": [1.0]}), ["a", "b"]).columns.tolist()
    ['a', 'b']
    """
    if columns is None or not hasattr(x, "columns"):
        return x
    columns, found = list(columns), list(x.columns)
    if found == columns:
        return x
    missing = [name for name in columns if name not in set(found)]
    unknown = [name for name in found if name not in set(columns)]
    if missing or unknown or len(found) != len(columns):
        differences = [f"missing {quoted_list(missing)}"] if missing else []
        differences += [f"unknown {quoted_list(unknown)}"] if unknown else []
        raise ValueError(
            f"`{what}` must have the columns of `fit`. Received: "
            f"{'; '.join(differences) or 'a column twice'}. Rename or add them; columns that are "
            f"too many go with {what} = {what}.drop(columns=[...])."
        )
    return x[columns]
