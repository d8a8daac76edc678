"""Evaluation and prediction: few large calls, the same numbers for any batch size."""

import numpy as np
import tensorflow as tf

from . import compiled_steps
from .compiled_steps import ROWS_AT_ONCE
from .device_data import specs_of


class Evaluation:
    """Evaluate a network on a table, again and again.

    Args:
        network: built and compiled `Network` whose metrics are sums over rows.
        table: `device_data.Table`.
        batch: rows of one of stock Keras's steps, which callbacks count in.
    """

    def __init__(self, network, table, batch):
        self.network, self.table, self.batch = network, table, batch
        self.data = table.slice(0, min(table.rows, ROWS_AT_ONCE))
        self.specs = specs_of(table.parts)

    def run(self, callbacks):
        """The loss and metrics over all rows; callbacks hear of every large call."""
        size = None if self.table.rows % self.batch else self.batch
        bound = compiled_steps.bind(self.network, compiled_steps.Evaluation, self.specs, size)
        self.network.stop_evaluating = False
        callbacks.on_test_begin()
        # As Keras, a callback that stops the evaluation is heard after the first batch.
        rows = self.batch if self.network.stop_evaluating else self.table.rows
        rows = min(rows, self.table.rows)
        for start in range(0, rows, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, rows)
            callbacks.on_test_batch_begin(start // self.batch)
            data = self.data if stop - start == self.table.rows else self.table.slice(start, stop)
            result = bound.trace.run(bound.handles, *data, tf.constant(start == 0)).numpy()
            logs = dict(zip(bound.trace.names, result.tolist(), strict=True))
            callbacks.on_test_batch_end((stop - 1) // self.batch, logs)
        callbacks.on_test_end(logs)
        return logs


class Prediction:
    """Predict with a network: `prediction(x)` for any number of rows of one width.

    Args:
        network: built `Network`.
        x: an array like those to come.
    """

    def __init__(self, network, x):
        self.network, self.specs = network, specs_of([x])
        self.dtype, self.shape = x.dtype, x.shape[1:]
        self.bound, self.function = {}, None

    def takes(self, x):
        """Whether `x` is an array of the same width and type, for a network still the same."""
        return (
            type(x) is np.ndarray
            and x.dtype == self.dtype
            and x.shape[1:] == self.shape
            and self.network.predict_function is self.function
        )

    def find(self, rows):
        """The trace that stock Keras uses for a batch of `rows` rows, and its variables."""
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
        whole = len(x) - len(x) % batch
        pieces = [(self.find(batch), x[:whole])]
        if whole < len(x):
            last = self.find(len(x) - whole)
            if last.trace is pieces[0][0].trace and last.handles == pieces[0][0].handles:
                pieces = [(last, x)] if last.trace.row_by_row else pieces + [(last, x[whole:])]
            else:
                pieces.append((last, x[whole:]))
        found = [
            bound.trace(bound.handles, part[start : start + size])
            for bound, part in pieces
            for size in [ROWS_AT_ONCE if bound.trace.row_by_row else batch]
            for start in range(0, len(part), size)
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)
