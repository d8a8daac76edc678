"""Conformal intervals against their equations, and their coverage over many draws."""

import math

import numpy as np
import pytest

from kerasdnn import DataWarning
from kerasdnn.decisions.intervals import Conformal, check_coverage, conformal_from_state

RNG = np.random.default_rng(0)


def kth(scores, coverage):
    """The equation of the head of the module."""
    return np.sort(scores)[math.ceil((len(scores) + 1) * coverage - 1e-9) - 1]


@pytest.mark.parametrize("n", [19, 99, 250])
@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_a_split_conformal_interval_follows_its_equation(n, coverage):
    f, y = RNG.normal(size=(n, 1)), RNG.normal(size=(n, 1))
    new = RNG.normal(size=(7, 1))
    found = Conformal.fit(f, y).interval(new, coverage)
    e = kth(np.abs(y - f)[:, 0], coverage)
    assert found.shape == (7, 1, 2)
    np.testing.assert_allclose(found[:, 0], np.hstack([new - e, new + e]), rtol=1e-5)


def test_conformalized_quantiles_follow_their_equation():
    levels = (0.05, 0.1, 0.5, 0.9, 0.95)
    q, y = np.sort(RNG.normal(size=(200, 5)), axis=1), RNG.normal(size=(200, 1))
    new = np.sort(RNG.normal(size=(6, 5)), axis=1)
    conformal = Conformal.fit(q, y, levels=levels)
    for coverage, low, high in ((0.8, 1, 3), (0.9, 0, 4), (0.83, 1, 3), (0.99, 0, 4)):
        e = kth(np.maximum(q[:, low] - y[:, 0], y[:, 0] - q[:, high]), coverage)
        found = conformal.interval(new, coverage)[:, 0]
        expected = np.stack([new[:, low] - e, new[:, high] + e], axis=1)
        crossed = expected[:, 0] > expected[:, 1]
        np.testing.assert_allclose(found[~crossed], expected[~crossed], rtol=1e-5)
        assert (found[:, 0] <= found[:, 1]).all()


def test_the_coverage_is_exact_over_many_draws_whatever_the_model():
    """P(covered) = k / (n + 1) for continuous scores."""
    n, coverage, hits = 39, 0.8, []
    for _ in range(2_000):
        y = RNG.exponential(size=(n + 20, 1)) * 3
        f = np.full_like(y, 0.7)  # a bad model
        low, high = Conformal.fit(f[:n], y[:n]).interval(f[n:], coverage)[:, 0].T
        hits.append(np.mean((low <= y[n:, 0]) & (y[n:, 0] <= high)))
    assert np.mean(hits) == pytest.approx(math.ceil((n + 1) * coverage) / (n + 1), abs=0.008)


@pytest.mark.parametrize(
    ("scale", "forward"),
    [
        ("relative", lambda y, f: (y - f) / f),
        ("root", lambda y, f: (y - f) / np.sqrt(f + 0.25)),
        ("log", lambda y, f: np.log(y + 1) - np.log(f + 1)),
    ],
)
def test_scales_widen_with_the_prediction_and_stay_above_the_lowest_value(scale, forward):
    f = RNG.uniform(0.1, 50, size=(300, 1))
    y = RNG.poisson(f).astype(float)
    how = {"scale": scale, "lowest": 0.0} | ({"shift": np.ones(1)} if scale == "log" else {})
    conformal = Conformal.fit(f, y, **how)
    found = conformal.interval(f, 0.9)[:, 0]
    width = np.diff(found, axis=1)[:, 0]
    assert (found >= 0).all()
    assert width[f[:, 0].argmax()] > 2 * width[f[:, 0].argmin()]
    e = kth(np.abs(forward(y, f))[:, 0], 0.9)
    residuals = np.abs(forward(y, f))[:, 0]
    clear = np.abs(residuals - e) > 1e-5
    covered = (found[:, 0] <= y[:, 0]) & (y[:, 0] <= found[:, 1])
    np.testing.assert_array_equal(covered[clear], (residuals < e)[clear])


def test_several_columns_are_covered_each_by_itself():
    f, y = RNG.normal(size=(200, 3)), RNG.normal(size=(200, 3)) * [1, 10, 100]
    found = Conformal.fit(f, y).interval(f, 0.9)
    assert found.shape == (200, 3, 2)
    for j in range(3):
        alone = Conformal.fit(f[:, [j]], y[:, [j]]).interval(f[:, [j]], 0.9)
        np.testing.assert_allclose(found[:, [j]], alone, rtol=1e-6)


def test_equal_weights_change_nothing_and_an_integer_weight_repeats_a_row():
    f, y = np.zeros((300, 1)), RNG.normal(size=(300, 1))
    plain = Conformal.fit(f, y).interval(f[:1], 0.9)
    np.testing.assert_array_equal(
        Conformal.fit(f, y, np.full(300, 4.0)).interval(f[:1], 0.9), plain
    )
    weights = RNG.integers(1, 4, 300)
    weighted = Conformal.fit(f, y, weights).interval(f[:1], 0.9)[0, 0, 1]
    repeated = np.repeat(np.abs(y[:, 0]), weights)
    assert weighted == pytest.approx(np.quantile(repeated, 0.9), rel=0.03)


def test_too_few_rows_are_warned_of_with_the_number_that_is_needed():
    f, y = np.zeros((10, 1)), np.arange(10.0)[:, None]
    with pytest.warns(DataWarning, match="`coverage` 0.95 needs at least 19 .*Received: 10.*91%"):
        found = Conformal.fit(f, y).interval(f[:1], 0.95)
    assert found.tolist() == [[[-9.0, 9.0]]]
    assert Conformal.fit(f, y).interval(f[:1], 10 / 11)[0, 0, 1] == 9


def test_a_state_gives_the_same_intervals_and_a_wrong_one_is_rejected():
    q, y = np.sort(RNG.normal(size=(50, 3)), axis=1), RNG.normal(size=(50, 1))
    made = Conformal.fit(q, y, np.ones(50), levels=(0.1, 0.5, 0.9))
    again = conformal_from_state(made.to_state())
    np.testing.assert_array_equal(again.interval(q, 0.8), made.interval(q, 0.8))
    assert conformal_from_state(None) is None
    for change in ({"scale": "eval"}, {"residuals": [[np.nan]]}, {"weights": [1.0]}):
        with pytest.raises(ValueError, match="inconsistent"):
            conformal_from_state({**made.to_state(), **change})


def test_many_rows_are_thinned_at_random():
    f, y = np.zeros((25_000, 1)), np.sort(RNG.normal(size=(25_000, 1)), axis=0)
    thinned = Conformal.fit(f, y)
    assert len(thinned.residuals) == 10_000
    assert thinned.interval(f[:1], 0.9)[0, 0, 1] == pytest.approx(1.645, abs=0.05)


@pytest.mark.parametrize("coverage", [0, 1, 90, "0.9", True, float("nan")])
def test_a_coverage_is_a_number_between_0_and_1(coverage):
    with pytest.raises(ValueError, match=r"`coverage` must be a number in \(0, 1\)"):
        check_coverage(coverage)
