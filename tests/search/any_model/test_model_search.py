"""Searches of any model: in this process, by workers that die, with a leader that dies."""

import os
import threading
import time
from pathlib import Path

import keras_tuner
import models_to_search
import numpy as np
import pandas as pd
import pytest

from kerasdnn import tune
from kerasdnn.core.rows import Rows
from kerasdnn.core.state_files import sha256, write_json
from kerasdnn.search.any_model.models import as_arrays
from kerasdnn.search.any_model.training import EndWhenSilent
from kerasdnn.search.any_model.trials import ModelTuner
from kerasdnn.search.engine import task_tuner
from kerasdnn.search.engine.project import only_leader

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = X[:, 0] * X[:, 1]


def search(**kwargs):
    arguments = {
        "build": models_to_search.build, "max_trials": 3, "epochs": 2, "seed": 3, "verbose": 0,
    }  # fmt: skip
    return tune(X, Y, **{**arguments, **kwargs})


def check_same(found, expected):
    columns = [name for name in expected.trials if name != "seconds"]
    pd.testing.assert_frame_equal(found.trials[columns], expected.trials[columns], rtol=1e-6)


@pytest.fixture(scope="module")
def here():
    return search()


def test_a_model_of_any_kind_is_searched_in_this_process(here):
    assert here.trials["status"].tolist() == ["completed"] * 3
    assert set(here.best_hyperparameters) == {"width", "rate"}
    assert here.ranking["score"].is_monotonic_increasing
    network = here.best_network()
    assert network.predict(X, verbose=0).shape == (60, 1)
    held = here.tuner.training["fit"]["validation_data"]
    assert network.evaluate(*held, verbose=0) == pytest.approx(here.best_score, rel=1e-5)


def test_workers_find_the_same_numbers(here, tmp_path):
    trained = models_to_search.build

    def build(hp):  # of no module, as in a notebook
        Path(tmp_path, str(os.getpid())).touch()
        return trained(hp)

    check_same(search(build=build, n_jobs=2), here)
    assert {path.name for path in tmp_path.iterdir()} - {str(os.getpid())}


def test_a_worker_in_which_no_epoch_ends_is_ended(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    watch = EndWhenSilent(0.4)
    watch.on_train_begin()
    for _ in range(4):
        time.sleep(0.2)
        watch.on_epoch_end(0)
    assert not ended.is_set()
    assert ended.wait(5)
    watch.on_train_end()


@pytest.fixture
def quick(monkeypatch):
    """Trials that train nothing: the score is a function of the hyperparameters."""

    def score(trial_id, shared, hp, start=None):
        hp = keras_tuner.HyperParameters.from_config(hp)
        width = hp.get("width") + hp.Choice("found_late", [0, 1])  # as behind an `if` of `build`
        if width == 9:
            return trial_id, "no model of width 9"
        begun = 0.0 if start is None else start[1][0].item()
        loss = abs(np.log(hp.get("rate") / 0.02)) + width / 10 - 0.01 * begun
        return trial_id, ({"val_loss": loss}, 1, hp.get_config(), ({}, [np.array(begun + 1)]))

    monkeypatch.setattr(ModelTuner, "function", staticmethod(score))


ORACLES = {"random": 5, "grid": 9, "bayesian": 12, "hyperband": None}


@pytest.mark.parametrize("oracle", ORACLES)
def test_results_do_not_depend_on_which_trial_ends_first(oracle, quick, monkeypatch):
    arguments = {"oracle": oracle, "max_trials": ORACLES[oracle], "epochs": 4}
    forwards = search(**arguments)

    def backwards(function, shared, calls, *rest):
        for key in reversed(calls):
            yield function(key, shared, *calls[key])

    monkeypatch.setattr(task_tuner, "run_calls", backwards)
    check_same(search(**arguments), forwards)
    assert "found_late" in forwards.trials
    assert len(forwards.trials) == forwards.trials["trial"].nunique()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("oracle", ORACLES)
def test_a_leader_killed_after_any_file_resumes_to_the_same_trials(
    oracle, quick, tmp_path, monkeypatch
):
    arguments = {"oracle": oracle, "max_trials": ORACLES[oracle], "epochs": 4}
    whole, replace, left, kills, tries = search(**arguments), os.replace, [], 0, 0

    def killed_later(*paths):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        replace(*paths)

    for count in (0, 2, 7, 8, 9, 10, 11, 31):
        folder, found = tmp_path / str(count), None
        while found is None:  # killed again and again, four times of five
            tries += 1
            with monkeypatch.context() as patched:
                left[:] = [count]
                patched.setattr(os, "replace", killed_later if tries % 5 else replace)
                try:
                    found = search(**arguments, directory=folder)
                except Killed:
                    kills += 1
        check_same(found, whole)
    assert kills > 8


def test_a_second_leader_in_a_directory_is_refused(tmp_path):
    with (
        only_leader(tmp_path),
        pytest.raises(ValueError, match=f"is that of a running search, process {os.getpid()} on"),
    ):
        search(directory=tmp_path)
    assert not (tmp_path / "search").exists()


def test_three_failing_trials_end_the_search_with_their_reasons():
    with pytest.raises(RuntimeError, match=r"first 3 trials failed:\n.*no model of rate"):
        search(build=models_to_search.fails, max_trials=6)


def test_a_time_budget_leaves_a_project_that_resumes(here, tmp_path):
    first = search(time_budget=1e-3, directory=tmp_path)
    assert len(first.trials) < 3
    check_same(search(directory=tmp_path), here)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cv": 3}, "`cv` must be None with `build`"),
        ({"space": lambda hp: {}}, "`space` must be None with `build`"),
        ({"dropout": 0.1}, "`dropout` must be None with `build`"),
        ({"chief": "0.0.0.0:8700"}, "`chief` is not an argument of tune"),
        ({"workers": 0}, "`n_jobs` must not be 0"),
        ({"silence": -1}, "`silence` must be a positive, finite number"),
        ({"batch_size": "full"}, "`batch_size` must be a number of rows"),
    ],
)
def test_arguments_that_do_not_go_with_build_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        search(**arguments)


def test_a_model_that_does_not_report_the_objective_says_what_it_reports():
    with pytest.raises(RuntimeError, match=r"reports no 'val_acc', the objective.*loss, val_"):
        search(objective="val_acc")


def test_a_search_of_other_data_or_models_in_the_same_directory_is_refused(quick, tmp_path):
    search(directory=tmp_path, max_trials=1)
    with pytest.raises(ValueError, match="another `data`"):
        tune(X, -Y, build=models_to_search.build, max_trials=1, epochs=2, seed=3, verbose=0,
             directory=tmp_path)  # fmt: skip
    with pytest.raises(ValueError, match="another `build`"):
        search(directory=tmp_path, max_trials=1, build=models_to_search.fails)


def test_weights_that_changed_on_disk_are_an_error(tmp_path):
    found = search(directory=tmp_path, max_trials=1)
    network = found.best_network()
    expected = network.predict(X, verbose=0)
    np.testing.assert_array_equal(found.best_estimator().predict(X, verbose=0), expected)
    trial = found.tuner.oracle.trials["0"]
    path = found.tuner.weights_file(trial)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="checksum does not match"):
        search(directory=tmp_path, max_trials=1).best_network()

    path.unlink()  # as an earlier version left it
    earlier = path.with_name("checkpoint.weights.h5")
    network.save_weights(earlier)
    write_json(path.with_name("checksums.json"), {earlier.name: sha256(earlier.read_bytes())})
    again = search(directory=tmp_path, max_trials=1)
    np.testing.assert_array_equal(again.best_network().predict(X, verbose=0), expected)
    earlier.write_bytes(earlier.read_bytes()[:-1])
    with pytest.raises(ValueError, match="checksum does not match"):
        search(directory=tmp_path, max_trials=1).best_network()


def test_rows_to_judge_by_are_drawn_by_class():
    arrays = as_arrays(Rows(X, np.arange(60) < 6), None, 0.5, seed=0)
    assert arrays["y"].sum() == arrays["y_valid"].sum() == 3


def test_groups_of_any_model_stay_together():
    groups = np.arange(60) % 6
    given = Rows(np.column_stack([X, groups]), np.arange(60.0), groups=3)
    arrays = as_arrays(given, None, 0.3, seed=0)
    assert arrays["x"].shape[1] == 3
    assert len(arrays["y_valid"]) == 20
    assert not set(arrays["y"] % 6) & set(arrays["y_valid"] % 6)
