"""Propose batches of trials: keras-tuner's oracles, told the results of a batch together.

A batch begins and ends with one file, oracle.json, which is written atomically and last. A program
killed in between finds the batch as it was, and gets the same trials again.

    random      keras-tuner's random search
    grid        enumerated from its last trial, so that a batch need not wait for results
    bayesian    a batch proposed from one fitted Gaussian process
    hyperband   many trials for few epochs, the best of them for more
"""

import contextlib
import functools
import warnings

import keras_tuner
import numpy as np
from keras_tuner import oracles as stock
from sklearn.exceptions import ConvergenceWarning

from ...core.arguments import check_choice
from ...core.state_files import read_json, write_json
from ...heads.metrics import direction_of
from . import tuner_internals
from .tuner_internals import MetricsTracker, Trial, TrialStatus


class BatchOracle:
    """Mixin of an oracle: `ask` for a batch of trials, `tell` its results."""

    _unsaved = None  # trials to write at the end of the block of `_together`, by id

    def plan(self, size):
        """Called before a batch of at most `size` trials is made; returns the size to make."""
        return size

    def ask(self, tuner_id, size):
        """Return trials to train together, those of an interrupted batch first.

        Returns:
            list of at most `size` keras-tuner trials. Empty: the search is over.
        """
        if ongoing := list(self.ongoing_trials.values()):
            return ongoing
        for trial in self.trials.values():  # in this order, whichever ended first
            self.update_space(trial.hyperparameters)
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
            results: dict from trial id to (metrics, epoch), the metrics of the best epoch by name
                and its 1-based number; or (metrics, epoch, hp), `hp` as the trial leaves it; or to
                a str, why the trial failed.
        """
        with self._together():
            for trial_id, result in results.items():
                trial = self.trials[trial_id]
                if isinstance(result, str):
                    trial.status, trial.message = TrialStatus.FAILED, str(result)
                else:
                    self.update_trial(trial_id, result[0], step=result[1])
                    trial.status = TrialStatus.COMPLETED
                self.end_trial(trial)
                if len(result) == 3 and trial.status == TrialStatus.COMPLETED:
                    trial.hyperparameters = result[2]

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
        """Trials of a batch fail together, so that failures in a row mean nothing."""

    def save(self):
        if self._unsaved is None:
            write_json(tuner_internals.oracle_file(self), self.get_state())

    def _save_trial(self, trial):
        if self._unsaved is not None:
            self._unsaved[trial.trial_id] = trial
        else:
            path = tuner_internals.trial_folder(self, trial.trial_id) / "trial.json"
            write_json(path, trial.get_state())

    def reload(self):
        state = read_json(tuner_internals.oracle_file(self))
        self.trials = {}
        for trial_id in state["start_order"]:  # others on disk belong to a batch never begun
            path = tuner_internals.trial_folder(self, trial_id) / "trial.json"
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


class BayesianOracle(BatchOracle, stock.BayesianOptimizationOracle):
    """Bayesian search: a Gaussian process fitted once per batch, which spreads where it is unsure.

    The points of a batch are the greedy minima of mean - beta * deviation, where each point chosen
    lowers the deviation around it as if its result had come in as predicted: the mean does not
    move, so that nothing is fitted again (GP-BUCB).

    Reference: Desautels, Krause and Burdick, Parallelizing exploration-exploitation tradeoffs in
    Gaussian process bandit optimization, 2014.
    """

    candidates = 1000
    _planned = ()

    def plan(self, size):
        scored = sum(t.status == TrialStatus.COMPLETED for t in self.trials.values())
        initial = self.num_initial_points or max(
            3 * len(tuner_internals.varying_hyperparameters(self)), 3
        )
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
        return tuner_internals.random_values(self)

    def _propose(self, size):
        """Values of the next `size` trials, fewer where the space runs out."""
        x, y = self._observations()
        self.gpr.n_restarts_optimizer = 2  # not 20: one length scale has few local optima
        with warnings.catch_warnings():  # a score that depends on nothing has no length scale
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.gpr.fit(x, y)
        space = tuner_internals.varying_hyperparameters(self)
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
            values = tuner_internals.values_of_point(self, points[index].tolist())
            key = tuner_internals.values_key(self, values)
            if key not in tried and not tuner_internals.was_tried(self, values):
                tried.add(key)
                chosen.append(values)
                if len(chosen) == size:
                    break
        return chosen

    def _observations(self):
        """Finished trials as points in the unit cube, and their scores, smaller is better."""
        space = tuner_internals.varying_hyperparameters(self)
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
    """Yield indices in the order of GP-BUCB: minima of mean - beta * deviation, each one observed.

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


class RandomOracle(BatchOracle, stock.RandomSearchOracle):
    """Random search."""


class HyperbandOracle(BatchOracle, stock.HyperbandOracle):
    """Hyperband: many trials for few epochs, the best of them for more."""


class GridOracle(BatchOracle, stock.GridSearchOracle):
    """Every combination, in keras-tuner's order: defaults first, the last hyperparameter fastest.

    A number without a step is cut into ten values, as keras-tuner does.
    """

    def populate_space(self, trial_id):
        hps = self.get_space()
        values = {hp.name: hp.default for hp in hps.space if hps.is_active(hp)}
        if self.start_order:
            last = self.trials[self.start_order[-1]].hyperparameters.values
            values = tuner_internals.next_combination(self, {**values, **last})
        if values is None:
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, "values": values}


ORACLES = {
    "random": RandomOracle,
    "grid": GridOracle,
    "bayesian": BayesianOracle,
    "hyperband": HyperbandOracle,
}


def make_oracle(kind, objective, direction, max_trials, epochs, seed):
    """Make an oracle by its name.

    Args:
        kind: key of `ORACLES`.
        objective, direction: str, as in `keras_tuner.Objective`.
        max_trials: int, or None for all of a grid or a Hyperband run.
        epochs: int, the most epochs that Hyperband gives a trial.
        seed: int.
    """
    cls = ORACLES[check_choice("oracle", kind, ORACLES)]
    oracle = cls(
        keras_tuner.Objective(objective, direction),
        seed=seed or 2**30,  # keras-tuner draws another one for 0
        **({"max_epochs": epochs} if kind == "hyperband" else {"max_trials": max_trials}),
    )
    oracle.max_trials = max_trials
    return oracle


def oracle_of(settings, head=None):
    """The oracle of checked `SearchSettings` with a seed and epochs; `head` knows the objective."""
    if not isinstance(settings.oracle, str):
        return settings.oracle
    direction = direction_of(settings.objective, settings.direction, head)
    return make_oracle(
        settings.oracle, settings.objective, direction, settings.max_trials, settings.epochs,
        settings.seed,
    )  # fmt: skip


@functools.cache
def mixed_class(mixin, cls):
    return type(f"{mixin.__name__}{cls.__name__}", (mixin, cls), {})


def as_batch_oracle(oracle):
    """An oracle with `ask` and `tell` that shares its state with `oracle`, any keras-tuner one."""
    if isinstance(oracle, BatchOracle):
        return oracle
    own = {cls.__mro__[2]: cls for cls in ORACLES.values()}.get(type(oracle))
    found = object.__new__(own or mixed_class(BatchOracle, type(oracle)))
    found.__dict__ = vars(oracle)
    return found
