"""Ordered classes, and distributions of numbers, through every entry point."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from sklearn.base import clone
from sklearn.metrics import mean_absolute_error, r2_score

import kerasdnn
from kerasdnn import (
    HEADS,
    DataWarning,
    DNNClassifier,
    DNNRegressor,
    Population,
    build_classifier,
    build_regressor,
    compare,
    tune,
)
from kerasdnn.factories import build_for

RNG = np.random.default_rng(0)
ROWS = 300
X = RNG.normal(size=(ROWS, 4)).astype("float32")
SCORE = X[:, 0] - 0.5 * X[:, 1]
RANKS = np.digitize(SCORE + RNG.logistic(size=ROWS) / 2, [-1, 0, 1.2])
NAMES = np.array(["poor", "fair", "good", "best"])[RANKS]
Y = (50 + 10 * SCORE + 5 * np.exp(0.5 * X[:, 2]) * RNG.normal(size=ROWS)).astype("float32")
COUNTS = RNG.negative_binomial(2, 2 / (2 + np.exp(1 + 0.5 * SCORE))).astype("float32")
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(city=RNG.choice(["Oslo", "Rome"], ROWS))
TRAIN, VALID = np.arange(200), np.arange(200, ROWS)
ORDER = ("poor", "fair", "good", "best")
TARGETS = {"normal": Y, "negative_binomial": COUNTS}
FIT = {"epochs": 3, "verbose": 0}
SMALL = {"hidden_units": (8,), "epochs": 4, "random_state": 0}


def members(**more):
    return [
        {"hidden_units": (6,), "learning_rate": 0.02, "seed": 1, **more},
        {"hidden_units": (4, 3), "optimizer": "nag", "l2": 0.01, "seed": 2, **more},
    ]


# ------------------------------------------------------------------------------ ordered classes


def test_a_network_of_ordered_classes_has_one_score_and_thresholds():
    network = build_classifier(4, 4, (6,), ordered=True, seed=1)
    kernel, bias = network.get_weights()[-2:]
    assert (kernel.shape, bias.shape) == ((6, 1), (3,))
    score = np.maximum(X @ network.get_weights()[0], 0) @ kernel
    above = 1 - network.predict(X, verbose=0).cumsum(axis=1)[:, :-1]
    logits = np.log(above / (1 - above))
    moved = (logits - logits[:1]) - (score - score[0])
    np.testing.assert_allclose(moved, 0, atol=1e-3)
    zero = build_classifier(4, 4, (6,), ordered=True, prior=[5, 1, 2, 2], seed=1)
    p = zero.predict(np.zeros((1, 4)), verbose=0)
    np.testing.assert_allclose(p, [[0.5, 0.1, 0.2, 0.2]], atol=1e-6)
    np.testing.assert_allclose(
        network.predict(np.zeros((1, 4)), verbose=0), [[0.25] * 4], atol=1e-6
    )
    with pytest.raises(ValueError, match="either `ordered` or `one_hot_labels`"):
        build_classifier(4, 4, ordered=True, one_hot_labels=True)
    assert build_classifier(4, 2, ordered=True).output_shape == (None, 1)
    wide = build_classifier(4, 4, (6,), ordered=True, wide=True, residual=True, seed=1)
    np.testing.assert_allclose(wide.predict(X, verbose=0).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("preset", ["standard", "realmlp", "realmlp-s"])
def test_a_classifier_of_ordered_labels_keeps_their_order(preset, tmp_path):
    model = clone(DNNClassifier(preset, ordered=ORDER, **SMALL)).fit(TABLE, NAMES)
    assert tuple(model.classes_) == ORDER
    p = model.predict_proba(TABLE)
    assert p.shape == (ROWS, 4)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(TABLE), np.array(ORDER)[p.argmax(axis=1)])
    found = model.evaluate(TABLE, NAMES)
    expected = -np.log(p[np.arange(ROWS), RANKS]).mean()
    assert found["loss"] == pytest.approx(expected, rel=1e-4)
    assert found["class_distance"] == pytest.approx(np.abs(p.argmax(1) - RANKS).mean(), rel=1e-5)
    model.save(tmp_path / "model.kerasdnn")
    loaded = kerasdnn.load(tmp_path / "model.kerasdnn")
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_proba(TABLE), p)
        assert tuple(other.classes_) == ORDER
        assert other.evaluate(TABLE, NAMES) == found
        assert other.target_.head is HEADS["ordinal"]
    assert isinstance(str(model.health(TABLE, NAMES)), str)


def test_the_order_is_that_of_numbers_of_a_categorical_or_given():
    settings = {"hidden_units": (), "epochs": 1, "random_state": 0}
    numbers = DNNClassifier("standard", ordered=True, **settings).fit(TABLE, 10 * RANKS)
    assert numbers.classes_.tolist() == [0, 10, 20, 30]
    series = pd.Series(pd.Categorical(NAMES, categories=ORDER, ordered=True))
    by_dtype = DNNClassifier("standard", ordered=True, **settings).fit(TABLE, series)
    assert tuple(by_dtype.classes_) == ORDER
    two = DNNClassifier("standard", ordered=("yes", "no"), **settings)
    two.fit(TABLE, np.where(RANKS > 1, "no", "yes"))
    assert two.classes_.tolist() == ["yes", "no"]
    assert two.target_.head is HEADS["binary"]
    assert two.score(TABLE, two.predict(TABLE)) == 1
    more = DNNClassifier("standard", ordered=(*ORDER, "perfect"), **settings)
    with pytest.warns(DataWarning, match="no rows"):
        more.fit(TABLE, NAMES)
    assert more.predict_proba(TABLE).shape == (ROWS, 5)


@pytest.mark.parametrize(
    ("ordered", "y", "words"),
    [
        (True, NAMES, "labels that have an order"),
        (ORDER[1:], NAMES, "lacks 'poor'"),
        ("poor", NAMES, "`ordered` must be True or False"),
        (("a", "a"), NAMES, "different labels"),
        (True, np.eye(4, dtype=int)[RANKS], "one class per row"),
    ],
)
def test_labels_without_an_order_are_an_error(ordered, y, words):
    with pytest.raises(ValueError, match=words):
        DNNClassifier("standard", ordered=ordered, epochs=1).fit(TABLE, y)


def test_weights_members_and_exports_of_ordered_classes(tmp_path):
    settings = SMALL | {"ordered": ORDER, "class_weight": "balanced", "n_members": 2}
    model = DNNClassifier("standard", **settings).fit(TABLE, NAMES, np.arange(ROWS) % 3)
    np.testing.assert_allclose(model.predict_proba(TABLE).sum(axis=1), 1)
    model.export(tmp_path / "numpy")
    model.export(tmp_path / "saved", format="saved_model")


def test_the_order_is_worth_something():
    """On few rows one score needs fewer weights than one per class."""
    settings = {"preset": "standard", "hidden_units": (), "learning_rate": 0.1, "epochs": 60}
    losses = {}
    for ordered in (True, False):
        model = DNNClassifier(ordered=ordered, random_state=0, **settings)
        losses[ordered] = model.fit(X[:60], RANKS[:60]).evaluate(X[60:], RANKS[60:])["loss"]
    assert losses[True] < losses[False]


# ------------------------------------------------------------------------------- distributions


@pytest.mark.parametrize("preset", ["standard", "realmlp", "realmlp-s"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_regressor_predicts_a_distribution(target, preset, tmp_path):
    y = TARGETS[target]
    model = clone(DNNRegressor(preset, target=target, **SMALL)).fit(TABLE, y)
    predicted, mean = model.predict_dist(TABLE), model.predict(TABLE)
    assert mean.shape == (ROWS,)
    np.testing.assert_allclose(predicted.mean(), mean, rtol=1e-6)
    assert predicted.std().shape == (ROWS,)
    density = predicted.logpdf if target == "normal" else predicted.logpmf
    found = model.evaluate(TABLE, y)
    assert found["loss"] == pytest.approx(-density(y).mean(), rel=1e-4)
    assert found["mae"] == pytest.approx(mean_absolute_error(y, mean), rel=1e-5)
    assert model.score(TABLE, y) == pytest.approx(r2_score(y, mean))
    interval = model.predict_interval(TABLE, coverage=0.9)
    np.testing.assert_allclose(interval.T, predicted.ppf([[0.05], [0.95]]))
    model.save(tmp_path / "model.kerasdnn")
    loaded = kerasdnn.load(tmp_path / "model.kerasdnn")
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_dist(TABLE).std(), predicted.std())
        assert other.evaluate(TABLE, y) == found
    assert isinstance(str(model.health(TABLE, y)), str)


@pytest.mark.parametrize("target", TARGETS)
def test_the_baseline_is_the_distribution_of_all_rows(target):
    y = TARGETS[target]
    model = DNNRegressor("standard", target=target, validation_fraction=0, **SMALL).fit(TABLE, y)
    mean, second = model.target_.baseline
    if target == "normal":
        known = stats.norm(np.mean(y), np.std(y))
        assert model.evaluate(TABLE, y)["baseline_loss"] == pytest.approx(
            -known.logpdf(y).mean(), rel=1e-4
        )
    else:
        assert mean + second * mean**2 == pytest.approx(np.var(y), rel=1e-5)


def test_the_intercept_alone_is_that_of_maximum_likelihood():
    """SciPy fits the same distribution to the same numbers."""
    x = np.zeros((ROWS, 1), "float32")
    settings = {"hidden_units": (), "learning_rate": 0.05, "seed": 0}
    network = build_regressor(1, target="normal", **settings)
    standard = (Y - Y.mean()) / Y.std() * 3 + 1
    network.fit(x, standard, epochs=400, batch_size="full", verbose=0)
    np.testing.assert_allclose(
        network.predict(x[:1], verbose=0)[0], stats.norm.fit(standard), rtol=1e-2
    )
    network = build_regressor(1, target="negative_binomial", **settings)
    network.fit(x, COUNTS, epochs=400, batch_size="full", verbose=0)

    def negative_log_likelihood(parameters):
        r, mean = np.exp(parameters)
        return -stats.nbinom(r, r / (r + mean)).logpmf(COUNTS).mean()

    r, mean = np.exp(optimize.minimize(negative_log_likelihood, [0, 1]).x)
    found = network.predict(x[:1], verbose=0)[0]
    np.testing.assert_allclose(found, [mean, 1 / r], rtol=2e-2)


def test_the_learned_deviation_follows_that_of_the_rows():
    model = DNNRegressor("standard", target="normal", epochs=150, random_state=0)
    model.fit(TABLE[:200], Y[:200])
    found = model.predict_dist(TABLE[200:])
    assert stats.spearmanr(found.std(), X[200:, 2]).statistic > 0.3
    low, high = found.interval(0.8)
    assert 0.65 < np.mean((low <= Y[200:]) & (Y[200:] <= high)) < 0.92


@pytest.mark.parametrize("target", TARGETS)
def test_members_weights_and_exports_of_distributions(target, tmp_path):
    y = TARGETS[target]
    model = DNNRegressor("standard", target=target, n_members=2, **SMALL)
    model.fit(TABLE, y, sample_weight=np.arange(ROWS) % 3)
    assert (model.predict_dist(TABLE).std() > 0).all()
    model.export(tmp_path / "numpy")
    model.export(tmp_path / "saved", format="saved_model")


@pytest.mark.parametrize("name", ["ordinal", *TARGETS])
def test_a_population_trains_as_single_networks_do(name, tmp_path):
    y = RANKS if name == "ordinal" else TARGETS[name] / (1 if name != "normal" else 20)
    outputs = 4 if name == "ordinal" else 1
    population = Population(members(), 4, problem=name, n_outputs=outputs, jit_compile=False)
    population.fit(X, y, epochs=3, batch_size=16, rows=TRAIN, validation_rows=VALID)
    for i, member in enumerate(population.members):
        alone = build_for(population.problem, **member.given)
        alone.fit(X[TRAIN], y[TRAIN], epochs=3, batch_size=16, verbose=0)
        for a, b in zip(population.get_weights(i), alone.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
        found = alone.evaluate(X[VALID], y[VALID], verbose=0, return_dict=True)
        last = population.history.query(f"member == {i} and epoch == 3").iloc[0]
        for metric in HEADS[name].metrics:
            assert last[f"val_{metric}"] == pytest.approx(found[metric], rel=1e-3)
        network = population.member(i)
        np.testing.assert_allclose(
            network.predict(X[:5], verbose=0), population.predict(X[:5])[i], atol=1e-5
        )
    population.save(tmp_path / "p.npz")
    again = Population.load(tmp_path / "p.npz")
    np.testing.assert_array_equal(again.predict(X), population.predict(X))


@pytest.mark.parametrize(
    "name", ["ordinal", "normal", pytest.param("negative_binomial", marks=pytest.mark.nightly)]
)
def test_a_search_finds_networks_and_estimators(name):
    settings = {"max_trials": 2, "epochs": 2, "seed": 0, "verbose": 0}
    y = RANKS if name == "ordinal" else TARGETS[name]
    result = tune(X, y, problem=name, **settings)
    assert np.isfinite(result.best_score)
    columns = 4 if name == "ordinal" else 2
    assert result.best_network().predict(X, verbose=0).shape == (ROWS, columns)
    best = tune(TABLE, y, problem=name, **settings).best_network()
    assert best.target_.head is HEADS[name]
    if name == "ordinal":
        model = DNNClassifier("realmlp", ordered=ORDER, hidden_units=(8,))
        found = model.tune(TABLE, NAMES, **settings).best_network()
        assert tuple(found.classes_) == ORDER
    else:
        model = DNNRegressor("realmlp", target=name, hidden_units=(8,))
        found = model.tune(TABLE, y, **settings).best_network()
        assert (found.predict_dist(TABLE).std() > 0).all()


def test_a_comparison_of_ordered_classes_has_its_own_metric():
    table = compare(X, RANKS, {"learning_rate": [1e-4, 0.05]}, problem="ordinal", seeds=2, epochs=3,
                    objective="val_class_distance", verbose=0).table  # fmt: skip
    assert table["mean"].is_monotonic_increasing


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_distribution_cannot_have_is_an_error(target):
    with pytest.raises(ValueError, match=r"must be left out of a .* whose loss is its likelihood"):
        build_regressor(4, target=target, loss="huber")
    with pytest.raises(ValueError, match="parameters of the distribution"):
        build_regressor(4, target=target, metrics=["mape"])
    with pytest.raises(ValueError, match="one network per column"):
        build_regressor(4, 2, target=target)
    with pytest.raises(ValueError, match=f"target='{target}' is of one column"):
        DNNRegressor(target=target).fit(TABLE, np.ones((ROWS, 2)))
    with pytest.raises(ValueError, match="whose distribution the network predicts"):
        build_regressor(4, target=target).fit(X, np.ones((ROWS, 2)), verbose=0)
    with pytest.raises(ValueError, match="`target` must be a distribution"):
        DNNRegressor("standard", epochs=1).fit(TABLE[:60], Y[:60]).predict_dist(TABLE)
    if target == "negative_binomial":
        with pytest.raises(ValueError, match="non-negative integers"):
            DNNRegressor(target=target).fit(TABLE, Y)
        with pytest.raises(ValueError, match="must be non-negative"):
            build_regressor(4, target=target).fit(X, -COUNTS - 1, verbose=0)


def test_the_mean_of_all_rows_may_be_known():
    network = build_regressor(4, target="negative_binomial", prior=7.0, seed=0)
    assert network.predict(np.zeros((1, 4)), verbose=0)[0, 0] == pytest.approx(7, rel=1e-5)
    network = build_regressor(4, target="normal", prior=-2.0, seed=0)
    assert network.predict(np.zeros((1, 4)), verbose=0)[0] == pytest.approx([-2, 1], rel=1e-3)
    with pytest.raises(ValueError, match="above 0"):
        build_regressor(4, target="negative_binomial", prior=-1.0)
