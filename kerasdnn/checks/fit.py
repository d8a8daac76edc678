"""The pre-flight check of `fit`: which data and settings are rejected, and which raise a warning.

Stock Keras silently trains on NaN, on labels outside the classes and on targets whose shapes
broadcast, and the resulting network is wrong. Here each such mistake raises an error if the result
can only be wrong, and a `DataWarning` if it may be intended:

    error      NaN, infinity, a masked or missing value or text in x, y or weights
               numbers that overflow float32
               no rows; x, y, weights of different lengths; pandas rows of another index
               duplicate column names; other columns than in `fit`
               labels outside the classes, fractional classes, one-hot rows that do not sum to 1
               negative y for Poisson and for the squared logarithmic error
               y with another number of columns than the network has outputs
               members of an ensemble trained by the loss of a single network
               class_weight: not a dict, keys that are not classes, negative weights, no classes
               sample_weight: negative, or 0 in all rows
    warning    a callback that monitors a value that is not reported
               an output layer that contradicts the loss
               soft labels (between 0 and 1) for binary cross-entropy, softmax under it
               one class only, or classes without rows; a constant target
               targets that the output activation cannot reach
               a class without a weight in class_weight
               a validation set of one class, of unseen classes, or outside the training range
               identifiers that float32 rounds to the same number
               a feature equal to the target
               BatchNormalization that is not synchronized on several replicas
               after training: a loss that is not finite (`checks/divergence.py`)
    accepted   constant columns, which do no harm (the table encoder handles its own)

The problem type is inferred from the loss and the output layer, so the check also works for a
network from a file. With a custom loss, y is checked for NaN and length only. Data that is not in
memory (datasets, generators) is not searched: only callbacks and layers are checked.
`scripts/silent_errors.py` makes each mistake with stock Keras and with this package.
"""

from collections.abc import Sequence
from typing import Any

import keras

from ..core.messages import invalid, quoted_list
from .callbacks import check_distribution, check_monitors, reported_names
from .named_array import NamedArray, as_named_array
from .output_layer import OutputHead, check_members, read_head
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
    network: keras.Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    callbacks: Any = None,
) -> None:
    """Check the arguments of `network.fit`.

    Args:
        network: a compiled `keras.Model`, whose loss and output layer determine what y must be.
        x: array or DataFrame, shape `(rows, features)`. Anything else is not checked.
        y: array, Series or DataFrame, shape `(rows,)` or `(rows, outputs)`.
        sample_weight: array `(rows,)`. None means 1 for every row.
        class_weight: dict from class index to weight. None means 1 for every class.
        validation_data: `(x, y)` or `(x, y, sample_weight)`. None means no validation data.
        validation_split: float in [0, 1), fraction of the last rows to validate on. Default 0.0.
        callbacks: a Keras callback or a list of them. None means none.

    Raises:
        ValueError: a mistake that can only give a wrong network.

    Warns:
        DataWarning: valid arguments that are probably a mistake.

    Example:
        import numpy as np
        import kerasdnn

        network = kerasdnn.build_classifier(n_features=3, seed=0)
        x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
        kerasdnn.check_fit(network, x, y, validation_split=0.2)
    """
    check_members(network)
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
        what = [f"validation_data[{i}]" for i in range(3)]
        given = dict(zip(("x", "y", "sample_weight"), validation_data, strict=False))
        checked = check_data(network, **given, what=what, training=False)
        y_validation = checked and checked[1]
        if y_validation is not None and y_table is not None and len(y_validation) > 1:
            source = f"validation_data of {len(y_validation):,} rows"
            check_validation(head, y_table.values, y_validation.values, source)
    elif validation_data is None and y_table is not None and validation_split:
        check_validation_split(head, y_table, validation_split)


def check_data(
    network: keras.Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    what: Sequence[str] = ("x", "y", "sample_weight"),
    training: bool = True,
) -> tuple[OutputHead, NamedArray | None] | None:
    """Check training rows or, with `training=False`, rows to evaluate or predict.

    Args:
        network: compiled `keras.Model`.
        x: array or DataFrame, shape `(rows, features)`. Anything else is not checked.
        y: array, Series or DataFrame, shape `(rows,)` or `(rows, outputs)`, or None.
        sample_weight: array `(rows,)`. None means 1 for every row.
        what: three str, the names of the arguments in messages.
        training: bool, whether to warn about what matters in training only.

    Returns:
        `(OutputHead, NamedArray of y or None)`. None if x is not an array in memory.

    Raises:
        ValueError: as `check_fit`.

    Example:
        import numpy as np
        import kerasdnn
        from kerasdnn.checks import check_data

        network = kerasdnn.build_classifier(n_features=3, seed=0)
        x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
        head, _ = check_data(network, x, y)
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


def check_rows(network: keras.Model, x: Any, columns: Sequence | None = None) -> Any:
    """Check rows to predict.

    Args:
        network: a `keras.Model`.
        x: array or DataFrame, shape `(rows, features)`. Anything else is accepted.
        columns: sequence of the column names in `fit`. None means that columns are not compared.

    Returns:
        `x`, a DataFrame with its columns in the order of `columns`.

    Raises:
        ValueError: NaN, infinity or text; other columns than in `fit`. An empty table and an array
            without column names are accepted.

    Example:
        import numpy as np
        import kerasdnn
        from kerasdnn.checks import check_rows

        network = kerasdnn.build_classifier(n_features=3, seed=0)
        x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
        check_rows(network, x).shape    # (20, 3)
    """
    x = match_columns(x, columns)
    table = as_named_array(x, "x") if not takes_text(network) else None
    if table is not None and len(table):
        _check_features(network, table)
    return x


def takes_text(network: keras.Model) -> bool:
    """Return whether the first layer reads strings, which only that layer can check."""
    first = next(iter(getattr(network, "_layers", ())), None)
    return getattr(first, "dtype", None) == "string" or isinstance(first, keras.layers.Hashing)


def column_names(x: Any) -> tuple | None:
    """Return the column names of a DataFrame; None for an array or numbered columns.

    Args:
        x: DataFrame, array or anything else.

    Returns:
        tuple of the names, or None.

    Example:
        import pandas as pd
        from kerasdnn.checks import column_names

        column_names(pd.DataFrame({"a": [1.0]}))    # ('a',)
    """
    if not hasattr(x, "columns") or all(isinstance(name, int) for name in x.columns):
        return None
    return tuple(x.columns)


def _check_features(network, x):
    """Check rows, width and finite numbers; return the sum of squares."""
    shape = f"an array of shape {x.values.shape}"
    if x.values.ndim < 1 or len(x) == 0:
        raise invalid(x.what, "must have rows", received=shape)
    try:
        *_, width = network.input_shape
    except (AttributeError, TypeError, ValueError):  # not built yet
        width = None
    if x.values.ndim == 2 and isinstance(width, int) and x.values.shape[1] != width:
        rule = f"must have {width} columns, like the input of the network"
        raise invalid(x.what, rule, received=shape)
    return check_finite(x, _precision(network))


def _precision(network):
    precision = getattr(network, "compute_dtype", "float32")
    return precision if precision == "float64" else "float32"


def check_order(x, columns, what="x"):
    """Reject training that goes on with the same columns in another order.

    Args:
        x: DataFrame, or anything else, which has no names.
        columns: tuple of the names in an earlier `fit`, or None.
        what: str, the name of the argument in messages.

    Raises:
        ValueError: with both orders.
    """
    names = column_names(x)
    if names and columns and names != columns and {*names} == {*columns}:
        raise ValueError(
            f"`{what}` must have its columns in the order of the earlier `fit`, whose weights are "
            f"trained further: {quoted_list(columns, 10)}. Received: {quoted_list(names, 10)}. "
            f"Select them in that order: {what}[names]."
        )


def match_validation(x, columns):
    """Reject validation rows whose columns are in another order than in training.

    Raises:
        ValueError: with the differences, or the code that fixes the order.
    """
    if column_names(match_columns(x, columns, "validation_data[0]")) != column_names(x):
        raise ValueError(
            "`validation_data[0]` must have its columns in the order of `x`. Received: "
            f"{quoted_list(x.columns)}. Pass validation_data=(x_val[x.columns], y_val)."
        )


def match_columns(x: Any, columns: Sequence | None, what: str = "x") -> Any:
    """Return the columns of a DataFrame in the order of training.

    Args:
        x: DataFrame, or an array, which has no names and is returned unchanged.
        columns: the names in `fit`. None, for an array, means no check.
        what: str, the name of the argument in messages.

    Returns:
        `x`; a DataFrame with its columns in the order of `columns`.

    Raises:
        ValueError: with the missing, unknown and duplicate names.

    Example:
        import pandas as pd
        from kerasdnn.checks import match_columns

        match_columns(pd.DataFrame({"b": [2.0], "a": [1.0]}), ["a", "b"])    # columns a, b
    """
    if columns is None or not hasattr(x, "columns"):
        return x
    columns, found = list(columns), list(x.columns)
    if found == columns:
        return x
    missing = [name for name in columns if name not in set(found)]
    unknown = [name for name in found if name not in set(columns)]
    if missing or unknown or len(found) != len(columns):
        differences = [f"Missing: {quoted_list(missing)}."] if missing else []
        differences += [f"Unknown: {quoted_list(unknown)}."] if unknown else []
        raise ValueError(
            f"`{what}` must have the same columns as in `fit`. "
            f"{' '.join(differences) or 'A column is duplicated.'} Rename or add columns; drop "
            f"extra ones with {what}.drop(columns=[...])."
        )
    return x[columns]
