"""Few rows are trained for enough steps, counts and distributions at a rate that they bear."""

import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn import DNNClassifier, DNNMultiOutput, DNNRegressor
from kerasdnn.estimators.training import check_settings, enough_steps, rows_per_step

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1_160, 3))
MEAN = np.exp(np.clip(X[:, 0] + X[:, 1] ** 2, -2, 3))
COUNTS = RNG.poisson(MEAN)
STEEP = ["count", "positive", "normal", "negative_binomial"]


def resolved(model, rows):
    return enough_steps(check_settings(model), model, rows)


@pytest.mark.parametrize("preset", ["compact", "realmlp", "pack"])
@pytest.mark.parametrize("rows", [10, 48, 80, 160, 400, 2_000])
def test_a_regressor_has_at_least_400_steps_and_no_more_epochs_than_that_takes(preset, rows):
    own = resolved(DNNRegressor(preset), rows)
    usual = check_settings(DNNRegressor(preset))
    steps = -(-rows // rows_per_step("auto", rows))
    assert own["epochs"] * steps >= 400
    assert own["epochs"] == max(usual["epochs"], -(-400 // steps))
    longer = max(1, 400 / (steps * usual["epochs"]))
    assert own["patience"] == round(usual["patience"] * longer)


@pytest.mark.parametrize(
    "model",
    [
        DNNRegressor(epochs=7), DNNRegressor(batch_size=16), DNNRegressor(batch_size="full"),
        DNNRegressor("standard"), DNNRegressor("realmlp-s"), DNNRegressor("tabm"), DNNClassifier(),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_given_and_other_estimators_keep_their_epochs(model):
    assert resolved(model, 40) == check_settings(model)


def test_a_patience_that_is_given_stays():
    own = resolved(DNNRegressor(patience=9), 60)
    assert (own["epochs"], own["patience"]) == (400, 9)


def test_a_fit_says_what_it_did_and_is_trained_again_on_all_rows_for_as_long():
    fit = {"hidden_units": (8,), "n_members": 1, "random_state": 0}
    model = DNNRegressor(**fit, refit=True, early_stopping=False).fit(X[:60], X[:60, 0])
    assert model.hyperparameters_["epochs"] == len(model.history_) == 400
    few = DNNRegressor(**fit).fit(X[:40], X[:40, 0])  # too few for a validation set
    assert few.hyperparameters_["epochs"] == 48


def test_a_search_and_a_table_that_is_read_in_parts_train_as_long(tmp_path):
    few = {"hidden_units": (8,), "n_members": 1}
    found = DNNRegressor("compact", **few).tune(X[:60], COUNTS[:60], max_trials=1, verbose=0)
    assert found.best_network().hyperparameters_["epochs"] == 400
    table = pd.DataFrame(X[:60], columns=["a", "b", "c"]).assign(y=COUNTS[:60])
    table.to_parquet(tmp_path / "few.parquet")
    model = DNNRegressor(**few, random_state=0).fit(str(tmp_path / "few.parquet"), "y")
    assert model.hyperparameters_["epochs"] == 400


@pytest.mark.parametrize("target", ["count", "normal"])
def test_160_rows_of_counts_and_distributions_are_learned(target):
    model = DNNRegressor(target=target, n_members=1, random_state=0).fit(X[:160], COUNTS[:160])
    assert model.hyperparameters_["learning_rate"] == 0.05
    assert model.score(X[160:], COUNTS[160:]) > 0.5


def test_the_rate_of_a_head_is_that_of_its_kind_and_a_given_one_stays():
    rate = lambda model: check_settings(model)["learning_rate"]
    assert [rate(DNNRegressor(target=target)) for target in STEEP] == [0.05] * 4
    for other in ({}, {"target": "log"}, {"target": "huber"}, {"quantiles": (0.1, 0.9)}):
        assert rate(DNNRegressor(**other)) == 0.2, other
    assert rate(DNNRegressor(target="count", learning_rate=0.1)) == 0.1
    with pytest.raises(ValueError, match=r"'log'.* Did you mean 'log'"):
        rate(DNNRegressor(target="logs"))
    assert rate(DNNRegressor("tabm", target="count")) == rate(DNNRegressor("tabm"))
    assert rate(DNNMultiOutput(heads={"visits": "count"})) == 0.05
    assert rate(DNNMultiOutput(heads={"spend": "log", "kind": "class"})) == 0.2


@pytest.mark.parametrize("target", STEEP)
def test_no_prediction_is_outside_the_range_of_y_however_far_a_row_is(target, tmp_path):
    y = COUNTS[:100] + (target == "positive")
    model = DNNRegressor(
        target=target, n_members=1, hidden_units=(16,), epochs=20, random_state=0
    ).fit(X[:100], y)
    far = X[:100] * np.linspace(1, 1e4, 100)[:, None]
    predicted = model.predict(far)
    assert y.min() <= predicted.min() <= predicted.max() <= y.max()
    if model.target_.head.distribution is not None:
        np.testing.assert_allclose(model.predict_dist(far).mean(), predicted, rtol=1e-6)
    model.save(tmp_path / "model.kerasdnn")
    again = kerasdnn.load(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(again.predict(far), predicted)
    model.export(tmp_path / "out")  # which compares its predictions with those of the model
