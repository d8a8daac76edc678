"""Estimators as MLflow models: signature, example, equal predictions, and what is logged."""

import json

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("mlflow")

import mlflow

from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.serving import mlflow_flavor

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, 80),
        "city": RNG.choice(["Oslo", "Bonn"], 80),
        "since": pd.date_range("2020-01-01", periods=80),
        "member": RNG.choice([True, False], 80),
    }
)
Y = pd.Series(np.where(X["age"] + RNG.normal(0, 9, 80) > 48, "yes", "no"), name="bought")
FAST = {"preset": "standard", "hidden_units": (8,), "epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return DNNClassifier(**FAST).fit(X, Y)


def test_an_mlflow_model_predicts_the_same(model, tmp_path):
    mlflow_flavor.save_model(model, tmp_path / "model")
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    found = loaded.predict(X)
    assert found["prediction"].tolist() == model.predict(X).tolist()
    np.testing.assert_array_equal(found["probability of yes"], model.predict_proba(X)[:, 1])
    assert loaded.metadata.signature.inputs.input_names() == list(X)
    assert loaded.metadata.signature.outputs.input_names() == list(found)
    example = loaded.input_example
    assert len(loaded.predict(example)) == 1
    assert not list((tmp_path / "model").rglob("*.pkl"))


def test_gaps_and_whole_numbers_are_accepted_in_any_column(model, tmp_path):
    mlflow_flavor.save_model(model, tmp_path / "model")
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    gaps = X.head(3).astype({"age": "float64"})
    gaps.loc[1, ["age", "city"]] = None
    assert len(loaded.predict(gaps)) == 3


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The store of runs is a folder, without a database."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    yield
    mlflow.set_tracking_uri(before)


def test_autolog_logs_every_fit_until_it_is_disabled(runs):
    mlflow_flavor.autolog()
    try:
        mlflow_flavor.autolog()  # twice is once
        fitted = DNNClassifier(**FAST).fit(X, Y)
    finally:
        mlflow_flavor.autolog(disable=True)
    DNNClassifier(**FAST).fit(X, Y)
    (found,) = mlflow.search_runs(output_format="list")
    assert found.data.params["optimizer"] == "adam"
    (logged,) = mlflow.search_logged_models(output_format="list")
    loaded = mlflow.pyfunc.load_model(logged.model_uri)
    assert loaded.predict(X)["prediction"].tolist() == fitted.predict(X).tolist()


def test_a_training_is_logged_with_parameters_metrics_and_record(runs, tmp_path):
    fitted = DNNRegressor(**FAST).fit(X, X["age"] * 1.5 + RNG.normal(size=80))
    experiment = mlflow.create_experiment("e", artifact_location=(tmp_path / "a").as_uri())
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow_flavor.log_training(fitted)
    found = mlflow.get_run(run.info.run_id).data
    assert found.params["hidden_units"] == "[8]"
    score = fitted.record_["scores"]["mean_absolute_error"]["value"]
    assert found.metrics["best_mean_absolute_error"] == pytest.approx(score)
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "val_loss")
    assert [m.value for m in history] == pytest.approx(fitted.history_["val_loss"].tolist())
    record = next((tmp_path / "a").rglob("record.json"))
    assert json.loads(record.read_text())["seeds"]["random_state"] == 0
