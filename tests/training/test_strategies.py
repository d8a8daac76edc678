"""One network on several devices and in several processes equals one on one device."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kerasdnn.training.strategies.group import Workers, explained
from kerasdnn.training.strategies.workers import WorkerFit, WorkerTraining

ROOT = Path(__file__).resolve().parents[2]
EQUAL = {"rtol": 1e-4, "atol": 2e-6}


def run(path, *arguments, timeout=1_200):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(ROOT / path), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=env, timeout=timeout
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def found():
    return json.loads(run("tests/training/_on_two_devices.py").splitlines()[-1])


@pytest.mark.parametrize("case", ["arrays", "normalized", "dataset", "worker"])
def test_several_devices_equal_one_at_the_same_batch_size(found, case):
    one, two = found["one"][case], found["two"][case]
    assert one["path"] == two["path"] == "compiled"
    assert two["copies are equal"]
    assert one["history"].keys() == two["history"].keys()
    for name, values in one["history"].items():
        np.testing.assert_allclose(two["history"][name], values, **EQUAL, err_msg=name)
    for a, b in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(b, a, **EQUAL)
    np.testing.assert_allclose(two["evaluated"], one["evaluated"], **EQUAL)
    np.testing.assert_allclose(two["predicted"], one["predicted"], **EQUAL)


def test_every_device_draws_its_own_dropout(found):
    # A step of SGD from zero weights: kernel_j = 2 mean_i (mask_ij / (1 - 0.5)), a row per device.
    kernel = np.array(found["dropout"]["kernel"])
    assert found["dropout"]["path"] == "compiled"
    assert set(np.round(kernel, 5)) == {0.0, 2.0, 4.0}  # 2.0: kept on one device only
    assert 16 <= (kernel == 2).sum() <= 48


def test_moving_statistics_are_averages_over_the_devices(found):
    case = found["moving"]
    x = np.array(case["x"])
    halves = x[:5], x[5:]
    mean = np.mean([half.mean(0) for half in halves], 0)
    variance = np.mean([half.var(0) for half in halves], 0)
    np.testing.assert_allclose(case["mean"], 0.1 * mean, **EQUAL)
    np.testing.assert_allclose(case["variance"], 0.9 + 0.1 * variance, **EQUAL)
    assert case["path"] == "compiled"


def test_what_devices_cannot_share_is_trained_by_stock_keras(found):
    stock = found["stock"]
    assert all(path.startswith("stock: ") for path in stock.values()), stock
    assert "layer that may use the complete batch" in stock["a layer of the user's"]
    assert "several devices cannot share" in stock["clipnorm"]
    assert "scope" in stock["within the scope"]
    assert "MultiWorkerMirroredStrategy" in found["refused"]
    assert "layer that may use the complete batch" in found["refused"]


def test_workers_with_unequal_rows_average_over_all_rows_of_a_step():
    rng = np.random.default_rng(0)
    rows, batches, steps = (23, 16), (5, 4), 5
    losses = [rng.random(n) for n in rows]
    for t in range(steps):
        counts = tf.constant([*rows, *batches, steps])
        total, real = 0.0, []
        for w, batch in enumerate(batches):
            training = object.__new__(WorkerTraining)
            training.workers = SimpleNamespace(count=2, index=w)
            assert int(training.own(counts)) == rows[w]
            assert int(training.steps_of(counts, batch)) == steps
            mask = training.mask(tf.constant(t), counts, batch).numpy()
            here = np.resize(
                losses[w][t * batch : (t + 1) * batch] if t * batch < rows[w] else 9, batch
            )
            total += batch * np.mean(mask * here)  # n_r L_r, added up over the workers
            real += losses[w][t * batch : (t + 1) * batch].tolist()
        np.testing.assert_allclose(total / sum(batches), np.mean(real), rtol=1e-6)


def test_workers_share_the_batch_size_and_must_agree_on_it():
    workers = object.__new__(Workers)
    workers.count = 3
    assert workers.shares(32) == [10, 11, 11]
    fit = object.__new__(WorkerFit)
    fit.network = SimpleNamespace(
        optimizer=SimpleNamespace(_learning_rate=None), count_params=lambda: 7, seed=0
    )
    fit.given_batch, fit.requested, fit.shuffle, fit.steps = 32, 5, True, None
    fit.table = SimpleNamespace(rows=100)
    fit.workers = SimpleNamespace(gather=lambda own: np.array([own, [64, *own[1:]]], "float64"))
    with pytest.raises(ValueError, match=r"All workers must agree on batch_size.*32.*64"):
        fit.begin(0, False)


def test_a_lost_worker_is_explained():
    with pytest.raises(RuntimeError, match=r"another worker ended.*BackupAndRestore"), explained():
        raise tf.errors.UnavailableError(None, None, "Collective ops is aborted by: heartbeat")
    with pytest.raises(tf.errors.InvalidArgumentError), explained():
        raise tf.errors.InvalidArgumentError(None, None, "shapes")


def test_two_workers_lose_one_and_resume_to_the_weights_of_one_process(tmp_path):
    printed = run("recipes/two_machines.py", "--quick", "--out", tmp_path, "--seed", 1)
    assert "worker 0: Training stopped because another worker ended" in printed
    assert "Worker 1 was killed after epoch 2; worker 0 ended with exit code 1." in printed
    assert "Both workers resumed at epoch 3." in printed
    assert "Equal losses on both workers: True." in printed
    gap = float(re.search(r"from the weights of one process: (\S+)\.\n", printed).group(1))
    assert gap < 1e-5
    assert (tmp_path / "losses.png").exists()
    assert "<img" in (tmp_path / "index.html").read_text("utf-8")
