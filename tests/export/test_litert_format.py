"""The LiteRT models: numbers in, the encoder inside, float and int8."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from _export_models import N, fitted, mixed_table

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.export.litert_format import FILES, quiet, softplus


def numbers():
    table = mixed_table()[["age", "member", "took"]]
    years = np.where(np.arange(N) % 9, 2000.0 + np.arange(N) % 13, np.nan)
    far = 1e6 + np.random.default_rng(0).normal(size=N)  # float32 alone has it to 0.06
    return table.assign(year=years, far=far.astype("float32"))


def run(path, x):
    interpreter = tf.lite.Interpreter(model_path=str(path))
    given, taken = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(given["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(taken["index"])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_encoder_is_inside_and_both_accuracies_are_printed(tmp_path, capsys):
    X, y = numbers(), np.array(["a", "b", "c"])[np.arange(N) % 3]
    model = fitted(DNNClassifier("realmlp", epochs=1, random_state=0), X, y)
    manifest = model.export(tmp_path / "out", format="litert")
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == list(FILES.values())
    assert printed.count("kB, largest difference") == printed.count("equal labels") == 2
    compared = manifest["proof"]["compared"]
    assert compared["float"]["largest_difference"] < 1e-5 < compared["int8"]["largest_difference"]
    assert (
        compared["float"]["largest_difference"] == (manifest["proof"]["largest_difference"]["all"])
    )
    assert compared["int8"]["equal_labels"] > 0.95
    small, large = (manifest["files"][FILES[name]]["bytes"] for name in ("int8", "float"))
    assert small < large / 2
    assert manifest["labels"] == ["a", "b", "c"]
    assert [one["column"] for one in manifest["inputs"]] == list(X)
    x = X.assign(took=X["took"].dt.total_seconds()).to_numpy("float32")
    expected = model.predict_proba(X)
    np.testing.assert_allclose(run(tmp_path / "out" / FILES["float"], x), expected, atol=1e-5)
    found = run(tmp_path / "out" / FILES["int8"], x)
    assert 1e-6 < np.abs(found - expected).max() < 0.2


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (DNNClassifier("standard"), np.arange(N) % 2 == 1),
        (DNNRegressor("standard", quantiles=(0.1, 0.5, 0.9)), np.arange(N) * 3.0),
    ],
    ids=["binary", "quantiles"],
)
def test_problems_of_numeric_tables_are_exported(estimator, y, tmp_path):
    X = numbers().drop(columns="took")
    model = fitted(estimator.set_params(epochs=1, random_state=0), X, y)
    manifest = model.export(tmp_path / "out", format="litert")
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5
    classes = isinstance(estimator, DNNClassifier)
    assert ("equal_labels" in manifest["proof"]["compared"]["int8"]) == classes


def test_other_columns_than_numbers_are_refused_by_name(tmp_path):
    X = mixed_table()[["age", "city", "since", "smokes", "note", "income"]]
    model = fitted(DNNRegressor(epochs=1, random_state=0), X, np.arange(N) * 1.0)
    with pytest.raises(ValueError, match=r"'city' holds categories.*format='numpy'") as error:
        model.export(tmp_path / "out", format="litert")
    for name in ("since", "smokes", "note", "income"):
        assert f"column {name!r}" in str(error.value)
    assert "'age'" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_network_is_exported(tmp_path, capsys):
    kl = keras.layers
    layers = [kl.Dense(40, "mish"), kl.Dense(40, keras.ops.sin), kl.Dense(40, "gelu"),
              kl.Dense(2, "softplus")]  # fmt: skip
    network = kerasdnn.Network([keras.Input((4,)), *layers], seed=0)
    manifest = network.export(tmp_path / "out", format="litert")
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5
    assert "equal_labels" not in manifest["proof"]["compared"]["int8"]
    assert "model_int8.tflite" in capsys.readouterr().out


def test_a_layer_without_an_operation_is_an_error_and_leaves_nothing_behind(tmp_path):
    network = kerasdnn.Network([keras.Input((3,)), keras.layers.Dense(3, keras.ops.erfinv)])
    with pytest.raises(ValueError, match=r"(?s)format='litert' cannot compute.*'numpy'"):
        network.export(tmp_path / "out", format="litert")
    assert not list(tmp_path.iterdir())


def test_softplus_does_not_overflow():
    x = np.array([-1e4, -90, -1, 0, 1e-3, 90, 1e4], "float32")
    found = softplus(tf.constant(x)).numpy()
    np.testing.assert_allclose(found, np.logaddexp(x.astype("float64"), 0), rtol=1e-6, atol=1e-7)


def test_errors_pass_while_the_converter_is_quiet(capfd):
    def noisy():
        with quiet():
            os.write(2, b"noise")
            raise KeyError

    with pytest.raises(KeyError):
        noisy()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_a_file_of_keras_stays_one_of_keras(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(keras.Sequential, "export", lambda self, path, **k: seen.append(path))
    network = kerasdnn.build_regressor(2, hidden_units=(3,), seed=0)
    network.export("net.tflite", format="litert")
    network.export("net.onnx", format="onnx")
    assert seen == ["net.tflite", "net.onnx"]
