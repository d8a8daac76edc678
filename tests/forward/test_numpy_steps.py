"""Steps in NumPy compute what the layers compute, also several networks together."""

import keras
import numpy as np
import pytest

from kerasdnn import Network, nn
from kerasdnn.forward.layers import describe_layers
from kerasdnn.forward.numpy_steps import compile_steps, stacked

X = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
CODED = np.concatenate([X, np.random.default_rng(1).integers(0, 4, (40, 2))], axis=1)
CODED = CODED.astype("float32")


def drawn(network, seed):
    """The network with other random weights."""
    rng = np.random.default_rng(seed)
    for w in network.trainable_weights:
        w.assign(w + rng.normal(size=w.shape) / 3)
    return network


def pieces(seed, activation="relu", units=6, end="softmax"):
    edges = [[-1.0, -0.2, 0.5, 1.5]] * 4 + [[0.0, 1.0]]
    layer = nn.PiecewiseLinearEmbedding(edges, size=3, activation=activation)
    layers = [
        nn.EmbedCategories([4, 3], 2), layer, nn.Scale(), nn.NTKDense(units),
        nn.ParametricActivation("selu"), keras.layers.Dense(units, "selu"),
        keras.layers.Dense(3, end),
    ]  # fmt: skip
    return drawn(keras.Sequential([keras.Input((7,)), *layers]), seed)


def dense(seed, activation="gelu", units=4):
    layers = [keras.layers.Dense(units, activation), keras.layers.BatchNormalization(),
              keras.layers.Dense(1, "sigmoid")]  # fmt: skip
    return drawn(keras.Sequential([keras.Input((5,)), *layers]), seed)


@pytest.mark.parametrize(
    ("networks", "x", "together"),
    [
        ([pieces(0), pieces(1), pieces(2)], CODED, True),
        ([pieces(0, "selu"), pieces(1, "selu")], CODED, True),
        ([dense(0), dense(1)], X, True),
        ([dense(0), dense(1, "tanh")], X, False),
        ([dense(0), dense(1, units=5)], X, False),
        ([pieces(0, end="log_softmax"), pieces(1, end="log_softmax")], CODED, False),
    ],
)
def test_an_average_is_computed_for_all_its_networks_together(networks, x, together):
    average = Network([keras.Input(x.shape[1:]), nn.AverageOf(networks)])
    [step] = describe_layers(average)
    assert (stacked(step["of"], {}) is not None) == together
    run = compile_steps([step], {})
    for rows in (1, 2, 40):
        expected = average.predict(x[:rows], verbose=0)
        with np.errstate(all="ignore"):  # as where it is used: a product may set a flag by chance
            found = run(x[:rows])
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
