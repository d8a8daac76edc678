"""Searches of any model: in this process, by workers, with workers and chief killed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import models_to_search
import numpy as np
import pytest

from kerasdnn import tune
from kerasdnn.search.any_model import supervisor
from kerasdnn.search.any_model.jobs import Job, load_build, reference
from kerasdnn.search.any_model.models import as_arrays

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
ROOT = Path(__file__).resolve().parents[3]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = X[:, 0] * X[:, 1]


def search(**kwargs):
    arguments = {
        "build": models_to_search.build, "max_trials": 3, "epochs": 2, "seed": 3, "verbose": 0,
    }  # fmt: skip
    return tune(X, Y, **{**arguments, **kwargs})


def wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert path.exists()


@pytest.fixture(scope="module")
def here():
    return search()


def test_a_model_of_any_kind_is_searched_in_this_process(here):
    assert here.trials["status"].tolist() == ["completed"] * 3
    assert set(here.best_hyperparameters) == {"width", "rate"}
    rows = here.ranking
    assert rows["score"].is_monotonic_increasing
    assert here.best_network().predict(X, verbose=0).shape == (60, 1)


@pytest.fixture
def processes(monkeypatch):
    """The last process started under each name of a search."""
    running, start = {}, supervisor.start

    def remember(job, name, *rest):
        running[name] = start(job, name, *rest)
        return running[name]

    monkeypatch.setattr(supervisor, "start", remember)
    return running


@pytest.mark.parametrize("search_number", range(10 if NIGHTLY else 1))
def test_workers_find_the_same_numbers_though_chief_and_worker_are_killed(
    here, tmp_path, processes, search_number
):
    killed, rng = [], np.random.default_rng(search_number)

    def kill():
        for name in rng.permutation(["worker0", "chief", "worker1"])[:2]:
            time.sleep(rng.uniform(6, 12))
            if processes[name].poll() is None:
                processes[name].kill()
                killed.append(name)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    found = search(workers=2, directory=tmp_path, silence=60)
    assert found.trials["status"].tolist() == ["completed"] * 3
    assert killed
    # Which worker ran a trial, and how often, leaves no trace in its numbers.
    np.testing.assert_allclose(found.trials["score"], here.trials["score"], rtol=1e-6)
    assert all(process.poll() is not None for process in processes.values())


def test_a_chief_killed_when_all_workers_went_home_ends_the_search(here, tmp_path, processes):
    chiefs = []

    def kill():
        wait_for(tmp_path / "search" / "stopped.json")
        processes["worker0"].wait()
        processes["worker1"].wait()
        chiefs.append(processes["chief"])
        chiefs[0].kill()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    found = search(workers=2, directory=tmp_path, silence=60)
    thread.join()
    assert processes["chief"] is not chiefs[0]
    assert chiefs[0].returncode == -signal.SIGKILL
    np.testing.assert_allclose(found.trials["score"], here.trials["score"], rtol=1e-6)


SEARCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
sys.path.insert(0, sys.argv[1])
import test_supervisor as tests
try:
    tests.search(build=tests.models_to_search.hangs, workers=2, directory=sys.argv[2])
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_all_processes_and_a_silent_worker_loses_its_trial_alone(
    here, tmp_path, monkeypatch
):
    sign = tmp_path / "hangs"
    monkeypatch.setenv("HANGS", str(sign))
    command = [sys.executable, "-c", SEARCH, str(Path(__file__).parent), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_for(sign)
            assert processes_of(tmp_path) >= 2
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30)[0] == "interrupted\n"
        finally:
            process.kill()
    assert processes_of(tmp_path) == 0
    sign.unlink()
    found = search(build=models_to_search.hangs, workers=2, directory=tmp_path, silence=5)
    assert sign.exists()
    np.testing.assert_allclose(found.trials["score"], here.trials["score"], rtol=1e-6)


def processes_of(folder):
    """How many processes of a search work in a folder."""
    lines = subprocess.run(
        ["ps", "-axww", "-o", "args"], capture_output=True, text=True, check=True
    ).stdout
    return sum("any_model.process" in line and str(folder) in line for line in lines.splitlines())


def test_a_worker_of_another_machine_does_the_work(here, tmp_path):
    address = f"127.0.0.1:{supervisor.free_port()}"
    found = []

    def lead():
        found.append(search(workers=0, chief=address, directory=tmp_path / "here"))

    thread = threading.Thread(target=lead)
    thread.start()
    project = tmp_path / "here" / "search"
    wait_for(project / "oracle.json")
    copied = tmp_path / "there" / "search"  # as on a machine of its own
    copied.mkdir(parents=True)
    for name in ("job.json", "data.npz"):
        shutil.copy(project / name, copied)
    recipe, build = ROOT / "recipes" / "search_worker.py", f"{models_to_search.__file__}:build"
    options = ["--chief", address, "--project", str(copied), "--build", build]
    command = [sys.executable, str(recipe), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    thread.join()
    assert done.returncode == 0, done.stderr[-2000:]
    assert "The search is over." in done.stdout
    np.testing.assert_allclose(found[0].trials["score"], here.trials["score"], rtol=1e-6)
    assert found[0].best_network().predict(X, verbose=0).shape == (60, 1)  # trained anew: no file


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--chief", "8700", "--project", "."], "--chief must be HOST:PORT"),
        (["--chief", "a:1", "--project", "."], "--project must hold job.json"),
    ],
)
def test_the_worker_recipe_says_what_is_missing(options, message, tmp_path):
    command = [sys.executable, str(ROOT / "recipes" / "search_worker.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


def test_three_failing_trials_end_the_search_with_their_reasons():
    with pytest.raises(RuntimeError, match=r"3 trials in a row failed:\n.*ValueError: no model of"):
        search(build=models_to_search.fails, oracle="grid", max_trials=6)


def test_a_time_budget_leaves_a_project_that_resumes(here, tmp_path):
    first = search(time_budget=1e-3, directory=tmp_path)
    assert len(first.trials) < 3
    again = search(directory=tmp_path)
    np.testing.assert_allclose(again.trials["score"], here.trials["score"], rtol=1e-6)


def test_a_build_function_is_found_by_its_module_and_by_its_file():
    where = reference(models_to_search.build)
    assert load_build(where) is models_to_search.build
    by_file = load_build(f"{where['path']}:build")
    assert by_file.__code__.co_code == models_to_search.build.__code__.co_code


def test_a_build_function_that_no_other_process_can_find_is_refused():
    with pytest.raises(ValueError, match="top level of a file"):
        search(build=lambda hp: models_to_search.build(hp), workers=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cv": 3}, "`cv` must be None with `build`"),
        ({"space": lambda hp: {}}, "`space` must be None with `build`"),
        ({"chief": "8700"}, "`chief` must be 'HOST:PORT'"),
        ({"workers": 0}, "`workers` must be an integer"),
        ({"silence": -1}, "`silence` must be a positive, finite number"),
        ({"batch_size": "full"}, "`batch_size` must be a number of rows"),
    ],
)
def test_arguments_that_do_not_go_with_build_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        search(**arguments)


def test_a_search_inside_a_worker_is_refused(monkeypatch):
    monkeypatch.setenv("KERASDNN_SEARCH", "worker0")
    with pytest.raises(RuntimeError, match="if __name__ == '__main__'"):
        search()


def test_a_job_is_written_down_whole_and_read_back(tmp_path):
    job = Job(str(tmp_path / "p"), {"path": "", "module": "m", "name": "n"}, {}, 3, 32, 5.0, 1)
    job.save({"x": X, "y": Y, "sample_weight": None})
    again = Job.load(tmp_path / "p")
    assert again == job
    np.testing.assert_array_equal(again.fit_arrays()[0], X)


def test_a_search_of_other_data_or_models_in_the_same_directory_is_refused(here, tmp_path):
    search(directory=tmp_path, max_trials=1)
    with pytest.raises(ValueError, match="another `data`"):
        tune(X, -Y, build=models_to_search.build, max_trials=1, epochs=2, seed=3, verbose=0,
             directory=tmp_path)  # fmt: skip
    with pytest.raises(ValueError, match="another `build`"):
        search(directory=tmp_path, max_trials=1, build=models_to_search.fails)


def test_weights_that_changed_on_disk_are_an_error(tmp_path):
    found = search(directory=tmp_path, max_trials=1)
    np.testing.assert_array_equal(
        found.best_estimator().predict(X, verbose=0), found.best_network().predict(X, verbose=0)
    )
    path = next(tmp_path.rglob("checkpoint.weights.h5"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="checksum does not match"):
        search(directory=tmp_path, max_trials=1).best_network()


def test_rows_to_judge_by_are_drawn_by_class():
    arrays = as_arrays(X, np.arange(60) < 6, None, None, 0.5, seed=0)
    assert arrays["y"].sum() == arrays["y_valid"].sum() == 3
