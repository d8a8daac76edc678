"""The predictions of a model as a table with a name for every column."""

from typing import Any

import numpy as np
import pandas as pd


def predictions(model: Any, X: pd.DataFrame) -> pd.DataFrame:
    """What a fitted estimator predicts, a row per row of X.

    Args:
        model: fitted `DNNClassifier` or `DNNRegressor`.
        X: table, as in `predict`.

    Returns:
        DataFrame with `prediction`, and for a classifier `probability of ...` per class; for
        several labels or targets a column per label or target, for quantiles one per quantile.
    """
    found = np.asarray(model.predict(X))
    if not hasattr(model, "classes_"):
        if found.ndim == 1:
            return pd.DataFrame({"prediction": found})
        return pd.DataFrame(dict(zip(names_of_outputs(model), found.T, strict=True)))
    labels = [str(label) for label in model.classes_]
    columns = {"prediction": found}
    if found.ndim == 2:  # 0 or 1 per label
        columns = dict(zip((f"prediction of {label}" for label in labels), found.T, strict=True))
    probabilities = (f"probability of {label}" for label in labels)
    return pd.DataFrame(columns | dict(zip(probabilities, model.predict_proba(X).T, strict=True)))


def names_of_outputs(model: Any) -> list[str]:
    """The names of the outputs of a regressor that has several."""
    levels = getattr(model.target_.head, "levels", ())
    record = getattr(model, "record_", None) or {"data": {"target": {"name": None}}}
    targets, count = record["data"]["target"]["name"], model.target_.n
    if levels:
        return [f"quantile {level:g}" for level in levels]
    if isinstance(targets, list) and len(targets) == count:
        return [f"prediction of {name}" for name in targets]
    return [f"prediction {k}" for k in range(count)]
