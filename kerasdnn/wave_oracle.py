"""A keras-tuner oracle that is asked for whole waves of trials and told their results together.

A wave begins and ends with one file, oracle.json, which is written last and whole. A program
killed in between finds the wave as it was, and gets the same trials again.
"""

import contextlib
from pathlib import Path

from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src.engine.metrics_tracking import MetricsTracker

from .state_files import read_json, write_json


class Waves:
    """Mixin of an oracle: `ask` for a wave, `tell` its results."""

    _unsaved = None  # trials to write at the end of the block of `_together`, by id

    def plan(self, size):
        """Called before a wave of at most `size` trials is made; returns the size to make."""
        return size

    def ask(self, tuner_id, size):
        """Trials to run side by side, at most `size`; those of a wave cut off before come first.

        Returns:
            List of `keras_tuner` trials. Empty: the search is over.
        """
        if ongoing := list(self.ongoing_trials.values()):
            return ongoing
        trials = []
        with self._together():
            for slot in range(self.plan(size)):
                trial = self.create_trial(f"{tuner_id}/{slot}")
                if trial.status != TrialStatus.RUNNING:
                    break
                trials.append(trial)
        return trials

    def tell(self, results):
        """End trials.

        Args:
            results: dict from trial id to `(metrics, step)`, the best epoch's metrics by name and
                that epoch's number; or to a str, why the trial failed.
        """
        with self._together():
            for trial_id, result in results.items():
                trial = self.trials[trial_id]
                if isinstance(result, str):
                    trial.status, trial.message = TrialStatus.FAILED, result
                else:
                    self.update_trial(trial_id, result[0], step=result[1])
                    trial.status = TrialStatus.COMPLETED
                self.end_trial(trial)

    @contextlib.contextmanager
    def _together(self):
        self._unsaved = {}
        try:
            yield
            trials, self._unsaved = self._unsaved, None
            for trial in trials.values():
                self._save_trial(trial)
            self.save()
        finally:
            self._unsaved = None

    def _check_consecutive_failures(self):
        """Members of a wave fail side by side, so that a row of failures means nothing."""

    def save(self):
        if self._unsaved is None:
            write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        if self._unsaved is not None:
            self._unsaved[trial.trial_id] = trial
        else:
            write_json(Path(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state())

    def reload(self):
        state = read_json(self._get_oracle_fname())
        self.trials = {}
        for trial_id in state["start_order"]:  # others on disk belong to a wave never begun
            path = Path(self._get_trial_dir(trial_id), "trial.json")
            self.trials[trial_id] = Trial.from_state(read_json(path))
        self.set_state(state)
        ended = set(self.end_order)  # keras-tuner saves an ended trial while it is still ongoing
        self.ongoing_trials = {
            tuner_id: trial
            for tuner_id, trial in self.ongoing_trials.items()
            if trial.trial_id not in ended
        }
        for trial in self.ongoing_trials.values():
            trial.status, trial.metrics, trial.score = TrialStatus.RUNNING, MetricsTracker(), None
