"""Define search spaces: what a search may vary, by the names of the hyperparameters.

    def space(hp):                                       # hp: keras_tuner.HyperParameters
        return {
            "hidden_units": (hp.Choice("units", [16, 32, 64]),) * hp.Int("layers", 1, 3),
            "optimizer": hp.Choice("optimizer", ["nag", "adam"]),
            "learning_rate": hp.Float("learning_rate", 1e-3, 1e-1, sampling="log"),
        }

A space is a plain function. What it returns is shown in the result tables and accepted by
`build_classifier(**settings)`; the names inside `hp` belong to the search alone.
"""

from collections.abc import Callable
from typing import Any

import keras_tuner

from ..core.arguments import check_integer, known_name
from ..core.messages import invalid, unknown_name, warn
from ..estimators.presets import PRESETS
from ..factories import build_for
from ..heads.loss import with_loss
from ..heads.problem_types import head_of, make_problem
from ..hyperparameters import FIT, SEARCH, Range, check, names, why_refused

LONG_STEPS = ("sgd", "momentum", "nag", "adagrad")  # need ten times the learning rate of Adam


def settings(space, hp, known=None):
    """Call `space` and check what it returns.

    Args:
        space: function from `hp` to a dict.
        hp: `keras_tuner.HyperParameters`.
        known: names that the dict may have. None means those of a network and of its training.

    Returns:
        dict of hyperparameters by their names.

    Raises:
        ValueError: it is not a function, it returned something other than a dict, or an unknown
            name.
    """
    if not callable(space):
        remedy = "Such as lambda hp: {'optimizer': hp.Choice('optimizer', ['nag', 'adam'])}."
        raise invalid("space", "must be a function from `hp` to a dict", space, remedy)
    returned = space(hp)
    if not isinstance(returned, dict):
        remedy = "Such as {'hidden_units': (64, 32), 'optimizer': 'nag'}."
        raise invalid("space(hp)", "must return a dict of hyperparameters", returned, remedy)
    for name, value in returned.items():
        known_name(
            name, value, known or names(SEARCH), "a hyperparameter that `space(hp)` may return"
        )
    if known is None:
        return check(returned, SEARCH)
    if isinstance(returned.get("hidden_units"), list):  # an estimator checks the values of a trial
        returned = {**returned, "hidden_units": tuple(returned["hidden_units"])}
    return returned


def default_space(problem, rows, coarse=False, fixed=()):
    """Return the space that is searched where none is given.

    Layers are wider where there are more rows; the learning rate has a logarithmic scale and is ten
    times higher for Nesterov momentum than for Adam, whose steps have another unit.

    Args:
        problem: key of `HEADS` or a `Head`.
        rows: int, number of training rows.
        coarse: bool, few values per hyperparameter, 48 combinations, which a grid can visit.
        fixed: dict of the hyperparameters that all trials share; they are not varied.

    Returns:
        Function from `keras_tuner.HyperParameters` to a dict with these values:

        hidden_units    1 to 3 layers of 16, 32, 64 units (32 to 128 from 1,000 rows, 64 to 256
                        from 10,000 rows)
        activation      "relu", "tanh", "leaky_relu"
        optimizer       "adam" at 0.0003 to 0.03, "nag" at 0.003 to 0.3
        dropout         0, 0.1, 0.2, 0.3
        l2              0.000001 to 0.01, logarithmic
        label_smoothing 0 or 0.05, only with several classes
    """
    head = with_loss(head_of(problem), dict(fixed).get("loss"))
    rows = check_integer("rows", rows)
    smallest = 16 if rows < 1_000 else 32 if rows < 10_000 else 64
    units = [smallest, 2 * smallest, 4 * smallest]
    fixed = {name: value for name, value in dict(fixed).items() if value is not None}
    # Adam takes no momentum; an optimizer that is no name brings its own learning rate.
    optimizers = ["nag"] if "momentum" in fixed else ["adam", "nag"]
    own_rate = not isinstance(fixed.get("optimizer", ""), str)
    left_out = {*fixed, "learning_rate"} if own_rate else {*fixed}
    activations = ["relu", "tanh"] if coarse else ["relu", "tanh", "leaky_relu"]
    units, most_layers = (units[:2], 2) if coarse else (units, 3)

    def rate(hp):
        if coarse:
            return hp.Choice("rate", [1e-3, 3e-3, 1e-2], default=3e-3)
        return hp.Float("rate", 3e-4, 3e-2, sampling="log", default=3e-3)

    def hidden_units(hp):
        width = hp.Choice("units", units, default=units[1])
        return (width,) * hp.Int("layers", 1, most_layers, default=2)

    draws = {
        "optimizer": lambda hp: hp.Choice("optimizer", optimizers),
        "learning_rate": rate,
        "hidden_units": hidden_units,
        "activation": lambda hp: hp.Choice("activation", activations),
    }
    if not coarse:
        draws |= {
            "dropout": lambda hp: hp.Choice("dropout", [0.0, 0.1, 0.2, 0.3]),
            "l2": lambda hp: hp.Float("l2", 1e-6, 1e-2, sampling="log", default=1e-5),
        }
    if not coarse and head.per_class and head.smoothed:
        draws["label_smoothing"] = lambda hp: hp.Choice("label_smoothing", [0.0, 0.05])

    def space(hp):
        chosen = {name: draw(hp) for name, draw in draws.items() if name not in left_out}
        optimizer = {**fixed, **chosen}["optimizer"]
        if "learning_rate" in chosen and str(optimizer).lower() in LONG_STEPS:
            chosen["learning_rate"] *= 10
        return {name: chosen[name] for name in names(SEARCH) if name in chosen}

    return space


def preset_space(preset, numbers, steep=False, rows=1_000, coarse=False, fixed=()):
    """Return the space around a preset, from its own values.

    Args:
        preset: str; "standard" means that of plain networks, without what its loss would hold.
        numbers: bool, whether the estimator is a regressor.
        steep: bool, whether its head is, see `heads.Head`.
        rows, coarse: of "standard", see `default_space`.
        fixed: dict of the hyperparameters that all trials share; they are not varied.

    Returns:
        Function from `hp` to a dict with these values:

        hidden_units    2 to 4 layers, half as wide, as wide and half wider again
        learning_rate   a third to three times the preset's, logarithmic
        activation      "selu", "mish", "relu"
        dropout         0, 0.15, 0.3 and the preset's
        weight_decay    0, 0.02, 0.05 and the preset's

        without those that the preset draws for each network.
    """
    if preset == "standard":
        held = {"l2": 0.0, "label_smoothing": 0.0} | dict(fixed)
        return default_space("regression", rows, coarse, held)
    own = PRESETS[preset].values(numbers, steep)
    drawn = {name for name, value in own.items() if isinstance(value, Range)}
    rate = own["learning_rate"]
    activations = list(dict.fromkeys([own["activation"], "selu", "mish", "relu"]))

    def hidden_units(hp):
        width = own["hidden_units"][0]
        units = hp.Choice("units", [width // 2, width, width * 3 // 2], default=width)
        return (units,) * hp.Int("layers", 2, 4, default=len(own["hidden_units"]))

    def choice(name, values):
        return lambda hp: hp.Choice(name, sorted({*values, own[name]}), default=own[name])

    draws = {
        "hidden_units": hidden_units,
        "learning_rate": lambda hp: hp.Float(
            "learning_rate", rate / 3, rate * 3, sampling="log", default=rate
        ),
        "activation": lambda hp: hp.Choice("activation", activations),
        "dropout": choice("dropout", [0.0, 0.15, 0.3]),
        "weight_decay": choice("weight_decay", [0.0, 0.02, 0.05]),
    }
    left = {name: draw for name, draw in draws.items() if name not in drawn | {*fixed}}
    return lambda hp: {name: draw(hp) for name, draw in left.items()}


def varied(chosen, fixed, model):
    """`chosen`, what a space returned, without what the caller fixed; warns once per `model`."""
    for name in chosen.keys() & fixed.keys() if not hasattr(model, "warned") else ():
        model.warned = True
        warn(
            f"`space` returns `{name}`, which the caller fixed: {name}={fixed[name]!r} is used for "
            "all trials. Leave it out of one of them."
        )
    return {name: value for name, value in chosen.items() if name not in fixed}


class NetworkModel(keras_tuner.HyperModel):
    """A `Problem` and a space as keras-tuner expects them; made by `hypermodel`."""

    def __init__(self, problem, space, fixed):
        super().__init__(name=f"{problem.name}_network")
        self.problem, self.space = problem, space
        self.fixed = {name: value for name, value in fixed.items() if value is not None}
        smoothed = ("label_smoothing",) if not problem.head.smoothed else ()
        for name, value in self.fixed.items():
            known = [n for n in names(SEARCH) if n not in smoothed]
            known_name(name, value, known, f"a hyperparameter of a {problem.name} network")
        self.fixed = check(self.fixed, SEARCH)
        if made := factory_settings(self.fixed):
            optimizer = {"optimizer": "nag"} if "momentum" in made else {}
            build_for(problem, **{**optimizer, "seed": 0, **made})  # checks the values

    def space_settings(self, hp):
        """What `hp` chose, by the names of the hyperparameters."""
        return varied(settings(self.space, hp.copy()), self.fixed, self)

    def settings(self, hp):
        """The complete description of a trial: what is fixed, and what `hp` chose."""
        return {**self.fixed, **varied(settings(self.space, hp), self.fixed, self)}

    def build(self, hp):
        return build_for(self.problem, **factory_settings(self.settings(hp)))

    def fit(self, hp, model, *args, **kwargs):
        chosen = self.settings(hp)
        if "tuner/epochs" in hp.values:  # Hyperband decides
            chosen.pop("epochs", None)
        return model.fit(*args, **{**kwargs, **{k: chosen[k] for k in names(FIT) if k in chosen}})


def factory_settings(settings):
    """Those of `settings` that build a network; the others belong to its training."""
    return {name: value for name, value in settings.items() if name not in names(FIT)}


def hypermodel(
    problem: Any,
    n_features: int,
    n_outputs: int = 1,
    *,
    space: Callable | None = None,
    rows: int = 1_000,
    **fixed: Any,
) -> keras_tuner.HyperModel:
    """Make a search space into a `keras_tuner.HyperModel` for any tuner of keras-tuner.

    Args:
        problem: "binary", "multiclass", "multilabel", "regression", "count" or a `Head`.
        n_features: int, at least 1, columns of X.
        n_outputs: int, number of classes, labels or columns of y; 1 for "binary". Default: 1.
        space: function from `hp` to a dict of hyperparameters. None means `default_space`.
        rows: int, number of training rows, which decides how wide the default space is. Default:
            1,000.
        fixed: hyperparameters that the search does not vary, such as `seed=0, batch_size=64`.

    Returns:
        `keras_tuner.HyperModel` whose `build(hp)` returns a compiled `Network` and whose `fit`
        takes `batch_size` and `epochs` from the space where it has them.

    Raises:
        ValueError: an unknown hyperparameter, or a value out of its range.

    Example:
        import keras_tuner
        from kerasdnn import PopulationTuner, hypermodel

        model = hypermodel("binary", 30, hidden_units=(16,))
        network = model.build(keras_tuner.HyperParameters())    # with default values
    """
    for name, value in fixed.items():
        if name not in names(SEARCH):
            remedy = f"Pass n_outputs={value!r}." if name in ("n_classes", "n_labels") else ""
            remedy = remedy or why_refused(name, SEARCH)
            raise unknown_name("hypermodel()", name, names(SEARCH), remedy)
    made = make_problem(problem, n_features, n_outputs)
    return NetworkModel(made, space or default_space(made.head, rows, fixed=fixed), fixed)
