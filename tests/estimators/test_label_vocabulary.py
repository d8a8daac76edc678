"""`classes=` declares the labels: a class without rows keeps its column, others are errors."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import cross_val_score

from kerasdnn import DNNClassifier, load
from kerasdnn.estimators.presets import PRESETS

X = np.random.default_rng(0).normal(size=(120, 3))
Y = np.select([X[:, 0] > 0.7, X[:, 0] > -0.5], ["high", "middle"], "low")
QUICK = {"hidden_units": (8,), "epochs": 3, "random_state": 0}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_class_without_rows_keeps_its_column(preset, tmp_path):
    classes = ["middle", "none", "low", "high"]
    few = {"n_members": 2} if preset == "pack" else {}
    model = DNNClassifier(preset, **QUICK, **few, classes=classes).fit(X, Y)
    assert model.classes_.tolist() == ["high", "low", "middle", "none"]
    p = model.predict_proba(X)
    assert p.shape == (120, 4)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert p[:, 3].mean() < p[:, :3].mean()
    assert np.isfinite(log_loss(Y, p, labels=model.classes_))
    assert set(model.predict(X)) <= set(Y) | {"none"}
    assert model.evaluate(X[:1], ["none"])["loss"] > 0
    model.save(tmp_path / "model.kerasdnn")
    again = load(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(again.predict_proba(X), p)
    assert clone(again).classes == classes


def test_two_declared_classes_and_a_third_are_three_columns():
    y = np.where(Y == "low", 0, 2)
    model = DNNClassifier("standard", **QUICK, classes=[2, 0, 1]).fit(X, y)
    assert model.classes_.dtype == y.dtype
    assert model.predict_proba(X).shape == (120, 3)
    assert DNNClassifier("standard", **QUICK, classes=[0.0, 2.0]).fit(X, y).predict(X).dtype == int


def test_balanced_weights_are_those_of_the_classes_with_rows():
    given = {"preset": "standard", **QUICK, "class_weight": "balanced"}
    with_rows = DNNClassifier(**given, classes=["low", "middle", "high"]).fit(X, Y)
    plain = DNNClassifier(**given).fit(X, Y)
    np.testing.assert_array_equal(with_rows.predict_proba(X), plain.predict_proba(X))
    assert (
        DNNClassifier(**given, classes=[*set(Y), "none"]).fit(X, Y).predict_proba(X).shape[1] == 4
    )


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (["low", "high"], "'middle'"),
        ([0, 1, 2], "'high'"),
        (["low"], "at least two"),
        (["low", "low", "middle", "high"], "different"),
        ("low", "sequence"),
        ([None, "low"], "classes"),
    ],
)
def test_labels_that_are_not_declared_are_named(classes, words):
    with pytest.raises(ValueError, match=words):
        DNNClassifier("standard", **QUICK, classes=classes).fit(X, Y)


def test_one_label_alone_is_an_error_and_several_columns_have_names():
    with pytest.raises(ValueError, match="at least two classes"):
        DNNClassifier("standard", **QUICK, classes=["low", "high"]).fit(X, ["low"] * 120)
    labels = pd.DataFrame({"a": Y == "low", "b": X[:, 1] > 0}).astype(int)
    with pytest.raises(ValueError, match=r"`classes` must be None.*several columns"):
        DNNClassifier("standard", **QUICK, classes=["a", "b"]).fit(X, labels)


def test_the_folds_of_a_cross_validation_have_the_same_columns():
    y = np.where(np.arange(120) < 2, "rare", Y)  # both rows in one fold
    folds = [(np.arange(60, 120), np.arange(60)), (np.arange(60), np.arange(60, 120))]
    model = DNNClassifier("standard", **QUICK, classes=[*set(y)])
    scorer = make_scorer(log_loss, response_method="predict_proba", labels=np.unique(y))
    assert np.isfinite(cross_val_score(model, X, y, cv=folds, scoring=scorer)).all()


def test_a_search_keeps_the_vocabulary():
    model = DNNClassifier(hidden_units=(8,), classes=["high", "low", "middle", "none"])
    for preset, trials in (("standard", 2), ("realmlp", 1)):
        search = model.set_params(preset=preset).tune(
            X, Y, max_trials=trials, epochs=2, verbose=0, seed=0
        )
        assert search.best_network().predict_proba(X).shape == (120, 4)
