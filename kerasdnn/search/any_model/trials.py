"""ModelTuner: a keras-tuner tuner of any Keras model; each trial leaves weights.npz."""

import warnings
from pathlib import Path

import keras_tuner

from ...core.parallel import Shared
from ...core.state_files import REMEDY, read_arrays, read_json, sha256, write_arrays
from ..engine import tuner_internals
from ..engine.task_tuner import TaskTuner
from .training import set_weights, train_trial


class ModelTuner(TaskTuner):
    """Trains the models of an oracle's trials.

    Args:
        oracle, size, directory, project_name: see `TaskTuner`.
        build: function from `hp` to a compiled model, or a `keras_tuner.HyperModel`.
        training: dict with `seed`, `silence` and `fit`, see `train_trial`.
    """

    function = staticmethod(train_trial)

    def __init__(self, oracle, build, training, size, directory, project_name):
        self.build, self.training = build, training
        super().__init__(oracle, build, size, directory, project_name)
        written = tuner_internals.oracle_file(self.oracle).exists()
        if written and not self.oracle.trials:
            self.oracle.reload()  # written by an earlier version

    def shared(self):
        return Shared(build=self.build, objective=self.oracle.objective, **self.training)

    def arguments(self, trial):
        hp, start = trial.hyperparameters, None
        if "tuner/trial_id" in hp.values:  # continues the training of that one
            start = self.weights(self.oracle.trials[hp.values["tuner/trial_id"]])
        return hp.get_config(), start

    def keep(self, trial, result):
        metrics, epoch, hp, (config, arrays) = result
        arrays = {str(number): array for number, array in enumerate(arrays)}
        write_arrays(self.weights_file(trial), {"build": config}, arrays)
        return metrics, epoch, keras_tuner.HyperParameters.from_config(hp)

    def weights_file(self, trial):
        return Path(self.get_trial_dir(trial.trial_id), "weights.npz")

    def has_weights(self, trial):
        """Whether the weights of a trial are in its folder."""
        earlier = tuner_internals.checkpoint_files(self, trial.trial_id)[0]
        return self.weights_file(trial).exists() or earlier.exists()

    def weights(self, trial):
        """(build config, list of arrays) of a trial's model at its best epoch."""
        if not self.weights_file(trial).exists():
            model = self.load_model(trial)
            return model.get_build_config(), model.get_weights()
        about, arrays = read_arrays(self.weights_file(trial))
        return about["build"], [arrays[str(number)] for number in range(len(arrays))]

    def load_model(self, trial):
        if self.weights_file(trial).exists():
            model = self.hypermodel.build(trial.hyperparameters)
            set_weights(model, *self.weights(trial))
            return model
        self.check_intact(trial.trial_id)
        with warnings.catch_warnings():  # the weights are wanted, not the optimizer's state
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return super().load_model(trial)

    def check_intact(self, trial_id):
        """Compare the weights that an earlier version wrote with their checksum."""
        path = Path(self.get_trial_dir(trial_id), "checksums.json")
        files = [p for p in tuner_internals.checkpoint_files(self, trial_id) if p.exists()]
        if path.exists() and read_json(path) != {p.name: sha256(p.read_bytes()) for p in files}:
            raise ValueError(
                f"The weights of trial {trial_id} in {path.parent} cannot be read: their checksum "
                f"does not match their content. {REMEDY}"
            )
