"""One wave of a search: the rounds of its training, what is kept of it, and its scores."""

import math
import time
from itertools import pairwise

import numpy as np

from ...core.statistics import paired_test
from .trial_batch import make_wave

CHECKPOINT = 10.0  # seconds of training that a kill may cost
ROUND = 1.2e10  # weights times rows that train on two cores while another program compiles


class WaveRun:
    """One wave: which members are trained in which round, and what came of it.

    With cross-validation there are two rounds: half of the folds for all trials, the other half
    for those that are not hopeless yet. A second round that takes less time than compiling a
    program for what is left of the trials is no round of its own.
    """

    def __init__(self, tuner, trials):
        self.tuner, self.trials = tuner, trials
        self.settings = [tuner.settings(trial) for trial in trials]
        self.folds = len(tuner.rows.splits)
        self.curves = [{} for _ in trials]  # per trial, fold to the objective after each epoch
        self.best_weights, self.states = {}, {}
        self.dropped, self.seconds = set(), 0.0
        # Hyperband drops trials by itself, and continues those it keeps on all of their folds.
        self.continued = "tuner/bracket" in trials[0].hyperparameters.values
        half = max(2, -(-self.folds // 2))
        if self.continued or self._work_per_fold() * (self.folds - half) < ROUND:
            half = self.folds
        self.rounds = [r for r in (range(min(half, self.folds)), range(half, self.folds)) if len(r)]
        self.wave, self.pairs = None, []

    def train(self, end):
        """Train all rounds. Returns False if `end`, a time, came first; a checkpoint is kept."""
        tuner, saved = self.tuner, self.tuner.files.checkpoint(self.ids)
        first = 0
        if saved:
            first, self.seconds = saved.round, saved.seconds
            self.curves, self.dropped = saved.curves, saved.dropped
            self.best_weights = saved.best_weights
        for number in range(first, len(self.rounds)):
            self._start(number)
            if saved and number == first:
                self.wave.load_state(saved.state)
            checked = time.monotonic()
            while self.wave.epoch < self.wave.epochs:
                began = time.monotonic()
                self.wave.advance(self._block())
                now = time.monotonic()
                self.seconds += now - began
                self._take_curves()
                tuner.on_block(tuner)
                over = end is not None and now > end
                if over or now - checked > CHECKPOINT:
                    tuner.files.save_checkpoint(self, number)
                    checked = now
                if over and (self.wave.epoch < self.wave.epochs or number + 1 < len(self.rounds)):
                    return False
            for index, (trial, fold) in enumerate(self.pairs):
                if fold == 0:
                    self.best_weights[self.ids[trial]] = self.wave.best_weights(index)
                if self.continued:
                    self.states[self.ids[trial], fold] = self.wave.member_state(index)
            if number + 1 < len(self.rounds):
                self._drop_hopeless()
        return True

    @property
    def ids(self):
        return [trial.trial_id for trial in self.trials]

    def _start(self, number):
        self.pairs = [
            (t, fold)
            for t in range(len(self.trials))
            if t not in self.dropped
            for fold in self.rounds[number]
        ]
        members = []
        for t, fold in self.pairs:
            given = self.settings[t]
            members.append({**given, "seed": given["seed"] + fold})
        objective = self.tuner.oracle.objective
        self.wave = make_wave(
            members, self.tuner.rows, [fold for _, fold in self.pairs], objective.name,
            objective.direction,
        )  # fmt: skip
        for index, (t, fold) in enumerate(self.pairs):
            before = self.trials[t].hyperparameters.values.get("tuner/trial_id")
            if before is not None:
                state = self.tuner.files.member_state(before, fold)
                self.wave.load_member_state(index, state)

    def _work_per_fold(self):
        """Weights times rows that one fold of all trials trains."""
        rows, work = self.tuner.rows, 0
        for given in self.settings:
            widths = rows.x.shape[1], *given.get("hidden_units", (64, 32)), rows.n_outputs
            work += sum(map(math.prod, pairwise(widths))) * given["epochs"]
        return work * len(rows.splits[0][0])

    def share_done(self):
        """How far the wave is, 0 to 1."""
        return self.wave.epoch / self.wave.epochs if self.wave else 0.0

    def _block(self):
        """Epochs until the next look at the clock: about a twentieth of the wave."""
        return max(1, self.wave.epochs // 20)

    def _take_curves(self):
        for (trial, fold), curve in zip(self.pairs, self.wave.curves, strict=True):
            self.curves[trial][fold] = np.asarray(curve)

    def _drop_hopeless(self):
        objective = self.tuner.oracle.objective
        sign = 1 if objective.direction == "min" else -1
        scores = np.array([
            [sign * curves[fold][self._best_epoch(t) - 1] for fold in sorted(curves)]
            for t, curves in enumerate(self.curves)
        ])  # fmt: skip
        self.dropped = set(np.flatnonzero(hopeless(scores, 1 / (self.folds - 1))).tolist())

    def mean_curve(self, trial):
        """The objective after each epoch, mean over the folds trained so far."""
        curves = list(self.curves[trial].values())
        shortest = min(map(len, curves), default=0)
        return np.mean([curve[:shortest] for curve in curves], axis=0) if shortest else np.empty(0)

    def _best_epoch(self, trial):
        """From 1; 0 if no epoch has a finite objective."""
        curve = self.mean_curve(trial)
        if not np.isfinite(curve).any():
            return 0
        worst = np.inf if self.tuner.oracle.objective.direction == "min" else -np.inf
        finite = np.where(np.isfinite(curve), curve, worst)
        minimise = self.tuner.oracle.objective.direction == "min"
        return int(finite.argmin() if minimise else finite.argmax()) + 1

    def results(self):
        """What `oracle.tell` takes: metrics at the best epoch, or why the trial failed."""
        found, name = {}, self.tuner.oracle.objective.name
        for t, trial_id in enumerate(self.ids):
            epoch = self._best_epoch(t)
            if not epoch:
                found[trial_id] = "the network diverged: the objective was NaN after every epoch"
                continue
            metrics = {name: float(self.mean_curve(t)[epoch - 1])}
            if self.folds > 1:
                for fold, curve in sorted(self.curves[t].items()):
                    metrics[f"fold_{fold}"] = float(curve[epoch - 1])
                metrics["dropped"] = float(t in self.dropped)
            metrics["seconds"] = self.seconds / len(self.trials)
            found[trial_id] = metrics, epoch
        return found


def hopeless(scores, test_share, level=0.05):
    """One-sided paired test of each trial against the best one.

    Args:
        scores: `(trials, folds)`, smaller is better; NaN where a network diverged.
        test_share: float, rows judged by over rows trained on, see `paired_test`.
        level: float, the chance of dropping a trial that is as good as the best.

    Returns:
        bool `(trials,)`. Trials that diverged are hopeless, the best one never is.
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
