"""Run calls in processes or on machines through joblib, and again where a worker dies.

`n_jobs` says how many calls run at a time, `joblib.parallel_config(backend=...)` where: in
processes of this machine (loky) unless it names another engine, such as Dask, Ray or Spark. Values
travel to the workers by pickle, functions of a notebook included.
"""

import contextlib
import functools
import itertools
import multiprocessing
import os
import threading
import time
import warnings
from collections import Counter

from .arguments import check_integer
from .atomic_files import PROCESS_MARK
from .messages import DataWarning, invalid, warn

SHARED_DEATHS, LONE_DEATHS = 2, 3  # of workers, while a call ran with others and after that alone
WORKER_DIED = {"BrokenProcessPool", "RayActorError", "WorkerCrashedError", "CancelledError"}
GIVEN_UP = "KilledWorker"  # by Dask, which has already tried several workers
SECONDS_WITHOUT_WORKERS = 600  # while a Dask cluster starts its workers again
BUSY = threading.RLock()  # random seeds and warnings belong to a process: calls do not share one


class Died(str):
    """The result of a call that ended every worker which ran it."""


class Shared:
    """The arguments that all calls share; an engine that can sends them to a worker once.

    Args:
        values: its attributes.
    """

    def __init__(self, **values):
        self.maker = PROCESS_MARK
        self.__dict__.update(values)

    @property
    def elsewhere(self):
        """Whether this process is not the one that made the calls."""
        return self.maker != PROCESS_MARK


def check_n_jobs(n_jobs):
    """Return `n_jobs`, None or an integer other than 0, as an int; -1 means all cores."""
    if n_jobs is None:
        return None
    if check_integer("n_jobs", n_jobs, -10_000) == 0:
        raise invalid("n_jobs", "must not be 0", n_jobs, "-1 means one worker per core.")
    return int(n_jobs)


def for_workers(function):
    """Make `function(key, shared, *arguments)` a call of `run_calls` for any process.

    Calls in one process run one after the other. In a worker, what they run in parallel runs
    sequentially, and their `DataWarning`s go to the process that made the calls.
    """

    @functools.wraps(function)
    def run(key, shared, *arguments):
        with BUSY:
            if not shared.elsewhere:
                return key, function(key, shared, *arguments)
            import joblib

            prepare_worker()
            with joblib.parallel_config("sequential"), warnings.catch_warnings(record=True) as seen:
                result = function(key, shared, *arguments)
            told = [str(w.message) for w in seen if issubclass(w.category, DataWarning)]
            return key, result, told

    return run


def run_calls(function, shared, calls, n_jobs=None, seconds=None):
    """Run calls, and yield their results as they end, in any order.

    A worker that dies takes down the calls of its engine that are under way. They run again; those
    that have lost several workers run alone, so that a call that ends every worker is found out.

    Args:
        function: made by `for_workers`.
        shared: `Shared`.
        calls: dict from a key to the tuple of the other arguments.
        n_jobs: int, calls at a time; -1 means one per core. None means as
            `joblib.parallel_config` says, else 1: they run in this process.
        seconds: float, the time after which no result is waited for. None means no limit.

    Yields:
        (key, result); the result is a `Died` where every worker died.
    """
    import joblib

    end = None if seconds is None else time.monotonic() + seconds
    engine, workers = prepared_engine(), joblib.effective_n_jobs(n_jobs)
    if workers == 1 and is_local(engine):
        for key, arguments in calls.items():
            if end is not None and time.monotonic() > end:
                return
            yield function(key, shared, *arguments)[:2]
        return
    left, deaths, told = dict(calls), Counter(), set()
    while left and (end is None or time.monotonic() < end):
        keys = [k for k in left if deaths[k] < SHARED_DEATHS] or [*left][:1]
        if not engine.supports_return_generator:
            keys = keys[:workers]
        begun = []

        def tasks(keys=keys, begun=begun):
            for key in keys:
                begun.append(key)
                yield joblib.delayed(function)(key, shared, *left[key])

        try:
            with contextlib.closing(Results(engine, n_jobs, tasks())) as results:
                while (found := results.next_before(end)) is not None:
                    key, result, *messages = found
                    for message in {*itertools.chain(*messages)} - told:
                        told.add(message)
                        warn(message)
                    yield key, result
                    del left[key]
        except Exception as error:
            names = {cls.__name__ for cls in type(error).__mro__}
            if not names & {*WORKER_DIED, GIVEN_UP}:
                raise
            deaths.update([key for key in begun if key in left])
            lost = deaths[keys[0]]
            if len(keys) == 1 and (GIVEN_UP in names or lost >= SHARED_DEATHS + LONE_DEATHS):
                yield keys[0], Died("every worker that ran it died")
                del left[keys[0]]


class Results:
    """What `joblib.Parallel` finds, as it comes, until a certain time."""

    def __init__(self, engine, n_jobs, tasks):
        import joblib

        kind = "generator_unordered" if engine.supports_return_generator else "list"
        self.parallel = joblib.Parallel(n_jobs, return_as=kind, batch_size=1, pre_dispatch="n_jobs")
        self.found = self.parallel(tasks)
        self.results = iter(self.found)

    def next_before(self, end):
        """The next result; None where there is none, or none before `end`."""
        if end is not None:
            self.parallel.timeout = max(0.01, end - time.monotonic())
        try:
            return next(self.results, None)
        except (TimeoutError, multiprocessing.TimeoutError):
            return None

    def close(self):
        """Stop what has not ended."""
        if hasattr(self.found, "close"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that results are not used
                self.found.close()


def is_local(engine):
    """Whether an engine is one of joblib's own, for this machine."""
    return type(engine).__module__ == "joblib._parallel_backends"


def runs_here():
    """Whether `joblib.parallel_config` leaves it to this process how it uses its cores."""
    import joblib
    from joblib.parallel import get_active_backend

    engine = get_active_backend()[0]
    sequential = type(engine).__name__ == "SequentialBackend"
    return is_local(engine) and not sequential and joblib.effective_n_jobs(None) == 1


def prepared_engine():
    """The engine that `joblib.parallel_config` has chosen, made to report results and errors.

    Ray's inherits from that of `multiprocessing` that it keeps results until the last one has come.
    Dask's does not report that Dask gave a task up, so that joblib would wait for ever.
    """
    from joblib.parallel import get_active_backend

    engine = get_active_backend()[0]
    name = type(engine).__name__
    if name == "MultiprocessingBackend":
        remedy = "Use 'loky', the default of joblib."
        raise invalid("backend", "must not fork a process that has loaded TensorFlow",
                      "multiprocessing", remedy)  # fmt: skip
    if name == "RayBackend":
        engine.supports_return_generator = True
    if name == "DaskDistributedBackend" and "submit" not in vars(engine):
        submit, retrieve = engine.submit, engine.retrieve_result_callback

        def submit_and_report(function, callback=None):
            future = submit(function, callback)
            future.add_done_callback(
                lambda done: done.exception() is not None and callback(done.exception())
            )
            return future

        def retrieve_or_raise(result):
            if isinstance(result, BaseException):
                raise result
            return retrieve(result)

        engine.submit, engine.retrieve_result_callback = submit_and_report, retrieve_or_raise
        engine.wait_for_workers_timeout = SECONDS_WITHOUT_WORKERS
    return engine


@functools.cache
def prepare_worker():
    """Prepare a worker process: threads and GPU memory it may use, and its end."""
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    import keras

    threads = os.environ.get("OMP_NUM_THREADS", "")  # which all engines set to a worker's share
    if keras.backend.backend() == "tensorflow" and threads.isdecimal():
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # TensorFlow has begun to compute
            tf.config.threading.set_intra_op_parallelism_threads(int(threads))
            share_gpus(tf, multiprocessing.current_process().name)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()


def share_gpus(tf, name):
    """Let the processes of loky, which numbers them, use the GPUs of this machine in turn."""
    gpus, (kind, _, number) = tf.config.list_physical_devices("GPU"), name.partition("-")
    if len(gpus) > 1 and kind == "LokyProcess" and number.isdecimal():
        tf.config.set_visible_devices(gpus[int(number) % len(gpus)], "GPU")


def end_with(parent):
    """End this process when `parent`, the one that started it, has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
