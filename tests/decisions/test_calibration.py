"""Temperatures and isotonic functions against their equations, SciPy and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from kerasdnn import DataWarning
from kerasdnn.decisions.calibration import (
    Isotonic,
    Temperature,
    calibrator_from_state,
    check_calibrate,
)

RNG = np.random.default_rng(0)
N = 500
Z = 3 * RNG.normal(size=(N, 4))
Y = np.array([RNG.choice(4, p=np.exp(z - logsumexp(z))) for z in Z / 2])  # the right T is 2
WEIGHTS = RNG.uniform(0.5, 2, N)
ODDS = 2 * RNG.normal(size=(N, 2))
LABELS = (RNG.random((N, 2)) < expit(ODDS / 1.5)).astype(int)


def objective(b, weights):
    """The equation of the docstring."""
    w = weights / weights.mean()
    loss = logsumexp(b * Z, axis=1) - b * Z[np.arange(N), Y]
    return (w * loss).sum() + np.log(1 + (np.log(b) / 0.15) ** 2) + 3 * (b - 1 - np.log(b))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_temperature_minimizes_its_equation(weights):
    found = Temperature.fit(Z, Y, weights, sigmoid=False).value
    w = np.ones(N) if weights is None else weights
    best = minimize_scalar(objective, args=(w,), bounds=(0.01, 10), method="bounded",
                           options={"xatol": 1e-10})  # fmt: skip
    assert found == pytest.approx(1 / best.x, rel=1e-5)
    assert found == pytest.approx(2, rel=0.2)
    assert Temperature.fit(Z, Y, None if weights is None else 7 * weights, sigmoid=False).value == (
        pytest.approx(found, rel=1e-9)
    )


def test_it_is_the_slope_of_a_logistic_regression_without_intercept():
    z, y = np.tile(ODDS, (40, 1)), np.tile(LABELS, (40, 1))  # so that the prior hardly counts
    found = Temperature.fit(z[:, :1], y[:, 0], sigmoid=True).value
    theirs = LogisticRegression(C=np.inf, fit_intercept=False).fit(z[:, :1], y[:, 0])
    assert found == pytest.approx(1 / theirs.coef_[0, 0], rel=2e-3)


def test_two_classes_have_the_temperature_of_their_log_odds():
    both = np.column_stack([np.zeros(N), ODDS[:, 0]])
    one = Temperature.fit(ODDS[:, :1], LABELS[:, 0], sigmoid=True)
    two = Temperature.fit(both, LABELS[:, 0], sigmoid=False)
    assert one.value == pytest.approx(two.value, rel=1e-9)
    np.testing.assert_allclose(
        two.probabilities(both, False)[:, 1], one.probabilities(ODDS[:, :1], True)[:, 0]
    )


def test_probabilities_follow_their_equation_and_keep_their_order():
    t = Temperature(2.5)
    p = t.probabilities(Z, sigmoid=False)
    np.testing.assert_allclose(p, np.exp(Z / 2.5) / np.exp(Z / 2.5).sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(p.argmax(axis=1), Z.argmax(axis=1))
    np.testing.assert_allclose(t.probabilities(ODDS, True), 1 / (1 + np.exp(-ODDS / 2.5)))
    np.testing.assert_allclose(np.exp(t.scores(Z, False)), p)
    np.testing.assert_allclose(expit(t.scores(ODDS, True)), t.probabilities(ODDS, True))


def test_of_two_minima_the_lower_one_is_taken():
    """The prior has one near 1, many rows one at their own temperature."""
    for rows in (8, 20, 40, 80, N):
        z, y = Z[:rows], Y[:rows]

        def penalized(b, z=z, y=y):
            loss = logsumexp(b * z, axis=1) - b * z[np.arange(len(y)), y]
            prior = np.log(1 + (np.log(b) / 0.15) ** 2) + 3 * (b - 1 - np.log(b))
            return loss.sum() + prior

        grid = np.exp(np.linspace(-2, 2, 4001))
        best = grid[np.argmin([penalized(b) for b in grid])]
        assert Temperature.fit(z, y, sigmoid=False).value == pytest.approx(1 / best, rel=2e-3)


def test_few_rows_that_are_all_right_give_no_extreme_temperature():
    z = np.tile([[0.0, 3.0]], (10, 1))
    assert 0.5 < Temperature.fit(z, np.ones(10, int), sigmoid=False).value < 1
    assert Temperature.fit(
        np.zeros((10, 2)), np.ones(10, int), sigmoid=False
    ).value == pytest.approx(1)
    wrong = Temperature.fit(1e4 * z, np.zeros(10, int), sigmoid=False).value
    assert 100 < wrong <= 1e3


def test_isotonic_functions_are_those_of_scikit_learn():
    found = Isotonic.fit(Z, Y, WEIGHTS, sigmoid=False)
    p = np.exp(Z - logsumexp(Z, axis=1, keepdims=True))
    columns = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        .fit(p[:, k], k == Y, sample_weight=WEIGHTS)
        .predict(p[:, k])
        for k in range(4)
    ]
    expected = np.stack(columns, axis=1)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities(Z, False), expected, atol=1e-12)
    labels = Isotonic.fit(ODDS, LABELS, sigmoid=True).probabilities(ODDS, True)
    one = IsotonicRegression(y_min=0, y_max=1).fit(expit(ODDS[:, 1]), LABELS[:, 1])
    np.testing.assert_allclose(labels[:, 1], one.predict(expit(ODDS[:, 1])), atol=1e-12)


def test_isotonic_of_two_classes_is_that_of_the_second():
    both = np.column_stack([np.zeros(N), ODDS[:, 0]])
    p = Isotonic.fit(both, LABELS[:, 0], sigmoid=False).probabilities(both, False)
    one = IsotonicRegression(y_min=0, y_max=1).fit(expit(ODDS[:, 0]), LABELS[:, 0])
    np.testing.assert_allclose(p[:, 1], one.predict(expit(ODDS[:, 0])), atol=1e-9)


def test_a_class_without_rows_keeps_its_probability_and_few_rows_are_warned_of():
    z, y = Z[:60], np.minimum(Y[:60], 2)
    with pytest.warns(DataWarning, match="fitted to 60 rows"):
        found = Isotonic.fit(z, y, sigmoid=False)
    p = found.probabilities(z, False)
    assert (p > 0).all()
    assert p[:, 3].max() > 0.5
    np.testing.assert_allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize(
    "made", [None, Temperature(0.7), Isotonic([[0, 0.5, 1]] * 4, [[0, 0.2, 1]] * 4)]
)
def test_a_state_gives_the_same_probabilities(made):
    again = calibrator_from_state(None if made is None else made.to_state())
    if made is None:
        assert again is None
    else:
        np.testing.assert_array_equal(again.probabilities(Z, False), made.probabilities(Z, False))


@pytest.mark.parametrize(
    "state",
    [
        {"kind": "temperature", "value": 0.0},
        {"kind": "temperature", "value": float("nan")},
        {"kind": "eval", "value": 1.0},
        {"kind": "isotonic", "x": [[0, 1]], "y": [[1, 0]]},
        {"kind": "isotonic", "x": [[0, 1]], "y": [[0, 0.5, 1]]},
    ],
)
def test_a_state_that_is_not_one_is_rejected(state):
    with pytest.raises(ValueError, match="calibration"):
        calibrator_from_state(state)


@pytest.mark.parametrize("value", ["platt", 1, None, 0.5])
def test_an_unknown_calibration_is_an_error_with_its_value(value):
    with pytest.raises(ValueError, match=rf"`calibrate` must be .*Received: calibrate={value!r}"):
        check_calibrate("calibrate", value)
