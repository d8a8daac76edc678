"""Evaluation and prediction: few large calls, the same numbers for any batch size."""

import functools

import numpy as np
import tensorflow as tf

from . import programs, sharing

ROWS_AT_ONCE = 16_384


class Evaluation:
    """Evaluate a network on a table, again and again.

    Args:
        network: built and compiled `Network` whose metrics are sums over rows.
        table: `resident.Table`.
        batch: rows of one of stock Keras's steps, which callbacks count in.
    """

    def __init__(self, network, table, batch):
        self.network, self.table, self.batch = network, table, batch
        self.data = data = table.slice(0, min(table.rows, ROWS_AT_ONCE))
        specs = tuple((part.dtype.name, *part.shape[1:]) for part in data)
        self.program = sharing.recall(
            network,
            ("evaluate", specs),
            lambda: programs.evaluation_program(network, data),
        )

    def run(self, callbacks):
        """The loss and metrics over all rows; callbacks hear of every large call."""
        callbacks.on_test_begin()
        state = sharing.handles(programs.state_of(self.network, training=False))
        for start in range(0, self.table.rows, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, self.table.rows)
            callbacks.on_test_batch_begin(start // self.batch)
            data = self.data if stop - start == self.table.rows else self.table.slice(start, stop)
            result = self.program(state, *data, tf.constant(start == 0)).numpy()
            logs = dict(zip(self.program.names, result.tolist(), strict=True))
            callbacks.on_test_batch_end((stop - 1) // self.batch, logs)
        callbacks.on_test_end(logs)
        return logs


class Prediction:
    """Predict with a network: `prediction(x)` for any number of rows of one width.

    Args:
        network: built `Network`; its structure and the objects that hold its weights must stay.
        x: an array like those to come.
    """

    def __init__(self, network, x):
        self.network, self.functional = network, network._functional
        self.dtype, self.shape = x.dtype, x.shape[1:]
        state = programs.state_of(network, training=False)._replace(metrics=[])
        self.handles = sharing.handles(state)

    def takes(self, x):
        """Whether `x` is an array of the same width and type, for a network still the same."""
        return (
            type(x) is np.ndarray
            and x.dtype == self.dtype
            and x.shape[1:] == self.shape
            and self.network._functional is self.functional
        )

    @functools.cached_property
    def for_one_row(self):
        return self.program(1)

    @functools.cached_property
    def for_any_rows(self):
        return self.program(None)

    def program(self, rows):
        x = np.zeros((1, *self.shape), self.dtype)
        return sharing.recall(
            self.network,
            ("predict", rows, self.shape, self.dtype.name),
            lambda: programs.prediction_program(self.network, x, rows),
        )

    def __call__(self, x):
        if len(x) == 1:
            return self.for_one_row(self.handles, tf.constant(x)).numpy()
        parts = (x[i : i + ROWS_AT_ONCE] for i in range(0, len(x), ROWS_AT_ONCE))
        found = [self.for_any_rows(self.handles, tf.constant(part)).numpy() for part in parts]
        return found[0] if len(found) == 1 else np.concatenate(found)
