"""keras-tuner's oracles, asked for whole waves of trials; what a wave is: `wave_oracle.py`.

The grid is enumerated from its last trial, so that a wave need not wait for results; the Bayesian
search proposes a wave from one fitted process.
"""

import keras_tuner
from keras_tuner import oracles as stock
from keras_tuner.engine.trial import TrialStatus

from .bayesian_oracle import BayesianOracle
from .errors import one_of
from .wave_oracle import Waves


class RandomOracle(Waves, stock.RandomSearchOracle):
    """Random search."""


class HyperbandOracle(Waves, stock.HyperbandOracle):
    """Hyperband: many trials for few epochs, the best of them for more."""


class GridOracle(Waves, stock.GridSearchOracle):
    """Every combination, in keras-tuner's order: defaults first, the last hyperparameter fastest.

    A number without a step is cut into ten values, as keras-tuner does.
    """

    def populate_space(self, trial_id):
        hps = self.get_space()
        values = {hp.name: hp.default for hp in hps.space if hps.is_active(hp)}
        if self.start_order:
            last = self.trials[self.start_order[-1]].hyperparameters.values
            values = self._get_next_combination({**values, **last})
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
    """An oracle by its name; `epochs` is the most that Hyperband gives a trial."""
    oracle = ORACLES[one_of("oracle", kind, ORACLES)](
        keras_tuner.Objective(objective, direction),
        seed=seed or 2**30,  # keras-tuner draws another one for 0
        **({"max_epochs": epochs} if kind == "hyperband" else {"max_trials": max_trials}),
    )
    oracle.max_trials = max_trials
    return oracle


def in_waves(oracle):
    """`oracle`, of keras-tuner or of the user, with `ask` and `tell` added to its class."""
    if not isinstance(oracle, Waves):
        own = {kind.__mro__[2]: kind for kind in ORACLES.values()}.get(type(oracle))
        oracle.__class__ = own or type(f"Waves{type(oracle).__name__}", (Waves, type(oracle)), {})
    return oracle
