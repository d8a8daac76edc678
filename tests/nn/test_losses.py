"""The Gamma deviance, and losses of one-hot labels for class indices."""

import keras
import numpy as np
import pytest
from sklearn.metrics import mean_gamma_deviance

from kerasdnn.nn.losses import GammaDeviance, OneHotLoss, gamma_deviance_of_logits
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
