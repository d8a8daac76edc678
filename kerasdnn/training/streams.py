"""Read the batches of a `tf.data.Dataset`, a generator or a `PyDataset` for compiled calls.

Keras's own epoch iterator decides which batches an epoch has. Only how they are read differs: a
thread reads batches ahead of training, as stock Keras does, and copies those of one compiled call
next to each other.
"""

import functools
import itertools
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from ..core import keras_internals
from ..core.background import read_ahead
from . import compiled_steps
from .compiled_steps import ROWS_AT_ONCE, Layout
from .device_data import round_up, specs_of
from .dispatch import UseStockKeras
from .fit_loop import MIN_STEPS_XLA, Fit, steps_in, steps_taken

SECONDS_PER_CALL = 0.05
MAX_STEPS = 1024  # per call
BATCHES_AT_FIRST = 16  # per block, before the size of a batch is known
MAX_BATCHES_PER_READ = 64  # of a dataset
USUAL_ROWS = 32  # of a batch, where the dataset does not say it


class Block:
    """Consecutive batches, copied next to each other.

    Attributes:
        parts: arrays of shape `(rows, ...)`, x, y and maybe the weights. Their last rows may be
            unused.
        counts: list of the rows of each batch; all have as many as the first, except that the last
            may have fewer.
    """

    def __init__(self, parts, rows, most):
        """Make room for `most` batches of `rows` rows like those in `parts`."""
        self.parts = tuple(np.empty((most * rows, *p.shape[1:]), p.dtype) for p in parts)
        self.counts, self.used, self.most = [], 0, most

    def accepts(self, rows):
        """Return whether a batch of so many rows may follow."""
        full = self.counts[0]
        return len(self.counts) < self.most and self.counts[-1] == full and rows <= full

    def add(self, parts, counts):
        """Copy batches, as many as may follow; return how many."""
        taken = min(len(counts), self.most - len(self.counts))
        if self.counts and counts[0] < self.counts[0]:
            taken = 1  # which ends the block
        rows = sum(counts[:taken])
        for own, part in zip(self.parts, parts, strict=True):
            own[self.used : self.used + rows] = part[:rows]
        self.counts += counts[:taken]
        self.used += rows
        return taken

    def take(self, start, stop, capacity):
        """Return the rows of the batches `start:stop`, filled up with zeros to `capacity` rows."""
        first = start * self.counts[0]
        rows = sum(self.counts[start:stop])
        if rows == capacity:
            return tuple(part[first : first + rows] for part in self.parts)
        found = tuple(np.zeros((capacity, *p.shape[1:]), p.dtype) for p in self.parts)
        for out, part in zip(found, self.parts, strict=True):
            out[:rows] = part[first : first + rows]
        return found


@dataclass(frozen=True)
class Group:
    """The batches `start:stop` of a block, which are run in one call."""

    block: Block
    start: int
    stop: int

    @property
    def counts(self):
        return self.block.counts[self.start : self.stop]

    def __len__(self):
        return self.stop - self.start


class Stream:
    """The batches of one `fit` or `evaluate`.

    Args:
        network: `Network`.
        x: `tf.data.Dataset`, generator or `PyDataset`.
        arguments: of Keras's epoch iterator: `steps_per_epoch`, `shuffle`, `class_weight`.

    Attributes:
        specs: `tf.TensorSpec` of x, y and maybe the weights; None if they are not of dense numbers.
    """

    def __init__(self, network, x, **arguments):
        self.network = network
        self.epochs = keras_internals.epoch_iterator(x, **arguments)
        self.adapter = self.epochs.data_adapter
        self.specs = dense_specs(self.epochs.element_spec)
        self.limit = BATCHES_AT_FIRST  # batches per block
        self.given, self.skipped = x, 0  # batches at the start of the first epoch
        keras_internals.set_iterator_maker(self.epochs, self.open)

    @property
    def steps(self):
        """The number of batches in an epoch, None if it is not known."""
        return self.epochs.num_batches

    def need_dense(self):
        """Return the specs of the data; raise `UseStockKeras` for other data than dense numbers."""
        if self.specs is None:
            raise UseStockKeras("a dataset of other elements than dense (x, y) or (x, y, weights)")
        return self.specs

    def open(self):
        """Return an iterator over (block, place of a batch in it), read ahead in a thread.

        It begins at the start of the data, or where a generator stands.
        """
        batches = keras_internals.python_batches(self.adapter)
        if batches is None:  # an iterator now, because a dataset may shuffle again for each
            dataset, runs_of = self.dataset
            runs = itertools.chain.from_iterable(map(runs_of, iter(dataset)))
        else:
            runs = map(self.of_python, batches)
        blocks = read_ahead(self.blocks(runs))
        return ((block, place) for block in blocks for place in range(len(block.counts)))

    @functools.cached_property
    def dataset(self):
        """(a dataset of several batches at a time, function from its elements to runs)."""
        dataset, rows = self.epochs.dataset, {spec.shape[0] for spec in self.specs}
        single = keras_internals.before_batch(dataset)
        equal = len(rows) == 1 and None not in rows
        size = single[1] if single else max(n or USUAL_ROWS for n in rows)
        most = steps_in(SECONDS_PER_CALL, self.network, specs_of(self.specs), size)
        at_once = min(MAX_BATCHES_PER_READ, most)
        if not (equal or single):
            counted = keras_internals.map_in_caller(
                dataset, lambda *parts: (tf.stack([tf.shape(p)[0] for p in parts]), *parts)
            )
            return counted.padded_batch(at_once).prefetch(tf.data.AUTOTUNE), of_counted
        runs_of = of_equal if equal else functools.partial(of_rows, size)
        dataset, count = (dataset, at_once) if equal else (single[0], size * at_once)
        tensors = keras_internals.slices_of(dataset)
        if tensors is not None:
            return Slices(tensors, count), runs_of
        return dataset.batch(count).prefetch(tf.data.AUTOTUNE), runs_of

    @functools.cached_property
    def formats(self):
        """(dtype, rows or None, shape of a row) of x, y and maybe the weights."""
        return [(s.dtype.as_numpy_dtype, s.shape[0], tuple(s.shape[1:])) for s in self.specs]

    def of_python(self, batch):
        """Convert a batch as `tf.data.Dataset.from_generator` in stock Keras."""
        parts = []
        for value, (dtype, rows, shape) in zip(batch, self.formats, strict=True):
            array = np.asarray(value, dtype)
            if not array.ndim or array.shape[1:] != shape or rows not in (None, len(array)):
                raise TypeError(
                    f"Batches must have the shapes of the first ones. Received: {array.shape}, "
                    f"expected {(rows, *shape)}."
                )
            parts.append(array)
        rows = [len(part) for part in parts]
        check_equal_rows(rows)
        return parts, rows[:1]

    def blocks(self, runs):
        """Yield `Block`s of up to `limit` batches.

        Args:
            runs: iterable of runs, see `of_equal`.
        """
        block = None
        for parts, counts in runs:
            while counts:
                if block is not None and not block.accepts(counts[0]):
                    yield block
                    block = None
                if block is None:
                    block = Block(parts, counts[0], self.limit)
                taken = block.add(parts, counts)
                parts, counts = [p[taken * counts[0] :] for p in parts], counts[taken:]
        if block is not None:
            yield block

    def groups(self, prepare, most, alone=False):
        """Yield the `Group`s of one epoch.

        Args:
            prepare: function that is called with the rows of the first batch of each group, and
                returns the rows of a full batch.
            most: function that returns the maximum number of batches in the next group.
            alone: bool, whether a batch that is not full is a group by itself.
        """
        block, start, place, full, limit, steps = None, 0, 0, 0, 1, self.steps
        with self.epochs.catch_stop_iteration():
            for step, _, source in self.epochs:
                try:
                    found, place = next(source)
                except StopIteration:
                    if block is not None:
                        yield Group(block, start, place + 1)
                    raise
                if step < self.skipped:
                    continue
                if block is not None and alone and found.counts[place] < full:
                    yield Group(block, start, place)
                    block = None
                if block is None:
                    block, start = found, place
                    full, limit = prepare(found.counts[place]), most()
                ends = place + 1 == len(found.counts) or found.counts[place] < full
                if ends or place + 1 - start >= limit or step + 1 == steps:
                    yield Group(block, start, place + 1)
                    block = None
            if block is not None:
                yield Group(block, start, place + 1)
        self.skipped = 0

    def close(self):
        """Stop reading ahead."""
        keras_internals.close_iterator(self.epochs)


@dataclass(frozen=True)
class Slices:
    """Tensors, read `count` elements at a time: what `from_tensor_slices` and `batch` yield."""

    tensors: list
    count: int

    def __iter__(self):
        for start in range(0, len(self.tensors[0]), self.count):
            yield [tensor[start : start + self.count] for tensor in self.tensors]


# A run is (arrays `(rows, ...)`, rows of each batch), where all batches have as many rows as the
# first, except that the last may have fewer.


def of_equal(element):
    """Return the run of arrays `(batches, rows, ...)`."""
    batches, rows = element[0].shape[:2]
    parts = [part.numpy().reshape(-1, *part.shape[2:]) for part in element]
    return [(parts, [rows] * batches)]


def of_rows(size, element):
    """Return the run of arrays `(rows, ...)`, in batches of `size` rows."""
    full, rest = divmod(len(element[0]), size)
    return [([part.numpy() for part in element], [size] * full + [rest] * (rest > 0))]


def of_counted(element):
    """Yield the runs of (rows of each part of each batch, padded arrays `(batches, rows, ...)`)."""
    counts, *parts = element
    counts = counts.numpy()
    if (counts == parts[0].shape[1]).all():
        yield from of_equal(parts)
        return
    parts = [part.numpy() for part in parts]
    for place, rows in enumerate(counts.tolist()):
        check_equal_rows(rows)
        yield [part[place, : rows[0]] for part in parts], rows[:1]


def check_equal_rows(rows):
    """Raise `ValueError` unless x, y and maybe the weights of a batch have equally many rows."""
    if len(set(rows)) > 1:
        raise ValueError(
            "The parts (x, y, and weights if any) of a batch must have equally many rows. "
            f"Received: {', '.join(map(str, rows))} rows."
        )


class StreamFit(Fit):
    """The calls of a `fit` on a stream.

    Args:
        network: built and compiled `Network`.
        stream: `Stream` of the training rows.
        epochs: int, number of epochs requested.
        steps: int, steps per call. None means as many as take a twentieth of a second, because
            the first call waits for its batches.
    """

    def __init__(self, network, stream, epochs, steps=None):
        super().__init__(network, None, None, False, epochs, steps=steps)
        self.stream, self.taken = stream, 0

    def begin(self, epoch, validates):
        """Prepare to train from `epoch` on, or within it if the data can `resume_at_step`."""
        resume = getattr(self.stream.given, "resume_at_step", None)
        if resume is not None:
            found, self.stream.skipped = resume(steps_taken(self.network.optimizer))
            epoch = max(epoch, found)
            if self.stream.skipped:
                self.catch_up()
        return super().begin(epoch, validates)

    def start(self):
        if self.needs_trace():
            first = self.stream.specs[0].shape[0]
            self.trace_step(specs_of(self.stream.specs), first)

    def prepare(self, rows):
        """Return the rows of a full batch, those of the largest one so far; plan calls of it."""
        if self.batch is None or rows > self.batch:
            self.batch = rows
            specs = specs_of(self.stream.specs)
            most = self.steps or steps_in(SECONDS_PER_CALL, self.network, specs, rows)
            most, known = min(most, self.steps or MAX_STEPS), self.stream.steps
            self.size = min(most, round_up(known)) if known and not self.steps else most
            self.stream.limit = self.size
        return self.batch

    def calls(self, max_steps):
        position = self.stream.skipped
        most = lambda: min(self.size, max_steps())
        for group in self.stream.groups(self.prepare, most, alone=not self.trace.padded):
            last = position + len(group) - 1
            yield position, last, functools.partial(self.run_group, group)
            position = last + 1
            self.taken += len(group)

    def run_group(self, group):
        """Train on the batches of a group; return the logs."""
        self.start()
        rows, count = sum(group.counts), len(group)
        full = rows == count * self.batch
        if count > 1 and not (full or self.trace.padded):  # traced again since it was formed
            self.run_group(replace(group, stop=group.stop - 1))
            return self.run_group(replace(group, start=group.stop - 1))
        expected = max(self.taken, (self.stream.steps or 0) * self.requested)
        compiled = self.network.use_xla is True or expected >= MIN_STEPS_XLA
        layout = Layout(1, 1, rows, False, False)
        if full or self.trace.padded:
            steps = self.size if count > 1 else 1
            layout = Layout(1, steps, self.batch, self.trace.padded, compiled)
        data = group.block.take(group.start, group.stop, layout.steps * layout.batch)
        return self.execute(layout, tuple(map(tf.constant, data)), 1, rows)[0]


class StreamEvaluation:
    """Evaluate a network on a stream, as `evaluation.Evaluation` on a table."""

    def __init__(self, network, stream):
        self.network, self.stream = network, stream

    def run(self, callbacks):
        """Return a dict of the loss and metrics over all rows; callbacks run for every call."""
        specs = specs_of(self.stream.specs)
        rows = self.stream.specs[0].shape[0]
        bound = compiled_steps.bind(self.network, compiled_steps.Evaluation, specs, rows)
        self.stream.epochs.reset()
        self.network.stop_evaluating = False
        callbacks.on_test_begin()
        self.network.reset_metrics()
        position, logs = 0, {}
        self.stream.limit = max(1, ROWS_AT_ONCE // (rows or ROWS_AT_ONCE // BATCHES_AT_FIRST))
        most = lambda: 1 if self.network.stop_evaluating else MAX_STEPS
        for group in self.stream.groups(lambda rows: rows, most):
            callbacks.on_test_batch_begin(position)
            data = map(tf.constant, group.block.take(group.start, group.stop, sum(group.counts)))
            reset = tf.constant(position == 0)
            result = bound.trace.run(bound.handles, *data, reset).numpy()
            logs = dict(zip(bound.trace.names, result.tolist(), strict=True))
            position += len(group)
            callbacks.on_test_batch_end(position - 1, logs)
            if self.network.stop_evaluating:
                break
        bound.settle()
        logs = logs or keras_internals.to_numbers(self.network.get_metrics_result())
        callbacks.on_test_end(logs)
        return logs


def dense_specs(element):
    """Return the specs of (x, y) or (x, y, weights) as a tuple, None for anything else."""
    specs = element if isinstance(element, tuple) else (element,)
    if len(specs) not in (2, 3):
        return None
    for spec in specs:
        plain = type(spec) is tf.TensorSpec and spec.shape.rank and spec.shape.rank >= 1
        if not plain or not spec.shape[1:].is_fully_defined():
            return None
        if not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
            return None
    return specs
