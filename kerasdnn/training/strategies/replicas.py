"""Train one network on several devices: each computes a part of the rows of every step.

The devices of a `tf.distribute` strategy have equal copies of the weights, *replicas*. A step
divides its rows among them. With n_r rows on replica r, and the loss L_r that is the mean over
them, the gradient is

    G = sum_r n_r dL_r/dw / sum_r n_r

which is that of one device on all rows. All gradients, the loss and the statistics of layers are
added up as one vector. The update is computed once, and the new weights are the input of the next
step. Everything else, such as chunks of steps, padding and metrics, is that of one device.

Per replica, and therefore not as on one device, are

    dropout and noise                       every replica draws its own masks
    BatchNormalization                      mean and variance of the replica's rows in training; the
                                            moving ones are averages over the replicas
    BatchNormalization(synchronized=True)   as on one device
"""

import tensorflow as tf

from ...core import keras_internals
from ..compiled_steps import Training, bind, concrete, spec_of
from ..device_data import specs_of
from ..dispatch import UseStockKeras, reason_for_batches

SEEDS_APART = 7_368_787  # between the seeds of two replicas


class ReplicaTraining(Training):
    """One training step, computed by the replicas of the network's strategy.

    Args:
        model, specs, rows, known: as of `Training`.

    Raises:
        UseStockKeras: the step is not a sum over rows, or the optimizer works on each variable.
    """

    takes_inputs = False  # it is not shared

    def __init__(self, model, specs, rows, known):
        self.strategy = keras_internals.strategy_of(model)
        reason = reason_for_batches(model)
        if reason is not None:
            raise UseStockKeras(reason)
        self.synchronized = any(getattr(layer, "synchronized", False) for layer in model.layers)
        super().__init__(model, specs, rows, known)
        self.shared = False

    def trace_keras_step(self, model, specs, rows):
        raise UseStockKeras("a part that several devices cannot share")

    def weigh(self, loss, x):
        """Return what replicas add up, n_r L_r; in their scope Keras divides the loss by them."""
        if not self.synchronized:
            return loss
        replicas = self.strategy.num_replicas_in_sync
        return loss * tf.cast(tf.shape(x)[0] * replicas, loss.dtype)

    def make_step(self, model):
        """Return a step that divides its rows among the replicas on this machine."""
        alone = super().make_step(model)
        trainable, fixed = model.trainable_variables, model.non_trainable_variables
        seeds = {id(v) for v in keras_internals.seed_states(model)}
        seeds = [id(v) in seeds for v in fixed]
        if not all(s or v.dtype.startswith("float") for s, v in zip(seeds, fixed, strict=True)):
            raise UseStockKeras("a layer that counts")
        if not self.synchronized:  # traced once for all
            alone = concrete(alone, spec_of(trainable), spec_of(fixed), *self.step_specs())
        shapes = [tuple(v.shape) for v in trainable]
        averaged = [tuple(v.shape) for v, seed in zip(fixed, seeds, strict=True) if not seed]

        def on_replica(weights, others, rows, data):
            """Return the predictions, the seeds' new states, and the vector to add up."""
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            apart = [tf.cast(replica, "int64") * SEEDS_APART, 0]
            given = [o + tf.cast(apart, o.dtype) if seed else o
                     for o, seed in zip(others, seeds, strict=True)]  # fmt: skip
            y_pred, loss, gradients, found = alone(weights, given, *data)
            changes, states = [], []
            for before, after, seed in zip(given, found, seeds, strict=True):
                if seed:
                    states.append(after - tf.cast(apart, after.dtype))
                else:
                    changes.append(after - before)
            rows = tf.cast(rows, "float32")
            share = 1.0 if self.synchronized else rows
            parts = [*(g * share for g in gradients), *(c * rows for c in changes)]
            parts += [loss * share, rows]
            vector = tf.concat([tf.reshape(tf.cast(p, "float32"), [-1]) for p in parts], 0)
            return y_pred, states, vector

        def step(weights, others, *data):
            counts, pieces = self.divide(data)
            y_pred, states, vectors = self.strategy.run(
                on_replica, (weights, others, counts, pieces)
            )
            with tf.device(self.strategy.extended.worker_devices[0]):
                total = self.strategy.reduce("SUM", vectors, axis=None)
            *parts, loss, count = split(total, [*shapes, *averaged, (), ()])
            parts = [part / count for part in parts]
            changes = iter(parts[len(shapes) :])
            states = iter(self.local(state)[0] for state in states)
            others = [
                next(states) if seed else other + tf.cast(next(changes), other.dtype)
                for other, seed in zip(others, seeds, strict=True)
            ]
            kept = zip(self.local(y_pred), self.local(counts), strict=True)
            y_pred = tf.concat([part[:rows] for part, rows in kept], 0)
            return y_pred, loss / count, parts[: len(shapes)], others

        return step

    def local(self, values):
        """Return the values of the replicas in this process."""
        return self.strategy.experimental_local_results(values)

    def divide(self, data):
        """Divide a batch among the replicas in this process.

        Returns:
            (rows of each replica, its data), per replica. A replica without rows gets one that
            counts 0 times.
        """
        replicas, rows = len(self.strategy.extended.worker_devices), tf.shape(data[0])[0]

        def bounds(context):
            place = context.replica_id_in_sync_group % replicas
            return rows * place // replicas, rows * (place + 1) // replicas

        def count(context):
            start, stop = bounds(context)
            return stop - start

        def piece(context):
            start, stop = bounds(context)
            start = tf.minimum(start, rows - 1)
            return tuple(part[start : tf.maximum(stop, start + 1)] for part in data)

        return tuple(
            self.strategy.experimental_distribute_values_from_function(of) for of in (count, piece)
        )


def split(vector, shapes):
    """Split a vector into tensors of the given shapes."""
    sizes = [max(1, int(tf.TensorShape(shape).num_elements())) for shape in shapes]
    parts = tf.split(vector, sizes)
    return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]


def need_replicas(network, parts, batch, fewest):
    """Trace the step of a network on several devices, as its `fit` will.

    Args:
        network: `Network`, prepared.
        parts: arrays or specs of the data.
        batch: int, rows per step; None means any number.
        fewest: int, rows of the smallest step; None means that they are not known.

    Raises:
        UseStockKeras: devices cannot divide the rows of a step without changing the result.
    """
    network.make_train_function()
    bound = bind(network, ReplicaTraining, specs_of(parts), batch)
    replicas = network.distribute_strategy.num_replicas_in_sync
    if bound.trace.synchronized and (fewest is None or fewest < replicas):
        raise UseStockKeras("synchronized batch normalization of steps that may be small")


def run_on_replicas(fit):
    """Let the steps of a `Fit` be computed by the replicas of its network's strategy."""
    fit.kind = ReplicaTraining
    fit.without_xla = True  # whose programs run on one device
