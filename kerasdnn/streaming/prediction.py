"""Predict and evaluate on a table that is read in parts, and write predictions to Parquet."""

import numpy as np
from sklearn.metrics import accuracy_score, r2_score

from ..core import keras_internals
from ..core.atomic_files import atomic_write
from ..core.messages import invalid, quoted_list
from ..core.rows import Rows
from ..heads.loss import mean_loss
from ..heads.metrics import check_metrics, make_metrics
from ..tables.rows import read_rows
from .source import open_source, target_columns


def needed(estimator, source):
    """Return the columns of `source` that a fitted estimator reads."""
    names = estimator.encoder_.names_
    if names is None:
        return source.names
    return [name for name in names if name in source.names]


def outputs(estimator, X, output):
    """Compute `output`, a function of a DataFrame, for a table that is read in parts."""
    source = open_source(X)
    frames = source.frames(needed(estimator, source))
    return np.concatenate([output(frame) for frame in frames])


def predict_to(estimator, X, path, copy=()):
    """Write predictions to a Parquet file; see `TableEstimator.predict_to`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = open_source(X)
    unknown = [name for name in copy if name not in source.names]
    if unknown:
        remedy = f"X has the columns {quoted_list(source.names, 20)}."
        raise invalid("copy", "must name columns of X", list(copy), remedy)
    features = needed(estimator, source)
    columns = list(dict.fromkeys([*features, *copy]))
    rows, writer = 0, None
    with atomic_write(path) as temporary:
        try:
            for frame in source.frames(columns):
                found = {name: frame[name] for name in copy}
                found |= predictions(estimator, frame[features])
                table = pa.table({k: pa.array(v, from_pandas=True) for k, v in found.items()})
                if writer is None:
                    writer = pq.ParquetWriter(temporary, table.schema)
                writer.write_table(table.cast(writer.schema))
                rows += len(frame)
        finally:
            if writer is not None:
                writer.close()
    return rows


def predictions(estimator, frame):
    """Return the predictions for a DataFrame by name of the column they are written to."""
    found = {}
    if hasattr(estimator, "predict_proba"):
        p = estimator.predict_proba(frame)
        if estimator.target_.head.kind != "labels":
            found["prediction"] = estimator._decided_of(p)
        found |= {f"probability of {c}": p[:, k] for k, c in enumerate(estimator.classes_)}
        return found
    y = estimator.predict(frame)
    if y.ndim == 1:
        return {"prediction": y}
    names = estimator.target_.head.levels or range(y.shape[1])
    return {f"prediction {name}": y[:, k] for k, name in enumerate(names)}


def evaluate_source(estimator, X, y):
    """Compute loss and metrics in one pass; see `TableEstimator.evaluate`."""
    source, target = open_source(X), estimator.target_
    names, head = target_columns(source, y), target.head
    features = [name for name in needed(estimator, source) if name not in names]
    found = {}
    made = [make_metrics(head, target.n, check_metrics(head, estimator.hyperparameters_["metrics"]))
            for _ in range(2)]  # fmt: skip
    scores = [keras_internals.compile_metrics(None, metrics) for metrics in made]
    losses, rows = np.zeros(2), 0
    for frame in source.frames([*features, *names]):
        labels = frame[names[0]] if len(names) == 1 else frame[names]
        part, _ = read_rows(Rows(frame[features], labels), target)
        output = estimator._evaluated(part.x)
        truth = part.y.reshape(len(part), -1).astype("int32" if head.per_class else "float32")
        for k, guess in enumerate((output, np.broadcast_to(target.baseline, output.shape))):
            guess = guess.astype("float32")
            scores[k].update_state(truth, guess)
            losses[k] += mean_loss(head, truth, guess, None) * len(part)
        rows += len(part)
    for k, prefix in enumerate(("", "baseline_")):
        found[f"{prefix}loss"] = float(losses[k] / rows)
        found |= {prefix + name: float(v) for name, v in scores[k].result().items()}
    return found


def score_source(estimator, X, y):
    """Compute the accuracy or R2 of predictions; the target's column is read into memory."""
    source = open_source(X)
    names = target_columns(source, y)
    if len(names) > 1 or getattr(estimator.target_.head, "levels", None):
        rule = "must name one column, and no quantiles be predicted, for a score"
        raise invalid("y", rule, y, "`evaluate` computes loss and metrics in parts.")
    truth = np.concatenate([frame[names[0]].to_numpy() for frame in source.frames(names)])
    found = estimator.predict(source)
    return float((accuracy_score if hasattr(estimator, "classes_") else r2_score)(truth, found))
