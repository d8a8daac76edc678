"""A training that diverges: a warning, or an error where nothing of worth is left."""

import warnings

import keras
import numpy as np
import pytest

from kerasdnn import DataWarning, DNNClassifier, DNNRegressor, build_regressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype("float32")
Y = X @ np.array([1.0, 2.0, 3.0], dtype="float32")


def network(rate, **compiled):
    model = build_regressor(3, hidden_units=(8,), seed=0)
    model.compile(keras.optimizers.SGD(rate), "mean_squared_error", **compiled)
    return model


@pytest.mark.parametrize("compiled", [{}, {"run_eagerly": True}])
def test_fit_warns_of_the_first_epoch_whose_loss_is_not_finite(compiled):
    model = network(0.2, **compiled)
    model.optimizer.learning_rate = 0.01
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        model.fit(X, Y, epochs=2, verbose=0)
    model.optimizer.learning_rate = 1e4
    with pytest.warns(DataWarning, match="NaN in epoch 3"):
        history = model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0)
    assert history.epoch == [2, 3]
    assert np.isnan(history.history["loss"]).all()
    assert model.last_path.split(":")[0] == ("stock" if compiled else "compiled")


@pytest.mark.parametrize("preset", ["standard", "realmlp"])
@pytest.mark.parametrize("kind", [DNNRegressor, DNNClassifier])
@pytest.mark.filterwarnings("ignore:The loss became")
def test_an_estimator_that_can_only_answer_nan_is_not_fitted(kind, preset):
    model = kind(preset, learning_rate=1e30, epochs=3, early_stopping=False, random_state=0)
    with pytest.raises(ValueError, match=r"diverged.*learning_rate=1e\+30.*try 1e\+29"):
        model.fit(X, Y if kind is DNNRegressor else Y > 0)
    assert not hasattr(model, "network_")


@pytest.mark.filterwarnings("ignore:The loss became")
def test_the_error_tells_the_rate_of_an_optimizer_that_brings_its_own():
    model = DNNRegressor("standard", optimizer=keras.optimizers.SGD(1e10), epochs=3)
    with pytest.raises(ValueError, match=r"learning_rate=1\d+\.0"):
        model.fit(X, Y)


def test_an_epoch_before_the_divergence_is_kept():
    class Faster(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 1e30 if epoch == 2 else 1e-3

    model = DNNRegressor("standard", epochs=4, callbacks=[Faster()], random_state=0)
    with pytest.warns(DataWarning, match="in epoch 3"):
        model.fit(X, Y)
    assert model.best_epoch_ == 2
    assert np.isfinite(model.predict(X)).all()
