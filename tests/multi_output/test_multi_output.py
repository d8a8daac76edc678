"""DNNMultiOutput: several columns of different kinds from one table."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score

import kerasdnn
from kerasdnn import DNNClassifier, DNNMultiOutput, DNNRegressor

RNG = np.random.default_rng(0)
N = 260
X = pd.DataFrame({
    "a": RNG.normal(size=N), "b": RNG.normal(size=N), "city": RNG.choice(["Oslo", "Rome"], N),
}, index=np.arange(N) + 10)  # fmt: skip
Y = pd.DataFrame({
    "churn": np.where(X["a"] + RNG.normal(size=N) / 2 > 0, "yes", "no"),
    "plan": np.digitize(X["b"] + RNG.normal(size=N) / 4, [-0.5, 0.5]) + 1,
    "spend": 100 + 50 * X["a"] + 9 * RNG.normal(size=N),
    "claims": np.exp(X["b"] / 2 + RNG.normal(size=N) / 9),
}, index=X.index)  # fmt: skip
HEADS = {"plan": "class", "claims": "log"}
OWN = {"heads": HEADS, "loss_weights": {"spend": 0.5}, "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return DNNMultiOutput(hidden_units=(16,), epochs=30, **OWN).fit(X, Y)


def test_predictions_have_the_columns_types_and_index_of_y(model):
    found = model.predict(X)
    pd.testing.assert_frame_equal(found.head(0), Y.head(0), check_dtype=False)
    assert found.index.equals(X.index)
    assert set(found["churn"]) == {"no", "yes"}
    assert found["plan"].dtype == Y["plan"].dtype
    p = model.predict_proba(X)
    assert {name: values.shape for name, values in p.items()} == {"churn": (N, 2), "plan": (N, 3)}
    np.testing.assert_array_equal(model.classes_["plan"][p["plan"].argmax(axis=1)], found["plan"])
    assert (found["claims"] > 0).all()
    scores = [accuracy_score(Y[n], found[n]) for n in p]
    scores += [r2_score(Y[n], found[n]) for n in ("spend", "claims")]
    assert model.score(X, Y[["spend", "plan", "claims", "churn"]]) == pytest.approx(np.mean(scores))
    assert min(scores) > 0.6
    low, high = model.predict_interval(X, 0.8)["spend"].T
    assert 0.6 < ((low <= Y["spend"]) & (Y["spend"] <= high)).mean() < 0.95


def test_the_history_has_the_loss_of_each_head_and_their_weighted_sum(model):
    row = model.history_.iloc[-1]
    total = row["churn_loss"] + row["plan_loss"] + 0.5 * row["spend_loss"] + row["claims_loss"]
    assert row["loss"] == pytest.approx(total, rel=1e-3)
    assert {"val_churn_accuracy", "val_spend_mae"} <= {*model.history_}
    found = model.evaluate(X, Y)
    error = np.abs(Y["spend"] - model.predict(X)["spend"]).mean()
    assert found["spend_mae"] == pytest.approx(error, rel=1e-4)  # in the units of y
    assert found["baseline_spend_mae"] == pytest.approx(
        np.abs(Y["spend"] - model.target_.baseline[4]).mean(), rel=1e-3
    )


@pytest.mark.parametrize("column", Y.columns)
def test_a_single_column_is_an_estimator_that_predicts_the_same(model, column, tmp_path):
    one = model.single(column)
    assert type(one) is (DNNClassifier if column in model.classes_ else DNNRegressor)
    expected = model.predict(X)[column]
    if column in model.classes_:
        np.testing.assert_array_equal(one.predict(X), expected)
        np.testing.assert_allclose(one.predict_proba(X), model.predict_proba(X)[column], atol=1e-6)
    else:
        np.testing.assert_allclose(one.predict(X), expected, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(
            one.predict_interval(X), model.predict_interval(X)[column], rtol=1e-5, atol=1e-3
        )
    assert one.history_["loss"].iloc[-1] == model.history_[f"{column}_loss"].iloc[-1]
    one.save(tmp_path / "one.kerasdnn")
    pd.testing.assert_series_equal(
        pd.Series(kerasdnn.load(tmp_path / "one.kerasdnn").predict(X)), pd.Series(one.predict(X))
    )
    attributions, baseline = one.explain(X.head(3))
    assert (attributions.shape, baseline.shape) == ((3, 3), (3,))


@pytest.mark.parametrize(
    "settings",
    [
        {"preset": "standard", "wide": True, "n_members": 2, "hidden_units": (8,)},
        {"preset": "tabm", "k": 3, "hidden_units": (8,)},
    ],
)
def test_single_columns_of_other_networks_predict_the_same(settings):
    model = DNNMultiOutput(epochs=2, **settings, **OWN).fit(X, Y)
    found = model.predict(X)
    np.testing.assert_array_equal(model.single("plan").predict(X), found["plan"])
    np.testing.assert_allclose(model.single("spend").predict(X), found["spend"], rtol=1e-5)


def test_files_copies_and_clones_predict_the_same(model, tmp_path):
    model.save(tmp_path / "all.kerasdnn")
    for copy in (kerasdnn.load(tmp_path / "all.kerasdnn"), pickle.loads(pickle.dumps(model))):
        pd.testing.assert_frame_equal(copy.predict(X), model.predict(X))
        np.testing.assert_array_equal(copy.predict_proba(X)["plan"], model.predict_proba(X)["plan"])
        assert copy.score(X, Y) == model.score(X, Y)
    assert clone(model).get_params() == model.get_params()
    assert "4 columns: 'churn' (classes)" in str(model.summary())
    assert model.record_["scores"]["churn_accuracy"]["value"] > 0.5


def test_a_search_tunes_all_heads_together():
    found = DNNMultiOutput(**OWN).tune(
        X, Y, max_trials=2, epochs=2, seed=0, verbose=0, objective="val_plan_accuracy"
    )
    assert {"hidden_units", "learning_rate"} <= {*found.best_hyperparameters}
    assert found.best_network().predict(X).shape == Y.shape


def test_what_needs_one_column_says_so(model):
    for method in (lambda: model.explain(X), lambda: model.export("never"),
                   lambda: model.plot_residuals(X, Y)):  # fmt: skip
        with pytest.raises(ValueError, match=r"one column of y.*model\.single\('churn'\)"):
            method()
    with pytest.raises(ValueError, match="'churn'"):
        model.single("chrn")


@pytest.mark.parametrize(
    ("settings", "y", "words"),
    [
        ({}, Y["spend"], "at least two columns"),
        ({}, Y, r"'plan'.*integers 1, 2, 3.*heads=\{'plan': 'class'\}"),
        ({"heads": {"spnd": "log"}}, Y, "'spend'"),
        ({"heads": {"plan": "binary"}}, Y, "'plan'.*3 classes"),
        ({"heads": {"plan": "class", "spend": "count"}}, Y, "'spend'.*non-negative integers"),
        ({"heads": HEADS}, Y.assign(churn=[None, *Y["churn"][1:]]), "'churn'.*missing"),
        ({"heads": HEADS, "monitor": "acuracy"}, Y, "churn_accuracy"),
    ],
)
def test_invalid_targets_are_named_by_their_column(settings, y, words):
    with pytest.raises(ValueError, match=words):
        DNNMultiOutput(epochs=1, **settings).fit(X, y)


def test_rows_of_another_order_or_with_unseen_classes_are_rejected(model):
    with pytest.raises(ValueError, match="index"):
        model.score(X, Y.iloc[::-1])
    with pytest.raises(ValueError, match=r"'churn'.*'maybe'"):
        model.score(X, Y.assign(churn="maybe"))
    with pytest.raises(ValueError, match="'churn'"):
        model.score(X, Y[["spend"]])


def test_a_missing_target_is_named_with_a_remedy_that_works():
    X, y = pd.DataFrame({"a": range(60)}), pd.DataFrame({"churn": ["yes", "no"] * 30, "spend": 1.5})
    y.loc[3, "spend"] = np.nan
    with pytest.raises(ValueError, match=r"pd\.notna\(y\['spend'\]\); X, y = X\[keep\], y\[keep\]"):
        DNNMultiOutput("standard", epochs=1).fit(X, y)


def test_members_on_folds_predict_every_row_and_give_the_residuals_of_all():
    settings = {"hidden_units": (8,), "epochs": 6, "learning_rate": 0.02, "bagging": "folds"}
    model = DNNMultiOutput("standard", n_members=2, **settings, **OWN).fit(X, Y)
    found, p = model.oof_predict_, model.oof_predict_proba_
    assert list(found) == list(Y)
    assert {n: v.shape for n, v in p.items()} == {"churn": (N, 2), "plan": (N, 3)}
    scores = [accuracy_score(Y[n], found[n]) for n in p]
    scores += [r2_score(Y[n], found[n]) for n in ("spend", "claims")]
    assert model.oof_score_ == pytest.approx(np.mean(scores))
    spend = model.single("spend")
    assert len(spend.conformal_.residuals) == N
    assert model.score(X, Y) > model.oof_score_
    errors = Y["spend"].to_numpy() - found["spend"]
    assert spend.conformal_.residuals.std() == pytest.approx(errors.std(), rel=0.05)


def test_partial_fit_learns_rows_in_parts_and_labels_that_come_later():
    model = DNNMultiOutput("standard", hidden_units=(8,), **OWN)
    first = np.flatnonzero(Y["plan"] < 3)
    with pytest.raises(ValueError, match=r"`classes`.*'churn'.*classes=\{'churn': \['no', 'yes'\]"):
        model.partial_fit(X.iloc[first], Y.iloc[first])
    with pytest.raises(ValueError, match=r"`classes` must have the columns.*'pln'"):
        model.partial_fit(X, Y, {"pln": [1, 2]})
    with pytest.raises(ValueError, match="`classes` must be a dict"):
        model.partial_fit(X, Y, ["no", "yes"])
    labels = {"churn": ["no", "yes"], "plan": [1, 2, 3]}
    model.partial_fit(X.iloc[first], Y.iloc[first], labels)
    assert model.predict(X.head(4)).shape == (4, 4)
    for _ in range(20):
        model.partial_fit(X, Y)
    assert len(model.history_) == 21
    assert model.n_rows_ == len(first) + 20 * N
    assert model.score(X, Y) > 0.5
    assert model.predict_proba(X)["plan"].shape == (N, 3)
    with pytest.raises(ValueError, match="`classes` must be those of the first call"):
        model.partial_fit(X, Y, {"plan": [1, 2]})
    with pytest.raises(ValueError, match=r"coverage.*needs validation rows"):
        model.predict_interval(X)
    one = model.single("spend").calibrate(X, Y["spend"])
    assert one.predict_interval(X).shape == (N, 2)


def test_a_table_that_is_read_in_parts_is_rejected_with_a_way_out(tmp_path):
    X.assign(**Y).to_parquet(tmp_path / "table.parquet")
    for call in (DNNMultiOutput(**OWN).fit, DNNMultiOutput(**OWN).partial_fit):
        with pytest.raises(ValueError, match=r"`X` must be a table in memory.*each column of y"):
            call(tmp_path / "table.parquet", ["churn", "spend"])


def churn_accuracy(model, X, y):
    return accuracy_score(y["churn"], model.predict(X)["churn"])


def spend_error(model, X, y):
    return -np.abs(y["spend"].to_numpy() - model.predict(X)["spend"].to_numpy()).mean()


@pytest.mark.parametrize("scorer", [churn_accuracy, spend_error])
def test_a_scorer_of_all_columns_selects_epochs_and_trials(scorer):
    held = X[200:], Y[["churn", "spend"]][200:]
    model = DNNMultiOutput("standard", hidden_units=(6,), epochs=4, monitor=scorer, random_state=0)
    model.fit(X[:200], Y[["churn", "spend"]][:200], validation_data=held)
    best = model.history_[f"val_{scorer.__name__}"].max()
    assert scorer(model, *held) == pytest.approx(best, rel=1e-5)
    assert np.isfinite(model.predict_interval(X)["spend"]).all()
    search = {"max_trials": 1, "verbose": 0, "seed": 0, "objective": scorer}
    plain = DNNMultiOutput("standard", hidden_units=(6,), epochs=4, random_state=0)
    found = plain.tune(X[:200], Y[["churn", "spend"]][:200], validation_data=held, **search)
    worst = {"churn_accuracy": 0.3, "spend_error": -75.0}[scorer.__name__]  # in the units of y
    assert worst < found.best_score < worst + 65
