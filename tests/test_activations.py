"""Leaky ReLU against its formula and against Keras's, and activations by name."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from kerasdnn import LeakyReLU, activations, leaky_relu

CORNERS = np.float32([-np.inf, -2.5, -1e-30, -0.0, 0.0, 1e-30, 2.5, np.inf])


def gradient(function, z):
    """d sum(function(z)) / dz, by the backend's automatic differentiation."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(lambda z: ops.sum(function(z)))(z))
    import tensorflow as tf

    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        total = ops.sum(function(z))
    return tape.gradient(total, z).numpy()


@pytest.mark.parametrize("alpha", [0.01, 0.3])
def test_the_value_is_z_above_zero_and_alpha_z_below(alpha):
    expected = np.where(CORNERS > 0, CORNERS, np.float32(alpha) * CORNERS)
    np.testing.assert_allclose(leaky_relu(CORNERS, alpha), expected, rtol=1e-6)
    assert np.isnan(ops.convert_to_numpy(leaky_relu(np.float32([np.nan]), alpha)))


@pytest.mark.parametrize("alpha", [0.01, 0.3])
def test_the_gradient_is_one_above_zero_and_alpha_below_also_at_infinity(alpha):
    found = gradient(lambda z: leaky_relu(z, alpha), CORNERS)
    np.testing.assert_allclose(found[CORNERS > 0], 1.0)
    np.testing.assert_allclose(found[CORNERS < 0], alpha, rtol=1e-6)
    assert all(np.isclose(g, alpha) or g == 1 for g in found[CORNERS == 0])


@given(
    z=st.lists(st.floats(width=32, allow_nan=False, allow_subnormal=False), min_size=1),
    alpha=st.floats(0.001, 0.999),
)
def test_value_and_gradient_agree_with_keras_at_equal_slope(z, alpha):
    z = np.float32(z)
    keras_layer = keras.layers.LeakyReLU(negative_slope=alpha)
    np.testing.assert_array_equal(leaky_relu(z, alpha), keras_layer(z))
    np.testing.assert_array_equal(LeakyReLU(alpha)(z), keras_layer(z))
    np.testing.assert_array_equal(gradient(LeakyReLU(alpha), z), gradient(keras_layer, z))


def test_the_slope_is_one_hundredth_unless_given():
    assert float(leaky_relu(-1.0)) == pytest.approx(-0.01)
    assert float(LeakyReLU()(np.float32([-1.0]))[0]) == pytest.approx(-0.01)


def test_the_layer_comes_back_from_its_config_with_its_slope():
    config = keras.layers.serialize(LeakyReLU(0.25, name="leak"))
    after = keras.layers.deserialize(config)
    assert type(after) is LeakyReLU
    assert after.alpha == 0.25
    assert after.name == "leak"


def test_the_function_comes_back_from_its_name_in_a_file():
    layer = keras.layers.Dense(2, activation=leaky_relu)
    after = keras.layers.deserialize(keras.layers.serialize(layer))
    assert after.activation is leaky_relu


def test_the_layer_keeps_shape_and_mask():
    layer = LeakyReLU()
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    assert layer.supports_masking


def test_leaky_relu_by_name_is_ours_and_the_rest_are_keras():
    assert activations.get("leaky_relu") is leaky_relu
    for name in ("relu", "sigmoid", "tanh", "gelu", "swish"):
        assert activations.get(name) is keras.activations.get(name)


def test_functions_and_layers_are_taken_as_they_are():
    layer = LeakyReLU(0.5)
    assert activations.get(layer) is layer
    assert activations.get(ops.sin) is ops.sin


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: leaky_relu(1.0, 0), "`alpha` must be a number in (0, 1). Received: alpha=0."),
        (lambda: leaky_relu(1.0, 1.0), "Received: alpha=1.0"),
        (lambda: LeakyReLU(-0.1), "Received: alpha=-0.1"),
        (lambda: LeakyReLU(float("nan")), "Received: alpha=nan"),
        (lambda: LeakyReLU("0.1"), "Received: alpha='0.1'"),
        (lambda: activations.get("rleu"), "Received: activation='rleu'. Did you mean 'relu'"),
        (lambda: activations.get(None), "`activation` must be a name, a function or a Keras"),
        (lambda: activations.get(LeakyReLU), "Pass an instance of a layer, such as"),
        (lambda: activations.get("glu"), "Received: activation='glu'"),
        (lambda: activations.get("softmax"), "must not be softmax"),
        (lambda: activations.get("log_softmax"), "Received: activation='log_softmax'"),
        (lambda: activations.get(keras.activations.softmax), "their outputs sum to 1"),
        (lambda: activations.get(keras.layers.Softmax()), "Use 'relu' or 'leaky_relu'"),
        (lambda: activations.get(keras.layers.Activation("softmax")), "must not be softmax"),
    ],
)
def test_a_wrong_activation_is_an_error_that_names_the_argument_and_the_remedy(wrong, words):
    with pytest.raises(ValueError) as error:
        wrong()
    assert words in str(error.value)


def test_mish_is_keras_s_with_its_gradient():
    z = np.linspace(-90, 90, 2001).astype("float32")
    ours, theirs = activations.mish, keras.activations.mish
    for of in (lambda function: np.array(function(z)), lambda function: gradient(function, z)):
        assert of(ours) == pytest.approx(of(theirs), rel=1e-6, abs=1e-5)
