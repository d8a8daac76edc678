"""PopulationTuner: a keras-tuner tuner that trains its trials in waves, each one a population.

ask the oracle for a wave           one file, oracle.json, says which trials are under way
train their networks together       a member per trial and fold; checkpoints in wave.npz
keep weights and curves             wave_TRIAL.npz, named by the wave's first trial
tell the oracle the scores          oracle.json again, written last

A program killed at any point finds the files of the step before whole, and continues from there
with the same numbers.
"""

import contextlib
import io
import time
from pathlib import Path

import keras_tuner
from keras_tuner.engine import hyperparameters

from ...core.arguments import check_integer
from ...core.messages import invalid
from ...core.state_files import read_json, write_json
from ...heads import check_objective
from ...tables.splits import divide
from ..rows import defined_splits, read_rows
from ..spaces import NetworkModel
from .batch_run import WaveRun
from .checkpoints import WaveFiles
from .oracles import in_waves

WAVE = 128  # trials trained together, at most


class PopulationTuner(keras_tuner.Tuner):
    """A `keras_tuner` tuner for search spaces over `build_classifier` and its siblings.

    `search`, `results_summary`, `get_best_hyperparameters`, `get_best_models`, `reload` and the
    project directory are those of keras-tuner. What differs: trials are trained many at a time in
    one compiled program; a trial's loss on the validation rows is the head's own, without
    regularisation and label smoothing; a network that diverges fails alone.

    Args:
        oracle: any `keras_tuner.Oracle`, with an objective such as "val_loss".
        hypermodel: made by `kerasdnn.hypermodel`.
        wave: int, trials trained together at most.
        seed: int, the seed of every network's weights and of the order of its rows. All trials
            share it: they differ by their hyperparameters and by nothing else.
        directory, project_name, overwrite: as in `keras_tuner.Tuner`.

    Example:
        oracle = keras_tuner.oracles.RandomSearchOracle("val_loss", max_trials=100, seed=0)
        tuner = PopulationTuner(oracle, hypermodel("binary", 30), directory="searches")
        tuner.search(x, y, epochs=20, validation_data=(x_valid, y_valid))
        tuner.get_best_models()[0].predict(x_valid)
    """

    def __init__(
        self,
        oracle,
        hypermodel,
        *,
        wave=WAVE,
        seed=0,
        directory=None,
        project_name=None,
        overwrite=False,
    ):
        if not isinstance(hypermodel, NetworkModel):
            raise invalid(
                "hypermodel", "must be made by `kerasdnn.hypermodel`", hypermodel,
                "Any other model is searched by `tune(build=..., workers=...)`.",
            )  # fmt: skip
        if not isinstance(oracle, keras_tuner.Oracle):
            raise invalid("oracle", "must be a keras_tuner.Oracle", oracle)
        self.wave_size, self.seed = check_integer("wave", wave), check_integer("seed", seed, 0)
        self.seconds, self.on_block, self.open = 0.0, lambda tuner: None, None
        oracle = in_waves(oracle)
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            super().__init__(
                oracle, hypermodel, directory=str(directory or "."), project_name=project_name,
                overwrite=overwrite,
            )  # fmt: skip
        self.files = WaveFiles(Path(self.project_dir))

    # ------------------------------------------------------------ as keras-tuner knows it
    def _activate_all_conditions(self):
        """Find every hyperparameter: also those behind a plain `if` of the space."""
        while True:
            known = len(self.oracle.hyperparameters.space)
            for parameter in list(self.oracle.hyperparameters.space):
                for value in choices(parameter):
                    hp = self.oracle.get_space()
                    hp.values[parameter.name] = value
                    hp.ensure_active_values()
                    self.hypermodel.settings(hp)
                    self.oracle.update_space(hp)
            if not known:
                hp = self.oracle.get_space()
                self.hypermodel.settings(hp)
                self.oracle.update_space(hp)
            if len(self.oracle.hyperparameters.space) == known:
                return

    def search(
        self,
        x,
        y,
        *,
        epochs=50,
        batch_size=32,
        validation_data=None,
        validation_fraction=0.2,
        cv=None,
        sample_weight=None,
        class_weight=None,
        time_budget=None,
        verbose=1,
    ):
        """Search until the oracle has no more trials, or `time_budget` seconds are over.

        Arguments are those of `kerasdnn.tune`.
        """
        problem = self.hypermodel.problem
        rows = read_rows(x, y, problem, sample_weight, class_weight, validation_data)
        if not rows.splits:
            rows.splits = divide(
                rows, cv=cv, validation_fraction=validation_fraction, seed=self.seed
            )
        self.search_rows(rows, epochs, batch_size, time_budget)

    def search_rows(self, rows, epochs, batch_size, time_budget=None):
        """`search` over rows that are checked and divided."""
        check_objective(self.oracle.objective.name, rows.problem, rows.one_hot)
        rows.splits = defined_splits(rows, self.oracle.objective.name)
        self.rows, self.fit_with = rows, {"epochs": epochs, "batch_size": batch_size}
        end = None if time_budget is None else time.monotonic() + time_budget
        self.on_search_begin()
        while end is None or time.monotonic() < end:
            trials = self.oracle.ask(self.tuner_id, self.wave_size)
            if not trials:
                break
            self.save()
            if not self._run_wave(trials, end):
                break
        self.on_search_end()

    def _run_wave(self, trials, end):
        """Train a wave to its end and tell the oracle; False if the time was over before."""
        run = self.open = WaveRun(self, trials)
        if not run.train(end):
            return False
        results = run.results()
        self.files.finish(run)
        self.oracle.tell(results)
        self.seconds += run.seconds
        self.open = None
        self.save()
        self.files.forget_checkpoint()
        if len(results) > 1 and all(isinstance(result, str) for result in results.values()):
            listed = "\n".join(f"  trial {i}: {why}" for i, why in list(results.items())[:3])
            raise RuntimeError(f"All {len(results)} trials of a wave failed:\n{listed}")
        self.on_block(self)
        return True

    def settings(self, trial):
        """The whole description of a trial's network and training."""
        hp = trial.hyperparameters.copy()
        found = {**self.fit_with, "seed": self.seed, **self.hypermodel.settings(hp)}
        if "tuner/epochs" in hp.values:
            found["epochs"] = hp.values["tuner/epochs"]
        if len(hp.space) > len(self.oracle.hyperparameters.space):
            self.oracle.update_space(hp)
        return found

    def load_model(self, trial):
        """The trained network of a trial, at its best epoch (on the first fold it was given)."""
        network = self.hypermodel.build(trial.hyperparameters)
        network.set_weights(self.files.weights(trial.trial_id))
        return network

    def save(self):
        self.oracle.save()
        write_json(self._get_tuner_fname(), {"seconds": self.seconds, "seed": self.seed})

    def reload(self):
        self.oracle.reload()
        self.seconds = read_json(self._get_tuner_fname())["seconds"]


def choices(parameter):
    """A few values of a hyperparameter, so that every branch of a space is taken once."""
    config = parameter.get_config()
    if "values" in config:
        return list(config["values"])
    if isinstance(parameter, hyperparameters.Boolean):
        return [True, False]
    if "min_value" in config:
        return [config["min_value"], config["max_value"]]
    return [parameter.default]
