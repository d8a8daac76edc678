"""Training ends in time, and its schedule with it."""

import keras
import numpy as np
import pytest

from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.stopping import time_limit
from kerasdnn.stopping.time_limit import EndInTime, TimeLimit

X = np.random.default_rng(0).normal(size=(120, 3))
Y = X[:, 0] + 0.1 * np.random.default_rng(1).normal(size=120)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; `clock[0]` is its time."""
    now = [100.0]
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: now[0])
    return now


def course(clock, seconds, first, each, epochs=100, runs=1.0, scheduled=True, members=1):
    """The callback and the number of epochs after a training with epochs of known length."""
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    callback = EndInTime(TimeLimit(seconds), epochs, 10, runs, scheduled, members)
    callback.set_model(network)
    network.stop_training = False
    callback.on_train_begin()
    for epoch in range(epochs):
        clock[0] += each if epoch else first
        callback.on_epoch_end(epoch)
        if network.stop_training:
            break
    return callback, epoch + 1


def test_a_training_that_fits_in_the_time_is_left_alone(clock):
    callback, done = course(clock, 1000, first=5, each=1)
    assert (callback.plan, callback.stopped, done) == (None, False, 100)


def test_as_many_epochs_are_planned_as_fit_in_nine_tenths_of_the_remaining_time(clock):
    callback, done = course(clock, 50, first=5, each=1)
    assert done == 2
    assert callback.plan == int((0.9 * (50 - 6) - 4) / 1)  # 4 s to compile
    assert course(clock, 50, first=5, each=1, runs=2)[0].plan == int(0.9 * (50 - 6) / 2 - 4)
    callback, done = course(clock, 50, first=0.05, each=0.05, epochs=10_000)
    assert done == 12  # short epochs, of which several are measured
    assert callback.plan == pytest.approx(0.9 * (50 - 0.6) / 0.05, abs=1)


def test_without_a_schedule_training_stops_before_the_epoch_that_is_too_late(clock):
    callback, done = course(clock, 50, first=5, each=2, scheduled=False)
    assert callback.plan is None
    assert callback.stopped
    assert done == 22  # 3 s are left, of which 2.5 s are for what follows the last epoch


@pytest.mark.parametrize(
    ("seconds", "members", "plan"),
    [
        (1000, 4, None),
        (400, 4, int(0.9 * 391 / 4)),  # nine epochs are measured
        (180, 3, int(0.9 * 176 / 3)),  # four networks would have 39 of 100
        (120, 2, int(0.9 * 117 / 2)),
        (90, 1, int(0.9 * 88)),
        (114, 1, None),  # all epochs of one network fit, but not half of those of two
    ],
)
def test_networks_are_left_out_that_would_leave_each_less_than_half_of_its_epochs(
    clock, seconds, members, plan
):
    callback, _ = course(clock, seconds, first=1, each=1, runs=4, members=4)
    assert (callback.members, callback.plan, callback.stopped) == (members, plan, False)


def test_a_network_that_becomes_slow_gets_the_time_of_another(clock):
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    callback = EndInTime(TimeLimit(100), 20, 10, 2.0, True, 2)
    callback.set_model(network)
    network.stop_training = False
    callback.on_train_begin()
    for epoch in range(20):
        clock[0] += 2 if epoch < 3 else 4
        callback.on_epoch_end(epoch)
    assert (callback.members, callback.stopped, callback.plan) == (1, False, None)


@pytest.mark.parametrize("first", [30, 100])
def test_one_epoch_is_always_trained(clock, first):
    callback, done = course(clock, 31, first=first, each=25)
    assert callback.plan is None
    assert callback.stopped
    assert done == (2 if first == 30 else 1)  # 1 s is more than the weights suggest for an epoch


class OneSecond(keras.callbacks.Callback):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def __deepcopy__(self, memo):
        return self  # the clock is the same in a copy

    def on_epoch_end(self, epoch, logs=None):
        self.clock[0] += 1


@pytest.mark.parametrize(("members", "refit"), [(1, False), (2, True)])
def test_the_network_is_that_of_the_epochs_that_fit(clock, members, refit):
    common = {
        "preset": "realmlp-s", "hidden_units": (4,), "random_state": 0, "n_members": members,
        "refit": refit,
    }  # fmt: skip
    limited = DNNRegressor(**common, time_limit=40, callbacks=[OneSecond(clock)]).fit(X, Y)
    epochs = limited.hyperparameters_["epochs"]
    # 120 rows, 24 of them held out: a second training takes 120 / 96 of the first.
    # Of two networks, each would have 7 of 256 epochs.
    assert epochs == int(0.9 * (40 - 2) / (2.25 if refit else 1))
    assert limited.hyperparameters_["n_members"] == 1
    left = f"time_limit=40 left time for 1 of {members} networks." in limited.fit_report_
    assert left == (members == 2)
    assert f"Of 256 epochs {epochs} fit in time_limit=40" in limited.fit_report_
    assert clock[0] <= 100 + 40
    plain = DNNRegressor(**common | {"n_members": 1}, epochs=epochs).fit(X, Y)
    np.testing.assert_array_equal(limited.predict(X), plain.predict(X))
    assert limited.best_epoch_ == plain.best_epoch_


def test_the_plain_network_stops_and_keeps_the_best_epoch(clock):
    model = DNNClassifier(
        "standard", hidden_units=(4,), random_state=0, time_limit=10, callbacks=[OneSecond(clock)]
    ).fit(X, Y > 0)
    assert len(model.history_) == 9
    assert model.best_epoch_ == model.history_["val_loss"].idxmin()
    assert "Stopped after epoch 9 of 200 because of time_limit=10." in model.fit_report_


@pytest.mark.parametrize("value", [0, -1, "1", float("inf")])
def test_a_limit_is_a_positive_number(value):
    with pytest.raises(ValueError, match="`time_limit` must be a positive"):
        DNNRegressor(time_limit=value).fit(X, Y)


def test_the_duration_is_predicted_before_training_and_shown_next_to_the_time_taken(clock, capsys):
    settings = {
        "preset": "realmlp-s", "hidden_units": (4,), "n_members": 2, "epochs": 6,
        "random_state": 0, "callbacks": [OneSecond(clock)],
    }  # fmt: skip
    model = DNNRegressor(**settings)
    assert model.estimate_fit_time(X, Y) == 12  # 2 networks of 6 epochs
    assert clock[0] == 102  # of which two were trained
    assert not hasattr(model, "network_")
    assert model.fit(X, Y).fit_report_.count("redicted") == 0
    told = DNNRegressor(**settings, verbose=1).fit(X, Y)
    assert "About 12 seconds: 6 epochs of 2 steps, 2 networks." in capsys.readouterr().out
    assert "Predicted 12 seconds, took 12 seconds." in told.fit_report_
    np.testing.assert_array_equal(told.predict(X), model.predict(X))
