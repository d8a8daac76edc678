"""Read a table for a search or a comparison: rows, target, encoder, and the matrix of all rows."""

import numpy as np
import pandas as pd

from ..core.messages import invalid, warn
from ..core.rows import unpack_validation_data
from ..estimators.estimators import DNNClassifier, DNNRegressor
from ..heads.problem_types import head_of, make_problem
from ..tables.encoder import TableEncoder
from ..tables.frame import Column, Frame
from ..tables.problem_type import infer_target
from ..tables.rows import check_exclusive, read_rows, read_weights, weigh_classes
from .data import SearchData, TableData

OTHER = "(other)"  # the category of merged ones
MAX_CATEGORIES = 1000  # of a column; a population one-hot encodes, it does not embed


def encode_table(given, problem, class_weight, validation_data):
    """Read a table for networks that are trained together.

    The encoder learns from all rows, whose means and categories then know a little of the rows that
    a run is evaluated on. Of columns with more than `MAX_CATEGORIES` categories it keeps the most
    frequent ones, and merges the others.

    Args:
        given: `Rows` as the user passed them.
        problem, class_weight, validation_data: see `compare`.

    Returns:
        `SearchData`; with validation data it has one split, else none yet.
    """
    check_exclusive(groups=given.groups, time=given.time, validation_data=validation_data)
    estimator = estimator_for(given.y, problem)
    table = read_table_data(given, estimator, class_weight, validation_data)
    rows, target = table.parts[0], table.target
    encoder = fit_encoder(estimator, rows)
    for j in [j for j, state in enumerate(encoder.states_) if state.embedded]:
        table = TableData(merge_rare(table.parts, j), target)
    if encoder.cardinalities_:
        rows = table.parts[0]
        encoder = fit_encoder(estimator, rows)
    target.learn(rows.y, rows.weights)
    matrix = table.matrix(encoder, for_network=True)
    pairs = []
    if validation_data is not None:
        pairs = [(np.arange(len(rows)), np.arange(len(rows), len(matrix)))]
    return SearchData(matrix, make_problem(target.head, matrix.x.shape[1], target.n), pairs)


def merge_rare(parts, position):
    """Merge the rare categories of a column in `parts`, `Rows` of frames, and warn about it."""
    first = parts[0].x
    codes, categories = first.column(position).factorized
    counts = np.bincount(codes[codes >= 0], minlength=len(categories))
    kept = categories[np.argsort(-counts, kind="stable")[: MAX_CATEGORIES - 1]]
    warn(
        f"Column {first.label(position)} of `X` has {len(categories):,} categories. The "
        f"{len(kept):,} most frequent ones are compared on, the others are merged: networks that "
        "are trained together cannot embed them."
    )
    merged = []
    for part in parts:
        frame = part.x
        columns = [frame.column(j) for j in range(frame.width)]
        column = columns[position]
        values = np.where(
            pd.Series(column.values).isin(kept) | column.missing, column.values, OTHER
        )
        columns[position] = Column(column.kind, values, column.declared)
        merged.append(part.replace(x=Frame(columns, frame.rows, frame.names, index=frame.index)))
    return merged


def read_table_data(given, estimator, class_weight, validation_data):
    """Read the rows, and the weights of their classes, as `TableData` without splits."""
    make_target = estimator._make_target(given.y)
    if isinstance(estimator, DNNRegressor):
        if class_weight is not None:
            raise invalid("class_weight", "needs classes, not numbers", class_weight)
    elif class_weight is None:
        class_weight = getattr(estimator, "class_weight", None)
    else:
        estimator.set_params(class_weight=class_weight)
    rows, target = read_rows(given, make_target=make_target)
    parts = [rows]
    if validation_data is not None:
        parts.append(read_rows(unpack_validation_data(validation_data), target)[0])
    return TableData([weigh_classes(part, class_weight, target) for part in parts], target)


def kept_positions(cv, sample_weight):
    """`cv`, index pairs of all rows, for the rows that do not weigh 0; other `cv` as they are."""
    if not isinstance(cv, list) or sample_weight is None:
        return cv
    keep = np.asarray(read_weights(sample_weight)).ravel() > 0
    every, place = np.arange(len(keep)), np.cumsum(keep) - 1
    pairs = [[every[np.asarray(part)] for part in pair] for pair in cv]
    return [tuple(place[part[keep[part]]] for part in pair) for pair in pairs]


def estimator_of_kind(kind):
    """An estimator for a kind of problem, see `heads.Head.kind`."""
    return DNNRegressor() if kind == "number" else DNNClassifier()


def estimator_for(y, problem):
    """An estimator of the kind that y asks for."""
    target = infer_target(y, problem)
    if target is None and problem is not None and head_of(problem).ordered:
        return DNNClassifier(ordered=True)
    return DNNClassifier() if target is None else DNNRegressor(target=target)


def fit_encoder(estimator, rows):
    """The estimator's encoder, fitted on `rows`.

    It embeds no column of up to `MAX_CATEGORIES`, unless the estimator was given another limit.
    """
    settings = estimator._hyperparameters()
    limit = estimator.one_hot_limit or MAX_CATEGORIES
    encoder = TableEncoder(
        settings["scaling"], limit, estimator.categorical or (), estimator.columns
    )
    return encoder.fit(rows.x, sample_weight=rows.weights)
