"""PopulationTuner: a keras-tuner tuner that trains its trials in batches, each one a population.

ask the oracle for a batch          one file, oracle.json, says which trials are under way
train their networks together       a network per trial and fold; checkpoints in wave.npz
keep weights and curves             wave_TRIAL.npz, named by the first trial of the batch
tell the oracle the scores          oracle.json again, written last

A program killed at any point finds the complete files of the step before, and resumes from there
with the same numbers.
"""

import contextlib
import io
import time
from os import PathLike
from pathlib import Path
from typing import Any

import keras_tuner

from ...core.arguments import check_integer
from ...core.messages import invalid
from ...core.rows import Rows
from ...core.state_files import read_json, write_json
from ...heads.metrics import check_objective
from ..data import defined_splits, read_data
from ..settings import BATCH_SIZE, EPOCHS, TRIALS_PER_BATCH, SearchSettings
from ..spaces import NetworkModel
from .batch_run import BatchRun
from .checkpoints import Checkpoints
from .oracles import as_batch_oracle
from .tuner_internals import Boolean, tuner_file


class PopulationTuner(keras_tuner.Tuner):
    """A `keras_tuner` tuner for search spaces over the `build_*` functions.

    `search`, `results_summary`, `get_best_hyperparameters`, `get_best_models`, `reload` and the
    project directory are those of keras-tuner. What differs: many trials are trained together in
    one compiled program; a trial's loss on the validation rows is that of the problem type, without
    regularization and label smoothing; a network that diverges fails alone.

    Args:
        oracle: any `keras_tuner.Oracle`, with an objective such as "val_loss".
        hypermodel: made by `kerasdnn.hypermodel`.
        wave: int, at least 1, maximum number of trials per batch. Default: 128.
        seed: int, at least 0, the seed of every network's weights and of the order of its rows. All
            trials share it, so that they differ by their hyperparameters only. Default: 0.
        directory: str or Path of the project's parent. None means the current folder.
        project_name: str, the name of the folder in `directory`. None means "untitled_project".
        overwrite: bool, whether a search in that folder is deleted first. Default: False.

    Raises:
        ValueError: `hypermodel` or `oracle` is of another kind.

    Example:
        import keras_tuner
        from kerasdnn import PopulationTuner, hypermodel
        from sklearn.datasets import load_breast_cancer
        from sklearn.preprocessing import scale

        X, y = load_breast_cancer(return_X_y=True)
        x, x_valid, y, y_valid = scale(X)[:400], scale(X)[400:], y[:400], y[400:]
        oracle = keras_tuner.oracles.RandomSearchOracle("val_loss", max_trials=4, seed=0)
        tuner = PopulationTuner(oracle, hypermodel("binary", 30), directory="searches")
        tuner.search(x, y, epochs=2, validation_data=(x_valid, y_valid), verbose=0)
        tuner.get_best_models()[0].predict(x_valid)
    """

    def __init__(
        self,
        oracle: Any,
        hypermodel: Any,
        *,
        wave: int = TRIALS_PER_BATCH,
        seed: int = 0,
        directory: str | PathLike | None = None,
        project_name: str | None = None,
        overwrite: bool = False,
    ):
        if not isinstance(hypermodel, NetworkModel):
            raise invalid(
                "hypermodel", "must be made by `kerasdnn.hypermodel`", hypermodel,
                "Any other model is searched by `tune(build=..., workers=...)`.",
            )  # fmt: skip
        if not isinstance(oracle, keras_tuner.Oracle):
            raise invalid("oracle", "must be a keras_tuner.Oracle", oracle)
        self.trials_per_batch = check_integer("wave", wave)
        self.seed = check_integer("seed", seed, 0)
        self.seconds, self.on_progress, self.running = 0.0, lambda tuner: None, None
        oracle = as_batch_oracle(oracle)
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            super().__init__(
                oracle, hypermodel, directory=str(directory or "."), project_name=project_name,
                overwrite=overwrite,
            )  # fmt: skip
        self.checkpoints = Checkpoints(Path(self.project_dir))

    def _activate_all_conditions(self):
        """Find every hyperparameter, also those behind a plain `if` of the space."""
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
        x: Any,
        y: Any,
        *,
        epochs: int | None = EPOCHS,
        batch_size: int | str | None = BATCH_SIZE,
        validation_data: Any = None,
        validation_fraction: float = 0.2,
        cv: Any = None,
        sample_weight: Any = None,
        class_weight: dict | str | None = None,
        groups: Any = None,
        time: Any = None,
        time_budget: float | None = None,
        verbose: int = 1,
    ) -> None:
        """Search until the oracle has no more trials or `time_budget` seconds are over.

        The arguments are those of `kerasdnn.tune`.

        Args:
            x: float array `(rows, n_features)`.
            y: array `(rows,)` or `(rows, outputs)`.
            epochs: int, training epochs per trial; with Hyperband the maximum. None means 50.
                Default: 50.
            batch_size: int, rows per step, or "full" for one step per epoch. None means 32.
                Default: 32.
            validation_data: `(x, y)` on which trials are evaluated. None means a part of the rows.
            validation_fraction: float in (0, 1), the fraction of the rows that is held out if there
                is no `validation_data`. Default: 0.2.
            cv: int, number of folds, or a scikit-learn splitter, as in `kerasdnn.tune`. None means
                one validation set.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.
            class_weight: dict from class to weight, or "balanced". None means 1 for every class.
            groups: array `(rows,)`: rows of one group stay together. None means that rows are
                independent.
            time: array `(rows,)`: trials are evaluated on the latest rows. None means rows drawn at
                random.
            time_budget: positive float, seconds after which the search stops. None means no limit.
            verbose: int, 0 prints nothing, 1 the progress. Default: 1.
        """
        settings = SearchSettings(
            epochs=epochs, batch_size=batch_size, validation_fraction=validation_fraction, cv=cv,
            time_budget=time_budget, seed=self.seed,
        ).checked()  # fmt: skip
        given = Rows(x, y, sample_weight, groups=groups, time=time)
        data = read_data(given, self.hypermodel.problem.head, class_weight, validation_data)
        self.search_data(
            data.split(cv=settings.cv, validation_fraction=validation_fraction, seed=self.seed),
            settings,
        )

    def search_data(self, data: Any, settings: Any) -> None:
        """Search over rows and settings that have been checked; `search` calls it.

        Args:
            data: `SearchData` with splits.
            settings: `SearchSettings` with epochs.
        """
        objective = self.oracle.objective.name
        check_objective(objective, data.problem.head, data.problem.one_hot)
        self.data = data.replace(pairs=defined_splits(data, objective))
        self.fit_with = {"epochs": settings.epochs, "batch_size": settings.batch_size}
        budget = settings.time_budget
        end = None if budget is None else time.monotonic() + budget
        self.on_search_begin()
        while end is None or time.monotonic() < end:
            trials = self.oracle.ask(self.tuner_id, self.trials_per_batch)
            if not trials:
                break
            self.save()
            if not self._run_batch(trials, end):
                break
        self.on_search_end()

    def _run_batch(self, trials, end):
        """Train a batch to its end and tell the oracle; False if the time was over before."""
        members = [self.settings(trial) for trial in trials]
        run = BatchRun(trials, members, self.data, self.oracle.objective, self.checkpoints)
        self.running = run
        if not run.train(end, lambda: self.on_progress(self)):
            return False
        results = run.results()
        self.checkpoints.finish(run)
        self.oracle.tell(results)
        self.seconds += run.seconds
        self.running = None
        self.save()
        self.checkpoints.forget_checkpoint()
        if len(results) > 1 and all(isinstance(result, str) for result in results.values()):
            listed = "\n".join(f"  trial {i}: {why}" for i, why in list(results.items())[:3])
            raise RuntimeError(f"All {len(results)} trials of a batch failed:\n{listed}")
        self.on_progress(self)
        return True

    def settings(self, trial: Any) -> dict:
        """Return the complete description of a trial's network and training.

        Args:
            trial: `keras_tuner` trial.

        Returns:
            dict from hyperparameter to value.
        """
        hp = trial.hyperparameters.copy()
        found = {**self.fit_with, "seed": self.seed, **self.hypermodel.settings(hp)}
        if "tuner/epochs" in hp.values:
            found["epochs"] = hp.values["tuner/epochs"]
        if len(hp.space) > len(self.oracle.hyperparameters.space):
            self.oracle.update_space(hp)
        return found

    def curves(self, trial_id: str) -> dict:
        """Return the objective of a trial after each epoch.

        Args:
            trial_id: str, `trial.trial_id`.

        Returns:
            dict from the number of each fold to a float array `(epochs,)`.
        """
        if self.running and trial_id in self.running.ids:
            return self.running.curves[self.running.ids.index(trial_id)]
        return self.checkpoints.curves(trial_id)

    def load_model(self, trial: Any) -> Any:
        """Return the trained network of a trial, at its best epoch (of the first fold).

        Args:
            trial: `keras_tuner` trial.

        Returns:
            `Network`.
        """
        network = self.hypermodel.build(trial.hyperparameters)
        network.set_weights(self.checkpoints.weights(trial.trial_id))
        return network

    def save(self) -> None:
        self.oracle.save()
        write_json(tuner_file(self), {"seconds": self.seconds, "seed": self.seed})

    def reload(self) -> None:
        self.oracle.reload()
        self.seconds = read_json(tuner_file(self))["seconds"]


def choices(parameter):
    """A few values of a hyperparameter, so that every branch of a space is taken once."""
    config = parameter.get_config()
    if "values" in config:
        return list(config["values"])
    if isinstance(parameter, Boolean):
        return [True, False]
    if "min_value" in config:
        return [config["min_value"], config["max_value"]]
    return [parameter.default]
