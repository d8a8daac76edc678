"""Initial values from the data: what the rows look like behind every layer."""

import keras
import numpy as np
import pytest

from kerasdnn.estimators.realmlp import ROWS_PER_BIAS, set_layer, start_from_data
from kerasdnn.nn.realmlp_layers import NTKDense, Scale


def test_every_unit_starts_with_spread_one_and_its_zero_among_the_rows():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 6)) * [1, 5, 0.1, 1, 1, 20]).astype("float32")
    layers = [NTKDense(50), NTKDense(40, "tanh"), NTKDense(3)]
    network = keras.Sequential([keras.Input((6,)), Scale(), *layers])
    start_from_data(network, x, rng)
    h = keras.ops.convert_to_tensor(x)
    for layer in layers:
        z = keras.ops.convert_to_numpy(h @ layer.kernel) / np.sqrt(h.shape[1])
        assert z.std(axis=0) == pytest.approx(np.ones(layer.units), abs=1e-3)
        bias = keras.ops.convert_to_numpy(layer.bias)
        assert (z.min(axis=0) <= -bias).all()  # a mean of rows lies between them
        assert (-bias <= z.max(axis=0)).all()
        h = layer(h)


def test_the_bias_is_the_weighted_mean_of_five_rows_taken_away():
    layer = NTKDense(4)
    layer.build((None, 3))
    x = np.random.default_rng(1).normal(size=(30, 3))
    set_layer(layer, x, np.random.default_rng(2))
    rng = np.random.default_rng(2)
    kernel = rng.standard_normal((3, 4))
    z = x @ kernel / np.sqrt(3)
    z /= z.std(axis=0)
    rows, share = (
        rng.integers(30, size=(ROWS_PER_BIAS, 4)),
        rng.exponential(size=(ROWS_PER_BIAS, 4)),
    )
    for j in range(4):
        by_hand = -np.average(z[rows[:, j], j], weights=share[:, j])
        assert float(layer.bias[j]) == pytest.approx(by_hand, abs=1e-5)


def test_a_unit_that_sees_no_spread_keeps_its_weights_finite():
    layer = NTKDense(2)
    layer.build((None, 3))
    set_layer(layer, np.zeros((9, 3)), np.random.default_rng(0))
    assert np.isfinite(layer.get_weights()[0]).all()


def test_two_logits_in_one_start_with_the_spread_of_their_difference():
    layer = NTKDense(1, gain=2.0)
    layer.build((None, 3))
    x = np.random.default_rng(3).normal(size=(400, 3)).astype("float32")
    set_layer(layer, x, np.random.default_rng(4))
    assert keras.ops.convert_to_numpy(layer(x)).std() == pytest.approx(np.sqrt(2), abs=0.01)
