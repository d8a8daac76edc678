"""Compiled programs: many training steps, or a whole evaluation, in one call.

A program is traced once from a model and knows it only by its variables, which every call hands
over: any model of the same structure runs the same program (`sharing.py`).

A training program works through a block of rows that is already in the order of the epoch:
`epochs` x `steps` batches, of which a call may use fewer. Its shapes depend on the block and not
on the table, so that another table of the same width compiles nothing again. Where the last batch
of an epoch is short, its missing rows weigh nothing and the others weigh batch / rows more, which
is the mean over the real rows; `pads` says for which models that is exact. Other models run the
short batch through a program of its own.
"""

import collections

import keras
import tensorflow as tf
from keras import layers as kl

from . import scoring
from .activations import LeakyReLU
from .embedding import EmbedCategories
from .packing import PackedOptimizer, can_pack
from .realmlp_layers import (
    NTKDense,
    ParametricActivation,
    PeriodicEmbedding,
    Scale,
    ScheduledDropout,
)
from .sharing import Program

State = collections.namedtuple("State", "trainable non_trainable optimizer metrics")
Layout = collections.namedtuple("Layout", "epochs steps batch padded compiled")

# Layers whose output for a row depends on that row alone: rows that weigh nothing may be added to
# a batch without changing the others. Keras's own dropout is not among them: its draws are to be
# those of stock Keras.
# fmt: off
ROW_BY_ROW = {
    kl.InputLayer, kl.Dense, kl.EinsumDense, kl.Embedding, kl.Activation, kl.ReLU, kl.LeakyReLU,
    kl.ELU, kl.PReLU, kl.Softmax, kl.Flatten, kl.Reshape, kl.Rescaling, kl.Normalization,
    kl.LayerNormalization, kl.UnitNormalization, LeakyReLU, EmbedCategories,
    NTKDense, ParametricActivation, PeriodicEmbedding, Scale, ScheduledDropout,
}
# fmt: on


def state_of(model, training=True):
    """The variables of `model` that a program reads and writes, as `tf.Variable`s."""
    optimizer = model.optimizer.variables if training else []
    groups = model.trainable_variables, model.non_trainable_variables, optimizer
    return State(*([v._value for v in group] for group in (*groups, model.metrics_variables)))


def pads(model):
    """Whether rows of weight zero leave everything that a training step computes unchanged."""
    losses = [part.loss for part in model._compile_loss._flat_losses]
    return all(
        type(layer) in ROW_BY_ROW and layer.activity_regularizer is None for layer in model.layers
    ) and all(
        loss.reduction in ("sum_over_batch_size", "mean_with_sample_weight")
        and scoring.from_keras(type(loss))
        for loss in losses
    )


def can_flatten(model):
    """Whether `training_program` holds for `model`; else `stepping_program` does."""
    return can_pack(model.optimizer, model.trainable_variables) and scoring.only_sums_over_rows(
        model
    )


def training_program(model, layout, data):
    """Train on a block of rows: `run(state, data, epochs, rows, fresh)`.

    Args of the program:
        state: `State` of any model with this structure; read at the start, written at the end.
        data: (x, y) or (x, y, sample_weight), each (epochs * steps * batch, ...).
        epochs: how many epochs of the block to run.
        rows: how many rows each of them has; more than a whole number of batches if padded.
        fresh: whether the block starts an epoch, so that metrics start from zero.

    Returns:
        float32 (layout.epochs, metrics): the metrics after each epoch; `program.names` names them.
    """
    optimizer = PackedOptimizer(model.optimizer, model.trainable_variables)
    block, batch = layout.steps * layout.batch, layout.batch
    names = []

    def step(t, e, rows, data, non_trainable):
        start = e * block + t * batch
        x, y, *weight = [rows_of(part, start, batch) for part in data]
        weight = weight[0] if weight else None
        if layout.padded:
            real = tf.minimum(batch, rows - t * batch)
            mask = tf.cast(tf.range(batch) < real, "float32") * (batch / tf.cast(real, "float32"))
            weight = mask if weight is None else weight * mask
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            weights = optimizer.weights()
            tape.watch(weights)
            mapping = list(zip(model.trainable_variables, weights, strict=True))
            mapping += list(zip(model.non_trainable_variables, non_trainable, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                y_pred = model(x, training=True)
                loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        optimizer.apply(tape.gradient(loss, weights))
        non_trainable = [scope.get_current_value(v) for v in model.non_trainable_variables]
        return y_pred, loss, non_trainable

    def epoch(e, rows, data, fresh, non_trainable, metrics):
        steps = (rows + batch - 1) // batch
        shape, dtype = prediction_spec(model, data[0], batch)
        predictions = tf.TensorArray(dtype, layout.steps, element_shape=shape)
        losses = tf.TensorArray("float32", layout.steps, element_shape=())

        def body(t, predictions, losses, non_trainable):
            y_pred, loss, non_trainable = step(t, e, rows, data, non_trainable)
            losses = losses.write(t, tf.cast(loss, "float32"))
            return t + 1, predictions.write(t, y_pred), losses, non_trainable

        _, predictions, losses, non_trainable = tf.while_loop(
            lambda t, *_: t < steps, body, [0, predictions, losses, non_trainable]
        )
        y_pred = tf.reshape(predictions.stack(), (block, *shape[1:]))
        _, y, *weight = [rows_of(part, e * block, block) for part in data]
        in_batch = tf.clip_by_value(rows - tf.range(layout.steps) * batch, 0, batch)
        mask = tf.cast(tf.range(block) < rows, "float32")
        metrics = [tf.where(fresh, tf.zeros_like(m), m) for m in metrics]
        mapping = list(zip(model.metrics_variables, metrics, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            model._loss_tracker.update_state(losses.stack(), tf.cast(in_batch, "float32"))
            scoring.update(model, y, y_pred, *weight, mask=mask)
            results = model.get_metrics_result()
        names[:] = results
        metrics = [scope.get_current_value(v) for v in model.metrics_variables]
        return non_trainable, metrics, tf.stack([tf.cast(r, "float32") for r in results.values()])

    def run(state, data, epochs, rows, fresh):
        optimizer.load(state.trainable, state.optimizer)
        non_trainable = [v.read_value() for v in state.non_trainable]
        metrics = [v.read_value() for v in state.metrics]
        results = tf.TensorArray("float32", layout.epochs, element_shape=(None,))

        def body(e, non_trainable, metrics, results):
            begins = tf.logical_or(fresh, e > 0)
            non_trainable, metrics, result = epoch(e, rows, data, begins, non_trainable, metrics)
            return e + 1, non_trainable, metrics, results.write(e, result)

        if layout.epochs == 1:
            _, non_trainable, metrics, results = body(0, non_trainable, metrics, results)
        else:
            results = tf.TensorArray(
                "float32", layout.epochs, element_shape=(len(model.get_metrics_result()),)
            )
            _, non_trainable, metrics, results = tf.while_loop(
                lambda e, *_: e < epochs, body, [0, non_trainable, metrics, results]
            )
        optimizer.store(state.trainable, state.optimizer)
        for variables, values in ((state.non_trainable, non_trainable), (state.metrics, metrics)):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return results.stack()

    one = tf.constant(1)
    traced = tf.function(run, jit_compile=layout.compiled, autograph=False)
    concrete = traced.get_concrete_function(state_of(model), data, one, one, tf.constant(True))
    return Program(concrete, names)


def stepping_program(model, batch, compiled):
    """Train on a block of rows with Keras's own `train_step`: `run(data, steps)`.

    For models whose optimizer, metrics or state `training_program` does not hold for. It works on
    the variables of `model` itself and is shared with no other.
    """

    def run(data, steps):
        def body(t):
            model.train_step(tuple(rows_of(part, t * batch, batch) for part in data))
            return t + 1

        tf.while_loop(lambda t: t < steps, body, [0])

    return tf.function(run, jit_compile=compiled, autograph=False)


def evaluation_program(model, data):
    """Update loss and metrics with any number of rows at once: `run(state, data, fresh)`."""
    names = []

    def run(state, data, fresh):
        x, y, *weight = data
        metrics = [tf.where(fresh, tf.zeros_like(m), m) for m in state.metrics]
        mapping = list(zip(model.trainable_variables, reads(state.trainable), strict=True))
        mapping += list(zip(model.non_trainable_variables, reads(state.non_trainable), strict=True))
        mapping += list(zip(model.metrics_variables, metrics, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            y_pred = model(x, training=False)
            loss = model.compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=weight[0] if weight else None, training=False
            )
            model._loss_tracker.update_state(loss, sample_weight=tf.shape(x)[0])
            scoring.update(model, y, y_pred, *weight)
            results = model.get_metrics_result()
        names[:] = results
        for variable, ours in zip(state.metrics, model.metrics_variables, strict=True):
            variable.assign(scope.get_current_value(ours))
        return tf.stack([tf.cast(r, "float32") for r in results.values()])

    specs = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in data]
    concrete = tf.function(run, autograph=False).get_concrete_function(
        state_of(model, training=False), specs, tf.constant(True)
    )
    return Program(concrete, names)


def prediction_program(model, x, rows=None):
    """Predict `rows` rows at once, None for any number: `run(state, x)`.

    A fixed number of rows is compiled by XLA: one row takes half the time, and no other number is
    worth a compilation.
    """

    def run(state, x):
        mapping = list(zip(model.trainable_variables, reads(state.trainable), strict=True))
        mapping += list(zip(model.non_trainable_variables, reads(state.non_trainable), strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return model(x, training=False)

    spec = tf.TensorSpec((rows, *x.shape[1:]), x.dtype)
    traced = tf.function(run, jit_compile=rows is not None, autograph=False)
    state = state_of(model, training=False)._replace(metrics=[])
    return Program(traced.get_concrete_function(state, spec))


def reads(variables):
    return [v.read_value() for v in variables]


def rows_of(tensor, start, count):
    begin = [start] + [0] * (len(tensor.shape) - 1)
    return tf.slice(tensor, begin, [count, *tensor.shape[1:]])


def prediction_spec(model, x, batch):
    """Shape and dtype of what the model predicts for a batch."""
    spec = keras.KerasTensor((batch, *x.shape[1:]), x.dtype.name)
    with keras.StatelessScope():
        out = model.compute_output_spec(spec)
    return tuple(out.shape), out.dtype
