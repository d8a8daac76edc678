"""EstimatorTuner: a keras-tuner tuner that fits an estimator per trial."""

import time
from pathlib import Path

import keras_tuner
import numpy as np
from sklearn.base import clone

from ...core.parallel import Shared, for_workers
from ...core.state_files import read_json, write_json
from ...estimators.fit import fit_rows
from ...estimators.presets import PRESETS
from ...tables.rows import sort_rows
from ..objective import check_comparable
from ..spaces import settings, varied
from .task_tuner import TaskTuner


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


@for_workers
def fit_trial(trial_id, shared, estimator):
    """Fit an estimator on every fold.

    Returns:
        (curves of the objective, best epochs, seconds), the first two lists by fold; or a str, why
        the trial failed.
    """
    began, table = time.monotonic(), shared.table
    try:
        fitted = [fit_fold(estimator, *fold, table.target) for fold in table.folds()]
    except Exception as error:  # one trial's; the search continues
        return f"{type(error).__name__}: {error}"
    curves = [list(map(float, one.history_[shared.objective])) for one in fitted]
    return curves, [one.best_epoch_ for one in fitted], time.monotonic() - began


def fit_fold(estimator, rows, validation, target):
    """A copy of `estimator`, fitted on `rows` and evaluated on `validation`."""
    rng = np.random.default_rng(estimator._draw_seed())
    estimator = clone(estimator)
    estimator._set_fitted(fit_rows(estimator, sort_rows(rows), validation, target, rng))
    return estimator


class EstimatorTuner(TaskTuner):
    """Fits the estimators of an oracle's trials; each leaves curves.json in its folder.

    Args:
        oracle, size, directory, project_name: see `TaskTuner`.
        hypermodel: `EstimatorModel`.
        table: `TableData` to fit on.
    """

    def __init__(self, oracle, hypermodel, table, size, directory, project_name):
        self.table, self.seed = table, hypermodel.estimator.random_state
        self.fit_with = {"batch_size": hypermodel.estimator.batch_size}
        super().__init__(oracle, hypermodel, size, directory, project_name)

    function = staticmethod(fit_trial)

    def shared(self):
        return Shared(table=self.table, objective=self.oracle.objective.name)

    def arguments(self, trial):
        own = self.hypermodel.settings(trial.hyperparameters.copy())
        check_comparable(self.oracle.objective.name, [None, own.get("loss")])
        try:
            return (self.hypermodel.build(trial.hyperparameters.copy()),)
        except Exception as error:  # one trial's; the search continues
            return f"{type(error).__name__}: {error}"

    def keep(self, trial, result):
        curves, epochs, seconds = result
        scores = [curve[epoch - 1] for curve, epoch in zip(curves, epochs, strict=True)]
        if not np.isfinite(scores).all():
            return "the network diverged: the objective was not finite"
        write_json(self.curves_file(trial.trial_id), {"curves": curves})
        metrics = {self.oracle.objective.name: float(np.mean(scores)), "seconds": seconds}
        if len(scores) > 1:
            metrics |= {f"fold_{fold}": float(score) for fold, score in enumerate(scores)}
        return metrics, round(np.mean(epochs))

    def curves(self, trial_id):
        """The objective after every epoch, by fold."""
        path = self.curves_file(trial_id)
        if not path.exists():
            return {}
        content = read_json(path)
        return dict(enumerate(content if isinstance(content, list) else content["curves"]))

    def curves_file(self, trial_id):
        return Path(self.get_trial_dir(trial_id), "curves.json")
