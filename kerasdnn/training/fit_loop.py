"""Divide a `fit` into calls of compiled functions: which rows, in which order, how many steps."""

import functools
import math

import numpy as np
import tensorflow as tf
from keras import callbacks as kc

from ..core import keras_internals
from . import compiled_steps
from .compiled_steps import Layout
from .device_data import FLOPS, SECONDS_PER_CALL, power_of_two, round_up, specs_of
from .flat_weights import is_elementwise

BYTES_PER_CALL = 64 * 2**20
SECONDS_PER_STEP = 15e-6  # of the smallest network
# XLA takes half a second to compile and 20 microseconds per step; TensorFlow's graphs take 300.
MIN_STEPS_XLA = 2_000
# Shorter epochs share a call if no callback needs to see each of them. A longer one justifies its
# own call, and the same function then serves with and without callbacks.
MAX_STEPS_SHORT_EPOCH = 256
MAX_EPOCHS_PER_CALL = 64

TRAIN_HOOKS = "on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"
TEST_HOOKS = "on_test_batch_begin", "on_test_batch_end"
PREDICT_HOOKS = "on_predict_batch_begin", "on_predict_batch_end"
SAVING = {kc.ModelCheckpoint, kc.BackupAndRestore}


class Fit:
    """The calls of one `fit`.

    Args:
        network: built and compiled `Network`.
        table: `DeviceData` of the training rows.
        batch: int, rows per step.
        shuffle: bool, whether every epoch has its own order.
        epochs: int, number of epochs requested.
        merge_epochs: bool, whether one call may run several epochs, unseen by callbacks.
        steps: int, steps per call. None means as many as take half a second.
    """

    kind = compiled_steps.Training
    without_xla = False
    stops_early = True  # a callback may stop the training in the midst of an epoch

    def __init__(self, network, table, batch, shuffle, epochs, merge_epochs=False, steps=None):
        self.network, self.table, self.batch, self.shuffle = network, table, batch, shuffle
        self.requested, self.merge_epochs, self.steps = epochs, merge_epochs, steps
        self.bound, self.function, self.tried = None, None, set()

    def begin(self, epoch, validates):
        """Prepare to train from `epoch` on, which is returned.

        Args:
            epoch: int, the first one.
            validates: bool, whether the training is validated.
        """
        if epoch:
            self.catch_up()
        return epoch

    def stopped(self):
        """Return whether a callback has stopped the training in the last epoch."""
        return self.network.stop_training

    def start(self):
        """Trace the step and plan the calls, unless that is done.

        Stock Keras traces at the first batch, after `on_epoch_begin`, in which callbacks may have
        changed the network, and again if a callback calls `make_train_function(force=True)`.

        Raises:
            TypeError: as in stock Keras, a callback has called `compile`.
        """
        if not self.needs_trace():
            return
        network, table, batch, steps = self.network, self.table, self.batch, self.steps
        self.trace_step(specs_of(table.parts), None if table.rows % batch else batch)
        trace = self.trace
        self.tail = 0 if trace.padded else table.rows % batch
        self.rows = table.rows - self.tail  # without the short last batch
        in_epoch = math.ceil(self.rows / batch)
        most = steps or steps_in(SECONDS_PER_CALL, network, specs_of(table.parts), batch)
        size = round_up(min(in_epoch, most)) if steps is None else min(in_epoch, steps)
        at_once = (
            self.merge_epochs and trace.flat and not self.tail and in_epoch < MAX_STEPS_SHORT_EPOCH
        )
        compiled = network.use_xla is True or in_epoch * self.requested >= MIN_STEPS_XLA
        count = min(MAX_EPOCHS_PER_CALL, most // size, self.requested) if at_once else 1
        self.layout = Layout(power_of_two(max(1, count)), size, batch, trace.padded, compiled)

    def needs_trace(self):
        """Return whether the step is to be traced, for the first time or again."""
        if self.bound is None:
            return True
        if self.network.train_function is None:
            raise TypeError(
                "A callback has called `compile` or has reset `train_function` during `fit`. "
                "Call `network.make_train_function(force=True)` after it, or compile before `fit`."
            )
        return self.network.train_function is not self.function

    def trace_step(self, specs, rows):
        """Trace the step for data of `specs` in batches of `rows` rows, None for any number."""
        network = self.network
        optimizer, weights = network.optimizer, network.trainable_variables
        if weights and not optimizer.built and is_elementwise(optimizer):
            optimizer.build(weights)  # others during the trace, as in stock Keras
        self.bound = compiled_steps.bind(network, self.kind, specs, rows)
        self.function = network.train_function
        self.trace = self.bound.trace

    def catch_up(self):
        """Advance the random generators of layers by the steps taken so far.

        Keras does not save their state with the weights. Every layer draws once per step, and
        therefore the step count restores it: resumed training equals uninterrupted training.
        """
        taken = steps_taken(self.network.optimizer)
        for layer in self.network.layers:
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                seed, count = (int(number) for number in generator.state.numpy())
                if count < taken:
                    generator.state.assign([seed, taken])

    @property
    def resets_metrics(self):
        """Whether the first call of an epoch resets the metrics, faster than Python does."""
        return self.merge_epochs and self.bound is not None and self.trace.flat

    @property
    def epochs_at_once(self):
        return self.layout.epochs

    def calls(self, max_steps=None):
        """Yield (first step, last step, run) for each call of the next epoch.

        Args:
            max_steps: function that returns the maximum number of steps of the next call. None
                means no maximum.
        """
        order, start = self.order(), 0
        while start < self.rows:
            steps = min(self.layout.steps, max_steps() if max_steps else self.layout.steps)
            stop = min(start + steps * self.batch, self.rows)
            reset = start == 0 and self.resets_metrics
            run = functools.partial(self.run, self.layout, order[None, start:stop], reset)
            yield start // self.batch, (stop - 1) // self.batch, lambda run=run: run()[0]
            start = stop
        if self.tail:
            step = self.rows // self.batch
            layout = self.layout._replace(epochs=1, steps=1, batch=self.tail)
            yield step, step, lambda: self.run(layout, order[None, self.rows :])[0]

    def epochs(self, count):
        """Run the next `count` epochs in one call, and return their logs."""
        steps = math.ceil(self.rows / self.batch)
        orders = np.stack([self.order(epoch * steps) for epoch in range(count)])
        return self.run(self.layout, orders, True)

    def order(self, steps_ahead=0):
        if not self.shuffle:
            return np.arange(self.table.rows, dtype="int32")
        step = steps_taken(self.network.optimizer) + steps_ahead
        return epoch_order(self.network.seed, step, self.table.rows)

    def run(self, layout, orders, reset_metrics=False):
        """Train on rows.

        Args:
            layout: `Layout`.
            orders: int32 `(epochs, rows)`, the rows of each epoch.
            reset_metrics: bool, whether metrics start from zero, as in every further epoch.

        Returns:
            list of the logs of each epoch.
        """
        count, rows = orders.shape
        bound = self.bound
        self.start()
        if self.bound is not bound:  # a callback has had the step traced again
            layout = layout._replace(padded=self.trace.padded)
            if rows % layout.batch and not self.trace.padded:
                layout = Layout(1, 1, rows, False, layout.compiled)
        return self.execute(layout, self.data(layout, orders), count, rows, reset_metrics)

    def execute(self, layout, data, count, rows, reset_metrics=False):
        """Run `count` epochs of `rows` rows each; the arguments are as in `run`.

        Args:
            data: (x, y) or (x, y, sample_weight), tensors as the layout requires.
        """
        layout = layout._replace(compiled=layout.compiled and not self.without_xla)
        if self.trace.flat:
            arguments = tf.constant(count), tf.constant(rows), tf.constant(reset_metrics)
        else:
            arguments = (tf.constant(rows // layout.batch),)
        try:
            with self.trace.running:
                program = self.trace.program(layout, self.bound.state)
                if not self.trace.flat:
                    program(self.bound.handles, *data, *arguments)
            if self.trace.flat:
                results = program(self.bound.handles, *data, *arguments)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            if not layout.compiled or layout in self.tried:
                raise
            # A layer has no XLA kernel: compilation fails before anything is computed.
            self.without_xla = True
            return self.execute(layout, data, count, rows, reset_metrics)
        self.tried.add(layout)
        self.bound.settle()
        if not self.trace.flat:
            return [keras_internals.to_numbers(self.network.get_metrics_result())]
        names = self.trace.names
        return [dict(zip(names, row, strict=True)) for row in results.numpy()[:count].tolist()]

    def data(self, layout, orders):
        """Return the rows in `orders`, padded with other rows to the size of the layout."""
        count, rows = orders.shape
        shape = layout.epochs, layout.steps * layout.batch
        if not self.shuffle and shape == (1, rows):
            return self.table.slice(orders[0, 0], orders[0, -1] + 1)
        indices = np.zeros(shape, "int32")
        indices[:count, :rows] = orders
        return self.table.take(indices.reshape(-1))


def hooks(callback, names):
    """Return whether a callback overrides one of the methods, in its class or as an attribute."""
    return any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(kc.Callback, name)
        for name in names
    )


def steps_between_hooks(callbacks):
    """Return how many steps may run before a callback must be called, None if no hook is needed.

    Args:
        callbacks: list of Keras callbacks. The progress bar needs no particular step, a callback
            that saves every n batches every n-th, and any other that hooks batches every step.
    """
    found = []
    for callback in callbacks:
        kind = type(callback)
        if kind in SAVING:
            if isinstance(callback.save_freq, int) and callback.save_freq:
                found.append(callback.save_freq)
        elif kind is kc.TensorBoard:
            quiet = callback.update_freq == "epoch" and not callback.write_steps_per_second
            if not quiet or keras_internals.profiles(callback):
                found.append(1)
        elif kind is not kc.ProgbarLogger and hooks(callback, TRAIN_HOOKS):
            found.append(1)
    return min(found, default=None)


def hooks_test_batches(callbacks):
    """Return whether a callback hooks the batches of an evaluation."""
    quiet = kc.ProgbarLogger, kc.TensorBoard
    return any(
        hooks(callback, TEST_HOOKS)
        for callback in callbacks
        if type(callback) not in quiet or getattr(callback, "update_freq", "epoch") != "epoch"
    )


def hooks_any_batch(callbacks):
    """Return whether a callback hooks batches of training, evaluation or prediction."""
    return (
        steps_between_hooks(callbacks) is not None
        or hooks_test_batches(callbacks)
        or any(hooks(callback, PREDICT_HOOKS) for callback in callbacks)
    )


def steps_to_save(callbacks):
    """Return how many steps are left until a callback with `save_freq=n` saves."""
    return min(
        (
            keras_internals.batches_until_save(callback)
            for callback in callbacks
            if type(callback) in SAVING and callback.save_freq != "epoch" and callback.save_freq
        ),
        default=math.inf,
    )


def steps_taken(optimizer):
    return int(keras_internals.step_counter(optimizer).numpy())


def steps_in(seconds, network, specs, batch):
    """Return how many steps take about `seconds` and fit into `BYTES_PER_CALL`."""
    step = SECONDS_PER_STEP + 6 * network.count_params() * batch / FLOPS
    row_bytes = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, *shape in specs)
    most = min(seconds / step, BYTES_PER_CALL / (row_bytes * batch))
    return power_of_two(max(1, int(most)))


def epoch_order(seed, iteration, n_rows, *worker):
    """Return a permutation of the rows that depends only on the arguments.

    Args:
        seed: int, the network's seed.
        iteration: int, the optimizer's step count at the start of the epoch. Because of it, resumed
            training uses the same orders as uninterrupted training.
        n_rows: int, number of training rows.
        worker: int, the number of the worker, where several have rows of their own.

    Returns:
        int32 (n_rows,).
    """
    return np.random.default_rng([seed, iteration, *worker]).permutation(n_rows).astype("int32")
