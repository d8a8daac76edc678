"""The mistakes of `silent_errors.py`: each a function of a model class and of clean data."""

from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kerasdnn import DNNClassifier

ROWS, EPOCHS = 400, 10
LAYERS = keras.layers
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
HEADS = {
    "binary": (1, "sigmoid", "binary_crossentropy"),
    "classes": (3, "softmax", "sparse_categorical_crossentropy"),
    "one-hot": (3, "softmax", "categorical_crossentropy"),
    "labels": (3, "sigmoid", "binary_crossentropy"),
    "number": (1, "linear", "mean_squared_error"),
    "numbers": (3, "linear", "mean_squared_error"),
    "count": (1, "exponential", "poisson"),
}


def data(seed=0):
    """Three features and, of the same rows, a target of every kind."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, 3)).astype("float32")
    number = (2 * x[:, 0] - x[:, 1] + 0.1 * rng.normal(size=ROWS)).astype("float32")
    classes = np.digitize(number, [-1, 1])
    return SimpleNamespace(
        x=x,
        number=number,
        numbers=np.stack([number, x[:, 2], number + x[:, 2]], axis=1),
        binary=(number > 0).astype(int),
        classes=classes,
        labels=(np.stack([number, x[:, 1], x[:, 2]], axis=1) > 0).astype(int),
        count=rng.poisson(np.exp(number / 2)),
        frame=pd.DataFrame(x, columns=["age", "income", "height"]),
        **{"one-hot": np.eye(3, dtype="float32")[classes]},
    )


def network(model_class, problem, head=None, norm=False):
    units, activation, loss = head or HEADS[problem]
    layers = [keras.Input((3,)), LAYERS.Dense(16, "relu")]
    layers += [LAYERS.BatchNormalization()] if norm else []
    model = model_class([*layers, LAYERS.Dense(units, activation=activation)])
    metrics = ["accuracy"] if problem in ("binary", "classes", "one-hot") else []
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=metrics)
    return model


def fitted(model_class, problem, x, y, head=None, **arguments):
    model = network(model_class, problem, head)
    arguments = {"epochs": EPOCHS, "verbose": 0, **arguments}
    model.history_ = model.fit(x, y, **arguments).history
    return model


def quality(problem, model):
    """Fraction of new rows predicted correctly; R2 for numbers."""
    new = data(seed=1)
    answers, truth = np.asarray(model(new.x)), getattr(new, problem)
    if problem in ("binary", "labels"):
        right = (answers > 0.5) == truth.reshape(len(truth), -1)
        return float(np.where(np.isnan(answers), np.nan, right).mean())
    if problem in ("classes", "one-hot"):
        right = answers.argmax(axis=1) == new.classes
        return float(np.where(np.isnan(answers).any(axis=1), np.nan, right).mean())
    truth = truth.reshape(len(truth), -1)
    return float(1 - ((answers - truth) ** 2).mean() / truth.var(axis=0).mean())


@cache
def clean(problem):
    keras.utils.set_random_seed(0)
    rows = data()
    return quality(problem, fitted(keras.Sequential, problem, rows.x, getattr(rows, problem)))


def score(problem, model):
    loss = model.history_["loss"][-1]
    return f"{quality(problem, model):.2f}, without it {clean(problem):.2f}; last loss {loss:.2g}"


@dataclass(frozen=True)
class Mistake:
    """`make(model_class, data)` trains and returns the model.

    `harm(model)` tells what came of it, and `put_right(model)` whether the model undid it.
    """

    title: str
    problem: str
    make: object
    harm: object = None
    put_right: object = None


def planted(array, value, position):
    array = np.array(array, dtype="float64")
    array[position] = value
    return array


def standardised_constant(x):
    x = planted(x, 3.0, np.s_[:, 2])
    with np.errstate(all="ignore"):
        return (x - x.mean(axis=0)) / x.std(axis=0)


def on_two_replicas(model_class, d):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = network(model_class, "number", norm=True)
    model.history_ = model.fit(d.x, d.number, epochs=EPOCHS, verbose=0).history
    return model


def under_xla(model_class, d):
    model = network(model_class, "classes")
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=True)
    model.history_ = model.fit(d.x, d.classes + 1, epochs=EPOCHS, verbose=0).history
    return model


def too_fast(model_class, d):
    model = network(model_class, "number")
    model.compile(keras.optimizers.SGD(10.0), "mean_squared_error")
    model.history_ = model.fit(d.x, d.number, epochs=EPOCHS, verbose=0).history
    return model


def best_kept(model_class, d):
    with TemporaryDirectory() as folder:
        best = keras.callbacks.ModelCheckpoint(
            f"{folder}/best.keras", monitor="val_acc", mode="max", save_best_only=True
        )
        return fitted(model_class, "binary", d.x, d.binary, validation_split=0.2, callbacks=[best])


def reordered(model_class, d):
    model = fitted(model_class, "number", d.frame, d.number)
    new = data(seed=1)
    answers = model.predict(new.frame[["height", "income", "age"]], verbose=0)
    model.apart = np.abs(answers - model.predict(new.frame, verbose=0)).mean()
    return model


def incomplete_row(model_class, d):
    model = fitted(model_class, "binary", d.x, d.binary)
    model.answer = float(model.predict(planted(d.x[:1], np.nan, (0, 0)), verbose=0)[0, 0])
    return model


def unseen_category(model_class, d):
    """A city that was not in training: stock Keras through its StringLookup layer."""
    cities = np.where(d.number > 0, "Oslo", "Bonn")
    if model_class is not keras.Sequential:
        model = DNNClassifier("standard", epochs=EPOCHS, random_state=0).fit(
            {"city": cities}, d.number > 0.2
        )
        model.answer = float(model.predict_proba({"city": ["Rome"]})[0, 1])
        return model
    lookup = LAYERS.StringLookup(vocabulary=["Bonn", "Oslo"], output_mode="one_hot")
    model = fitted(model_class, "binary", np.asarray(lookup(cities)), d.number > 0.2)
    model.answer = float(model.predict(np.asarray(lookup(["Rome"])), verbose=0)[0, 0])
    return model


def simple(title, problem, arguments, harm=None, head=None):
    """A mistake in the arguments of `fit`: `arguments(data)` is a dict; x and y are clean."""

    def make(model_class, d):
        given = {"x": d.x, "y": getattr(d, problem), **arguments(d)}
        return fitted(model_class, problem, given.pop("x"), given.pop("y"), head, **given)

    return Mistake(title, problem, make, harm)


def same_as_without(model):
    reference = clean_model(model.output_shape[-1])
    same = np.array_equal(np.asarray(model(data().x)), np.asarray(reference(data().x)))
    return "the weights are ignored" if same else "unintended weights"


@cache
def clean_model(units):
    keras.utils.set_random_seed(0)
    problem = "binary" if units == 1 else "classes"
    return fitted(keras.Sequential, problem, data().x, getattr(data(), problem))


def validated(model):
    first = next(k for k in ("val_accuracy", "val_loss") if k in model.history_)
    problem = {1: "binary", 3: "classes"}[model.output_shape[-1]]
    if first == "val_loss":
        return (
            f"val_loss {model.history_['val_loss'][-1]:.2f}, loss {model.history_['loss'][-1]:.2f}"
        )
    return (
        f"val_accuracy {model.history_[first][-1]:.2f}, on new rows {quality(problem, model):.2f}"
    )


def merged_identifiers(model):
    identifiers = np.arange(ROWS) + 20_000_000
    return f"{ROWS} identifiers become {len(np.unique(identifiers.astype('float32')))} numbers"


def accuracy_of_copy(model):
    seen = model.history_["accuracy"][-1]
    return f"accuracy {seen:.2f} in training, {quality('binary', model):.2f} without the column"


def reach(model):
    answers = np.asarray(model(data().x))
    return f"'probabilities' from {answers.min():.1f} to {answers.max():.1f}"


def by_target(d):
    return np.argsort(d.number)


STOP = keras.callbacks.EarlyStopping
PLATEAU = keras.callbacks.ReduceLROnPlateau
# fmt: off
MISTAKES = [
    simple("one NaN in x", "binary", lambda d: {"x": planted(d.x, np.nan, (7, 1))}),
    simple("one infinity in x", "binary", lambda d: {"x": planted(d.x, np.inf, (7, 1))}),
    simple("a missing integer (pandas Int64)", "binary",
           lambda d: {"x": d.frame.round().astype("Int64").mask(d.frame > 3)}),
    simple("a constant column divided by its standard deviation of 0", "binary",
           lambda d: {"x": standardised_constant(d.x)}),
    simple("a number that overflows float32", "binary",
           lambda d: {"x": planted(d.x, 1e39, (7, 1))}),
    Mistake("a category not seen during training", "binary", unseen_category,
            lambda m: f"the unknown category Rome gets {m.answer:.2f}"),
    Mistake("NaN in a row to predict", "binary", incomplete_row,
            lambda m: f"predicts {m.answer:.2f}"),
    simple("NaN among the targets of a regression", "number",
           lambda d: {"y": planted(d.number, np.nan, 7)}),
    simple("NaN among class labels", "classes", lambda d: {"y": planted(d.classes, np.nan, 7)}),
    simple("text in a column", "binary", lambda d: {"x": d.frame.assign(height="tall")}),
    simple("labels 1..3 instead of 0..2", "classes", lambda d: {"y": d.classes + 1}),
    Mistake("labels 1..3 instead of 0..2, jit_compile=True", "classes", under_xla),
    simple("a label of -1 among 0..2", "classes", lambda d: {"y": planted(d.classes, -1, 7)}),
    simple("fractions as class labels", "classes",
           lambda d: {"y": np.clip(d.number, -1.4, 1.4) + 1.45}),
    simple("labels 1 and 2 with binary cross-entropy", "binary", lambda d: {"y": d.binary + 1}),
    simple("labels -1 and 1 with binary cross-entropy", "binary",
           lambda d: {"y": 2 * d.binary - 1}),
    simple("a measured number with binary cross-entropy", "binary", lambda d: {"y": d.number * 10}),
    simple("a number between 0 and 1 with binary cross-entropy", "binary",
           lambda d: {"y": np.clip(0.3 + d.number / 20, 0, 1)}),
    simple("more outputs than classes", "classes", lambda d: {"y": np.minimum(d.classes, 1)},
           lambda m: f"the third output predicts {np.asarray(m(data().x))[:, 2].mean():.3f}"),
    simple("one class only", "binary", lambda d: {"y": np.zeros(ROWS)}),
    simple("one-hot labels, softmax and binary cross-entropy", "one-hot", lambda d: {},
           head=(3, "softmax", "binary_crossentropy")),
    simple("one-hot labels with the sparse loss", "classes", lambda d: {"y": np.eye(3)[d.classes]}),
    simple("class indices with the one-hot loss", "one-hot", lambda d: {"y": d.classes}),
    simple("one-hot rows that do not sum to 1", "one-hot", lambda d: {"y": d.labels}),
    simple("one-hot labels against one sigmoid output", "binary",
           lambda d: {"y": np.eye(2)[d.binary]}),
    simple("softmax over one output", "binary", lambda d: {},
           head=(1, "softmax", "binary_crossentropy")),
    simple("binary cross-entropy on a linear output", "binary", lambda d: {}, reach,
           head=(1, "linear", "binary_crossentropy")),
    simple("sigmoid with from_logits=True", "binary", lambda d: {}, head=(1, "sigmoid", LOGITS)),
    simple("relu as output of a regression with negative targets", "number", lambda d: {},
           head=(1, "relu", "mean_squared_error")),
    simple("negative counts", "count", lambda d: {"y": d.count - 1}),
    simple("y of two columns against one output", "number",
           lambda d: {"y": np.stack([d.number, d.x[:, 2]], axis=1)}),
    simple("y of one column against three outputs", "numbers", lambda d: {"y": d.number[:, None]}),
    simple("text keys in class_weight", "binary", lambda d: {"class_weight": {"0": 1.0, "1": 9.0}},
           same_as_without),
    simple("class_weight without one of the classes", "classes",
           lambda d: {"class_weight": {0: 5.0, 2: 5.0}},
           lambda m: "class 1 has weight 1"),
    simple("class_weight for a regression", "number",
           lambda d: {"class_weight": {0: 50.0, 1: 1.0}}),
    simple("class_weight for several labels per row", "labels",
           lambda d: {"class_weight": {0: 1.0, 1: 0.0, 2: 0.0}}),
    simple("a negative row weight", "binary",
           lambda d: {"sample_weight": np.where(d.binary == 1, -1.0, 1.0)}),
    simple("a row weight that is NaN", "binary",
           lambda d: {"sample_weight": planted(np.ones(ROWS), np.nan, 7)}),
    simple("row weights that are all zero", "binary", lambda d: {"sample_weight": np.zeros(ROWS)}),
    simple("row weights with a different length", "binary",
           lambda d: {"sample_weight": np.ones(ROWS - 1)}),
    simple("validation_split on sorted labels", "classes",
           lambda d: {"x": d.x[by_target(d)], "y": d.classes[by_target(d)],
                      "validation_split": 0.3}, validated),
    simple("validation_split on a sorted target", "number",
           lambda d: {"x": d.x[by_target(d)], "y": d.number[by_target(d)],
                      "validation_split": 0.2}, validated),
    simple("labels 1 and 2 in the validation data", "binary",
           lambda d: {"validation_data": (d.x, d.binary + 1)}, validated),
    simple("x and y of different lengths", "binary", lambda d: {"y": d.binary[:-1]}),
    simple("x sorted, but not y (pandas)", "binary",
           lambda d: {"x": d.frame.sort_values("age"), "y": pd.Series(d.binary)}),
    simple("no rows", "binary", lambda d: {"x": d.x[:0], "y": d.binary[:0]}),
    simple("two columns with the same name", "binary",
           lambda d: {"x": d.frame.set_axis(["age", "age", "height"], axis=1)},
           lambda m: "columns cannot be distinguished by name"),
    Mistake("columns in a different order in `predict`", "number", reordered,
            lambda m: f"predictions change by {m.apart:.2f} on average", lambda m: m.apart == 0),
    simple("an identifier as a feature, beyond float32", "binary",
           lambda d: {"x": d.frame.astype("float64").assign(height=np.arange(ROWS) + 20_000_000)},
           merged_identifiers),
    simple("a feature that equals the target", "binary",
           lambda d: {"x": d.frame.assign(height=d.binary * 1.0)}, accuracy_of_copy),
    simple("early stopping on val_loss without validation data", "binary",
           lambda d: {"callbacks": [STOP(patience=0)]}),
    simple("early stopping on a misspelled metric", "binary",
           lambda d: {"validation_split": 0.2, "callbacks": [STOP(monitor="val_acc", mode="max")]}),
    Mistake("a checkpoint of the best epoch by a misspelled metric", "binary", best_kept),
    simple("a learning rate reduced by a misspelled metric", "binary",
           lambda d: {"callbacks": [PLATEAU(monitor="acc", mode="max")]}),
    Mistake("a learning rate with which training diverges", "number", too_fast),
    Mistake("BatchNormalization on two replicas, not synchronized", "number", on_two_replicas),
]
