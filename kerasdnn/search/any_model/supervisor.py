"""Start and monitor the processes of a search of any Keras model on this machine.

The coordinator (keras-tuner's chief) holds the oracle, each worker trains one trial at a time. A
process that dies is started again: the chief at its port with its state from disk, a worker under
its name, so that its trial runs again. Ctrl-C ends all of them; the search can be resumed.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ...core.state_files import read_json

DEATHS_IN_A_ROW = 5  # of one process, with no trial finished in between
START = 60.0  # seconds a process may take until its first heartbeat, besides the silence


def supervise(job, workers, time_budget=None, progress=None, chief=None, poll=0.1):
    """Run the search of `job` until it is done.

    Args:
        job: `jobs.Job`, saved in its project folder.
        workers: int, worker processes; GPUs are assigned to them in turn. 0 leaves the work to
            other machines.
        time_budget: float, seconds after which the search ends with the trials it has. None means
            no limit.
        progress: function of the number of finished trials, called whenever it grows.
        chief: "HOST:PORT" at which the chief listens, for workers of other machines. None means a
            free port that only this machine reaches.
        poll: float, seconds between two looks at the processes.

    Raises:
        RuntimeError: three trials in a row failed; or a process keeps dying.
        TimeoutError: nothing happened for `job.silence` seconds and the time to start.
    """
    project = Path(job.project)
    (project / "logs").mkdir(parents=True, exist_ok=True)
    (project / "stopped.json").unlink(missing_ok=True)
    listen = chief or f"127.0.0.1:{free_port()}"
    address = listen.replace("0.0.0.0:", "127.0.0.1:")
    names = ["chief", *(f"worker{i}" for i in range(workers))]
    places = {**dict.fromkeys(names, address), "chief": listen}
    running, deaths, finished = {}, dict.fromkeys(names, 0), -1
    began = last_heartbeat = time.monotonic()
    try:
        for name in names:
            running[name] = start(job, name, places[name], workers, "anew")
        while running["chief"].poll() != 0:
            for name, process in running.items():
                if process.poll() in (None, 0):
                    continue
                deaths[name] += 1
                by_signal = process.returncode < 0  # killed from outside, it may well succeed
                if deaths[name] > DEATHS_IN_A_ROW * (4 if by_signal else 1):
                    raise RuntimeError(
                        f"The process {name} of the search died {deaths[name]} times in a row. "
                        f"The end of its log, {log(job, name)}:\n{tail(log(job, name))}"
                    )
                running[name] = start(job, name, places[name], workers)
            if (done := finished_trials(project)) > finished:
                finished, last_heartbeat = done, time.monotonic()
                deaths = dict.fromkeys(names, 0)
                if progress:
                    progress(finished)
            if time.monotonic() - max(last_heartbeat, heard(project)) > job.silence + START:
                raise TimeoutError(
                    f"The search sent no heartbeat for {job.silence + START:g} s. Its logs are "
                    f"in {project / 'logs'}. Call again to resume, with a larger `silence` if one "
                    "epoch takes that long."
                )
            if time_budget and time.monotonic() - began > time_budget:
                return
            time.sleep(poll)
        if reasons := job.stop_reason():
            listed = "\n".join(f"  trial {trial}: {reason}" for trial, reason in reasons)
            raise RuntimeError(f"{len(reasons)} trials in a row failed:\n{listed}")
        wait_until_over([p for name, p in running.items() if name != "chief"], 5.0)
    finally:
        stop(running.values())


def start(job, name, address, workers, *extra):
    """Start one process of the search, in a session of its own so that Ctrl-C reaches us alone."""
    environment = {**os.environ, "KERASDNN_SEARCH": name, "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    threads = max(1, (os.cpu_count() or 1) // max(1, workers))
    environment["TF_NUM_INTRAOP_THREADS"] = environment["OMP_NUM_THREADS"] = str(threads)
    gpus = visible_gpus()
    number = int(name.removeprefix("worker")) if name != "chief" else 0
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = "" if name == "chief" else gpus[number % len(gpus)]
    with open(log(job, name), "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "kerasdnn.search.any_model.process", job.project, name, address,
             *extra],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,
        )  # fmt: skip


def visible_gpus():
    """The GPUs to assign to workers, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name.strip()]
    import tensorflow as tf

    return [str(i) for i, _ in enumerate(tf.config.list_physical_devices("GPU"))]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def finished_trials(project):
    """How many trials have ended, by the chief's own file, which is written atomically."""
    path = Path(project, "oracle.json")
    return len(read_json(path)["end_order"]) if path.exists() else 0


def heard(project):
    """When the chief last heard from a worker, on this process's clock."""
    path = Path(project, "heard")
    if not path.exists():
        return 0.0
    return time.monotonic() - max(0.0, time.time() - path.stat().st_mtime)


def wait_until_over(processes, seconds):
    end = time.monotonic() + seconds
    while any(p.poll() is None for p in processes) and time.monotonic() < end:
        time.sleep(0.05)


def stop(processes):
    """End processes and all they started: by SIGTERM, then by SIGKILL."""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        left = [p for p in processes if p.poll() is None]
        for process in left:
            os.killpg(process.pid, number)
        wait_until_over(left, patience)


def log(job, name):
    return Path(job.project, "logs", f"{name}.txt")


def tail(path, size=2000):
    return path.read_text(errors="replace")[-size:] if path.exists() else "(empty)"
