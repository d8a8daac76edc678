"""The rows of hyperparameters.py, and every signature, docstring and refusal that reads them."""

import inspect

import keras
import numpy as np
import pytest
from sklearn.base import clone

import kerasdnn
from kerasdnn import DNNClassifier, DNNMultiOutput, DNNRegressor
from kerasdnn import hyperparameters as rows
from kerasdnn.estimators.presets import PRESETS, by_name, resolve
from kerasdnn.factories import build_for
from kerasdnn.heads.problem_types import make_problem
from kerasdnn.nn.schedules import SHAPES

SHAPE = {"n_features", "n_classes", "n_labels", "n_outputs"}  # and the heads of a factory
ENTRIES = {
    kerasdnn.build_classifier: rows.CLASSIFIER,
    kerasdnn.build_multilabel_classifier: rows.MULTILABEL,
    kerasdnn.build_regressor: rows.REGRESSOR,
    kerasdnn.build_multi_output: rows.MULTI_OUTPUT,
    DNNClassifier: rows.DNN_CLASSIFIER,
    DNNRegressor: rows.DNN_REGRESSOR,
    DNNMultiOutput: rows.DNN_MULTI_OUTPUT,
}
X = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")


@pytest.mark.parametrize("door", ENTRIES)
def test_every_signature_has_the_names_and_defaults_of_the_rows(door):
    entry = ENTRIES[door]
    found = {
        name: parameter.default
        for name, parameter in inspect.signature(door).parameters.items()
        if name not in SHAPE and (name, entry) != ("heads", rows.MULTI_OUTPUT)
    }
    assert tuple(found) == rows.names(entry)
    of_presets = {name for preset in PRESETS.values() for name in preset.hyperparameters}
    for name, value in found.items():
        preset_decides = entry & rows.ESTIMATOR and name in of_presets
        assert value == (None if preset_decides else rows.default(name, entry)), name


@pytest.mark.parametrize("door", ENTRIES)
def test_every_docstring_describes_every_argument(door):
    text = inspect.getdoc(door)
    assert "{arguments}" not in text
    arguments = text[text.index("Args:") : text.index("\n\n", text.index("Args:"))].splitlines()
    named = [line.split(":")[0].strip() for line in arguments if line[:5].count(" ") == 4]
    assert [name for name in named if name] == list(inspect.signature(door).parameters)
    assert max(len(line) for line in (door.__doc__ or "").splitlines()) <= 100


@pytest.mark.parametrize("numbers", [False, True])
def test_the_docstring_of_an_estimator_has_the_values_of_every_preset(numbers):
    text = " ".join(inspect.getdoc(DNNRegressor if numbers else DNNClassifier).split())
    rate = 0.2 if numbers else 0.04
    assert f'None means {rate} for "realmlp"' in text
    assert '(256, 256, 256) for "realmlp" and "realmlp-s"; (128, 128, 128) for "compact"; ' in text
    assert '(128, 128) for "tabm"; ' in text
    units = "one of (128, 128, 128), (192, 192, 192), (128, 128, 128, 128) in each network"
    assert f'{units} for "pack"; (64, 32) for "standard"' in text
    assert "l2 * sum(kernel ** 2)" in text
    assert '"realmlp", "realmlp-s", "compact", "tabm" and "pack" reject it.' in text
    several = '"realmlp", "compact", "tabm", "pack" and "standard"'
    assert f'True for {several}; False for "realmlp-s"' in text


def test_no_two_rows_of_a_name_are_for_the_same_entry_point():
    for entry in rows.Entry:
        found = [row.name for row in rows.ROWS if row.accepted_by & entry]
        assert len(found) == len(set(found)), entry
    for row in rows.ROWS:
        assert not any(rows.find(row.name, refusing) for refusing in row.refused), row.name


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("numbers", [False, True])
def test_presets_hold_valid_values_of_the_vocabulary(preset, numbers):
    values = by_name(numbers)[preset]
    assert rows.check(values, rows.ESTIMATOR | rows.PRESET) == values


@pytest.mark.parametrize(
    ("entry", "name", "words"),
    [
        (rows.ESTIMATOR, "prior", "class_weight"),
        (rows.ESTIMATOR, "seed", "random_state"),
        (rows.SEARCH, "metrics", "always recorded"),
        (rows.SEARCH, "random_state", "seed"),
        (rows.MEMBER, "one_hot_labels", "one_hot=True"),
        (rows.NETWORK, "epochs", "fit"),
        (rows.NETWORK, "weight_decay", "AdamW"),
        (rows.DNN_REGRESSOR, "class_weight", "sample_weight"),
    ],
)
def test_a_hyperparameter_of_another_entry_point_is_refused_by_name_with_the_reason(
    entry, name, words
):
    with pytest.raises(ValueError, match=f"{name}.*{words}"):
        rows.check({name: 1}, entry)


def test_an_unknown_name_brings_the_nearest_one():
    for entry in (rows.NETWORK, rows.ESTIMATOR, rows.SEARCH, rows.MEMBER):
        with pytest.raises(ValueError, match=r"dropot.*Did you mean 'dropout'"):
            rows.check({"dropot": 0.1}, entry)
    with pytest.raises(ValueError, match=r"dropot.*'dropout'"):
        build_for(make_problem("binary", 3), dropot=0.1)


def test_values_come_back_in_plain_types_and_none_is_the_default():
    given = {"hidden_units": [np.int64(8), 4.0], "dropout": np.float32(0.5), "batch_norm": None}
    checked = rows.check(given, rows.MEMBER)
    assert checked == {"hidden_units": (8, 4), "dropout": 0.5, "batch_norm": None}
    assert type(checked["hidden_units"][0]) is int
    with pytest.raises(ValueError, match="batch_norm=None"):
        rows.check({"batch_norm": None}, rows.NETWORK)


def test_a_batch_size_chosen_by_the_number_of_rows_is_for_estimators():
    assert rows.check({"batch_size": "auto"}, rows.ESTIMATOR) == {"batch_size": "auto"}
    for entry in (rows.SEARCH, rows.MEMBER):
        assert rows.check({"batch_size": "full"}, entry) == {"batch_size": "full"}
        with pytest.raises(ValueError, match="batch_size='auto'"):
            rows.check({"batch_size": "auto"}, entry)


@pytest.mark.parametrize("kind", [DNNClassifier, DNNRegressor])
def test_all_arguments_of_an_estimator_are_kept_and_cloned(kind):
    given = {name: object() for name in inspect.signature(kind).parameters}
    model = kind(**given)
    assert model.get_params(deep=False) == given
    assert clone(kind(hidden_units=(3,), verbose=1)).get_params()["hidden_units"] == (3,)


def test_early_stopping_has_an_effect_in_every_preset():
    y = (np.random.default_rng(1).random(80) < 0.5).astype(int)  # noise: no epoch helps
    common = {"hidden_units": (4,), "epochs": 30, "patience": 2, "random_state": 0}
    assert len(DNNClassifier("standard", early_stopping=False, **common).fit(X, y).history_) == 30
    for preset in PRESETS:
        assert resolve(preset, {"patience": 2})["early_stopping"] is True
        few = {"n_members": 2} if preset == "pack" else {}
        model = DNNClassifier(preset, **common, **few).fit(X, y)
        assert len(model.history_) < 30, preset
        assert len(model.history_) == model.best_epoch_ + 2, preset
        assert model.hyperparameters_["early_stopping"] is True


def test_the_simple_realmlp_trains_to_its_last_epoch_unless_stopping_is_asked_for():
    for name, stops in (("standard", True), ("realmlp", True), ("realmlp-s", False)):
        assert resolve(name, {})["early_stopping"] is stops
        assert resolve(name, {"early_stopping": True})["patience"] >= 20
        assert resolve(name, {"patience": 5})["early_stopping"] is True
        assert resolve(name, {"patience": 5, "early_stopping": False})["early_stopping"] is False


def test_patience_grows_with_the_waves_of_the_learning_rate():
    assert resolve("realmlp", {})["patience"] == 50
    assert resolve("realmlp", {"epochs": 64})["patience"] == 50
    assert resolve("realmlp", {"epochs": 256})["patience"] == 100
    assert resolve("realmlp", {"epochs": 256, "patience": 7})["patience"] == 7
    assert resolve("standard", {"epochs": 800})["patience"] == 20


def test_a_schedule_is_refused_by_name_where_the_preset_has_its_own():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    y = X.sum(axis=1)
    with pytest.raises(ValueError, match=r"`learning_rate` .*number.*preset=.standard."):
        DNNRegressor("realmlp", learning_rate=schedule, epochs=1).fit(X, y)
    DNNRegressor("standard", learning_rate=schedule, epochs=1).fit(X, y)


def test_searches_and_comparisons_refuse_by_name_with_the_reason():
    y = (X[:, 0] > 0).astype(int)
    with pytest.raises(ValueError, match=r"tune\(\).*'metrics'.*always recorded"):
        kerasdnn.tune(X, y, metrics=["auc"])
    with pytest.raises(ValueError, match=r"compare\(\).*'random_state'.*seed"):
        kerasdnn.compare(X, y, {"random_state": [1, 2]})
    with pytest.raises(ValueError, match=r"hypermodel\(\).*'n_classes'.*n_outputs=10"):
        kerasdnn.hypermodel("multiclass", 3, n_classes=10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callbacks", "x"),
        ("callbacks", [3]),
        ("callbacks", keras.callbacks.TerminateOnNaN()),
        ("categorical", 3),
        ("verbose", "x"),
        ("verbose", -1),
    ],
)
def test_an_invalid_argument_of_an_estimator_is_named_before_training(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}="):
        DNNClassifier("standard", **{name: value}).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", "x"), ("seed", "x"), ("batch_size", 0), ("hidden_units", 5)]
)
def test_an_invalid_value_is_named_by_a_space_and_by_a_hypermodel(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}="):
        kerasdnn.hypermodel("binary", 3, **{name: value})
    with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}="):
        kerasdnn.tune(X, (X[:, 0] > 0) * 1, space=lambda hp: {name: value}, max_trials=1, verbose=0)


def test_the_schedules_by_name_are_those_that_there_are():
    assert tuple(SHAPES) == rows.SCHEDULES
