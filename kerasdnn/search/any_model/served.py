"""How a worker talks to the chief: calls over gRPC, and the errors that come back."""

from pathlib import Path

DEATHS = 3  # a killed worker's trial runs again; one that kills every worker must not


class Served:
    """Mixin of the chief's oracle: what to do with trials whose worker died."""

    stop_reason = None
    _deaths = None

    def create_trial(self, tuner_id):
        if tuner_id in self.ongoing_trials:  # restarted under its name
            self.take_back(tuner_id, "its worker died")
        if self.stop_reason:
            from keras_tuner.engine.trial import Trial

            return Trial(self.hyperparameters.copy(), "none", status="STOPPED")
        return super().create_trial(tuner_id)

    def unfinished(self):
        return bool(self.ongoing_trials or self._retry_queue)

    def take_back(self, tuner_id, reason):
        """A trial that lost its worker: to be handed out again, or failed."""
        self._deaths = self._deaths or {}
        trial = self.ongoing_trials[tuner_id]
        self._deaths[trial.trial_id] = self._deaths.get(trial.trial_id, 0) + 1
        if self._deaths[trial.trial_id] >= DEATHS:
            trial.status, trial.message = "FAILED", f"{reason}, {DEATHS} times"
            self.end_trial(trial)
        else:
            del self.ongoing_trials[tuner_id]
            self._retry_queue.append(trial.trial_id)
            self.save()

    def take_back_all(self):
        for tuner_id, trial in list(self.ongoing_trials.items()):
            del self.ongoing_trials[tuner_id]
            self._retry_queue.insert(0, trial.trial_id)  # taken from the end

    def end_trial(self, trial):
        known = self.trials[trial.trial_id]
        if known.trial_id not in (t.trial_id for t in self.ongoing_trials.values()):
            return  # a worker given up for silent after all: the trial runs elsewhere, or has run
        if trial.status in ("FAILED", "INVALID"):  # gRPC carries no message
            trial.message = read_error(self._get_trial_dir(trial.trial_id)) or trial.message
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
