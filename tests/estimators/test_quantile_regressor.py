"""`quantiles=` of a regressor: one network, quantiles that never cross, intervals from them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import d2_pinball_score, mean_pinball_loss

import kerasdnn
from kerasdnn import DNNRegressor, build_regressor

RNG = np.random.default_rng(0)
ROWS = 1500
TABLE = pd.DataFrame(RNG.normal(size=(ROWS, 3)), columns=list("abc"))
NOISE = RNG.normal(size=ROWS)
Y = 100 + 10 * (TABLE["a"] + (0.5 + 0.5 * (TABLE["b"] > 0)) * NOISE).to_numpy()
LEVELS = (0.1, 0.5, 0.9)
TRAIN, TEST = slice(0, 1000), slice(1000, ROWS)


@pytest.fixture(scope="module", params=["standard", "realmlp", "realmlp-s"])
def model(request):
    settings = {"hidden_units": (16,), "epochs": 40, "random_state": 0, "batch_size": 64}
    return DNNRegressor(request.param, quantiles=LEVELS, **settings).fit(TABLE[TRAIN], Y[TRAIN])


def test_quantiles_increase_in_every_row_and_cover_what_they_state(model):
    p = model.predict(TABLE[TEST])
    assert p.shape == (500, 3)
    assert (np.diff(p, axis=1) >= 0).all()
    covered = (Y[TEST, None] <= p).mean(axis=0)
    np.testing.assert_allclose(covered, LEVELS, atol=0.06)
    far = pd.DataFrame(RNG.normal(0, 1e3, size=(200, 3)), columns=list("abc"))
    assert (np.diff(model.predict(far), axis=1) >= 0).all()


def test_evaluate_and_score_are_those_of_scikit_learn(model):
    y, p = Y[TEST], model.predict(TABLE[TEST])
    found = model.evaluate(TABLE[TEST], y)
    losses = [mean_pinball_loss(y, p[:, k], alpha=q) for k, q in enumerate(LEVELS)]
    assert found["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert found["loss"] < 0.9 * found["baseline_loss"]
    d2 = [d2_pinball_score(y, p[:, k], alpha=q) for k, q in enumerate(LEVELS)]
    assert model.score(TABLE[TEST], y) == pytest.approx(np.mean(d2))
    guess = np.quantile(Y[TRAIN], LEVELS)
    np.testing.assert_allclose(model.target_.baseline, guess, atol=1.5)


def test_an_interval_is_two_of_the_quantiles_moved_by_one_number(model):
    p = model.predict(TABLE[TEST])
    found = model.predict_interval(TABLE[TEST], coverage=0.8)
    moved = found - p[:, [0, 2]]
    np.testing.assert_allclose(moved[:, 0], -moved[:, 1], atol=1e-9)
    np.testing.assert_allclose(moved, moved[:1].repeat(len(p), axis=0), atol=1e-9)
    covered = (found[:, 0] <= Y[TEST]) & (Y[TEST] <= found[:, 1])
    held, rows = 200, len(p)  # of validation and of test: their numbers leave so much to chance
    chance = np.sqrt(0.8 * 0.2 * (1 / (held + 2) + 1 / rows))
    assert covered.mean() == pytest.approx(0.8, abs=2.5 * chance)
    with pytest.raises(ValueError, match=r"`coverage` must be a number in \(0, 1\)"):
        model.predict_interval(TABLE[TEST], coverage=80)


def test_without_validation_rows_an_interval_is_two_of_the_quantiles_with_a_warning():
    settings = {"epochs": 1, "validation_fraction": 0, "random_state": 0}
    model = DNNRegressor("standard", quantiles=LEVELS, **settings).fit(TABLE[TRAIN], Y[TRAIN])
    p = model.predict(TABLE[TEST])
    with pytest.warns(kerasdnn.DataWarning, match="no validation rows"):
        found = model.predict_interval(TABLE[TEST], coverage=0.8)
    np.testing.assert_array_equal(found, p[:, [0, 2]])
    with pytest.raises(ValueError, match=r"`coverage` needs validation rows.*coverage=0\.9"):
        model.predict_interval(TABLE[TEST], coverage=0.9)


def test_a_file_and_a_copy_predict_the_same(model, tmp_path):
    p = model.predict(TABLE[TEST])
    model.save(tmp_path / "model.kerasdnn")
    loaded = kerasdnn.load(tmp_path / "model.kerasdnn")
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(TABLE[TEST]), p)
        assert other.evaluate(TABLE[TEST], Y[TEST]) == model.evaluate(TABLE[TEST], Y[TEST])
        assert other.target_.head is model.target_.head
        assert other.get_params()["quantiles"] == LEVELS
    assert isinstance(str(model.health(TABLE[TEST], Y[TEST])), str)


def test_the_linear_model_finds_the_quantiles_of_scikit_learn():
    """One quantile of a linear network is what linear programming finds."""
    x = RNG.normal(size=(400, 2)).astype("float32")
    y = (x @ [1.0, -0.5] + RNG.exponential(size=400)).astype("float32")
    network = build_regressor(
        2, hidden_units=(), quantiles=(0.75,), optimizer="sgd", learning_rate=0.05, seed=0
    )
    network.fit(x, y, epochs=600, batch_size="full", verbose=0)
    exact = QuantileRegressor(quantile=0.75, alpha=0).fit(x, y)
    kernel, bias = network.get_weights()
    np.testing.assert_allclose(kernel[:, 0], exact.coef_, atol=0.05)
    np.testing.assert_allclose(bias[0], exact.intercept_, atol=0.05)


def test_quantiles_of_the_logarithm_are_those_of_y():
    y = np.exp(Y / 20)
    model = DNNRegressor("standard", target="log", quantiles=LEVELS, epochs=40, random_state=0)
    model.fit(TABLE[TRAIN], y[TRAIN])
    p = model.predict(TABLE[TEST])
    assert (model.target_.bias == 1).all()
    np.testing.assert_allclose((y[TEST, None] <= p).mean(axis=0), LEVELS, atol=0.08)


def test_weights_members_and_folds_work_as_for_the_mean():
    settings = {"quantiles": LEVELS, "epochs": 2, "hidden_units": (4,), "random_state": 0}
    weights = RNG.integers(0, 3, 200)
    one = DNNRegressor("standard", n_members=2, **settings)
    one.fit(TABLE[:200], Y[:200], sample_weight=weights)
    assert (np.diff(one.predict(TABLE), axis=1) >= 0).all()
    assert clone(one).quantiles == LEVELS
    assert np.isfinite(one.score(TABLE, Y, sample_weight=np.ones(ROWS)))


def test_a_search_keeps_the_quantiles():
    settings = {"max_trials": 2, "epochs": 2, "seed": 0, "verbose": 0}
    for preset in (None, "realmlp"):
        result = DNNRegressor(preset, quantiles=LEVELS).tune(TABLE[:300], Y[:300], **settings)
        best = result.best_network()
        assert best.predict(TABLE).shape == (ROWS, 3)
        assert result.best_score == result.trials["score"].min()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"quantiles": (0.9, 0.1)}, "increasing numbers"),
        ({"quantiles": LEVELS, "loss": "huber"}, "not both"),
        ({"quantiles": LEVELS, "target": "count"}, "target='real'"),
        ({"quantiles": LEVELS, "metrics": ["mae"]}, "`metrics` must be Keras metrics"),
    ],
)
def test_what_has_no_quantiles_is_an_error(settings, words):
    with pytest.raises(ValueError, match=words):
        DNNRegressor("standard", epochs=1, **settings).fit(TABLE[:60], np.arange(60))


def test_several_columns_are_an_error():
    with pytest.raises(ValueError, match="one column"):
        DNNRegressor(quantiles=LEVELS).fit(TABLE[:60], np.ones((60, 2)))
    network = build_regressor(3, quantiles=LEVELS)
    with pytest.raises(ValueError, match="one column"):
        network.fit(TABLE.to_numpy("float32"), np.stack([Y, Y, Y], 1), verbose=0)
