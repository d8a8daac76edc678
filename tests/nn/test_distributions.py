"""Ordered classes, normal and negative binomial outputs, against NumPy and SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special, stats

from kerasdnn import build_classifier
from kerasdnn.nn.distributions import (
    ClassDistance,
    MeanAbsoluteErrorOfMean,
    NegativeBinomialLikelihood,
    NormalLikelihood,
    OrdinalOutput,
    RootMeanSquaredErrorOfMean,
    log_gamma_ratio,
    negative_binomial_parameters,
    normal_parameters,
    ordinal,
    ordinal_bias,
    ordinal_crossentropy_of_logits,
)
from kerasdnn.training.metrics import is_row_by_row_loss, is_sum_over_rows

RNG = np.random.default_rng(0)
Z = RNG.normal(0, 2, (50, 4))
CLASSES = RNG.integers(0, 5, 50)
PAIRS = RNG.normal(size=(50, 2))
COUNTS = RNG.negative_binomial(2, 0.3, 50).astype("float64")


def softplus(z):
    return np.logaddexp(z, 0)


def probabilities(z):
    """The equation: differences of P(y > k) = sigmoid(s_k)."""
    s = [z[:, 0]]
    for k in range(1, z.shape[1]):
        s.append(s[-1] - softplus(z[:, k - 1] - z[:, k]))
    above = special.expit(np.stack(s, 1))
    ones = np.ones((len(z), 1))
    return -np.diff(np.hstack([ones, above, 0 * ones]), axis=1)


def slope(function, values):
    """The derivative by central differences, number by number."""
    found = np.empty_like(values)
    for place in np.ndindex(values.shape):
        step = np.zeros_like(values)
        step[place] = 1e-6
        found[place] = (function(values + step) - function(values - step)) / 2e-6
    return found


def gradient(function, values):
    tensor = tf.constant(values, "float32")
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = function(tensor)
    return float(loss), tape.gradient(loss, tensor).numpy()


def test_ordered_probabilities_are_differences_of_sigmoids_and_sum_to_1():
    p = np.asarray(ordinal(tf.constant(Z)))
    np.testing.assert_allclose(p, probabilities(Z), atol=1e-6)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    far = np.asarray(ordinal(tf.constant(RNG.normal(0, 100, (2_000, 4)), "float32")))
    assert (far >= 0).all()
    np.testing.assert_allclose(far.sum(axis=1), 1, atol=1e-5)


def test_the_loss_of_ordered_classes_and_its_gradient():
    def formula(z):
        return -np.log(probabilities(z)[np.arange(50), CLASSES]).mean()

    one_hot = np.eye(5, dtype="float32")[CLASSES]
    losses = (
        lambda z: keras.losses.SparseCategoricalCrossentropy()(CLASSES, ordinal(z)),
        lambda z: tf.reduce_mean(ordinal_crossentropy_of_logits(one_hot, z)),
    )
    for loss in losses:
        value, found = gradient(loss, Z)
        assert value == pytest.approx(formula(Z), rel=1e-5)
        np.testing.assert_allclose(found, slope(formula, Z), atol=2e-5)


def test_a_higher_score_raises_every_exceedance_probability():
    layer = OrdinalOutput(5)
    layer.build((None, 1))
    layer.bias.assign([0.3, 2.0, -1.0, 0.1])  # in no order
    p = np.asarray(layer(np.linspace(-6, 6, 100, dtype="float32")[:, None]))
    above = 1 - p.cumsum(axis=1)[:, :-1]
    assert (np.diff(above, axis=0) >= -1e-6).all()
    assert (np.diff(above, axis=1) <= 1e-6).all()
    logits = special.logit(above[40:60].astype("float64"))
    moved = logits - logits[:1]
    np.testing.assert_allclose(moved[:, 1:], moved[:, :-1], atol=1e-3)  # proportional odds
    again = OrdinalOutput.from_config(layer.get_config())
    assert again.classes == 5
    assert again.compute_output_shape((None, 1)) == (None, 5)


def test_the_bias_of_frequencies_gives_these_frequencies():
    frequencies = np.array([5.0, 1.0, 20.0, 3.0])
    p = np.asarray(ordinal(tf.constant(ordinal_bias(frequencies)[None])))[0]
    np.testing.assert_allclose(p, frequencies / frequencies.sum(), rtol=1e-6)


def test_the_linear_model_of_ordered_classes_is_that_of_maximum_likelihood():
    """Against the proportional-odds likelihood in its textbook form, minimized by SciPy."""
    x = RNG.normal(size=(400, 2))
    y = np.digitize(x @ [1.5, -1.0] + RNG.logistic(size=400), [-1.0, 0.5, 2.0])

    def negative_log_likelihood(parameters):
        cuts = np.array([-np.inf, *np.cumsum([parameters[2], *np.exp(parameters[3:])]), np.inf])
        score = x @ parameters[:2]
        p = special.expit(cuts[y + 1] - score) - special.expit(cuts[y] - score)
        return -np.log(p).mean()

    best = optimize.minimize(negative_log_likelihood, [0, 0, -1, 0, 0], method="BFGS")
    network = build_classifier(2, 4, (), ordered=True, learning_rate=0.1, seed=0)
    network.fit(x.astype("float32"), y, epochs=400, batch_size="full", verbose=0)
    kernel, _ = network.get_weights()
    np.testing.assert_allclose(kernel[:, 0], best.x[:2], atol=0.02)
    loss = network.evaluate(x.astype("float32"), y, verbose=0)[0]
    assert loss == pytest.approx(best.fun, abs=1e-4)


def test_the_normal_likelihood_is_that_of_scipy():
    y = 3 * RNG.normal(size=50)

    def formula(z):
        return -stats.norm(z[:, 0], softplus(z[:, 1]) + 1e-4).logpdf(y).mean()

    def loss(z):
        return NormalLikelihood()(y.astype("float32"), normal_parameters(z))

    value, found = gradient(loss, PAIRS)
    assert value == pytest.approx(formula(PAIRS), rel=1e-5)
    np.testing.assert_allclose(found, slope(formula, PAIRS), rtol=1e-3, atol=1e-4)
    column = NormalLikelihood()(y[:, None].astype("float32"), normal_parameters(PAIRS))
    assert float(column) == pytest.approx(value, rel=1e-5)


def test_the_negative_binomial_likelihood_is_that_of_scipy():
    def formula(z):
        mean, r = np.exp(z[:, 0]), 1 / (softplus(z[:, 1]) + 1e-6)
        return -stats.nbinom(r, r / (r + mean)).logpmf(COUNTS).mean()

    def loss(z):
        parameters = negative_binomial_parameters(z)
        return NegativeBinomialLikelihood()(COUNTS.astype("float32"), parameters)

    value, found = gradient(loss, PAIRS)
    assert value == pytest.approx(formula(PAIRS), rel=1e-5)
    np.testing.assert_allclose(found, slope(formula, PAIRS), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dispersion", [1e-6, 1e-3, 1.0, 100.0])
def test_the_negative_binomial_likelihood_is_accurate_in_float32(dispersion):
    y = np.array([0, 1, 7, 60, 900, 20_000], "float64")
    mean = np.maximum(y * 1.1, 0.5)
    expected = -stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean)).logpmf(y)
    p = np.stack([mean, np.full(6, dispersion)], 1).astype("float32")
    found = NegativeBinomialLikelihood().call(y.astype("float32")[:, None], p)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_the_ratio_of_gamma_functions_is_that_of_scipy():
    y, r = np.meshgrid([0.0, 1, 2, 50, 1e4], [1e-3, 0.5, 3, 1e3, 1e6])
    expected = special.gammaln(y + r) - special.gammaln(r)
    np.testing.assert_allclose(
        log_gamma_ratio(tf.constant(y), tf.constant(r)), expected, rtol=1e-6, atol=1e-8
    )


def test_metrics_are_of_the_mean_and_of_the_class():
    y, p = RNG.normal(size=(50, 1)).astype("float32"), np.abs(PAIRS).astype("float32")
    weights = RNG.uniform(size=50).astype("float32")
    error = y[:, 0] - p[:, 0]
    expected = {
        MeanAbsoluteErrorOfMean: np.average(np.abs(error), weights=weights),
        RootMeanSquaredErrorOfMean: np.sqrt(np.average(error**2, weights=weights)),
    }
    for kind, value in expected.items():
        metric = kind()
        metric.update_state(y, p, sample_weight=weights)
        assert float(metric.result()) == pytest.approx(value, rel=1e-5)
        assert is_sum_over_rows(metric)
    metric, p = ClassDistance(name="far"), probabilities(Z).astype("float32")
    metric.update_state(CLASSES[:, None], p)
    assert float(metric.result()) == pytest.approx(np.abs(p.argmax(1) - CLASSES).mean())
    assert ClassDistance.from_config(metric.get_config()).name == "far"
    assert is_row_by_row_loss(NormalLikelihood())
