"""Network: a `keras.Sequential` that trains, evaluates and predicts with compiled functions.

This file defines `fit`, `evaluate` and `predict`. `training/fit_loop.py` selects the rows of each
call, and `training/compiled_steps.py` compiles what happens to them. Calls that cannot take the
compiled path fall back to stock Keras; `Network.last_path` reports the path and the reason.
"""

import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras.callbacks import CallbackList

from ..checks.callbacks import as_list
from ..checks.divergence import warn_of_divergence
from ..checks.fit import (
    check_data,
    check_fit,
    check_order,
    check_rows,
    column_names,
    match_columns,
)
from ..checks.named_array import as_numbers
from ..core import keras_internals
from ..core.arguments import check_fraction, check_integer
from ..core.atomic_files import atomic_write
from ..core.messages import invalid, to_python, unknown_name, warn
from ..nn import schedules

STREAMED_STEPS = 32
MAX_NUMBERS_FAST = 4_096  # in an array for which `predict` takes its fast path

FUNCTIONS = "train_function", "test_function", "predict_function"
COMPILED = keras.backend.backend() == "tensorflow"
STOCK = keras.Sequential
# Keras's own methods; experiment loggers patch `keras.Model`.
UNPATCHED = {
    name: getattr(super(keras.Model, keras.Model), name) for name in ("fit", "evaluate", "predict")
}
if COMPILED:
    from . import compile_cache, dispatch, fit_loop
    from .device_data import DeviceData
    from .evaluation import Evaluation, Prediction
    from .fit_loop import Fit
    from .strategies import group, replicas, workers
    from .streams import Stream, StreamEvaluation, StreamFit


@keras.saving.register_keras_serializable(package="kerasdnn")
class Network(keras.Sequential):
    """A `keras.Sequential` that trains, evaluates and predicts faster, with the same results.

    Everything is as in `keras.Sequential`, with these additions:

    - `compile(steps_per_execution="auto")`, the default: a compiled call runs steps for up to half
      a second. An int sets the steps per call; 1 means stock Keras.
    - `fit(batch_size="full")`: one step per epoch over all rows, batch gradient descent.
    - A callback that hooks batches sees every batch, as in Keras, so that a call is one step. Pass
      `steps_per_execution` to call it once per so many steps.
    - A `tf.data.Dataset`, generator or `PyDataset` is read ahead and trained on in compiled calls,
      too. Where what a generator yields depends on the network that is being trained, pass
      `steps_per_execution=1`.
    - `compile(jit_compile="auto")`, the default: XLA is used if the number of steps of the `fit`
      justifies the compilation. True means always; False means stock Keras.
    - Stock Keras opens a saved file as a `Sequential`. `kerasdnn.load`, pickle, copies and
      `keras.saving` elsewhere restore a `Network`, with its seed and column names.

    Args:
        layers: list of Keras layers. None means none yet; see `add`.
        trainable: bool, default True.
        name: str. None means a generated one.
        seed: int that determines the order of the rows, together with the step at which an epoch
            starts, so that resumed training equals uninterrupted training. None means a random
            one, which `keras.utils.set_random_seed` determines; see `network.seed`.

    Example:
        import keras
        import numpy as np
        from kerasdnn import Network

        x = np.random.default_rng(0).normal(size=(100, 4))
        network = Network([keras.Input((4,)), keras.layers.Dense(1)], seed=0)
        network.compile("sgd", "mse")
        history = network.fit(x, x.sum(axis=1), epochs=3, verbose=0)
        network.last_path    # "compiled"
    """

    is_plain = True  # the methods below do not change what a step computes
    row_by_row = True  # if its layers are

    def __init__(
        self,
        layers: Sequence[keras.layers.Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
        seed: int | None = None,
    ):
        super().__init__(layers, trainable=trainable, name=name)
        self.seed = random.randrange(2**31) if seed is None else to_python(seed)
        self.last_path: str | None = None
        self.column_names: tuple | None = (
            None  # of the DataFrame in `fit`; `predict` reorders columns
        )
        self.steps_per_call: int | str | None = "auto"
        self.use_xla: bool | str | None = "auto"
        self._predictor: Any = None
        self.streamed = dict.fromkeys(FUNCTIONS, 1)  # steps per call of a dataset
        self.traces = {name: compile_cache.Retracing() for name in FUNCTIONS} if COMPILED else None

    @property
    def last_road(self) -> str | None:
        """The earlier name of `last_path`."""
        return self.last_path

    def compile(
        self,
        *args: Any,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Configure training as `keras.Model.compile`.

        Args:
            *args: `optimizer`, `loss` and others, as in Keras.
            steps_per_execution: int, steps per compiled call, or "auto" (default), see the class.
            jit_compile: bool, whether XLA compiles the steps, or "auto" (default), see the class.
            **kwargs: as in Keras: `optimizer`, `loss`, `metrics`, `weighted_metrics`, ...
        """
        self.steps_per_call, self.use_xla = to_python(steps_per_execution), jit_compile
        steps = 1 if self.steps_per_call == "auto" else self.steps_per_call
        super().compile(*args, steps_per_execution=steps, jit_compile=jit_compile, **kwargs)

    def get_config(self) -> dict[str, Any]:
        names: Any = None if self.column_names is None else list(map(to_python, self.column_names))
        try:
            json.dumps(names)
        except TypeError:
            warn(
                f"Column names such as {names[0]!r} are not saved with the network, so columns are "
                "matched by position after loading. Use strings or numbers as column names."
            )
            names = None
        own = {
            "seed": self.seed,
            "column_names": names,
            "compile": [self.steps_per_call, self.use_xla],  # Keras saves the resolved values
        }
        return super().get_config() | {"kerasdnn": own}  # a key that stock Keras ignores

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> "Network":
        network = super().from_config(config, custom_objects)
        own = config.get("kerasdnn", {})
        network.seed = own.get("seed", network.seed)
        if own.get("column_names") is not None:
            names = own["column_names"]  # JSON has no tuples, the names of a MultiIndex
            network.column_names = tuple(tuple(n) if isinstance(n, list) else n for n in names)
        network.steps_per_call, network.use_xla = own.get("compile", (None, None))
        return network

    def compile_from_config(self, config: dict[str, Any]) -> None:
        if type(self).compile is not Network.compile:  # other arguments: Keras warns
            super().compile_from_config(config)
            return
        config = keras.saving.deserialize_keras_object(config)
        if self.steps_per_call is not None:
            config |= {"steps_per_execution": self.steps_per_call, "jit_compile": self.use_xla}
        else:  # saved by stock Keras or an earlier version, with the resolved values of "auto"
            auto = {"steps_per_execution": 1, "jit_compile": False}
            config = {k: v for k, v in config.items() if k not in auto or v != auto[k]}
        self.compile(**config)
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | str | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> keras.callbacks.History:
        """Train as `keras.Model.fit`, whose arguments and return value it has.

        Args:
            x: array or DataFrame `(rows, features)`; or a `tf.data.Dataset`, generator or
                `PyDataset`, as in Keras.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`. None if x yields it.
            batch_size: int, rows per step, or "full" for one step per epoch. None means 32.
            epochs: int, the number of the last epoch. Default: 1.
            verbose: 0 (silent), 1 (a progress bar), 2 (a line per epoch) or "auto", as in Keras.
                Default: "auto".
            callbacks: list of Keras callbacks. None means none.
            validation_split: float in [0, 1), the fraction of the last rows that is held out.
                Default: 0.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or a dataset. None means that
                `validation_split` decides.
            shuffle: bool, whether rows are drawn in random order in each epoch. Default: True.
            class_weight: dict from class index to weight. None means 1 for every class.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.
            initial_epoch: int, the number of epochs before this call. Default: 0.
            steps_per_epoch: int, batches per epoch. None means all.
            validation_steps: int, batches of the validation. None means all.
            validation_batch_size: int. None means `batch_size`.
            validation_freq: int, epochs per validation, or the epochs after which to validate.
                Default: 1.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: invalid data; see `kerasdnn.check_fit`.

        Warns:
            DataWarning: data that is probably a mistake, or a loss that is not finite.
        """
        x, y, sample_weight = map(as_numbers, (x, y, sample_weight))
        if isinstance(validation_data, (list, tuple)):
            validation_data = tuple(map(as_numbers, validation_data))
        if not isinstance(batch_size, str):
            batch_size = rows_per_step(batch_size)
        validation_batch_size = rows_per_step(validation_batch_size, "validation_batch_size")
        epochs = check_integer("epochs", epochs, at_least=0)
        initial_epoch = check_integer("initial_epoch", initial_epoch, at_least=0)
        validation_freq = to_python(validation_freq)
        validation_split = check_fraction("validation_split", validation_split or 0.0)
        # Without None: a patch of `fit` may add to the callbacks, or pass its own.
        stock_arguments = {
            k: v for k, v in locals().items() if k not in ("self", "__class__") and v is not None
        }
        keras_internals.assert_compiled(self, "fit")
        if isinstance(batch_size, str):
            batch_size = full_batch(batch_size, x, 0 if validation_data else validation_split)
            batch_size *= group.count_of(self) if COMPILED else 1
            stock_arguments["batch_size"] = batch_size
        check_fit(
            self, x, y, sample_weight, class_weight, validation_data, validation_split, callbacks
        )
        check_order(x, self.column_names)
        self.column_names = column_names(x)
        held_out = 0 if validation_data else validation_split
        restart_schedule(self, x, batch_size, held_out, steps_per_epoch, (initial_epoch, epochs))
        if not COMPILED or is_patched("fit"):
            self.last_path = "stock: `keras.Model.fit` is patched" if COMPILED else None
            return warn_of_divergence(super().fit(**stock_arguments))
        try:
            dispatch.need_plain_training(self)
            if dispatch.is_stream(x):
                dispatch.need_stream_arguments(self, y, sample_weight, validation_split)
                return self._fit_stream(stock_arguments)
            if steps_per_epoch or validation_steps:
                raise dispatch.UseStockKeras("a number of steps is given")
            if shuffle == "batch":
                raise dispatch.UseStockKeras("shuffle='batch'")
            parts = dispatch.training_arrays(x, y, sample_weight)
            validation = None
            if validation_data is not None:
                validation = dispatch.validation_arrays(validation_data)
            elif validation_split:
                parts, validation = keras_internals.split(parts, validation_split)
            if class_weight is not None:  # as in Keras, without effect on the validation set
                features, targets, weight = keras_internals.unpack(parts)
                parts = dispatch.training_arrays(features, targets, weight, class_weight)
            dispatch.prepare(self, parts)
            rows = len(parts[0])
            batch = min(int(batch_size or 32), rows)
            fit_on = Fit
            if dispatch.is_multi_worker(self):
                batch, fit_on = int(batch_size or 32), workers.WorkerFit
                workers.need_workers(self, parts)
            elif dispatch.is_distributed(self):
                tail = rows % batch
                replicas.need_replicas(self, parts, None if tail else batch, tail or batch)
        except dispatch.UseStockKeras as reason:
            dispatch.reject_workers(self, reason)
            self.last_path = f"stock: {reason}"
            self._stream("train_function", x, callbacks, steps_per_epoch or validation_steps)
            return warn_of_divergence(super().fit(**stock_arguments))

        self.last_path = "compiled"
        table = DeviceData(parts)
        validation_batch = int(validation_batch_size or batch_size or 32)
        initial_epoch = keras_internals.first_epoch(self, initial_epoch)
        merge_epochs = not (verbose or callbacks or validation)
        callbacks = self._callbacks(callbacks, verbose, epochs, math.ceil(table.rows / batch))
        steps = self.steps_per_call
        if steps in ("auto", None):
            steps = fit_loop.steps_between_hooks(callbacks.callbacks)
        fit = fit_on(self, table, batch, shuffle, epochs - initial_epoch, merge_epochs, steps)
        if fit_on is Fit and dispatch.is_distributed(self):
            replicas.run_on_replicas(fit)
        validate = None
        if validation is not None:
            validate = self._evaluator(validation, validation_batch, callbacks)
        return self._run(fit, validate, callbacks, initial_epoch, epochs, validation_freq)

    def _callbacks(self, callbacks, verbose, epochs, steps, history=True):
        """Return a `CallbackList`, as stock Keras makes it."""
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=history,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
            model=self,
        )

    def _fit_stream(self, given):
        """Train on a dataset, a generator or a `PyDataset` in compiled calls.

        Args:
            given: dict of the arguments of `fit`. Before a fallback to stock Keras its data are
                replaced by Keras's adapters, which hold the batches that have been read.

        Raises:
            UseStockKeras: anything that compiled calls do not support.
        """
        listed, epochs = as_list(given.get("callbacks")), given["epochs"]
        dispatch.need_no_hooks(fit_loop.steps_between_hooks(listed))
        validation, validation_steps = given.get("validation_data"), given.get("validation_steps")
        streamed = validation is not None and dispatch.is_stream(validation)
        parts = None
        if streamed:
            dispatch.need_no_hooks(fit_loop.hooks_test_batches(listed))
        elif validation is not None:
            if validation_steps:
                raise dispatch.UseStockKeras("a number of steps is given")
            parts = dispatch.validation_arrays(validation)
        names = "steps_per_epoch", "shuffle", "class_weight"
        stream = Stream(self, given["x"], **{name: given.get(name) for name in names})
        given["x"] = stream.adapter
        dispatch.prepare(self, stream.need_dense())
        if dispatch.is_distributed(self):
            batch = stream.specs[0].shape[0]
            replicas.need_replicas(self, stream.specs, batch, batch)
        if streamed:
            dispatch.need_sums_over_rows(self)
            validation_stream = Stream(self, validation, steps_per_epoch=validation_steps)
            given["validation_data"] = validation_stream.adapter
            validation_stream.need_dense()
        self.last_path = "compiled"
        stream.epochs.reset()
        initial_epoch = keras_internals.first_epoch(self, int(given["initial_epoch"]))
        callbacks = self._callbacks(
            given.get("callbacks"), given["verbose"], epochs, stream.epochs.num_batches
        )
        steps = self.steps_per_call
        if steps in ("auto", None):
            steps = fit_loop.steps_between_hooks(callbacks.callbacks)
        fit = StreamFit(self, stream, epochs - initial_epoch, steps)
        if dispatch.is_distributed(self):
            replicas.run_on_replicas(fit)
        validate = None
        if streamed:
            evaluation = StreamEvaluation(self, validation_stream)
            validate = lambda: evaluation.run(callbacks)
        elif parts is not None:
            batch = int(given.get("validation_batch_size") or given.get("batch_size") or 32)
            validate = self._evaluator(parts, batch, callbacks)
        try:
            frequency = given["validation_freq"]
            return self._run(fit, validate, callbacks, initial_epoch, epochs, frequency)
        finally:
            stream.close()

    def _run(self, fit, validate, callbacks, initial_epoch, epochs, validation_freq):
        def max_steps():  # as in Keras, `stop_training` takes effect after the next batch
            return 1 if self.stop_training else fit_loop.steps_to_save(callbacks.callbacks)

        self.stop_training = False
        callbacks.on_train_begin()
        logs, epoch = None, keras_internals.first_epoch(self, initial_epoch)
        epoch = fit.begin(epoch, validate is not None)
        if fit.merge_epochs and epoch < epochs:
            fit.start()
            while fit.epochs_at_once > 1 and epoch < epochs:
                for logs in fit.epochs(min(fit.epochs_at_once, epochs - epoch)):
                    callbacks.on_epoch_begin(epoch)
                    callbacks.on_epoch_end(epoch, logs)
                    epoch += 1
                if fit.stopped():  # by another thread
                    epochs = epoch
        while epoch < epochs:
            if not fit.resets_metrics:
                self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            fit.start()
            for first, last, run in fit.calls(max_steps):
                if not fit.merge_epochs:
                    callbacks.on_train_batch_begin(first)
                logs = run()
                if not fit.merge_epochs:
                    callbacks.on_train_batch_end(last, logs)
                if self.stop_training and fit.stops_early:
                    break
            if fit.steps or logs is None:  # a callback may have changed them
                logs = keras_internals.to_numbers(self.get_metrics_result())
            if validate is not None and keras_internals.is_validated(self, epoch, validation_freq):
                logs = logs | {f"val_{name}": value for name, value in validate().items()}
            callbacks.on_epoch_end(epoch, logs)
            epoch += 1
            if fit.stopped():
                break
        if epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        callbacks.on_train_end(logs)
        return warn_of_divergence(self.history)

    def _stream(self, function, x, callbacks, counted):
        """Let stock Keras run many batches of a dataset per call if no callback needs each of them.

        If a number of steps is requested, Keras would run more than that, in complete calls.
        """
        stock = self.run_eagerly or self.use_xla is False or dispatch.is_distributed(self)
        if self.steps_per_call != "auto" or stock:
            return
        hooked = counted or fit_loop.hooks_any_batch(as_list(callbacks))
        steps = STREAMED_STEPS if dispatch.is_stream(x) and not hooked else 1
        if steps != self.streamed[function]:  # which enters Keras's trace
            self.streamed[function] = steps
            setattr(self, function, None)
        self.steps_per_execution = steps

    def _evaluator(self, parts, batch, callbacks) -> Callable[[], dict[str, float]]:
        """Return a function that evaluates on `parts` and returns the logs."""
        try:
            self._need_compiled_evaluation(callbacks.callbacks)
        except dispatch.UseStockKeras as reason:
            dispatch.reject_workers(self, reason)
            x, y, *weight = parts
            weight = weight[0] if weight else None
            return lambda: super(Network, self).evaluate(
                x, y, batch, sample_weight=weight, callbacks=callbacks, return_dict=True
            )
        evaluation = Evaluation(self, DeviceData(parts), batch)
        return lambda: evaluation.run(callbacks)

    def _need_compiled_evaluation(self, callbacks):
        dispatch.need_sums_over_rows(self)
        if fit_loop.hooks_test_batches(callbacks):
            raise dispatch.UseStockKeras("a callback hooks the batches of an evaluation")

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Compute loss and metrics as `keras.Model.evaluate`, whose arguments it has.

        Args:
            x: array or DataFrame `(rows, features)`; or a `tf.data.Dataset`, generator or
                `PyDataset`, as in Keras.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`. None if x yields it.
            batch_size: int, rows per step. None means 32.
            verbose: 0 (silent), 1 (a progress bar), 2 (a line per epoch) or "auto", as in Keras.
                Default: "auto".
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.
            steps: int, number of batches. None means all.
            callbacks: list of Keras callbacks. None means none.
            return_dict: bool, whether a dict is returned instead of a list. Default: False.
            **kwargs: used by Keras itself.

        Returns:
            float, the loss, or a list of the loss and the metrics; dict from name to float with
            `return_dict`.

        Raises:
            ValueError: invalid data; see `kerasdnn.check_fit`.
        """
        x, y, sample_weight = map(as_numbers, (x, y, sample_weight))
        batch_size = rows_per_step(batch_size)
        if not kwargs:  # not from within stock `fit`, which has checked
            x = match_columns(x, self.column_names)
            check_data(self, x, y, sample_weight, training=False)
        stock_arguments = {
            k: v for k, v in locals().items() if k not in ("self", "__class__", "kwargs")
        } | kwargs
        keras_internals.assert_compiled(self, "evaluate")
        if not COMPILED or kwargs or is_patched("evaluate"):  # kwargs: from within stock `fit`
            return super().evaluate(**stock_arguments)
        stream: Stream | None = None
        try:
            dispatch.need_plain_training(self)
            if dispatch.is_stream(x):
                dispatch.need_stream_arguments(self, y, sample_weight)
                dispatch.need_no_hooks(fit_loop.hooks_test_batches(as_list(callbacks)))
                stream = Stream(self, x, steps_per_epoch=steps)
                stock_arguments["x"] = stream.adapter
                parts = stream.need_dense()
            elif steps:
                raise dispatch.UseStockKeras("a number of steps is given")
            else:
                parts = dispatch.training_arrays(x, y, sample_weight)
            dispatch.prepare(self, parts)
            self._need_compiled_evaluation(as_list(callbacks))
        except dispatch.UseStockKeras as reason:
            dispatch.reject_workers(self, reason)
            self.last_path = f"stock: {reason}"
            self._stream("test_function", x, callbacks, steps)
            return super().evaluate(**stock_arguments)
        self.last_path = "compiled"
        if stream is not None:
            callbacks = self._callbacks(callbacks, verbose, 1, stream.epochs.num_batches, False)
            try:
                logs = StreamEvaluation(self, stream).run(callbacks)
            finally:
                stream.close()
        else:
            batch = int(batch_size or 32)
            steps = math.ceil(len(parts[0]) / batch)
            callbacks = self._callbacks(callbacks, verbose, 1, steps, False)
            logs = Evaluation(self, DeviceData(parts), batch).run(callbacks)
        return dict(sorted(logs.items())) if return_dict else keras_internals.as_list(self, logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """Predict as `keras.Model.predict`; no progress bar is shown, because it is immediate.

        Args:
            x: array or DataFrame `(rows, features)`; or a `tf.data.Dataset`, generator or
                `PyDataset`, as in Keras.
            batch_size: int, rows per step. None means 32.
            verbose: ignored, except where stock Keras predicts.
            steps: int, number of batches. None means all.
            callbacks: list of Keras callbacks. None means none.

        Returns:
            float array `(rows, outputs)`.

        Raises:
            ValueError: invalid data; see `kerasdnn.check_fit`.
        """
        if (
            self.has_compiled_prediction(x)
            and not (steps or callbacks)
            and x.size <= MAX_NUMBERS_FAST
            and np.isfinite(x).all()
        ):
            return self._predictor(x, rows_per_step(batch_size))  # a few rows, in microseconds
        batch_size = rows_per_step(batch_size)
        x = check_rows(self, as_numbers(x), self.column_names)
        if not COMPILED or is_patched("predict"):
            return super().predict(x, batch_size, verbose, steps, callbacks)
        try:
            dispatch.need_plain_model(self)
            if steps or callbacks:
                raise dispatch.UseStockKeras("steps or callbacks are given")
            array = dispatch.prediction_array(x)
        except dispatch.UseStockKeras as reason:
            dispatch.reject_workers(self, reason)
            self.last_path = f"stock: {reason}"
            self._stream("predict_function", x, callbacks, steps)
            return super().predict(x, batch_size, verbose, steps, callbacks)
        self.last_path = "compiled"
        if not self.built:
            keras.Sequential.__call__(self, keras.KerasTensor((None, *array.shape[1:])))
        if self._predictor is None or not self._predictor.takes(array):
            self._predictor = Prediction(self, array)
        return self._predictor(array, batch_size)

    def has_compiled_prediction(self, x: Any) -> bool:
        """Return whether an earlier `predict` has compiled what `predict` would compute for `x`.

        Args:
            x: float array `(rows, features)`.

        Returns:
            bool.
        """
        predictor = self._predictor
        known = predictor is not None and predictor.takes(x)
        return known and not (self.run_eagerly or is_patched("predict") or "call" in vars(self))

    def save(
        self, filepath: Any, overwrite: bool = True, zipped: Any = None, **kwargs: Any
    ) -> None:
        """Save atomically, as `keras.Model.save`; stock Keras opens the file.

        Args:
            filepath: str or Path.
            overwrite: bool, whether an existing file is replaced without asking. Default: True.
            zipped: as in Keras.
            **kwargs: as in Keras.
        """
        stock = self.as_sequential()
        if not str(filepath).endswith(".keras") or zipped is False or not overwrite:
            STOCK.save(stock, filepath, overwrite=overwrite, zipped=zipped, **kwargs)
            return
        with atomic_write(filepath) as temporary:
            STOCK.save(stock, temporary, zipped=zipped, **kwargs)

    def export(
        self, filepath: Any, format: str = "tf_saved_model", verbose: Any = None, **kwargs: Any
    ) -> Any:
        """Export as `keras.Model.export`, or with a proof of equal predictions.

        Args:
            filepath: str or Path; with a proof the folder to create. A path that ends in ".onnx"
                or ".tflite" is a file, which Keras writes without a proof.
            format: str. "numpy", "saved_model", "onnx" and "litert" compare the export with the
                network in a fresh process, see `DNNClassifier.export`; other formats are those of
                Keras.
            verbose: as in Keras; not used by a format with a proof.
            **kwargs: as in Keras.

        Returns:
            dict: the manifest of an export with a proof, else None.

        Raises:
            ValueError: a layer that the format cannot compute, or outputs that differ by more than
                1e-5.
        """
        proved = format in ("numpy", "saved_model", "onnx", "litert")
        if not proved or str(filepath).endswith((".onnx", ".tflite")):
            return super().export(filepath, format=format, verbose=verbose, **kwargs)
        from ..export.exporting import export  # which imports this room

        if kwargs:
            raise unknown_name("export()", next(iter(kwargs)), ("filepath", "format", "verbose"))
        return export(self, filepath, format)

    def as_sequential(self) -> keras.Sequential:
        """Return a stock `Sequential` with the same layers and optimizer, to be saved.

        A subclass may have more state, and is saved itself.

        Returns:
            `keras.Sequential`; the network itself if it is of a subclass.
        """
        if type(self) is not Network:
            return self
        stock = object.__new__(STOCK)
        vars(stock).update(vars(self), get_config=self.get_config)
        return stock

    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None
    ) -> None:
        """Save the weights atomically, as `keras.Model.save_weights`.

        Args:
            filepath: str or Path that ends in `.weights.h5`.
            overwrite: bool, whether an existing file is replaced without asking. Default: True.
            max_shard_size: int or float, the size of a file in gigabytes. None means one file.
        """
        if max_shard_size is not None or not overwrite:
            super().save_weights(filepath, overwrite, max_shard_size)
            return
        with atomic_write(filepath) as temporary:
            super().save_weights(temporary)


def rows_per_step(batch_size, name="batch_size"):
    """Return `batch_size` as an int; None and 0 mean the default, as in Keras."""
    return check_integer(name, batch_size) if batch_size else None


def full_batch(batch_size, x, validation_split):
    if batch_size != "full":
        raise invalid("batch_size", "must be a number of rows or 'full'", batch_size)
    return max(1, math.floor(len(x) * (1 - validation_split)))


def restart_schedule(network, x, batch_size, validation_split, steps_per_epoch, epochs):
    """Let a schedule by name span the epochs of one `fit`, from (initial, last) of `epochs`.

    Raises:
        ValueError: the number of steps is unknown.
    """
    schedule = schedules.of_optimizer(network.optimizer)
    if schedule is None:
        return
    steps = steps_per_epoch
    if not steps:
        try:
            rows = len(x)
        except TypeError as error:
            raise ValueError(
                "A schedule by name needs to know the number of steps. Received: data of type "
                f"{type(x).__name__} without a length. Pass steps_per_epoch to `fit`."
            ) from error
        streams = COMPILED and dispatch.is_stream(x)
        size = 1 if streams else int(batch_size or 32)  # a stream counts batches
        rows = rows if streams else math.floor(rows * (1 - validation_split))
        steps = group.most_steps(network, rows, size) if COMPILED else math.ceil(rows / size)
    initial, last = int(epochs[0]), int(epochs[1])
    done = int(keras.ops.convert_to_numpy(keras_internals.step_counter(network.optimizer)))
    span = max(1, last) * max(1, steps), done - initial * steps
    if span != (schedule.steps, schedule.first):
        schedule.steps, schedule.first = span
        network.train_function = None  # which was traced with other numbers


def is_patched(name):
    return getattr(STOCK, name) is not UNPATCHED[name]


# The class named in files of `keras.saving.save_model(network, "network.h5")`.
keras_internals.name_in_h5_files(Network)
