"""The preset "tabm": from a table to the mean of many members, and back from a file."""

import keras
import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.estimators.presets import PRESETS
from kerasdnn.nn.batch_ensemble import BatchEnsembleDense, MemberDense, MemberScale
from kerasdnn.nn.numeric_embeddings import PiecewiseLinearEmbedding

RNG = np.random.default_rng(0)
N = 300
TABLE = pd.DataFrame(
    {
        "a": RNG.normal(size=N),
        "b": np.where(RNG.random(N) < 0.1, np.nan, RNG.exponential(size=N)),
        "color": RNG.choice(["red", "green", "blue"], N),
        "zip": RNG.choice([f"z{i}" for i in range(50)], N),
    }
)
SIGNAL = TABLE.a + (TABLE.color == "red") - TABLE.b.fillna(0)
QUICK = {"preset": "tabm", "k": 4, "hidden_units": (16, 16), "epochs": 3, "random_state": 0}
TARGETS = {
    "binary": np.where(SIGNAL > 0, "yes", "no"),
    "classes": pd.cut(SIGNAL, [-np.inf, -1, 0.5, np.inf], labels=["low", "mid", "top"]).astype(str),
    "labels": np.stack([SIGNAL > 0, TABLE.a > 0, TABLE.color == "red"], axis=1).astype(int),
    "numbers": SIGNAL,
    "several": np.stack([SIGNAL, TABLE.a], axis=1),
    "count": RNG.poisson(np.exp(TABLE.a.clip(-2, 2))),
    "normal": SIGNAL,
    "quantiles": SIGNAL,
}


def model_for(problem, **settings):
    kind = DNNClassifier if problem in ("binary", "classes", "labels") else DNNRegressor
    extra = {"target": problem} if problem in ("count", "normal") else {}
    if problem == "quantiles":
        extra = {"quantiles": (0.1, 0.5, 0.9)}
    return kind(**{**QUICK, **extra, **settings}).fit(TABLE, TARGETS[problem])


@pytest.mark.parametrize("problem", TARGETS)
def test_every_problem_is_trained_compiled_and_comes_back_from_its_file(problem, tmp_path):
    model = model_for(problem)
    assert model.network_.last_path == "compiled"
    assert np.isfinite(model.history_.to_numpy()).all()
    model.save(tmp_path / "model.kerasdnn")
    again = kerasdnn.load(tmp_path / "model.kerasdnn")
    found, expected = again.predict(TABLE), model.predict(TABLE)
    assert found.shape == ((N, 3) if problem == "quantiles" else np.shape(TARGETS[problem]))
    assert (found == expected).all()
    assert again.hyperparameters_ == model.hyperparameters_
    scores = model.evaluate(TABLE, TARGETS[problem])
    assert scores["loss"] == pytest.approx(again.evaluate(TABLE, TARGETS[problem])["loss"])
    assert model.health(TABLE, TARGETS[problem]).layers.notna().to_numpy()[:, :3][:-1].all()


def test_the_prediction_is_the_mean_of_the_members_probabilities():
    model = model_for("classes")
    x = model.encoder_.transform(TABLE)
    for layer in model.network_.layers[:-1]:
        x = layer(x)
    logits = keras.ops.convert_to_numpy(x)
    assert logits.shape == (N, 4, 3)
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    assert model._output(TABLE) == pytest.approx(p.mean(axis=1), abs=1e-5)
    assert p.std(axis=1).max() > 0.01  # members differ


def test_the_layers_are_those_of_the_paper():
    model = model_for("classes")
    kinds = [type(layer) for layer in model.network_.layers]
    embed, first = model.network_.layers[1], model.network_.layers[2]
    assert kinds.count(BatchEnsembleDense) == 2
    assert kinds.count(MemberDense) == 1
    assert isinstance(embed, PiecewiseLinearEmbedding)
    assert embed.n == 2
    # Numbers a and b, whether b is missing, three colors, and the vector of a postal code.
    assert first.blocks_initializer == [8, 8, 1, 3, 8]
    assert sum(first.blocks_initializer) == first.kernel.shape[0]


def test_mini_differs_by_one_scale_of_the_inputs(monkeypatch):
    monkeypatch.setitem(PRESETS["tabm"].hyperparameters, "sharing", "mini")
    model = model_for("numbers")
    kinds = [type(layer) for layer in model.network_.layers]
    assert kinds.count(MemberScale) == 1
    assert BatchEnsembleDense not in kinds
    assert model.network_.last_path == "compiled"


def test_it_learns_and_a_seed_gives_the_same_model():
    settings = {"preset": "tabm", "k": 8, "hidden_units": (32,), "epochs": 30, "random_state": 1}
    model = DNNClassifier(**settings).fit(TABLE, TARGETS["binary"])
    assert model.score(TABLE, TARGETS["binary"]) > 0.9
    again = DNNClassifier(**settings).fit(TABLE, TARGETS["binary"])
    assert (again.predict_proba(TABLE) == model.predict_proba(TABLE)).all()


@pytest.mark.parametrize(
    "table",
    [TABLE[["color", "zip"]], TABLE[["a"]].assign(c=1.0), TABLE[["a", "b"]].to_numpy()],
    ids=["no numbers", "one number", "array"],
)
def test_any_columns_will_do(table):
    model = DNNClassifier(**QUICK).fit(table, TARGETS["binary"])
    assert model.predict_proba(table).shape == (N, 2)


def test_members_and_networks_multiply():
    model = model_for("numbers", n_members=2)
    assert len(model.network_.layers[-1].networks) == 2


def test_a_search_around_the_preset_varies_its_values():
    result = DNNRegressor(**QUICK).tune(
        TABLE, TARGETS["numbers"], max_trials=2, epochs=2, seed=0, verbose=0
    )
    best = result.best_network()
    assert best.get_params()["preset"] == "tabm"
    assert best.hyperparameters_["k"] == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "realmlp", "k": 8}, "`k` is not a hyperparameter of preset 'realmlp'.*'tabm'"),
        ({"preset": "tabm", "k": 0}, "`k`.*k=0"),
        ({"preset": "tabm", "activation": keras.layers.PReLU()}, "`activation`.*'tabm'"),
        ({"preset": "tabm", "metrics": ["acc"]}, "`metrics`.*'acc'.*'accuracy'"),
        ({"preset": "tabm", "ordered": ["no", "yes", "maybe"]}, "`ordered`.*'tabm'.*realmlp"),
        ({"preset": "tabm", "optimizer": "sgd"}, "`optimizer`.*'tabm'.*'standard'"),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        DNNClassifier(**settings).fit(TABLE, TARGETS["binary"])
