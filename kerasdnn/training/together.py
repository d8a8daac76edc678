"""Train several equal networks as one compiled function, on a leading axis of their weights.

The training step of one network, as it was traced for `Network.fit`, is vectorized over that axis:
a product of matrices becomes a batch of products. Every network keeps its own rows, order of rows,
random numbers, optimizer state and callbacks, and gets the weights that it would get alone, except
for rounding.
"""

import math

import numpy as np
import tensorflow as tf
from keras.callbacks import CallbackList

from ..checks.divergence import warn_of_divergence
from ..checks.fit import check_fit
from . import compiled_steps, dispatch
from .compiled_steps import Program, tensor_specs
from .device_data import specs_of
from .fit_loop import BYTES_PER_CALL, MIN_STEPS_XLA, epoch_order, steps_taken
from .flat_weights import PackedOptimizer, is_elementwise


class NotStackable(Exception):
    """Not an error: the reason why networks are trained one after the other."""


def fit_together(networks, parts, batch, epochs, validation=None, callbacks=None):
    """Train `networks` as `network.fit(...)` would train each of them.

    The callbacks of a network may stop it and set its weights, not its learning rate.

    Args:
        networks: list of compiled `Network` with equal layers, losses, metrics and optimizers.
        parts: for each network (x, y) or (x, y, sample_weight), checked arrays.
        batch: int, rows per step; the number of steps per epoch must be the same for all.
        epochs: int.
        validation: for each network such a tuple to evaluate every epoch on. None means none.
        callbacks: for each network a list of Keras callbacks of its own. None means none.

    Raises:
        NotStackable: the networks differ, or a step computes something that has no such form.
            Nothing has been trained.
    """
    held = validation or [None] * len(networks)
    for network, arrays, own in zip(networks, parts, held, strict=True):
        x, y, weight = (*arrays, None)[:3]
        check_fit(network, x, y, weight, validation_data=own)
    stack = Stack(networks, parts, batch, epochs)
    evaluators = [None] * len(networks)
    lists = []
    for i, network in enumerate(networks):
        given = CallbackList(
            list(callbacks[i]) if callbacks else [], add_history=True, model=network,
            epochs=epochs, steps=stack.steps, verbose=0,
        )  # fmt: skip
        lists.append(given)
        if validation is not None:
            rows = dispatch.validation_arrays(validation[i])
            evaluators[i] = network._evaluator(rows, batch, given)
        network.stop_training = False
        given.on_train_begin()
    running, final, logs = list(range(len(networks))), {}, {}
    for epoch in range(epochs):
        for i in running:
            lists[i].on_epoch_begin(epoch)
        results = stack.run_epoch()
        for i in running:
            logs[i] = results[i]
            if evaluators[i] is not None:
                logs[i] |= {f"val_{name}": value for name, value in evaluators[i]().items()}
            lists[i].on_epoch_end(epoch, logs[i])
        for i in [i for i in running if networks[i].stop_training]:
            running.remove(i)
            lists[i].on_train_end(logs[i])  # which may restore the best weights
            final[i] = values_of(networks[i])
        if not running:
            break
        if 2 * len(running) <= len(stack.members):  # the others cost more than a compilation
            stack.keep(running)
    for i in running:
        lists[i].on_train_end(logs[i])
    for i, values in final.items():
        for variable, value in zip(variables_of(networks[i]), values, strict=True):
            variable.assign(value)
    for network in networks:
        network.last_path = "compiled: together with others"
        warn_of_divergence(network.history)


def variables_of(network):
    return [*network.variables, *network.optimizer.variables]


def values_of(network):
    return [v.numpy() for v in variables_of(network)]


class Stack:
    """The networks that are trained together, and their rows."""

    def __init__(self, networks, parts, batch, epochs):
        self.networks, self.batch = networks, batch
        self.parts = []
        for network, arrays in zip(networks, parts, strict=True):
            try:
                dispatch.need_plain_training(network)
                dispatch.need_one_device(network)
                self.parts.append(dispatch.training_arrays(*arrays))
                dispatch.prepare(network, self.parts[-1])
            except dispatch.UseStockKeras as reason:
                raise NotStackable(str(reason)) from reason
            optimizer = network.optimizer
            if optimizer.global_clipnorm:
                raise NotStackable("a norm over all weights of a network")
            if not optimizer.built and is_elementwise(optimizer):
                optimizer.build(network.trainable_variables)
        self.rows = [len(arrays[0]) for arrays in self.parts]
        self.specs = specs_of(self.parts[0])
        if any(specs_of(arrays) != self.specs for arrays in self.parts):
            raise NotStackable("rows of different types")
        steps = {math.ceil(rows / batch) for rows in self.rows}
        if len(steps) > 1:
            raise NotStackable("different numbers of steps")
        [self.steps] = steps
        self.bound = [
            compiled_steps.bind(network, compiled_steps.Training, self.specs, None)
            for network in networks
        ]
        self.trace = trace = self.bound[0].trace
        if any(bound.trace is not trace for bound in self.bound):
            raise NotStackable("networks that compute different things")
        padded = trace.padded or not any(rows % batch for rows in self.rows)
        if not (trace.flat and trace.shared and padded):
            raise NotStackable("a step that is not a function of single rows")
        self.compiled = self.steps * epochs * len(networks) >= MIN_STEPS_XLA
        row_bytes = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, *shape in self.specs)
        most = BYTES_PER_CALL // max(1, row_bytes * batch * len(networks))
        self.steps_per_call = max(1, min(self.steps, most))
        self.keep(list(range(len(networks))))
        self.check_scalars(NotStackable)

    def check_scalars(self, error):
        """Reject optimizers that differ in their learning rate or in the number of steps taken."""
        places = [i for i, _ in self.program.optimizer.scalars]
        first, *others = (self.networks[i].optimizer.variables for i in self.members)
        for variables in others:
            if any(variables[i].numpy() != first[i].numpy() for i in places):
                raise error("optimizers with different learning rates, or steps taken")
        inputs = [self.trace.places(self.networks[i])[1] for i in self.members]
        if len({tuple(getattr(*place) for place in places) for places in inputs}) > 1:
            raise error("optimizers with different schedules")

    def keep(self, members):
        """Train only some of the networks from here on, by their positions."""
        self.members = [*members]
        self.handles = [handle for i in members for handle in self.bound[i].handles]
        key = len(members), self.steps_per_call, self.batch, self.compiled
        programs = vars(self.trace).setdefault("stacked", {})
        if key not in programs:
            with self.trace.running:
                states = [self.bound[i].state for i in members]
                try:
                    programs[key] = StackedTraining(
                        self.trace, self.networks[members[0]], states, *key[1:]
                    )
                except (ValueError, NotImplementedError) as error:
                    raise NotStackable(f"no vectorized form ({str(error)[:100]})") from error
        self.program = programs[key]

    def run_epoch(self):
        """Train for an epoch; returns a dict from each network's position to its logs."""
        self.check_scalars(ValueError)  # which a callback may have changed
        orders = {
            i: epoch_order(self.networks[i].seed, steps_taken(self.networks[i].optimizer), n)
            for i, n in enumerate(self.rows)
            if i in self.members
        }
        chunk = self.steps_per_call * self.batch
        for start in range(0, self.steps * self.batch, chunk):
            chosen = [orders[i][start : start + chunk] for i in self.members]
            data = [self.gathered(p, chosen, chunk) for p in range(len(self.specs))]
            rows = np.array([len(order) for order in chosen], "int32")
            results = self.call(*map(tf.constant, data), tf.constant(rows), tf.constant(start == 0))
        names = self.trace.names
        return {
            i: dict(zip(names, row, strict=True))
            for i, row in zip(self.members, results.numpy().tolist(), strict=True)
        }

    def call(self, *arguments):
        """Run the compiled function."""
        try:
            with self.trace.running:
                return self.program.run(self.handles, *arguments)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            if not self.compiled:
                raise
            # A layer has no XLA kernel: compilation fails before anything is computed.
            self.compiled = False
            self.keep(self.members)
            return self.call(*arguments)

    def gathered(self, p, orders, chunk):
        """The rows of part `p` in the order of each network, padded with zeros."""
        dtype, *shape = self.specs[p]
        out = np.zeros((len(orders), chunk, *shape), dtype)
        for row, i, order in zip(out, self.members, orders, strict=True):
            row[: len(order)] = self.parts[i][p][order]
        return out


class StackedTraining:
    """`run(states, data, rows, reset_metrics)`: steps on a chunk of rows of each network.

    Arguments of the compiled function:
        states: a `State` for each network, read at the start and written at the end.
        data: (x, y) or (x, y, sample_weight), each (networks, steps * batch, ...).
        rows: int32 (networks,), rows of the chunk; the others are padding.
        reset_metrics: whether metrics start from zero.

    It returns the metrics, float32 (networks, len(trace.names)).
    """

    def __init__(self, trace, network, states, steps, batch, compiled):
        self.trace, self.steps, self.batch, self.count = trace, steps, batch, len(states)
        self.optimizer = PackedOptimizer(network.optimizer, network.trainable_variables, self.count)
        data = [
            tf.TensorSpec((self.count, steps * batch, *spec.shape[1:]), spec.dtype)
            for spec in tensor_specs(trace.specs, None)
        ]
        rows, flag = tf.TensorSpec((self.count,), "int32"), tf.TensorSpec((), "bool")
        self.run = Program(
            compiled_steps.concrete(self.train, states, data, rows, flag, compiled=compiled)
        )

    def train(self, states, data, rows, reset_metrics):
        weights, others, slots = (
            [tf.stack([v.read_value() for v in group]) for group in zip(*lists, strict=True)]
            for lists in list(zip(*states, strict=True))[:3]
        )
        scalars = {i for i, _ in self.optimizer.scalars}  # equal for all
        slots = [slot[0] if i in scalars else slot for i, slot in enumerate(slots)]
        self.optimizer.load(weights, slots)
        shape = self.count, self.batch, *self.trace.y_pred.shape[1:]
        count = tf.reduce_max((rows + self.batch - 1) // self.batch)
        predictions = tf.TensorArray(self.trace.y_pred.dtype, self.steps, element_shape=shape)
        losses = tf.TensorArray("float32", self.steps, element_shape=(self.count,))

        def body(t, predictions, losses, others):
            y_pred, loss, others = self.step(t, rows, data, others)
            y_pred = tf.ensure_shape(y_pred, shape)
            losses = losses.write(t, tf.cast(loss, "float32"))
            return t + 1, predictions.write(t, y_pred), losses, others

        _, predictions, losses, others = tf.while_loop(
            lambda t, *_: t < count, body, [0, predictions, losses, others]
        )
        y_pred, losses = predictions.stack(), losses.stack()
        results = []
        for m, state in enumerate(states):
            results.append(
                self.score(m, state, y_pred[:, m], losses[:, m], rows[m], data, reset_metrics)
            )
        new_weights, new_slots = self.optimizer.weights(), self.optimizer.state()
        for m, state in enumerate(states):
            for variable, value in zip(state.trainable, new_weights, strict=True):
                variable.assign(value[m])
            for i, (variable, value) in enumerate(zip(state.optimizer, new_slots, strict=True)):
                variable.assign(value if i in scalars else value[m])
            for variable, value in zip(state.non_trainable, others, strict=True):
                variable.assign(value[m])
        return tf.stack(results)

    def step(self, t, rows, data, others):
        """One step of all networks: predictions, losses, and new variables that do not train."""
        batch = self.batch
        x, y, *weight = [part_of(part, t * batch, batch) for part in data]
        mask = None
        if self.trace.padded:
            real = tf.clip_by_value(rows - t * batch, 1, batch)[:, None]
            mask = tf.cast(tf.range(batch)[None] < real, "float32")
            mask *= batch / tf.cast(real, "float32")
        weight = self.trace.weights_of_rows(weight, mask)
        arguments = self.optimizer.weights(), others, x, y, *weight
        y_pred, loss, gradients, others = tf.vectorized_map(
            lambda one: self.trace.step(*one), arguments, fallback_to_while_loop=False
        )
        self.trace.apply(self.optimizer, gradients, [part[0] for part in others])
        return y_pred, loss, others

    def score(self, m, state, y_pred, losses, rows, data, reset_metrics):
        """Update the metrics of network `m` and return their values."""
        in_batch = tf.clip_by_value(rows - tf.range(self.steps) * self.batch, 0, self.batch)
        mask = tf.cast(tf.range(self.steps * self.batch) < rows, "float32")
        metrics = [v.read_value() for v in state.metrics]
        metrics = [tf.where(reset_metrics, tf.zeros_like(v), v) for v in metrics]
        y_pred = tf.reshape(y_pred, (self.steps * self.batch, *y_pred.shape[2:]))
        metrics, result = self.trace.score(
            metrics, losses, tf.cast(in_batch, "float32"), mask, y_pred,
            *(part[m] for part in data[1:]),
        )  # fmt: skip
        for variable, value in zip(state.metrics, metrics, strict=True):
            variable.assign(value)
        return result


def part_of(tensor, start, count):
    """`tensor[:, start:start + count]` with a known shape."""
    begin = [0, start] + [0] * (len(tensor.shape) - 2)
    return tf.slice(tensor, begin, [tensor.shape[0], count, *tensor.shape[2:]])
