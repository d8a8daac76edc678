"""Search around a preset such as "realmlp": a trial is the fit of an estimator, as a user fits it.

The layers and schedules of a preset are not those of a population: each trial trains by itself.
"""

from typing import Any

from sklearn.base import clone

from ..core.arguments import check_choice
from ..estimators.training import enough_steps
from ..hyperparameters import FIT, names
from ..tables.encoder import TableEncoder
from .engine.estimator_tuner import EstimatorModel, EstimatorTuner
from .engine.oracles import ORACLES, oracle_of
from .engine.project import Progress, check_resumable, fingerprint, open_project, space_of
from .objective import find_objective
from .result import SearchResult, search_tail
from .settings import described, trials_per_batch
from .spaces import preset_space


def tune_preset(estimator, table, settings, fit_arguments):
    """`tune` around the preset of an estimator.

    A trial's score is that of its best epoch, whose weights it keeps. For "val_loss" labels are not
    smoothed unless the user asks for it, because losses of smoothed labels do not compare.

    Args:
        estimator: `DNNClassifier` or `DNNRegressor` whose `preset` is not None; it is changed.
        table: `TableData`; its target learns its units in each trial.
        settings: checked `SearchSettings` with a seed.
        fit_arguments: dict, arguments of `fit` for the best estimator.

    Returns:
        `EstimatorSearchResult`.
    """
    if isinstance(settings.oracle, str):
        check_choice("oracle", settings.oracle, ORACLES)
    held = {n: v for n, v in estimator.get_params(deep=False).items() if v is not None}
    estimator.set_params(random_state=settings.seed)
    settings = apply_settings(estimator, table, settings)
    settings = settings.replace(
        epochs=estimator.epochs, batch_size=estimator.batch_size, objective=settings.measured,
        space=settings.space or preset_space(
            estimator.preset, estimator._of_numbers, estimator._steep, len(table.parts[0]),
            settings.kind == "grid", held,
        ),
    )  # fmt: skip
    model = EstimatorModel(estimator, settings.space, held)
    rows = table.matrix(fitted_encoder(estimator, table.parts[0].x))
    project = open_project(settings.directory, settings.resume)
    check_resumable(project, {
        "data": fingerprint(rows, table.pairs), "space": space_of(model), **settings.for_resume(),
        "estimator": {n: described(v) for n, v in estimator.get_params(deep=False).items()},
    })  # fmt: skip

    def refit(hyperparameters, training):
        return clone(estimator).set_params(**hyperparameters, **training).fit(**fit_arguments)

    tuner = EstimatorTuner(
        oracle_of(settings),
        model,
        table,
        trials_per_batch(settings, together=False),
        **project.for_tuner,
    )
    tuner.on_progress = Progress(tuner.oracle, settings.verbose)
    tuner.search(settings.time_budget, settings.n_jobs)
    tuner.on_progress.close()
    return search_tail(
        tuner, project, settings, refit, EstimatorSearchResult, seed_name="random_state",
        preset=estimator.preset,
    )  # fmt: skip


def apply_settings(estimator, table, settings):
    """Set on the estimator what holds for all trials; returns settings with the objective's name.

    Raises:
        ValueError: an objective that no epoch is evaluated by.
    """
    objective, settings = find_objective(settings, table.target.head)
    estimator.set_params(monitor=settings.scorer or objective.name)
    if objective.name == "loss" and getattr(estimator, "label_smoothing", 0.0) is None:
        estimator.set_params(label_smoothing=0.0)
    if settings.batch_size is not None:
        estimator.set_params(batch_size=settings.batch_size)
    own = enough_steps(estimator._hyperparameters(), estimator, len(table.parts[0]))
    estimator.set_params(epochs=settings.epochs or own["epochs"])
    return settings


def fitted_encoder(estimator, frame):
    """The encoder of an estimator's preset, fitted on all rows, to compare tables by."""
    own = estimator._hyperparameters()
    encoder = TableEncoder(
        own["scaling"], own["one_hot_limit"], estimator.categorical or (), estimator.columns
    )
    return encoder.fit(frame)


class EstimatorSearchResult(SearchResult):
    """What a search around a preset found; the best network is a fitted estimator.

    It is fitted on all rows as its trials were: on a part of them, validated on the others.
    """

    def training(self, rank: int = 0) -> dict[str, Any]:
        """`batch_size`, and all of the `epochs`, because the schedules end with the last one."""
        found = self._settings(rank)
        return {name: found[name] for name in names(FIT) if name in found}
