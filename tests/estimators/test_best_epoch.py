"""The best epoch is kept; of equal ones the last."""

import keras
import numpy as np
import pytest

from kerasdnn.stopping.best_epoch import BestEpoch


def course(monitor, values, patience=100):
    """The epoch that was kept, and the last one trained, where the monitor takes these values."""
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    keeper = BestEpoch(monitor, patience)
    keeper.set_model(network)
    network.stop_training = False
    keeper.on_train_begin()
    for epoch, value in enumerate(values):
        network.set_weights([np.full((1, 1), epoch), np.zeros(1)])
        keeper.on_epoch_end(epoch, {monitor: value})
        if network.stop_training:
            break
    keeper.on_train_end()
    assert network.get_weights()[0].item() == keeper.best_epoch
    return keeper.best_epoch, epoch


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_accuracy", [0.5, 0.9, 0.7, 0.9, 0.8], 3),
        ("val_loss", [2.0, 1.0, float("nan"), 1.0, 1.5], 3),
        ("val_accuracy", [float("nan"), 0.1, 0.05], 1),
    ],
)
def test_the_last_of_the_best_epochs_is_kept(monitor, values, best):
    assert course(monitor, values)[0] == best


def test_training_stops_when_patience_has_run_out():
    assert course("val_loss", [3, 2, 2.5, 2.6, 2.7, 1], patience=3) == (1, 4)
