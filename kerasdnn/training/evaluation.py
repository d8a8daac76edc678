"""Evaluate and predict in a few large calls, with the same result for any batch size."""

import numpy as np
import tensorflow as tf

from . import compiled_steps
from .compiled_steps import ROWS_AT_ONCE
from .device_data import specs_of
from .strategies.group import merged


class Evaluation:
    """Evaluate a network on the same rows repeatedly.

    Args:
        network: built and compiled `Network` whose metrics are sums over rows.
        table: `device_data.Table`.
        batch: int, rows per step of stock Keras, in which callbacks count.
    """

    def __init__(self, network, table, batch):
        self.network, self.table, self.batch = network, table, batch
        self.data = table.slice(0, min(table.rows, ROWS_AT_ONCE))
        self.specs = specs_of(table.parts)

    def run(self, callbacks):
        """Return a dict of the loss and metrics over all rows; callbacks run for every call."""
        size = None if self.table.rows % self.batch else self.batch
        bound = compiled_steps.bind(self.network, compiled_steps.Evaluation, self.specs, size)
        self.network.stop_evaluating = False
        callbacks.on_test_begin()
        # As in Keras, a callback that stops the evaluation takes effect after the first batch.
        rows = self.batch if self.network.stop_evaluating else self.table.rows
        rows = min(rows, self.table.rows)
        for start in range(0, rows, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, rows)
            callbacks.on_test_batch_begin(start // self.batch)
            data = self.data if stop - start == self.table.rows else self.table.slice(start, stop)
            result = bound.trace.run(bound.handles, *data, tf.constant(start == 0)).numpy()
            logs = dict(zip(bound.trace.names, result.tolist(), strict=True))
            callbacks.on_test_batch_end((stop - 1) // self.batch, logs)
        bound.settle()
        logs = merged(self.network, logs)
        callbacks.on_test_end(logs)
        return logs


class Prediction:
    """Predict with a network: `prediction(x)` for any number of rows of the same width.

    Args:
        network: built `Network`.
        x: array with the width and dtype of later ones.
    """

    def __init__(self, network, x):
        self.network, self.specs = network, specs_of([x])
        self.dtype, self.shape = x.dtype, x.shape[1:]
        self.bound, self.function = {}, None

    def takes(self, x):
        """Return whether `x` has the same width and dtype, and the network is unchanged."""
        return (
            type(x) is np.ndarray
            and x.dtype == self.dtype
            and x.shape[1:] == self.shape
            and self.network.predict_function is self.function
        )

    def find(self, rows):
        """Return the `Bound` trace that stock Keras uses for a batch of `rows` rows."""
        if rows not in self.bound:
            self.bound[rows] = compiled_steps.bind(
                self.network, compiled_steps.Prediction, self.specs, rows
            )
            self.function = self.network.predict_function
        return self.bound[rows]

    def __call__(self, x, batch=None):
        batch = int(batch or 32)
        if len(x) <= batch:
            bound = self.find(len(x))
            return bound.trace(bound.handles, x)
        end = len(x) - len(x) % batch
        first = self.find(batch)
        pieces = [(first, x[:end])]
        if end < len(x):
            last = self.find(len(x) - end)
            same = last.trace is first.trace and last.handles == first.handles
            merged = same and last.trace.row_by_row
            pieces = [(last, x)] if merged else [*pieces, (last, x[end:])]
        found = [
            bound.trace(bound.handles, part[start : start + size])
            for bound, part in pieces
            for size in [ROWS_AT_ONCE if bound.trace.row_by_row else batch]
            for start in range(0, len(part), size)
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)
