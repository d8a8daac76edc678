"""Train one network in several processes on one or more machines, each with its share of the rows.

Every process, a *worker*, runs the same program under `tf.distribute.MultiWorkerMirroredStrategy`
and passes its own rows to `fit`. A step takes rows of all workers: worker w of W those between
w / W and (w + 1) / W of `batch_size`. As among replicas (see `replicas`), gradients and losses are
means over the rows of all workers, so that weights and logs are equal everywhere. An epoch ends
when the last worker has used all its rows; one with fewer rows contributes none to the last steps.

Before the first step all workers take over weights, optimizer and epoch of worker 0. Therefore it
is enough if worker 0 has a backup to resume from. Whether a callback stops the training is asked
after each epoch; it stops everywhere if it stops anywhere.

If a worker ends, TensorFlow notices that its heartbeats are missing, in about ten seconds, and the
others raise an error.
"""

import math

import tensorflow as tf

from ...core.messages import invalid, quoted_list
from ...nn import schedules
from ..compiled_steps import Layout, bind
from ..device_data import SECONDS_PER_CALL, round_up, specs_of
from ..fit_loop import MAX_STEPS_SHORT_EPOCH, Fit, epoch_order, steps_in, steps_taken
from .group import explained, results_of, workers_of
from .replicas import ReplicaTraining


def need_workers(network, parts):
    """Trace the step of a network on several workers, as its `fit` will.

    Args:
        network: `Network`, prepared.
        parts: arrays of the data.

    Raises:
        UseStockKeras: workers cannot divide the rows of a step without changing the result.
    """
    network.make_train_function()
    bind(network, WorkerTraining, specs_of(parts), None)


class WorkerTraining(ReplicaTraining):
    """One training step, computed by the replicas of all workers.

    Functions take as `rows` the vector [rows of each worker, its rows per step, steps].
    """

    def __init__(self, model, specs, rows, known):
        self.workers = workers_of(model)
        self.rows_shape = (2 * self.workers.count + 1,)
        super().__init__(model, specs, rows, known)

    def own(self, rows):
        return rows[self.workers.index]

    def steps_of(self, rows, batch):
        return rows[-1]

    def mask(self, t, rows, batch):
        count = self.workers.count
        batches = rows[count:-1]
        real = tf.clip_by_value(rows[:count] - t * batches, 0, batches)
        scale = tf.reduce_sum(batches) / tf.reduce_sum(real)
        mask = tf.range(batch) < real[self.workers.index]
        return tf.cast(mask, "float32") * tf.cast(scale, "float32")

    def results(self, model, scope):
        values = [scope.get_current_value(v) for v in model.metrics_variables]
        return results_of(model, self.workers.total(values))


class WorkerFit(Fit):
    """The calls of a `fit` on this worker's rows.

    Args:
        network, table, batch, shuffle, epochs, steps: as of `Fit`; `batch` is of all workers.
    """

    kind = WorkerTraining
    without_xla = True
    stops_early = False  # in the midst of an epoch, which would leave the others waiting

    def __init__(self, network, table, batch, shuffle, epochs, merge_epochs=False, steps=None):
        self.workers, self.given_batch = workers_of(network), batch
        self.batches = self.workers.shares(batch)
        batch = self.batches[self.workers.index]
        super().__init__(network, table, batch, shuffle, epochs, False, steps)

    def begin(self, epoch, validates):
        """Agree with the other workers; return the epoch at which all of them begin.

        Raises:
            ValueError: the workers were called with different arguments.
        """
        network = self.network
        schedule = schedules.of_optimizer(network.optimizer)
        equal = {
            "batch_size": self.given_batch,
            "epochs": self.requested,
            "shuffle": bool(self.shuffle),
            "the number of weights": network.count_params(),
            "the presence of validation data": validates,
            "the steps of the schedule": schedule.steps if schedule else 0,
        }
        own = [*equal.values(), self.table.rows, self.steps or 0, epoch, network.seed]
        found = self.workers.gather(own)
        for name, values in zip(equal, found.T, strict=False):
            if len(set(values)) > 1:
                values = quoted_list([f"{value:g}" for value in values], 20)
                raise ValueError(f"All workers must agree on {name}. Received: {values}.")
        rows, steps, epochs, seeds = found.T[len(equal) :]
        self.rows_of_all = [int(n) for n in rows]
        self.steps = 1 if steps.any() else None
        self.seed = int(seeds[0])
        self.workers.take_over(network)
        return super().begin(int(epochs[0]), validates)

    def stopped(self):
        stop = bool(self.workers.gather([float(self.network.stop_training)]).any())
        self.network.stop_training = stop
        return stop

    def start(self):
        if not self.needs_trace():
            return
        rows, batches = self.rows_of_all, self.batches
        short = any(n % b for n, b in zip(rows, batches, strict=True))
        self.trace_step(specs_of(self.table.parts), None if short else self.batch)
        self.tail = 0
        if not self.trace.padded:
            if len(set(rows)) > 1 or len(set(batches)) > 1:
                raise ValueError(
                    "All workers must have equally many rows, and batch_size must be a multiple of "
                    "their number, because a layer uses the complete batch. Received: "
                    f"{rows} rows and batch_size={self.given_batch}."
                )
            self.tail = rows[0] % self.batch
            if self.trace.synchronized and (self.tail or self.batch) < self.workers.replicas:
                raise invalid(
                    "batch_size",
                    "must leave each device rows of every step, to synchronize normalization",
                    self.given_batch,
                )
        self.rows = self.table.rows - self.tail
        self.whole = [n - self.tail for n in rows]
        self.in_epoch = max(math.ceil(n / b) for n, b in zip(self.whole, batches, strict=True))
        most = MAX_STEPS_SHORT_EPOCH
        most = min(most, steps_in(SECONDS_PER_CALL, self.network, specs_of(self.table.parts),
                                  max(batches)))  # fmt: skip
        size = self.steps or min(most, round_up(self.in_epoch))
        self.layout = Layout(1, size, self.batch, self.trace.padded, False)

    def order(self, steps_ahead=0):
        if not self.shuffle:
            return super().order(steps_ahead)
        step = steps_taken(self.network.optimizer)
        return epoch_order(self.seed, step, self.table.rows, self.workers.index)

    def calls(self, max_steps=None):
        order, batch = self.order(), self.batch
        for first in range(0, self.in_epoch, self.layout.steps):
            stop = min(first + self.layout.steps, self.in_epoch)
            part = order[None, first * batch : min(stop * batch, self.rows)]
            left = [
                min(max(n - first * b, 0), (stop - first) * b)
                for n, b in zip(self.whole, self.batches, strict=True)
            ]
            counts = [*left, *self.batches, stop - first]
            yield first, stop - 1, lambda p=part, c=counts: self.run_rows(self.layout, p, c)
        if self.tail:
            layout = self.layout._replace(steps=1, batch=self.tail)
            counts = [*[self.tail] * 2 * self.workers.count, 1]
            part = order[None, self.rows :]
            yield self.in_epoch, self.in_epoch, lambda: self.run_rows(layout, part, counts)

    def run_rows(self, layout, part, counts):
        """Train on rows of this worker while the others train on theirs; return the logs."""
        self.start()
        with explained():
            return self.execute(layout, self.data(layout, part), 1, counts)[0]
