"""Quantiles that never cross, and their loss against NumPy and scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import mean_pinball_loss

from kerasdnn.nn.quantiles import QuantileLoss, increasing

RNG = np.random.default_rng(0)
LEVELS = (0.05, 0.25, 0.5, 0.9)
Y = RNG.normal(size=(40, 1)).astype("float32")
P = np.sort(RNG.normal(size=(40, 4)), axis=1).astype("float32")


def softplus(z):
    return np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0)


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 7])
def test_each_column_adds_a_softplus_to_its_neighbor(columns):
    z = RNG.normal(0, 3, (50, columns))
    found = np.asarray(increasing(tf.constant(z)))
    gaps, middle = softplus(z), columns // 2
    for k in range(columns):
        up, down = gaps[:, middle + 1 : k + 1].sum(1), gaps[:, k:middle].sum(1)
        np.testing.assert_allclose(found[:, k], z[:, middle] + up - down, rtol=1e-12)


def test_no_rounding_makes_a_row_decrease():
    z = (RNG.normal(size=(5000, 9)) * 10.0 ** RNG.uniform(-3, 8, (5000, 1))).astype("float32")
    for run in (increasing, tf.function(increasing, jit_compile=True)):
        assert (np.diff(np.asarray(run(tf.constant(z))), axis=1) >= 0).all()


def test_the_loss_is_the_mean_of_the_pinball_losses_of_scikit_learn():
    error = Y - P
    formula = np.maximum(LEVELS * error, (np.array(LEVELS) - 1) * error).mean()
    theirs = np.mean([mean_pinball_loss(Y, P[:, k], alpha=q) for k, q in enumerate(LEVELS)])
    assert formula == pytest.approx(theirs)
    for y in (Y, Y[:, 0]):
        assert float(QuantileLoss(LEVELS)(y, P)) == pytest.approx(theirs, rel=1e-6)


def test_the_gradient_is_the_share_of_rows_below_minus_the_level():
    p = tf.constant(P)
    with tf.GradientTape() as tape:
        tape.watch(p)
        loss = QuantileLoss(LEVELS)(Y, p)
    expected = np.where(Y > P, -np.array(LEVELS), 1 - np.array(LEVELS)) / P.size
    np.testing.assert_allclose(tape.gradient(loss, p), expected, rtol=1e-5)


def test_the_loss_comes_back_from_its_config():
    before = QuantileLoss(LEVELS, reduction="sum")
    after = keras.losses.deserialize(keras.losses.serialize(before))
    assert (after.quantiles, after.reduction) == (LEVELS, "sum")


@pytest.mark.parametrize("levels", [(), 0.5, "0.5", (0.5, 0.5), (0.9, 0.1), (0, 0.5), (0.5, 1)])
def test_levels_that_are_not_increasing_fractions_are_an_error(levels):
    with pytest.raises(ValueError, match=r"`quantiles` must be a sequence of increasing numbers"):
        QuantileLoss(levels)
