"""The loss and the metrics of an estimator on a table, beside those of a trivial baseline."""

import numpy as np
from keras.src.trainers.compile_utils import CompileMetrics

from .heads import check_metrics, head_of, make_loss, make_metrics


def judge(estimator, part):
    """`{"loss": ..., metric: ..., "baseline_loss": ..., ...}` of a fitted estimator.

    Args:
        estimator: fitted `DNNClassifier` or `DNNRegressor`.
        part: `fit_table.Part`, y in its own units.
    """
    target = estimator.target_
    output = estimator.network_.predict(
        estimator.encoder_.transform(part.frame, warn_unseen=True), verbose=0
    )
    if hasattr(target, "from_network"):
        output = target.from_network(output).reshape(len(output), -1)
    guess = np.broadcast_to(target.baseline, output.shape)
    own = scores(estimator, part, output)
    return own | {
        f"baseline_{name}": value for name, value in scores(estimator, part, guess).items()
    }


def scores(estimator, part, prediction):
    target = estimator.target_
    head = head_of(target.problem)
    y = part.y.reshape(len(part.y), -1).astype("float32")
    if target.problem == "multiclass":
        y = y.astype("int32")
    prediction = prediction.astype("float32")
    weights = None
    if part.weights is not None:
        weights = (part.weights / part.weights.mean()).astype("float32")
    metrics = check_metrics(head, estimator.hyperparameters_["metrics"])
    metrics = CompileMetrics(None, make_metrics(head, target.n, metrics))
    metrics.update_state(y, prediction, sample_weight=weights)
    loss = make_loss(head)(y, prediction, sample_weight=weights)
    return {"loss": float(loss)} | {name: float(v) for name, v in metrics.result().items()}
