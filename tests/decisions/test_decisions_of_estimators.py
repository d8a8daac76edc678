"""Calibrated probabilities, thresholds, intervals and spread of fitted estimators."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.metrics import f1_score, log_loss, recall_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.decisions.calibration import Temperature
from kerasdnn.decisions.outputs import before_activation

RNG = np.random.default_rng(0)
ROWS = 700
X = pd.DataFrame(RNG.normal(size=(ROWS, 4)), columns=list("abcd"))
ODDS = (1.5 * X["a"] + X["b"] - 1.5).to_numpy()
Y = np.where(RNG.random(ROWS) < expit(ODDS), "yes", "no")
Y3 = np.digitize(X["a"] + 0.7 * RNG.normal(size=ROWS), [-0.5, 0.5])
LABELS = (RNG.random((ROWS, 2)) < expit(2 * X[["a", "b"]].to_numpy())).astype(int)
NUMBERS = (5 * X["a"] + np.exp(X["b"] / 2) * RNG.normal(size=ROWS)).to_numpy()
TRAIN, TEST = slice(0, 400), slice(400, ROWS)
QUICK = {"hidden_units": (16,), "epochs": 12, "learning_rate": 0.02, "random_state": 0}


def classifier(y=Y, **settings):
    return DNNClassifier("standard", **(QUICK | settings)).fit(X[TRAIN], y[TRAIN])


PROBLEMS = {
    "binary": (Y, {}),
    "members": (Y, {"n_members": 2}),
    "multiclass": (Y3, {}),
    "multilabel": (LABELS, {}),
    "members of labels": (LABELS, {"n_members": 2}),
    "batch_norm": (Y, {"batch_norm": True}),
}


@pytest.fixture(scope="module", params=PROBLEMS)
def pair(request):
    """The same network, calibrated and not."""
    y, settings = PROBLEMS[request.param]
    return y, classifier(y, **settings), classifier(y, **settings, calibrate=False)


def raw_scores(model, table):
    p = model.predict_proba(table)
    return np.log(p) if model.target_.head.per_class else logit(p[:, 1:] if p.shape[1] == 2
        and model.target_.head.kind == "class" else p)  # fmt: skip


def test_calibration_divides_log_odds_and_leaves_weights_and_classes(pair):
    _, model, plain = pair
    for ours, theirs in zip(model.network_.weights, plain.network_.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))
    assert plain.temperature_ == 1.0 != model.temperature_
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    z, p = raw_scores(plain, X) / model.temperature_, model.predict_proba(X)
    if model.target_.head.per_class:
        expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    else:
        expected = expit(z)
        p = p[:, 1:] if model.target_.head.kind == "class" else p
    np.testing.assert_allclose(p, expected, atol=2e-6)
    one = model.predict_proba(X.iloc[[7]])
    np.testing.assert_array_equal(one[0], model.predict_proba(X)[7])
    decisions = model.decision_function(X)
    found = expit(decisions) if decisions.shape == p.shape else expit(decisions)[:, None]
    if not model.target_.head.per_class:
        np.testing.assert_allclose(found, p, atol=1e-6)


def test_the_temperature_is_that_of_the_validation_rows():
    held_out = X[500:], Y[500:]
    settings = {"calibrate": True, "random_state": 0, "epochs": 12}
    model = DNNClassifier("standard", **settings)
    model.fit(X[TRAIN], Y[TRAIN], validation_data=held_out)
    plain = clone(model).set_params(calibrate=False)
    plain.fit(X[TRAIN], Y[TRAIN], validation_data=held_out)
    z = logit(plain.predict_proba(held_out[0])[:, 1:])
    expected = Temperature.fit(z, held_out[1] == "yes", sigmoid=True).value
    assert model.temperature_ == pytest.approx(expected, rel=1e-4)
    again = plain.calibrate(*held_out)
    assert again is plain
    assert plain.temperature_ == pytest.approx(expected, rel=1e-4)


def test_evaluate_and_files_and_copies_have_the_calibrated_probabilities(pair, tmp_path):
    y, model, _ = pair
    p = model.predict_proba(X)
    found = model.evaluate(X[TEST], y[TEST])["loss"]
    if y is LABELS:
        parts = [log_loss(y[TEST][:, k], p[TEST][:, k]) for k in range(2)]
        assert found == pytest.approx(np.mean(parts), rel=1e-4)
    else:
        assert found == pytest.approx(log_loss(y[TEST], p[TEST]), rel=1e-4)
    model.save(tmp_path / "model.kerasdnn")
    for other in (kerasdnn.load(tmp_path / "model.kerasdnn"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_proba(X), p)
        assert other.temperature_ == model.temperature_
        assert other.get_params()["calibrate"] is True
    assert isinstance(str(model.health(X, y)), str)


def test_log_odds_survive_where_the_sigmoid_is_rounded_to_one():
    model = classifier()
    bias = model.network_.layers[-1].bias
    bias.assign_add([30.0])
    model.calibrator_.value = 4.0
    twin = before_activation(model.network_)
    z = twin.predict(model.encoder_.transform(X), verbose=0)[:, 0]
    assert z.min() > 20  # a float32 sigmoid is 1 from 17 on
    p = model.predict_proba(X)
    np.testing.assert_allclose(p[:, 0], expit(-z.astype("float64") / 4), rtol=1e-6)
    assert len(np.unique(p[:, 0])) > 600


def test_there_is_no_calibration_without_validation_rows():
    for settings in ({"validation_fraction": 0}, {}):
        few = X[:40], Y[:40]
        model = DNNClassifier("standard", epochs=2, random_state=0, **settings).fit(*few)
        assert model.temperature_ == 1.0
        assert model.calibrator_ is None
        with pytest.raises(ValueError, match=r"`threshold` needs validation rows.*threshold='f1'"):
            clone(model).set_params(threshold="f1").fit(*few)
    assert clone(model).set_params(threshold=0.2).fit(*few).threshold_ == 0.2


def test_isotonic_calibration_is_predicted_by_and_cannot_be_exported(tmp_path):
    model = classifier(Y3).calibrate(X[TEST], Y3[TEST], method="isotonic")
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    model.save(tmp_path / "model.kerasdnn")
    again = kerasdnn.load(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(again.predict_proba(X), p)
    with pytest.raises(ValueError, match=r"Isotonic.*cannot be exported"):
        model.export(tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
    with pytest.raises(ValueError, match=r'"temperature" or "isotonic".*Received: method=False'):
        model.calibrate(X[TEST], Y3[TEST], method=False)


def test_the_argument_of_the_name_of_a_method_is_an_argument():
    model = DNNClassifier(calibrate="isotonic")
    assert model.get_params()["calibrate"] == "isotonic"
    assert clone(model.set_params(calibrate=False)).get_params()["calibrate"] is False
    assert "calibrate=False" in repr(model)
    assert callable(model.calibrate)
    with pytest.raises(ValueError, match=r"`calibrate` must be .*Received: calibrate='platt'"):
        DNNClassifier("standard", calibrate="platt", epochs=1).fit(X, Y)


@pytest.mark.parametrize("format", ["numpy", "saved_model"])
def test_an_export_has_temperature_and_threshold(format, tmp_path):
    model = classifier(threshold=0.3, n_members=2 if format == "numpy" else 1)
    model.calibrator_.value = 3.0
    proof = model.export(tmp_path / "exported", format=format)["proof"]
    assert proof["largest_difference"]["all"] < 1e-6


def test_a_threshold_is_stored_and_predicted_by(tmp_path):
    low = classifier(threshold={"false_positive": 1, "false_negative": 5})
    assert low.threshold_ == pytest.approx(1 / 6)
    p = low.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(low.predict(X) == "yes", p > 1 / 6)
    found, truth = low.evaluate(X[TEST], Y[TEST]), Y[TEST] == "yes"
    predicted = low.predict(X[TEST]) == "yes"
    assert found["accuracy"] == pytest.approx(low.score(X[TEST], Y[TEST]))
    assert found["recall"] == pytest.approx(recall_score(truth, predicted))
    low.save(tmp_path / "model.kerasdnn")
    assert kerasdnn.load(tmp_path / "model.kerasdnn").threshold_ == low.threshold_
    odds = low.decision_function(X)
    np.testing.assert_array_equal(odds > logit(1 / 6), p > 1 / 6)


def test_a_threshold_for_f1_is_chosen_on_validation_rows_and_again_by_calibrate():
    held_out = X[TEST], Y[TEST]
    model = DNNClassifier("standard", **QUICK, threshold="f1")
    model.fit(X[TRAIN], Y[TRAIN], validation_data=held_out)
    p, truth = model.predict_proba(X[TEST])[:, 1], Y[TEST] == "yes"
    best = max(f1_score(truth, p > t) for t in np.unique(p)[:-1])
    assert f1_score(truth, model.predict(X[TEST]) == "yes") == pytest.approx(best)
    assert f1_score(truth, p > 0.5) < best
    before = model.threshold_
    assert model.calibrate(X[TRAIN], Y[TRAIN]).threshold_ != before


@pytest.mark.parametrize(("y", "words"), [(Y3, "most probable"), (LABELS, "per label")])
def test_a_threshold_of_another_problem_is_an_error(y, words):
    with pytest.raises(ValueError, match=f"`threshold` is for two classes.*threshold=0.3.*{words}"):
        classifier(y, threshold=0.3)


def test_a_pipeline_and_a_search_have_calibrated_probabilities():
    pipeline = make_pipeline(StandardScaler(), DNNClassifier("standard", **QUICK, threshold="f1"))
    p = cross_val_predict(pipeline, X[TRAIN], Y[TRAIN], cv=2, method="predict_proba")
    assert log_loss(Y[TRAIN], p) < 0.6
    result = DNNClassifier("standard", threshold="f1").tune(
        X[TRAIN], Y[TRAIN], max_trials=2, epochs=2, seed=0, verbose=0
    )
    assert result.best_network().threshold_ != 0.5


@pytest.mark.parametrize(
    "settings",
    [{}, {"quantiles": (0.1, 0.5, 0.9)}, {"n_members": 2}, {"target": "log"}, {"target": "count"},
     {"target": "positive"}],
)  # fmt: skip
def test_intervals_cover_what_they_state_in_the_units_of_y(settings, tmp_path):
    kind = settings.get("target")
    y = NUMBERS if kind is None else np.exp(NUMBERS / 8) + 0.01
    y = RNG.poisson(y) if kind == "count" else y
    model = DNNRegressor("standard", **QUICK, **settings).fit(X[TRAIN], y[TRAIN])
    assert len(model.conformal_.residuals) == 79
    wide = model.predict_interval(X, coverage=0.95)
    assert wide.shape == (ROWS, 2)
    covered = ((wide[:, 0] <= y) & (y <= wide[:, 1]))[TEST]
    assert covered.mean() == pytest.approx(0.95, abs=0.07)
    narrow = model.predict_interval(X, coverage=0.5)
    assert (np.diff(narrow) <= np.diff(wide)).all()
    assert kind is None or wide.min() >= 0
    model.save(tmp_path / "model.kerasdnn")
    again = kerasdnn.load(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(again.predict_interval(X, coverage=0.95), wide)
    with pytest.warns(kerasdnn.DataWarning, match="`coverage` 0.999 needs at least 999"):
        model.predict_interval(X, coverage=0.999)
    model.calibrate(X[TEST], y[TEST])
    assert len(model.conformal_.residuals) == 300


def test_two_targets_have_an_interval_each():
    y = np.column_stack([NUMBERS, 100 * X["c"]])
    model = DNNRegressor("standard", **QUICK).fit(X[TRAIN], y[TRAIN])
    found = model.predict_interval(X[TEST])
    assert found.shape == (300, 2, 2)
    covered = (found[..., 0] <= y[TEST]) & (y[TEST] <= found[..., 1])
    np.testing.assert_allclose(covered.mean(axis=0), 0.9, atol=0.09)


def test_the_spread_of_members_is_their_standard_deviation():
    model = DNNRegressor("standard", **QUICK, n_members=3).fit(X[TRAIN], NUMBERS[TRAIN])
    x = model.encoder_.transform(X)
    outputs = [np.array(member(x)) for member in model.network_.layers[-1].networks]
    each = [model.target_.from_network(output) for output in outputs]
    np.testing.assert_allclose(model.predict_std(X), np.std(each, axis=0, ddof=1), rtol=1e-4)
    far = X * 10
    assert model.predict_std(far).mean() > 2 * model.predict_std(X).mean()
    several = classifier(Y3, n_members=2)
    assert several.predict_std(X).shape == (ROWS, 3)
    with pytest.raises(ValueError, match=r"needs several members.*n_members=5.*'dropout'"):
        classifier().predict_std(X)


@pytest.mark.parametrize("preset", ["standard", "realmlp"])
def test_the_spread_under_dropout_is_that_of_keras(preset):
    settings = {"hidden_units": (32,), "epochs": 3, "random_state": 0, "dropout": 0.3}
    model = DNNRegressor(preset, **settings).fit(X[TRAIN], NUMBERS[TRAIN])
    found = model.predict_std(X, "dropout", n_samples=300)
    np.testing.assert_array_equal(found, model.predict_std(X, "dropout", n_samples=300))
    assert found.shape == (ROWS,)
    assert (found > 0).all()
    if preset == "standard":  # where nothing but dropout differs in training
        x = model.encoder_.transform(X)
        drawn = [np.array(model.network_(x, training=True)) for _ in range(300)]
        each = [model.target_.from_network(output) for output in drawn]
        np.testing.assert_allclose(found, np.std(each, axis=0, ddof=1), rtol=0.35)
        none = DNNRegressor(preset, **settings | {"dropout": 0.0}).fit(X[TRAIN], NUMBERS[TRAIN])
        with pytest.raises(ValueError, match=r"network with dropout.*dropout=0.1"):
            none.predict_std(X, "dropout")
