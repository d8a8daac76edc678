"""Update many small variables as one concatenated vector.

A step of a small network runs a few tiny kernels per variable, and most of its time is their fixed
cost. Every optimizer in `ELEMENTWISE` updates each number independently. Therefore a copy of it,
built on the concatenation of all small weights, computes the same update with Keras's own code in
one kernel instead of one per variable. Large weights are not concatenated: their kernels justify
the fixed cost, and concatenating would copy them.
"""

import operator

import keras
import numpy as np
import tensorflow as tf
from keras import optimizers as ko

from ..core import keras_internals

MAX_PACKED_NUMBERS = 65_536  # in a weight; larger ones are not concatenated

ELEMENTWISE = {
    ko.SGD, ko.Adam, ko.AdamW, ko.Adagrad, ko.RMSprop, ko.Adamax, ko.Nadam, ko.Adadelta, ko.Lion,
}  # fmt: skip


def is_elementwise(optimizer):
    kind = type(optimizer)
    return kind in ELEMENTWISE or vars(kind).get("elementwise", False)


def can_pack(optimizer, variables):
    """Return whether `optimizer` computes the same update on concatenated variables."""
    return (
        is_elementwise(optimizer)
        and len(variables) == len(keras_internals.weights_of(optimizer))  # none frozen since
        and all(map(operator.is_, variables, keras_internals.weights_of(optimizer)))
        and not optimizer.clipnorm  # a norm per variable
        and not optimizer.gradient_accumulation_steps
        and not optimizer.ema_overwrite_frequency
        and not optimizer.loss_scale_factor
        and not keras_internals.decay_exclusions(optimizer)
        and all(v.dtype == "float32" and v.constraint is None for v in variables)
        and not any(getattr(v, "overwrite_with_gradient", False) for v in variables)
    )


class Packing:
    """A list of tensors as a shorter list: the small ones concatenated, then the large ones."""

    def __init__(self, shapes):
        self.shapes = [tuple(s) for s in shapes]
        self.sizes = [int(np.prod(s)) for s in self.shapes]
        self.small = [i for i, size in enumerate(self.sizes) if size < MAX_PACKED_NUMBERS]
        self.large = [i for i, size in enumerate(self.sizes) if size >= MAX_PACKED_NUMBERS]

    @property
    def packed_shapes(self):
        joined = [(sum(self.sizes[i] for i in self.small),)] if self.small else []
        return joined + [self.shapes[i] for i in self.large]

    def pack(self, tensors):
        joined = [tf.concat([tf.reshape(tensors[i], [-1]) for i in self.small], 0)]
        large = [tf.convert_to_tensor(tensors[i]) for i in self.large]
        return (joined if self.small else []) + large

    def spread(self, numbers):
        """Repeat one number per tensor so that the result broadcasts against the packed tensors."""
        numbers = np.float32(numbers)
        joined = [np.repeat(numbers[self.small], [self.sizes[i] for i in self.small])]
        return (joined if self.small else []) + list(numbers[self.large])

    def unpack(self, packed):
        tensors, start = [None] * len(self.shapes), 0
        for i in self.small:
            tensors[i] = tf.reshape(packed[0][start : start + self.sizes[i]], self.shapes[i])
            start += self.sizes[i]
        for i, tensor in zip(self.large, packed[1 if self.small else 0 :], strict=True):
            tensors[i] = tf.convert_to_tensor(tensor)
        return tensors


class PackedOptimizer:
    """A copy of a built Keras optimizer that works on packed variables.

    `load` and `store` copy weights and optimizer state between the model's variables, given as
    lists of `tf.Variable`, and the packed ones. Both are called inside the compiled function.

    Args:
        optimizer: built Keras optimizer for which `can_pack` is true.
        variables: list of the model's variables, in the optimizer's order.
        members: int, for as many models with equal optimizers, whose weights have a leading axis.
            None means one model, without that axis.
    """

    def __init__(self, optimizer, variables, members=None):
        axis = () if members is None else (members,)
        self.packing = Packing([(*axis, *v.shape) for v in variables])
        self.parameters = [
            keras.Variable(np.zeros(s, "float32")) for s in self.packing.packed_shapes
        ]
        self.twin = type(optimizer).from_config(optimizer.get_config())
        self.twin.build(self.parameters)
        if hasattr(optimizer, "on_packed"):
            optimizer.on_packed(self.twin, self.packing.spread)
        place = {id(v): i for i, v in enumerate(optimizer.variables)}
        lists = [
            (name, [place[id(v)] for v in value])
            for name, value in vars(optimizer).items()
            if isinstance(value, list)
            and len(value) == len(variables)
            and all(id(v) in place for v in value)
            and name != "_variables"
        ]
        self.states = [(where, getattr(self.twin, name)) for name, where in lists]
        in_states = {i for where, _ in self.states for i in where}
        in_twin_states = {id(v) for _, twins in self.states for v in twins}
        rest = [i for i in range(len(optimizer.variables)) if i not in in_states]
        twin_rest = [v for v in self.twin.variables if id(v) not in in_twin_states]
        self.scalars = list(zip(rest, twin_rest, strict=True))  # iteration, learning rate, ...

    @property
    def variables(self):
        """The packed variables, as `tf.Variable`s. They hold nothing between `store` and `load`."""
        return [v.value for v in (*self.parameters, *self.twin.variables)]

    def load(self, weights, state):
        assign(self.parameters, self.packing.pack(weights))
        for where, twins in self.states:
            assign(twins, self.packing.pack([state[i] for i in where]))
        for i, twin in self.scalars:
            twin.value.assign(state[i])

    def store(self, weights, state):
        assign(weights, self.weights())
        assign(state, self.state())

    def state(self):
        """Return the optimizer's state as views of the packed one, in the optimizer's order."""
        values = {i: twin.value for i, twin in self.scalars}
        for where, twins in self.states:
            unpacked = self.packing.unpack([v.value for v in twins])
            values.update(zip(where, unpacked, strict=True))
        return [values[i] for i in range(len(values))]

    def weights(self):
        """Return the weights as views of the packed parameters, in the model's order."""
        return self.packing.unpack([v.value for v in self.parameters])

    def apply(self, gradients):
        self.twin.apply(self.packing.pack(gradients), self.parameters)


def assign(variables, tensors):
    for variable, tensor in zip(variables, tensors, strict=True):
        variable.assign(tensor)
