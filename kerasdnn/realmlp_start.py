"""Initial values from the data: every unit starts with spread 1 and its bend among the rows.

Layer by layer, with x the rows as they arrive at the layer and d their number of columns:

    W ~ N(0, 1), then each column divided by the standard deviation over rows of x W / sqrt(d)
    b_j = -sum over k of w_k z_(i_k, j)    z = x W / sqrt(d), of 5 random rows i_k,
                                           with w ~ Exp(1), normalised

Source: Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024, appendix A.
"""

import numpy as np
from keras import ops

from .realmlp_layers import NTKDense

ROWS = 4_096  # enough for a standard deviation
OF_BIAS = 5


def start_from_data(network, x, rng):
    """Set kernels and biases of the `NTKDense` layers of a built network, unless they start at 0.

    Args:
        network: a Sequential.
        x: rows to train on, `(rows, features)`.
        rng: `numpy.random.Generator`.
    """
    if len(x) > ROWS:
        x = x[rng.choice(len(x), ROWS, replace=False)]
    x = ops.cast(x, "float32")
    for layer in network.layers:
        if isinstance(layer, NTKDense) and not layer.zero:
            set_layer(layer, ops.convert_to_numpy(x), rng)
        x = layer.call(x)  # in float32, whatever the layer computes in


def set_layer(layer, x, rng):
    d = x.shape[1]
    kernel = rng.standard_normal((d, layer.units))
    z = x @ kernel / np.sqrt(d)
    spread = z.std(axis=0)
    spread[spread <= 1e-9] = 1.0
    kernel, z = kernel / spread, z / spread
    rows = rng.integers(len(x), size=(OF_BIAS, layer.units))
    share = rng.exponential(size=(OF_BIAS, layer.units))
    share /= share.sum(axis=0)
    bias = -(share * np.take_along_axis(z, rows, axis=0)).sum(axis=0)
    # A gain of 2 stands for the difference of two logits, whose spread is sqrt(2) and not 2.
    layer.kernel.assign(kernel / np.sqrt(layer.gain))
    layer.bias.assign(bias / np.sqrt(layer.gain))
