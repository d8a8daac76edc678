"""Build RealMLP, the network of "Better by Default", with the settings of a preset.

    [embed categories]  [periodic embedding of numbers]  scale
    three times: NTK dense, parametric activation, dropout
    NTK dense

It is trained by `GroupAdam` with the `CosLog` schedule. The preset "compact" averages two
smaller networks that embed numbers by piecewise-linear functions. "realmlp-s" is the authors'
simplified variant: no embedding of numbers, no dropout, no weight decay, plain activations, and an
output layer that starts at 0.

Source: Holzmueller, Grinsztajn, Steinwart, 2024 (arXiv:2407.04491), section 3 and appendix A.
"""

import math

import keras
import numpy as np
from keras import ops

from .. import activations
from ..heads.loss import make_loss
from ..heads.metrics import check_metrics, make_metrics
from ..nn.distributions import OrdinalOutput
from ..nn.realmlp_layers import (
    NTKDense,
    ParametricActivation,
    Scale,
    ScheduledDropout,
)
from ..training.network import Network
from .preset_parts import (
    draw,
    first_layers,
    make_optimizer,
    reported_metrics,
    start_of_output,
)

# fmt: off
# Factors of the learning rate and of the weight decay. The authors square the former in the decay.
GROUPS = {
    "scale": (6.0, 36.0), "bias": (0.1, 0.0), "mix": (0.1, 0.01),
    "frequency": (0.1, 0.01), "phase": (0.1, 0.01), "mixture": (0.1, 0.01), "offset": (0.1, 0.01),
    "piecewise": (0.1, 0.01), "linear": (0.1, 0.01),
}
# fmt: on


def build_realmlp(problem, encoder, settings, seed, x, y):
    """Build a compiled `Network` for the matrix of a `TableEncoder`; see `presets.Preset`."""
    head, rng = problem.head, np.random.default_rng(seed)
    batch_size = len(x) if settings["batch_size"] == "full" else settings["batch_size"]
    steps = settings["epochs"] * math.ceil(len(x) / batch_size)
    layers = [keras.Input((x.shape[1],)), *first_layers(encoder, settings, rng, x)]
    layers += [Scale()] if settings["front_scale"] else []
    layers += hidden_layers(settings, steps, rng)
    gain = 2.0 if head.activation == "sigmoid" else 1.0
    # The logarithm of a count starts at that of the mean: an exponential of random numbers may
    # fall to 0 in the first steps, where its gradient vanishes.
    logarithmic = head.activation == "exponential"
    logarithmic_part = any(part.head.activation == "exponential" for part in head.parts)
    zero = logarithmic or logarithmic_part or bool(head.start) or not settings["data_start"]
    units, activation = (1, None) if head.ordered else (problem.units, head.activation)
    layers.append(NTKDense(units, activation, gain, draw(rng), zero, name="output"))
    if head.ordered:
        layers.append(OrdinalOutput(problem.n_outputs, name="thresholds"))
    network = Network(layers, seed=seed)
    if settings["data_start"]:
        start_from_data(network, x, rng)
    if head.ordered:
        counts = 1 + np.bincount(y, minlength=problem.n_outputs)
        network.layers[-1].bias.assign(head.bias(counts))
    elif head.distribution is not None:
        lowest = -np.inf if head.standardize else 1e-6
        network.layers[-1].bias.assign(head.bias(np.maximum(np.mean(y, axis=0), lowest)))
    elif head.parts:
        network.layers[-1].bias.assign_add(start_of_output(head, y))
    elif logarithmic:
        bias = network.layers[-1].bias
        bias.assign_add(np.log(np.maximum(np.mean(y, axis=0), 1e-6)).ravel())
    elif head.start:
        network.layers[-1].bias.assign(np.array(head.start))
    metrics = settings["metrics"]
    if metrics is None:  # areas under curves take long to compute every epoch
        metrics = reported_metrics(head, problem.n_outputs, settings["monitor"])
    network.compile(
        optimizer=make_optimizer(network, settings, steps, GROUPS),
        loss=make_loss(head, settings["label_smoothing"]),
        weighted_metrics=make_metrics(head, problem.n_outputs, check_metrics(head, metrics)),
    )
    return network


def hidden_layers(settings, steps, rng):
    activation = activations.get(settings["activation"])
    is_layer = isinstance(activation, keras.layers.Layer)
    layers = []
    for i, units in enumerate(settings["hidden_units"]):
        own = None if is_layer or settings["parametric"] else activation
        layers.append(NTKDense(units, own, seed=draw(rng), name=f"hidden_{i + 1}"))
        if is_layer:
            config = activation.get_config() | {"name": f"activation_{i + 1}"}
            layers.append(type(activation).from_config(config))
        elif settings["parametric"]:
            layers.append(ParametricActivation(activation))
        if settings["dropout"]:
            layers.append(ScheduledDropout(settings["dropout"], steps, seed=draw(rng)))
    return layers


# Initial values from the data: every unit starts with standard deviation 1 and with the kink of its
# activation within the data.
#
# Layer by layer, with x the rows as they reach the layer and d their number of columns:
#
#     W ~ N(0, 1), then each column divided by the standard deviation over rows of x W / sqrt(d)
#     b_j = -sum over k of w_k z_(i_k, j)    z = x W / sqrt(d), of 5 random rows i_k,
#                                            with w ~ Exp(1), normalized
#
# Source: Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024, appendix A.

SAMPLE_ROWS = 4_096  # enough for a standard deviation
ROWS_PER_BIAS = 5


def start_from_data(network, x, rng):
    """Set kernels and biases of the `NTKDense` layers of a built network that do not start at 0.

    Args:
        network: built Keras `Sequential`.
        x: float array `(rows, features)`, training rows.
        rng: `numpy.random.Generator`.

    Example:
        import keras
        import numpy as np
        from kerasdnn.estimators.realmlp import start_from_data
        from kerasdnn.nn import NTKDense

        network = keras.Sequential([keras.Input((4,)), NTKDense(8, "relu"), NTKDense(1, zero=True)])
        rng = np.random.default_rng(0)
        start_from_data(network, rng.normal(size=(100, 4)), rng)
    """
    if len(x) > SAMPLE_ROWS:
        x = x[rng.choice(len(x), SAMPLE_ROWS, replace=False)]
    x = ops.cast(x, "float32")
    for layer in network.layers:
        if isinstance(layer, NTKDense) and not layer.zero:
            set_layer(layer, ops.convert_to_numpy(x), rng)
        x = layer.call(x)  # in float32, whatever the layer computes in


def set_layer(layer, x, rng):
    """Set the kernel and the bias of one layer whose input is x."""
    d = x.shape[1]
    kernel = rng.standard_normal((d, layer.units))
    z = x @ kernel / np.sqrt(d)
    deviation = z.std(axis=0)
    deviation[deviation <= 1e-9] = 1.0
    kernel, z = kernel / deviation, z / deviation
    rows = rng.integers(len(x), size=(ROWS_PER_BIAS, layer.units))
    weights = rng.exponential(size=(ROWS_PER_BIAS, layer.units))
    weights /= weights.sum(axis=0)
    bias = -(weights * np.take_along_axis(z, rows, axis=0)).sum(axis=0)
    # A gain of 2 is the difference of two logits, with standard deviation sqrt(2), not 2.
    layer.kernel.assign(kernel / np.sqrt(layer.gain))
    layer.bias.assign(bias / np.sqrt(layer.gain))
