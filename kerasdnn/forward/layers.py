"""Describe the layers of a network as a list of steps that any runtime can compute.

    dense        f(x W + b)                       NTKDense includes its factor in W and b
    affine       a x + b                          normalization, scaling
    activation   f(x)
    mix          x + m (f(x) - x)                 ParametricActivation
    layer_norm   (x - mean) / sqrt(variance + epsilon), over the columns of a row
    periodic     see `PeriodicEmbedding`
    piecewise    see `PiecewiseLinearEmbedding`
    cosine       see `CosineEmbedding`
    embed        see `EmbedCategories`
    members      a_m x_m + b_m of each member m   (rows, d) becomes (rows, members, d)
    each         other steps for each member
    separate     x_m W_m + b_m
    mean         the mean of f(x_m)               (rows, members, d) becomes (rows, d)
    average      the mean of several lists of steps
    sum          the sum of several lists of steps, of which an empty one is x
    log_odds     those of the mean of the sigmoids of several lists of steps, which end before them
    temperature  sigmoid(x / t) or softmax(x / t) of scores, in doubles; of probabilities, their
                 log-odds or logarithms are the scores

A step is a dict; its arrays are float32 or int32 NumPy arrays.
"""

import math
from typing import Any

import keras
import numpy as np

from .. import activations
from ..core.messages import quoted_list
from ..nn import distributions
from ..nn.average import AverageOf
from ..nn.batch_ensemble import BatchEnsembleDense, MeanOfMembers, MemberDense, MemberScale
from ..nn.embedding import EmbedCategories
from ..nn.numeric_embeddings import CosineEmbedding, PiecewiseLinearEmbedding
from ..nn.quantiles import increasing
from ..nn.realmlp_layers import (
    NTKDense,
    ParametricActivation,
    PeriodicEmbedding,
    Scale,
    ScheduledDropout,
)
from ..nn.skip import Residual, WideAndDeep

kl, ka = keras.layers, keras.activations
ONLY_IN_TRAINING = (
    kl.Dropout, kl.GaussianDropout, kl.GaussianNoise, kl.AlphaDropout, kl.ActivityRegularization,
    kl.InputLayer, ScheduledDropout,
)  # fmt: skip
# The functions that a step names, with their arguments where the name alone does not fix them.
FUNCTIONS: dict[Any, dict[str, Any]] = {
    getattr(ka, name): {"name": name}
    for name in (
        "relu", "relu6", "selu", "elu", "tanh", "sigmoid", "hard_sigmoid", "softplus", "softsign",
        "silu", "hard_silu", "exponential", "linear", "mish", "gelu", "softmax", "log_softmax",
        "log_sigmoid", "hard_tanh", "tanh_shrink", "squareplus",
    )
}  # fmt: skip
FUNCTIONS[ka.leaky_relu] = {"name": "leaky_relu", "slope": 0.2}
FUNCTIONS[activations.leaky_relu] = {"name": "leaky_relu", "slope": activations.ALPHA}
FUNCTIONS[activations.mish] = {"name": "mish"}
FUNCTIONS[increasing] = {"name": "increasing"}
for _name in ("ordinal", "normal_parameters", "negative_binomial_parameters"):
    FUNCTIONS[getattr(distributions, _name)] = {"name": _name}
LINEAR = {"name": "linear"}
# Layers that take (rows, members, columns); others take (rows, columns) alone.
OF_MEMBERS = (kl.Dense, MemberScale, BatchEnsembleDense, MemberDense, MeanOfMembers)


class NotDescribed(ValueError):
    """A layer or an activation that has no description."""


def describe_layers(network):
    """The steps of a Sequential, or of another layer with `layers`.

    Raises:
        NotDescribed: a layer, an activation or a precision that the steps do not cover.
    """
    steps = []
    for layer in network.layers:
        if isinstance(layer, keras.Sequential):
            steps += describe_layers(layer)
        elif type(layer) not in ONLY_IN_TRAINING:
            steps += describe_layer(layer)
    return steps


def describe_layer(layer):
    describe = DESCRIBE.get(type(layer))
    if describe is None:
        raise NotDescribed(f"layer {layer.name!r} of type {type(layer).__name__}")
    if layer.compute_dtype != "float32" or getattr(layer, "quantization_mode", None):
        precision = getattr(layer, "quantization_mode", None) or layer.compute_dtype
        raise NotDescribed(f"layer {layer.name!r}, which computes in {precision}")
    if rank_of(layer) > 2 and type(layer) not in OF_MEMBERS:
        raise NotDescribed(f"layer {layer.name!r} with input of shape {tuple(layer.input.shape)}")
    return [step for step in describe(layer) if step != {"op": "activation", "f": LINEAR}]


def rank_of(layer):
    """Number of dimensions of the input of a layer, 2 where it is not known."""
    known = layer.built and hasattr(layer, "input")
    return len(getattr(layer.input, "shape", ())) if known else 2


def function_of(activation, where):
    if activation is None:
        return LINEAR
    if isinstance(activation, keras.layers.Layer):
        steps = describe_layer(activation)
        if not steps:
            return LINEAR
        if len(steps) == 1 and steps[0]["op"] == "activation":
            return steps[0]["f"]
    try:
        return FUNCTIONS[activation]
    except (KeyError, TypeError):
        name = getattr(activation, "__name__", type(activation).__name__)
        raise NotDescribed(f"activation {name!r} of layer {where.name!r}") from None


def number(value):
    return keras.ops.convert_to_numpy(value).astype("float32")


def dense(layer):
    kernel, units = number(layer.kernel), layer.kernel.shape[-1]
    bias = number(layer.bias) if layer.use_bias else np.zeros(units, "float32")
    step = {"op": "dense", "w": kernel, "b": bias, "f": function_of(layer.activation, layer)}
    yield {"op": "each", "of": [step]} if rank_of(layer) == 3 else step


def ntk_dense(layer):
    factor = layer.gain / math.sqrt(layer.kernel.shape[0])
    kernel, bias = number(layer.kernel).astype("float64"), number(layer.bias).astype("float64")
    yield {
        "op": "dense", "w": (kernel * factor).astype("float32"),
        "b": (bias * layer.gain).astype("float32"), "f": function_of(layer.activation, layer),
    }  # fmt: skip


def batch_norm(layer):
    if layer.axis not in (-1, 1):
        raise NotDescribed(f"layer {layer.name!r} with axis={layer.axis}")
    mean, variance = (number(v).astype("float64") for v in (layer.moving_mean,
                                                            layer.moving_variance))  # fmt: skip
    a = 1 / np.sqrt(variance + layer.epsilon)
    a = a * number(layer.gamma) if layer.scale else a
    b = (number(layer.beta) if layer.center else 0.0) - mean * a
    yield affine(a, b)


def affine(a, b):
    return {"op": "affine", "a": np.asarray(a, "float32"), "b": np.asarray(b, "float32")}


def normalization(layer):
    if layer.invert or layer.axis not in ((), None, (1,), (-1,)):
        raise NotDescribed(f"layer {layer.name!r} with axis={layer.axis}, invert={layer.invert}")
    mean, variance = (number(v).astype("float64").ravel() for v in (layer.mean, layer.variance))
    a = 1 / np.maximum(np.sqrt(variance), keras.backend.epsilon())
    yield affine(a, -mean * a)


def layer_norm(layer):
    if list(np.atleast_1d(layer.axis)) not in ([-1], [1]) or getattr(layer, "rms_scaling", False):
        raise NotDescribed(f"layer {layer.name!r} with axis={layer.axis}")
    a = number(layer.gamma) if layer.scale else np.ones(1, "float32")
    b = number(layer.beta) if layer.center else np.zeros(1, "float32")
    yield {"op": "layer_norm", "a": a, "b": b, "epsilon": float(layer.epsilon)}


def relu_layer(layer):
    if layer.max_value is not None or layer.threshold:
        raise NotDescribed(f"layer {layer.name!r} with a threshold or a maximum")
    f = {"name": "leaky_relu", "slope": float(layer.negative_slope)}
    yield {"op": "activation", "f": f if layer.negative_slope else {"name": "relu"}}


def elu_layer(layer):
    if layer.alpha != 1:
        raise NotDescribed(f"layer {layer.name!r} with alpha={layer.alpha}")
    yield {"op": "activation", "f": {"name": "elu"}}


def leaky(slope):
    return lambda layer: [
        {"op": "activation", "f": {"name": "leaky_relu", "slope": float(getattr(layer, slope))}}
    ]


def softmax_layer(layer):
    if layer.axis not in (-1, 1):
        raise NotDescribed(f"layer {layer.name!r} with axis={layer.axis}")
    yield {"op": "activation", "f": {"name": "softmax"}}


def prelu(layer):
    yield {"op": "mix", "m": 1 - number(layer.alpha), "f": {"name": "relu"}}


def flatten(layer):
    return []  # of two-dimensional input, see `describe_layer`


def periodic(layer):
    weights = {"w": layer.frequency, "p": layer.phase, "m": layer.mixture, "b": layer.offset}
    yield {"op": "periodic", "n": layer.n, **{name: number(v) for name, v in weights.items()}}


def piecewise(layer):
    names = ["edge", "slope", "low", "high"]
    if layer.size is not None:
        names += ["piecewise", "bias"] + ["linear"] * (layer.version == "B")
    weights = {name: number(getattr(layer, name)) for name in names}
    yield {"op": "piecewise", "n": layer.n, "f": function_of(layer.activation, layer), **weights}


def cosine(layer):
    weights = {"w": layer.frequency, "p": layer.phase, "a": layer.factor, "c": layer.bias}
    yield {"op": "cosine", "n": layer.n, **{name: number(v) for name, v in weights.items()}}


def members(a, b=None):
    a = number(a)
    return {"op": "members", "a": a, "b": np.zeros_like(a) if b is None else number(b)}


def batch_ensemble(layer):
    units = np.zeros(layer.units, "float32")
    f = function_of(layer.activation, layer)
    yield members(layer.input_scale)
    product = {"op": "dense", "w": number(layer.kernel), "b": units, "f": LINEAR}
    yield {"op": "each", "of": [product]}
    yield members(layer.output_scale, layer.bias)
    if f != LINEAR:
        yield {"op": "each", "of": [{"op": "activation", "f": f}]}


def member_dense(layer):
    f = function_of(layer.activation, layer)
    yield {"op": "separate", "w": number(layer.kernel), "b": number(layer.bias)}
    if f != LINEAR:
        yield {"op": "each", "of": [{"op": "activation", "f": f}]}


def embed(layer):
    limits = np.array(layer.cardinalities, dtype="int32") - 1
    vectors = number(layer.vectors).reshape(-1, layer.size)
    yield {"op": "embed", "limits": limits, "starts": layer.starts.astype("int32"), "v": vectors}


def thresholds(layer):
    bias = number(layer.bias)
    one = np.ones((1, len(bias)), "float32")
    yield {"op": "dense", "w": one, "b": bias, "f": FUNCTIONS[distributions.ordinal]}


def residual(layer):
    skipped = [] if layer.shortcut is None else describe_layer(layer.shortcut)
    yield {"op": "sum", "of": [describe_layers(layer), skipped]}


def wide_and_deep(layer):
    yield {"op": "sum", "of": [describe_layers(layer), describe_layer(layer.wide)]}
    yield {"op": "activation", "f": function_of(layer.activation, layer)}


DESCRIBE = {
    kl.Dense: dense,
    NTKDense: ntk_dense,
    kl.BatchNormalization: batch_norm,
    kl.Normalization: normalization,
    kl.LayerNormalization: layer_norm,
    kl.Rescaling: lambda x: [affine(x.scale, x.offset)],
    Scale: lambda layer: [affine(number(layer.scale), np.zeros(()))],
    kl.Activation: lambda x: [{"op": "activation", "f": function_of(x.activation, x)}],
    ParametricActivation: lambda x: [
        {"op": "mix", "m": number(x.mix), "f": function_of(x.activation, x)}
    ],
    kl.ReLU: relu_layer,
    kl.ELU: elu_layer,
    kl.LeakyReLU: leaky("negative_slope"),
    activations.LeakyReLU: leaky("alpha"),
    kl.PReLU: prelu,
    kl.Softmax: softmax_layer,
    kl.Flatten: flatten,
    PeriodicEmbedding: periodic,
    PiecewiseLinearEmbedding: piecewise,
    EmbedCategories: embed,
    CosineEmbedding: cosine,
    MemberScale: lambda layer: [members(layer.input_scale)],
    BatchEnsembleDense: batch_ensemble,
    MemberDense: member_dense,
    MeanOfMembers: lambda layer: [{"op": "mean", "f": function_of(layer.activation, layer)}],
    distributions.OrdinalOutput: thresholds,
    Residual: residual,
    WideAndDeep: wide_and_deep,
    AverageOf: lambda layer: [
        {"op": "average", "of": [describe_layers(network) for network in layer.networks]}
    ],
}


def with_temperature(steps, temperature, sigmoid):
    """The steps of a network whose probabilities are calibrated with a temperature.

    A dense layer at the end keeps its weights and loses its activation. Divided by the temperature,
    its weights would be rounded, and large sums of their products would differ from the model's.

    Args:
        steps: of the network, which end with probabilities.
        temperature: float.
        sigmoid: bool, whether each output has a sigmoid, instead of all of them a softmax.
    """
    *others, last = steps
    name, of = "sigmoid" if sigmoid else "softmax", "probabilities"
    if ends_with(steps, name):
        last, of = last | {"f": LINEAR}, "scores"
    elif sigmoid and last["op"] == "average" and all(ends_with(one, name) for one in last["of"]):
        parts = [[*one[:-1], one[-1] | {"f": LINEAR}] for one in last["of"]]
        last, of = {"op": "log_odds", "of": parts}, "scores"
    step = {"op": "temperature", "t": temperature, "sigmoid": sigmoid, "of_what": of}
    return [*others, last, step]


def ends_with(steps, activation):
    return steps[-1]["op"] == "dense" and steps[-1]["f"]["name"] == activation


def supported():
    """The layers that have a description, for a message."""
    return quoted_list(sorted({cls.__name__ for cls in (*DESCRIBE, *ONLY_IN_TRAINING)}), 40)
