"""Residual layers and wide & deep networks, against the equations."""

import keras
import numpy as np
import pytest

from kerasdnn.nn.skip import Residual, WideAndDeep

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Dense = keras.layers.Dense


def test_a_residual_layer_adds_its_input_to_its_output():
    layer = Residual([Dense(4, "tanh")])
    found = np.asarray(layer(X))
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(found, X + np.tanh(X @ kernel + bias), rtol=1e-5)


def test_a_shortcut_adapts_the_width():
    layer = Residual([Dense(3, "relu")], Dense(3, use_bias=False))
    assert layer.compute_output_shape((None, 4)) == (None, 3)
    found = np.asarray(layer(X))
    kernel, bias, shortcut = layer.get_weights()
    expected = X @ shortcut + np.maximum(X @ kernel + bias, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_wide_and_deep_adds_both_before_the_activation():
    layer = WideAndDeep([Dense(5, "relu"), Dense(2)], Dense(2, use_bias=False), "sigmoid")
    found = np.asarray(layer(X))
    w1, b1, w2, b2, wide = layer.get_weights()
    z = np.maximum(X @ w1 + b1, 0) @ w2 + b2 + X @ wide
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-z)), rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        Residual([Dense(3, "relu"), keras.layers.Dropout(0.5)], Dense(3, use_bias=False)),
        WideAndDeep([Dense(5, "relu"), Dense(2)], Dense(2, use_bias=False), "sigmoid"),
    ],
    ids=["residual", "wide"],
)
def test_a_file_of_plain_keras_restores_them(layer, tmp_path):
    network = keras.Sequential([keras.Input((4,)), layer])
    network.save(tmp_path / "n.keras")
    again = keras.models.load_model(tmp_path / "n.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), network.predict(X, verbose=0))
    assert [type(x) for x in again.layers[-1].layers] == [type(x) for x in layer.layers]


def test_dropout_inside_acts_during_training_only():
    layer = Residual([Dense(4, "relu"), keras.layers.Dropout(0.5, seed=0)])
    assert not np.allclose(layer(X, training=True), layer(X, training=False))
    np.testing.assert_array_equal(layer(X, training=False), layer(X))
