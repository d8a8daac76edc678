"""`loss=` replaces the loss of a problem type through every entry point."""

import copy
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import kerasdnn
from kerasdnn import (
    HEADS,
    DNNClassifier,
    DNNRegressor,
    Population,
    build_classifier,
    build_multilabel_classifier,
    build_regressor,
    compare,
    tune,
)
from kerasdnn.core.arguments import Unstackable
from kerasdnn.factories import build_for
from kerasdnn.heads.loss import make_loss, with_loss
from kerasdnn.heads.loss_names import LOSSES, check_loss, keras_name
from kerasdnn.heads.problem_types import key_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
Y = (3 * X[:, 0] - X[:, 1] ** 2 + RNG.standard_t(2, 120)).astype("float32")
CLASSES = np.digitize(Y, [-1, 2])
NAMES = np.array(["low", "mid", "top"])[CLASSES]
POSITIVE = np.exp(0.3 * X[:, 0]) * RNG.gamma(5, 1 / 5, 120) * 1e4
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(city=RNG.choice(["Oslo", "Rome"], 120))
TRAIN, VALID = np.arange(90), np.arange(90, 120)
FIT = {"epochs": 3, "verbose": 0}


def fourth_power(y, p):
    return ops.mean((p - y) ** 4, axis=-1)


@keras.saving.register_keras_serializable(package="tests")
class Cubic(keras.losses.Loss):
    """|y - p|^3 without any care for shapes."""

    def call(self, y, p):
        return ops.abs(y - p) ** 3


@pytest.mark.parametrize("loss", ["mae", "mean_absolute_error", "MeanAbsoluteError",
                                  keras.losses.MeanAbsoluteError(),
                                  keras.losses.mean_absolute_error])  # fmt: skip
def test_a_network_minimizes_it_by_any_of_its_names(loss):
    network = build_regressor(4, hidden_units=(6,), loss=loss, seed=1)
    network.fit(X, Y, **FIT)
    expected = np.abs(network.predict(X, verbose=0)[:, 0] - Y).mean()
    assert network.evaluate(X, Y, verbose=0)[0] == pytest.approx(expected, rel=1e-5)
    plain = build_regressor(4, hidden_units=(6,), seed=1)
    plain.compile("adam", "mae")
    plain.fit(X, Y, **FIT)
    for a, b in zip(network.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_classes_may_have_the_focal_loss_and_stay_indices():
    """Against the formula of Lin et al., 2017: -alpha (1 - p)^gamma log p."""
    network = build_classifier(4, 3, (6,), loss="categorical_focal_crossentropy", seed=1)
    network.fit(X, CLASSES, **FIT)
    p = network.predict(X, verbose=0)[np.arange(120), CLASSES]
    expected = (-0.25 * (1 - p) ** 2 * np.log(p)).mean()
    assert network.evaluate(X, CLASSES, verbose=0)[0] == pytest.approx(expected, rel=1e-4)
    two = build_classifier(4, 2, (6,), loss="binary_focal_crossentropy", seed=1)
    y = (Y > 0).astype("int64")
    p = two.predict(X, verbose=0)[:, 0]
    p = np.where(y == 1, p, 1 - p)
    expected = (-((1 - p) ** 2) * np.log(p)).mean()
    assert two.evaluate(X, y, verbose=0)[0] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="0 to 2"):
        network.fit(X, CLASSES + 1, **FIT)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_of_keras_is_known_by_its_name(name):
    assert check_loss("loss", name) == name


def test_robust_losses_of_classes_take_indices():
    """Generalized cross-entropy, (1 - p^q) / q, is one of the two that Keras defines for them."""
    network = build_classifier(4, 3, (6,), loss="categorical_generalized_cross_entropy", seed=1)
    p = network.predict(X, verbose=0)[np.arange(120), CLASSES]
    expected = ((1 - p**0.5) / 0.5).mean()
    assert network.evaluate(X, CLASSES, verbose=0)[0] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="not categorical_hinge"):
        build_classifier(4, 3, loss="categorical_hinge", label_smoothing=0.1)


def test_one_hot_labels_and_several_labels_take_it_too():
    one_hot = np.eye(3, dtype="float32")[CLASSES]
    network = build_classifier(4, 3, (6,), loss="mse", one_hot_labels=True, seed=1)
    brier = ((network.predict(X, verbose=0) - one_hot) ** 2).mean()
    assert network.evaluate(X, one_hot, verbose=0)[0] == pytest.approx(brier, rel=1e-5)
    indices = build_classifier(4, 3, (6,), loss="mse", seed=1)
    assert indices.evaluate(X, CLASSES, verbose=0)[0] == pytest.approx(brier, rel=1e-5)
    labels = build_multilabel_classifier(4, 3, (6,), loss="binary_focal_crossentropy", seed=1)
    assert isinstance(labels.loss, keras.losses.BinaryFocalCrossentropy)


def test_a_name_of_the_own_loss_changes_nothing():
    head = HEADS["regression"]
    assert with_loss(head, "mse") is head
    assert with_loss(with_loss(head, "huber")) is head
    other = with_loss(head, "huber")
    assert other is with_loss(head, "Huber") or keras_name(other.loss) == "huber"
    assert key_of(other) == "regression"
    assert pickle.loads(pickle.dumps(other)) is other


@pytest.mark.parametrize(
    ("preset", "loss"),
    [
        ("realmlp", "huber"),
        ("standard", keras.losses.LogCosh()),
        ("realmlp", fourth_power),
        ("realmlp-s", Cubic()),
    ],
)
def test_a_regressor_minimizes_it_and_comes_back_from_a_file(preset, loss, tmp_path):
    settings = {"hidden_units": (8, 8), "epochs": 3, "random_state": 0}
    model = clone(DNNRegressor(preset, loss=loss, **settings)).fit(TABLE, Y)
    p = model.predict(TABLE)
    own = make_loss(with_loss(HEADS["regression"], loss))
    rows = np.asarray(getattr(own, "call", own)(Y[:, None], p[:, None].astype("float32")))
    assert model.evaluate(TABLE, Y)["loss"] == pytest.approx(rows.mean(), rel=1e-4)
    assert np.isfinite(model.history_["val_loss"]).all()
    path, custom = tmp_path / "model.kerasdnn", {}
    model.save(path)
    if loss is fourth_power or isinstance(loss, Cubic):
        custom = {"fourth_power": fourth_power, "Cubic": Cubic}
        with pytest.raises(ValueError, match=r"custom_objects=\{\.\.\.\}"):
            kerasdnn.load(path)
    loaded = kerasdnn.load(path, custom_objects=custom)
    np.testing.assert_array_equal(loaded.predict(TABLE), p)
    assert loaded.evaluate(TABLE, Y) == model.evaluate(TABLE, Y)
    copied = pickle.loads(pickle.dumps(model))
    assert copied.evaluate(TABLE, Y) == model.evaluate(TABLE, Y)


@pytest.mark.parametrize(
    ("preset", "loss"),
    [("realmlp", "categorical_focal_crossentropy"), ("standard", "categorical_hinge")],
)
def test_a_classifier_keeps_its_labels(preset, loss, tmp_path):
    settings = {"hidden_units": (8,), "epochs": 3, "random_state": 0, "class_weight": "balanced"}
    model = DNNClassifier(preset, loss=loss, **settings).fit(TABLE, NAMES)
    assert model.hyperparameters_["label_smoothing"] == 0
    assert set(model.predict(TABLE)) <= set(NAMES)
    y = model.target_.encode(NAMES)
    p = model.predict_proba(TABLE).astype("float32")
    inner = keras.losses.get(loss)
    expected = np.mean(inner(np.eye(3, dtype="float32")[y], p))
    assert model.evaluate(TABLE, NAMES)["loss"] == pytest.approx(expected, rel=1e-4)
    model.save(tmp_path / "model.kerasdnn")
    loaded = kerasdnn.load(tmp_path / "model.kerasdnn")
    assert loaded.evaluate(TABLE, NAMES) == model.evaluate(TABLE, NAMES)


def test_a_custom_loss_of_two_classes_subtracts_columns_from_columns():
    """y of shape (rows,) minus a prediction of (rows, 1) would be (rows, rows)."""
    seen = []

    def squared(y, p):
        seen.append((tuple(y.shape)[1:], tuple(p.shape)[1:]))
        return ops.mean((y - p) ** 2, axis=-1)

    class Squared(keras.losses.Loss):
        def call(self, y, p):
            return squared(y, p)

    for loss in (squared, Squared()):  # a class that is not registered is copied, too
        model = clone(DNNClassifier("standard", loss=loss, epochs=1, random_state=0))
        model.fit(TABLE, Y > 0)
    assert set(seen) == {((1,), (1,))}


def test_a_loss_of_percentages_is_of_y_in_its_units():
    """Percentages of standardized numbers would be those of differences from the mean."""
    model = DNNRegressor("standard", loss="mape", epochs=60, random_state=0)
    model.fit(TABLE, POSITIVE)
    assert model.target_.center == 0
    assert model.target_.scale == pytest.approx(POSITIVE.mean(), rel=0.1)
    p = model.predict(TABLE)
    percent = 100 * np.mean(np.abs(p - POSITIVE) / POSITIVE)
    assert model.evaluate(TABLE, POSITIVE)["loss"] == pytest.approx(percent, rel=1e-4)
    assert percent < 60


def test_the_delta_of_huber_stays_in_copies_and_files(tmp_path):
    """Keras leaves it out of the config. The loss against its formula."""
    given = keras.losses.Huber(delta=0.25)
    assert copy.deepcopy(given)._fn_kwargs == pickle.loads(pickle.dumps(given))._fn_kwargs
    model = DNNRegressor("standard", hidden_units=(6,), epochs=2, random_state=0)
    grid = GridSearchCV(model, {"loss": [given]}, cv=2).fit(TABLE, Y)  # which copies the values
    model = clone(model.set_params(loss=given)).fit(TABLE, Y)
    assert grid.best_estimator_.loss.delta == clone(clone(model)).loss.delta == 0.25
    error = (np.abs(Y - model.predict(TABLE)) / model.target_.scale).ravel()
    expected = np.where(error <= 0.25, error**2 / 2, 0.25 * (error - 0.125)).mean()
    model.save(tmp_path / "model.kerasdnn")
    for one in (
        model,
        kerasdnn.load(tmp_path / "model.kerasdnn"),
        pickle.loads(pickle.dumps(model)),
    ):
        network_loss = one.network_.evaluate(
            one.encoder_.transform(TABLE), one.target_.to_network(Y[:, None]), verbose=0
        )[0]
        assert network_loss == pytest.approx(expected, rel=1e-4)
        assert one.loss.delta == 0.25
    assert "XLA" in model.network_.last_path or "compiled" in model.network_.last_path
    network = build_regressor(4, hidden_units=(3,), loss=given)
    assert network.loss.get_config()["delta"] == 0.25


def test_settings_that_a_copy_would_lose_are_an_error():
    """Keras leaves this axis out of the config."""
    model = DNNRegressor(loss=keras.losses.CosineSimilarity(axis=0))
    for use in (lambda: clone(model), lambda: model.fit(TABLE, Y),
                lambda: build_regressor(4, loss=model.loss)):  # fmt: skip
        with pytest.raises(ValueError, match=r"lacks axis=0.*losses\.cosine_similarity\(y, p"):
            use()
    kept = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
    assert check_loss("loss", kept) is kept


def test_losses_that_do_not_fit_the_problem_are_rejected_with_what_to_pass():
    def of_numbers(y, p):
        return ops.mean(ops.abs(y - p), axis=-1)

    with pytest.raises(ValueError, match=r"predictions are positive.*'poisson'.*target='count'"):
        DNNRegressor("standard", loss="poisson", epochs=1).fit(TABLE, POSITIVE)
    with pytest.raises(ValueError, match=r"output per class.*'binary_crossentropy'"):
        DNNClassifier("standard", loss="categorical_crossentropy").fit(TABLE, CLASSES > 0)
    with pytest.raises(ValueError, match=r"`loss` must accept indices of classes of shape \(2,\)"):
        DNNClassifier("standard", loss=of_numbers, epochs=1).fit(TABLE, NAMES)


def test_members_with_losses_of_their_own_train_as_single_networks_do():
    members = [
        {"hidden_units": (6,), "optimizer": "adam", "seed": 1, "loss": loss}
        for loss in (None, "mae", "huber", "mae")
    ]
    population = Population(members, 4, problem="regression", jit_compile=False)
    population.fit(X, Y, epochs=3, batch_size=16, rows=TRAIN, validation_rows=VALID)
    for i, member in enumerate(population.members):
        alone = build_for(population.problem, **member.given)
        alone.fit(X[TRAIN], Y[TRAIN], epochs=3, batch_size=16, verbose=0)
        for a, b in zip(population.get_weights(i), alone.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        found = alone.evaluate(X[VALID], Y[VALID], verbose=0)[0]
        assert population.curves("val_loss")[i, -1] == pytest.approx(found, rel=1e-4)
    focal = [{"seed": 0, "loss": "categorical_focal_crossentropy"}]
    classes = Population(focal, 4, problem="multiclass", n_outputs=3)
    classes.fit(X, CLASSES, epochs=2, rows=TRAIN, validation_rows=VALID)
    alone = build_classifier(4, 3, **focal[0])
    alone.fit(X[TRAIN], CLASSES[TRAIN], epochs=2, verbose=0)
    for a, b in zip(classes.get_weights(0), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "member",
    [
        {"loss": fourth_power},
        {"loss": "dice"},
        {"clipnorm": 1.0},
        {"l1": 0.1},
        {"kernel_initializer": "zeros"},
        {"hidden_units": ()},
    ],
)
def test_what_cannot_be_stacked_is_refused_by_name(member):
    (name,) = member
    with pytest.raises(Unstackable, match=f"`{name}`|`problem`"):
        Population([member], 4, problem="regression")


def test_a_search_over_losses_needs_a_score_that_all_of_them_share():
    def space(hp):
        return {"loss": hp.Choice("loss", ["mean_squared_error", "mean_absolute_error", "huber"])}

    settings = {"space": space, "oracle": "grid", "max_trials": None, "seed": 0} | FIT
    with pytest.raises(ValueError, match="`objective` must not be the loss"):
        tune(X, Y, **settings)
    result = tune(X, Y, objective="val_mae", **settings)
    assert set(result.trials["loss"]) == {"mean_squared_error", "mean_absolute_error", "huber"}
    best = result.best_network()
    assert keras_name(best.loss) == keras_name(result.best_hyperparameters["loss"])
    table = compare(X, Y, {"loss": ["mse", "mae"]}, objective="val_mae", seeds=2, **FIT).table
    assert set(table["loss"]) == {"mse", "mae"}


def test_a_search_minimizes_the_loss_that_is_fixed():
    settings = {"max_trials": 2, "epochs": 2, "seed": 0, "verbose": 0}
    result = tune(X, Y, loss="huber", **settings)
    assert isinstance(result.best_network().loss, keras.losses.Huber)
    for model in (
        DNNRegressor("standard", loss="huber", hidden_units=(8,)),
        DNNRegressor("realmlp", loss="huber", hidden_units=(8,)),
    ):
        best = model.tune(TABLE, Y, **settings).best_network()
        assert keras_name(best.network_.loss) == "huber"
    settings |= {"hidden_units": (4,), "optimizer": "adam", "learning_rate": 0.001}
    with pytest.warns(kerasdnn.DataWarning, match="one by one"):
        result = tune(X, np.tanh(Y), loss=fourth_power, **settings)
    assert result.best_network().loss is fourth_power


@pytest.mark.parametrize(
    ("preset", "target"),
    [("realmlp", "huber"), ("realmlp-s", "log_cosh"), ("standard", "positive"),
     ("realmlp", "positive")],
)  # fmt: skip
def test_targets_of_the_table_go_through_every_entry_point(target, preset, tmp_path):
    y = POSITIVE if target == "positive" else 1e4 * Y
    settings = {"hidden_units": (8, 8), "epochs": 5, "random_state": 0}
    model = DNNRegressor(preset, target=target, **settings).fit(TABLE, y)
    p = model.predict(TABLE)
    assert model.target_.head is HEADS[target]
    if target == "positive":
        assert (p > 0).all()
        from sklearn.metrics import mean_gamma_deviance

        expected = mean_gamma_deviance(y, p)
        assert model.evaluate(TABLE, y)["loss"] == pytest.approx(expected, rel=1e-3)
        assert 0.2 < np.median(p / y) < 5  # the scale of y was learned
        with pytest.raises(ValueError, match="must contain positive numbers"):
            model.fit(TABLE, y - y.min())
    model.save(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(kerasdnn.load(tmp_path / "model.kerasdnn").predict(TABLE), p)


@pytest.mark.parametrize(
    "target", ["huber", pytest.param("log_cosh", marks=pytest.mark.nightly), "positive"]
)
def test_targets_of_the_table_are_searched_and_stacked(target):
    y = (POSITIVE / POSITIVE.mean()).astype("float32") if target == "positive" else Y
    member = {"hidden_units": (6,), "learning_rate": 0.02, "seed": 1}
    population = Population([member], 4, problem=target)
    population.fit(X, y, epochs=3, batch_size=16, rows=TRAIN, validation_rows=VALID)
    alone = build_regressor(4, target=target, **member)
    alone.fit(X[TRAIN], y[TRAIN], epochs=3, batch_size=16, verbose=0)
    for a, b in zip(population.get_weights(0), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    result = tune(X, y, problem=target, max_trials=2, seed=0, **FIT)
    assert np.isfinite(result.best_score)
    if target == "positive":
        with pytest.raises(ValueError, match="must be positive"):
            alone.fit(X, Y, verbose=0)


def one_vs_rest(y, p):
    """The asymmetric loss with its defaults, written out."""
    q = np.maximum(p - 0.05, 0)
    with np.errstate(divide="ignore"):
        rows = y * np.log(p) + (1 - y) * q**4 * np.log1p(-q)
    return -rows.mean()


def focal(y, p):
    """Lin et al., 2017, of two classes; of more Keras multiplies it by 0.25."""
    if p.shape[1] > 1:
        return (-0.25 * y * (1 - p) ** 2 * np.log(p)).sum(axis=1).mean()
    p = np.where(y == 1, p, 1 - p)
    return (-((1 - p) ** 2) * np.log(p)).mean()


RARE = {"focal": focal, "asymmetric": one_vs_rest}


@pytest.mark.parametrize(
    ("loss", "outputs", "preset"),
    [("focal", 1, "realmlp"), ("focal", 3, "standard"),
     ("asymmetric", 1, "standard"), ("asymmetric", 3, "realmlp")],
)  # fmt: skip
def test_losses_of_rare_classes_keep_labels_weights_and_files(loss, outputs, preset, tmp_path):
    labels = NAMES if outputs == 3 else np.where(Y > 2, "rare", "common")
    settings = {"hidden_units": (8,), "epochs": 3, "random_state": 0, "class_weight": "balanced"}
    model = clone(DNNClassifier(preset, loss=loss, **settings)).fit(TABLE, labels)
    assert set(model.predict(TABLE)) <= set(labels)
    p = model.predict_proba(TABLE)
    y = np.eye(outputs)[CLASSES] if outputs == 3 else (labels == "rare")[:, None] * 1.0
    expected = RARE[loss](y, p if outputs == 3 else p[:, 1:])
    found = model.evaluate(TABLE, labels)
    assert found["loss"] == pytest.approx(expected, rel=2e-4)
    model.save(tmp_path / "model.kerasdnn")
    loaded = kerasdnn.load(tmp_path / "model.kerasdnn")
    assert loaded.evaluate(TABLE, labels) == found
    assert loaded.loss == loss


@pytest.mark.parametrize("loss", [pytest.param("focal", marks=pytest.mark.nightly), "asymmetric"])
def test_losses_of_rare_classes_are_stacked_and_searched(loss):
    for problem, outputs, y in (
        ("binary", 1, (Y > 2) * 1),
        ("multiclass", 3, CLASSES),
        ("multilabel", 2, np.stack([Y > 0, Y > 2], 1) * 1.0),
    ):
        member = {"hidden_units": (6,), "learning_rate": 0.02, "seed": 1, "loss": loss}
        population = Population([member], 4, problem=problem, n_outputs=outputs)
        population.fit(X, y, epochs=2, batch_size=16, rows=TRAIN, validation_rows=VALID)
        alone = build_for(population.problem, **member)
        alone.fit(X[TRAIN], y[TRAIN], epochs=2, batch_size=16, verbose=0)
        for a, b in zip(population.get_weights(0), alone.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    best = tune(X, CLASSES, loss=loss, max_trials=1, seed=0, **FIT).best_network()
    assert best.output_shape == (None, 3)
    for number in (build_regressor, DNNRegressor(loss=loss).fit):
        with pytest.raises(ValueError, match="`loss` needs classes"):
            number(4, loss=loss) if number is build_regressor else number(TABLE, Y)


def test_the_asymmetric_loss_finds_more_of_a_rare_class():
    x = RNG.normal(size=(2000, 4)).astype("float32")
    y = (x[:, 0] + RNG.normal(size=2000) > 2.2) * 1  # 6% of the rows
    recall = {}
    for loss in (None, "asymmetric"):
        network = build_classifier(4, 2, (16,), loss=loss, learning_rate=0.01, seed=0)
        network.fit(x[:1000], y[:1000], epochs=20, verbose=0)
        found = network.predict(x[1000:], verbose=0)[:, 0] > 0.5
        recall[loss] = found[y[1000:] == 1].mean()
    assert recall["asymmetric"] > recall[None] + 0.2
