"""Residuals of few validation rows are those of epochs that other rows selected."""

import keras
import numpy as np
import pytest

from kerasdnn import DNNRegressor
from kerasdnn.decisions.outputs import members_of
from kerasdnn.heads import HEADS
from kerasdnn.stopping.best_epoch import cross_selected

RNG = np.random.default_rng(0)
ROWS, EPOCHS = 41, 5
Y = RNG.normal(size=ROWS)
OUTPUTS = [Y[:, None] + RNG.normal(size=(ROWS, 1)) for _ in range(EPOCHS)]
HALF = np.random.default_rng(0).permutation(ROWS) < ROWS // 2


@pytest.mark.parametrize("weights", [None, RNG.uniform(0, 2, ROWS)])
def test_each_half_takes_the_epoch_that_the_other_half_selects(weights):
    found = cross_selected(HEADS["regression"], OUTPUTS, Y, weights)
    w = np.ones(ROWS) if weights is None else weights
    for half in (HALF, ~HALF):
        loss = [(w * (o[:, 0] - Y) ** 2)[~half].sum() / w[~half].sum() for o in OUTPUTS]
        np.testing.assert_array_equal(found[half], OUTPUTS[int(np.argmin(loss))][half])


def test_an_epoch_that_diverged_is_not_selected_and_one_loss_of_all_rows_selects_nothing():
    broken = [np.full((ROWS, 1), np.nan), OUTPUTS[1]]
    np.testing.assert_array_equal(cross_selected(HEADS["regression"], broken, Y), OUTPUTS[1])
    from kerasdnn.heads import with_loss

    def own(y, p):
        return keras.ops.mean((y - p) ** 2)

    assert cross_selected(with_loss(HEADS["regression"], own), OUTPUTS, Y) is None


class Keep(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())


@pytest.mark.parametrize("n_members", [1, 2])
def test_an_estimator_takes_its_residuals_from_these_epochs_and_keeps_its_weights(n_members):
    """Each member crosses its own epochs, and the outputs of the members are averaged."""
    X, keep = RNG.normal(size=(160, 3)), Keep()
    y = X[:, 0] + RNG.normal(size=160)
    held = X[120:], y[120:]
    given = {"hidden_units": (16,), "learning_rate": 0.02, "epochs": 12, "random_state": 0}
    model = DNNRegressor("standard", callbacks=[keep], n_members=n_members, **given)
    model.fit(X[:120], y[:120], validation_data=held)
    matrix, target = model.encoder_.transform(held[0]), model.target_
    crossed, plain = [], []
    for i, network in enumerate(members_of(model.network_) or [model.network_]):
        kept, outputs = network.get_weights(), []
        for weights in keep.weights[12 * i : 12 * i + 12]:
            network.set_weights(weights)
            outputs.append(np.asarray(network(matrix)))
        crossed.append(cross_selected(target.head, outputs, target.to_network(held[1][:, None])))
        losses = [((target.from_network(output) - held[1]) ** 2).mean() for output in outputs]
        plain.append(outputs[int(np.argmin(losses))])
        for a, b in zip(kept, keep.weights[12 * i + int(np.argmin(losses))], strict=True):
            np.testing.assert_array_equal(a, b)
    residuals = held[1] - target.from_network(np.mean(crossed, axis=0))
    np.testing.assert_allclose(np.sort(model.conformal_.residuals[:, 0]), np.sort(residuals),
                               rtol=1e-4, atol=1e-5)  # fmt: skip
    best = np.abs(held[1] - target.from_network(np.mean(plain, axis=0)))
    assert np.abs(residuals).mean() >= best.mean()


def test_members_that_train_together_in_workers_or_on_folds_cross_their_epochs_too():
    X = RNG.normal(size=(150, 3))
    y = X[:, 0] + RNG.normal(size=150)
    given = {"hidden_units": (8,), "learning_rate": 0.03, "epochs": 6, "random_state": 0}
    model = DNNRegressor("standard", n_members=3, **given)
    together = model.fit(X, y).conformal_.residuals
    np.testing.assert_allclose(
        DNNRegressor("standard", n_members=3, callbacks=[Keep()], **given).fit(X, y)
        .conformal_.residuals, together, rtol=1e-3, atol=1e-4,
    )  # fmt: skip
    model = DNNRegressor("standard", n_members=3, bagging="folds", **given).fit(X, y)
    errors, residuals = np.abs(y - model.oof_predict_), np.abs(model.conformal_.residuals[:, 0])
    assert len(residuals) == 150
    assert residuals.mean() > errors.mean()
