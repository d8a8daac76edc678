"""A sick network for every finding, on real tables, and healthy ones on which nothing fires."""

import copy

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

import kerasdnn
from kerasdnn import Diagnostics, DNNClassifier, DNNRegressor, health
from kerasdnn.diagnostics.findings import RULES, Finding
from kerasdnn.estimators.base import original_columns
from kerasdnn.nn.schedules import CosLog


def scaled(x):
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")


def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    return scaled(x), y


def digits():
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return scaled(x), ((y - y.mean()) / y.std()).astype("float32")


def wine():
    x, y = load_wine(return_X_y=True)
    return scaled(x), y


def watched(network, x, y, epochs=12, **fit):
    """The findings of a run by name, once as the callback and once as `health` sees it."""
    watch = Diagnostics(x, y, every=1)
    network.fit(x, y, epochs=epochs, verbose=0, callbacks=[watch], **fit)
    seen = {finding.name: finding for finding in watch.health().findings}
    later = {finding.name for finding in health(network, x, y).findings}
    assert later == set(seen) - {"learning rate too low"}  # which only the callback can see
    return seen


HEALTHY = {
    "cancer": (cancer, lambda seed: kerasdnn.build_classifier(30, 2, seed=seed)),
    "digits": (digits, lambda seed: kerasdnn.build_classifier(64, 10, seed=seed)),
    "diabetes": (diabetes, lambda seed: kerasdnn.build_regressor(10, seed=seed)),
    "wine": (wine, lambda seed: kerasdnn.build_classifier(13, 3, seed=seed)),
    "deep digits": (
        digits,
        lambda seed: kerasdnn.build_classifier(64, 10, (32,) * 5, optimizer="nag", seed=seed),
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.nightly)])
def test_nothing_fires_on_a_healthy_network(name, seed):
    data, build = HEALTHY[name]
    assert watched(build(seed), *data(), validation_split=0.0) == {}


def test_weights_that_are_not_numbers_and_a_loss_that_blew_up():
    x, y = diabetes()
    network = kerasdnn.build_regressor(10, optimizer="sgd", learning_rate=50.0, seed=0)
    found = watched(network, x, y)
    assert {"not a number", "divergence"} <= set(found)
    assert "learning rate" in found["divergence"].fix


def test_a_loss_that_rose_without_end_is_a_blow_up():
    x, y = diabetes()
    network = kerasdnn.build_regressor(10, optimizer="adam", learning_rate=1e-3, seed=0)
    network.fit(x, y, epochs=5, verbose=0)
    history = {"loss": [1.0, 0.5, 2.0, 9.0]}
    assert "divergence" in {finding.name for finding in health(network, x, y, history).findings}


def test_inputs_that_are_not_scaled():
    x, y = load_breast_cancer(return_X_y=True)
    network = kerasdnn.build_classifier(30, 2, seed=0)
    network.fit(x, y, epochs=1, verbose=0)
    found = {f.name: f for f in health(network, x, y).findings}
    assert "Column 23" in found["unscaled inputs"].evidence  # worst area, up to 4254
    normalised = kerasdnn.Network([keras.layers.Normalization(), keras.layers.Dense(1, "sigmoid")])
    normalised.layers[0].adapt(x)
    normalised.compile("adam", "binary_crossentropy")
    normalised.build((None, 30))
    assert "unscaled inputs" not in {f.name for f in health(normalised, x, y).findings}


def test_the_gradient_that_vanishes_in_a_deep_sigmoid_network():
    x, y = digits()
    network = kerasdnn.build_classifier(64, 10, (32,) * 8, activation="sigmoid", seed=0)
    found = watched(network, x, y, epochs=5)
    assert "'hidden_1'" in found["vanishing gradient"].evidence
    assert "plateau" in found


def test_relu_units_that_died_at_a_rate_far_too_high():
    x, y = digits()
    network = kerasdnn.build_classifier(
        64, 10, (32,) * 4, optimizer="adam", learning_rate=0.1, seed=0
    )
    found = watched(network, x, y, epochs=3)
    assert "leaky_relu" in found["dead units"].fix


def test_units_that_are_saturated():
    x, y = digits()
    network = kerasdnn.build_classifier(
        64, 10, (32,), activation="tanh", optimizer="sgd", learning_rate=1e-3, seed=0
    )
    network.layers[0].kernel.assign(network.layers[0].kernel * 100)
    assert "saturated units" in watched(network, x, y, epochs=2)


def test_a_rate_that_is_too_low():
    x, y = cancer()
    network = kerasdnn.build_classifier(30, 2, optimizer="sgd", learning_rate=1e-4, seed=0)
    found = watched(network, x, y, epochs=20)
    assert "still decreasing" in found["learning rate too low"].evidence


def test_a_rate_that_is_too_high():
    x, y = wine()
    network = kerasdnn.build_classifier(
        13, 3, (8,), optimizer="rmsprop", activation="tanh", learning_rate=0.5, seed=0
    )
    found = watched(network, x, y, epochs=20)
    assert "learning rate too high" in found


def test_a_plateau_at_what_a_guess_costs():
    x, _ = digits()
    rng = np.random.default_rng(0)
    network = kerasdnn.build_regressor(64, optimizer="sgd", learning_rate=1e-5, prior=0.0, seed=0)
    network.layers[-1].kernel.assign(network.layers[-1].kernel * 0)
    noise = rng.normal(size=len(x)).astype("float32")
    found = watched(network, x, noise, epochs=8)
    assert "a constant prediction" in found["plateau"].evidence


def test_overfitting_shows_in_the_validation_loss():
    x, y = diabetes()
    network = kerasdnn.build_regressor(10, hidden_units=(256, 256), learning_rate=0.003, seed=0)
    found = watched(network, x[:100], y[:100], epochs=60, validation_data=(x[100:], y[100:]))
    assert "Keep the best epoch" in found["overfitting"].fix


def test_a_rare_class_that_is_never_found():
    x, y = load_digits(return_X_y=True)
    rare = np.isin(np.arange(len(y)), np.flatnonzero(y == 8)[:60]).astype("int64")
    network = kerasdnn.build_classifier(
        64, 2, (4,), optimizer="sgd", learning_rate=0.001, prior=rare.mean(), seed=0
    )
    network.fit((x / 16).astype("float32"), rare, epochs=2, verbose=0)
    found = {f.name: f for f in health(network, x / 16, rare).findings}
    assert "Class 1 has 3." in found["imbalance"].evidence


def names_of(found):
    return {finding.name for finding in found.findings}


def test_codes_of_categories_have_no_scale():
    rng = np.random.default_rng(0)
    words = [f"w{k}" for k in rng.integers(0, 300, 1200)]
    frame = pd.DataFrame({"word": words, "v": rng.normal(size=1200)})
    y = np.where(frame["v"] + rng.normal(size=1200) > 0, "yes", "no")
    for settings in ({}, {"preset": "standard", "embedding_size": 2}, {"n_members": 2}):
        model = DNNClassifier(**settings, epochs=3, random_state=0).fit(frame, y)
        assert "unscaled inputs" not in names_of(model.health(frame, y)), settings
    network = kerasdnn.Network(
        [keras.Input((1,)), keras.layers.Embedding(5000, 2), keras.layers.Flatten(),
         keras.layers.Dense(1)]
    )  # fmt: skip
    network.compile("adam", "mse")
    codes = rng.integers(0, 5000, (300, 1)).astype("float32")
    assert "unscaled inputs" not in names_of(health(network, codes, codes[:, 0] / 5000))


def test_a_column_scaled_by_the_network_is_scaled_and_another_is_named():
    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(200, 3)) * [1, 1, 5000], columns=["a", "b", "income"])
    y = rng.normal(size=200)
    plain = kerasdnn.build_regressor(3, seed=0)
    found = health(plain, x, y).findings
    assert "Column 'income' has" in {f.name: f for f in found}["unscaled inputs"].evidence
    scaled_within = kerasdnn.Network(
        [keras.Input((3,)), keras.layers.Rescaling([1, 1, 1 / 5000]), keras.layers.Dense(1)]
    )
    scaled_within.compile("adam", "mse")
    assert "unscaled inputs" not in names_of(health(scaled_within, x, y))


WAVES = {"loss": [1.0, 0.5, 0.2, 0.9, 0.4, 0.15, 0.8, 0.3, 0.1, 0.7]}


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        (0.01, True),
        (keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9), True),
        (CosLog(0.01, 100), False),
        (keras.optimizers.schedules.CosineDecayRestarts(0.01, 20), False),
    ],
)
def test_a_loss_that_follows_the_waves_of_its_rate_is_none_too_high(rate, found):
    x, y = diabetes()
    network = kerasdnn.build_regressor(10, seed=0)
    network.compile(keras.optimizers.SGD(rate), "mse")
    network.fit(x, y, epochs=10, verbose=0)
    assert ("learning rate too high" in names_of(health(network, x, y, WAVES))) is found


@pytest.mark.parametrize("rows", [1, 50])
def test_equal_rows_say_nothing_of_units(rows):
    network = kerasdnn.build_regressor(3, seed=0)
    found = health(network, np.ones((rows, 3)), np.arange(float(rows)))
    assert "dead units" not in names_of(found)


def churn(rows=1200, seed=0):
    """Contracts: numbers, missing values, few and many categories, a flag, a constant."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "tenure": rng.integers(0, 72, rows),
            "monthly": rng.normal(65, 30, rows).round(2),
            "contract": rng.choice(["month", "year", "two years"], rows),
            "city": [f"city {k}" for k in rng.integers(0, 60, rows)],
            "senior": rng.integers(0, 2, rows),
            "country": "NO",
        }
    )
    table["total"] = (table["tenure"] * table["monthly"]).where(rng.random(rows) > 0.05)
    z = 0.8 - 0.04 * table["tenure"] + 0.01 * table["monthly"] - (table["contract"] != "month")
    return table, np.where(rng.random(rows) < 1 / (1 + np.exp(-z)), "yes", "no")


TABLES = {
    "churn": (DNNClassifier, churn),
    "cancer": (DNNClassifier, lambda: load_breast_cancer(return_X_y=True, as_frame=True)),
    "wine": (DNNClassifier, lambda: load_wine(return_X_y=True, as_frame=True)),
    "diabetes": (DNNRegressor, lambda: load_diabetes(return_X_y=True, as_frame=True)),
}


@pytest.mark.parametrize(
    "name", ["churn", pytest.param("cancer", marks=pytest.mark.nightly), "wine", "diabetes"]
)
def test_nothing_is_found_in_an_estimator_with_default_settings(name):
    estimator, data = TABLES[name]
    X, y = data()
    model = estimator(random_state=0).fit(X, y)
    assert model.health(X, y).findings == []
    assert model.history_["val_loss"].iloc[-1] > 0  # the validation loss is part of the history


@pytest.fixture(scope="module")
def churn_model():
    X, y = churn()
    return DNNClassifier("standard", epochs=6, one_hot_limit=8, random_state=0).fit(X, y), X, y


def plant_nan(model, X, y):
    model.network_.weights[-1].assign(model.network_.weights[-1] * np.nan)


def plant_dead_units(model, X, y):
    bias = next(layer for layer in model.network_.layers if hasattr(layer, "kernel")).bias
    bias.assign(bias - 1e3)


def plant_rise(model, X, y):
    model.history_ = pd.DataFrame({"loss": [0.7, 0.5, 2.0, 9.0], "val_loss": 0.5})


def plant_plateau(model, X, y):
    model.history_ = pd.DataFrame({"loss": [0.7] * 6, "val_loss": 0.7})


def plant_jumps(model, X, y):
    model.history_ = pd.DataFrame({"loss": [0.6, 0.5, 0.3, 0.5, 0.2, 0.5, 0.2, 0.5, 0.2]})


def plant_other_units(model, X, y):
    X["total"] *= 1e6


def plant_rare_class(model, X, y):
    y[:] = "no"
    y[:30] = "yes"
    output = model.network_.layers[-1]
    output.kernel.assign(output.kernel * 0)
    output.bias.assign(output.bias * 0 - 5)


PLANTED = {
    "not a number": (plant_nan, "1 of "),
    "dead units": (plant_dead_units, "'hidden_1'"),
    "divergence": (plant_rise, "from 0.5 in epoch 2 to 9"),
    "plateau": (plant_plateau, "a constant prediction"),
    "learning rate too high": (plant_jumps, "the loss rose in"),
    "unscaled inputs": (plant_other_units, "Column 'total' has"),
    "imbalance": (plant_rare_class, "Class 'yes' has 2."),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_planted_in_an_estimator_is_found_in_terms_of_its_table(name, churn_model):
    model, X, y = churn_model
    model, X, y = copy.deepcopy(model), X.copy(), y.copy()
    plant, words = PLANTED[name]
    plant(model, X, y)
    found = {f.name: f for f in model.health(X, y).findings}
    assert words in found[name].evidence


def test_columns_of_the_matrix_are_named_after_those_of_the_table(churn_model):
    model, X, _ = churn_model
    columns = original_columns(model.encoder_)
    assert set(columns) == set(X) - {"country"}  # a constant is left out
    assert len(columns) == len(model.encoder_.get_feature_names_out())
    assert columns.count("contract") >= 3
    assert columns.count("total") == 2  # its values, and where they are missing


def test_a_finding_has_its_fix_under_both_names():
    finding = Finding("plateau", "The loss is 0.69.", "Raise the rate.")
    assert finding.fix == finding.remedy == "Raise the rate."


def test_every_rule_has_a_sick_network_above():
    assert len(RULES) == 11
