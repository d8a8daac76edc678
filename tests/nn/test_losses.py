"""The Gamma deviance, and losses of one-hot labels for class indices."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize
from sklearn.metrics import log_loss, mean_gamma_deviance

from kerasdnn.nn.losses import (
    AsymmetricLoss,
    GammaDeviance,
    OneHotLoss,
    gamma_deviance_of_logits,
)
from kerasdnn.training.metrics import is_row_by_row_loss

RNG = np.random.default_rng(0)
Y = RNG.gamma(2.0, 3.0, 50)
Z = RNG.normal(size=(50, 1))
LABELS = RNG.integers(0, 3, 50)
P = RNG.dirichlet([1, 1, 1], 50).astype("float32")
ONE_HOT = np.eye(3)[LABELS].astype("float32")


def test_the_gamma_deviance_is_that_of_scikit_learn():
    expected = mean_gamma_deviance(Y, np.exp(Z[:, 0]))
    for y in (Y, Y[:, None]):
        found = float(GammaDeviance()(y.astype("float32"), np.exp(Z).astype("float32")))
        assert found == pytest.approx(expected, rel=1e-5)
    of_logits = gamma_deviance_of_logits(Y[:, None].astype("float32"), Z.astype("float32"))
    assert np.mean(of_logits) == pytest.approx(expected, rel=1e-5)


def test_the_gamma_deviance_is_finite_where_a_prediction_underflows():
    found = GammaDeviance().call(np.float32([[1.0], [1e-8]]), np.float32([[0.0], [1e8]]))
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "name", ["CategoricalFocalCrossentropy", "CategoricalHinge", "KLDivergence"]
)
def test_a_loss_of_one_hot_labels_takes_indices(name):
    inner = getattr(keras.losses, name)()
    loss = OneHotLoss(inner)
    for labels in (LABELS, LABELS[:, None], LABELS.astype("float32")):
        np.testing.assert_allclose(loss(labels, P), inner(ONE_HOT, P), rtol=1e-6)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    np.testing.assert_allclose(again(LABELS, P), inner(ONE_HOT, P), rtol=1e-6)
    assert is_row_by_row_loss(loss)


def test_a_loss_over_the_batch_stays_one():
    assert not is_row_by_row_loss(OneHotLoss(keras.losses.Dice()))
    assert not is_row_by_row_loss(OneHotLoss(keras.losses.CategoricalCrossentropy(reduction="sum")))


def sigmoid_of(z):
    return 1 / (1 + np.exp(-z))


def test_the_asymmetric_loss_is_its_formula_and_so_is_its_gradient():
    z = RNG.normal(0, 2, (50, 3))
    y = RNG.integers(0, 2, (50, 3)).astype("float32")

    def formula(z):
        p = sigmoid_of(z)
        q = np.maximum(p - 0.05, 0)
        positive = y * (1 - p) ** 1.5 * np.log(p)
        return -(positive + (1 - y) * q**4 * np.log(1 - q)).mean()

    loss = AsymmetricLoss(gamma_positive=1.5)
    assert float(loss(y, keras.ops.sigmoid(z.astype("float32")))) == pytest.approx(
        formula(z), rel=1e-5
    )
    if keras.backend.backend() != "tensorflow":
        return
    tensor = tf.constant(z, "float32")
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        value = loss(y, tf.sigmoid(tensor))
    expected = optimize.approx_fprime(z.ravel(), lambda flat: formula(flat.reshape(50, 3)), 1e-7)
    np.testing.assert_allclose(
        np.ravel(tape.gradient(value, tensor)), expected, rtol=1e-3, atol=1e-5
    )


def test_without_focus_and_margin_it_is_the_cross_entropy():
    y, p = RNG.integers(0, 2, 50), sigmoid_of(RNG.normal(size=50)).astype("float32")
    plain = AsymmetricLoss(gamma_negative=0, gamma_positive=0, margin=0)
    assert float(plain(y, p[:, None])) == pytest.approx(log_loss(y, p), rel=1e-5)
    both = AsymmetricLoss(gamma_negative=2, gamma_positive=2, margin=0)
    focal = keras.losses.BinaryFocalCrossentropy(gamma=2)
    assert float(both(y, p[:, None])) == pytest.approx(
        float(focal(y[:, None], p[:, None])), rel=1e-4
    )
    again = keras.losses.deserialize(keras.losses.serialize(AsymmetricLoss(margin=0.1)))
    assert (again.margin, again.gamma_negative) == (0.1, 4.0)
    assert is_row_by_row_loss(OneHotLoss(again))
    edge = AsymmetricLoss().call(np.float32([[0.0], [1.0]]), np.float32([[1.0], [0.0]]))
    assert np.isfinite(edge).all()


@pytest.mark.parametrize("name", ["gamma_negative", "gamma_positive", "margin"])
def test_a_negative_setting_of_the_asymmetric_loss_is_named(name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        AsymmetricLoss(**{name: -1})
