"""Which networks may share compiled functions, and when a network needs new ones.

Equal networks share a compiled function: it is traced once and called with the variables of each.
That is sound only if nothing else enters the computation, so that the key of a network is made from
an allowlist: exact classes of Keras and kerasdnn whose computation depends on their attributes and
variables alone, and functions known by identity. A subclass, a function of the user, a layer that
keeps constants outside its variables (`Normalization` and others with `adapt`): any of these, and
the network compiles its own functions and shares them with no other.

A network keeps a function for exactly as long as stock Keras keeps its own: until `compile`,
`quantize`, or `network.train_function = None`. What changes in between, such as `trainable`, has no
effect until then, as Keras documents for `compile`.
"""

import collections
import enum
import json
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
from . import metrics as scoring

REMEMBERED = 128
traces = collections.OrderedDict()

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
# Attributes that do not enter the computation: names, initial values (seeds too: what layers draw
# later comes from a variable), and what Keras keeps its books in.
COMPUTES = {
    "_trainable", "_dtype_policy", "activity_regularizer", "autocast", "_remat_mode",
    "_supports_masking",
}  # fmt: skip
BOOKS = set(vars(kl.Layer())) - COMPUTES | {
    "name", "seed", "_called", "_path", "_lock", "_tracker", "_variables", "_metrics", "_built",
    "_trainable_variables", "_trainable_variables_indices", "_distribution_strategy", "_mesh",
    "_build_shapes_dict", "_build_input_shape", "_auto_config", "_convert_input_args", "_dtype",
    "_input_spec", "backend", "_initial_seed",
}  # fmt: skip


class Unknown(Exception):
    """Says which part of a network is not on the list."""


def is_ours(thing):
    """Whether a class or function is kerasdnn's own and says itself what it computes."""
    return thing.__module__.split(".")[0] == "kerasdnn" and bool(
        {"row_by_row", "elementwise", "stateless"} & vars(thing).keys()
    )


def is_known(function):
    """Whether a function is one of Keras's or ours, by identity: its value depends on its input."""
    if type(function) is not types.FunctionType:
        return False
    return function in FUNCTIONS or (is_ours(function) and function.__closure__ is None)


def describe(thing):
    """What `thing` computes with, as nested lists of plain values.

    Raises:
        Unknown: it is not on the list, or holds something that is not.
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
    if kind not in LAYERS and kind not in PLAIN and not is_ours(kind):
        if kind.__name__ == "EagerTensor":  # a regularizer's factor
            return describe(np.asarray(thing))
        raise Unknown(f"{kind.__module__}.{kind.__name__}")
    attributes = {
        name: value
        for name, value in vars(thing).items()
        if name not in BOOKS and not name.startswith("_self_") and not name.endswith("_initializer")
    }
    return [f"{kind.__module__}.{kind.__name__}", describe(attributes)]


def roles(model):
    """Where each variable of `model` stands: its layer, name, shape and dtype, in Keras's order."""
    places = {}
    for index, layer in enumerate(model.layers):
        names = [variable.name for variable in layer.variables]
        if len(set(names)) < len(names):
            raise Unknown(f"two variables of one name in {layer.name}")
        if not places.keys().isdisjoint(map(id, layer.variables)):
            raise Unknown(f"a variable of {layer.name} that another layer has too")
        for v in layer.variables:
            places[id(v)] = [index, v.name, describe(v.regularizer), describe(v.constraint)]
    groups = model.trainable_variables, model.non_trainable_variables
    if not all(id(v) in places for group in groups for v in group):
        raise Unknown("a variable outside the layers")
    return [[[*places[id(v)], list(v.shape), v.dtype] for v in group] for group in groups]


def describe_scores(model):
    """What loss and metrics of a compiled, built model compute, and their names."""
    parts = [describe(keras_internals.losses_of(model))]
    parts.append(describe(keras_internals.loss_weights_of(model)))
    for group in keras_internals.metrics_of(model):
        parts.append([[metric.name, describe(metric)] for metric in group])
    return parts


def cache_key(model, scores=True, optimizer=True):
    """A string that is equal for networks that may share functions, None for one that may not.

    Args:
        model: a built `Network`; compiled, unless the other two are False.
        scores: whether the function computes loss and metrics.
        optimizer: whether it updates weights.
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
    """The trace shared under `key`, made now if there is none; `trace.shared` may decline."""
    if key in traces:
        traces.move_to_end(key)
        return traces[key]
    found = trace()
    if found.shared:
        traces[key] = found
        while len(traces) > REMEMBERED:
            traces.popitem(last=False)
    return found


class Retracing:
    """When one of a network's functions is traced again: exactly when stock Keras does.

    Keras calls a `tf.function(reduce_retracing=True)`, which traces once for the first number of
    rows in a batch and, when another one comes, once more for any number.
    """

    def __init__(self):
        self.function, self.traces, self.answer = None, {}, None

    def follow(self, function):
        """Forget everything if Keras holds another function."""
        if function is not self.function:
            self.function, self.traces, self.answer = function, {}, None

    def ask(self, function, question):
        """What `question()` answered first since Keras holds `function`: that is what it traced."""
        self.follow(function)
        self.answer = self.answer or [question()]
        return self.answer[0]

    def get(self, function, specs, rows, trace):
        """The trace for batches of `rows` rows, None where they vary.

        Args:
            function: what Keras holds in `train_function` or its like; another one, and all is
                traced anew.
            specs: hashable, dtypes and shapes of the data.
            rows: int or None.
            trace: function that makes it for a number of rows, or for None.
        """
        self.follow(function)
        known = self.traces.setdefault(specs, {})
        for key in (rows, None):
            if key in known:
                return known[key]
        key = None if known else rows
        known[key] = trace(key)
        return known[key]


ROW_BY_ROW = {  # what comes out for a row depends on that row alone, in training too
    kl.InputLayer, kl.Dense, kl.Embedding, kl.Activation, kl.ReLU, kl.LeakyReLU, kl.ELU, kl.PReLU,
    kl.Flatten, kl.Identity,
}  # fmt: skip
ROW_BY_ROW_AT_REST = {  # when predicting
    kl.BatchNormalization, kl.LayerNormalization, kl.UnitNormalization, kl.RMSNormalization,
    kl.Dropout, kl.SpatialDropout1D, kl.GaussianDropout, kl.GaussianNoise, kl.AlphaDropout,
    kl.Normalization, kl.Softmax, kl.Rescaling,
}  # fmt: skip


def is_row_by_row(model, training):
    """Whether what `model` computes for a row cannot depend on the other rows of the batch."""
    return all(layer_is_row_by_row(layer, training) for layer in model.layers)


def layer_is_row_by_row(layer, training):
    cls = type(layer)
    inner = [*getattr(layer, "layers", ()), *getattr(layer, "networks", ())]
    if isinstance(getattr(layer, "activation", None), kl.Layer):
        inner.append(layer.activation)
    elif getattr(layer, "activation", None) is not None and not is_known(layer.activation):
        return False
    return (
        (
            cls in ROW_BY_ROW
            or (cls in ROW_BY_ROW_AT_REST and not training and _along_columns(layer))
            or (is_ours(cls) and "row_by_row" in vars(cls))
            or cls is keras.Sequential
        )
        and type(layer.dtype_policy) is keras.DTypePolicy  # a quantized layer may look at a batch
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
    """Whether rows of weight zero leave everything that a training step computes unchanged."""
    return is_row_by_row(model, training=True) and all(
        scoring.is_row_by_row_loss(loss) for loss in keras_internals.losses_of(model)
    )
