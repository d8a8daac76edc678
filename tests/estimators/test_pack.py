"""The preset "pack": different networks, each of which validates on a fold of its own."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn import DNNClassifier, DNNMultiOutput, DNNRegressor
from kerasdnn.estimators.ranges import drawn
from kerasdnn.estimators.realmlp import build_realmlp
from kerasdnn.estimators.training import Training
from kerasdnn.nn.average import AverageOf
from kerasdnn.nn.numeric_embeddings import PiecewiseLinearEmbedding
from kerasdnn.nn.realmlp_layers import NTKDense

RNG = np.random.default_rng(0)
N = 240
TABLE = pd.DataFrame({
    "a": RNG.normal(size=N), "b": RNG.uniform(size=N),
    "city": RNG.choice(["Oslo", "Rome", "Bonn"], N),
})  # fmt: skip
SIGNAL = (TABLE.a + 2 * (TABLE.city == "Oslo") - TABLE.b).to_numpy()
LABELS = np.array(["low", "mid", "high"])[np.digitize(SIGNAL, [-0.3, 1.0])]
QUICK = {"preset": "pack", "n_members": 4, "epochs": 8, "random_state": 0}
SMALL = QUICK | {"n_members": 2, "hidden_units": (16, 16)}  # few shapes are compiled


@pytest.fixture(scope="module")
def classifier():
    return DNNClassifier(**QUICK).fit(TABLE, LABELS)


def members_of(model):
    return model.network_.layers[-1].networks


def test_it_is_the_average_of_the_networks_that_were_drawn(classifier):
    assert isinstance(classifier.network_.layers[-1], AverageOf)
    told = classifier.hyperparameters_
    for network, units, embedding in zip(
        members_of(classifier), told["hidden_units"], told["numeric_embedding"], strict=True
    ):
        dense = [layer.units for layer in network.layers if isinstance(layer, NTKDense)]
        assert dense == [*units, 3]
        piecewise = any(isinstance(layer, PiecewiseLinearEmbedding) for layer in network.layers)
        assert piecewise == (embedding == "piecewise")
    assert len(set(told["learning_rate"])) == 4
    matrix = classifier.encoder_.transform(TABLE)
    mean = np.mean([np.array(network(matrix)) for network in members_of(classifier)], axis=0)
    np.testing.assert_allclose(classifier._output(TABLE), mean, atol=1e-6)
    scores = classifier.evaluate(TABLE, LABELS)
    assert scores["accuracy"] > 0.75 > scores["baseline_accuracy"] + 0.2


def test_every_row_is_predicted_by_the_network_that_did_not_see_it():
    model = DNNRegressor(**QUICK).fit(TABLE, SIGNAL)
    matrix = model.encoder_.transform(TABLE)
    each = [model.target_.from_network(np.array(net(matrix))) for net in members_of(model)]
    each = np.stack([np.ravel(one) for one in each], axis=1).clip(SIGNAL.min(), SIGNAL.max())
    distance = np.abs(each - np.ravel(model.oof_predict_)[:, None])
    of_fold = distance < 1e-4
    assert of_fold.any(axis=1).all()
    assert of_fold[of_fold.sum(axis=1) == 1].sum(axis=0).min() > 50  # of 60, folds of equal size
    assert 0.1 < model.oof_score_ < model.score(TABLE, SIGNAL)


def test_each_network_is_the_one_that_its_rows_and_settings_give_alone(monkeypatch):
    seen, train_all = [], Training.train_all

    def spy(training, members):
        seen.append((training, members))
        return train_all(training, members)

    monkeypatch.setattr(Training, "train_all", spy)
    model = DNNRegressor(**QUICK | {"n_members": 3}).fit(TABLE, SIGNAL)
    [(training, members)] = seen
    told = model.hyperparameters_
    for i, (member, network) in enumerate(zip(members, members_of(model), strict=True)):
        own = told | {name: told[name][i] for name in drawn(training.settings)}
        assert member.settings == own
        rows, held = member.rows, member.validation
        alone = build_realmlp(
            training.problem, training.encoder, own, member.network.seed, rows.x, rows.y
        )
        best = keras.callbacks.EarlyStopping(patience=24, restore_best_weights=True)
        alone.fit(
            rows.x, rows.y, batch_size=own["batch_size"], epochs=own["epochs"], verbose=0,
            validation_data=(held.x, held.y), callbacks=[best],
        )  # fmt: skip
        if np.argmin(alone.history.history["val_loss"]) < own["epochs"] - 1:
            alone.set_weights(best.best_weights)
        for ours, theirs in zip(network.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_it_equals_the_same_networks_with_bagging_asked_for():
    asked = DNNRegressor(**QUICK, bagging="folds").fit(TABLE, SIGNAL)
    silent = DNNRegressor(**QUICK).fit(TABLE, SIGNAL)
    np.testing.assert_array_equal(asked.predict(TABLE), silent.predict(TABLE))


def test_a_file_keeps_it_and_health_describes_a_network(classifier, tmp_path):
    classifier.save(tmp_path / "pack.kerasdnn")
    again = kerasdnn.load(tmp_path / "pack.kerasdnn")
    np.testing.assert_array_equal(again.predict_proba(TABLE), classifier.predict_proba(TABLE))
    assert again.hyperparameters_ == classifier.hyperparameters_
    for column in classifier.history_:
        np.testing.assert_array_equal(again.history_[column], classifier.history_[column])
    assert "hidden_1" in again.health(TABLE, LABELS).layers.index


def test_its_export_predicts_the_same_without_kerasdnn(classifier, tmp_path):
    classifier.export(tmp_path / "exported")  # which compares thousands of predictions
    code = "from predict import load; print(load().predict_proba({'a': 1, 'b': 0, 'city': 'Oslo'}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "exported",
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert run.stdout


def test_equal_seeds_give_equal_packs_and_other_seeds_others(classifier):
    same, other = (DNNClassifier(**{**QUICK, "random_state": s}).fit(TABLE, LABELS) for s in (0, 1))
    proba = classifier.predict_proba(TABLE)
    np.testing.assert_array_equal(same.predict_proba(TABLE), proba)
    assert np.abs(other.predict_proba(TABLE) - proba).max() > 0.01


@pytest.mark.parametrize(
    ("arguments", "fit"),
    [
        ({"bagging": False}, {}),
        ({"bagging": np.False_}, {}),  # as from a grid
        ({"validation_fraction": 0}, {}),
        ({"refit": True}, {}),
        ({"time_limit": 1_000}, {}),
        ({"warm_start": True}, {}),
        ({"n_members": 1}, {}),
        ({}, {"validation_data": (TABLE[:50], SIGNAL[:50])}),
        ({}, {"time": np.arange(N)}),
        ({"n_members": 3}, {"groups": np.arange(N) % 2}),  # fewer groups than networks
    ],
)
def test_what_excludes_folds_lets_all_networks_share_one_validation_set(arguments, fit):
    model = DNNRegressor(**SMALL | {"epochs": 2} | arguments).fit(TABLE, SIGNAL, **fit)
    assert not hasattr(model, "oof_score_")
    assert len(model.history_) == 2


def test_groups_stay_together_and_a_small_table_is_not_divided():
    groups = np.arange(N) % 12
    model = DNNRegressor(**SMALL | {"epochs": 2}).fit(TABLE, SIGNAL, groups=groups)
    assert hasattr(model, "oof_score_")
    small = DNNRegressor(**SMALL | {"epochs": 2}).fit(TABLE[:40], SIGNAL[:40])
    assert not hasattr(small, "oof_score_")
    assert "without a validation set" in small.fit_report_


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (DNNClassifier(**SMALL), np.column_stack([SIGNAL > 0, TABLE.b > 0.5]).astype(int)),
        (DNNRegressor(**SMALL, target="count"), np.floor(np.exp(SIGNAL.clip(-1, 3)))),
        (DNNRegressor(**SMALL, quantiles=(0.2, 0.8)), SIGNAL),
        (
            DNNRegressor(**SMALL, target="log", loss="mean_absolute_error"),
            np.exp(SIGNAL.clip(-1, 2)),
        ),
        (DNNClassifier(**SMALL, one_hot_limit=2), LABELS),  # categories as vectors
        (DNNClassifier(**SMALL, ordered=["low", "mid", "high"]), LABELS),
        (DNNMultiOutput(**SMALL), pd.DataFrame({"kind": LABELS, "size": SIGNAL})),
    ],
)
def test_every_kind_of_target_trains(model, y):
    assert model.fit(TABLE, y).score(TABLE, y) > 0.35
    assert np.isfinite(model.history_["loss"]).all()


def test_what_is_given_holds_for_every_network():
    model = DNNRegressor(**QUICK, hidden_units=(5,), dropout=0.1).fit(TABLE, SIGNAL)
    told = model.hyperparameters_
    assert (told["hidden_units"], told["dropout"]) == ((5,), 0.1)
    assert len(told["learning_rate"]) == 4
    for network in members_of(model):
        assert [layer.units for layer in network.layers if isinstance(layer, NTKDense)] == [5, 1]


def test_callbacks_see_every_network_and_a_second_fit_goes_on_with_the_same_ones():
    seen = []
    epoch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    settings = QUICK | {"epochs": 3, "n_members": 2}
    model = DNNRegressor(**settings, warm_start=True, callbacks=[epoch]).fit(TABLE, SIGNAL)
    assert seen == [0, 1, 2] * 2
    told = model.hyperparameters_
    model.fit(TABLE, SIGNAL)
    assert seen == [0, 1, 2] * 4
    assert model.hyperparameters_ == told


def test_passes_over_new_rows_train_the_networks_that_were_drawn(tmp_path):
    settings = SMALL
    model = DNNRegressor(**settings).partial_fit(TABLE, SIGNAL)
    told, before = model.hyperparameters_, model.score(TABLE, SIGNAL)
    for _ in range(3):
        model.partial_fit(TABLE, SIGNAL)
    assert model.hyperparameters_ == told
    assert model.score(TABLE, SIGNAL) > before
    model.save(tmp_path / "half.kerasdnn")  # a file has no optimizers: networks are built again
    again = kerasdnn.load(tmp_path / "half.kerasdnn").partial_fit(TABLE, SIGNAL)
    assert again.hyperparameters_["hidden_units"] == told["hidden_units"]


def test_a_table_that_is_read_in_parts_trains_networks_that_share_its_validation_rows(tmp_path):
    TABLE.assign(y=SIGNAL).to_parquet(tmp_path / "table.parquet")
    model = DNNRegressor(**SMALL | {"epochs": 24}).fit(str(tmp_path / "table.parquet"), "y")
    assert len(model.hyperparameters_["learning_rate"]) == 2
    assert model.score(TABLE, SIGNAL) > 0.5


def test_a_class_of_one_row_is_learned_without_a_warning_from_the_networks_that_lack_it():
    y = np.where(np.arange(N) == 7, "rare", LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", kerasdnn.DataWarning)
        model = DNNClassifier(**SMALL | {"epochs": 2}).fit(TABLE, y)
    assert model.classes_.tolist() == ["high", "low", "mid", "rare"]


def test_a_value_that_bagging_does_not_know_is_refused():
    with pytest.raises(ValueError, match="`bagging` must be one of 'folds', 'bootstrap'"):
        DNNRegressor(**QUICK, bagging=True).fit(TABLE, SIGNAL)
