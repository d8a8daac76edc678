"""Networks as one, whose output is the mean of theirs."""

import threading
import warnings

import cloudpickle
import joblib
import keras
import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn.core import parallel
from kerasdnn.estimators import ensemble
from kerasdnn.estimators.ensemble import average
from kerasdnn.training.network import Network

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def members():
    found = [kerasdnn.build_classifier(4, 2, (5,), seed=seed) for seed in (1, 2, 3)]
    for network in found:
        network.compile("adam", "binary_crossentropy", weighted_metrics=["accuracy"])
        network.fit(X, Y, epochs=2, verbose=0)
    return found


def test_its_output_is_the_mean_and_it_evaluates_and_saves(tmp_path):
    parts = members()
    whole = average(parts)
    mean = np.mean([part.predict(X) for part in parts], axis=0)
    assert whole.predict(X) == pytest.approx(mean, abs=1e-6)
    loss, accuracy = whole.evaluate(X, Y, verbose=0)
    assert accuracy == pytest.approx(((mean[:, 0] > 0.5) == Y).mean())
    assert np.isfinite(loss)
    whole.save(tmp_path / "whole.keras")
    again = keras.models.load_model(tmp_path / "whole.keras")
    assert again.predict(X, verbose=0) == pytest.approx(mean, abs=1e-6)


def test_an_estimator_of_members_predicts_their_mean_and_comes_back_from_its_file(tmp_path):
    settings = dict(preset="standard", hidden_units=(8,), epochs=3, random_state=0)
    model = kerasdnn.DNNClassifier(n_members=3, **settings).fit(X, Y)
    one = kerasdnn.DNNClassifier(**settings).fit(X, Y)
    proba = model.predict_proba(X)
    networks = model.network_.layers[0].networks
    matrix = model.encoder_.transform(X)
    mean = np.mean([np.array(network(matrix)) for network in networks], axis=0)
    assert proba[:, 1] == pytest.approx(mean[:, 0], abs=1e-6)
    assert np.array(networks[0](matrix))[:, 0] == pytest.approx(
        one.predict_proba(X)[:, 1], abs=1e-6
    )
    model.save(tmp_path / "model.kerasdnn")
    again = kerasdnn.load(tmp_path / "model.kerasdnn")
    assert again.predict_proba(X) == pytest.approx(proba, abs=1e-7)
    assert model.evaluate(X, Y)["accuracy"] == pytest.approx(model.score(X, Y))
    pd.testing.assert_frame_equal(again.health(X, Y).layers, one.health(X, Y).layers)


def test_members_that_another_process_trains_are_those_of_this_one(monkeypatch):
    settings = dict(
        hidden_units=(6,), epochs=3, n_members=2, monitor="balanced_accuracy", refit=True,
        random_state=0, dropout=0.1, validation_fraction=0.4, early_stopping=True, patience=2,
    )  # fmt: skip
    x, y = np.tile(X, (2, 1)), np.tile(Y, 2)
    here = kerasdnn.DNNClassifier("realmlp", **settings).fit(x, y)
    number = {"hidden_units": (4,), "epochs": 3, "n_members": 2, "random_state": 0}
    regressor = kerasdnn.DNNRegressor("standard", **number).fit(x, x.sum(axis=1))

    def elsewhere(function, shared, calls, n_jobs):
        for key, arguments in calls.items():  # as pickle carries them to a process and back
            sent = cloudpickle.loads(cloudpickle.dumps((shared, arguments)))
            sent[0].maker = "another process"
            assert sent[0].elsewhere
            yield cloudpickle.loads(cloudpickle.dumps(function(key, sent[0], *sent[1])[:2]))

    monkeypatch.setattr(parallel, "prepare_worker", lambda: None)
    monkeypatch.setattr(ensemble, "run_calls", elsewhere)
    monkeypatch.setattr(ensemble, "threads_for", lambda *_: 1)
    there = kerasdnn.DNNClassifier("realmlp", **settings).fit(x, y)
    np.testing.assert_array_equal(there.predict_proba(X), here.predict_proba(X))
    pd.testing.assert_frame_equal(there.history_, here.history_)
    assert there.fit_report_ == here.fit_report_
    there = kerasdnn.DNNRegressor("standard", **number).fit(x, x.sum(axis=1))
    np.testing.assert_array_equal(there.conformal_.residuals, regressor.conformal_.residuals)


def test_a_callback_that_sees_all_networks_is_the_history_of_none():
    seen = keras.callbacks.History()
    settings = dict(preset="standard", hidden_units=(8,), epochs=3, random_state=0)
    model = kerasdnn.DNNClassifier(**settings, n_members=2, callbacks=[seen]).fit(X, Y)
    alone = kerasdnn.DNNClassifier(**settings).fit(X, Y)
    pd.testing.assert_frame_equal(model.history_, alone.history_)
    assert len(seen.history["loss"]) == 2 * len(alone.history_)


@pytest.fixture
def two_cores(monkeypatch):
    """Two threads whatever the machine has; returns the names of those that trained."""
    names, fit = set(), Network.fit

    def noted(self, *args, **kwargs):
        names.add(threading.current_thread().name)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(ensemble, "available_cores", lambda: 2)
    monkeypatch.setattr(Network, "fit", noted)
    return names


@pytest.mark.parametrize(
    "settings",
    [
        dict(preset="compact", hidden_units=(6,), epochs=4, n_members=3, dropout=0.1),
        dict(preset="standard", hidden_units=(6,), epochs=3, bagging="folds", batch_norm=True),
    ],
    ids=["same rows", "folds"],
)
def test_members_trained_at_the_same_time_equal_members_trained_in_turn(settings, two_cores):
    x, y = np.tile(X, (3, 1)), np.tile(Y, 3)
    with joblib.parallel_config("sequential"):
        turn = kerasdnn.DNNClassifier(**settings, random_state=0).fit(x, y)
    assert two_cores == {threading.main_thread().name}
    together = kerasdnn.DNNClassifier(**settings, random_state=0).fit(x, y)
    assert len(two_cores) == 3
    for ours, theirs in zip(together.network_.weights, turn.network_.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    pd.testing.assert_frame_equal(together.history_, turn.history_)
    np.testing.assert_array_equal(together.predict_proba(X), turn.predict_proba(X))
    assert together.fit_report_ == turn.fit_report_


def custom(x):
    return keras.ops.tanh(x)


@pytest.mark.parametrize(
    "settings",
    [
        dict(activation=custom), dict(verbose=1), dict(callbacks=[keras.callbacks.History()]),
        dict(monitor="balanced_accuracy"), dict(time_limit=60),
    ],
    ids=["function", "verbose", "callback", "scorer", "time"],
)  # fmt: skip
def test_members_are_trained_in_turn_where_python_code_takes_part(settings, two_cores):
    fixed = dict(preset="standard", hidden_units=(3,), epochs=2, n_members=2, random_state=0)
    kerasdnn.DNNClassifier(**fixed | settings).fit(np.tile(X, (2, 1)), np.tile(Y, 2))
    assert two_cores == {threading.main_thread().name}


@pytest.mark.parametrize("error", [ArithmeticError, KeyboardInterrupt])
def test_a_member_that_fails_ends_the_others_and_its_error_is_raised(error, two_cores, monkeypatch):
    began, fit, members = threading.Barrier(2, timeout=60), Network.fit, []

    def failing(self, *args, **kwargs):
        members.append(self)
        number = len(members)
        if number <= 2:
            began.wait()
        if number == 2:
            raise error("a fault")
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(Network, "fit", failing)
    settings = dict(preset="standard", hidden_units=(3,), n_members=4, random_state=0)
    with pytest.raises(error, match="a fault"):
        kerasdnn.DNNClassifier(**settings, epochs=100_000).fit(X, Y)
    assert len(members) <= 3  # the third may have begun before the others were left out


def test_what_several_members_warn_of_is_said_once(two_cores, monkeypatch):
    fit = Network.fit

    def warning(self, *args, **kwargs):
        kerasdnn.core.messages.warn("The same for each.")
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(Network, "fit", warning)
    model = kerasdnn.DNNClassifier(
        "standard", hidden_units=(3,), epochs=2, n_members=2, random_state=0
    )
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model.fit(X, Y)
    [told] = [w for w in seen if str(w.message) == "The same for each."]
    assert told.category is kerasdnn.DataWarning
    assert told.filename == __file__
