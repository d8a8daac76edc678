"""Factors of the learning rate per layer, against update rules written out by hand."""

import keras
import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn import DNNRegressor, Population, build_regressor, tune
from kerasdnn.nn import GroupAdam
from kerasdnn.optimizers import LAYERWISE

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = (X[:, 0] - X[:, 1]).astype("float32")
FIT = {"epochs": 2, "batch_size": 20, "shuffle": False, "verbose": 0}
FACTORS = (0.1, 0.5, 2.0)


def gradients(w, x, y):
    """Of the mean squared error of a network with two layers of tanh: kernel and bias by layer."""
    a = np.tanh(x @ w[0] + w[1])
    b = np.tanh(a @ w[2] + w[3])
    d = 2 * (b @ w[4] + w[5] - y[:, None]) / len(x)
    db = (d @ w[4].T) * (1 - b**2)
    da = (db @ w[2].T) * (1 - a**2)
    return [x.T @ da, da.sum(0), a.T @ db, db.sum(0), b.T @ d, d.sum(0)]


def steps(w, rule):
    """The weights after training by `rule(i, w_i, g_i, t)`."""
    w, t = [v.astype("float64") for v in w], 0
    for _ in range(FIT["epochs"]):
        for start in range(0, 60, 20):
            t += 1
            found = gradients(w, X[start : start + 20], Y[start : start + 20])
            w = [rule(i, v, g, t) for i, (v, g) in enumerate(zip(w, found, strict=True))]
    return w


def made(optimizer, factors=FACTORS, **more):
    return build_regressor(
        3, hidden_units=(5, 4), activation="tanh", optimizer=optimizer, seed=0,
        learning_rate_factors=factors, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    "factors", [FACTORS, {"hidden_1": 0.1, "hidden_2": 0.5, "output": 2.0}], ids=["tuple", "dict"]
)
def test_sgd_takes_steps_of_the_rate_times_the_factor(factors):
    network = made("sgd", factors, learning_rate=0.05)
    expected = steps(network.get_weights(), lambda i, w, g, t: w - 0.05 * FACTORS[i // 2] * g)
    network.fit(X, Y, **FIT)
    assert network.last_path == "compiled"
    for found, w in zip(network.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, w, atol=1e-5)


@pytest.mark.parametrize("path", ["compiled", "stock"])
def test_adam_takes_steps_of_the_rate_times_the_factor(path):
    network = made("adam", learning_rate=0.02)
    state = [[np.zeros(v.shape), np.zeros(v.shape)] for v in network.get_weights()]

    def adam(i, w, g, t):
        m, v = state[i]
        m[:], v[:] = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        corrected = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return w - 0.02 * FACTORS[i // 2] * corrected * m / (np.sqrt(v) + 1e-7)

    expected = steps(network.get_weights(), adam)
    if path == "stock":
        keras.Sequential.fit(network, X, Y, **FIT)
    else:
        network.fit(X, Y, **FIT)
    for found, w in zip(network.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, w, atol=2e-5)


def test_factors_of_1_change_nothing_and_0_keeps_a_layer():
    for optimizer in ("nag", keras.optimizers.AdamW(0.01, weight_decay=0.0)):
        copy = optimizer if isinstance(optimizer, str) else keras.optimizers.AdamW(0.01, 0.0)
        plain, ones = made(copy, None), made(optimizer, (1, 1, 1))
        frozen = made("adam", {"hidden_1": 0.0})
        start = frozen.get_weights()
        for network in (plain, ones, frozen):
            network.fit(X, Y, **FIT)
        for a, b in zip(plain.get_weights(), ones.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(frozen.get_weights()[0], start[0])
        assert (frozen.get_weights()[2] != start[2]).any()


def test_a_file_keeps_the_factors(tmp_path):
    network = made("adam", batch_norm=True, residual=True, wide=True)
    network.fit(X, Y, **FIT)
    network.save(tmp_path / "network.keras")
    loaded = kerasdnn.load(tmp_path / "network.keras")
    assert loaded.optimizer.factors == network.optimizer.factors
    assert set(loaded.optimizer.factors) == set(FACTORS)
    for each in (network, loaded):
        each.fit(X, Y, **FIT)
    for a, b in zip(network.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [LAYERWISE[keras.optimizers.SGD], GroupAdam])
def test_factors_of_other_variables_are_rejected(kind):
    network = made("adam", None)
    network.layers[0].trainable = False
    network.compile(kind(0.1, factors=[1.0] * 6), "mse")
    with pytest.raises(ValueError, match="one per variable, of which there are 4"):
        network.fit(X, Y, **FIT)


@pytest.mark.parametrize("preset", ["standard", "realmlp", "tabm"])
def test_estimators_pass_factors_to_their_layers(preset):
    table = pd.DataFrame(X, columns=list("abc")).assign(d=RNG.choice([*"xyz"], 60))
    given = {"hidden_units": (4, 4), "epochs": 2, "random_state": 0, "one_hot_limit": 2}
    given |= {"k": 2} if preset == "tabm" else {}
    for factors, of_output in (((0.0, 0.0, 1.0), 1.0), ({"output": 0.0}, 0.0)):
        model = DNNRegressor(preset, learning_rate_factors=factors, **given).fit(table, Y)
        optimizer = model.network_.optimizer
        rates = optimizer.factors
        if isinstance(optimizer, GroupAdam):  # the factors of the preset are multiplied
            groups = [optimizer.groups.get(v.name, (1, 1)) for v in optimizer._trainable_variables]
            rates = [rate / own for (rate, _), (own, _) in zip(rates, groups, strict=True)]
        for variable, rate in zip(model.network_.trainable_variables, rates, strict=True):
            assert rate == (of_output if "/output/" in variable.path else 1.0 - of_output)


def test_a_search_fixes_them_and_a_population_says_that_it_cannot():
    found = tune(
        X, Y, max_trials=2, epochs=1, seed=0, verbose=0, hidden_units=(4,),
        learning_rate_factors=(0.5, 1.0),
    )  # fmt: skip
    assert found.best_network().optimizer.factors == [0.5, 0.5, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"learning_rate_factors.*stacked"):
        Population([{"learning_rate_factors": (1, 1, 1)}], 3, problem="regression")


@pytest.mark.parametrize(
    ("factors", "words"),
    [((1.0, 1.0), "3 numbers"), ({"hiden_1": 1.0}, "'hidden_1'"), (0.5, "sequence"),
     ((1, 1, -1), r"learning_rate_factors\[2\]")],
)  # fmt: skip
def test_factors_are_checked(factors, words):
    with pytest.raises(ValueError, match=words):
        made("adam", factors)


def test_a_custom_optimizer_is_rejected():
    class Own(keras.optimizers.SGD):
        pass

    with pytest.raises(ValueError, match=r"learning_rate_factors.*Own"):
        made(Own(0.1))
