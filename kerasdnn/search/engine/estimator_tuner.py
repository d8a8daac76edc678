"""EstimatorTuner: a keras-tuner tuner that fits an estimator per trial, one after the other.

ask the oracle for a trial          oracle.json says which one is under way
fit an estimator per fold           curves.json in the trial's folder
tell the oracle the score           oracle.json again, written last

A program killed at any point fits the trial under way again.
"""

import contextlib
import io
import time
from pathlib import Path

import keras_tuner
import numpy as np
from sklearn.base import clone

from ...core.state_files import read_json, write_json
from ...estimators.presets import PRESETS
from ..objective import check_comparable
from ..spaces import settings, varied
from .oracles import as_batch_oracle
from .tuner_internals import tuner_file

FAILURES = 3  # trials; where the first ones all fail, so will the others


class EstimatorModel(keras_tuner.HyperModel):
    """A space around an estimator; `build(hp)` is the estimator of a trial, not fitted.

    Args:
        estimator: its settings are those of all trials.
        space: function from `hp` to a dict of what differs.
        held: dict of what the user gave, which a space does not change.
    """

    def __init__(self, estimator, space, held=()):
        super().__init__(name=estimator.preset)
        self.estimator, self.space, self.held = estimator, space, dict(held)
        hyperparameters = PRESETS[estimator.preset].hyperparameters
        given = estimator.get_params(deep=False)
        self.known = [name for name in given if name in hyperparameters]
        self.fixed = {name: given[name] for name in self.known if given[name] is not None}

    def space_settings(self, hp):
        return self.settings(hp.copy())

    def settings(self, hp):
        return varied(settings(self.space, hp, self.known), self.held, self)

    def build(self, hp):
        chosen = self.settings(hp)
        if "tuner/epochs" in hp.values:  # Hyperband decides
            chosen["epochs"] = hp.values["tuner/epochs"]
        return clone(self.estimator).set_params(**chosen)


class EstimatorTuner(keras_tuner.Tuner):
    """Fits the estimators of an oracle's trials.

    Args:
        oracle: `keras_tuner.Oracle`.
        hypermodel: `EstimatorModel`.
        fit: function from an estimator to a list of fitted ones, one per fold.
        directory, project_name: as in `keras_tuner.Tuner`.
    """

    running = None  # no batch is ever under way

    def __init__(self, oracle, hypermodel, fit, directory, project_name):
        self.fit, self.seconds, self.on_progress = fit, 0.0, lambda tuner: None
        self.seed = hypermodel.estimator.random_state
        self.fit_with = {"batch_size": hypermodel.estimator.batch_size}
        oracle = as_batch_oracle(oracle)
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            super().__init__(
                oracle, hypermodel, directory=str(directory), project_name=project_name
            )

    def search(self, time_budget=None):
        """Search until the oracle has no more trials, or `time_budget` seconds are over."""
        end = None if time_budget is None else time.monotonic() + time_budget
        while end is None or time.monotonic() < end:
            trials = self.oracle.ask(self.tuner_id, 1)
            if not trials:
                break
            self.save()
            began = time.monotonic()
            results = {trial.trial_id: self.run_trial(trial) for trial in trials}
            self.seconds += time.monotonic() - began
            self.oracle.tell(results)
            self.save()
            self.stop_where_all_fail()
            self.on_progress(self)

    def run_trial(self, trial):
        """`(metrics, best epoch)`, or why the trial failed."""
        began, name = time.monotonic(), self.oracle.objective.name
        own = self.hypermodel.settings(trial.hyperparameters.copy())
        check_comparable(name, [None, own.get("loss")])
        try:
            fitted = self.fit(self.hypermodel.build(trial.hyperparameters.copy()))
        except Exception as error:  # one trial's; the search continues
            return f"{type(error).__name__}: {error}"
        curves = [list(one.history_[name]) for one in fitted]
        scores = [curve[one.best_epoch_ - 1] for curve, one in zip(curves, fitted, strict=True)]
        if not np.isfinite(scores).all():
            return "the network diverged: the objective was not finite"
        write_json(self.curves_file(trial.trial_id), {"curves": curves})
        metrics = {name: float(np.mean(scores)), "seconds": time.monotonic() - began}
        if len(scores) > 1:
            metrics |= {f"fold_{fold}": float(score) for fold, score in enumerate(scores)}
        return metrics, round(np.mean([one.best_epoch_ for one in fitted]))

    def stop_where_all_fail(self):
        messages = [t.message for t in self.oracle.trials.values() if t.status == "FAILED"]
        if len(messages) == len(self.oracle.end_order) >= FAILURES:
            listed = "\n".join(f"  trial {i}: {message}" for i, message in enumerate(messages))
            raise RuntimeError(f"The first {len(messages)} trials failed:\n{listed}")

    def curves(self, trial_id):
        """The objective after every epoch, by fold."""
        path = self.curves_file(trial_id)
        if not path.exists():
            return {}
        content = read_json(path)
        return dict(enumerate(content if isinstance(content, list) else content["curves"]))

    def curves_file(self, trial_id):
        return Path(self.get_trial_dir(trial_id), "curves.json")

    def save(self):
        self.oracle.save()
        write_json(tuner_file(self), {"seconds": self.seconds})

    def reload(self):
        self.oracle.reload()
        self.seconds = read_json(tuner_file(self))["seconds"]
