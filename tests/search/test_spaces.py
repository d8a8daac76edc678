"""Search spaces and the hypermodel, alone and under the tuners of keras-tuner."""

import keras
import keras_tuner
import numpy as np
import pytest

from kerasdnn import DataWarning
from kerasdnn.search.spaces import default_space, hypermodel, settings

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
TARGETS = {  # n_outputs, y
    "binary": (1, (X[:, 0] > 0).astype("float32")),
    "multiclass": (3, RNG.integers(0, 3, 60)),
    "multilabel": (2, (X[:, :2] > 0).astype("float32")),
    "regression": (2, X[:, :2]),
    "count": (1, RNG.poisson(2, 60).astype("float32")),
}


def small_space(hp):
    return {
        "hidden_units": (hp.Choice("units", [3, 5]),) * hp.Int("layers", 1, 2),
        "optimizer": hp.Choice("optimizer", ["nag", "adam"]),
        "batch_size": hp.Choice("batch_size", [20, 30]),
        "epochs": hp.Choice("epochs", [2, 3]),
    }


@pytest.mark.parametrize("problem", TARGETS)
def test_the_hypermodel_builds_a_network_of_each_problem_that_takes_its_y(problem):
    n_outputs, y = TARGETS[problem]
    model = hypermodel(problem, 4, n_outputs, space=small_space, seed=3)
    hp = keras_tuner.HyperParameters()
    network = model.build(hp)
    assert network.seed == 3
    history = model.fit(hp, network, X, y, epochs=9, verbose=0)
    assert len(history.history["loss"]) == 2  # the space's own number of epochs
    assert network.count_params() == 15 + 4 * n_outputs  # 4 * 3 + 3, one layer of 3


def test_a_stock_tuner_of_keras_tuner_searches_the_hypermodel(tmp_path):
    tuner = keras_tuner.RandomSearch(
        hypermodel("binary", 4, space=small_space), objective="val_loss", max_trials=2,
        directory=tmp_path, seed=0,
    )  # fmt: skip
    y = TARGETS["binary"][1]
    tuner.search(X, y, validation_data=(X, y), verbose=0)
    scores = [trial.score for trial in tuner.oracle.get_best_trials(2)]
    assert scores == sorted(scores)
    assert np.isfinite(scores).all()
    chosen = settings(small_space, tuner.get_best_hyperparameters()[0])
    assert set(chosen) == {"hidden_units", "optimizer", "batch_size", "epochs"}


@pytest.mark.parametrize(("rows", "widest"), [(500, 64), (5_000, 128), (50_000, 256)])
def test_the_default_space_widens_with_the_rows(rows, widest):
    hp = keras_tuner.HyperParameters()
    default_space("binary", rows)(hp)
    assert max(hp._hps["units"][0].values) == widest


def test_the_default_space_smooths_labels_only_with_several_classes():
    names = {
        problem: set(settings(default_space(problem, 100), keras_tuner.HyperParameters()))
        for problem in TARGETS
    }
    assert [p for p, found in names.items() if "label_smoothing" in found] == ["multiclass"]


def test_nag_searches_ten_times_the_rates_of_adam():
    hp = keras_tuner.HyperParameters()
    space = default_space("binary", 100)
    adam = settings(space, hp)
    hp.values["optimizer"] = "nag"
    assert settings(space, hp)["learning_rate"] == pytest.approx(10 * adam["learning_rate"])


def test_the_coarse_space_has_as_many_combinations_as_it_says():
    hp = keras_tuner.HyperParameters()
    default_space("regression", 100, coarse=True)(hp)
    assert np.prod([len(list(p.values)) for p in hp.space]) == 48


def test_a_name_outside_the_vocabulary_is_refused_with_the_nearest_one():
    with pytest.raises(
        ValueError, match=r"`hidden_unit` is not a hyperparameter.*Did you mean 'hidden_units'"
    ):
        settings(lambda hp: {"hidden_unit": (3,)}, keras_tuner.HyperParameters())


def test_a_space_must_be_a_function():
    with pytest.raises(ValueError, match=r"`space` must be a function.*\['mse'\].*lambda hp"):
        settings({"loss": ["mse"]}, keras_tuner.HyperParameters())


def test_a_space_must_return_a_dict():
    with pytest.raises(ValueError, match=r"must return a dict.*Received: space.*None"):
        settings(lambda hp: None, keras_tuner.HyperParameters())


def test_the_hypermodel_names_what_is_wrong_before_any_search():
    with pytest.raises(ValueError, match="`problem` must be one of"):
        hypermodel("binay", 4)
    with pytest.raises(ValueError, match="Did you mean 'dropout'"):
        hypermodel("binary", 4, dropouts=0.1)


def widths(model):
    network = model.build(keras_tuner.HyperParameters())
    return [layer.units for layer in network.layers if hasattr(layer, "units")]


def test_what_the_caller_fixes_is_not_varied():
    model = hypermodel("binary", 4, hidden_units=[128], optimizer="adam")
    assert widths(model) == [128, 1]
    hp = keras_tuner.HyperParameters()
    assert not {"hidden_units", "optimizer"} & model.space_settings(hp).keys()
    model.settings(hp)
    assert not {"units", "layers", "optimizer"} & hp.values.keys()


@pytest.mark.parametrize(
    ("fixed", "drawn"),
    [
        ({"momentum": 0.5}, {"optimizer": "nag"}),  # Adam takes no momentum
        ({"optimizer": "sgd"}, {"learning_rate": 0.03}),  # ten times that of Adam
        ({"optimizer": "adam"}, {"learning_rate": 0.003}),
        ({"learning_rate": 0.5}, {"optimizer": "adam"}),
    ],
)
def test_the_default_space_draws_what_goes_with_what_is_fixed(fixed, drawn):
    found = default_space("binary", 100, fixed=fixed)(keras_tuner.HyperParameters())
    assert not fixed.keys() & found.keys()
    assert {name: found[name] for name in drawn} == pytest.approx(drawn)


def test_an_optimizer_that_is_no_name_brings_its_own_rate():
    fixed = {"optimizer": keras.optimizers.Adam(0.5)}
    found = default_space("binary", 100, fixed=fixed)(keras_tuner.HyperParameters())
    assert not {"optimizer", "learning_rate"} & found.keys()


def test_what_is_fixed_holds_against_a_space_of_ones_own_which_is_told():
    model = hypermodel("binary", 4, space=lambda hp: {"hidden_units": (3,)}, hidden_units=(7,))
    with pytest.warns(DataWarning, match=r"`hidden_units`, which the caller fixed.*\(7,\)"):
        assert widths(model) == [7, 1]


def test_two_classes_are_a_binary_problem():
    assert widths(hypermodel("multiclass", 4, 2, hidden_units=(3,))) == [3, 1]


@pytest.mark.parametrize(
    ("problem", "fixed", "message"),
    [
        ("multiclass", {"n_classes": 10}, "unknown keyword 'n_classes'.*n_outputs=10"),
        ("regression", {"label_smoothing": 0.1}, "not a hyperparameter of a regression network"),
        ("binary", {"hidden_units": 128}, "`hidden_units` must be a sequence"),
        ("binary", {"dropuot": 0.1}, "unknown keyword 'dropuot'.*'dropout'"),
    ],
)
def test_what_cannot_be_fixed_is_refused_by_its_name(problem, fixed, message):
    with pytest.raises(ValueError, match=message):
        hypermodel(problem, 4, 1 if problem == "binary" else 3, **fixed)
