"""`schedule=`, `warmup=`, `layer_norm=`, `residual=` and `wide=` through every entry point."""

import math
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import kerasdnn
from kerasdnn import (
    DataWarning,
    DNNClassifier,
    DNNRegressor,
    Population,
    build_classifier,
    build_multilabel_classifier,
    build_regressor,
    tune,
)
from kerasdnn.core.arguments import Unstackable
from kerasdnn.nn.schedules import CosLog, NamedSchedule
from kerasdnn.nn.skip import Residual, WideAndDeep

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
Y = (2 * X[:, 0] - X[:, 1] ** 2).astype("float32")
LABELS = (Y > 0).astype("int64")
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(city=RNG.choice(["Oslo", "Rome"], 120))
DEEP = {"layer_norm": True, "residual": True, "wide": True, "schedule": "cosine", "warmup": 0.2}


def relu(z):
    return np.maximum(z, 0)


def test_a_residual_network_is_its_equation():
    network = build_regressor(4, hidden_units=(3, 3), residual=True, seed=1)
    w1, b1, s1, w2, b2, w3, b3 = network.get_weights()
    h = X @ s1 + relu(X @ w1 + b1)
    h = h + relu(h @ w2 + b2)
    np.testing.assert_allclose(network.predict(X, verbose=0), h @ w3 + b3, rtol=1e-4, atol=1e-5)
    assert [layer.name for layer in network.layers] == ["residual_1", "residual_2", "output"]


def test_a_wide_network_adds_a_linear_model_before_the_activation():
    network = build_classifier(4, 3, (5,), wide=True, seed=1)
    w1, b1, w2, b2, wide = network.get_weights()
    z = relu(X @ w1 + b1) @ w2 + b2 + X @ wide
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.predict(X, verbose=0), p, rtol=1e-4, atol=1e-6)


def test_layer_normalization_is_its_equation():
    network = build_regressor(4, hidden_units=(6,), layer_norm=True, seed=1)
    w1, b1, gamma, beta, w2, b2 = network.get_weights()
    z = X @ w1 + b1
    z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-3)
    expected = relu(z * gamma + beta) @ w2 + b2
    np.testing.assert_allclose(network.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="either `layer_norm` or `batch_norm`"):
        build_regressor(4, layer_norm=True, batch_norm=True)


def test_other_weights_start_as_without_them():
    plain = build_multilabel_classifier(4, 2, (3,), seed=1).get_weights()
    more = build_multilabel_classifier(4, 2, (3,), residual=True, wide=True, seed=1).get_weights()
    for weight in plain:
        assert any(w.shape == weight.shape and (w == weight).all() for w in more)


def test_penalties_count_every_kernel():
    network = build_regressor(4, hidden_units=(3,), residual=True, wide=True, l2=0.1, seed=1)
    kernels = [w for w in network.get_weights() if w.ndim == 2]
    assert len(kernels) == 4
    expected = 0.1 * sum((w**2).sum() for w in kernels)
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["cosine", "one_cycle", "exponential"])
def test_a_schedule_spans_the_epochs_of_every_fit(name):
    """Against Keras with the rate of each step written out."""
    network = build_regressor(4, hidden_units=(3,), optimizer="sgd", schedule=name, seed=1)
    plain = build_regressor(4, hidden_units=(3,), optimizer="sgd", seed=1)
    for epochs in (3, 2):
        steps = epochs * math.ceil(120 / 32)
        rates = NamedSchedule(name, 0.01, steps)
        network.fit(X, Y, epochs=epochs, verbose=0)
        assert network.last_path == "compiled"
        order = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: setattr(
                plain.optimizer, "learning_rate", float(rates(done + plain_steps[0]))
            ),
            on_train_batch_end=lambda batch, logs: plain_steps.__setitem__(0, plain_steps[0] + 1),
        )
        done, plain_steps = 0, [0]
        plain.fit(X, Y, epochs=epochs, verbose=0, callbacks=[order])
        for a, b in zip(network.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_resumed_fit_goes_on_with_the_schedule():
    at_once, resumed = (
        build_regressor(4, hidden_units=(3,), schedule="cosine", warmup=0.2, seed=1)
        for _ in range(2)
    )
    at_once.fit(X, Y, epochs=4, verbose=0)

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    resumed.fit(X, Y, epochs=4, verbose=0, callbacks=[Stop()])
    resumed.fit(X, Y, epochs=4, initial_epoch=2, verbose=0)
    for a, b in zip(at_once.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_stream_counts_its_batches():
    import tensorflow as tf

    network = build_regressor(4, hidden_units=(3,), schedule="cosine", seed=1)
    network.fit(tf.data.Dataset.from_tensor_slices((X, Y)).batch(40), epochs=2, verbose=0)
    assert network.optimizer._learning_rate.steps == 6
    batches = ((X[:30], Y[:30]) for _ in range(8))
    with pytest.raises(ValueError, match="steps_per_epoch"):
        network.fit(batches, epochs=2, verbose=0)
    network.fit(batches, epochs=2, steps_per_epoch=4, verbose=0)
    assert network.optimizer._learning_rate.steps == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"schedule": "cosin"}, "'cosine'"),
        ({"schedule": "cosine", "optimizer": keras.optimizers.SGD()}, "brings its own rate"),
        ({"warmup": 0.1, "optimizer": {"class_name": "SGD"}}, "`warmup` needs the name"),
        ({"schedule": "cosine", "learning_rate": lambda: 0.1}, "must be|to be a number"),
        ({"warmup": 1.0}, "`warmup` must be"),
        ({"residual": "yes"}, "`residual` must be True or False"),
    ],
)
def test_what_excludes_a_schedule_is_an_error(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_regressor(4, **arguments)


@pytest.mark.parametrize("kind", [DNNClassifier, DNNRegressor])
def test_an_estimator_has_them_and_comes_back_from_a_file(kind, tmp_path):
    y = LABELS if kind is DNNClassifier else Y
    model = clone(kind(hidden_units=(6, 6), epochs=3, random_state=0, **DEEP)).fit(TABLE, y)
    assert model.hyperparameters_["schedule"] == "cosine"
    assert isinstance(model.network_.layers[-1], WideAndDeep)
    assert isinstance(model.network_.layers[-1].layers[0], Residual)
    schedule = model.network_.optimizer._learning_rate
    assert schedule.shape == "cosine"
    assert schedule.steps in (9, 12)  # of 3 epochs, 3 or 4 in each
    p = model.predict(TABLE)
    model.save(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(kerasdnn.load(tmp_path / "model.kerasdnn").predict(TABLE), p)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(TABLE), p)
    assert isinstance(str(model.health(TABLE, y)), str)


@pytest.mark.parametrize("format", ["numpy", "saved_model"])
def test_an_export_computes_the_same(format, tmp_path):
    # A temperature below 1 multiplies the float32 noise of the log-odds of extreme rows.
    settings = {"hidden_units": (6, 6), "epochs": 2, "random_state": 0, "calibrate": False}
    model = DNNClassifier("standard", **settings, **DEEP)
    model.fit(TABLE, LABELS).export(tmp_path / "export", format=format)  # which compares them


def test_realmlp_takes_schedules_and_refuses_other_layers():
    settings = {"hidden_units": (8,), "epochs": 3, "random_state": 0}
    model = DNNRegressor("realmlp", schedule="one_cycle", **settings).fit(TABLE, Y)
    assert model.network_.optimizer._learning_rate.shape == "one_cycle"
    own = DNNRegressor("realmlp", **settings).fit(TABLE, Y)
    assert type(own.network_.optimizer._learning_rate) is CosLog
    for name in ("layer_norm", "residual", "wide"):
        with pytest.raises(ValueError, match=f"`{name}` is not a hyperparameter of .*standard"):
            DNNRegressor("realmlp", **{name: True}).fit(TABLE, Y)


@pytest.mark.parametrize("name", DEEP)
def test_stacked_networks_refuse_them_by_name(name):
    with pytest.raises(Unstackable, match=f"Member 0: `{name}`"):
        Population([{name: DEEP[name]}], 4, problem="regression")


def test_a_search_trains_them_one_by_one_with_schedules_of_full_length():
    def space(hp):
        return {"schedule": hp.Choice("schedule", ["constant", "cosine"]), "residual": True}

    settings = {"hidden_units": (4,), "epochs": 4, "batch_size": 32, "verbose": 0}
    with pytest.warns(DataWarning, match="one by one"):
        result = tune(X, Y, space=space, oracle="grid", max_trials=None, seed=0, **settings)
    assert set(result.trials["schedule"]) == {"constant", "cosine"}
    rank = list(result.ranking["schedule"]).index("cosine")
    assert result.training(rank)["epochs"] == 4
    network = result.best_network(rank)
    assert float(network.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)
    again = build_regressor(4, **result.hyperparameters(rank))
    assert isinstance(again.layers[0], Residual)
