"""What the coordinator's oracle does with trials whose worker died or failed."""

import time
from pathlib import Path

from ..engine.tuner_internals import Trial, trial_folder, trials_to_retry

DEATHS = 3  # a killed worker's trial runs again; one that kills every worker must not


class Served:
    """Mixin of the coordinator's oracle.

    Attributes:
        stop_reason: list of (trial id, reason), the failures that stopped the search, or None.
        end: float on the clock of `time.monotonic` after which no trial begins, or None.
    """

    stop_reason = None
    end = None
    _deaths = None

    def create_trial(self, tuner_id):
        if tuner_id in self.ongoing_trials:  # restarted under its name
            self.take_back(tuner_id, "its worker died")
        if self.stop_reason or (self.end is not None and time.monotonic() > self.end):
            return Trial(self.hyperparameters.copy(), "none", status="STOPPED")
        return super().create_trial(tuner_id)

    def unfinished(self):
        return bool(self.ongoing_trials or trials_to_retry(self))

    def take_back(self, tuner_id, reason):
        """Hand out the trial of a lost worker again, or let it fail."""
        self._deaths = self._deaths or {}
        trial = self.ongoing_trials[tuner_id]
        self._deaths[trial.trial_id] = self._deaths.get(trial.trial_id, 0) + 1
        if self._deaths[trial.trial_id] >= DEATHS:
            trial.status, trial.message = "FAILED", f"{reason}, {DEATHS} times"
            self.end_trial(trial)
        else:
            del self.ongoing_trials[tuner_id]
            trials_to_retry(self).append(trial.trial_id)
            self.save()

    def take_back_all(self):
        for tuner_id, trial in list(self.ongoing_trials.items()):
            del self.ongoing_trials[tuner_id]
            trials_to_retry(self).insert(0, trial.trial_id)  # taken from the end

    def end_trial(self, trial):
        known = self.trials[trial.trial_id]
        if known.trial_id not in (t.trial_id for t in self.ongoing_trials.values()):
            return  # a worker given up as dead after all: the trial runs elsewhere, or has run
        if trial.status in ("FAILED", "INVALID"):  # gRPC carries no message
            trial.message = read_error(trial_folder(self, trial.trial_id)) or trial.message
        super().end_trial(trial)

    def _check_consecutive_failures(self):
        last = [self.trials[i] for i in self.end_order[-self.max_consecutive_failed_trials :]]
        if len(last) == self.max_consecutive_failed_trials and all(
            trial.status == "FAILED" for trial in last
        ):
            self.stop_reason = [
                (trial.trial_id, trial.message or "see the worker's log") for trial in last
            ]


def read_error(folder):
    path = Path(folder, "error.txt")
    return path.read_text(errors="replace") if path.exists() else None
