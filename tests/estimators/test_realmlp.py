"""The presets "realmlp" and "realmlp-s": what they are made of, and that every problem trains."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import mean_poisson_deviance

from kerasdnn import DNNClassifier, DNNRegressor, load
from kerasdnn.estimators.realmlp import GROUPS
from kerasdnn.estimators.training import rows_per_step

QUICK = dict(epochs=20, random_state=0)


def kinds(model):
    return [type(layer).__name__ for layer in model.network_.layers]


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=300),
            "b": np.where(rng.random(300) < 0.2, np.nan, rng.exponential(size=300)),
            "few": rng.choice(["x", "y", "z"], 300),
            "many": rng.choice([f"k{i}" for i in range(20)], 300),
        }
    )
    return frame, frame["a"] + frame["few"].eq("x") * 2 + frame["b"].isna()


def test_the_full_network_is_the_paper_s(mixed):
    X, y = mixed
    model = DNNRegressor("realmlp", **QUICK).fit(X, y)
    block = ["NTKDense", "ParametricActivation", "ScheduledDropout"]
    front = ["EmbedCategories", "PeriodicEmbedding", "Scale"]
    assert kinds(model) == front + 3 * block + ["NTKDense"]
    assert [layer.units for layer in model.network_.layers if hasattr(layer, "units")] == [
        256, 256, 256, 1,
    ]  # fmt: skip
    settings = model.hyperparameters_
    assert (settings["learning_rate"], settings["activation"]) == (0.2, "mish")
    assert settings["batch_size"] == 61  # 241 rows in 4 steps of about 64
    assert model.network_.optimizer.beta_2 == 0.95
    names = {variable.name for variable in model.network_.trainable_variables}
    assert set(GROUPS) - {"piecewise", "linear"} <= names  # those are of "compact"
    assert model.network_.last_path == "compiled"


def test_the_simple_network_has_neither_embeddings_nor_dropout_and_starts_at_zero(mixed):
    X, y = mixed
    model = DNNClassifier("realmlp-s", **QUICK).fit(X, y > 1)
    assert kinds(model) == ["Scale"] + 4 * ["NTKDense"]
    assert model.network_.layers[-1].zero
    assert model.encoder_.cardinalities_ == []


@pytest.mark.parametrize("preset", ["realmlp", "realmlp-s"])
def test_every_problem_trains_and_beats_a_guess(preset, mixed):
    X, y = mixed
    counts = np.random.default_rng(1).poisson(200 * np.exp(0.5 * X["a"]))
    problems = [
        (DNNRegressor, y, {}),
        (DNNRegressor, counts, {"target": "count"}),
        (DNNClassifier, y > 1, {}),
        (DNNClassifier, pd.cut(y, [-9, 0, 1, 9], labels=["low", "mid", "high"]).astype(str), {}),
        (DNNClassifier, np.column_stack([y > 1, X["a"] > 0]).astype(int), {}),
    ]
    for kind, target, arguments in problems:
        model = kind(preset, **arguments, **QUICK).fit(X, target)
        scores = model.evaluate(X, target)
        assert scores["loss"] < 0.8 * scores["baseline_loss"], target


def test_a_fitted_preset_comes_back_from_its_file_to_the_bit(mixed, tmp_path):
    X, y = mixed
    model = DNNRegressor("realmlp", **QUICK).fit(X, y)
    model.save(tmp_path / "model.kerasdnn")
    assert (load(tmp_path / "model.kerasdnn").predict(X) == model.predict(X)).all()


def test_predictions_of_the_full_preset_stay_in_the_range_of_training(mixed):
    X, y = mixed
    model = DNNRegressor("realmlp", validation_fraction=0, **QUICK).fit(X, y)
    far = X.assign(a=X["a"] * 1e6)
    assert y.min() <= model.predict(far).min()
    assert model.predict(far).max() <= y.max()


def test_it_is_accurate_on_real_tables():
    for data, kind, least in (
        (load_breast_cancer(), DNNClassifier, 0.95),
        (load_wine(), DNNClassifier, 0.95),
        (load_diabetes(), DNNRegressor, 0.35),
    ):
        rows = np.random.default_rng(0).permutation(len(data.target))
        train, test = rows[: len(rows) * 3 // 4], rows[len(rows) * 3 // 4 :]
        model = kind("realmlp", epochs=60, random_state=0).fit(data.data[train], data.target[train])
        assert model.score(data.data[test], data.target[test]) > least


def test_all_rows_in_one_step_is_a_batch_size_too(mixed):
    X, y = mixed
    model = DNNRegressor("realmlp", batch_size="full", **QUICK).fit(X, y)
    assert int(model.network_.optimizer.iterations) == QUICK["epochs"]


def test_the_same_seed_gives_the_same_network(mixed):
    X, y = mixed
    first, second = (DNNRegressor("realmlp", **QUICK).fit(X, y) for _ in range(2))
    assert (first.predict(X) == second.predict(X)).all()


def test_a_hyperparameter_of_another_preset_is_refused_with_the_way_out(mixed):
    X, y = mixed
    with pytest.raises(ValueError, match=r"`l2` is not .*l2=0.1.*preset='standard'"):
        DNNRegressor("realmlp", l2=0.1).fit(X, y)
    with pytest.raises(ValueError, match=r"`weight_decay` is not .*'realmlp' or 'realmlp-s'"):
        DNNRegressor("standard", weight_decay=0.1).fit(X, y)


@pytest.mark.parametrize(("rows", "size"), [(50, 50), (1_000, 63), (1_024, 64), (27_000, 258)])
def test_the_automatic_batch_size_leaves_no_short_last_step(rows, size):
    found = rows_per_step("auto", rows)
    assert found == size
    assert -rows % found < -(-rows // found)


def test_an_activation_layer_of_one_s_own_is_copied_into_every_block(mixed):
    X, y = mixed
    model = DNNRegressor("realmlp", activation=keras.layers.LeakyReLU(0.2), **QUICK).fit(X, y)
    assert kinds(model).count("LeakyReLU") == 3


def test_the_network_is_exported_for_serving(mixed, tmp_path):
    import tensorflow as tf

    X, y = mixed
    model = DNNRegressor("realmlp", **QUICK).fit(X, y)
    model.network_.export(str(tmp_path / "served"), verbose=False)
    matrix = model.encoder_.transform(X)
    served = tf.saved_model.load(str(tmp_path / "served"))
    assert served.serve(matrix).numpy() == pytest.approx(model.network_.predict(matrix), abs=1e-5)


def test_members_and_weights_of_rows_and_classes_are_taken(mixed):
    X, y = mixed
    weights = np.where(np.arange(len(y)) < 150, 1.0, 0.0)
    half = DNNRegressor("realmlp-s", n_members=2, **QUICK).fit(X, y, sample_weight=weights)
    alone = DNNRegressor("realmlp-s", n_members=2, **QUICK).fit(X[:150], y[:150])
    assert half.predict(X) == pytest.approx(alone.predict(X), rel=1e-4)
    blurred = y + 3 * np.random.default_rng(5).normal(size=300)
    rare = blurred > blurred.quantile(0.9)
    plain, balanced = (
        DNNClassifier("realmlp", class_weight=weight, **QUICK).fit(X, rare).predict(X).sum()
        for weight in (None, "balanced")
    )
    assert balanced > plain


def test_the_best_epoch_is_found_whatever_metrics_are_asked_for(mixed):
    X, y = mixed
    model = DNNClassifier("realmlp", metrics=["auc"], **QUICK).fit(X, y > 1)
    best = model.history_["val_accuracy"].max()
    assert model.history_["val_accuracy"][model.best_epoch_] == best
    assert (model.history_["val_accuracy"][model.best_epoch_ + 1 :] < best).all()
    assert "val_auc" in model.history_


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(i, marks=pytest.mark.nightly) for i in (1, 2, 3))]
)
def test_counts_are_learned_from_any_seed(seed):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 4))
    rate = np.exp(3 + 0.5 * X[:, 0] * X[:, 1])
    y = rng.poisson(rate)
    model = DNNRegressor(target="count", epochs=30, random_state=seed).fit(X, y)
    assert mean_poisson_deviance(rate, model.predict(X)) < 0.1 * mean_poisson_deviance(
        rate, np.full(1000, y.mean())
    )


@pytest.mark.parametrize(
    ("policy", "target"),
    [("mixed_float16", "classes"), ("mixed_float16", "count"), ("mixed_bfloat16", "real")],
)
def test_it_trains_and_comes_back_in_mixed_precision(policy, target, tmp_path):
    X = np.random.default_rng(0).normal(size=(160, 3))
    y = np.floor(np.exp(np.clip(X[:, 0] + X[:, 1] ** 2, -2, 3)))
    keras.config.set_dtype_policy(policy)
    try:
        if target == "classes":
            model = DNNClassifier(epochs=20, n_members=1, random_state=0).fit(X, y > 1)
            assert model.score(X, y > 1) > 0.85
        else:
            model = DNNRegressor(target=target, epochs=60, n_members=1, random_state=0).fit(X, y)
            assert model.score(X, y) > 0.7
        model.save(tmp_path / "model.kerasdnn")
        again = load(tmp_path / "model.kerasdnn")
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        np.testing.assert_array_equal(model.predict(X[:1]), model.predict(X)[:1])
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(  # whatever the policy is where it is loaded
        load(tmp_path / "model.kerasdnn").predict(X), model.predict(X)
    )


def test_compact_averages_two_small_networks_that_embed_numbers_piecewise(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    y = np.where(x[:, 0] > np.abs(x[:, 1]), "a", "b")
    model = DNNClassifier("compact", epochs=2, random_state=0).fit(x, y)
    members = model.network_.layers[-1].networks
    assert len(members) == 2
    for member in members:
        kinds = [type(layer).__name__ for layer in member.layers]
        assert kinds.count("NTKDense") == 4
        assert kinds[0] == "PiecewiseLinearEmbedding"
        assert [layer.units for layer in member.layers if hasattr(layer, "units")][:3] == [128] * 3
    model.save(tmp_path / "model.kerasdnn")
    again = load(tmp_path / "model.kerasdnn")
    assert (again.predict_proba(x) == model.predict_proba(x)).all()
