"""From hyperparameters to a compiled network: heads, activations, optimizers and `Network` joined.

`build_classifier(4, 3, (64, 32))` is

    Network([Input((4,)), Dense(64, "relu"), Dense(32, "relu"), Dense(3, "softmax")])

compiled with the row of `heads.HEADS` that fits. Every argument is checked before the first layer
is made.
"""

import random

import keras
from keras import layers

from . import activations, optimizers
from .core.arguments import (
    check_bool,
    check_choice,
    check_fraction,
    check_integer,
    check_interval,
    is_number,
)
from .core.messages import invalid
from .heads import check_metrics, head_of, make_loss, make_metrics, output_bias
from .hyperparameters import HIDDEN_UNITS
from .training.network import Network


def build_classifier(
    n_features,
    n_classes=2,
    hidden_units=HIDDEN_UNITS,
    *,
    activation="relu",
    optimizer="adam",
    learning_rate=None,
    momentum=None,
    dropout=0.0,
    l2=0.0,
    batch_norm=False,
    one_hot_labels=False,
    label_smoothing=0.0,
    prior=None,
    metrics=None,
    seed=None,
    name=None,
):
    """A network that tells classes apart, compiled and ready for `fit`.

    Args:
        n_features: int, columns of x, which has shape `(rows, n_features)`.
        n_classes: int, at least 2. Two classes: y holds 0 and 1, shape `(rows,)`, and the output
            is the probability of 1, shape `(rows, 1)`. K > 2 classes: y holds 0..K-1, and the
            output is K probabilities that sum to 1, shape `(rows, K)`.
        one_hot_labels: True: y has shape `(rows, n_classes)`, one 1 in each row; the output is
            `n_classes` probabilities, also for two classes.
        label_smoothing: float in [0, 1), s. Two classes: y becomes `y (1 - s) + s / 2`;
            K classes: `1 - s + s / K` for the true one, `s / K` for the others.
        prior: class frequencies or counts, one per class, or for two classes the share of ones.
            The output bias starts at their log-odds or logarithm. Default: 0.
        {shared}

    Example:
        x, y = load_digits(return_X_y=True)                     # scikit-learn: (1797, 64), 0..9
        network = build_classifier(n_features=64, n_classes=10, seed=0)
        network.fit(x / 16, y, epochs=20)
        network.predict(x / 16).argmax(axis=1)                  # the likeliest of the ten classes
    """
    remedy = "Two classes are n_classes=2: one output, the probability of class 1."
    n_classes = check_integer("n_classes", n_classes, 2, remedy)
    one_hot = check_bool("one_hot_labels", one_hot_labels)
    problem = "binary" if n_classes == 2 and not one_hot else "multiclass"
    return _build(
        problem, n_features, n_classes, hidden_units, one_hot=one_hot,
        activation=activation, optimizer=optimizer, learning_rate=learning_rate,
        momentum=momentum, dropout=dropout, l2=l2, batch_norm=batch_norm,
        label_smoothing=label_smoothing, prior=prior, metrics=metrics, seed=seed, name=name,
    )  # fmt: skip


def build_multilabel_classifier(
    n_features,
    n_labels,
    hidden_units=HIDDEN_UNITS,
    *,
    activation="relu",
    optimizer="adam",
    learning_rate=None,
    momentum=None,
    dropout=0.0,
    l2=0.0,
    batch_norm=False,
    label_smoothing=0.0,
    prior=None,
    metrics=None,
    seed=None,
    name=None,
):
    """A network that answers several yes-or-no questions about a row.

    Args:
        n_features: int, columns of x, which has shape `(rows, n_features)`.
        n_labels: int, columns of y, which has shape `(rows, n_labels)` and holds 0 and 1. The
            output is a probability for each, of the same shape.
        label_smoothing: float in [0, 1), s: y becomes `y (1 - s) + s / 2`.
        prior: the share of ones of each label, in (0, 1). The output bias starts at its
            log-odds. Default: 0.
        {shared}

    Example:
        network = build_multilabel_classifier(n_features=20, n_labels=3, prior=y.mean(axis=0))
        network.fit(x, y)
        network.predict(x) > 0.5                                # (rows, 3), True for yes
    """
    n_labels = check_integer("n_labels", n_labels)
    return _build(
        "multilabel", n_features, n_labels, hidden_units,
        activation=activation, optimizer=optimizer, learning_rate=learning_rate,
        momentum=momentum, dropout=dropout, l2=l2, batch_norm=batch_norm,
        label_smoothing=label_smoothing, prior=prior, metrics=metrics, seed=seed, name=name,
    )  # fmt: skip


def build_regressor(
    n_features,
    n_outputs=1,
    hidden_units=HIDDEN_UNITS,
    *,
    target="real",
    activation="relu",
    optimizer="adam",
    learning_rate=None,
    momentum=None,
    dropout=0.0,
    l2=0.0,
    batch_norm=False,
    prior=None,
    metrics=None,
    seed=None,
    name=None,
):
    """A network that predicts numbers.

    Args:
        n_features: int, columns of x, which has shape `(rows, n_features)`.
        n_outputs: int, columns of y, which has shape `(rows, n_outputs)`, or `(rows,)` for one.
            The output has shape `(rows, n_outputs)`.
        target: "real": any float; linear output, mean squared error. "count": whole numbers from
            0; exponential output, the expected count, and Poisson loss.
        prior: mean of y, or of each of its columns; above 0 for counts. The output bias starts at
            it, or at its logarithm for counts. Default: 0.
        {shared}

    The mean squared error has no factor of one half: its gradient is 2 (output - y), twice that
    of the textbook form. Under "sgd", "momentum" and "nag" half the learning rate gives the
    textbook's steps; Adam and RMSProp do not depend on it but for their epsilon.

    Example:
        x, y = load_diabetes(return_X_y=True)                   # scikit-learn: (442, 10), 25..346
        network = build_regressor(n_features=10, prior=y.mean(), seed=0)
        network.fit(x, y, epochs=50)
        network.predict(x)[:, 0]                                # (rows,), as y
    """
    n_outputs = check_integer("n_outputs", n_outputs)
    problem = {"real": "regression", "count": "count"}[
        check_choice("target", target, ("real", "count"))
    ]
    return _build(
        problem, n_features, n_outputs, hidden_units,
        activation=activation, optimizer=optimizer, learning_rate=learning_rate,
        momentum=momentum, dropout=dropout, l2=l2, batch_norm=batch_norm,
        prior=prior, metrics=metrics, seed=seed, name=name,
    )  # fmt: skip


def _build(
    problem, n_features, n, hidden_units, *, activation, optimizer, learning_rate, momentum,
    dropout, l2, batch_norm, prior, metrics, seed, name, label_smoothing=0.0, one_hot=False,
):  # fmt: skip
    """Check everything, then make the layers, then compile."""
    head = head_of(problem, one_hot)
    n_features = check_integer("n_features", n_features)
    hidden_units = check_hidden_units(hidden_units)
    activation = activations.get(activation)
    make_optimizer = optimizers.check(optimizer, learning_rate, momentum)
    dropout = check_fraction("dropout", dropout, "It is the share of units left out; 0 for none.")
    l2 = check_interval("l2", l2, "[0, inf)")
    batch_norm = check_bool("batch_norm", batch_norm)
    label_smoothing = check_fraction("label_smoothing", label_smoothing, "0.1 is a usual value.")
    bias = None if prior is None else output_bias(problem, prior, n)
    metrics = check_metrics(head, metrics)
    seed = (
        random.randrange(2**31)
        if seed is None
        else check_integer("seed", seed, 0, at_most=2**32 - 1)
    )

    # Two seeds for each layer, used or not: dropout does not change the weights drawn.
    seeds = random.Random(seed)
    parts = [keras.Input((n_features,))]
    for i, units in enumerate(hidden_units):
        parts += hidden_layer(
            i, units, activation, dropout, l2, batch_norm,
            kernel_seed=seeds.randrange(2**31), dropout_seed=seeds.randrange(2**31),
        )  # fmt: skip
    parts.append(output_layer(head, n, bias, l2, seeds.randrange(2**31)))
    network = Network(parts, name=name, seed=seed)
    network.compile(
        optimizer=make_optimizer(),
        loss=make_loss(head, label_smoothing),
        metrics=make_metrics(head, n, metrics),
    )
    return network


SHARED = """hidden_units: sequence of ints, the units of each hidden layer, first to last.
            `(64, 32)` is `[Dense(64), Dense(32)]` before the output layer.
        activation: of the hidden layers: name ("relu", "sigmoid", "tanh", "leaky_relu" with
            slope 0.01, any other of Keras), function, or Keras layer, copied for each of them.
        optimizer: "sgd", "momentum", "nag", "adagrad", "rmsprop", "adam", any other Keras name,
            instance or config.
        learning_rate: float above 0, schedule or callable. Default: 0.01 for "sgd", "momentum",
            "nag" and "adagrad", 0.001 for "rmsprop" and "adam", Keras's own for others.
        momentum: float in [0, 1), for "momentum", "nag" (default 0.9) and "sgd" (default 0).
        dropout: float in [0, 1), share of a hidden layer's outputs set to 0 while training.
        l2: float from 0, adds `l2 * sum(kernel ** 2)` of every Dense layer, the output layer
            included and biases not, to the loss.
        batch_norm: True puts batch normalization between each hidden Dense layer and its
            activation. That Dense layer then has no bias: batch norm brings one.
        metrics: list of names, Keras metrics or functions instead of the default ones. [] for
            none.
        seed: int from 0 to 2**32 - 1, fixes the weights, the dropout and the order of rows: the
            same seed gives the same network. None draws one; `network.seed` holds it.
        name: of the network.

    Returns:
        `Network`, a compiled `keras.Sequential`.

    Raises:
        ValueError: an argument is out of its range; says which, what came and what to do."""

for _factory in (build_classifier, build_multilabel_classifier, build_regressor):
    _factory.__doc__ = (_factory.__doc__ or "").replace("{shared}", SHARED)


def check_hidden_units(hidden_units):
    """`hidden_units` as a tuple of ints."""
    remedy = "For two layers of 64 and 32 units write hidden_units=(64, 32), for one (64,)."
    rule = "must be a sequence of whole numbers of at least 1, one per hidden layer"
    if isinstance(hidden_units, (str, bytes, dict)) or not hasattr(hidden_units, "__iter__"):
        raise invalid("hidden_units", rule, hidden_units, remedy)
    units = tuple(hidden_units)
    if not units or not all(is_number(u) and u == u // 1 and u >= 1 for u in units):
        raise invalid("hidden_units", rule, hidden_units, remedy)
    return tuple(int(u) for u in units)


def hidden_layer(i, units, activation, dropout, l2, batch_norm, kernel_seed, dropout_seed):
    """Dense, batch norm, activation, dropout: the parts of one hidden layer, in that order."""
    is_layer = isinstance(activation, layers.Layer)
    own_layer = batch_norm or is_layer  # else the activation lives in the Dense layer
    parts = [
        layers.Dense(
            units,
            activation=None if own_layer else activation,
            use_bias=not batch_norm,  # batch norm subtracts it, and adds its own
            kernel_initializer=keras.initializers.GlorotUniform(kernel_seed),
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            name=f"hidden_{i + 1}",
        )
    ]
    if batch_norm:
        parts.append(layers.BatchNormalization(name=f"batch_norm_{i + 1}"))
    if own_layer:
        called = f"activation_{i + 1}"
        if is_layer:  # a copy: a layer with weights, such as PReLU, must not be shared
            config = {**activation.get_config(), "name": called}
            parts.append(type(activation).from_config(config))
        else:
            parts.append(layers.Activation(activation, name=called))
    if dropout:
        parts.append(layers.Dropout(dropout, seed=dropout_seed, name=f"dropout_{i + 1}"))
    return parts


def output_layer(head, n, bias, l2, kernel_seed):
    mixed = keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16")
    return layers.Dense(
        head.n_units(n),
        activation=head.activation,
        kernel_initializer=keras.initializers.GlorotUniform(kernel_seed),
        bias_initializer="zeros" if bias is None else keras.initializers.Constant(bias),
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        dtype="float32" if mixed else None,  # losses need more digits than half precision has
        name="output",
    )
