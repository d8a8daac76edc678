"""The preset "pack": an ensemble of different networks, selected while they train as one."""

import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.ensembles.duration import Plan
from kerasdnn.ensembles.pack import Selection, crossed
from kerasdnn.nn.average import AverageOf
from kerasdnn.stopping.cross_selection import halves

RNG = np.random.default_rng(0)
N = 240
TABLE = pd.DataFrame({
    "a": RNG.normal(size=N), "b": RNG.uniform(size=N),
    "city": RNG.choice(["Oslo", "Rome", "Bonn"], N),
})  # fmt: skip
SIGNAL = (TABLE.a + 2 * (TABLE.city == "Oslo") - TABLE.b).to_numpy()
LABELS = np.array(["low", "mid", "high"])[np.digitize(SIGNAL, [-0.3, 1.0])]
QUICK = {"preset": "pack", "n_members": 4, "epochs": 12, "random_state": 0}


@pytest.fixture(scope="module")
def classifier():
    return DNNClassifier(**QUICK).fit(TABLE, LABELS)


def test_it_is_one_network_of_the_selected_ones_and_better_than_a_constant(classifier):
    last = classifier.network_.layers[-1]
    assert isinstance(last, AverageOf)
    assert len(last.networks) == classifier.history_["networks"].iloc[-1]
    matrix = classifier.encoder_.transform(TABLE)
    for layer in classifier.network_.layers[:-1]:
        matrix = layer(matrix)
    mean = np.mean([np.array(network(matrix)) for network in last.networks], axis=0)
    np.testing.assert_allclose(classifier._output(TABLE), mean, atol=1e-6)
    scores = classifier.evaluate(TABLE, LABELS)
    assert scores["accuracy"] > 0.75 > scores["baseline_accuracy"] + 0.2
    assert len(set(classifier.hyperparameters_["learning_rate"])) == 4


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


def test_the_score_of_the_selection_is_that_of_the_fitted_estimator_on_the_validation_set():
    held = TABLE[180:], SIGNAL[180:]
    model = DNNRegressor(**QUICK).fit(TABLE[:180], SIGNAL[:180], validation_data=held)
    output = model.network_.predict(model.encoder_.transform(held[0]), verbose=0)
    error = np.mean((output - model.target_.to_network(held[1][:, None])) ** 2)
    best = model.history_["val_loss"].iloc[-1]
    assert error == pytest.approx(best, rel=1e-3)
    assert best == model.history_["val_loss"].min()
    assert model.history_["val_loss"].idxmin() == model.best_epoch_
    assert model.score(TABLE, SIGNAL) > 0.9


def greedy(pool, y):
    """Forward selection without replacement: the keys, and the squared error of their mean."""
    chosen, best = [], np.inf
    while len(chosen) < len(pool):
        left = [key for key in pool if key not in chosen]
        means = [np.mean([pool[key] for key in [*chosen, one]], axis=0) for one in left]
        errors = [np.mean((mean - y) ** 2) for mean in means]
        if min(errors) >= best:
            break
        best = min(errors)
        chosen.append(left[int(np.argmin(errors))])
    return chosen, best


def test_residuals_are_of_the_ensemble_that_the_other_half_of_the_rows_selects(monkeypatch):
    seen = {}

    def spy(epochs, score_of):
        seen["epochs"], seen["found"] = epochs, crossed(epochs, score_of)
        return seen["found"]

    monkeypatch.setattr("kerasdnn.ensembles.pack.crossed", spy)
    y = SIGNAL + RNG.normal(size=N)
    held = TABLE[180:], y[180:]
    model = DNNRegressor(**QUICK).fit(TABLE[:180], y[:180], validation_data=held)
    residuals = held[1] - model.target_.from_network(seen["found"])
    np.testing.assert_allclose(np.sort(model.conformal_.residuals[:, 0]), np.sort(residuals),
                               rtol=1e-5, atol=1e-6)  # fmt: skip
    truth = model.target_.to_network(held[1][:, None])
    every = {entry.key: entry.prediction for latest in seen["epochs"] for entry in latest}
    for half in halves(60):
        chosen, best, peaks = [], np.inf, {}
        for latest in seen["epochs"]:
            for entry in latest:
                error = np.mean((entry.prediction - truth)[~half] ** 2)
                if error < peaks.get(entry.member, (np.inf,))[0]:
                    peaks[entry.member] = error, entry.key
            keys = [*chosen, *(key for _, key in peaks.values()), *(e.key for e in latest)]
            found, error = greedy({key: every[key][~half] for key in keys}, truth[~half])
            chosen, best = (found, error) if error < best * (1 - 1e-9) else (chosen, best)
        mean = np.mean([every[key] for key in chosen], axis=0)
        np.testing.assert_allclose(seen["found"][half], mean[half], rtol=1e-4, atol=1e-5)


def test_equal_seeds_give_equal_packs_and_other_seeds_others(classifier):
    same, other = (DNNClassifier(**{**QUICK, "random_state": s}).fit(TABLE, LABELS) for s in (0, 1))
    proba = classifier.predict_proba(TABLE)
    np.testing.assert_allclose(same.predict_proba(TABLE), proba, atol=1e-6)
    assert np.abs(other.predict_proba(TABLE) - proba).max() > 0.01


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (DNNClassifier(**QUICK), np.column_stack([SIGNAL > 0, TABLE.b > 0.5]).astype(int)),
        (DNNRegressor(**QUICK, target="count"), np.floor(np.exp(SIGNAL.clip(-1, 3)))),
        (DNNRegressor(**QUICK, quantiles=(0.2, 0.8)), SIGNAL),
        (DNNRegressor(**QUICK, target="log", loss="mean_absolute_error"), np.exp(SIGNAL)),
        (DNNClassifier(**QUICK, one_hot_limit=2), LABELS),  # categories as vectors
        (DNNClassifier(**QUICK, validation_fraction=0), LABELS),
    ],
)
def test_every_kind_of_target_trains(model, y):
    assert model.fit(TABLE, y).score(TABLE, y) > 0.4
    assert np.isfinite(model.history_["loss"]).all()


def test_what_is_given_holds_for_every_network():
    model = DNNRegressor(**QUICK, hidden_units=(5,), dropout=0.1).fit(TABLE, SIGNAL)
    networks = getattr(model.network_.layers[-1], "networks", [model.network_])
    assert all(network.layers[0].units == 5 for network in networks)
    assert model.hyperparameters_["dropout"] == 0.1
    assert len(model.hyperparameters_["weight_decay"]) == 4


def test_what_cannot_be_stacked_is_refused_by_name():
    with pytest.raises(ValueError, match=r"`callbacks` .*pack.*realmlp"):
        DNNClassifier(**QUICK, callbacks=[keras.callbacks.TerminateOnNaN()]).fit(TABLE, LABELS)
    with pytest.raises(ValueError, match=r"`hidden_units` .*\(\).*realmlp"):
        DNNClassifier(**QUICK, hidden_units=()).fit(TABLE, LABELS)
    with pytest.raises(ValueError, match="`loss` must be a name"):
        DNNRegressor(**QUICK, loss=lambda y, p: (y - p) ** 2).fit(TABLE, SIGNAL)


def test_a_time_limit_ends_training_and_the_report_says_so():
    model = DNNRegressor(**QUICK | {"epochs": 100_000}, time_limit=6).fit(TABLE, SIGNAL)
    assert 1 <= len(model.history_) < 5_000
    assert "time_limit=6" in model.fit_report_


class Clock:
    """A `TimeLimit` whose epochs take given seconds."""

    seconds, measures = 100.0, True

    def predict(self, left, text):
        self.text = text

    def __init__(self, each):
        self.each, self.epochs = each, -1

    def spent(self):
        self.epochs += 1
        return self.epochs * self.each

    def left(self):
        return self.seconds - self.epochs * self.each


@pytest.mark.parametrize(
    ("each", "networks", "epochs"),
    [(0.5, 8, 96), (2.0, 8, 45), (8.0, 2, 39), (30.0, 2, 6)],  # 2 + 0.9 left / each 8 / kept
)
def test_epochs_that_do_not_fit_shorten_the_schedule_and_then_stop_networks(each, networks, epochs):
    plan = Plan(96, "coslog4", Clock(each))
    assert plan.stops(1, list(range(8))) == []
    assert plan.stops(2, list(range(8))) == list(range(networks, 8))
    assert plan.epochs == epochs
    assert plan.shortened == (epochs < 96)
    assert plan.seconds == pytest.approx(94 * each)
    assert plan.factor(epochs - 1) < 0.2  # the learning rate still ends near 0
    assert plan.stops(epochs, [0, 1]) == ([0, 1] if epochs <= 96 else [])


class Recorded:
    """Stands in for a `Population` of two members that predict given numbers."""

    def __init__(self, predictions):
        self.predictions, self.epoch = predictions, 0
        self.best_epochs, self.status = np.zeros(2, int), ["training"] * 2
        self.stopped = []

    def predict(self, x, members):
        return self.predictions[self.epoch, members]

    def get_weights(self, i, best):
        return [self.best_epochs[i] if best else self.epoch + 1, i]

    def stop(self, i):
        self.stopped.append(i)


def test_an_epoch_that_a_network_has_left_behind_stays_in_the_ensemble_with_its_weights():
    y = np.zeros(4, "float32")
    values = np.full((4, 2, 4, 1), 5.0)  # epochs, members, rows, outputs
    values[0, 0], values[1, 1] = 1.0, -0.5  # their mean is best; the rest is bad
    population = Recorded(values)
    score = lambda p: ((p[..., 0] - y) ** 2).mean(1)
    selection = Selection(np.zeros((4, 1)), score, score, Plan(9, "constant"), patience=2)
    for epoch in range(1, 5):
        population.epoch = epoch - 1
        for i in range(2):
            if score(values[epoch - 1, i][None]) < 5:
                population.best_epochs[i] = epoch
        logs = {"val_loss": np.ones(2), "loss": np.ones(2)}
        selection(population, epoch, logs)
    assert [entry.key for entry in selection.entries] == [(1, 2), (0, 1)]
    assert selection.weights == {(1, 2): [2, 1], (0, 1): [1, 0]}
    assert (selection.best, selection.best_epoch) == (0.25**2, 2)
    assert population.stopped == [0, 1]  # two epochs without an improvement
    assert [row["val_loss"] for row in selection.history] == [1.0, 0.0625, 0.0625, 0.0625]
