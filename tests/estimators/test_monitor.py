"""`monitor=` accepts metrics, scorers of scikit-learn by name, and scorers; so does `tune`."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_absolute_percentage_error,
    roc_auc_score,
)

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.estimators.presets import PRESETS
from kerasdnn.heads.problem_types import HEADS
from kerasdnn.stopping.scores import find_monitor

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(200, 4)), columns=list("abcd"))
X["city"] = RNG.choice(["Oslo", "Rome"], 200)
SIGNAL = X["a"] + 0.5 * X["b"] + RNG.normal(size=200)
LABEL = np.where(SIGNAL > 0.8, "yes", "no")
THREE = np.select([SIGNAL > 0.8, SIGNAL > -0.3], ["high", "middle"], "low")
NUMBER = 500 + SIGNAL.to_numpy() * 100
QUICK = {"hidden_units": (8,), "epochs": 6, "random_state": 0, "batch_size": 32}
HELD = np.arange(0, 200, 3)
SPLIT = [(np.setdiff1d(np.arange(200), HELD), HELD)]


def best(history, name):
    """The last epoch with the best score."""
    values = history[f"val_{name}"].to_numpy() * (-1 if name == "mae" else 1)
    return len(values) - int(np.argmax(values[::-1]))


SCORES = [
    (LABEL, "roc_auc"),
    (LABEL, "average_precision"),
    (LABEL, "f1"),
    (LABEL, "auc"),
    (THREE, "neg_log_loss"),
    (THREE, "roc_auc_ovr"),
    (NUMBER, "mae"),
    (NUMBER, "neg_mean_absolute_percentage_error"),
]


def pairs():
    """Every score with the standard preset, and two with each other one: of classes, of numbers."""
    for i, preset in enumerate(PRESETS):
        for j, (y, name) in enumerate(SCORES):
            normal = preset == "standard" or j in (i % 6, 6 + i % 2)
            marks = () if normal else pytest.mark.nightly
            yield pytest.param(preset, y, name, marks=marks, id=f"{preset}-{name}")


@pytest.mark.parametrize(("preset", "y", "name"), pairs())
def test_the_epoch_with_the_best_score_is_kept(preset, y, name):
    kind = DNNRegressor if y is NUMBER else DNNClassifier
    plain = {} if y is NUMBER else {"calibrate": False}  # epochs are compared before calibration
    plain["n_members"] = 1  # else the history is that of the first one
    model = kind(preset, **QUICK, **plain, monitor=name, validation_split=SPLIT).fit(X, y)
    assert model.best_epoch_ == best(model.history_, name)
    assert f"Kept epoch {model.best_epoch_} of 6, the best by val_{name}" in model.fit_report_
    if name in ("auc", "mae"):  # metrics of the network
        return
    y = (y == "yes").astype(int) if y is LABEL else y
    held = X.iloc[HELD]
    if y is NUMBER:
        value = -mean_absolute_percentage_error(y[HELD], model.predict(held))
    else:
        p = model.predict_proba(held)
        value = {
            "roc_auc": lambda: roc_auc_score(y[HELD], p[:, 1]),
            "average_precision": lambda: average_precision_score(y[HELD], p[:, 1]),
            "f1": lambda: f1_score(y[HELD], p[:, 1] > 0.5),
            "neg_log_loss": lambda: -log_loss(y[HELD], p),
            "roc_auc_ovr": lambda: roc_auc_score(y[HELD], p, multi_class="ovr"),
        }[name]()
    assert model.history_[f"val_{name}"][model.best_epoch_] == pytest.approx(value, rel=1e-6)


def test_a_function_gets_the_table_the_labels_and_an_estimator():
    seen = []

    def gain(estimator, table, y, sample_weight=None):
        seen.append((type(estimator), table, y, sample_weight))
        rome = table["city"] == "Rome"
        p = estimator.predict_proba(table)[:, 1]
        np.testing.assert_allclose(estimator.predict_proba(table[rome])[:, 1], p[rome], rtol=1e-5)
        return ((p - 0.3) * np.where(y == "yes", 1, -1) * table["a"].abs()).mean()

    weights = np.arange(1, 201) / 100.5
    model = DNNClassifier("standard", **QUICK, monitor=gain, validation_split=SPLIT)
    model.fit(X, LABEL, sample_weight=weights)
    kind, table, y, given = seen[-1]
    assert kind is DNNClassifier
    held = X.iloc[HELD].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, held, check_dtype=False)
    assert y.tolist() == LABEL[HELD].tolist()
    np.testing.assert_allclose(given, weights[HELD] / weights[HELD].mean(), rtol=1e-5)
    assert model.best_epoch_ == best(model.history_, "gain")


def test_a_made_scorer_and_early_stopping():
    scorer = make_scorer(f1_score, pos_label="yes")
    model = DNNClassifier(
        "standard", hidden_units=(8,), epochs=60, learning_rate=0.03, patience=4, monitor=scorer,
        random_state=0,
    ).fit(X, LABEL)  # fmt: skip
    assert len(model.history_) == best(model.history_, "f1_score") + 4 < 60
    assert "Stopped early: no better epoch among the last 4." in model.fit_report_


def test_labels_that_occur_together_have_scores_too():
    y = pd.DataFrame({"one": SIGNAL > 0, "two": X["b"] > 0}).astype(int)
    model = DNNClassifier("standard", **QUICK, monitor="roc_auc").fit(X, y)
    assert model.best_epoch_ == best(model.history_, "roc_auc")
    assert DNNClassifier("standard", **QUICK, monitor="accuracy").fit(X, y).best_epoch_


def test_validation_rows_may_lack_a_class():
    y = np.where(np.arange(200) == 1, "rare", LABEL)
    model = DNNClassifier("standard", **QUICK, monitor="neg_log_loss", validation_split=SPLIT)
    model.fit(X, y)
    assert "rare" not in y[HELD]
    assert np.isfinite(model.history_["val_neg_log_loss"]).all()


@pytest.mark.parametrize(
    ("monitor", "y", "words"),
    [
        ("rocauc", LABEL, r"`monitor`.*Did you mean 'roc_auc'"),
        ("r2", LABEL, "`monitor` must be one of 'loss', 'accuracy'"),
        ("accuracy", NUMBER, "`monitor` must be one of 'loss', 'mae'"),
        (3, LABEL, "`monitor` must be the name"),
        (lambda estimator, X, y: "good", LABEL, "`monitor` must return a number"),
        (lambda estimator, X, y: X.missing, LABEL, "`monitor` cannot score.*AttributeError"),
        ("roc_auc", np.where(np.arange(200) == 1, "yes", "no"), "'roc_auc' is defined"),
    ],
)
def test_a_monitor_that_scores_nothing_is_named(monitor, y, words):
    kind = DNNRegressor if y is NUMBER else DNNClassifier
    with pytest.raises(ValueError, match=words):
        kind("standard", **QUICK, monitor=monitor, validation_split=SPLIT).fit(X, y)


@pytest.mark.parametrize("kind", ["class", "labels", "number"])
def test_every_suitable_scorer_is_found_and_more_is_better(kind):
    head = HEADS[{"class": "binary", "labels": "multilabel", "number": "regression"}[kind]]
    assert find_monitor("loss", head).direction == "min"
    name = {"number": "neg_mean_squared_error"}.get(kind, "neg_log_loss")
    assert find_monitor(name, head).direction == "max"
    assert find_monitor(name, head).scorer._score_func is get_scorer(name)._score_func


def amount_won(estimator, X, y):
    return float(((estimator.predict_proba(None)[:, 1] > 0.4) * np.where(y == "yes", 3, -1)).sum())


@pytest.mark.parametrize("preset", ["standard", "realmlp"])
@pytest.mark.parametrize("objective", ["val_average_precision", "val_neg_log_loss"])
def test_a_search_maximizes_a_scorer(preset, objective):
    y = LABEL if preset == "standard" else THREE
    objective = objective if preset == "standard" else "val_neg_log_loss"
    search = DNNClassifier(preset, hidden_units=(6,), random_state=0).tune(
        X, y, objective=objective, max_trials=2, epochs=3, verbose=0
    )
    assert search.objective == objective
    assert not search.minimize
    assert search.ranking["score"].is_monotonic_decreasing
    assert search.trials["score"].max() == search.best_score
    curves = search.epochs.groupby("trial")[objective].max()
    np.testing.assert_allclose(sorted(curves), sorted(search.trials["score"]))


def test_a_search_over_arrays_and_functions_agrees_with_scikit_learn():
    x = X[list("abcd")].to_numpy("float32")
    valid = x[HELD], (LABEL[HELD] == "yes").astype(int)
    train = np.setdiff1d(np.arange(200), HELD)
    y = (LABEL[train] == "yes").astype(int)
    common = {"max_trials": 2, "epochs": 3, "verbose": 0, "seed": 0, "validation_data": valid}

    def gini(estimator, X, y):
        return 2 * roc_auc_score(y, estimator.predict_proba(X)[:, 1]) - 1

    by_name = kerasdnn.tune(x[train], y, objective="val_roc_auc", **common)
    by_function = kerasdnn.tune(x[train], y, objective=gini, **common)
    assert by_function.objective == "val_gini"
    np.testing.assert_allclose(
        by_function.trials["score"], 2 * by_name.trials["score"] - 1, atol=1e-6
    )
    network = by_name.tuner.get_best_models()[0]
    value = roc_auc_score(valid[1], network.predict(valid[0], verbose=0)[:, 0])
    assert value == pytest.approx(by_name.best_score, abs=1e-6)


def test_a_search_for_numbers_scores_them_in_their_units():
    search = DNNRegressor("standard", hidden_units=(6,), random_state=0).tune(
        X, NUMBER, objective="val_neg_mean_absolute_error", max_trials=2, epochs=3, verbose=0
    )
    assert (search.trials["score"] < -20).all()  # the standard deviation of y is about 150
    together = DNNClassifier("standard", hidden_units=(6,), random_state=0).tune(
        X, LABEL, objective=amount_won, max_trials=2, epochs=3, verbose=0, cv=2,
        space=lambda hp: {"optimizer": hp.Choice("optimizer", ["adam", "adamax"])},
    )  # fmt: skip
    assert together.objective == "val_amount_won"


@pytest.mark.parametrize("objective", ["val_rocauc", "roc_auc", "val_r2", 3])
def test_an_unknown_objective_is_named(objective):
    with pytest.raises(ValueError, match="objective"):
        kerasdnn.tune(X, LABEL, objective=objective, max_trials=1, verbose=0)
