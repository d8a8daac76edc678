"""One `fit` as a sequence of blocks: which rows, in which order, through which program."""

import functools
import math

import numpy as np
import tensorflow as tf

from . import programs, sharing
from .orders import epoch_order
from .programs import Layout

SECONDS_PER_BLOCK = 0.5  # so that progress bars move and Ctrl-C answers
BYTES_PER_BLOCK = 64 * 2**20
SECONDS_PER_STEP = 15e-6  # of the smallest network
FLOPS = 3e10
# XLA takes half a second to compile and then 20 microseconds a step; TensorFlow's graphs take
# nothing and then 300.
COMPILE_FROM = 2_000  # steps
# Epochs of fewer steps than this share a call where nobody needs to see each of them. A longer
# one is worth its call, and one program then serves with and without callbacks.
SHORT_EPOCH = 256
EPOCHS_AT_ONCE = 64


class Fit:
    """The blocks of one `fit`.

    Args:
        network: built and compiled `Network`.
        table: `resident.Table` of the training rows.
        batch: rows per step.
        shuffle: whether every epoch has its own order.
        epochs: how many epochs are asked for.
        together: whether several epochs may run in one block, unseen by callbacks.
        steps: steps per block, None for as many as take half a second.
    """

    def __init__(self, network, table, batch, shuffle, epochs, together=False, steps=None):
        self.network, self.table, self.batch, self.shuffle = network, table, batch, shuffle
        self.flat = programs.can_flatten(network)
        padded = self.flat and programs.pads(network)
        self.tail = 0 if padded else table.rows % batch
        self.rows = table.rows - self.tail  # of the blocks that are not the tail
        in_epoch = math.ceil(self.rows / batch)
        most = steps or steps_per_block(network, table, batch)
        size = round_up(min(in_epoch, most)) if steps is None else min(in_epoch, steps)
        at_once = together and self.flat and not self.tail and in_epoch < SHORT_EPOCH
        compiled = network.use_xla is True or in_epoch * epochs >= COMPILE_FROM
        count = min(EPOCHS_AT_ONCE, most // size, epochs) if at_once else 1
        self.layout = Layout(power_of_two(max(1, count)), size, batch, padded, compiled)
        self.programs = {}

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
    def epochs_at_once(self):
        return self.layout.epochs

    def blocks(self):
        """Yield (first step, last step, run) for each block of the next epoch."""
        order, width = self.order(), self.layout.steps * self.batch
        for start in range(0, self.rows, width):
            stop = min(start + width, self.rows)
            run = functools.partial(self.run, self.layout, order[None, start:stop], start == 0)
            yield start // self.batch, (stop - 1) // self.batch, lambda run=run: run()[0]
        if self.tail:
            step, layout = (
                self.rows // self.batch,
                self.layout._replace(epochs=1, steps=1, batch=self.tail, padded=False),
            )
            yield step, step, lambda: self.run(layout, order[None, self.rows :], step == 0)[0]

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

    def run(self, layout, orders, fresh):
        """Train on the rows in `orders`, one line per epoch; the logs of each."""
        count, rows = orders.shape
        data = self.data(layout, orders)
        if not self.flat:
            return [self.step_through(layout, data, rows, fresh)]
        arguments = *data, tf.constant(count), tf.constant(rows), tf.constant(fresh)
        state = sharing.handles(programs.state_of(self.network))
        try:
            program = self.program(layout, data)
            results = program(state, *arguments)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            if not layout.compiled:
                raise
            # Some layer has no XLA kernel. Compilation fails before anything is computed.
            self.layout = self.layout._replace(compiled=False)
            return self.run(layout._replace(compiled=False), orders, fresh)
        return [
            dict(zip(program.names, row, strict=True)) for row in results.numpy()[:count].tolist()
        ]

    def data(self, layout, orders):
        """The rows in `orders`, with any others behind them up to the size of the block."""
        count, rows = orders.shape
        shape = layout.epochs, layout.steps * layout.batch
        if not self.shuffle and shape == (1, rows):
            return self.table.slice(orders[0, 0], orders[0, -1] + 1)
        indices = np.zeros(shape, "int32")
        indices[:count, :rows] = orders
        return self.table.take(indices.reshape(-1))

    def program(self, layout, data):
        if layout not in self.programs:
            specs = tuple((part.dtype.name, *part.shape[1:]) for part in data)
            self.programs[layout] = sharing.recall(
                self.network,
                ("train", layout, specs),
                lambda: programs.training_program(self.network, layout, data),
            )
        return self.programs[layout]

    def step_through(self, layout, data, rows, fresh):
        if fresh:
            self.network.reset_metrics()
        program = sharing.recall(
            self.network,
            ("step", layout.batch, layout.compiled),
            lambda: programs.stepping_program(self.network, layout.batch, layout.compiled),
        )
        program(data, tf.constant(rows // layout.batch))
        return {name: float(value) for name, value in self.network.get_metrics_result().items()}


def steps_taken(optimizer):
    counter = getattr(optimizer, "inner_optimizer", optimizer)._iterations  # of a loss scale
    return int(counter.numpy())


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


def power_of_two(number):
    """The largest power of two that is at most `number`."""
    return 1 << (number.bit_length() - 1)


def round_up(number):
    """`number` or up to a quarter more: a few sizes, so that few programs are compiled."""
    grain = max(1, power_of_two(number) // 4)
    return math.ceil(number / grain) * grain
