"""A problem type defined outside the package works through every public entry point."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from keras import metrics as km

import kerasdnn
from kerasdnn import HEADS, DataWarning, DNNRegressor, Population, build_regressor, compare, tune
from kerasdnn.core.arguments import Unstackable
from kerasdnn.factories import build_for
from kerasdnn.heads.head import Head, Metric, Values
from kerasdnn.heads.problem_types import BINARY, make_problem

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
Y = (3 * X[:, 0] - X[:, 1] ** 2 + RNG.standard_t(1.5, 120)).astype("float32")
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(city=RNG.choice(["Oslo", "Rome"], 120))
TRAIN, VALID = np.arange(90), np.arange(90, 120)
MEMBERS = [
    {"hidden_units": (6,), "optimizer": "adam", "learning_rate": 0.02, "seed": 1},
    {"hidden_units": (4, 3), "optimizer": "nag", "dropout": 0.1, "l2": 0.01, "seed": 2},
    {"hidden_units": (5,), "optimizer": "momentum", "batch_norm": True, "seed": 3},
]


def huber(y, p, delta=1.0):
    """The formula: e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2); a value per row."""
    error = np.abs(np.asarray(y, "float64").reshape(len(y), -1) - np.reshape(p, (len(y), -1)))
    small = error**2 / 2
    return np.where(error <= delta, small, delta * (error - delta / 2)).mean(axis=1)


def make_head():
    errors = {"mae": km.MeanAbsoluteError, "mape": km.MeanAbsolutePercentageError}
    return Head("n", "linear", "huber", errors, "n floats")


@pytest.fixture
def row(monkeypatch):
    head = make_head()
    monkeypatch.setitem(HEADS, "huber", head)
    assert HEADS["huber"] is head
    return head


@pytest.fixture(params=["name", "object"])
def problem(request, row):
    """The new row by its name, and a `Head` that is in no table."""
    return "huber" if request.param == "name" else make_head()


def test_a_network_minimizes_the_formula(problem):
    network = build_regressor(4, hidden_units=(6,), target=problem, seed=1)
    same = build_for(make_problem(problem, 4), hidden_units=(6,), seed=1)
    for one in (network, same):
        one.fit(X, Y, epochs=3, verbose=0)
    for a, b in zip(network.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    found = network.evaluate(X, Y, verbose=0, return_dict=True)
    p = network.predict(X, verbose=0)
    assert found["loss"] == pytest.approx(huber(Y, p).mean(), rel=1e-5)
    assert list(found) == ["loss", "mae", "mape"]


def test_the_prior_of_a_linear_output_is_its_bias(row):
    network = build_regressor(4, target="huber", prior=2.5, seed=1)
    assert network.get_weights()[-1] == [2.5]


@pytest.mark.parametrize("preset", ["standard", "realmlp", "realmlp-s"])
def test_an_estimator_trains_evaluates_and_comes_back_from_a_file(preset, row, tmp_path):
    model = DNNRegressor(preset, target="huber", hidden_units=(8, 8), epochs=5, random_state=0)
    model.fit(TABLE, Y)
    assert isinstance(model.network_.loss, keras.losses.Huber)
    p = model.predict(TABLE)
    assert model.evaluate(TABLE, Y)["loss"] == pytest.approx(huber(Y, p).mean(), rel=1e-6)
    best = model.history_["val_loss"][model.best_epoch_]  # in standard deviations of y
    assert best == model.history_["val_loss"].min()

    model.save(tmp_path / "model.kerasdnn")
    loaded = kerasdnn.load(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(loaded.predict(TABLE), p)
    assert loaded.evaluate(TABLE, Y) == model.evaluate(TABLE, Y)
    copied = pickle.loads(pickle.dumps(model))
    assert copied.target_.head is row
    np.testing.assert_array_equal(copied.predict(TABLE), p)

    del HEADS["huber"]
    with pytest.raises(ValueError, match="'huber' is not a row of HEADS"):
        kerasdnn.load(tmp_path / "model.kerasdnn")
    HEADS["huber"] = row


def test_an_estimator_of_a_head_in_no_table_trains_and_says_why_it_cannot_be_saved(tmp_path):
    model = DNNRegressor("standard", target=make_head(), epochs=3, random_state=0).fit(TABLE, Y)
    p = model.predict(TABLE)
    assert model.evaluate(TABLE, Y)["loss"] == pytest.approx(huber(Y, p).mean(), rel=1e-6)
    with pytest.raises(ValueError, match=r"is not a row of HEADS.*HEADS\['my_problem'\] = head"):
        model.save(tmp_path / "model.kerasdnn")


def test_a_population_trains_as_single_networks_do_and_reports_the_formula(problem, tmp_path):
    population = Population(MEMBERS[::2], 4, problem=problem, jit_compile=False)
    population.fit(X, Y, epochs=3, batch_size=16, rows=TRAIN, validation_rows=VALID)
    for i, member in enumerate(population.members):
        alone = build_for(population.problem, **member.given)
        alone.fit(X[TRAIN], Y[TRAIN], epochs=3, batch_size=16, verbose=0)
        for a, b in zip(population.get_weights(i), alone.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    p = population.predict(X[VALID])
    last = population.history[population.history["epoch"] == 3]
    assert list(last)[2:] == ["loss", "val_loss", "val_mae", "val_mape"]
    expected = [huber(Y[VALID], own).mean() for own in p]
    np.testing.assert_allclose(last["val_loss"], expected, rtol=1e-5)
    mape = [100 * np.mean(np.abs((own[:, 0] - Y[VALID]) / Y[VALID])) for own in p]
    np.testing.assert_allclose(last["val_mape"], mape, rtol=1e-4)

    if problem != "huber":
        with pytest.raises(ValueError, match="is not a row of HEADS"):
            population.save(tmp_path / "p.npz")
        return
    population.save(tmp_path / "p.npz")
    np.testing.assert_array_equal(Population.load(tmp_path / "p.npz").predict(X[VALID]), p)
    row = HEADS.pop("huber")
    with pytest.raises(ValueError, match="'huber' is not a row of HEADS"):
        Population.load(tmp_path / "p.npz")
    HEADS["huber"] = row


def test_row_weights_and_several_outputs_count(row):
    y = np.stack([Y, -2 * Y], 1)
    weights = RNG.uniform(0.5, 2, 120).astype("float32")
    population = Population(MEMBERS, 4, problem="huber", n_outputs=2, seed=0)
    population.fit(X, y, epochs=2, sample_weight=weights, rows=TRAIN, validation_rows=VALID)
    found = population.curves("val_loss")[:, -1]
    for value, p in zip(found, population.predict(X[VALID]), strict=True):
        expected = np.average(huber(y[VALID], p), weights=weights[VALID])
        assert value == pytest.approx(expected, rel=1e-5)


def test_a_search_scores_and_keeps_the_best_network(problem):
    result = tune(
        X, Y, problem=problem, max_trials=4, epochs=3, seed=0, verbose=0,
        validation_data=(X[VALID], Y[VALID]),
    )  # fmt: skip
    assert len(result.trials) == 4
    assert result.best_score == result.trials["score"].min()
    network = result.best_network()
    p = network.predict(X, verbose=0)
    found = network.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    penalty = sum(float(loss) for loss in network.losses)
    assert found == pytest.approx(huber(Y, p).mean() + penalty, rel=1e-4)


def test_a_search_over_a_table_gives_estimators_of_the_new_type(row):
    settings = {"max_trials": 2, "epochs": 3, "seed": 0, "verbose": 0}
    for result in (
        tune(TABLE, Y, problem="huber", **settings),
        DNNRegressor(target="huber").tune(TABLE, Y, **settings),
        DNNRegressor("realmlp", target="huber", hidden_units=(8,)).tune(TABLE, Y, **settings),
    ):
        assert result.best_network().target_.head is row


def test_a_comparison_takes_the_direction_of_a_metric_of_the_new_type(problem):
    result = compare(
        X, Y, {"learning_rate": [1e-4, 0.05]}, problem=problem, objective="val_mape", seeds=3,
        epochs=4, verbose=0, validation_data=(X[VALID], Y[VALID]),
    )  # fmt: skip
    assert result.table["mean"].is_monotonic_increasing
    assert len(result.runs) == 6


def test_the_direction_that_a_metric_states_counts():
    ratio = Metric(km.MeanAbsoluteError, "max")
    head = Head("n", "linear", "huber", {"mae": ratio}, "n floats")
    population = Population(MEMBERS[:1], 4, problem=head)
    population.fit(X, Y, epochs=4, validation_rows=VALID, monitor="val_mae")
    assert population.best_scores[0] == population.curves("val_mae").max()


def my_loss(y, p):
    return keras.ops.mean(keras.ops.log(keras.ops.cosh(p - y)), axis=-1)


def test_a_loss_of_ones_own_trains_alone_and_is_searched_one_by_one():
    head = Head("n", "linear", my_loss, {"mae": km.MeanAbsoluteError}, "n floats")
    with pytest.raises(Unstackable, match="row-wise loss of Keras"):
        Population(MEMBERS, 4, problem=head)
    with pytest.warns(DataWarning, match="one by one"):
        result = tune(X, Y, problem=head, max_trials=2, epochs=2, seed=0, verbose=0)
    p = result.best_network().predict(X, verbose=0)
    assert p.shape == (120, 1)
    assert np.isfinite(result.best_score)


def test_what_precedes_the_activation_may_be_minimized():
    """With `logits_loss` a loss of one's own is stacked, too: it says what a row costs."""
    head = Head("n", "linear", my_loss, {}, "n floats", logits_loss=my_loss)
    population = Population(MEMBERS[:1], 4, problem=head)
    population.fit(X, Y, epochs=2, rows=TRAIN, validation_rows=VALID)
    error = population.predict(X[VALID])[0, :, 0] - Y[VALID]
    expected = np.log(np.cosh(np.float64(error))).mean()
    assert population.curves("val_loss")[0, -1] == pytest.approx(expected, rel=1e-4)


def test_a_new_type_for_two_classes_is_checked_and_stacked():
    head = Head("1", "sigmoid", "binary_focal_crossentropy", BINARY, "0 or 1", kind="class")
    y = (Y > 0).astype("int64")
    population = Population(MEMBERS, 4, problem=head)
    population.fit(X, y, epochs=3, rows=TRAIN, validation_rows=VALID)
    for value, p in zip(population.curves()[:, -1], population.predict(X[VALID]), strict=True):
        of_true = np.where(y[VALID] == 1, p[:, 0], 1 - p[:, 0])
        expected = (-((1 - of_true) ** 2) * np.log(of_true)).mean()
        assert value == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="`y`"):
        population.fit(X, y + 1)


def test_a_new_type_states_which_numbers_it_takes():
    """Log link and Gamma deviance: positive numbers, which an estimator must not standardize."""

    def gamma(y, p):
        return keras.ops.mean(y / p + keras.ops.log(p), axis=-1)

    positive = Values("contain positive numbers", lambda y: y > 0, "Shift it.")
    head = Head("n", "exponential", gamma, {}, "n positive floats", values=positive)
    model = DNNRegressor("standard", target=head, epochs=3, random_state=0)
    model.fit(TABLE, np.exp(Y / 10))
    assert model.target_.scale == 1
    p = model.predict(TABLE)
    assert (p > 0).all()
    expected = np.mean(np.exp(Y / 10) / p + np.log(p))
    assert model.evaluate(TABLE, np.exp(Y / 10))["loss"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="must contain positive numbers"):
        model.fit(TABLE, Y)


def test_a_row_must_be_a_head_and_a_renamed_row_is_a_row_of_its_own():
    with pytest.raises(ValueError, match="must be a `Head`"):
        HEADS["huber"] = "huber"
    first = make_head()
    HEADS["one"], HEADS["two"] = first, first
    assert (HEADS["one"].name, HEADS["two"].name) == ("one", "two")
    assert HEADS["one"] is first
    del HEADS["one"], HEADS["two"]
