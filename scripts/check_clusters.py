"""Kill workers and leaders of searches on clusters, and check that no trial is lost.

    scripts/run --cluster scripts/check_clusters.py                     # about 20 minutes
    scripts/run --cluster scripts/check_clusters.py --engines dask --workers 4 --leaders 1
    scripts/run --cluster scripts/check_clusters.py --folds --trials 12 --workers 6 --leaders 2
    scripts/run --cluster scripts/check_clusters.py --pretend           # about 5 minutes
    scripts/run scripts/check_clusters.py --leader 1000   # what a trial costs its leader, 10 s

For each engine (processes of joblib, a Dask cluster and a Ray cluster, two workers each, on this
machine) a search of tiny networks runs in a process of its own, the leader. While it runs, workers
and leaders are killed with SIGKILL at random times, and a killed leader is started again. At the
end every trial has to be there once, with the numbers of a search that nobody disturbed. New
workers spend most of the time on importing TensorFlow; with --pretend they need not, because trials
compute a number instead. With --folds a trial fits an estimator on each of three folds.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("loky", "dask", "ray")
SETTINGS = {"epochs": 2, "seed": 7, "verbose": 0}
SECONDS = 0.5  # that a trial takes at least


def build(hp):
    """A tiny network; it waits as if it were large."""
    import keras

    time.sleep(SECONDS)
    model = keras.Sequential([
        keras.Input((3,)),
        keras.layers.Dense(hp.Int("units", 2, 9), activation="relu"),
        keras.layers.Dense(1),
    ])  # fmt: skip
    rate = hp.Float("rate", 1e-3, 0.1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "mse", run_eagerly=True)
    return model


def wait(logs=None):
    time.sleep(SECONDS)


def pretended(trial_id, shared, hp, start=None):
    """A trial in the place of `train_trial` that needs no Keras."""
    time.sleep(SECONDS)
    loss = hp["values"]["rate"] + hp["values"]["units"] / 10
    return trial_id, ({"val_loss": loss, "process": float(os.getpid())}, 0, hp, ({}, []))


def pretend():
    """Let all searches of this process consist of such trials."""
    from types import SimpleNamespace

    import check_clusters  # by this name workers find the function

    from kerasdnn.search.any_model.trials import ModelTuner

    ModelTuner.function = staticmethod(check_clusters.pretended)
    ModelTuner.shared = lambda tuner: SimpleNamespace(x=tuner.training["fit"]["x"])


def rows():
    import numpy as np

    x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    return x, x[:, 0] * x[:, 1]


def search(folder, trials):
    import kerasdnn

    settings = SETTINGS | {"directory": folder, "max_trials": trials}
    if "FOLDS" in os.environ:
        import keras

        callbacks = [keras.callbacks.LambdaCallback(on_train_begin=wait)]
        estimator = kerasdnn.DNNRegressor("realmlp", hidden_units=(8,), callbacks=callbacks)
        return estimator.tune(*rows(), cv=3, **settings)
    if "PRETEND" in os.environ:
        pretend()
    return kerasdnn.tune(*rows(), build=build, **settings)


def lead(engine, address, folder, trials):
    """Run the search on the workers of an engine until it is complete."""
    import joblib

    with ExitStack() as stack:
        if engine == "dask":
            from distributed import Client

            stack.enter_context(Client(address))
        if engine == "ray":
            import ray
            from ray.util.joblib import register_ray

            ray.init(address=address, log_to_driver=False, logging_level="error")
            register_ray()
        stack.enter_context(joblib.parallel_config(engine, n_jobs=2))
        search(folder, trials)


@contextmanager
def cluster(engine, folder):
    """Start two workers of an engine; yields the address of their cluster."""
    if engine == "loky":
        yield ""
        return
    if engine == "dask":
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
            local_directory=folder, silence_logs=50,
        ) as made:  # fmt: skip
            yield made.scheduler_address
        return
    from ray.cluster_utils import Cluster

    made = Cluster()  # at an address that Ray does not take for the network's
    for _ in range(2):
        made.add_node(num_cpus=1, node_ip_address="127.0.0.2", include_dashboard=False)
    try:
        yield made.address
    finally:
        made.shutdown()


def workers_of(engine, leader):
    """The processes that run trials, by the names under which the engine starts them."""
    marks = {
        "loky": "joblib.externals.loky.backend.popen_loky_posix",
        "dask": "from multiprocessing.spawn import spawn_main",
        "ray": "ray::PoolActor",
    }
    listed = subprocess.run(
        ["ps", "-axww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    found = [line.split(None, 2) for line in listed.splitlines()]
    children, ours = {}, {os.getpid()}
    for pid, parent, _ in found:
        children.setdefault(int(parent), []).append(int(pid))
    left = [os.getpid()]
    while left:
        below = children.get(left.pop(), [])
        ours.update(below)
        left += below
    if engine == "loky":
        ours = children.get(leader, [])
    return [int(pid) for pid, _, args in found if marks[engine] in args and int(pid) in ours]


def finished(folder):
    path = Path(folder, "search", "oracle.json")
    try:
        return len(json.loads(path.read_text())["end_order"])
    except (OSError, ValueError):
        return 0


class Disturbed:
    """A search whose leader and workers are killed; counts the kills.

    Args:
        engine: key of `ENGINES`.
        address: of its cluster.
        folder: directory of the search.
        trials: int, those of the search.
    """

    def __init__(self, engine, address, folder, trials):
        self.engine, self.address, self.folder, self.trials = engine, address, folder, trials
        self.kills, self.leader = {"worker": 0, "leader": 0}, None

    def start(self):
        given = self.engine, self.address, str(self.folder), self.trials
        code = f"import check_clusters; check_clusters.lead(*{given!r})"
        log = open(Path(self.folder).parent / f"{self.engine}.log", "ab")  # noqa: SIM115
        self.leader = subprocess.Popen([sys.executable, "-c", code], stdout=log, stderr=log)

    def run(self, workers, leaders, rng):
        """Search to the end, with that many kills spread over the trials."""
        plan = ["worker"] * workers + ["leader"] * leaders
        rng.shuffle(plan)
        steps = sorted(rng.integers(0, self.trials - 2, len(plan)).tolist())
        self.start()
        while True:
            code = self.leader.poll()
            if code == 0:
                return
            if code is not None and code != -signal.SIGKILL:
                sys.exit(f"The leader ended with code {code}. See {self.folder}.")
            if code is not None:
                self.start()
            if plan and finished(self.folder) >= steps[0]:
                time.sleep(rng.uniform(0, 1))
                if self.kill(plan[0], rng):
                    plan.pop(0)
                    steps.pop(0)
            time.sleep(0.05)

    def kill(self, kind, rng):
        victims = [self.leader.pid]
        if kind == "worker":
            victims = workers_of(self.engine, self.leader.pid)
        if not victims or self.leader.poll() is not None:
            return False
        try:
            os.kill(int(rng.choice(victims)), signal.SIGKILL)
        except ProcessLookupError:
            return False
        if kind == "leader":
            self.leader.wait()
        self.kills[kind] += 1
        return True


def measure(trials):
    """What a trial costs the leader: bytes that travel, and seconds of its processor."""
    import cloudpickle
    import keras
    import numpy as np

    import kerasdnn
    from kerasdnn.search.engine import task_tuner

    def model(hp):
        network = keras.Sequential([
            keras.Input((20,)),
            keras.layers.Dense(hp.Choice("units", [32, 64]), activation="relu"),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(1),
        ])  # fmt: skip
        network.compile(keras.optimizers.Adam(hp.Float("rate", 1e-4, 0.1, sampling="log")), "mse")
        return network

    sizes = {}

    def untrained(function, shared, calls, *_):
        network = None
        for key, (hp, start) in calls.items():
            network = network or model(task_tuner.keras_tuner.HyperParameters.from_config(hp))
            weights = network.get_build_config(), network.get_weights()
            result = {"val_loss": 1 / (1 + int(key))}, 1, hp, weights
            if not sizes:
                for name, sent in (
                    ("the rows and `build`", shared),
                    ("a trial, sent", (function, key, hp, start)),
                    (f"a trial, returned, of {network.count_params():,} weights", (key, result)),
                ):
                    sizes[name] = len(cloudpickle.dumps(sent))
            yield key, result

    task_tuner.run_calls = untrained
    x = np.random.default_rng(0).normal(size=(10_000, 20)).astype("float32")
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        kerasdnn.tune(
            x, x[:, 0], build=model, max_trials=trials, directory=folder, seed=0, verbose=0
        )
    seconds = (time.process_time() - began) / trials
    for name, count in sizes.items():
        print(f"{name}: {count:,} bytes")
    print(f"the leader, per trial of {trials:,}: {1000 * seconds:.1f} ms of its processor")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    add("--workers", type=int, default=40, help="kills of workers, of all engines together")
    add("--leaders", type=int, default=10, help="kills of leaders")
    add("--trials", type=int, default=40, help="of each search")
    add("--folds", action="store_true", help="trials that fit an estimator on three folds")
    add("--pretend", action="store_true", help="trials that train nothing")
    add("--leader", type=int, metavar="TRIALS", help="measure what that many cost the leader")
    args = parser.parse_args(argv)
    if args.leader:
        measure(args.leader)
        return
    os.environ |= {
        "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "300", "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }  # fmt: skip
    if args.pretend:
        os.environ["PRETEND"] = "1"
    if args.folds:
        os.environ["FOLDS"] = "1"
    import numpy as np
    import pandas as pd

    rng, total = np.random.default_rng(0), {"worker": 0, "leader": 0}
    with tempfile.TemporaryDirectory() as folder:
        expected = search(Path(folder, "undisturbed"), args.trials).trials.drop(columns="seconds")
        for number, engine in enumerate(args.engines):
            shares = [
                count // len(args.engines) + (number < count % len(args.engines))
                for count in (args.workers, args.leaders)
            ]
            began = time.monotonic()
            with cluster(engine, folder) as address:
                disturbed = Disturbed(engine, address, Path(folder, engine), args.trials)
                disturbed.run(*shares, rng)
            found = search(Path(folder, engine), args.trials).trials.drop(columns="seconds")
            pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
            for kind, count in disturbed.kills.items():
                total[kind] += count
            print(
                f"{engine}: {disturbed.kills['worker']} worker kills, "
                f"{disturbed.kills['leader']} leader kills, {len(found)} trials equal to those of "
                f"an undisturbed search, {time.monotonic() - began:.0f} s", flush=True,
            )  # fmt: skip
    print(
        f"{total['worker']} worker kills, {total['leader']} leader kills, "
        "no trial lost or counted twice."
    )


if __name__ == "__main__":
    main()
