"""The learning-rate range test: it finds the rate, and leaves the network as it was."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kerasdnn
from kerasdnn import plots, rate_range_test

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")


def test_it_suggests_a_rate_that_trains_and_restores_the_network():
    network = kerasdnn.build_classifier(64, 10, optimizer="momentum", seed=0)
    network.fit(X, Y, epochs=1, verbose=0)
    variables = [*network.variables, *network.optimizer.variables]
    before = [np.array(v) for v in variables]
    table, suggested = rate_range_test(network, X, Y)
    for variable, value in zip(variables, before, strict=True):
        assert (np.array(variable) == value).all()
    assert table["learning_rate"].is_monotonic_increasing
    assert table["smoothed"].iloc[-1] > 2 * table["smoothed"].min()
    assert 1e-3 < suggested < 0.3
    fresh = kerasdnn.build_classifier(64, 10, optimizer="momentum", learning_rate=suggested, seed=0)
    history = fresh.fit(X, Y, epochs=5, verbose=0).history
    assert history["accuracy"][-1] > 0.9


def test_the_smoothed_loss_is_the_unbiased_running_mean():
    network = kerasdnn.build_classifier(64, 10, seed=0)
    table, _ = rate_range_test(network, X, Y, steps=20, highest=1e-2)
    weights = 0.9 ** np.arange(20)[::-1]
    by_hand = [
        np.average(table["loss"][: i + 1], weights=weights[-i - 1 :]) for i in range(len(table))
    ]
    assert table["smoothed"].to_numpy() == pytest.approx(by_hand)


def test_it_is_drawn():
    network = kerasdnn.build_classifier(64, 10, seed=0)
    ax = plots.learning_rate_range(*rate_range_test(network, X, Y, steps=30))
    assert ax.get_xscale() == "log"
    assert "learning rate" in ax.get_xlabel()


def test_a_schedule_and_an_empty_range_are_refused():
    network = kerasdnn.build_classifier(64, 10, seed=0)
    with pytest.raises(ValueError, match="`lowest` must be below `highest`"):
        rate_range_test(network, X, Y, lowest=1.0, highest=0.1)
    network.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9)), "mse")
    with pytest.raises(ValueError, match=r"must be a number, not a schedule.*CosineDecay"):
        rate_range_test(network, X, Y)
