"""`partial_fit` and `warm_start`, in the sense of scikit-learn."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from kerasdnn import DataWarning, DNNClassifier, DNNRegressor, load
from kerasdnn.estimators.presets import PRESETS

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(400, 4)), columns=list("abcd"))
X["city"] = RNG.choice(["Oslo", "Rome", "Lima"], 400)
SIGNAL = (X["a"] - X["b"] + (X["city"] == "Rome") + 0.3 * RNG.normal(size=400)).to_numpy()
LABEL = np.select([SIGNAL > 1.0, SIGNAL > -0.3], ["high", "middle"], "low")
QUICK = {"hidden_units": (8,), "random_state": 0, "batch_size": 25, "epochs": 5}
PARTS = np.array_split(np.arange(400), 4)


@pytest.mark.parametrize("preset", PRESETS)
def test_passes_over_parts_of_the_rows_learn(preset):
    classes = ["low", "middle", "high"]
    rate = {"learning_rate": 0.02} if preset in ("standard", "tabm") else {}
    rate |= {"n_members": 2} if preset == "pack" else {}
    model = DNNClassifier(preset, **QUICK, **rate)
    for _ in range(6):
        for part in PARTS:
            assert model.partial_fit(X.iloc[part], LABEL[part], classes=classes) is model
    assert len(model.history_) == model.best_epoch_ == 24
    assert model.n_rows_ == 2400
    assert model.history_["loss"].iloc[-4:].mean() < 0.7 * model.history_["loss"].iloc[:4].mean()
    assert model.score(X, LABEL) > 0.8
    if preset == "realmlp-s":
        return
    number = DNNRegressor(preset, **QUICK, **rate)
    for _ in range(6):
        for part in PARTS:
            number.partial_fit(X.iloc[part], SIGNAL[part])
    assert number.score(X, SIGNAL) > 0.7


def test_the_first_call_may_lack_classes_and_categories_and_fixes_the_encoder():
    first = (LABEL == "low") & (X["city"] != "Lima")
    model = DNNClassifier(**QUICK, classes=["low", "middle", "high"])
    model.partial_fit(X[first], LABEL[first])
    encoder, columns = model.encoder_, model.encoder_.get_feature_names_out()
    with pytest.warns(DataWarning, match="'Lima'"):
        model.partial_fit(X, LABEL)
    assert model.encoder_ is encoder
    np.testing.assert_array_equal(model.encoder_.get_feature_names_out(), columns)
    assert model.predict_proba(X).shape == (400, 3)


def test_two_classes_are_decided_without_validation_rows(tmp_path):
    yes, classes = SIGNAL > 0, [False, True]
    model = DNNClassifier("standard", threshold=0.3, **QUICK).partial_fit(X, yes, classes)
    p = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(model.predict(X), p > 0.3)
    model.calibrate(X, yes)
    assert model.partial_fit(X, yes).temperature_ != 1  # it is kept
    model.save(tmp_path / "m.kerasdnn")
    np.testing.assert_array_equal(load(tmp_path / "m.kerasdnn").predict(X), model.predict(X))
    with pytest.raises(ValueError, match=r"`threshold` needs validation rows.*'f1'"):
        DNNClassifier("standard", threshold="f1", **QUICK).partial_fit(X, yes, classes)


def test_a_pass_is_an_epoch_of_the_network():
    """The same steps as `fit` of the network on the encoded rows."""
    part = PARTS[0]
    model = DNNRegressor("standard", **QUICK).partial_fit(X.iloc[part], SIGNAL[part])
    twin = copy.deepcopy(model)
    y = (SIGNAL[PARTS[1]] - SIGNAL[part].mean()) / SIGNAL[part].std()
    x = twin.encoder_.transform(X.iloc[PARTS[1]])
    twin.network_.fit(x, y.astype("float32")[:, None], epochs=1, batch_size=25, verbose=0)
    model.partial_fit(X.iloc[PARTS[1]], SIGNAL[PARTS[1]])
    np.testing.assert_allclose(model.predict(X), twin.predict(X), rtol=1e-5)


def test_each_network_of_an_average_continues_like_one_alone():
    model = DNNRegressor("standard", **QUICK, n_members=2)
    for part in PARTS[:2]:
        model.partial_fit(X.iloc[part], SIGNAL[part])
    first = model._draw_seed()
    alone = []
    for seed in (first, int(np.random.default_rng(first).integers(2**31))):
        one = DNNRegressor("standard", **QUICK)
        one._draw_seed = lambda seed=seed: seed
        for part in PARTS[:2]:
            one.partial_fit(X.iloc[part], SIGNAL[part])
        alone.append(one.predict(X))
    mean = (alone[0] + alone[1]) / 2
    np.testing.assert_allclose(model.predict(X), mean, rtol=1e-4, atol=1e-5)
    assert not np.allclose(alone[0], mean)
    again = copy.deepcopy(model)  # without the networks that were trained
    for one in (model, again):
        one.partial_fit(X, SIGNAL)
    assert again.score(X, SIGNAL) == pytest.approx(model.score(X, SIGNAL), abs=0.05)


@pytest.mark.parametrize("preset", ["standard", "realmlp", "compact"])
def test_a_fitted_and_loaded_estimator_learns_on(preset, tmp_path):
    model = DNNClassifier(preset, **QUICK).fit(X, LABEL)
    model.save(tmp_path / "model.kerasdnn")
    again = load(tmp_path / "model.kerasdnn")
    before = again.predict_proba(X)
    for one in (model, again):
        for _ in range(3):
            one.partial_fit(X, LABEL)
    np.testing.assert_allclose(model.predict_proba(X), again.predict_proba(X), atol=1e-6)
    truth = LABEL[:, None] == model.classes_
    gain = np.log(again.predict_proba(X)[truth]).mean() - np.log(before[truth]).mean()
    assert gain > (0 if preset == "standard" else -0.05)  # labels are smoothed
    assert "Trained 8 passes" in again.fit_report_


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        ({}, {}, "`classes` must be passed to the first call"),
        ({"bagging": "folds"}, {"classes": [*set(LABEL)]}, "`bagging` must be None"),
        ({"class_weight": "balanced"}, {"classes": [*set(LABEL)]}, "`class_weight` must be a dict"),
        ({}, {"classes": ["low", "high"]}, "'middle'"),
    ],
)
def test_what_one_pass_cannot_do_is_an_error(arguments, given, words):
    with pytest.raises(ValueError, match=words):
        DNNClassifier("standard", **QUICK, **arguments).partial_fit(X, LABEL, **given)


def test_later_calls_keep_to_the_first_one():
    model = DNNClassifier("standard", **QUICK).partial_fit(X, LABEL, classes=[*set(LABEL)])
    with pytest.raises(ValueError, match="'none'"):
        model.partial_fit(X, np.full(400, "none"))
    with pytest.raises(ValueError, match="must be those of the first call"):
        model.partial_fit(X, LABEL, classes=["low", "none"])
    with pytest.raises(ValueError, match="'a'"):
        model.partial_fit(X.drop(columns="a"), LABEL)
    model.partial_fit(X.head(1), LABEL[:1], sample_weight=[2.0])


def test_a_pass_that_diverges_leaves_the_weights_alone():
    model = DNNRegressor("standard", **QUICK).partial_fit(X, SIGNAL)
    before = model.predict(X)
    model.network_.optimizer.learning_rate = np.inf
    with pytest.raises(ValueError, match="diverged"):
        model.partial_fit(X, SIGNAL)
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_warm_start_begins_with_the_weights_and_the_encoder(preset):
    members = 2 if preset == "standard" else 1
    arguments = {"preset": preset, **QUICK, "n_members": members, "warm_start": True}
    model = DNNRegressor(**arguments).fit(X, SIGNAL)
    encoder, before = model.encoder_, model.predict(X)
    model.set_params(epochs=1, learning_rate=1e-7).fit(X, SIGNAL)
    assert model.encoder_ is encoder
    np.testing.assert_allclose(model.predict(X), before, atol=1e-3)
    assert len(model.history_) == 1
    cold = DNNRegressor(**arguments | {"warm_start": False}).fit(X, SIGNAL)
    np.testing.assert_array_equal(cold.predict(X), before)
    assert not hasattr(clone(model), "network_")


def test_a_warm_start_with_other_layers_labels_or_members_is_an_error():
    model = DNNClassifier("standard", **QUICK, warm_start=True).fit(X, LABEL)
    model.set_params(hidden_units=(9,))
    with pytest.raises(ValueError, match=r"`warm_start` needs the hidden layers"):
        model.fit(X, LABEL)
    with pytest.raises(ValueError, match="'none'"):
        model.fit(X, np.where(SIGNAL > 0, "none", "low"))
    with pytest.raises(ValueError, match=r"`n_members` must be as before"):
        model.set_params(n_members=2).fit(X, LABEL)
