"""Compile functions that run many training steps, an evaluation, or a prediction in one call.

The computation of a network is traced once, as stock Keras traces it: one training step, one
evaluation step or one prediction, for a batch of any number of rows. The functions for every layout
are then compiled from that trace only, without the network.

The trace of a network on the allowlist (`training/compile_cache.py`) depends only on the variables
passed with each call, and is therefore shared between equal networks. Any other network is traced
with its own variables.

A training function processes a chunk of rows that is already in the order of the epoch: `epochs` x
`steps` batches, of which a call may use fewer. Its shapes depend on the chunk and not on the table,
so another table of the same width needs no compilation. If the last batch of an epoch is short, its
missing rows have weight 0 and the weights of the others are multiplied by batch / rows, which gives
the mean over the real rows. `compile_cache.allows_padding` decides for which models that is exact.
Other models run the short batch through a function of its own.
"""

import collections
import functools
import threading

import keras
import tensorflow as tf

from ..core import keras_internals
from . import compile_cache
from . import metrics as scoring
from .flat_weights import PackedOptimizer, can_pack
from .strategies.copies import nothing, settle_of

State = collections.namedtuple("State", "trainable non_trainable optimizer metrics")
Layout = collections.namedtuple("Layout", "epochs steps batch padded compiled")
ROWS_AT_ONCE = 16_384


class NotFlat(Exception):
    """A training step does more than compute gradients of the weights."""


class Program:
    """A concrete function, called without matching arguments by name, which takes longer.

    Args:
        concrete: concrete function.
        scratch: list of `tf.Variable`, the captured ones that hold nothing between calls. Threads
            that call at the same time use copies of them.
    """

    def __init__(self, concrete, scratch=()):
        self.concrete, self.scratch = concrete, {id(v.handle): v for v in scratch}
        self.unused = [(concrete.captured_inputs, scratch)]

    def __call__(self, handles, *tensors):
        """Call with `handles` of variables, then the tensors of the other arguments, flattened."""
        if not self.scratch:
            return self.concrete._call_flat([*handles, *tensors], self.concrete.captured_inputs)
        try:
            captured = self.unused.pop()
        except IndexError:  # other threads use all of them
            captured = self.copy_of_captured()
        try:
            return self.concrete._call_flat([*handles, *tensors], captured[0])
        finally:
            self.unused.append(captured)

    def copy_of_captured(self):
        """Return the captured tensors, those of scratch variables copied, and these variables."""
        copies = {}
        for key, variable in self.scratch.items():
            with tf.device(variable.device):
                copies[key] = tf.Variable(tf.zeros(variable.shape, variable.dtype))
        handles = {key: copy.handle for key, copy in copies.items()}
        captured = [handles.get(id(tensor), tensor) for tensor in self.concrete.captured_inputs]
        return captured, [*copies.values()]


class Bound:
    """A trace and the variables of the network that uses it.

    After a call that changes variables, `settle` sets their copies on other devices. `key` is the
    cache key of the network when it was traced, `few_rows` a prediction without TensorFlow, see
    `forward/few_rows.py`.
    """

    few_rows = None

    def __init__(self, trace, state, settle=nothing, key=None):
        self.trace, self.settle, self.key = trace, settle, key
        self.state = state  # keeps the variables alive
        self.handles = [variable.handle for group in state for variable in group]


def bind(network, kind, specs, rows):
    """Return the `Bound` trace of `network`, made or reused as in stock Keras.

    Args:
        network: `Network`, built as far as the trace needs.
        kind: `Training`, `Evaluation` or `Prediction`.
        specs: tuple of (dtype name, *shape of a row) of the data.
        rows: int, rows per batch. None means that they vary.
    """

    def trace(rows):
        described = compile_cache.cache_key(network, **kind.depends_on)
        make = functools.partial(kind, network, specs, rows, known=described is not None)
        key = described and (kind, specs, described, keras_internals.runtime())
        found = make() if key is None else compile_cache.get_or_trace(key, make)
        return Bound(found, found.state_of(network), settle_of(network), described)

    getattr(network, f"make_{kind.function}")()
    function = getattr(network, kind.function)
    with compile_cache.TRACING:
        return network.traces[kind.function].get(function, specs, rows, trace)


def tensors_of(group):
    return [keras_internals.tensor_of(v) for v in group]


def spec_of(variables):
    return [tf.TensorSpec(v.shape, v.dtype) for v in variables]


def tensor_specs(specs, rows):
    return [tf.TensorSpec((rows, *shape), dtype) for dtype, *shape in specs]


def concrete(function, *specs, compiled=False):
    traced = tf.function(function, jit_compile=compiled, autograph=False)
    return traced.get_concrete_function(*specs)


class Training:
    """One training step of a model.

    If `flat`, the step is a function from weights to gradients, and the optimizer works on weights
    packed into one vector. Otherwise it is Keras's own `train_step` on the variables of the model.
    """

    function, depends_on = "train_function", {"scores": True, "optimizer": True}
    takes_inputs = True

    def __init__(self, model, specs, rows, known):
        self.specs, self.programs, self.names = specs, {}, ()
        self.running = threading.Lock()  # for functions that hold the state of one network
        self.flat = (
            known
            and bool(model.trainable_variables)
            and all(len(weight) == 1 for weight in specs[2:])  # a number per row
            and can_pack(model.optimizer, model.trainable_variables)
            and scoring.only_sums_over_rows(model)
        )
        self.padded = self.flat and compile_cache.allows_padding(model)
        if self.flat:
            try:
                self.trace_flat(model)
            except NotFlat:
                self.flat = self.padded = False
        if not self.flat:
            self.trace_keras_step(model, specs, rows)
        self.shared = self.flat

    def trace_keras_step(self, model, specs, rows):
        self.step = concrete(lambda *data: model.train_step(data), *tensor_specs(specs, rows))

    def state_of(self, model):
        """Return the variables of `model` that a function reads and writes, as `tf.Variable`s.

        The inputs of the model are one more, the last of those that do not train.
        """
        if not self.flat:
            return ()
        state = state_of(model, model.optimizer.variables, model.metrics_variables)
        values = [getattr(*place) for places in self.places(model) for place in places]
        inputs = [tf.Variable(values, dtype="float32", trainable=False)] if values else []
        return state._replace(non_trainable=[*state.non_trainable, *inputs])

    def places(self, model):
        """Return the places of the inputs in the layers of `model`, and in its optimizer."""
        if not self.takes_inputs:
            return [], []
        parts = list(model.layers), model.optimizer
        return tuple(map(compile_cache.input_places, parts))

    def make_step(self, model):
        """Return the step, a function of the values of weights, other variables and a batch."""
        trainable, fixed = model.trainable_variables, model.non_trainable_variables
        places, _ = self.places(model)

        def step(weights, others, x, y, *weight):
            others, inputs = others[: len(fixed)], others[len(fixed) :]
            values = [inputs[0][i] for i in range(len(places))]
            with (
                compile_cache.replaced(places, values),
                tf.GradientTape(watch_accessed_variables=False) as tape,
            ):
                tape.watch(weights)
                mapping = mapping_of(model, weights, others)
                with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
                    before = [scope.get_current_value(v) for v in trainable]
                    y_pred = model(x, training=True)
                    if not isinstance(y_pred, tf.Tensor) or len(y_pred.shape) != 2:
                        raise NotFlat  # one weight per row does not fit the losses of time steps
                    loss = self.weigh(model.compute_loss(x, y, y_pred, *weight), x)
                    after = [scope.get_current_value(v) for v in trainable]
            gradients = tape.gradient(loss, weights)
            # Optimizers process the parts of a sparse gradient (`Embedding`) one by one.
            if not all(isinstance(g, tf.Tensor) for g in gradients) or len(loss.shape):
                raise NotFlat
            if any(a is not b for a, b in zip(before, after, strict=True)):
                raise NotFlat
            others = [scope.get_current_value(v) for v in fixed]
            return y_pred, loss, gradients, [*others, *inputs]

        return step

    def weigh(self, loss, x):
        """Return the loss of which the gradient is computed."""
        return loss

    def step_specs(self):
        """Return the specs of the rows of a flat step, whose weights, if any, are float32."""
        x, y, *weight = tensor_specs(self.specs, None)
        given = weight or self.padded
        return [x, y, tf.TensorSpec((None,), "float32")] if given else [x, y]

    def weights_of_rows(self, weight, mask=None):
        """Return a list of the weights that `step` takes: of the data, times those of padding."""
        weight = [tf.cast(w, "float32") for w in weight]
        if mask is None:
            return weight
        return [weight[0] * mask if weight else mask]

    def trace_flat(self, model):
        trainable, fixed = model.trainable_variables, model.non_trainable_variables
        self.optimizer = PackedOptimizer(model.optimizer, trainable)
        step, count = self.make_step(model), sum(map(len, self.places(model)))
        inputs = [tf.TensorSpec((count,), "float32")] if count else []
        others = [*spec_of(fixed), *inputs]
        self.step = concrete(step, spec_of(trainable), others, *self.step_specs())
        y_pred = self.step.structured_outputs[0]
        self.y_pred = tf.TensorSpec((None, *y_pred.shape[1:]), y_pred.dtype)
        if not self.y_pred.shape[1:].is_fully_defined():
            raise NotFlat

        def score(metrics, losses, counts, mask, y_pred, y, *weight):
            mapping = list(zip(model.metrics_variables, metrics, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                keras_internals.loss_tracker(model).update_state(losses, counts)
                scoring.update(model, y, y_pred, *weight, mask=mask)
                results = self.results(model, scope)
            if any(len(getattr(r, "shape", ())) for r in results.values()):
                raise NotFlat  # a number per class
            self.names = tuple(results)
            metrics = [scope.get_current_value(v) for v in model.metrics_variables]
            return metrics, tf.stack([tf.cast(r, "float32") for r in results.values()])

        vector = tf.TensorSpec((None,), "float32")
        any_rows = tensor_specs(self.specs[1:], None)
        self.score = concrete(
            score, spec_of(model.metrics_variables), vector, vector, vector, self.y_pred, *any_rows
        )

    def program(self, layout, state):
        """Return the compiled function of a layout: `flat_program` or `stepping_program`."""
        if layout not in self.programs:
            make = self.flat_program if self.flat else self.stepping_program
            self.programs[layout] = make(layout, state)
        return self.programs[layout]

    def flat_program(self, layout, state):
        """Compile `run(state, data, epochs, rows, reset_metrics)`, which trains on a chunk of rows.

        Arguments of the function:
            state: `State` of any model with this structure; read at the start, written at the end.
            data: (x, y) or (x, y, sample_weight), each (epochs * steps * batch, ...).
            epochs: number of epochs to run.
            rows: number of rows in each; not a multiple of the batch size if padded.
            reset_metrics: whether metrics start from zero, because the chunk starts an epoch.

        The function returns the metrics after each epoch, float32 (layout.epochs, len(names)).
        """
        optimizer, batch, chunk = self.optimizer, layout.batch, layout.steps * layout.batch

        def step(t, e, rows, data, others):
            x, y, *weight = [rows_of(part, e * chunk + t * batch, batch) for part in data]
            weight = self.weights_of_rows(
                weight, self.mask(t, rows, batch) if layout.padded else None
            )
            weights = optimizer.weights()
            y_pred, loss, gradients, others = self.step(weights, others, x, y, *weight)
            self.apply(optimizer, gradients, others)
            return tf.ensure_shape(y_pred, (batch, *self.y_pred.shape[1:])), loss, others

        def epoch(e, rows, data, reset_metrics, others, metrics):
            steps = self.steps_of(rows, batch)
            shape = batch, *self.y_pred.shape[1:]
            predictions = tf.TensorArray(self.y_pred.dtype, layout.steps, element_shape=shape)
            losses = tf.TensorArray("float32", layout.steps, element_shape=())

            def body(t, predictions, losses, others):
                y_pred, loss, others = step(t, e, rows, data, others)
                losses = losses.write(t, tf.cast(loss, "float32"))
                return t + 1, predictions.write(t, y_pred), losses, others

            _, predictions, losses, others = tf.while_loop(
                lambda t, *_: t < steps, body, [0, predictions, losses, others]
            )
            y_pred, rows = tf.reshape(predictions.stack(), (chunk, *shape[1:])), self.own(rows)
            in_batch = tf.clip_by_value(rows - tf.range(layout.steps) * batch, 0, batch)
            mask = tf.cast(tf.range(chunk) < rows, "float32")
            metrics = [tf.where(reset_metrics, tf.zeros_like(m), m) for m in metrics]
            metrics, results = self.score(
                metrics, losses.stack(), tf.cast(in_batch, "float32"), mask, y_pred,
                *(rows_of(part, e * chunk, chunk) for part in data[1:]),
            )  # fmt: skip
            return others, metrics, results

        def run(state, data, epochs, rows, reset_metrics):
            optimizer.load(state.trainable, state.optimizer)
            others = [v.read_value() for v in state.non_trainable]
            metrics = [v.read_value() for v in state.metrics]
            results = tf.TensorArray("float32", layout.epochs, element_shape=(len(self.names),))

            def body(e, others, metrics, results):
                begins = tf.logical_or(reset_metrics, e > 0)
                others, metrics, result = epoch(e, rows, data, begins, others, metrics)
                return e + 1, others, metrics, results.write(e, result)

            if layout.epochs == 1:
                _, others, metrics, results = body(0, others, metrics, results)
            else:
                _, others, metrics, results = tf.while_loop(
                    lambda e, *_: e < epochs, body, [0, others, metrics, results]
                )
            optimizer.store(state.trainable, state.optimizer)
            for variables, values in ((state.non_trainable, others), (state.metrics, metrics)):
                for variable, value in zip(variables, values, strict=True):
                    variable.assign(value)
            return results.stack()

        data = tensor_specs(self.specs, layout.epochs * chunk)
        one, rows = tf.TensorSpec((), "int32"), tf.TensorSpec(self.rows_shape, "int32")
        flag = tf.TensorSpec((), "bool")
        function = concrete(run, state, data, one, rows, flag, compiled=layout.compiled)
        return Program(function, optimizer.variables)

    def apply(self, optimizer, gradients, others):
        """Update the weights of a `PackedOptimizer`; its inputs are the last of `others`."""
        places = compile_cache.input_places(optimizer.twin) if self.takes_inputs else []
        values = [others[-1][i - len(places)] for i in range(len(places))]
        with compile_cache.replaced(places, values):
            optimizer.apply(gradients)

    def results(self, model, scope):
        """Return loss and metrics from the values in `scope`."""
        return model.get_metrics_result()

    # How many rows a call has; with several workers, `rows` is a vector.

    rows_shape = ()

    def own(self, rows):
        """Return the number of rows in this process."""
        return rows

    def steps_of(self, rows, batch):
        """Return the number of steps."""
        return (rows + batch - 1) // batch

    def mask(self, t, rows, batch):
        """Return the weights of the rows of step t, of which the last ones may be padding."""
        real = tf.minimum(batch, rows - t * batch)
        return tf.cast(tf.range(batch) < real, "float32") * (batch / tf.cast(real, "float32"))

    def stepping_program(self, layout, state):
        """Compile `run(data, steps)`, which trains on a chunk of rows with Keras's own step."""

        def run(data, steps):
            def body(t):
                self.step(*(rows_of(part, t * layout.batch, layout.batch) for part in data))
                return t + 1

            tf.while_loop(lambda t: t < steps, body, [0])

        data = tensor_specs(self.specs, layout.steps * layout.batch)
        steps = tf.TensorSpec((), "int32")
        return Program(concrete(run, data, steps, compiled=layout.compiled))


class Evaluation:
    """Update loss and metrics with any number of rows: `run(state, data, reset_metrics)`."""

    function, depends_on = "test_function", {"scores": True, "optimizer": False}

    def __init__(self, model, specs, rows, known):
        self.names, self.shared = (), known

        def run(state, data, reset_metrics):
            x, y, *weight = data
            metrics = [tf.where(reset_metrics, tf.zeros_like(m), m) for m in state.metrics]
            mapping = mapping_of(model, reads(state.trainable), reads(state.non_trainable))
            mapping += zip(model.metrics_variables, metrics, strict=True)
            with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
                y_pred = model(x, training=False)
                loss = model.compute_loss(x, y, y_pred, *weight, training=False)
                keras_internals.loss_tracker(model).update_state(loss, sample_weight=tf.shape(x)[0])
                scoring.update(model, y, y_pred, *weight)
                results = model.get_metrics_result()
            self.names = tuple(results)
            for variable, ours in zip(state.metrics, model.metrics_variables, strict=True):
                variable.assign(scope.get_current_value(ours))
            return tf.stack([tf.cast(r, "float64") for r in results.values()])

        data, flag = tensor_specs(specs, None), tf.TensorSpec((), "bool")
        self.run = Program(concrete(run, self.state_of(model), data, flag))

    @staticmethod
    def state_of(model):
        return state_of(model, metrics=model.metrics_variables)


class Prediction:
    """Predict any number of rows: `prediction(handles, x)`.

    The function for one row is compiled by XLA, which halves its time; others would not benefit.
    """

    function, depends_on = "predict_function", {"scores": False, "optimizer": False}

    def __init__(self, model, specs, rows, known):
        self.shared = known
        self.row_by_row = compile_cache.is_row_by_row(model, training=False)
        self.branched = any(getattr(layer, "branched", False) for layer in model.layers)
        [self.spec] = tensor_specs(specs, None if self.row_by_row or known else rows)
        trainable, fixed = model.trainable_variables, model.non_trainable_variables

        def run(weights, others, x):
            with keras.StatelessScope(state_mapping=mapping_of(model, weights, others)):
                return model(x, training=False)

        if known:
            self.forward = concrete(run, spec_of(trainable), spec_of(fixed), self.spec)
            self.state = self.state_of(model)
        else:
            self.forward = concrete(lambda x: model.predict_step((x,)), self.spec)
            self.state = ()

    def state_of(self, model):
        return state_of(model) if self.shared else ()

    @functools.cached_property
    def for_any_rows(self):
        return self.program(self.spec)

    @functools.cached_property
    def for_one_row(self):
        return self.program(tf.TensorSpec((1, *self.spec.shape[1:]), self.spec.dtype), True)

    def program(self, spec, compiled=False):
        def run(state, x):
            if not state:
                return self.forward(x)
            return self.forward(reads(state.trainable), reads(state.non_trainable), x)

        function = concrete(run, self.state, spec, compiled=compiled)
        return keras_internals.ArrayCall(function, one_thread=not self.branched)

    def __call__(self, handles, x):
        program = self.for_one_row if self.shared and len(x) == 1 else self.for_any_rows
        return program(handles, x)


def state_of(model, optimizer=(), metrics=()):
    groups = model.trainable_variables, model.non_trainable_variables, optimizer, metrics
    return State(*map(tensors_of, groups))


def mapping_of(model, weights, others):
    variables = *model.trainable_variables, *model.non_trainable_variables
    return list(zip(variables, (*weights, *others), strict=True))


def reads(variables):
    return [v.read_value() for v in variables]


def rows_of(tensor, start, count):
    begin = [start] + [0] * (len(tensor.shape) - 1)
    return tf.slice(tensor, begin, [count, *tensor.shape[1:]])
