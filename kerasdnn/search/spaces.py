"""Search spaces: what a search may vary, in the vocabulary of the factories.

    def space(hp):                                       # hp: keras_tuner.HyperParameters
        return {
            "hidden_units": (hp.Choice("units", [16, 32, 64]),) * hp.Int("layers", 1, 3),
            "optimizer": hp.Choice("optimizer", ["nag", "adam"]),
            "learning_rate": hp.Float("learning_rate", 1e-3, 1e-1, sampling="log"),
        }

A space is a plain function. What it returns is what the result tables show and what
`build_classifier(**settings)` takes; the names inside `hp` are the search's own.
"""

import inspect

import keras_tuner

from .. import heads
from ..core.arguments import check_integer, known_name
from ..core.messages import invalid, warn
from ..factories import build_classifier, build_multilabel_classifier, build_regressor
from ..hyperparameters import BUILD, TRAIN

LONG_STEPS = ("sgd", "momentum", "nag", "adagrad")  # need ten times the learning rate of Adam


def settings(space, hp, known=BUILD + TRAIN):
    """What `space` returns for `hp`, checked: a dict in the vocabulary.

    Raises:
        ValueError: it returned something else than a dict, or a name outside the vocabulary.
    """
    returned = space(hp)
    if not isinstance(returned, dict):
        raise invalid(
            "space(hp)",
            "must return a dict in the factories' vocabulary",
            returned,
            "Such as {'hidden_units': (64, 32), 'optimizer': 'nag'}.",
        )
    for name, value in returned.items():
        known_name(name, value, known, "a hyperparameter that `space(hp)` may return")
    if "hidden_units" in returned:
        returned = {**returned, "hidden_units": tuple(returned["hidden_units"])}
    return returned


def default_space(problem, rows, coarse=False, fixed=()):
    """The space searched where none is given.

    Wider layers where there are more rows to fill them; a learning rate on a logarithmic scale,
    ten times higher for Nesterov momentum than for Adam, whose steps have another unit.

    Args:
        problem: one of `heads.HEADS`.
        rows: int, training rows.
        coarse: bool, few values per hyperparameter, 48 combinations: what a grid can visit.
        fixed: dict of the hyperparameters that all trials share; they are not varied.

    Returns:
        A function from `keras_tuner.HyperParameters` to a dict. Its values:

        hidden_units    1 to 3 layers of 16, 32, 64 units (32 to 128 from 1,000 rows, 64 to 256
                        from 10,000 rows)
        activation      "relu", "tanh", "leaky_relu"
        optimizer       "adam" at 0.0003 to 0.03, "nag" at 0.003 to 0.3
        dropout         0, 0.1, 0.2, 0.3
        l2              0.000001 to 0.01, logarithmic
        label_smoothing 0 or 0.05, only with several classes
    """
    heads.head_of(problem)
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
    if not coarse and problem == "multiclass":
        draws["label_smoothing"] = lambda hp: hp.Choice("label_smoothing", [0.0, 0.05])

    def space(hp):
        chosen = {name: draw(hp) for name, draw in draws.items() if name not in left_out}
        optimizer = {**fixed, **chosen}["optimizer"]
        if "learning_rate" in chosen and str(optimizer).lower() in LONG_STEPS:
            chosen["learning_rate"] *= 10
        return {name: chosen[name] for name in BUILD if name in chosen}

    return space


def factory_arguments(problem, n_features, n_outputs, one_hot=False):
    """The factory of `problem`, and the arguments of it that the data decide."""
    if problem == "binary":
        return build_classifier, {"n_features": n_features, "n_classes": 2}
    if problem == "multiclass":
        one_hot = {"one_hot_labels": True} if one_hot else {}
        return build_classifier, {"n_features": n_features, "n_classes": n_outputs, **one_hot}
    if problem == "multilabel":
        return build_multilabel_classifier, {"n_features": n_features, "n_labels": n_outputs}
    target = {"target": "count"} if problem == "count" else {}
    return build_regressor, {"n_features": n_features, "n_outputs": n_outputs, **target}


def varied(chosen, fixed, model):
    """`chosen`, what a space returned, without what the caller fixed; warns once per `model`."""
    for name in chosen.keys() & fixed.keys() if not hasattr(model, "warned") else ():
        model.warned = True
        warn(
            f"`space` should not return `{name}`, which the caller fixed. Received: "
            f"{name}={fixed[name]!r}, which holds for all trials. Leave it out of one of them."
        )
    return {name: value for name, value in chosen.items() if name not in fixed}


class NetworkModel(keras_tuner.HyperModel):
    """A space and a factory as keras-tuner wants them; made by `hypermodel`."""

    def __init__(self, problem, n_features, n_outputs, space, fixed, one_hot=False):
        super().__init__(name=f"{problem}_network")
        self.problem, self.space = problem, space
        self.factory, self.shape = factory_arguments(problem, n_features, n_outputs, one_hot)
        self.fixed = {name: value for name, value in fixed.items() if value is not None}
        if isinstance(self.fixed.get("hidden_units"), list):
            self.fixed["hidden_units"] = tuple(self.fixed["hidden_units"])
        taken = [n for n in BUILD if n in inspect.signature(self.factory).parameters] + [*TRAIN]
        for name, value in self.fixed.items():
            known_name(name, value, taken, f"a hyperparameter of a {problem} network")
        if made := {name: value for name, value in self.fixed.items() if name in BUILD}:
            optimizer = {"optimizer": "nag"} if "momentum" in made else {}
            self.factory(**{**self.shape, **optimizer, "seed": 0, **made})  # values are checked

    def space_settings(self, hp):
        """What `hp` chose, in the vocabulary."""
        return varied(settings(self.space, hp.copy()), self.fixed, self)

    def settings(self, hp):
        """The whole description of a trial: what is fixed, and what `hp` chose."""
        return {**self.fixed, **varied(settings(self.space, hp), self.fixed, self)}

    def build(self, hp):
        chosen = self.settings(hp)
        return self.factory(**self.shape, **{k: v for k, v in chosen.items() if k in BUILD})

    def fit(self, hp, model, *args, **kwargs):
        chosen = self.settings(hp)
        if "tuner/epochs" in hp.values:  # Hyperband decides
            chosen.pop("epochs", None)
        return model.fit(*args, **{**kwargs, **{k: chosen[k] for k in TRAIN if k in chosen}})


def hypermodel(problem, n_features, n_outputs=1, *, space=None, rows=1_000, **fixed):
    """A search space as a `keras_tuner.HyperModel`, for every tuner of keras-tuner.

    Args:
        problem: "binary", "multiclass", "multilabel", "regression" or "count".
        n_features: int, columns of X.
        n_outputs: int, classes, labels or columns of y; 1 for "binary".
        space: function from `hp` to a dict in the vocabulary; None is `default_space`.
        rows: int, training rows, which the default space depends on.
        fixed: hyperparameters that the search leaves alone, such as `seed=0, batch_size=64`.

    Returns:
        A `keras_tuner.HyperModel` whose `build(hp)` is a compiled `Network` and whose `fit`
        takes `batch_size` and `epochs` from the space where it has them.

    Example:
        tuner = keras_tuner.RandomSearch(
            hypermodel("binary", 30, space=space), objective="val_loss", max_trials=20
        )
        tuner.search(x, y, epochs=20, validation_data=(x_valid, y_valid))
    """
    heads.head_of(problem)
    for name, value in fixed.items():
        remedy = f"Pass n_outputs={value!r}." if name in ("n_classes", "n_labels") else ""
        known_name(name, value, BUILD + TRAIN, "an argument of `hypermodel`", remedy)
    n_outputs = check_integer("n_outputs", n_outputs, 2 if problem == "multiclass" else 1)
    if (problem, n_outputs) == ("multiclass", 2):  # one output, as `build_classifier` makes it
        problem, n_outputs = "binary", 1
    return NetworkModel(
        problem, check_integer("n_features", n_features), n_outputs,
        space or default_space(problem, rows, fixed=fixed), fixed,
    )  # fmt: skip
