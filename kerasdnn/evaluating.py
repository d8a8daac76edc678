"""Evaluation and prediction: few large calls, the same numbers for any batch size."""

import numpy as np
import tensorflow as tf

from . import programs

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
        data = table.slice(0, 1)
        specs = tuple((part.dtype.name, *part.shape[1:]) for part in data)
        self.program, self.names = programs.recall(
            ("evaluate", programs.structure(network) or id(network), specs),
            lambda: programs.evaluation_program(network, data),
        )

    def run(self, callbacks):
        """The loss and metrics over all rows; callbacks hear of every large call."""
        callbacks.on_test_begin()
        state = programs.state_of(self.network, training=False)
        for start in range(0, self.table.rows, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, self.table.rows)
            callbacks.on_test_batch_begin(start // self.batch)
            data = list(self.table.slice(start, stop))
            result = self.program(state, data, tf.constant(start == 0)).numpy()
            logs = dict(zip(self.names, result.tolist(), strict=True))
            callbacks.on_test_batch_end((stop - 1) // self.batch, logs)
        callbacks.on_test_end(logs)
        return logs


class Prediction:
    """Predict with a network: `prediction(x)` for any number of rows of one width."""

    def __init__(self, network, x, key):
        self.key = key  # what the program was made for
        self.state = programs.state_of(network, training=False)
        self.program = programs.prediction_program(network, x)

    def __call__(self, x):
        state = self.state.trainable, self.state.non_trainable
        if len(x) <= ROWS_AT_ONCE:
            return self.program(*state, tf.constant(x)).numpy()
        parts = (x[i : i + ROWS_AT_ONCE] for i in range(0, len(x), ROWS_AT_ONCE))
        return np.concatenate([self.program(*state, tf.constant(part)).numpy() for part in parts])
