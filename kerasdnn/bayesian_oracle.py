"""Bayesian search that proposes a wave of trials from one fitted Gaussian process."""

import warnings

import numpy as np
from keras_tuner import oracles as stock
from keras_tuner.engine.trial import TrialStatus
from sklearn.exceptions import ConvergenceWarning

from .wave_oracle import Waves


class BayesianOracle(Waves, stock.BayesianOptimizationOracle):
    """A Gaussian process fitted once per wave; the wave spreads where the process is unsure.

    The points of a wave are the greedy minima of mean - beta * deviation, where each point chosen
    lowers the deviation around it as if its result had come in as predicted: the mean does not
    move, so that nothing is fitted anew (GP-BUCB).

    Reference: Desautels, Krause and Burdick, Parallelizing exploration-exploitation tradeoffs in
    Gaussian process bandit optimization, 2014.
    """

    candidates = 1000
    _planned = ()

    def plan(self, size):
        scored = sum(t.status == TrialStatus.COMPLETED for t in self.trials.values())
        initial = self.num_initial_points or max(3 * len(self._nonfixed_space()), 3)
        if scored < initial:
            self._planned = []
            return min(size, initial - scored)
        self._planned = self._propose(size)
        return size

    def populate_space(self, trial_id):
        if not self._planned and not self._unsaved:
            self.plan(1)  # asked for a single trial
        if self._planned:
            return {"status": TrialStatus.RUNNING, "values": self._planned.pop(0)}
        return self._random_populate_space()

    def _propose(self, size):
        """Values of the next `size` trials, fewer where the space runs out."""
        x, y = self._observations()
        self.gpr.n_restarts_optimizer = 2  # not 20: one length scale has few local optima
        with warnings.catch_warnings():  # a score that depends on nothing has no length scale
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.gpr.fit(x, y)
        space = self._nonfixed_space()
        # A function of the seed and of how far the search is, so that it can resume.
        rng = np.random.default_rng([self.seed, len(self.trials)])
        around = x[np.argsort(y)[:5]][rng.integers(0, min(5, len(x)), self.candidates // 2)]
        points = np.concatenate([
            rng.uniform(size=(self.candidates - len(around), len(space))),
            np.clip(around + rng.normal(0, 0.1, around.shape), 0, 1 - 1e-9),
        ])  # fmt: skip
        for column, hp in enumerate(space):  # points that are values of the space
            points[:, column] = [hp.value_to_prob(hp.prob_to_value(p)) for p in points[:, column]]
        points = np.unique(points, axis=0)
        mean, covariance = self.gpr.predict(points, return_cov=True)
        chosen, tried = [], set()
        for index in spread_minima(mean, covariance, self.beta, self.alpha * y.var()):
            values = self._vector_to_values(points[index].tolist())
            key = self._compute_values_hash(values)
            if key not in tried and not self._duplicate(values):
                tried.add(key)
                chosen.append(values)
                if len(chosen) == size:
                    break
        return chosen

    def _observations(self):
        """Finished trials as points in the unit cube, and their scores, smaller is better."""
        space = self._nonfixed_space()
        sign = -1 if self.objective.direction == "max" else 1
        x, y = [], []
        for trial in self.trials.values():
            if trial.status == TrialStatus.COMPLETED and not np.isnan(trial.score):
                hps = trial.hyperparameters
                known = {hp.name: hps.values.get(hp.name, hp.default) for hp in space}
                x.append([hp.value_to_prob(known[hp.name]) for hp in space])
                y.append(sign * trial.score)
        y = np.array(y)
        worst = y[np.isfinite(y)].max(initial=0)
        return np.array(x), np.where(np.isfinite(y), y, worst)


def spread_minima(mean, covariance, beta, noise):
    """Indices in the order of GP-BUCB: minima of mean - beta * deviation, each one observed.

    Observing point j subtracts c_j c_j^T / (c_jj + noise) from the covariance, c_j its column:
    one step of a Cholesky factorisation, so that the covariance itself is never changed.
    """
    variance = np.diag(covariance).copy()
    factors = np.zeros((len(mean), 0))
    left = np.ones(len(mean), bool)
    while left.any():
        bound = mean - beta * np.sqrt(np.maximum(variance, 0))
        j = int(np.argmin(np.where(left, bound, np.inf)))
        left[j] = False
        yield j
        column = covariance[:, j] - factors @ factors[j]
        column = column / np.sqrt(max(variance[j], 0) + noise + 1e-12)
        factors = np.column_stack([factors, column])
        variance = variance - column**2
