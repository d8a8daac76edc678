"""Decide which networks share compiled functions, and when a network needs new ones.

Equal networks share a compiled function, which is traced once and called with the variables of
each. That is sound only if nothing else enters the computation. The cache key of a network is
therefore built from an allowlist: exact classes of Keras and kerasdnn whose computation depends on
their attributes and variables only, and functions known by identity. With a subclass, a custom
function, or a layer that keeps constants outside its variables (`Normalization` and others with
`adapt`), a network compiles its own functions and does not share them.

The numbers of a schedule, such as its peak and its length, are inputs of a training function: the
networks of a search share one, whatever their learning rates. They are read when a network begins
to use it.

A network keeps a function for exactly as long as stock Keras keeps its own: until `compile`,
`quantize`, or `network.train_function = None`. Changes in between, such as `trainable`, have no
effect until then, as Keras documents for `compile`.
"""

import collections
import contextlib
import enum
import json
import threading
import types

import keras
import numpy as np
from keras import constraints as kc
from keras import layers as kl
from keras import losses as ko
from keras import metrics as km
from keras import optimizers
from keras import regularizers as kr

from ..core import keras_internals
from ..nn.average import AverageOf
from . import metrics as scoring

MAX_TRACES = 128
traces: collections.OrderedDict = collections.OrderedDict()
TRACING = threading.RLock()  # threads trace one after the other, equal networks once

# fmt: off
LAYERS = {
    kl.InputLayer, kl.Dense, kl.EinsumDense, kl.Embedding, kl.Activation, kl.ReLU, kl.LeakyReLU,
    kl.ELU, kl.PReLU, kl.Softmax, kl.Flatten, kl.Reshape, kl.Permute, kl.RepeatVector,
    kl.Rescaling, kl.LayerNormalization, kl.RMSNormalization, kl.BatchNormalization,
    kl.UnitNormalization, kl.Dropout, kl.SpatialDropout1D, kl.GaussianDropout, kl.GaussianNoise,
    kl.AlphaDropout, kl.ActivityRegularization,
}
# fmt: on


def classes(module, base):
    """The exact classes that a module of Keras exports."""
    return {c for c in vars(module).values() if isinstance(c, type) and issubclass(c, base)}


PLAIN = {
    *classes(kr, kr.Regularizer),
    *classes(kc, kc.Constraint),
    *classes(ko, ko.Loss),
    *classes(km, km.Metric),
    *classes(optimizers.schedules, optimizers.schedules.LearningRateSchedule),
    *classes(optimizers, optimizers.Optimizer),
    scoring.WRAPPER,
    keras.DTypePolicy,
    keras.random.SeedGenerator,
}
FUNCTIONS = {
    function
    for module in (keras.activations, ko, km)
    for function in vars(module).values()
    if isinstance(function, types.FunctionType)
}
# Attributes of the base class that enter the computation; the others (`IGNORED`) do not: names,
# initial values, seeds (layers draw from a variable), and Keras's bookkeeping.
COMPUTES = {
    "_trainable", "_dtype_policy", "activity_regularizer", "autocast", "_remat_mode",
    "_supports_masking",
}  # fmt: skip
IGNORED = set(vars(kl.Layer())) - COMPUTES | {
    "name", "seed", "_called", "_path", "_lock", "_tracker", "_variables", "_metrics", "_built",
    "_trainable_variables", "_trainable_variables_indices", "_distribution_strategy", "_mesh",
    "_build_shapes_dict", "_build_input_shape", "_auto_config", "_convert_input_args", "_dtype",
    "_input_spec", "backend", "_initial_seed",
}  # fmt: skip
QUANTIZATION = {"is_awq_calibrated", "is_gptq_calibrated"}  # False once weights were loaded


class Unknown(Exception):
    """A part of a network is not on the allowlist."""


def is_ours(thing):
    """Return whether a class or function is part of kerasdnn and declares what it depends on."""
    return thing.__module__.split(".")[0] == "kerasdnn" and bool(
        {"row_by_row", "elementwise", "stateless"} & vars(thing).keys()
    )


def is_known(function):
    """Return whether a function is one of Keras or kerasdnn, which depends on its input only."""
    if type(function) is not types.FunctionType:
        return False
    return function in FUNCTIONS or (is_ours(function) and function.__closure__ is None)


def describe(thing):
    """Describe everything that `thing` computes with, as nested lists of plain values.

    Raises:
        Unknown: it is not on the allowlist, or has an attribute that is not.
    """
    if thing is None or type(thing) in (bool, int, float, str):
        return thing
    if isinstance(thing, keras.Variable):
        return "variable"
    if isinstance(thing, enum.Enum):
        return thing.name
    if isinstance(thing, (np.ndarray, np.generic)) and thing.dtype.kind in "fiub":
        return thing.tolist()
    if isinstance(thing, dict):
        return [[str(name), describe(thing[name])] for name in sorted(thing, key=str)]
    if isinstance(thing, (list, tuple)):
        return [describe(item) for item in thing]
    if is_known(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    kind = type(thing)
    if kind is keras.Sequential:  # one of an `AverageOf`
        return [describe(thing.layers), describe(thing.dtype_policy)]
    if kind not in LAYERS and kind not in PLAIN and not is_ours(kind):
        if kind.__name__ == "EagerTensor":  # a regularizer's factor
            return describe(np.asarray(thing))
        raise Unknown(f"{kind.__module__}.{kind.__name__}")
    inputs = inputs_of(thing)
    attributes = {
        name: "input" if name in inputs else value for name, value in attributes_of(thing).items()
    }
    return [f"{kind.__module__}.{kind.__name__}", describe(attributes)]


def attributes_of(thing):
    """Return the attributes that enter the computation of an object, and their values."""
    return {
        name: value
        for name, value in vars(thing).items()
        if name not in IGNORED
        and not (name in QUANTIZATION and value is False)
        and not name.startswith("_self_")
        and not name.endswith("_initializer")
    }


def inputs_of(thing):
    """Return the attributes that a training function takes as inputs instead of as constants.

    A class of kerasdnn names them in `inputs`. A value of 0 may remove a part of the computation,
    and None and others are no numbers: these are constants.
    """
    if not is_ours(type(thing)):
        return ()
    found = vars(thing)
    return [
        name
        for name in vars(type(thing)).get("inputs", ())
        if type(found.get(name)) in (int, float) and found[name]
    ]


def input_places(thing):
    """Return the pairs (owner, attribute) of all inputs in an object that `describe` describes.

    Objects with equal descriptions have them in the same order.
    """
    if isinstance(thing, dict):
        return [pair for name in sorted(thing, key=str) for pair in input_places(thing[name])]
    if isinstance(thing, (list, tuple)):
        return [pair for item in thing for pair in input_places(item)]
    if type(thing) not in LAYERS and type(thing) not in PLAIN and not is_ours(type(thing)):
        return []
    own = [] if isinstance(thing, types.FunctionType) else attributes_of(thing)
    return [*((thing, name) for name in inputs_of(thing)), *input_places(own)]


@contextlib.contextmanager
def replaced(places, values):
    """Set attributes while something is traced, and restore them after it."""
    before = [getattr(owner, name) for owner, name in places]
    try:
        for (owner, name), value in zip(places, values, strict=True):
            setattr(owner, name, value)
        yield
    finally:
        for (owner, name), value in zip(places, before, strict=True):
            setattr(owner, name, value)


def roles(model):
    """Describe each variable of `model`: layer, name, shape and dtype, in Keras's order."""
    places = {}
    for index, layer in enumerate(model.layers):
        if not places.keys().isdisjoint(map(id, layer.variables)):
            raise Unknown(f"a variable of {layer.name} shared with another layer")
        for name, v in named_variables(layer):
            places[id(v)] = [index, name, describe(v.regularizer), describe(v.constraint)]
    groups = model.trainable_variables, model.non_trainable_variables
    if not all(id(v) in places for group in groups for v in group):
        raise Unknown("a variable outside the layers")
    return [[[*places[id(v)], list(v.shape), v.dtype] for v in group] for group in groups]


def named_variables(layer):
    """Return pairs of a name and a variable; those of the networks of an `AverageOf` have paths."""
    if isinstance(layer, AverageOf):
        parts = [
            (f"{i}/{j}", inner)
            for i, network in enumerate(layer.networks)
            for j, inner in enumerate(network.layers)
        ]
        found = [(f"{at}/{n}", v) for at, inner in parts for n, v in named_variables(inner)]
    else:
        found = [(v.name, v) for v in layer.variables]
    if len({name for name, _ in found}) < len(found) or len({id(v) for _, v in found}) < len(found):
        raise Unknown(f"duplicate variable names in {layer.name}")
    return found


def describe_scores(model):
    """Describe what loss and metrics of a compiled, built model compute, and their names."""
    losses = keras_internals.losses_of(model), keras_internals.loss_weights_of(model)
    groups = keras_internals.metrics_of(model)
    return [*map(describe, losses), *([[m.name, describe(m)] for m in group] for group in groups)]


def cache_key(model, scores=True, optimizer=True):
    """Return a string that is equal for networks that may share functions, None to not share.

    Args:
        model: a built `Network`; compiled, unless the other two are False.
        scores: bool, whether the function computes loss and metrics.
        optimizer: bool, whether it updates weights.
    """
    try:
        parts = [describe(list(model.layers)), describe(model.dtype_policy), roles(model)]
        parts.append([keras.config.epsilon(), keras.config.floatx()])  # which Keras traces
        parts.append(describe_scores(model) if scores else None)
        parts.append(describe(model.optimizer) if optimizer else None)
        return json.dumps(parts)
    except Unknown:
        return None


def get_or_trace(key, trace):
    """Return the trace shared under `key`, made now if there is none; `shared` may prevent it."""
    if key in traces:
        traces.move_to_end(key)
        return traces[key]
    found = trace()
    if found.shared:
        traces[key] = found
        while len(traces) > MAX_TRACES:
            traces.popitem(last=False)
    return found


class Retracing:
    """Trace one of a network's functions again exactly when stock Keras does.

    Keras calls a `tf.function(reduce_retracing=True)`, which traces once for the first number of
    rows in a batch and, for the next number, once more for any number.
    """

    def __init__(self):
        self.function, self.traces, self.answer = None, {}, None

    def follow(self, function):
        """Clear the cache if Keras has another function."""
        if function is not self.function:
            self.function, self.traces, self.answer = function, {}, None

    def ask(self, function, question):
        """Return the first result of `question()` since `function` was traced."""
        self.follow(function)
        self.answer = self.answer or [question()]
        return self.answer[0]

    def get(self, function, specs, rows, trace):
        """Return the trace for a batch size.

        Args:
            function: the current `train_function` or similar of Keras; a new one clears the cache.
            specs: hashable, dtypes and shapes of the data.
            rows: int, rows per batch. None means any number.
            trace: function that makes a trace for a number of rows, or for None.
        """
        self.follow(function)
        known = self.traces.setdefault(specs, {})
        for key in (rows, None):
            if key in known:
                return known[key]
        key = None if known else rows
        known[key] = trace(key)
        return known[key]


ROW_BY_ROW = {  # the output for a row depends on that row only, in training too
    kl.InputLayer, kl.Dense, kl.Embedding, kl.Activation, kl.ReLU, kl.LeakyReLU, kl.ELU, kl.PReLU,
    kl.Flatten, kl.Identity,
}  # fmt: skip
ROW_BY_ROW_IN_PREDICTION = {
    kl.BatchNormalization, kl.LayerNormalization, kl.UnitNormalization, kl.RMSNormalization,
    kl.Dropout, kl.SpatialDropout1D, kl.GaussianDropout, kl.GaussianNoise, kl.AlphaDropout,
    kl.Normalization, kl.Softmax, kl.Rescaling,
}  # fmt: skip


def is_row_by_row(model, training):
    """Return whether the output of `model` for a row cannot depend on other rows of the batch."""
    return all(layer_is_row_by_row(layer, training) for layer in model.layers)


def is_known_activation(activation):
    """Return whether an activation is None, or one that depends on its input only."""
    if type(activation).__module__.startswith("kerasdnn.") and is_ours(type(activation)):
        return all(is_known(function) for function, _ in activation.parts)  # `MixedActivation`
    return activation is None or is_known(activation)


def layer_is_row_by_row(layer, training):
    cls = type(layer)
    inner = [*getattr(layer, "layers", ()), *getattr(layer, "networks", ())]
    if isinstance(getattr(layer, "activation", None), kl.Layer):
        inner.append(layer.activation)
    elif not is_known_activation(getattr(layer, "activation", None)):
        return False
    return (
        (
            cls in ROW_BY_ROW
            or (cls in ROW_BY_ROW_IN_PREDICTION and not training and _along_columns(layer))
            or (is_ours(cls) and "row_by_row" in vars(cls))
            or cls is keras.Sequential
        )
        and type(layer.dtype_policy) is keras.DTypePolicy  # a quantized layer may use the batch
        and layer.activity_regularizer is None
        and not getattr(layer, "mask_zero", False)  # masked steps are counted over a batch
        and all(layer_is_row_by_row(part, training) for part in inner)
    )


def _along_columns(layer):
    axis = getattr(layer, "axis", -1)
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    factors = getattr(layer, "scale", None), getattr(layer, "offset", None)
    return all(a == -1 or (a or 0) > 0 for a in axes) and not any(map(np.ndim, factors))


def allows_padding(model):
    """Return whether zero-weight rows do not change what a training step computes."""
    return is_row_by_row(model, training=True) and all(
        scoring.is_row_by_row_loss(loss) for loss in keras_internals.losses_of(model)
    )
