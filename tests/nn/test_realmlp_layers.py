"""The layers of RealMLP against their equations in NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasdnn.nn.realmlp_layers import (
    NTKDense,
    ParametricActivation,
    PeriodicEmbedding,
    Scale,
    ScheduledDropout,
    cosine_of_turns,
    noise,
)

X = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def randomised(layer, x=X):
    """The layer with random weights, and these by name."""
    layer(x)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer, {weight.name: array(weight) for weight in layer.trainable_weights}


def test_scale_is_a_factor_per_column():
    layer, w = randomised(Scale())
    assert array(layer(X)) == pytest.approx(X * w["scale"], abs=1e-6)


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_ntk_dense_has_its_factor_in_the_forward_pass(gain):
    layer, w = randomised(NTKDense(3, "relu", gain))
    by_hand = np.maximum(gain * (X @ w["kernel"] / np.sqrt(5) + w["bias"]), 0)
    assert array(layer(X)) == pytest.approx(by_hand, abs=1e-5)


def test_ntk_dense_starts_at_the_standard_normal_or_at_zero():
    layer = NTKDense(400, seed=3)
    layer(np.zeros((1, 100), "float32"))
    kernel, bias = map(array, layer.weights)
    assert (kernel.mean(), kernel.std()) == pytest.approx((0, 1), abs=0.02)
    assert bias.std() == pytest.approx(1, abs=0.1)
    zero = NTKDense(4, zero=True)
    assert not array(zero(X)).any()


def test_parametric_activation_mixes_the_unit_with_its_activation():
    layer, w = randomised(ParametricActivation("tanh"))
    assert array(layer(X)) == pytest.approx(X + w["mix"] * (np.tanh(X) - X), abs=1e-6)
    fresh = ParametricActivation("tanh")
    assert array(fresh(X)) == pytest.approx(np.tanh(X), abs=1e-6)


def test_periodic_embedding_is_its_formula_and_passes_the_other_columns():
    layer, w = randomised(PeriodicEmbedding(3, frequencies=4, size=3))
    found = array(layer(X))
    by_hand = []
    for j in range(3):
        x = X[:, j : j + 1]
        waves = np.cos(2 * np.pi * w["frequency"][j] * x + w["phase"][j])
        by_hand += [waves @ w["mixture"][j] + w["offset"][j], x]
    assert found == pytest.approx(np.hstack([*by_hand, X[:, 3:]]), abs=1e-5)
    assert found.shape == layer.compute_output_shape(X.shape)


def test_periodic_embedding_starts_where_the_paper_says():
    layer = PeriodicEmbedding(500, seed=4)
    layer(np.zeros((1, 500), "float32"))
    frequency, phase, mixture, offset = map(array, layer.weights)
    assert frequency.std() == pytest.approx(0.1, abs=0.005)
    assert np.abs(phase).max() == pytest.approx(np.pi, abs=0.01)
    for part in (mixture, offset):
        assert np.abs(part).max() == pytest.approx(0.25, abs=0.01)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20))
def test_the_fast_cosine_is_the_cosine(turns):
    u = np.array(turns, "float32")
    assert array(cosine_of_turns(u)) == pytest.approx(
        np.cos(2 * np.pi * u.astype("float64")), abs=3e-7
    )


def test_scheduled_dropout_drops_its_share_then_less_then_nothing():
    layer, x = ScheduledDropout(0.4, steps=4, seed=0), np.ones((200, 500), "float32")
    shares = []
    for _ in range(5):
        out = array(layer(x, training=True))
        shares.append((out == 0).mean())
        assert out.max() == pytest.approx(1 / (1 - shares[-1]), rel=0.02)
    assert shares == pytest.approx([0.4, 0.4, 0.4, 0.2, 0.0], abs=0.005)
    assert (array(layer(x, training=False)) == 1).all()


def test_noise_is_uniform_and_uncorrelated_in_rows_columns_and_numbers():
    draws = np.stack([array(noise((400, 200), 7 + 2**16 * k)) for k in range(10)])
    assert 0 <= draws.min() < draws.max() < 1
    assert np.histogram(draws, 20, (0, 1))[0] / draws.size == pytest.approx(
        np.full(20, 0.05), abs=0.002
    )
    for axis in range(3):
        moved = np.roll(draws, 1, axis)
        assert abs(np.corrcoef(draws.ravel(), moved.ravel())[0, 1]) < 0.006


@pytest.mark.parametrize(
    "layer",
    [
        Scale(),
        NTKDense(3, "selu", gain=2.0, seed=1),
        ParametricActivation("mish"),
        PeriodicEmbedding(2, seed=1),
        ScheduledDropout(0.1, 9, seed=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_survives_saving_in_any_keras_model(layer, tmp_path):
    model = keras.Sequential([keras.Input((5,)), layer, keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert array(again(X)) == pytest.approx(array(model(X)), abs=1e-7)
