"""Network: a `keras.Sequential` that trains, evaluates and predicts as compiled programs.

This file holds what `fit`, `evaluate` and `predict` mean; which rows go into a block is in
`training/fit_loop.py`, what happens to them in `training/compiled_steps.py`. Whatever cannot take
the compiled road goes to
stock Keras: `Network.last_path` says which one was taken, and why.
"""

import json
import math
import random

import keras
import numpy as np
from keras.callbacks import CallbackList

from ..checks.divergence import warn_of_divergence
from ..checks.fit import check_data, check_fit, check_rows, column_names, match_columns
from ..checks.named_array import as_numbers
from ..core import keras_internals
from ..core.atomic_files import atomic_write
from ..core.messages import to_python, warn

STREAMED_STEPS = 32
SMALL = 4_096  # numbers in an array that is checked without the whole check

FUNCTIONS = "train_function", "test_function", "predict_function"
COMPILED = keras.backend.backend() == "tensorflow"
STOCK = keras.Sequential
# Keras's own, whoever has put another in its place: tools that log trainings patch `keras.Model`.
UNPATCHED = {
    name: getattr(super(keras.Model, keras.Model), name) for name in ("fit", "evaluate", "predict")
}
if COMPILED:
    from . import compile_cache, dispatch, fit_loop
    from .device_data import DeviceData
    from .evaluation import Evaluation, Prediction
    from .fit_loop import Fit


@keras.saving.register_keras_serializable(package="kerasdnn")
class Network(keras.Sequential):
    """A stock Keras model; only the time it takes to train differs.

    Everything is as in `keras.Sequential`, with these additions:

    - `compile(steps_per_execution="auto")`, the default: steps run in compiled blocks of up to
      half a second. A number of steps sets the size of the blocks; 1 is stock Keras.
    - `fit(batch_size="full")`: one step per epoch over all rows, batch gradient descent.
    - A callback that hooks batches sees every batch, as in Keras: a block is then one step. Give
      `steps_per_execution` to have it called once per block of so many.
    - `compile(jit_compile="auto")`, the default: XLA compiles the blocks where the steps of the
      `fit` are worth it. True compiles always; False is stock Keras.
    - What `save` writes, plain Keras opens as a `Sequential`. `kerasdnn.load`, pickle, a copy and
      `keras.saving` elsewhere make a `Network` of it, with its seed and column names.

    Args:
        layers: list of Keras layers.
        seed: int, fixes the order of the rows, which is a function of `seed` and of the step at
            which an epoch starts: a resumed training goes on as the uninterrupted one. None draws
            one (`keras.utils.set_random_seed` decides which); `network.seed` holds it.

    Example:
        network = Network([keras.Input((4,)), keras.layers.Dense(1)], seed=0)
        network.compile("sgd", "mse")
        history = network.fit(x, y, epochs=3)
        network.last_path    # "compiled"
    """

    is_plain = True  # what follows changes how fast a step is, not what it computes
    row_by_row = True  # if its layers are

    def __init__(self, layers=None, trainable=True, name=None, seed=None):
        super().__init__(layers, trainable=trainable, name=name)
        self.seed = random.randrange(2**31) if seed is None else to_python(seed)
        self.last_path = None
        self.column_names = None  # of the DataFrame last fitted: predict puts another order right
        self.block_steps = "auto"
        self.use_xla = "auto"
        self._predictor = None
        self.traces = {name: compile_cache.Retracing() for name in FUNCTIONS} if COMPILED else None

    @property
    def last_road(self):
        """The earlier name of `last_path`."""
        return self.last_path

    def compile(self, *args, steps_per_execution="auto", jit_compile="auto", **kwargs):
        """As `keras.Model.compile`; see the class for `steps_per_execution`."""
        steps_per_execution = to_python(steps_per_execution)
        self.block_steps = steps_per_execution
        self.use_xla = jit_compile
        steps = 1 if steps_per_execution == "auto" else steps_per_execution
        super().compile(*args, steps_per_execution=steps, jit_compile=jit_compile, **kwargs)

    def get_config(self):
        names = None if self.column_names is None else list(map(to_python, self.column_names))
        try:
            json.dumps(names)
        except TypeError:
            warn(
                "Column names that are strings or numbers are saved with a network. Received: "
                f"{names[0]!r} and others, not saved: rows go by the order of their columns."
            )
            names = None
        own = {
            "seed": self.seed,
            "column_names": names,
            "compile": [self.block_steps, self.use_xla],  # Keras writes what "auto" stands for
        }
        return super().get_config() | {"kerasdnn": own}  # a key that plain Keras passes over

    @classmethod
    def from_config(cls, config, custom_objects=None):
        network = super().from_config(config, custom_objects)
        own = config.get("kerasdnn", {})
        network.seed = own.get("seed", network.seed)
        if own.get("column_names") is not None:
            names = own["column_names"]  # JSON has no tuples, which are the names of two levels
            network.column_names = tuple(tuple(n) if isinstance(n, list) else n for n in names)
        network.block_steps, network.use_xla = own.get("compile", (None, None))
        return network

    def compile_from_config(self, config):
        if type(self).compile is not Network.compile:  # which may take other arguments: Keras warns
            super().compile_from_config(config)
            return
        config = keras.saving.deserialize_keras_object(config)
        if self.block_steps is not None:
            config |= {"steps_per_execution": self.block_steps, "jit_compile": self.use_xla}
        else:  # of plain Keras or of an earlier version: what "auto" stood for there
            stood = {"steps_per_execution": 1, "jit_compile": False}
            config = {k: v for k, v in config.items() if k not in stood or v != stood[k]}
        self.compile(**config)
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """As `keras.Model.fit`; also takes `batch_size="full"`, and warns of a loss that is not
        finite."""
        x, y, sample_weight = map(as_numbers, (x, y, sample_weight))
        if isinstance(validation_data, (list, tuple)):
            validation_data = tuple(map(as_numbers, validation_data))
        batch_size, epochs, initial_epoch = map(to_python, (batch_size, epochs, initial_epoch))
        validation_batch_size, validation_freq = map(
            to_python, (validation_batch_size, validation_freq)
        )
        # Without None: a patch may add to the callbacks given, or else to none.
        stock_arguments = {
            k: v for k, v in locals().items() if k not in ("self", "__class__") and v is not None
        }
        keras_internals.assert_compiled(self, "fit")
        if isinstance(batch_size, str):
            batch_size = full_batch(batch_size, x, 0 if validation_data else validation_split)
            stock_arguments["batch_size"] = batch_size
        check_fit(
            self, x, y, sample_weight, class_weight, validation_data, validation_split, callbacks
        )
        self.column_names = column_names(x)
        if not COMPILED or is_patched("fit"):
            self.last_path = "stock: `keras.Model.fit` is patched" if COMPILED else None
            return warn_of_divergence(super().fit(**stock_arguments))
        try:
            dispatch.need_plain_training(self)
            if steps_per_epoch or validation_steps:
                raise dispatch.UseStockKeras("a number of steps is given")
            if shuffle == "batch":
                raise dispatch.UseStockKeras("shuffle='batch'")
            parts = dispatch.training_arrays(x, y, sample_weight)
            held_out = None
            if validation_data is not None:
                held_out = dispatch.validation_arrays(validation_data)
            elif validation_split:
                parts, held_out = keras_internals.split(parts, validation_split)
            if class_weight is not None:  # as in Keras, of no account to the rows held out
                parts = dispatch.training_arrays(*parts, class_weight=class_weight)
            dispatch.prepare(self, parts)
        except dispatch.UseStockKeras as reason:
            self.last_path = f"stock: {reason}"
            self._stream(x, callbacks, steps_per_epoch or validation_steps)
            return warn_of_divergence(super().fit(**stock_arguments))

        self.last_path = "compiled"
        table = DeviceData(parts)
        batch = min(int(batch_size or 32), table.rows)
        validation_batch = int(validation_batch_size or batch_size or 32)
        epochs, initial_epoch = int(epochs), keras_internals.first_epoch(self, int(initial_epoch))
        together = not (verbose or callbacks or held_out)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=math.ceil(table.rows / batch),
                model=self,
            )
        steps = self.block_steps
        if steps in ("auto", None):
            steps = fit_loop.steps_between_looks(callbacks.callbacks)
        fit = Fit(self, table, batch, shuffle, epochs - initial_epoch, together, steps)
        validate = None
        if held_out is not None:
            validate = self._evaluator(held_out, validation_batch, callbacks)
        return self._run(fit, validate, callbacks, initial_epoch, epochs, validation_freq)

    def _run(self, fit, validate, callbacks, initial_epoch, epochs, validation_freq):
        def most():  # as Keras, a callback that stops the training is heard after the next batch
            return 1 if self.stop_training else fit_loop.steps_to_save(callbacks.callbacks)

        self.stop_training = False
        callbacks.on_train_begin()
        logs, epoch = None, keras_internals.first_epoch(self, initial_epoch)
        if epoch:
            fit.catch_up()
        if fit.together and epoch < epochs:
            fit.start()
            while fit.epochs_at_once > 1 and epoch < epochs:
                for logs in fit.epochs(min(fit.epochs_at_once, epochs - epoch)):
                    callbacks.on_epoch_begin(epoch)
                    callbacks.on_epoch_end(epoch, logs)
                    epoch += 1
        while epoch < epochs:
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            fit.start()
            for first, last, run in fit.blocks(most):
                callbacks.on_train_batch_begin(first)
                logs = run()
                callbacks.on_train_batch_end(last, logs)
                if self.stop_training:
                    break
            if fit.steps:  # a callback that was asked may have changed them
                logs = keras_internals.to_numbers(self.get_metrics_result())
            if validate is not None and keras_internals.is_validated(self, epoch, validation_freq):
                logs = logs | {f"val_{name}": value for name, value in validate().items()}
            callbacks.on_epoch_end(epoch, logs)
            epoch += 1
            if self.stop_training:
                break
        if epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        callbacks.on_train_end(logs)
        return warn_of_divergence(self.history)

    def _stream(self, x, callbacks, counted):
        """Have stock Keras run many batches of a dataset per call where nobody looks at each.

        Nor counts them: of a number of steps that is asked for, Keras runs whole calls.
        """
        stock = self.run_eagerly or self.use_xla is False or dispatch.is_distributed(self)
        if self.block_steps != "auto" or stock:
            return
        listed = fit_loop.as_list(callbacks)
        quiet = not (counted or fit_loop.look_at_any_batch(listed))
        steps = STREAMED_STEPS if quiet and dispatch.is_stream(x) else 1
        if steps != self.steps_per_execution:  # a number that Keras traces
            self.steps_per_execution = steps
            for name in FUNCTIONS:
                setattr(self, name, None)

    def _evaluator(self, parts, batch, callbacks):
        """A function that returns the logs of an evaluation on `parts`."""
        try:
            self._need_compiled_evaluation(callbacks.callbacks)
        except dispatch.UseStockKeras:
            x, y, *weight = parts
            weight = weight[0] if weight else None
            return lambda: super(Network, self).evaluate(
                x, y, batch, sample_weight=weight, callbacks=callbacks, return_dict=True
            )
        evaluation = Evaluation(self, DeviceData(parts), batch)
        return lambda: evaluation.run(callbacks)

    def _need_compiled_evaluation(self, callbacks):
        dispatch.need_sums_over_rows(self)
        if fit_loop.look_at_test_batches(callbacks):
            raise dispatch.UseStockKeras("a callback hooks the batches of an evaluation")

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """As `keras.Model.evaluate`."""
        x, y, sample_weight = map(as_numbers, (x, y, sample_weight))
        batch_size = to_python(batch_size)
        if not kwargs:  # not from within stock `fit`, which has checked
            x = match_columns(x, self.column_names)
            check_data(self, x, y, sample_weight, training=False)
        stock_arguments = {
            k: v for k, v in locals().items() if k not in ("self", "__class__", "kwargs")
        } | kwargs
        keras_internals.assert_compiled(self, "evaluate")
        if not COMPILED or kwargs or is_patched("evaluate"):  # kwargs: from within stock `fit`
            return super().evaluate(**stock_arguments)
        try:
            dispatch.need_plain_training(self)
            if steps:
                raise dispatch.UseStockKeras("a number of steps is given")
            parts = dispatch.training_arrays(x, y, sample_weight)
            dispatch.prepare(self, parts)
            self._need_compiled_evaluation(fit_loop.as_list(callbacks))
        except dispatch.UseStockKeras as reason:
            self.last_path = f"stock: {reason}"
            self._stream(x, callbacks, steps)
            return super().evaluate(**stock_arguments)
        self.last_path = "compiled"
        batch = int(batch_size or 32)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=1,
                steps=math.ceil(len(parts[0]) / batch),
                model=self,
            )
        logs = Evaluation(self, DeviceData(parts), batch).run(callbacks)
        return dict(sorted(logs.items())) if return_dict else keras_internals.as_list(self, logs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """As `keras.Model.predict`; shows no progress bar, for there is no wait."""
        predictor = self._predictor
        known = predictor is not None and predictor.takes(x) and not (steps or callbacks)
        known = known and not (self.run_eagerly or is_patched("predict"))
        if known and x.size <= SMALL and np.isfinite(x).all():
            return predictor(x, batch_size)  # a few rows: microseconds count
        x = check_rows(self, as_numbers(x), self.column_names)
        if not COMPILED or is_patched("predict"):
            return super().predict(x, batch_size, verbose, steps, callbacks)
        try:
            dispatch.need_plain_model(self)
            if steps or callbacks:
                raise dispatch.UseStockKeras("steps or callbacks are given")
            array = dispatch.prediction_array(x)
        except dispatch.UseStockKeras as reason:
            self.last_path = f"stock: {reason}"
            self._stream(x, callbacks, steps)
            return super().predict(x, batch_size, verbose, steps, callbacks)
        self.last_path = "compiled"
        if not self.built:
            keras.Sequential.__call__(self, keras.KerasTensor((None, *array.shape[1:])))
        if self._predictor is None or not self._predictor.takes(array):
            self._predictor = Prediction(self, array)
        return self._predictor(array, batch_size)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """As `keras.Model.save`, whole or not at all; opens in plain Keras."""
        stock = self.as_sequential()
        if not str(filepath).endswith(".keras") or zipped is False or not overwrite:
            STOCK.save(stock, filepath, overwrite=overwrite, zipped=zipped, **kwargs)
            return
        with atomic_write(filepath) as beside:
            STOCK.save(stock, beside, zipped=zipped, **kwargs)

    def as_sequential(self):
        """A stock `Sequential` of the same layers and optimizer, whose class a file may name.

        A subclass means more than that, and is itself what is saved.
        """
        if type(self) is not Network:
            return self
        stock = object.__new__(STOCK)
        vars(stock).update(vars(self), get_config=self.get_config)
        return stock

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """As `keras.Model.save_weights`, whole or not at all."""
        if max_shard_size is not None or not overwrite:
            super().save_weights(filepath, overwrite, max_shard_size)
            return
        with atomic_write(filepath) as beside:
            super().save_weights(beside)


def full_batch(batch_size, x, validation_split):
    if batch_size != "full":
        raise ValueError(
            f"`batch_size` must be a number of rows or 'full'. Received: batch_size={batch_size!r}"
        )
    return max(1, math.floor(len(x) * (1 - validation_split)))


def is_patched(name):
    return getattr(STOCK, name) is not UNPATCHED[name]


# Where Keras looks for the class that `keras.saving.save_model(network, "network.h5")` names, after
# those of the caller.
keras_internals.name_in_h5_files(Network)
