"""One `fit` as a sequence of blocks: which rows, in which order, through which program."""

import functools
import math

import numpy as np
import tensorflow as tf
from keras import callbacks as kc
from keras import tree

from ..core import keras_internals
from . import compiled_steps
from .compiled_steps import Layout
from .device_data import FLOPS, SECONDS_PER_BLOCK, power_of_two, round_up, specs_of
from .flat_weights import is_elementwise

BYTES_PER_BLOCK = 64 * 2**20
SECONDS_PER_STEP = 15e-6  # of the smallest network
# XLA takes half a second to compile and then 20 microseconds a step; TensorFlow's graphs take
# nothing and then 300.
COMPILE_FROM = 2_000  # steps
# Epochs of fewer steps than this share a call where nobody needs to see each of them. A longer
# one is worth its call, and one program then serves with and without callbacks.
SHORT_EPOCH = 256
EPOCHS_AT_ONCE = 64

TRAIN_HOOKS = "on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"
TEST_HOOKS = "on_test_batch_begin", "on_test_batch_end"
PREDICT_HOOKS = "on_predict_batch_begin", "on_predict_batch_end"
SAVING = {kc.ModelCheckpoint, kc.BackupAndRestore}


class Fit:
    """The blocks of one `fit`.

    Args:
        network: built and compiled `Network`.
        table: `device_data.Table` of the training rows.
        batch: rows per step.
        shuffle: whether every epoch has its own order.
        epochs: how many epochs are asked for.
        together: whether several epochs may run in one block, unseen by callbacks.
        steps: steps per block, None for as many as take half a second.
    """

    def __init__(self, network, table, batch, shuffle, epochs, together=False, steps=None):
        self.network, self.table, self.batch, self.shuffle = network, table, batch, shuffle
        self.wanted, self.together, self.steps = epochs, together, steps
        self.bound, self.ran = None, set()

    def start(self):
        """Trace the step and plan the blocks; where it is done, nothing.

        Stock Keras traces when the first batch comes, after callbacks have seen the first epoch
        begin, and they may have changed the network.
        """
        if self.bound is not None:
            return
        network, table, batch, steps = self.network, self.table, self.batch, self.steps
        rows = None if table.rows % batch else batch
        optimizer, weights = network.optimizer, network.trainable_variables
        if weights and not optimizer.built and is_elementwise(optimizer):
            optimizer.build(weights)  # others while their step is traced, as in stock Keras
        self.bound = compiled_steps.bind(
            network, compiled_steps.Training, specs_of(table.parts), rows
        )
        self.trace = trace = self.bound.trace
        self.tail = 0 if trace.padded else table.rows % batch
        self.rows = table.rows - self.tail  # of the blocks that are not the tail
        in_epoch = math.ceil(self.rows / batch)
        most = steps or steps_per_block(network, table, batch)
        size = round_up(min(in_epoch, most)) if steps is None else min(in_epoch, steps)
        at_once = self.together and trace.flat and not self.tail and in_epoch < SHORT_EPOCH
        compiled = network.use_xla is True or in_epoch * self.wanted >= COMPILE_FROM
        count = min(EPOCHS_AT_ONCE, most // size, self.wanted) if at_once else 1
        self.layout = Layout(power_of_two(max(1, count)), size, batch, trace.padded, compiled)

    def catch_up(self):
        """Set the random streams of layers to where the steps taken so far have brought them.

        Keras saves no random state with the weights. Every layer draws once per step, so that the
        step count restores it: a resumed training draws what the uninterrupted one would have.
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
        """Whether the first block of an epoch does that: it takes as long as thirty steps."""
        return self.together and self.bound is not None and self.trace.flat

    @property
    def epochs_at_once(self):
        return self.layout.epochs

    def blocks(self, most=None):
        """Yield (first step, last step, run) for each block of the next epoch.

        Args:
            most: function without arguments, how many steps the next block may have at most.
        """
        order, start = self.order(), 0
        while start < self.rows:
            steps = min(self.layout.steps, most() if most else self.layout.steps)
            stop = min(start + steps * self.batch, self.rows)
            fresh = start == 0 and self.resets_metrics
            run = functools.partial(self.run, self.layout, order[None, start:stop], fresh)
            yield start // self.batch, (stop - 1) // self.batch, lambda run=run: run()[0]
            start = stop
        if self.tail:
            step = self.rows // self.batch
            layout = self.layout._replace(epochs=1, steps=1, batch=self.tail)
            yield step, step, lambda: self.run(layout, order[None, self.rows :])[0]

    def epochs(self, count):
        """Run the next `count` epochs in one block; the logs of each."""
        steps = math.ceil(self.rows / self.batch)
        orders = np.stack([self.order(epoch * steps) for epoch in range(count)])
        return self.run(self.layout, orders, True)

    def order(self, steps_ahead=0):
        if not self.shuffle:
            return np.arange(self.table.rows, dtype="int32")
        step = steps_taken(self.network.optimizer) + steps_ahead
        return epoch_order(self.network.seed, step, self.table.rows)

    def run(self, layout, orders, fresh=False):
        """Train on the rows in `orders`, one line per epoch; the logs of each.

        Args:
            fresh: whether metrics start from zero; at every further epoch they do.
        """
        count, rows = orders.shape
        data = self.data(layout, orders)
        if self.trace.flat:
            arguments = tf.constant(count), tf.constant(rows), tf.constant(fresh)
        else:
            arguments = (tf.constant(rows // layout.batch),)
        try:
            program = self.trace.program(layout, self.bound.state)
            results = program(self.bound.handles, *data, *arguments)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            if not layout.compiled or layout in self.ran:
                raise
            # Some layer has no XLA kernel. Compilation fails before anything is computed.
            self.layout = self.layout._replace(compiled=False)
            return self.run(layout._replace(compiled=False), orders, fresh)
        self.ran.add(layout)
        if not self.trace.flat:
            return [keras_internals.to_numbers(self.network.get_metrics_result())]
        names = self.trace.names
        return [dict(zip(names, row, strict=True)) for row in results.numpy()[:count].tolist()]

    def data(self, layout, orders):
        """The rows in `orders`, with any others behind them up to the size of the block."""
        count, rows = orders.shape
        shape = layout.epochs, layout.steps * layout.batch
        if not self.shuffle and shape == (1, rows):
            return self.table.slice(orders[0, 0], orders[0, -1] + 1)
        indices = np.zeros(shape, "int32")
        indices[:count, :rows] = orders
        return self.table.take(indices.reshape(-1))


def as_list(callbacks):
    """The callbacks in what `fit` is given: None, one, a list, or a `CallbackList`."""
    callbacks = getattr(callbacks, "callbacks", callbacks)
    return tree.flatten(callbacks) if callbacks else []


def hooks(callback, names):
    """Whether a callback overrides one of the methods, in its class or on itself."""
    return any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(kc.Callback, name)
        for name in names
    )


def steps_between_looks(callbacks):
    """How many steps may pass before some callback has to be asked; None if none ever has to.

    Args:
        callbacks: list of Keras callbacks. The progress bar is content with every block, and
            what saves every n batches with every n-th; any other that hooks batches is asked
            before and after each.
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


def look_at_test_batches(callbacks):
    """Whether a callback has to be asked before or after each batch of an evaluation."""
    quiet = kc.ProgbarLogger, kc.TensorBoard
    return any(
        hooks(callback, TEST_HOOKS)
        for callback in callbacks
        if type(callback) not in quiet or getattr(callback, "update_freq", "epoch") != "epoch"
    )


def look_at_any_batch(callbacks):
    """Whether a callback has to be asked before or after batches, of whatever."""
    return (
        steps_between_looks(callbacks) is not None
        or look_at_test_batches(callbacks)
        or any(hooks(callback, PREDICT_HOOKS) for callback in callbacks)
    )


def steps_to_save(callbacks):
    """How many steps are left until a callback saves that does so every n batches."""
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


def steps_per_block(network, table, batch):
    """How many steps take about half a second and fit the memory of a block."""
    seconds = SECONDS_PER_STEP + 6 * network.count_params() * batch / FLOPS
    row_bytes = sum(
        part.dtype.size if hasattr(part.dtype, "size") else part.itemsize
        for part in table.parts
        for _ in range(int(np.prod(part.shape[1:])))
    )
    most = min(SECONDS_PER_BLOCK / seconds, BYTES_PER_BLOCK / (row_bytes * batch))
    return power_of_two(max(1, int(most)))


def epoch_order(seed, iteration, n_rows):
    """A permutation of the rows that depends on nothing else than its arguments.

    Args:
        seed: int, the network's seed.
        iteration: the optimizer's step count at the start of the epoch, so that a resumed
            training sees the orders that the uninterrupted one would have seen.
        n_rows: number of training rows.

    Returns:
        int32 (n_rows,).
    """
    return np.random.default_rng([seed, iteration]).permutation(n_rows).astype("int32")
