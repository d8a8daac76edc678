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

import keras_tuner

from . import heads
from .errors import invalid, one_of, whole
from .factories import build_classifier, build_multilabel_classifier, build_regressor

BUILD = (
    "hidden_units", "activation", "optimizer", "learning_rate", "momentum", "dropout", "l2",
    "batch_norm", "label_smoothing", "seed",
)  # fmt: skip
TRAIN = ("batch_size", "epochs")  # arguments of `fit`, not of a factory


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
    for name in returned:
        one_of("a name in the dict of space(hp)", name, known)
    if "hidden_units" in returned:
        returned = {**returned, "hidden_units": tuple(returned["hidden_units"])}
    return returned


def default_space(problem, rows, coarse=False):
    """The space searched where none is given.

    Wider layers where there are more rows to fill them; a learning rate on a logarithmic scale,
    ten times higher for Nesterov momentum than for Adam, whose steps have another unit.

    Args:
        problem: one of `heads.HEADS`.
        rows: int, training rows.
        coarse: bool, few values per hyperparameter, 48 combinations: what a grid can visit.

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
    rows = whole("rows", rows)
    smallest = 16 if rows < 1_000 else 32 if rows < 10_000 else 64
    units = [smallest, 2 * smallest, 4 * smallest]
    smoothing = problem == "multiclass"

    def fine_space(hp):
        optimizer = hp.Choice("optimizer", ["adam", "nag"])
        rate = hp.Float("rate", 3e-4, 3e-2, sampling="log", default=3e-3)
        width = hp.Choice("units", units, default=units[1])
        chosen = {
            "hidden_units": (width,) * hp.Int("layers", 1, 3, default=2),
            "activation": hp.Choice("activation", ["relu", "tanh", "leaky_relu"]),
            "optimizer": optimizer,
            "learning_rate": rate if optimizer == "adam" else 10 * rate,
            "dropout": hp.Choice("dropout", [0.0, 0.1, 0.2, 0.3]),
            "l2": hp.Float("l2", 1e-6, 1e-2, sampling="log", default=1e-5),
        }
        if smoothing:
            chosen["label_smoothing"] = hp.Choice("label_smoothing", [0.0, 0.05])
        return chosen

    def coarse_space(hp):
        optimizer = hp.Choice("optimizer", ["adam", "nag"])
        rate = hp.Choice("rate", [1e-3, 3e-3, 1e-2], default=3e-3)
        width = hp.Choice("units", units[:2], default=units[1])
        return {
            "hidden_units": (width,) * hp.Int("layers", 1, 2, default=2),
            "activation": hp.Choice("activation", ["relu", "tanh"]),
            "optimizer": optimizer,
            "learning_rate": rate if optimizer == "adam" else 10 * rate,
        }

    return coarse_space if coarse else fine_space


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


class NetworkModel(keras_tuner.HyperModel):
    """A space and a factory as keras-tuner wants them; made by `hypermodel`."""

    def __init__(self, problem, n_features, n_outputs, space, fixed, one_hot=False):
        super().__init__(name=f"{problem}_network")
        self.problem, self.space = problem, space
        self.factory, self.shape = factory_arguments(problem, n_features, n_outputs, one_hot)
        self.fixed = fixed

    def space_settings(self, hp):
        """What `hp` chose, in the vocabulary."""
        return settings(self.space, hp.copy())

    def settings(self, hp):
        """The whole description of a trial: what is fixed, and what `hp` chose."""
        return {**self.fixed, **settings(self.space, hp)}

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
    n_outputs = whole("n_outputs", n_outputs, 2 if problem == "multiclass" else 1)
    for name in fixed:
        one_of("a keyword argument", name, BUILD + TRAIN)
    return NetworkModel(
        problem, whole("n_features", n_features), n_outputs,
        space or default_space(problem, rows), fixed,
    )  # fmt: skip
