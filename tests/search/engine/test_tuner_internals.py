"""What keras-tuner keeps private is where the package expects it."""

import keras_tuner
import numpy as np
import pytest
from keras_tuner import oracles as stock

from kerasdnn.search.engine import tuner_internals


def space(hp):
    hp.Choice("a", [1, 2, 3])
    hp.Float("rate", 0.01, 1.0, sampling="log")
    hp.Fixed("constant", 5)


def ready(oracle, folder):
    oracle._set_project_dir(str(folder), "search")
    hp = oracle.get_space()
    space(hp)
    oracle.update_space(hp)
    return oracle


@pytest.fixture
def oracle(tmp_path):
    return ready(stock.RandomSearchOracle("val_loss", max_trials=3, seed=1), tmp_path)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, names in tuner_internals.OVERRIDDEN.items() for name in names],
)
def test_the_methods_that_the_package_overrides_exist(kind, name):
    assert callable(getattr(kind, name))


def test_state_files_lie_in_the_project(oracle, tmp_path):
    oracle.save()
    assert tuner_internals.oracle_file(oracle) == tmp_path / "search" / "oracle.json"
    assert tuner_internals.oracle_file(oracle).exists()
    trial = oracle.create_trial("tuner0")
    folder = tuner_internals.trial_folder(oracle, trial.trial_id)
    assert (folder / "trial.json").exists()


def test_files_of_a_tuner_are_those_that_it_writes(tmp_path):
    import keras

    def build(hp):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Choice("units", [1]))])
        model.compile("sgd", "mse")
        return model

    tuner = keras_tuner.RandomSearch(build, "val_loss", max_trials=1, directory=str(tmp_path))
    x = np.zeros((4, 2))
    tuner.search(x, x[:, 0], validation_data=(x, x[:, 0]), verbose=0)
    assert tuner_internals.tuner_file(tuner).exists()
    assert [path.exists() for path in tuner_internals.checkpoint_files(tuner, "0")] == [True, True]


def test_values_and_points_of_the_unit_cube(tmp_path):
    bayesian = ready(stock.BayesianOptimizationOracle("val_loss", max_trials=3, seed=1), tmp_path)
    varying = tuner_internals.varying_hyperparameters(bayesian)
    assert [hp.name for hp in varying] == ["a", "rate"]
    assert tuner_internals.values_of_point(bayesian, [0.5, 0.5]) == pytest.approx(
        {"a": 2, "rate": 0.1, "constant": 5}
    )
    random = tuner_internals.random_values(bayesian)
    assert random["status"] == tuner_internals.TrialStatus.RUNNING
    assert set(random["values"]) == {"a", "rate", "constant"}


def test_values_that_were_tried_are_known_by_their_hash(oracle):
    values = oracle.create_trial("tuner0").hyperparameters.values
    assert tuner_internals.was_tried(oracle, values)
    other = {**values, "rate": 0.5}
    assert not tuner_internals.was_tried(oracle, other)
    assert tuner_internals.values_key(oracle, values) != tuner_internals.values_key(oracle, other)


def test_a_grid_knows_its_next_combination(tmp_path):
    grid = ready(stock.GridSearchOracle("val_loss"), tmp_path)
    grid.create_trial("tuner0")
    first = {"a": 1, "rate": 0.01, "constant": 5}
    assert tuner_internals.next_combination(grid, first)["a"] == 1
    assert tuner_internals.next_combination(grid, first)["rate"] > 0.01


def test_hyperband_tells_how_many_trials_it_will_run(oracle, tmp_path):
    hyperband = ready(stock.HyperbandOracle("val_loss", max_epochs=4, factor=2, seed=1), tmp_path)
    count = tuner_internals.hyperband_trials(hyperband)
    hyperband.max_trials = 5
    assert count > 5 == tuner_internals.hyperband_trials(hyperband)
    assert tuner_internals.hyperband_trials(oracle) is None


def test_state_classes_are_importable():
    trial = tuner_internals.Trial(keras_tuner.HyperParameters(), "0", status="RUNNING")
    assert isinstance(trial.metrics, tuner_internals.MetricsTracker)
    assert tuner_internals.Boolean("flag").default is False
