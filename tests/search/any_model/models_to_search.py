"""A model that is no stack of dense layers, for the workers of test_supervisor.py."""

import os
import time
from pathlib import Path

import keras


def build(hp):
    """Two towers; width 13 kills the process that builds it."""
    width = hp.Choice("width", [2, 4, 8, 13] if os.environ.get("DEADLY") else [2, 4, 8])
    if width == 13:
        os._exit(9)
    x = keras.Input((3,))
    towers = [keras.layers.Dense(width, activation=a)(x) for a in ("relu", "tanh")]
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.add(towers)))
    model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-3, 0.1, sampling="log")), "mse")
    return model


def fails(hp):
    """Builds width 1, with which keras-tuner looks at the space, and nothing else."""
    if hp.Choice("width", [1, 2, 3, 4, 5, 6]) > 1:
        raise ValueError(f"no model of width {hp.get('width')}")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def hangs(hp):
    """Hangs in the first worker that builds it for a trial."""
    model = build(hp)
    sign, in_a_trial = Path(os.environ["HANGS"]), hp.get("rate") != 1e-3  # the default
    if os.environ.get("KERASDNN_SEARCH", "").startswith("worker") and in_a_trial:
        try:
            sign.touch(exist_ok=False)
        except FileExistsError:
            return model
        time.sleep(600)
    return model
