"""The layers of a network: what one hidden layer is made of, and the output layer."""

import keras
from keras import layers

from .errors import invalid, is_number


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
