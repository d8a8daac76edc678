"""Use what keras-tuner keeps private: one function per reach, and the methods that are overridden.

Nothing else in the package names these, so that a new release of keras-tuner breaks the tests of
this file first.
"""

from pathlib import Path

import keras_tuner
from keras_tuner.engine.hyperparameters import Boolean as Boolean
from keras_tuner.engine.trial import Trial as Trial
from keras_tuner.engine.trial import TrialStatus as TrialStatus
from keras_tuner.src.engine.metrics_tracking import MetricsTracker as MetricsTracker

# Methods that subclasses in `search/` override, which keras-tuner itself calls.
OVERRIDDEN = {
    keras_tuner.Oracle: ("_check_consecutive_failures", "_save_trial"),
    keras_tuner.Tuner: ("_activate_all_conditions",),
}


def oracle_file(oracle):
    """Path of oracle.json."""
    return Path(oracle._get_oracle_fname())


def trial_folder(oracle, trial_id):
    """Path of the folder of a trial."""
    return Path(oracle._get_trial_dir(trial_id))


def tuner_file(tuner):
    """Path of the tuner's own state file."""
    return Path(tuner._get_tuner_fname())


def checkpoint_files(tuner, trial_id):
    """Paths of the weights of a trained model, first, and of what it was built with."""
    return [
        Path(tuner._get_checkpoint_fname(trial_id)),
        Path(tuner._get_build_config_fname(trial_id)),
    ]


def hyperband_trials(oracle):
    """How many trials a Hyperband oracle will run; None for other oracles."""
    if not hasattr(oracle, "_get_num_brackets"):
        return None
    total = sum(
        oracle._get_size(bracket, number)
        for bracket in range(oracle._get_num_brackets())
        for number in range(bracket + 1)
    )
    return min(total, oracle.max_trials or total)


def next_combination(oracle, values):
    """The combination of a grid that follows `values`, or None."""
    return oracle._get_next_combination(values)


def varying_hyperparameters(oracle):
    """The hyperparameters of a Bayesian oracle that have more than one value."""
    return oracle._nonfixed_space()


def values_of_point(oracle, point):
    """The values of the hyperparameters at a point of the unit cube, a list of floats."""
    return oracle._vector_to_values(point)


def values_key(oracle, values):
    """A hash of hyperparameter values."""
    return oracle._compute_values_hash(values)


def was_tried(oracle, values):
    """Whether a trial of the oracle has these values."""
    return oracle._duplicate(values)


def random_values(oracle):
    """What `populate_space` of a Bayesian oracle returns for a random trial."""
    return oracle._random_populate_space()
