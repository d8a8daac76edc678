"""Search over a table that is read in parts: trials on a sample, the best estimator on all rows.

Trials need many passes over their rows. They share a random sample of up to 131,072 rows, which is
drawn in one pass and kept in memory; everything is then as for a table in memory. Only the best
estimator is trained on all rows, in parts.
"""

from ..core.messages import invalid
from ..core.rows import unpack_validation_data
from ..core.sources import is_source
from ..streaming.source import open_source, target_columns
from ..streaming.training import SAMPLE_ROWS, in_memory, sample_of
from .table_data import estimator_for
from .table_search import tune_table


def tune_source(given, problem, estimator, class_weight, validation_data, settings):
    """`tune` for a table that is read in parts.

    Args:
        given: `Rows` of what `open_source` accepts, and the name of a column as y.
        problem: as in `tune`.
        estimator: `DNNClassifier` or `DNNRegressor` whose settings hold for all trials, or None.
        class_weight, validation_data: see `tune`.
        settings: checked `SearchSettings`.

    Returns:
        `SearchResult`.
    """
    for name, value in (("sample_weight", given.weights), ("groups", given.groups),
                        ("time", given.time)):  # fmt: skip
        if value is not None:
            received = f"an object of type {type(value).__name__}"
            raise invalid(name, "is not supported where X is read in parts", received=received)
    if settings.batch_size == "full":
        raise invalid("batch_size", "must be an integer where X is read in parts", "full")
    source = open_source(given.x)
    names = target_columns(source, given.y)
    X, y = sample_of(source, names, settings.seed or 0, SAMPLE_ROWS)
    fit_arguments = {"X": source, "y": given.y}
    if validation_data is not None:
        fit_arguments["validation_data"] = validation_data
        rows = unpack_validation_data(validation_data)
        if is_source(rows.x):
            rows = in_memory(rows)
            validation_data = (rows.x, rows.y)
    if estimator is None:
        estimator = estimator_for(y, problem)
    return tune_table(
        given.replace(x=X, y=y), estimator, class_weight, validation_data, settings, fit_arguments
    )
