"""Build compiled networks from hyperparameters: problem type, activation and optimizer joined.

`build_classifier(4, 3, (64, 32))` is

    Network([Input((4,)), Dense(64, "relu"), Dense(32, "relu"), Dense(3, "softmax")])

compiled with the matching row of `heads.HEADS`. Every argument is checked before the first layer is
created.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy.typing as npt
from keras import layers

from . import activations, optimizers
from .core.arguments import check_bool, check_integer
from .core.messages import invalid
from .heads import (
    Head,
    Problem,
    check_metrics,
    head_of_numbers,
    make_loss,
    make_metrics,
    make_problem,
    output_bias,
    with_loss,
)
from .hyperparameters import (
    CLASSIFIER,
    MULTILABEL,
    NETWORK,
    REGRESSOR,
    check,
    default,
    documented,
    names,
)
from .training.network import Network


@documented(CLASSIFIER)
def build_classifier(
    n_features: int,
    n_classes: int = 2,
    hidden_units: Sequence[int] = (64, 32),
    *,
    loss: str | Callable | None = None,
    activation: str | Callable = "relu",
    kernel_initializer: str | keras.Initializer = "glorot_uniform",
    optimizer: str | dict | keras.Optimizer = "adam",
    learning_rate: float | Callable | None = None,
    momentum: float | None = None,
    clipnorm: float | None = None,
    dropout: float = 0.0,
    l2: float = 0.0,
    l1: float = 0.0,
    batch_norm: bool = False,
    one_hot_labels: bool = False,
    label_smoothing: float = 0.0,
    prior: npt.ArrayLike | None = None,
    metrics: list | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> Network:
    """Build a network that classifies rows, compiled and ready for `fit`.

    Args:
        n_features: int, at least 1: columns of x, which has shape `(rows, n_features)`.
        n_classes: int, at least 2. Two classes: y holds 0 and 1, shape `(rows,)`, and the output is
            the probability of 1, shape `(rows, 1)`. K > 2 classes: y holds 0..K-1, and the output
            is K probabilities that sum to 1, shape `(rows, K)`. Default: 2.
        {arguments}

    Returns:
        `Network`, a compiled `keras.Sequential`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        x, y = load_digits(return_X_y=True)                     # scikit-learn: (1797, 64), 0..9
        network = build_classifier(n_features=64, n_classes=10, seed=0)
        network.fit(x / 16, y, epochs=20)
        network.predict(x / 16).argmax(axis=1)                  # the most probable of ten classes
    """
    given = locals()
    remedy = "Two classes are n_classes=2: one output, the probability of class 1."
    n_classes = check_integer("n_classes", n_classes, 2, remedy)
    one_hot = check_bool("one_hot_labels", one_hot_labels)
    return build_for(make_problem("multiclass", n_features, n_classes, one_hot), **_network(given))


@documented(MULTILABEL)
def build_multilabel_classifier(
    n_features: int,
    n_labels: int,
    hidden_units: Sequence[int] = (64, 32),
    *,
    loss: str | Callable | None = None,
    activation: str | Callable = "relu",
    kernel_initializer: str | keras.Initializer = "glorot_uniform",
    optimizer: str | dict | keras.Optimizer = "adam",
    learning_rate: float | Callable | None = None,
    momentum: float | None = None,
    clipnorm: float | None = None,
    dropout: float = 0.0,
    l2: float = 0.0,
    l1: float = 0.0,
    batch_norm: bool = False,
    label_smoothing: float = 0.0,
    prior: npt.ArrayLike | None = None,
    metrics: list | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> Network:
    """Build a network that answers several yes-or-no questions about each row.

    Args:
        n_features: int, at least 1: columns of x, which has shape `(rows, n_features)`.
        n_labels: int, at least 1: columns of y, which has shape `(rows, n_labels)` and holds 0 and
            1. The output is a probability for each, of the same shape.
        {arguments}

    Returns:
        `Network`, a compiled `keras.Sequential`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        network = build_multilabel_classifier(n_features=20, n_labels=3, prior=y.mean(axis=0))
        network.fit(x, y)
        network.predict(x) > 0.5                                # (rows, 3), True for yes
    """
    given = locals()
    n_labels = check_integer("n_labels", n_labels)
    return build_for(make_problem("multilabel", n_features, n_labels), **_network(given))


@documented(REGRESSOR)
def build_regressor(
    n_features: int,
    n_outputs: int = 1,
    hidden_units: Sequence[int] = (64, 32),
    *,
    target: str | Head = "real",
    loss: str | Callable | None = None,
    quantiles: Sequence[float] | None = None,
    activation: str | Callable = "relu",
    kernel_initializer: str | keras.Initializer = "glorot_uniform",
    optimizer: str | dict | keras.Optimizer = "adam",
    learning_rate: float | Callable | None = None,
    momentum: float | None = None,
    clipnorm: float | None = None,
    dropout: float = 0.0,
    l2: float = 0.0,
    l1: float = 0.0,
    batch_norm: bool = False,
    prior: npt.ArrayLike | None = None,
    metrics: list | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> Network:
    """Build a network that predicts numbers.

    The mean squared error has no factor of one half: its gradient is 2 (output - y), twice that of
    the textbook form. With "sgd", "momentum" and "nag" half the learning rate gives the steps of
    the textbook; Adam and RMSProp do not depend on it, apart from their epsilon.

    Args:
        n_features: int, at least 1: columns of x, which has shape `(rows, n_features)`.
        n_outputs: int, at least 1: columns of y, which has shape `(rows, n_outputs)`, or `(rows,)`
            for one. The output has shape `(rows, n_outputs)`. Default: 1.
        {arguments}

    Returns:
        `Network`, a compiled `keras.Sequential`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        x, y = load_diabetes(return_X_y=True)                   # scikit-learn: (442, 10), 25..346
        network = build_regressor(n_features=10, prior=y.mean(), seed=0)
        network.fit(x, y, epochs=50)
        network.predict(x)[:, 0]                                # (rows,), as y
    """
    given = locals()
    n_outputs = check_integer("n_outputs", n_outputs)
    head = head_of_numbers(target, quantiles)
    return build_for(make_problem(head, n_features, n_outputs), **_network(given))


def _network(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a factory that `build_for` accepts."""
    return {name: arguments[name] for name in names(NETWORK) if name in arguments}


def build_for(problem: Problem, **hyperparameters: Any) -> Network:
    """Build and compile the dense network of any problem type.

    Args:
        problem: `Problem`, from `heads.make_problem`.
        hyperparameters: those of the `build_*` functions, with the same defaults.

    Returns:
        `Network`, compiled.

    Raises:
        ValueError: an unknown hyperparameter, or one out of range.

    Example:
        network = build_for(make_problem("count", n_features=10), hidden_units=(32,), seed=0)
    """
    given = {name: default(name, NETWORK) for name in names(NETWORK)}
    given |= check(hyperparameters, NETWORK, "build_for()")
    head, seed = with_loss(problem.head, given["loss"]), given["seed"]
    activation = activations.get(given["activation"])
    make_optimizer = optimizers.check(given["optimizer"], given["learning_rate"], given["momentum"])
    loss = make_loss(head, given["label_smoothing"])
    metrics = check_metrics(head, given["metrics"])
    bias = list(head.start) or None
    if given["prior"] is not None:
        bias = output_bias(head, given["prior"], problem.n_outputs)
    if seed is None:
        seed = random.randrange(2**31)

    # Two seeds for each layer, used or not: dropout does not change the weights drawn.
    seeds = random.Random(seed)
    parts = [keras.Input((problem.n_features,))]
    for i, units in enumerate(given["hidden_units"]):
        parts += hidden_layer(
            i, units, activation, given["dropout"], given["batch_norm"],
            kernel_of(given, seeds.randrange(2**31)), dropout_seed=seeds.randrange(2**31),
        )  # fmt: skip
    parts.append(output_layer(problem, bias, kernel_of(given, seeds.randrange(2**31))))
    network = Network(parts, name=given["name"], seed=seed)
    metrics = make_metrics(head, problem.n_outputs, metrics)
    optimizer = make_optimizer()
    if given["clipnorm"] is not None:
        if optimizer.clipvalue is not None or optimizer.global_clipnorm is not None:
            rule = "excludes `clipvalue` and `global_clipnorm`, of which the optimizer has one"
            raise invalid("clipnorm", rule, given["clipnorm"])
        optimizer.clipnorm = given["clipnorm"]
    network.compile(optimizer=optimizer, loss=loss, metrics=metrics)
    return network


def kernel_of(given, seed):
    """The arguments of a Dense layer about its kernel, from the hyperparameters of a network."""
    made = keras.initializers.get(given["kernel_initializer"])
    config = made.get_config()
    if "seed" in config:
        made = type(made).from_config({**config, "seed": seed})
    l1, l2, penalty = given["l1"], given["l2"], None
    if l1:
        penalty = keras.regularizers.L1L2(l1, l2) if l2 else keras.regularizers.L1(l1)
    elif l2:
        penalty = keras.regularizers.L2(l2)
    return {"kernel_initializer": made, "kernel_regularizer": penalty}


def hidden_layer(i, units, activation, dropout, batch_norm, kernel, dropout_seed):
    """Build one hidden layer: Dense, then batch normalization, activation and dropout if requested.

    Args:
        i: int, index of the hidden layer, for the names: hidden_1, batch_norm_1, activation_1 and
            dropout_1 if i is 0.
        units: int, at least 1.
        activation: function, or Keras layer, of which a copy is made.
        dropout: float in [0, 1), fraction of outputs dropped.
        batch_norm: bool.
        kernel: dict, what `kernel_of` returned.
        dropout_seed: int.

    Returns:
        list of 1 to 4 Keras layers.
    """
    is_layer = isinstance(activation, layers.Layer)
    own_layer = batch_norm or is_layer  # else the activation is part of the Dense layer
    parts = [
        layers.Dense(
            units,
            activation=None if own_layer else activation,
            use_bias=not batch_norm,  # batch normalization subtracts it, and adds its own
            **kernel,
            name=f"hidden_{i + 1}",
        )
    ]
    if batch_norm:
        parts.append(layers.BatchNormalization(name=f"batch_norm_{i + 1}"))
    if own_layer:
        name = f"activation_{i + 1}"
        if is_layer:  # a copy: a layer with weights, such as PReLU, must not be shared
            parts.append(type(activation).from_config({**activation.get_config(), "name": name}))
        else:
            parts.append(layers.Activation(activation, name=name))
    if dropout:
        parts.append(layers.Dropout(dropout, seed=dropout_seed, name=f"dropout_{i + 1}"))
    return parts


def output_layer(problem, bias, kernel):
    """The output layer of a problem; `bias` is its initial bias, one float per unit, or None.

    `kernel` is what `kernel_of` returned.
    """
    mixed = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
    return layers.Dense(
        problem.units,
        activation=problem.head.activation,
        **kernel,
        bias_initializer="zeros" if bias is None else keras.initializers.Constant(bias),
        dtype="float32" if mixed else None,  # losses need more digits than half precision has
        name="output",
    )
