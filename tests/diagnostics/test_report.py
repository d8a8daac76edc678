"""The callback and `health`: what they measure against NumPy, what they leave untouched."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import kerasdnn
from kerasdnn import Diagnostics, DNNClassifier, health

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")


def network(**arguments):
    return kerasdnn.build_classifier(64, 10, (16, 8), seed=0, **arguments)


def test_watching_changes_nothing_of_the_run():
    plain, watched = network(dropout=0.2), network(dropout=0.2)
    runs = [
        plain.fit(X, Y, epochs=3, verbose=0),
        watched.fit(X, Y, epochs=3, verbose=0, callbacks=[Diagnostics(X, Y, every=1)]),
    ]
    assert runs[0].history == runs[1].history
    for one, other in zip(plain.get_weights(), watched.get_weights(), strict=True):
        assert (one == other).all()
    assert watched.last_path == "compiled"


def test_a_look_before_training_and_one_after_every_epoch():
    watch = Diagnostics(X, Y, every=1)
    network().fit(X, Y, epochs=3, verbose=0, callbacks=[watch])
    assert watch.history["epoch"].unique().tolist() == [0, 1, 2, 3]
    assert watch.history["layer"].unique().tolist() == ["hidden_1", "hidden_2", "output"]
    first, later = watch.history.query("epoch == 0"), watch.history.query("epoch > 0")
    assert first["update"].isna().all()
    assert later["update"].between(1e-5, 1e-1).all()


def test_an_update_is_the_way_of_the_weights_per_step():
    model, watch = network(), Diagnostics(X, Y, every=1)
    before = model.layers[0].get_weights()[0]
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[watch])
    after = model.layers[0].get_weights()[0]
    steps = int(model.optimizer.iterations)
    by_hand = np.sqrt(((after - before) ** 2).mean()) / steps / np.sqrt((after**2).mean())
    assert watch.health().layers.loc["hidden_1", "update"] == pytest.approx(by_hand, rel=1e-4)


def test_gradients_are_those_of_a_softmax_layer_by_hand():
    model = kerasdnn.Network([keras.Input((64,)), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    rows, labels = X[:200], Y[:200]
    kernel, bias = model.get_weights()
    z = rows @ kernel + bias
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    gradient = rows.T @ (p - np.eye(10)[labels]) / len(rows)
    found = health(model, rows, labels).layers
    assert found["gradient"].item() == pytest.approx(np.sqrt((gradient**2).mean()), rel=1e-4)
    assert found["weight"].item() == pytest.approx(np.sqrt((kernel**2).mean()), rel=1e-5)


def test_dead_and_saturated_units_are_counted():
    model = network()
    kernel, bias = model.layers[0].get_weights()
    bias[:4], bias[4:] = -100.0, 10.0  # relu: four of sixteen units are 0 for every row
    model.layers[0].set_weights([kernel, bias])
    assert health(model, X, Y).layers.loc["hidden_1", "dead"] == 0.25
    tanh = network(activation="tanh")
    kernel, bias = tanh.layers[0].get_weights()
    bias[:8] = 5.0
    tanh.layers[0].set_weights([kernel * 0.01, bias])
    assert health(tanh, X, Y).layers.loc["hidden_1", "saturated"] == 0.5
    assert health(model, X, Y).layers["saturated"].isna().all()


def test_left_alone_it_looks_as_often_as_its_budget_allows():
    watch = Diagnostics(X, Y)
    network().fit(X, Y, epochs=200, verbose=0, callbacks=[watch])
    looks = watch.history["epoch"].unique()
    assert looks[0] == 0
    assert looks[-1] == 200
    assert len(looks) < 200


def test_tensorboard_finds_the_measurements(tmp_path):
    import tensorflow as tf

    model = network()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[Diagnostics(X, Y, every=1, log_dir=tmp_path)])
    tags = {
        value.tag
        for file in tmp_path.iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert {"gradient/hidden_1", "update/output", "dead/hidden_2"} <= tags


def test_an_estimator_tells_its_health():
    frame = pd.DataFrame(X).add_prefix("p")
    model = DNNClassifier("standard", epochs=5, random_state=0).fit(frame, Y)
    found = model.health(frame, Y)
    assert found.findings == []
    assert list(found.layers.index) == ["hidden_1", "hidden_2", "output"]
    assert str(found).split("\n")[1] == found.verdict == "Nothing is wrong."
    assert "Measured on 512 rows. History of 5 epochs." in str(found)
    assert "<table" in found._repr_html_()
    full = DNNClassifier("realmlp", epochs=5, random_state=0).fit(frame, Y)
    assert full.health(frame, Y).layers.index[0] == "hidden_1"


JAX = """
import numpy as np
from kerasdnn import build_classifier, health
network = build_classifier(4, 2, seed=0)
x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
history = network.fit(x, x[:, 0] > 0, epochs=2, verbose=0)
found = health(network, x, x[:, 0] > 0, history)
assert found.layers["gradient"].isna().all()
print(found)
"""


def test_what_was_not_measured_is_told(tmp_path):
    pytest.importorskip("jax")
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "KERAS_BACKEND": "jax"}
    told = subprocess.run(
        [sys.executable, "-c", JAX], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    assert (
        "Not measured: gradients, which require the TensorFlow backend (here: jax)." in told.stdout
    )
    assert "Nothing is wrong in what was measured." in told.stdout


def test_a_network_without_a_history_is_not_said_to_be_healthy():
    words = str(health(network(), X, Y))
    assert "Not measured: the training loss" in words
    assert "Nothing is wrong." not in words


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`X` and `y` must .* Received: 1,797 and 5"):
        health(network(), X, Y[:5])
    with pytest.raises(ValueError, match=r"same number of rows. Received: 1797 and 5"):
        Diagnostics(X, Y[:5])
    holed = X.copy()
    holed[7, 3] = np.nan
    with pytest.raises(ValueError, match=r"Column 3 of `X` contains.*row 7"):
        health(network(), holed, Y)
    with pytest.raises(ValueError, match="must have layers with a kernel"):
        health(kerasdnn.Network([keras.Input((64,)), keras.layers.Flatten()]), X, Y)
    with pytest.raises(ValueError, match="no measurements yet"):
        Diagnostics(X, Y).health()
    with pytest.raises(ValueError, match="`every` must be"):
        Diagnostics(X, Y, every=0)
