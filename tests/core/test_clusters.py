"""Calls on a cluster of Dask and of Ray, where these are installed; their workers die, too."""

import types

import joblib
import numpy as np
import pytest
from calls_to_run import call

from kerasdnn.core.parallel import Died, run_calls

pytestmark = pytest.mark.cluster


def check(folder):
    shared = types.SimpleNamespace(folder=str(folder), rows=np.ones(1_000))
    calls = dict.fromkeys(["a", "once", "deadly", "b", "c"], ())
    found = list(run_calls(call, shared, calls))
    assert sorted(key for key, _ in found) == sorted(calls)  # each of them once
    results = dict(found)
    assert isinstance(results.pop("deadly"), Died)
    assert {result[:2] for result in results.values()} == {(key, 1_000.0) for key in results}
    assert not dict(run_calls(call, shared, {"a": (60,), "b": (60,)}, seconds=0.5))


def test_calls_on_a_cluster_of_dask(tmp_path):
    distributed = pytest.importorskip("distributed")
    settings = dict(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)
    with (
        distributed.LocalCluster(
            **settings, local_directory=str(tmp_path), silence_logs=50
        ) as made,
        distributed.Client(made),
        joblib.parallel_config("dask"),
    ):
        check(tmp_path)


def test_calls_on_a_cluster_of_ray(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray = pytest.importorskip("ray")
    register = pytest.importorskip("ray.util.joblib").register_ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register()
        with joblib.parallel_config("ray", n_jobs=2):
            check(tmp_path)
    finally:
        ray.shutdown()
