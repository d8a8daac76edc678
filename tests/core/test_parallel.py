"""Calls in processes: the same results as here, death of workers, time, warnings."""

import os
import threading
import time
import types
import warnings

import joblib
import numpy as np
import pytest
from calls_to_run import call
from joblib._parallel_backends import MultiprocessingBackend

from kerasdnn.core import parallel
from kerasdnn.core.messages import DataWarning, warn
from kerasdnn.core.parallel import Died, Shared, for_workers, run_calls


@pytest.fixture
def shared(tmp_path):
    return types.SimpleNamespace(folder=str(tmp_path), rows=np.ones(200_000))


def test_calls_run_here_or_in_processes_to_the_same_results(shared, tmp_path):
    calls = dict.fromkeys("abc", ())
    here = dict(run_calls(call, shared, calls))
    assert {path.name for path in tmp_path.iterdir()} == {f"{k} in {os.getpid()}" for k in calls}
    there = dict(run_calls(call, shared, calls, n_jobs=2))
    assert {k: v[:2] for k, v in there.items()} == {k: v[:2] for k, v in here.items()}
    assert int(there["a"][2]) >= 1  # the threads of a worker are limited
    assert len({*tmp_path.iterdir()}) == 6


def test_a_call_runs_again_where_its_worker_died_and_one_that_ends_all_workers_is_given_up(
    shared, tmp_path
):
    calls = dict.fromkeys(["a", "once", "deadly", "b", "c"], ())
    found = list(run_calls(call, shared, calls, n_jobs=2))
    assert sorted(key for key, _ in found) == sorted(calls)  # each of them once
    results = dict(found)
    assert isinstance(results.pop("deadly"), Died)
    assert {key: result[:2] for key, result in results.items()} == {
        key: (key, 200_000.0) for key in results
    }


def test_no_result_is_waited_for_when_the_time_is_over(shared):
    began = time.monotonic()
    assert not dict(run_calls(call, shared, {"a": (60,), "b": (60,)}, n_jobs=2, seconds=0.5))
    assert time.monotonic() - began < 30
    assert not dict(run_calls(call, shared, {"a": ()}, seconds=-1))


def test_an_error_of_a_call_is_raised_where_it_was_made(shared):
    shared.rows = None
    with pytest.raises(AttributeError, match="sum"):
        list(run_calls(call, shared, {"a": ()}, n_jobs=2))


@for_workers
def warns(key, shared):
    warn("`y` is odd.")
    warnings.warn("something else", UserWarning, stacklevel=1)
    return shared.value + shared.running.acquire(blocking=False)


def test_calls_of_a_worker_are_alone_in_it_and_their_warnings_come_once(monkeypatch):
    monkeypatch.setattr(parallel, "prepare_worker", lambda: None)
    shared = Shared(value=2, running=threading.Semaphore(9))
    shared.maker = "another process"
    with joblib.parallel_config("threading", n_jobs=3), pytest.warns(DataWarning) as seen:
        found = dict(run_calls(warns, shared, dict.fromkeys(range(6), ())))
    assert found == dict.fromkeys(range(6), 3)
    assert [str(one.message) for one in seen] == ["`y` is odd."]


def test_processes_that_are_forked_are_refused(shared):
    assert MultiprocessingBackend  # the name by which it is known
    with (
        joblib.parallel_config("multiprocessing", n_jobs=2),
        pytest.raises(ValueError, match=r"must not fork a process.*'loky'"),
    ):
        list(run_calls(call, shared, {"a": ()}))


def test_processes_of_loky_use_gpus_in_turn():
    chosen = []
    config = types.SimpleNamespace(
        list_physical_devices=lambda kind: ["gpu0", "gpu1"],
        set_visible_devices=lambda gpu, kind: chosen.append(gpu),
    )
    for name in ("LokyProcess-1", "LokyProcess-2", "MainProcess"):
        parallel.share_gpus(types.SimpleNamespace(config=config), name)
    assert chosen == ["gpu1", "gpu0"]
