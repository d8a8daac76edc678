"""Greedy selection against its definition, and its scores against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error

from kerasdnn.ensembles.greedy import scorer, select
from kerasdnn.heads import HEADS, quantile_head

RNG = np.random.default_rng(0)
Y = RNG.normal(size=60)
PREDICTIONS = (Y + RNG.normal(size=(9, 60)) * RNG.uniform(0.5, 2, (9, 1)))[..., None]
WEIGHTS = RNG.uniform(0.2, 3, 60)


def squared(predictions):
    return ((predictions[..., 0] - Y) ** 2).mean(1)


def by_definition(limit):
    chosen, best = [], np.inf
    while len(chosen) < limit:
        scores = {
            k: ((PREDICTIONS[[*chosen, k], :, 0].mean(0) - Y) ** 2).mean()
            for k in range(len(PREDICTIONS))
            if k not in chosen
        }
        k = min(scores, key=scores.get)
        if scores[k] >= best:
            break
        chosen, best = [*chosen, k], scores[k]
    return chosen, best


@pytest.mark.parametrize("limit", [1, 3, 16])
def test_each_entry_added_gives_the_best_mean_until_none_improves_it(limit):
    chosen, best = select(PREDICTIONS, squared, limit)
    expected, score = by_definition(limit)
    assert chosen == expected
    assert best == pytest.approx(score)
    assert best == pytest.approx(squared(PREDICTIONS[chosen].mean(0)[None])[0])
    assert len(chosen) == limit if limit <= 3 else 3 < len(chosen) < 9


def test_the_selected_mean_is_at_least_as_good_as_the_best_entry():
    chosen, best = select(PREDICTIONS, squared, 16)
    assert best < squared(PREDICTIONS).min() == squared(PREDICTIONS)[chosen[0]]


def test_an_entry_that_is_not_finite_is_never_selected():
    broken = PREDICTIONS.copy()
    broken[2] = np.nan
    assert 2 not in select(broken, squared, 16)[0]
    assert select(broken[2:3], squared, 16) == ([], np.inf)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_scores_are_those_of_scikit_learn(weights):
    two = RNG.uniform(0.01, 0.99, (3, 60, 1)).astype("float32")
    three = RNG.dirichlet(np.ones(3), (4, 60)).astype("float32")
    for name, p, y in (
        ("binary", two, RNG.integers(2, size=60)),
        ("multiclass", three, RNG.integers(3, size=60)),
    ):
        found = scorer(HEADS[name], y, weights, None)(p)
        labels = range(max(2, p.shape[2]))
        expected = [log_loss(y, q, sample_weight=weights, labels=labels) for q in
                    (p if name == "multiclass" else np.concatenate([1 - p, p], 2))]  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        guess = p.argmax(2) if name == "multiclass" else p[..., 0] > 0.5
        wrong = [1 - accuracy_score(y, g, sample_weight=weights) for g in guess]
        errors = scorer(HEADS[name], y, weights, "accuracy")(p)
        np.testing.assert_allclose(errors, wrong, atol=1e-5)
        assert (errors > np.array(wrong) - 1e-7).all()  # the loss decides between equal ones
    numbers = RNG.normal(size=(2, 60, 2)).astype("float32")
    y = RNG.normal(size=(60, 2))
    found = scorer(HEADS["regression"], y, weights, None)(numbers)
    expected = [mean_squared_error(y, p, sample_weight=weights) for p in numbers]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_quantiles_are_scored_by_the_pinball_loss():
    head, levels = quantile_head((0.1, 0.5, 0.9)), np.array([0.1, 0.5, 0.9])
    p, y = RNG.normal(size=(2, 60, 3)).astype("float32"), Y[:, None]
    error = y - p
    expected = np.maximum(levels * error, (levels - 1) * error).mean((1, 2))
    np.testing.assert_allclose(scorer(head, y, None, None)(p), expected, rtol=1e-4)
