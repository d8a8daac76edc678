"""Build compiled networks from hyperparameters: problem type, activation and optimizer joined.

`build_classifier(4, 3, (64, 32))` is

    Network([Input((4,)), Dense(64, "relu"), Dense(32, "relu"), Dense(3, "softmax")])

compiled with the matching row of `heads.HEADS`. Every argument is checked before the first layer is
created.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy.typing as npt
from keras import layers

from . import activations, optimizers
from .core.arguments import check_bool, check_integer
from .core.messages import invalid
from .heads.head import Head
from .heads.loss import make_loss, with_loss
from .heads.metrics import check_metrics, make_metrics
from .heads.mixed import read_heads
from .heads.numbers import head_of_numbers
from .heads.priors import output_bias
from .heads.problem_types import Problem, make_problem
from .hyperparameters import (
    CLASSIFIER,
    MULTI_OUTPUT,
    MULTILABEL,
    NETWORK,
    REGRESSOR,
    check,
    default,
    documented,
    names,
)
from .nn.distributions import OrdinalOutput
from .nn.skip import Residual, WideAndDeep
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
    schedule: str = "constant",
    warmup: float | None = None,
    momentum: float | None = None,
    learning_rate_factors: Sequence[float] | Mapping[str, float] | None = None,
    clipnorm: float | None = None,
    dropout: float = 0.0,
    l2: float = 0.0,
    l1: float = 0.0,
    batch_norm: bool = False,
    layer_norm: bool = False,
    residual: bool = False,
    wide: bool = False,
    ordered: bool = False,
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
        from kerasdnn import build_classifier
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)                     # (1797, 64), 0..9
        network = build_classifier(n_features=64, n_classes=10, seed=0)
        network.fit(x / 16, y, epochs=5, verbose=0)
        network.predict(x / 16).argmax(axis=1)                  # the most probable of ten classes
    """
    given = locals()
    remedy = "Two classes are n_classes=2: one output, the probability of class 1."
    n_classes = check_integer("n_classes", n_classes, 2, remedy)
    one_hot = check_bool("one_hot_labels", one_hot_labels)
    if check_bool("ordered", ordered) and one_hot:
        raise ValueError("Pass either `ordered` or `one_hot_labels`, not both.")
    problem = make_problem("ordinal" if ordered else "multiclass", n_features, n_classes, one_hot)
    return build_for(problem, **_network(given))


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
    schedule: str = "constant",
    warmup: float | None = None,
    momentum: float | None = None,
    learning_rate_factors: Sequence[float] | Mapping[str, float] | None = None,
    clipnorm: float | None = None,
    dropout: float = 0.0,
    l2: float = 0.0,
    l1: float = 0.0,
    batch_norm: bool = False,
    layer_norm: bool = False,
    residual: bool = False,
    wide: bool = False,
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
        import numpy as np
        from kerasdnn import build_multilabel_classifier

        x = np.random.default_rng(0).normal(size=(100, 20))
        y = x[:, :3] > 0.5
        network = build_multilabel_classifier(n_features=20, n_labels=3, seed=0)
        network.fit(x, y, verbose=0)
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
    schedule: str = "constant",
    warmup: float | None = None,
    momentum: float | None = None,
    learning_rate_factors: Sequence[float] | Mapping[str, float] | None = None,
    clipnorm: float | None = None,
    dropout: float = 0.0,
    l2: float = 0.0,
    l1: float = 0.0,
    batch_norm: bool = False,
    layer_norm: bool = False,
    residual: bool = False,
    wide: bool = False,
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
        from kerasdnn import build_regressor
        from sklearn.datasets import load_diabetes

        x, y = load_diabetes(return_X_y=True)                   # (442, 10), 25..346
        network = build_regressor(n_features=10, prior=y.mean(), seed=0)
        network.fit(x, y, epochs=5, verbose=0)
        network.predict(x)[:, 0]                                # (rows,), as y
    """
    given = locals()
    n_outputs = check_integer("n_outputs", n_outputs)
    head = head_of_numbers(target, quantiles)
    return build_for(make_problem(head, n_features, n_outputs), **_network(given))


@documented(MULTI_OUTPUT)
def build_multi_output(
    n_features: int,
    heads: Mapping[str, Any],
    hidden_units: Sequence[int] = (64, 32),
    *,
    loss_weights: Mapping[str, float] | None = None,
    activation: str | Callable = "relu",
    kernel_initializer: str | keras.Initializer = "glorot_uniform",
    optimizer: str | dict | keras.Optimizer = "adam",
    learning_rate: float | Callable | None = None,
    schedule: str = "constant",
    warmup: float | None = None,
    momentum: float | None = None,
    learning_rate_factors: Sequence[float] | Mapping[str, float] | None = None,
    clipnorm: float | None = None,
    dropout: float = 0.0,
    l2: float = 0.0,
    l1: float = 0.0,
    batch_norm: bool = False,
    layer_norm: bool = False,
    residual: bool = False,
    wide: bool = False,
    metrics: list | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> Network:
    """Build a network that predicts several things of each row: classes, numbers, or both.

    All heads share the hidden layers. The loss is the sum of their losses times their weights, as
    of a functional model of Keras with an output per head.

    Args:
        n_features: int, at least 1: columns of x, which has shape `(rows, n_features)`.
        heads: dict from the name of a head to its problem type: "binary", ("multiclass", K) for K >
            2 classes, "regression", "huber", "count" or another row of `HEADS` for numbers. y has
            shape `(rows, heads)`, in this order: numbers, 0 and 1, and class indices 0..K-1. The
            output has the columns of all heads side by side: one for two classes or a number, K for
            K classes.
        {arguments}

    Returns:
        `Network`, a compiled `keras.Sequential`, which reports a loss and a metric of each head.

    Raises:
        ValueError: an argument is out of range.

    Example:
        import numpy as np
        from kerasdnn import build_multi_output

        x = np.random.default_rng(0).normal(size=(100, 20))
        y = np.column_stack([x[:, 0] > 0, 2 * x[:, 1]])
        network = build_multi_output(20, {"churn": "binary", "spend": "regression"}, seed=0)
        network.fit(x, y, verbose=0)
        network.predict(x)[:, 0] > 0.5                          # (rows,), True for churn
    """
    given = locals()
    return build_for(
        make_problem(read_heads(heads, loss_weights), n_features, len(heads)), **_network(given)
    )


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
    rate_names = ("optimizer", "learning_rate", "momentum", "schedule", "warmup")
    make_optimizer = optimizers.check(*(given[name] for name in rate_names))
    loss = make_loss(head, given["label_smoothing"])
    metrics = check_metrics(head, given["metrics"])
    bias = head.initial_bias(problem.n_outputs)
    if given["prior"] is not None:
        bias = output_bias(head, given["prior"], problem.n_outputs)
    if seed is None:
        seed = random.randrange(2**31)

    # Two seeds for each layer, used or not: dropout does not change the weights drawn.
    seeds, more_seeds = random.Random(seed), random.Random(f"{seed} skip")
    norm, width = norm_of(given), problem.n_features
    parts = []
    for i, units in enumerate(given["hidden_units"]):
        layer = hidden_layer(
            i, units, activation, given["dropout"], norm,
            kernel_of(given, seeds.randrange(2**31)), dropout_seed=seeds.randrange(2**31),
        )  # fmt: skip
        if given["residual"]:
            shortcut = None
            if units != width:
                kernel = kernel_of(given, more_seeds.randrange(2**31))
                shortcut = layers.Dense(units, use_bias=False, **kernel, name=f"shortcut_{i + 1}")
            layer = [Residual(layer, shortcut, name=f"residual_{i + 1}")]
        parts += layer
        width = units
    output, *link = output_layer(problem, bias, kernel_of(given, seeds.randrange(2**31)))
    parts.append(output)
    if given["wide"]:
        parts = [wide_and_deep(parts, kernel_of(given, more_seeds.randrange(2**31)))]
    inputs = keras.Input((problem.n_features,))
    network = Network([inputs, *parts, *link], name=given["name"], seed=seed)
    metrics = make_metrics(head, problem.n_outputs, metrics)
    optimizer = make_optimizer()
    if given["clipnorm"] is not None:
        if optimizer.clipvalue is not None or optimizer.global_clipnorm is not None:
            rule = "excludes `clipvalue` and `global_clipnorm`, of which the optimizer has one"
            raise invalid("clipnorm", rule, given["clipnorm"])
        optimizer.clipnorm = given["clipnorm"]
    optimizer = optimizers.layerwise(optimizer, network, given["learning_rate_factors"])
    network.compile(optimizer=optimizer, loss=loss, metrics=metrics)
    return network


def norm_of(given):
    """The class of the layer between each Dense layer and its activation, or None."""
    if given["layer_norm"] and given["batch_norm"]:
        raise ValueError("Pass either `layer_norm` or `batch_norm`, not both.")
    batch_norm = layers.BatchNormalization if given["batch_norm"] else None
    return layers.LayerNormalization if given["layer_norm"] else batch_norm


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


def hidden_layer(i, units, activation, dropout, norm, kernel, dropout_seed):
    """Build one hidden layer: Dense, then normalization, activation and dropout if requested.

    Args:
        i: int, index of the hidden layer, for the names: hidden_1, batch_norm_1 or layer_norm_1,
            activation_1 and dropout_1 if i is 0.
        units: int, at least 1.
        activation: function, or Keras layer, of which a copy is made.
        dropout: float in [0, 1), fraction of outputs dropped.
        norm: class of a normalization layer, or None.
        kernel: dict, what `kernel_of` returned.
        dropout_seed: int.

    Returns:
        list of 1 to 4 Keras layers.
    """
    is_layer = isinstance(activation, layers.Layer)
    own_layer = norm or is_layer  # else the activation is part of the Dense layer
    parts = [
        layers.Dense(
            units,
            activation=None if own_layer else activation,
            # Batch normalization subtracts it, and adds its own.
            use_bias=norm is not layers.BatchNormalization,
            **kernel,
            name=f"hidden_{i + 1}",
        )
    ]
    if norm:
        name = "batch_norm" if norm is layers.BatchNormalization else "layer_norm"
        parts.append(norm(name=f"{name}_{i + 1}"))
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
    """Build the output layer of a problem, and `OrdinalOutput` after it if classes are ordered.

    Args:
        problem: `Problem`.
        bias: its initial bias, one float per unit, or None for 0.
        kernel: dict, what `kernel_of` returned.
    """
    mixed = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
    dtype = "float32" if mixed else None  # losses need more digits than half precision has
    start = "zeros" if bias is None else keras.initializers.Constant(bias)
    if problem.head.ordered:
        return [
            layers.Dense(1, use_bias=False, **kernel, dtype=dtype, name="output"),
            OrdinalOutput(problem.n_outputs, start, dtype=dtype, name="thresholds"),
        ]
    return [
        layers.Dense(
            problem.units, problem.head.activation, **kernel, bias_initializer=start, dtype=dtype,
            name="output",
        )
    ]  # fmt: skip


def wide_and_deep(parts, kernel):
    """Build the one layer that adds a linear function of the columns to the output of `parts`.

    Args:
        parts: list of Keras layers, the last of them the output layer; its activation is applied to
            the sum.
        kernel: dict, what `kernel_of` returned.
    """
    output = parts[-1]
    activation, output.activation = output.activation, keras.activations.linear
    linear = layers.Dense(
        output.units, use_bias=False, **kernel, dtype=output.dtype_policy, name="wide"
    )
    return WideAndDeep(parts, linear, activation, dtype=output.dtype_policy, name="wide_and_deep")
