"""Residuals of few validation rows are those of epochs that other rows selected."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import median_absolute_error

from kerasdnn import DNNRegressor
from kerasdnn.decisions.outputs import members_of
from kerasdnn.heads.problem_types import HEADS
from kerasdnn.stopping.cross_selection import by_loss, cross_selected, halves

RNG = np.random.default_rng(0)
ROWS, EPOCHS = 41, 5
Y = RNG.normal(size=ROWS)
OUTPUTS = [Y[:, None] + RNG.normal(size=(ROWS, 1)) for _ in range(EPOCHS)]
HALF = np.random.default_rng(0).permutation(ROWS) < ROWS // 2


@pytest.mark.parametrize("weights", [None, RNG.uniform(0, 2, ROWS)])
def test_each_half_takes_the_epoch_that_the_other_half_selects(weights):
    found = cross_selected(OUTPUTS, by_loss(HEADS["regression"], OUTPUTS, Y, weights))
    w = np.ones(ROWS) if weights is None else weights
    for half in (HALF, ~HALF):
        loss = [(w * (o[:, 0] - Y) ** 2)[~half].sum() / w[~half].sum() for o in OUTPUTS]
        np.testing.assert_array_equal(found[half], OUTPUTS[int(np.argmin(loss))][half])


def test_an_epoch_that_diverged_is_not_selected_and_one_loss_of_all_rows_selects_nothing():
    broken = [np.full((ROWS, 1), np.nan), OUTPUTS[1]]
    found = cross_selected(broken, by_loss(HEADS["regression"], broken, Y))
    np.testing.assert_array_equal(found, OUTPUTS[1])
    from kerasdnn.heads.loss import with_loss

    def own(y, p):
        return keras.ops.mean((y - p) ** 2)

    score = by_loss(with_loss(HEADS["regression"], own), OUTPUTS, Y)
    assert cross_selected(OUTPUTS, score) is None


class Keep(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())


@pytest.mark.parametrize(("n_members", "in_parts"), [(1, False), (2, False), (2, True)])
def test_an_estimator_takes_its_residuals_from_these_epochs_and_keeps_its_weights(
    n_members, in_parts, tmp_path
):
    """Each member crosses its own epochs, and the outputs of the members are averaged."""
    X, keep = pd.DataFrame(RNG.normal(size=(160, 3)), columns=list("abc")), Keep()
    y = X["a"].to_numpy() + RNG.normal(size=160)
    held = X[120:], y[120:]
    given = {"hidden_units": (16,), "learning_rate": 0.02, "epochs": 12, "random_state": 0}
    model = DNNRegressor("standard", callbacks=[keep], n_members=n_members, **given)
    if in_parts:
        X[:120].assign(y=y[:120]).to_parquet(tmp_path / "rows.parquet")
        model.fit(tmp_path / "rows.parquet", "y", validation_data=held)
    else:
        model.fit(X[:120], y[:120], validation_data=held)
    matrix, target = model.encoder_.transform(held[0]), model.target_
    crossed, plain = [], []
    for i, network in enumerate(members_of(model.network_) or [model.network_]):
        kept, outputs = network.get_weights(), []
        for weights in keep.weights[12 * i : 12 * i + 12]:
            network.set_weights(weights)
            outputs.append(np.asarray(network(matrix)))
        score = by_loss(target.head, outputs, target.to_network(held[1][:, None]))
        crossed.append(cross_selected(outputs, score))
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


def absolute(model, X, y, sample_weight=None):
    return -np.average(np.abs(model.predict(X) - y), weights=sample_weight)


@pytest.mark.parametrize("monitor", ["mae", "r2", "neg_median_absolute_error", absolute])
def test_epochs_are_crossed_by_whatever_selects_them(monitor):
    """Each half has the outputs of the epoch that is the best by the monitor on the other half."""
    table = pd.DataFrame(RNG.normal(size=(120, 2)), columns=["a", "b"])
    y = 9 + 3 * table["a"].to_numpy() + RNG.standard_t(2, 120)
    w, keep = RNG.uniform(0.5, 2, 40), Keep()
    model = DNNRegressor("standard", hidden_units=(8,), learning_rate=0.05, epochs=8,
                         monitor=monitor, callbacks=[keep], random_state=0)  # fmt: skip
    model.fit(table[:80], y[:80], validation_data=(table[80:], y[80:], w))
    matrix, y, outputs = model.encoder_.transform(table[80:]), y[80:], []
    for weights in keep.weights:
        model.network_.set_weights(weights)
        outputs.append(model.target_.from_network(np.asarray(model.network_(matrix))))
    error = {
        "r2": lambda y, p, w: np.average((p - y) ** 2, weights=w),
        "neg_median_absolute_error": lambda y, p, w: median_absolute_error(y, p, sample_weight=w),
    }.get(monitor, lambda y, p, w: np.average(np.abs(p - y), weights=w))
    residuals = np.empty(40)
    for half in halves(40):
        found = [error(y[~half], p[~half], w[~half]) for p in outputs]
        residuals[half] = (y - outputs[int(np.argmin(found))])[half]
    np.testing.assert_allclose(np.sort(model.conformal_.residuals[:, 0]), np.sort(residuals),
                               rtol=1e-4, atol=1e-4)  # fmt: skip
