"""Train one batch of a search in stages, and collect its curves, weights and scores."""

import math
import time
from itertools import pairwise

import numpy as np

from ...core.statistics import paired_test
from ...hyperparameters import default
from .trial_batch import make_trial_batch

SECONDS_BETWEEN_CHECKPOINTS = 10.0  # of training, which a kill may cost
STAGE_WORK = 1.2e10  # weights times rows that train on two cores while another program compiles


class BatchRun:
    """One batch: which networks are trained in which stage, and what came of it.

    With cross-validation there are two stages: half of the folds for all trials, the other half
    for those that are not clearly worse than the best. Where a second stage would take less time
    than compiling a program for the remaining trials, there is only one.

    Args:
        trials: list of keras-tuner trials.
        members: list of dicts, the hyperparameters of each trial's network and training.
        data: `SearchData`.
        objective: `keras_tuner.Objective`.
        checkpoints: `Checkpoints`.
    """

    def __init__(self, trials, members, data, objective, checkpoints):
        self.trials, self.members, self.data = trials, members, data
        self.objective, self.checkpoints = objective, checkpoints
        self.folds = len(data.pairs)
        self.curves = [{} for _ in trials]  # per trial, fold to the objective after each epoch
        self.best_weights, self.states = {}, {}
        self.pruned, self.seconds = set(), 0.0
        # Hyperband prunes trials by itself, and continues those it keeps on all of their folds.
        self.continued = "tuner/bracket" in trials[0].hyperparameters.values
        half = max(2, -(-self.folds // 2))
        if self.continued or self._work_per_fold() * (self.folds - half) < STAGE_WORK:
            half = self.folds
        stages = range(min(half, self.folds)), range(half, self.folds)
        self.stages = [stage for stage in stages if len(stage)]
        self.batch, self.pairs = None, []

    def train(self, end, on_progress):
        """Train all stages.

        Args:
            end: float on the clock of `time.monotonic`, or None.
            on_progress: called after every chunk of training.

        Returns:
            bool, False if `end` came first; a checkpoint is kept.
        """
        saved, first = self.checkpoints.checkpoint(self.ids), 0
        if saved:
            first, self.seconds = saved.stage, saved.seconds
            self.curves, self.pruned = saved.curves, saved.pruned
            self.best_weights = saved.best_weights
        for stage in range(first, len(self.stages)):
            self._start(stage)
            if saved and stage == first:
                self.batch.load_state(saved.state)
            checked = time.monotonic()
            while self.batch.epoch < self.batch.epochs:
                began = time.monotonic()
                self.batch.advance(max(1, self.batch.epochs // 20))
                now = time.monotonic()
                self.seconds += now - began
                for (trial, fold), curve in zip(self.pairs, self.batch.curves, strict=True):
                    self.curves[trial][fold] = np.asarray(curve)
                on_progress()
                over = end is not None and now > end
                if over or now - checked > SECONDS_BETWEEN_CHECKPOINTS:
                    self.checkpoints.save_checkpoint(self, stage)
                    checked = now
                unfinished = self.batch.epoch < self.batch.epochs or stage + 1 < len(self.stages)
                if over and unfinished:
                    return False
            for index, (trial, fold) in enumerate(self.pairs):
                if fold == 0:
                    self.best_weights[self.ids[trial]] = self.batch.best_weights(index)
                if self.continued:
                    self.states[self.ids[trial], fold] = self.batch.member_state(index)
            if stage + 1 < len(self.stages):
                self._prune()
        return True

    @property
    def ids(self):
        return [trial.trial_id for trial in self.trials]

    def _start(self, stage):
        remaining = [t for t in range(len(self.trials)) if t not in self.pruned]
        self.pairs = [(t, fold) for t in remaining for fold in self.stages[stage]]
        members = [
            {**self.members[t], "seed": self.members[t]["seed"] + fold} for t, fold in self.pairs
        ]
        folds = [fold for _, fold in self.pairs]
        self.batch = make_trial_batch(
            members, self.data, folds, self.objective.name, self.objective.direction
        )
        for index, (t, fold) in enumerate(self.pairs):
            before = self.trials[t].hyperparameters.values.get("tuner/trial_id")
            if before is not None:
                self.batch.load_member_state(index, self.checkpoints.member_state(before, fold))

    def _work_per_fold(self):
        """Weights times rows that one fold of all trials trains."""
        problem, work = self.data.problem, 0
        for given in self.members:
            hidden_units = given.get("hidden_units", default("hidden_units"))
            widths = problem.n_features, *hidden_units, problem.n_outputs
            work += sum(map(math.prod, pairwise(widths))) * given["epochs"]
        return work * len(self.data.pairs[0][0])

    def fraction_done(self):
        """How far the stage is, 0 to 1."""
        return self.batch.epoch / self.batch.epochs if self.batch else 0.0

    def _prune(self):
        sign = 1 if self.objective.direction == "min" else -1
        scores = np.array([
            [sign * curves[fold][self._best_epoch(t) - 1] for fold in sorted(curves)]
            for t, curves in enumerate(self.curves)
        ])  # fmt: skip
        self.pruned = set(np.flatnonzero(clearly_worse(scores, 1 / (self.folds - 1))).tolist())

    def mean_curve(self, trial):
        """The objective after each epoch, mean over the folds trained so far."""
        curves = list(self.curves[trial].values())
        shortest = min(map(len, curves), default=0)
        return np.mean([curve[:shortest] for curve in curves], axis=0) if shortest else np.empty(0)

    def _best_epoch(self, trial):
        """1-based; 0 if no epoch has a finite objective."""
        curve = self.mean_curve(trial)
        if not np.isfinite(curve).any():
            return 0
        minimize = self.objective.direction == "min"
        finite = np.where(np.isfinite(curve), curve, np.inf if minimize else -np.inf)
        return int(finite.argmin() if minimize else finite.argmax()) + 1

    def results(self):
        """What `oracle.tell` takes: metrics at the best epoch, or why the trial failed."""
        found, name = {}, self.objective.name
        for t, trial_id in enumerate(self.ids):
            epoch = self._best_epoch(t)
            if not epoch:
                found[trial_id] = "the network diverged: the objective was NaN after every epoch"
                continue
            metrics = {name: float(self.mean_curve(t)[epoch - 1])}
            if self.folds > 1:
                for fold, curve in sorted(self.curves[t].items()):
                    metrics[f"fold_{fold}"] = float(curve[epoch - 1])
                metrics["dropped"] = float(t in self.pruned)
            metrics["seconds"] = self.seconds / len(self.trials)
            found[trial_id] = metrics, epoch
        return found


def clearly_worse(scores, test_share, level=0.05):
    """Compare each trial with the best one by a one-sided paired test.

    Args:
        scores: float array (trials, folds), smaller is better; NaN where a network diverged.
        test_share: float, validation rows over training rows, see `paired_test`.
        level: float, probability of pruning a trial that is as good as the best.

    Returns:
        bool array (trials,). A trial that diverged is clearly worse, the best one never is.
    """
    mean = scores.mean(axis=1)
    if np.isnan(mean).all():
        return np.zeros(len(scores), bool)
    best = int(np.nanargmin(mean))
    found = np.isnan(mean)
    for trial in np.flatnonzero(~found):
        worse = scores[trial] - scores[best]
        found[trial] = worse.mean() > 0 and paired_test(worse, test_share) / 2 < level
    return found
