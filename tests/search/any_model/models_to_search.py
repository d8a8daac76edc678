"""A model that is no stack of dense layers, for test_model_search.py."""

import keras


def build(hp):
    """Two towers."""
    width = hp.Choice("width", [2, 4, 8])
    x = keras.Input((3,))
    towers = [keras.layers.Dense(width, activation=a)(x) for a in ("relu", "tanh")]
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.add(towers)))
    optimizer = keras.optimizers.Adam(hp.Float("rate", 1e-3, 0.1, sampling="log"))
    model.compile(optimizer, "mse", jit_compile=False)  # compiling takes longer than training
    return model


def fails(hp):
    """Builds the model with which keras-tuner looks at the space, and nothing else."""
    if hp.Float("rate", 1e-3, 0.1) != 1e-3:
        raise ValueError(f"no model of rate {hp.get('rate')}")
    return build(hp)
