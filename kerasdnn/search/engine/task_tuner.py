"""TaskTuner: a keras-tuner tuner whose trials run one by one, in this process or in workers.

ask the oracle for a batch          oracle.json says which trials are under way
run each trial                      by joblib, in any order
tell the oracle its result          what the trial leaves first, then oracle.json, written last

A batch has as many trials whatever the number of workers: what the oracle proposes, and the result
of a trial, depend on the seed alone. A program killed at any point runs the trials of the batch
again that have not ended.
"""

import contextlib
import io
import time

import keras_tuner

from ...core.parallel import run_calls
from ...core.state_files import read_json, write_json
from .oracles import as_batch_oracle
from .tuner_internals import TrialStatus, tuner_file

FAILURES = 3  # trials; where the first ones all fail, so will the others


class TaskTuner(keras_tuner.Tuner):
    """What the tuners of single trials share.

    Args:
        oracle: `keras_tuner.Oracle`.
        hypermodel: function from `hp` to a model, or `keras_tuner.HyperModel`.
        size: int, trials per batch.
        directory, project_name: as in `keras_tuner.Tuner`.
    """

    running = None  # no batch that trains as one is ever under way
    function = None  # runs a trial, see `parallel.for_workers`; returns a str where it failed

    def __init__(self, oracle, hypermodel, size, directory, project_name):
        self.size, self.seconds, self.on_progress = size, 0.0, lambda tuner: None
        oracle = as_batch_oracle(oracle)
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            super().__init__(
                oracle, hypermodel, directory=str(directory), project_name=project_name
            )

    def shared(self):
        """The `Shared` arguments of all trials."""
        raise NotImplementedError

    def arguments(self, trial):
        """The other arguments of a trial, a tuple; or a str, why it cannot begin."""
        raise NotImplementedError

    def keep(self, trial, result):
        """Write what a trial that has ended leaves; returns what `oracle.tell` takes."""
        raise NotImplementedError

    def search(self, time_budget=None, n_jobs=None):
        """Search until the oracle has no more trials, or `time_budget` seconds are over."""
        end = None if time_budget is None else time.monotonic() + time_budget
        shared = self.shared()
        while end is None or time.monotonic() < end:
            trials = self.oracle.ask(self.tuner_id, self.size)
            if not trials:
                break
            self.save()
            before, began = self.seconds, time.monotonic()
            left = None if end is None else end - began
            with contextlib.closing(self.results(trials, shared, n_jobs, left)) as results:
                for trial, result in results:
                    if not isinstance(result, str):
                        result = self.keep(trial, result)
                    self.oracle.tell({trial.trial_id: result})
                    self.seconds = before + time.monotonic() - began
                    self.save()
                    self.stop_where_all_fail()
                    self.on_progress(self)

    def results(self, trials, shared, n_jobs, seconds):
        """Yield (trial, result) as the trials end."""
        by_id, calls = {trial.trial_id: trial for trial in trials}, {}
        for trial_id, trial in by_id.items():
            found = self.arguments(trial)
            if isinstance(found, str):
                yield trial, found
            else:
                calls[trial_id] = found
        found = run_calls(type(self).function, shared, calls, n_jobs, seconds)
        with contextlib.closing(found):
            for trial_id, result in found:
                yield by_id[trial_id], result

    def stop_where_all_fail(self):
        first = list(self.oracle.trials.values())[:FAILURES]
        if [trial.status for trial in first] == [TrialStatus.FAILED] * FAILURES:
            listed = "\n".join(f"  trial {t.trial_id}: {t.message}" for t in first)
            raise RuntimeError(f"The first {FAILURES} trials failed:\n{listed}")

    def save(self):
        self.oracle.save()
        write_json(tuner_file(self), {"seconds": self.seconds})

    def reload(self):
        self.oracle.reload()
        self.seconds = read_json(tuner_file(self)).get("seconds", 0.0)
