"""tune() around a preset such as "realmlp": a trial is the fit of an estimator, as a user fits it.

Its layers and schedules are not those of a population. Trials run one after the other.
"""

import numpy as np
from sklearn.base import clone, is_regressor

from ..core.arguments import check_choice, check_integer, check_positive
from ..core.messages import invalid
from ..estimators.fit import fit_parts, watched_metric
from ..estimators.presets import PRESETS
from ..heads import direction_of
from ..tables.encoder import TableEncoder
from ..tables.rows import Part, in_order
from . import spaces
from .engine.estimator_tuner import EstimatorModel, EstimatorTuner
from .engine.oracles import ORACLES, make_oracle
from .engine.project import (
    Progress,
    check_same_search,
    described,
    fingerprint,
    open_project,
    space_of,
)
from .result import SearchResult, result_of


def tune_preset(
    estimator, parts, target, rows, again, *, space, oracle, max_trials, epochs, batch_size, cv,
    objective, time_budget, directory, resume, seed, wave, tensorboard, verbose,
):  # fmt: skip
    """`tune` around the preset of an estimator.

    A trial's score is that of its best epoch, by which its weights are kept, too. For "val_loss"
    labels are not smoothed where nothing else is asked for: losses of smoothed labels do not
    compare.

    Args:
        estimator: whose `preset` is not None.
        parts: the `Part` to search on, and one to judge by where there is one.
        target: learns its units in each trial.
        rows: `Rows` with the splits.
        again: dict, arguments of `fit` for the best estimator.
        others: see `tune`.

    Returns:
        `EstimatorSearchResult`.
    """
    if wave is not None:
        raise invalid("wave", "must be None", wave, "Trials around a preset run one by one.")
    kind = oracle if isinstance(oracle, str) else type(oracle).__name__
    objective = objective if isinstance(oracle, str) else oracle.objective.name
    held = {n: v for n, v in estimator.get_params(deep=False).items() if v is not None}
    estimator.set_params(random_state=seed)
    settle(estimator, target.problem, objective, epochs, batch_size)
    epochs = estimator.epochs
    if isinstance(oracle, str):
        if max_trials is not None:
            check_integer("max_trials", max_trials)
        check_choice("oracle", oracle, ORACLES)
        oracle = make_oracle(oracle, objective, direction_of(objective), max_trials, epochs, seed)
    space = space or default_space(
        estimator.preset, is_regressor(estimator), len(rows.y), kind == "grid", held
    )
    model = EstimatorModel(estimator, space, held)
    rows.x, rows.y = as_numbers(estimator, parts), np.concatenate([part.y for part in parts])
    project = open_project(directory, resume)
    check_same_search(project, {
        "data": fingerprint(rows), "space": space_of(model), "oracle": kind, "epochs": epochs,
        "cv": cv, "objective": objective, "seed": seed,
        "estimator": {n: described(v) for n, v in estimator.get_params(deep=False).items()},
    })  # fmt: skip

    def fit(trial):
        return [fit_part(trial, part, judged, target) for part, judged in pairs(parts, rows.splits)]

    tuner = EstimatorTuner(oracle, model, fit, directory=project.parent, project_name=project.name)
    tuner.on_block = Progress(oracle, verbose)
    tuner.search(None if time_budget is None else check_positive("time_budget", time_budget))
    tuner.on_block.close()

    def train_anew(hyperparameters, training):
        return clone(estimator).set_params(**hyperparameters, **training).fit(**again)

    result = result_of(tuner, train_anew, EstimatorSearchResult)
    result.seed_name, result.preset = "random_state", estimator.preset
    if directory is None:  # the folder lives as long as the result that reads from it
        result.folder = project.folder
    if tensorboard is not None:
        from .result import write_hparams

        write_hparams(result, tensorboard)
    return result


def settle(estimator, problem, objective, epochs, batch_size):
    """Give the estimator what holds for all trials.

    Raises:
        ValueError: an objective that no epoch is judged by.
    """
    watched = watched_metric("accuracy", problem)
    check_choice("objective", objective, ["val_loss"] + ([f"val_{watched}"] if watched else []))
    estimator.set_params(monitor="loss" if objective == "val_loss" else "accuracy")
    if objective == "val_loss" and getattr(estimator, "label_smoothing", 0.0) is None:
        estimator.set_params(label_smoothing=0.0)
    if batch_size is not None:
        estimator.set_params(batch_size=batch_size)
    estimator.set_params(epochs=epochs or estimator.hyperparameters_of_preset()["epochs"])


def as_numbers(estimator, parts):
    """All rows as the network of a trial sees them, to tell one table from another."""
    own = estimator.hyperparameters_of_preset()
    encoder = TableEncoder(
        own["scaling"], own["one_hot_limit"], estimator.categorical or (), estimator.columns
    )
    encoder.fit(parts[0].frame)
    return np.vstack([encoder.transform(part.frame) for part in parts])


def pairs(parts, splits):
    """`(Part to train on, Part to judge by)` of each split."""
    if len(parts) == 2:
        return [tuple(parts)]
    return [(parts[0].take(train), parts[0].take(judged)) for train, judged in splits]


def fit_part(estimator, part, judged, target):
    """`estimator`, fitted."""
    part = Part(*in_order(part.frame, part.y, part.weights))
    rng = np.random.default_rng(estimator.draw_seed())
    estimator = clone(estimator)
    estimator.take_fitted(fit_parts(estimator, part, judged, target, rng))
    return estimator


def default_space(preset, numbers, rows=1_000, coarse=False, fixed=()):
    """The space around a preset, from its own values.

    Args:
        preset: name; "standard" is that of plain networks, without what its loss would hold.
        numbers: bool, whether it is a regressor.
        rows, coarse: of "standard", see `spaces.default_space`.
        fixed: dict of the hyperparameters that all trials share; they are not varied.

    Returns:
        A function from `hp` to a dict. Its values:

        hidden_units    2 to 4 layers, half as wide, as wide and half wider again
        learning_rate   a third to three times the preset's, logarithmic
        activation      "selu", "mish", "relu"
        dropout         0, 0.15, 0.3
        weight_decay    0, 0.02, 0.05
    """
    if preset == "standard":
        held = {"l2": 0.0, "label_smoothing": 0.0} | dict(fixed)
        return spaces.default_space("regression", rows, coarse, held)
    own = PRESETS[preset].hyperparameters | (PRESETS[preset].of_numbers if numbers else {})
    width, rate = own["hidden_units"][0], own["learning_rate"]
    activations = list(dict.fromkeys([own["activation"], "selu", "mish", "relu"]))

    def hidden_units(hp):
        units = hp.Choice("units", [width // 2, width, width * 3 // 2], default=width)
        return (units,) * hp.Int("layers", 2, 4, default=len(own["hidden_units"]))

    def choice(name, values):
        return lambda hp: hp.Choice(name, values, default=own[name])

    draws = {
        "hidden_units": hidden_units,
        "learning_rate": lambda hp: hp.Float(
            "learning_rate", rate / 3, rate * 3, sampling="log", default=rate
        ),
        "activation": lambda hp: hp.Choice("activation", activations),
        "dropout": choice("dropout", [0.0, 0.15, 0.3]),
        "weight_decay": choice("weight_decay", [0.0, 0.02, 0.05]),
    }
    return lambda hp: {name: draw(hp) for name, draw in draws.items() if name not in fixed}


class EstimatorSearchResult(SearchResult):
    """What a search around a preset found; the best network is an estimator fitted anew.

    It is fitted on all rows as its trials were: on a part of them, judged by the others.
    """

    def training(self, rank=0):
        """`epochs`, all of them, for the schedules end with the last, and `batch_size`."""
        found = self._settings(rank)
        return {name: found[name] for name in ("batch_size", "epochs") if name in found}
