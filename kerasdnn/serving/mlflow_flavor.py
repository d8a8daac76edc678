"""Fitted estimators as MLflow models (`mlflow.pyfunc`), without a pickle.

    from kerasdnn.serving import mlflow_flavor

    mlflow_flavor.autolog()                           # every `fit` of an estimator from here on, or
    with mlflow.start_run():
        mlflow_flavor.log_training(model)             # parameters, metrics by epoch, scores
        mlflow_flavor.log_model(model, name="model")
    mlflow.pyfunc.load_model("models:/...").predict(frame)      # a DataFrame of predictions

The MLflow model holds the file that `model.save` writes. `pip install 'kerasdnn[mlflow]'`.
"""

import contextlib
import functools
import importlib
import math
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.messages import to_python
from ..estimators.base import TableEstimator
from ..estimators.files.archive import load
from ..records.card import html_card
from ..records.contents import versions
from ..records.refitting import record_of
from .predictions import predictions
from .requests import columns_of

FILE = "model.kerasdnn"
DATES = {"datetime": "2020-01-01", "instant": "2020-01-01T00:00:00Z"}


def imported() -> Any:
    """The package `mlflow` with `mlflow.pyfunc`."""
    try:
        importlib.import_module("mlflow.pyfunc")
        return importlib.import_module("mlflow")
    except ImportError as error:
        raise ImportError("This needs mlflow: pip install 'kerasdnn[mlflow]'") from error


def save_model(model: Any, path: str | PathLike, **arguments: Any) -> None:
    """Write a fitted estimator as an MLflow model, with signature and input example.

    Args:
        model: fitted `DNNClassifier` or `DNNRegressor`, trained on a table with column names.
        path: str or Path of the folder to create.
        **arguments: other arguments of `mlflow.pyfunc.save_model`, such as `input_example`.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.serving import mlflow_flavor

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25})
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, ["yes", "no"] * 50)
        mlflow_flavor.save_model(model, "exported_model")
    """
    _write(imported().pyfunc.save_model, model, path=str(path), **arguments)


def log_model(model: Any, name: str, **arguments: Any) -> Any:
    """Log a fitted estimator to the active run; see `save_model`.

    Args:
        model: fitted `DNNClassifier` or `DNNRegressor`, trained on a table with column names.
        name: str, the name of the model in the run.
        **arguments: other arguments of `mlflow.pyfunc.log_model`, such as `input_example`.

    Returns:
        `mlflow.models.model.ModelInfo`.

    Example:
        import mlflow
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.serving import mlflow_flavor

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25})
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, ["yes", "no"] * 50)
        with mlflow.start_run():
            mlflow_flavor.log_model(model, name="model")
    """
    return _write(imported().pyfunc.log_model, model, name=name, **arguments)


def _write(function, model, **arguments):
    arguments = {"signature": signature_of(model), "input_example": example_of(model), **arguments}
    arguments.setdefault("pip_requirements", [f"kerasdnn=={versions()['kerasdnn']}"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, FILE)
        model.save(file)
        return function(loader_module=__name__, data_path=str(file), **arguments)


def _load_pyfunc(path: str) -> "Predictor":
    """What `mlflow.pyfunc.load_model` calls."""
    path_of_file = Path(path)
    return Predictor(load(path_of_file / FILE if path_of_file.is_dir() else path_of_file))


class Predictor:
    """The model that `mlflow.pyfunc` wraps: DataFrames in, DataFrames out."""

    def __init__(self, model: Any):
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        return predictions(self.model, model_input)


def signature_of(model: Any) -> Any:
    """The signature: columns by name; text is a string, other columns are checked by the model."""
    imported()
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    columns = [
        ColSpec(
            "string" if column.types == ("string",) and column.kind == "category" else AnyType(),
            name=column.name,
            required=column.required,
        )
        for column in columns_of(model)
    ]
    found = predictions(model, example_of(model))
    kinds = {"f": "double", "i": "long", "b": "boolean"}
    outputs = [ColSpec(kinds.get(dtype.kind, "string"), name=str(name))
               for name, dtype in found.dtypes.items()]  # fmt: skip
    return ModelSignature(Schema(columns), Schema(outputs))


def example_of(model: Any) -> pd.DataFrame:
    """A row that the model accepts, of typical values."""
    row: dict[str, Any] = {}
    for column, state in zip(columns_of(model), model.encoder_.states_, strict=True):
        if column.examples:
            row[column.name] = to_python(column.examples[0])
            if state.kind == "boolean":
                row[column.name] = False
        elif state.kind in DATES:
            row[column.name] = DATES[state.kind]
        elif getattr(state, "parts", None) and state.role == "numeric":
            row[column.name] = round(float(state.parts[0][1]), 6)
        else:
            row[column.name] = "text" if state.kind == "text" else None
    return pd.DataFrame([row], dtype=object).infer_objects()


def autolog(*, log_models: bool = True, disable: bool = False) -> None:
    """Log every later `fit` of an estimator: to the active run, else to a run of its own.

    What `log_training` logs is logged, and the model under the name "model". Stock
    `mlflow.keras.autolog` never sees an estimator, whose network does not call `keras.Model.fit`.

    Args:
        log_models: bool, whether the model is logged, too; it must have named columns. Default:
            True.
        disable: bool, True ends the logging. Default: False.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.serving import mlflow_flavor

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25})
        mlflow_flavor.autolog(log_models=False)
        DNNClassifier("standard", epochs=2, random_state=0).fit(frame, ["yes", "no"] * 50)
        mlflow_flavor.autolog(disable=True)
    """
    fit = getattr(TableEstimator._fit, "__wrapped__", TableEstimator._fit)
    if disable:
        TableEstimator._fit = fit  # type: ignore[method-assign]
        return
    mlflow = imported()

    @functools.wraps(fit)
    def fit_and_log(self, *args, **kwargs):
        fitted = fit(self, *args, **kwargs)
        active = mlflow.active_run()
        with contextlib.nullcontext() if active else mlflow.start_run():
            log_training(fitted)
            if log_models:
                log_model(fitted, name="model")
        return fitted

    TableEstimator._fit = fit_and_log  # type: ignore[method-assign]


def log_training(model: Any) -> None:
    """Log the record of a fitted estimator to the active run.

    Hyperparameters are parameters; the history is metrics by epoch; the scores on the validation
    rows are metrics with their intervals; the record and the model card are artifacts.

    Args:
        model: fitted estimator with a record.

    Example:
        import mlflow
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.serving import mlflow_flavor

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25})
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, ["yes", "no"] * 50)
        with mlflow.start_run():
            mlflow_flavor.log_training(model)
    """
    mlflow, record = imported(), record_of(model)
    mlflow.log_params({k: str(v)[:500] for k, v in record["hyperparameters"].items()})
    mlflow.set_tags({f"version.{name}": value for name, value in record["versions"].items()})
    for epoch, row in model.history_.iterrows():
        finite = {k: float(v) for k, v in row.items() if math.isfinite(v)}
        mlflow.log_metrics(finite, step=int(epoch))
    for name, score in record["scores"].items():
        parts = {f"best_{name}": score["value"], f"best_{name}_low": score["low"],
                 f"best_{name}_high": score["high"]}  # fmt: skip
        mlflow.log_metrics({k: v for k, v in parts.items() if v is not None})
    mlflow.log_dict(record, "record.json")
    mlflow.log_text(html_card(record), "card.html")
