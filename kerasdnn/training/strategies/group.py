"""Exchange numbers among the processes that train one network."""

import contextlib
import math

import keras
import numpy as np
import tensorflow as tf

from ...core import keras_internals

LOST = (
    "Training stopped because another worker ended or cannot be reached. Start all workers again. "
    "Pass keras.callbacks.BackupAndRestore on worker 0, so that training resumes after its last "
    "complete epoch."
)


@contextlib.contextmanager
def explained():
    """Raise an error that says what to do if another worker is gone.

    Raises:
        RuntimeError: a collective operation was aborted.
    """
    lost = tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError
    try:
        yield
    except tf.errors.OpError as error:
        if isinstance(error, lost) or "Collective ops is aborted" in str(error):
            raise RuntimeError(LOST) from error
        raise


class Workers:
    """The workers of a strategy.

    Args:
        strategy: `tf.distribute.MultiWorkerMirroredStrategy`.

    Attributes:
        count: int, how many there are.
        index: int, the number of this one.
    """

    def __init__(self, strategy):
        self.strategy, self.replicas = strategy, len(strategy.extended.worker_devices)
        self.count = strategy.num_replicas_in_sync // self.replicas
        first = []
        strategy.experimental_distribute_values_from_function(
            lambda context: first.append(context.replica_id_in_sync_group) or tf.constant(0)
        )
        self.index = first[0] // self.replicas

    def shares(self, batch):
        """Divide the rows of a step among the workers."""
        return [batch * (w + 1) // self.count - batch * w // self.count for w in range(self.count)]

    def total(self, tensors):
        """Add up each tensor over the workers."""

        def of_replica(context):
            counts = context.replica_id_in_sync_group % self.replicas == 0
            return [tensor if counts else tf.zeros_like(tensor) for tensor in tensors]

        given = self.strategy.experimental_distribute_values_from_function(of_replica)
        return [self.strategy.reduce("SUM", tensor, axis=None) for tensor in given]

    def gather(self, numbers):
        """Return what every worker passes, float64 (workers, numbers)."""
        table = np.zeros((self.count, len(numbers)))
        table[self.index] = numbers
        with explained():
            [table] = self.total([tf.constant(table)])
        return table.numpy()

    def take_over(self, network):
        """Set the variables of `network` and its optimizer to those of worker 0."""
        variables = [*network.variables, *network.optimizer.variables]
        values = [tf.convert_to_tensor(v.numpy()) for v in variables]
        with explained():
            values = self.total([v if self.index == 0 else tf.zeros_like(v) for v in values])
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def workers_of(network):
    """Return the `Workers` of a network, None if it is trained in this process alone."""
    strategy = keras_internals.strategy_of(network)
    if type(strategy) is not tf.distribute.MultiWorkerMirroredStrategy:
        return None
    return Workers(strategy)


def count_of(network):
    """Return the number of workers."""
    workers = workers_of(network)
    return 1 if workers is None else workers.count


def most_steps(network, rows, batch):
    """Return the number of steps in an epoch: that of the worker with the most.

    Args:
        network: `Network`.
        rows: int, rows of this worker.
        batch: int, rows per step of all workers.
    """
    workers = workers_of(network)
    if workers is None:
        return math.ceil(rows / batch)
    steps = math.ceil(rows / max(1, workers.shares(batch)[workers.index]))
    return int(workers.gather([steps]).max())


def merged(network, logs):
    """Return the loss and metrics of an evaluation over the rows of all workers.

    Args:
        network: `Network` whose metrics hold those of this process.
        logs: dict of the latter.
    """
    workers = workers_of(network)
    if workers is None:
        return logs
    values = [keras_internals.tensor_of(v).read_value() for v in network.metrics_variables]
    with explained():
        values = workers.total(values)
    return keras_internals.to_numbers(results_of(network, values))


def results_of(network, values):
    """Return loss and metrics from the values of the metrics' variables."""
    mapping = list(zip(network.metrics_variables, values, strict=True))
    with keras.StatelessScope(state_mapping=mapping):
        return network.get_metrics_result()
