"""The settings of a search: checked in one place, and what a resumed search must agree in."""

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn.model_selection import KFold

from kerasdnn.search.settings import SearchSettings, described


def test_checked_settings_are_plain_python():
    given = SearchSettings(
        max_trials=np.int64(3), epochs=2.0, cv=np.int32(4), seed=np.int64(0),
        fixed={"dropout": None, "l2": 0.1},
    ).checked()  # fmt: skip
    assert (given.max_trials, given.epochs, given.cv, given.seed) == (3, 2, 4, 0)
    assert {type(value) for value in (given.max_trials, given.epochs, given.cv)} == {int}
    assert given.fixed == {"l2": 0.1}


def test_index_pairs_are_read_once():
    pairs = (pair for pair in [([0], [1]), ([1], [0])])
    assert SearchSettings(cv=pairs).checked().cv == [([0], [1]), ([1], [0])]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_trials": 0}, "`max_trials`.*max_trials=0"),
        ({"epochs": 1.5}, "`epochs`.*epochs=1.5"),
        ({"batch_size": "all"}, "`batch_size`.*'all'.*'full'"),
        ({"cv": 1}, "`cv`.*cv=1"),
        ({"seed": -1}, "`seed`.*seed=-1"),
        ({"time_budget": 0}, "`time_budget`.*time_budget=0"),
        ({"validation_fraction": 1}, "`validation_fraction`.*validation_fraction=1"),
        ({"wave": 0}, "`wave`.*wave=0"),
        ({"n_jobs": 0}, "`n_jobs` must not be 0"),
        ({"n_jobs": 1.5}, "`n_jobs` must be an integer"),
        ({"silence": 0}, "`silence`.*silence=0"),
    ],
)
def test_a_setting_out_of_range_is_rejected_by_its_name(settings, message):
    with pytest.raises(ValueError, match=message):
        SearchSettings(**settings).checked()


def test_where_objects_are_in_memory_does_not_matter_to_a_resumed_search():
    callbacks = [[keras.callbacks.Callback(), print, lambda: None] for _ in range(2)]
    first, second = map(described, callbacks)
    assert first == second
    assert first.startswith("[<keras.src.callbacks.callback.Callback object>")
    assert described(keras.callbacks.Callback()) != described(keras.callbacks.CallbackList())
    assert described((64, 32)) == "(64, 32)"


def test_what_a_resumed_search_must_agree_in_is_the_same_in_every_process():
    settings = SearchSettings(
        cv=KFold(3), epochs=5, seed=1,
        fixed={"optimizer": keras.optimizers.Adam(0.1), "hidden_units": (3,)},
    )  # fmt: skip
    about = settings.for_resume()
    again = settings.replace(fixed={**settings.fixed, "optimizer": keras.optimizers.Adam(0.1)})
    assert again.for_resume() == about
    assert about["cv"] == repr(KFold(3))
    assert about["fixed"]["hidden_units"] == [3]
    assert settings.replace(epochs=6).for_resume() != about


def test_the_objective_of_an_oracle_goes_before_the_argument():
    oracle = keras_tuner.oracles.RandomSearchOracle("val_accuracy", max_trials=1)
    settings = SearchSettings(oracle=oracle)
    assert (settings.kind, settings.measured) == ("RandomSearchOracle", "val_accuracy")
