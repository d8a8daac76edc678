"""Contain every use of a private name of Keras or TensorFlow, one function each.

If an upgrade of Keras changes one, `tests/core/test_keras_internals.py` fails first.
"""

import contextlib
import random

import keras
from keras.src import api_export, backend
from keras.src import layers as layers_of_keras
from keras.src.backend.common import global_state
from keras.src.metrics.reduction_metrics import Mean
from keras.src.models.functional import Functional
from keras.src.random import seed_generator
from keras.src.saving import saving_lib
from keras.src.saving.serialization_lib import SafeModeScope
from keras.src.trainers.compile_utils import CompileMetrics
from keras.src.trainers.data_adapters import array_slicing, data_adapter_utils
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.data_adapters.data_adapter_utils import get_tensor_spec
from keras.src.trainers.data_adapters.generator_data_adapter import GeneratorDataAdapter
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils import python_utils
from tensorflow.python.eager import context, execute
from tensorflow.python.framework import errors, ops


@contextlib.contextmanager
def fixed_random_seed(seed):
    """Set all random seeds, and draw those of layers and initializers for this block alone.

    Keras draws them from Python's generator, which other threads use as well: Dask's for example.
    """
    keras.utils.set_random_seed(seed)
    shared, seed_generator.python_random = seed_generator.python_random, random.Random(seed)
    try:
        yield
    finally:
        seed_generator.python_random = shared


def has_loss(model):
    """Return whether `compile` was given a loss."""
    return model._compile_loss is not None


def has_built_scores(model):
    """Return whether the first batch has created the state of loss and metrics."""
    metrics = model._compile_metrics
    return model._compile_loss.built and (metrics is None or metrics.built)


def build_scores(model, y, y_pred):
    """Create the state of loss and metrics as the first batch does, without computing them.

    Args:
        model: built and compiled model of one output.
        y, y_pred: `KerasTensor` of the targets and of what the model returns.

    Returns:
        bool: whether all state exists now. A loss or metric of other authors, or one that is not
        a mean, may create variables when it is first called.
    """
    if not model._compile_loss.built:
        model._compile_loss.build(y, y_pred)
    metrics = model._compile_metrics
    if metrics is not None and not metrics.built:
        metrics.build(y, y_pred)
    own = [] if metrics is None else metrics.metrics
    for metric in own:
        if type(metric) is keras.metrics.R2Score and not metric._built and len(y_pred.shape) == 2:
            metric._build(y_pred.shape, y_pred.shape)
    means = Mean, keras.metrics.R2Score
    built = all(isinstance(metric, means) and getattr(metric, "_built", True) for metric in own)
    return built and all(map(is_own, [*own, *losses_of(model)]))


def is_own(part):
    """Return whether a loss or metric and its function are defined by Keras or by kerasdnn."""
    kinds = type(part), getattr(part, "_fn", None) or getattr(part, "fn", None) or type(part)
    return all(kind.__module__.startswith(("keras.src.", "kerasdnn.")) for kind in kinds)


def output_of(model, x):
    """Return a `KerasTensor` of what a model returns for `x`, None where that is not known."""
    if not model.built or model._functional is None or len(model._functional.outputs) != 1:
        return None
    [given], [returned] = model._functional.inputs, model._functional.outputs
    if given.shape[1:] != x.shape[1:] or None in returned.shape[1:]:
        return None
    return keras.KerasTensor((None, *returned.shape[1:]), returned.dtype)


def losses_of(model):
    """Return the loss objects of a model whose loss is built, one per output."""
    return [part.loss for part in model._compile_loss._flat_losses]


def loss_weights_of(model):
    """Return what `compile` was given as `loss_weights`."""
    return model._compile_loss._user_loss_weights


def loss_tracker(model):
    """Return the metric that averages the loss over the batches of an epoch."""
    return model._loss_tracker


def metric_containers(model):
    """Return the metrics in `model.metrics` that hold the loss and all compiled metrics."""
    return [model._loss_tracker, model._compile_metrics]


def metrics_of(model):
    """Return the built (metrics, weighted metrics) of a model, empty before the first batch."""
    groups = "_flat_metrics", "_flat_weighted_metrics"
    found = [getattr(model._compile_metrics, name, None) or () for name in groups]
    return tuple(
        [metric for part in group for metric in (part.metrics if part else ())] for group in found
    )


def given_metrics(model):
    """Return (metrics, weighted metrics) as `compile` was given them, None for none."""
    compiled = getattr(model, "_compile_metrics", None)
    names = "_user_metrics", "_user_weighted_metrics"
    return tuple(getattr(compiled, name, None) for name in names)


def compile_metrics(metrics, weighted_metrics):
    """Build the metric that `compile` builds from two lists, whose result is a dict."""
    return CompileMetrics(metrics, weighted_metrics)


def function_of(metric):
    """Return the function whose mean a `MeanMetricWrapper` reports."""
    return metric._fn


def settings_of(scored):
    """Return the attributes of a loss or metric and the arguments of its function as a dict."""
    return {**vars(scored), **getattr(scored, "_fn_kwargs", {})}


def learning_rate_of(optimizer):
    """Return a `keras.Variable` or a schedule; the public attribute is the current number."""
    return optimizer._learning_rate


def config_without_rate(optimizer):
    """Return `get_config` of an optimizer whose schedule may not be serializable."""
    rate = optimizer._learning_rate
    try:
        if not isinstance(rate, keras.Variable):
            optimizer._learning_rate = None
        return optimizer.get_config()
    finally:
        optimizer._learning_rate = rate


EXCLUSIONS = "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"


def decay_exclusions(optimizer):
    """Return what `exclude_from_weight_decay` has set, which no config contains."""
    return {name: found for name in EXCLUSIONS if (found := getattr(optimizer, name, None))}


def copy_decay_exclusions(optimizer, copy):
    """Exclude from weight decay in `copy` what `optimizer` excludes."""
    vars(copy).update(decay_exclusions(optimizer))


def weights_of(optimizer):
    """Return the variables that an optimizer was built for, in its order."""
    return optimizer._trainable_variables


def step_counter(optimizer):
    """Return the variable that counts updates, also of an optimizer that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)._iterations


def strategy_of(network):
    """Return the distribution strategy under which a model was created, or None."""
    return network._distribute_strategy


def strategy_of_optimizer(optimizer):
    """Return the distribution strategy of an optimizer, TensorFlow's default one included."""
    return optimizer._distribution_strategy


def limits_a_run():
    """Return whether `keras.config` limits epochs or steps."""
    return backend.config.max_epochs() or backend.config.max_steps_per_epoch()


def batches_until_save(callback):
    """Return how many batches are left until a callback with `save_freq=n` saves."""
    return callback.save_freq - callback._batches_seen_since_last_saving


def profiles(callback):
    """Return whether a `TensorBoard` callback traces some batches."""
    return callback._should_trace


def tensor_of(variable):
    """Return the backend's own variable in a `keras.Variable`, the first if it has copies."""
    return copies_of(variable._value)[0]


def copies_of(value):
    """Return the copies of a backend's variable on the devices of a distribution strategy."""
    return getattr(value, "_values", None) or [value]


def seed_states(model):
    """Return the variables from which the layers of a model draw random numbers."""
    layers = model._flatten_layers(include_self=True, recursive=True)
    return [generator.state for layer in layers for generator in layer._seed_generators]


def assert_compiled(model, method):
    """Raise Keras's error if `compile` was not called."""
    model._assert_compile_called(method)


def first_epoch(model, initial_epoch):
    """Return `initial_epoch`, or the epoch at which `BackupAndRestore` resumes."""
    return model._initial_epoch or initial_epoch


def is_validated(model, epoch, validation_freq):
    """Return whether `fit` evaluates after this epoch."""
    return model._should_eval(epoch, validation_freq)


def as_list(model, logs):
    """Return what `evaluate` returns without `return_dict`."""
    return model._flatten_metrics_in_order(logs)


def output_spec(function, *inputs):
    """Return what a function returns for symbolic inputs; it only creates variables."""
    return backend.compute_output_spec(function, *inputs)


def as_keras_converts(x, y, sample_weight, class_weight):
    """Convert arrays to [x, y] or [x, y, weights] as stock `fit` does."""
    adapter = ArrayDataAdapter(x, y, sample_weight, class_weight=class_weight)
    return [part for part in adapter._inputs if part is not None]


def unpack(data):
    """Unpack what a dataset yields to (x, y, sample_weight)."""
    return data_adapter_utils.unpack_x_y_sample_weight(data)


def epoch_iterator(x, steps_per_epoch=None, shuffle=False, class_weight=None):
    """Return the iterator with which stock Keras reads a dataset on one device, one batch per step.

    Its attribute `dataset` is the `tf.data.Dataset` of all batches, None for a generator, of which
    stock Keras would make one in 20 ms. `element_spec` is the spec of a batch.
    """
    import tensorflow as tf
    from keras.src.backend.tensorflow.trainer import TFEpochIterator  # TensorFlow's backend only

    class Epochs(TFEpochIterator):
        def __init__(self, **arguments):
            EpochIterator.__init__(self, **arguments)
            adapter = self.data_adapter
            if type(adapter) is GeneratorDataAdapter:
                self.dataset = None
                self.element_spec = adapter._output_signature = get_tensor_spec(
                    adapter._first_batches
                )
                return
            strategy = tf.distribute.get_strategy()
            self.dataset = strategy.experimental_distribute_dataset(adapter.get_tf_dataset())
            self.element_spec = self.dataset.element_spec

    return Epochs(x=x, steps_per_epoch=steps_per_epoch, shuffle=shuffle, class_weight=class_weight)


def set_iterator_maker(iterator, make):
    """Let an epoch iterator read what `make()` returns instead of its dataset."""
    iterator._get_iterator = make


def close_iterator(iterator):
    """Let an epoch iterator drop what it reads from."""
    iterator._current_iterator = iterator._epoch_iterator = None


def map_in_caller(dataset, function):
    """Return `dataset.map(function)`, with the function run in the thread that reads.

    The public method hands every call to other threads, which takes 15 to 25 microseconds more.
    """
    import tensorflow as tf
    from tensorflow.python.data.ops import map_op

    function = tf.autograph.experimental.do_not_convert(function)
    return map_op._MapDataset(dataset, function, True, use_inter_op_parallelism=False)


def before_batch(dataset):
    """Return (the dataset of single rows, rows per batch) of what `batch` has made, else None."""
    from tensorflow.python.data.ops import batch_op, prefetch_op

    while type(dataset) is prefetch_op._PrefetchDataset:
        dataset = dataset._input_dataset
    if type(dataset) is not batch_op._BatchDataset or bool(dataset._drop_remainder):
        return None
    return dataset._input_dataset, int(dataset._batch_size)


def slices_of(dataset):
    """Return the tensors whose slices a dataset consists of, None for another dataset."""
    from tensorflow.python.data.ops import from_tensor_slices_op

    kind = from_tensor_slices_op._TensorSliceDataset
    return dataset._tensors if type(dataset) is kind else None


def python_batches(adapter):
    """Return an iterator over what a generator or a `PyDataset` yields, None for other data."""
    if type(adapter) is GeneratorDataAdapter:
        return adapter.generator()
    if type(adapter) is PyDatasetAdapter and adapter.enqueuer is None:
        return adapter._get_iterator()
    return None


def split(arrays, validation_split):
    """Split into (training, validation), which has the last rows, as in stock `fit`."""
    return array_slicing.train_validation_split(arrays, validation_split)


def to_numbers(logs):
    """Convert logs of tensors to Python numbers, or arrays if there are several."""
    return python_utils.pythonify_logs(logs)


def name_in_h5_files(cls):
    """Register a class under its name for `.h5` files."""
    setattr(layers_of_keras, cls.__name__, cls)


def watched(callback):
    """Return the model of a callback, None before the first `fit`."""
    return callback._model


def set_watched(callback, model):
    """Set the model of a callback, or None."""
    callback._model = model


def exported(path):
    """Return the object that Keras exports under a name such as "keras.layers.Dense", or None."""
    return api_export.get_symbol_from_name(path)


def module_of_functional():
    """Return the module under which files name functional models."""
    return Functional.__module__


def safe_mode():
    """Return a scope in which Keras runs no code from a file, regardless of global settings."""
    return SafeModeScope(True)


def load_assets(network, archive):
    """Restore the state of layers from the folder "assets" of an open zip file."""
    store = saving_lib.DiskIOStore("assets", archive=archive, mode="r")
    try:
        saving_lib._load_state(network, None, store, "", visited_saveables=set())
    finally:
        store.close()


def runtime():
    """Return the TensorFlow runtime; after a reset, functions of the earlier one write nothing."""
    return context.context()


@contextlib.contextmanager
def no_pending_variables():
    """Discard the variables that a `StatelessScope` creates inside, without initial values."""
    before = global_state.get_global_attribute("uninitialized_variables", [])
    try:
        global_state.set_global_attribute("uninitialized_variables", [])
        yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", before)


class ArrayCall:
    """A concrete function with one output, called with an array; no gradient is recorded.

    What TensorFlow does around a call, matching arguments, looking for tapes and waking threads,
    takes longer than the computation for a few rows.

    Args:
        concrete: the function.
        one_thread: bool, whether a few rows are computed by one thread, which is faster unless the
            function has branches that run at the same time.
    """

    few_rows = 16  # up to which one thread is faster than several

    def __init__(self, concrete, one_thread=True):
        self.concrete = concrete  # keeps the function alive
        self.name = concrete._inference_function.name.decode()
        self.captured = [*concrete.captured_inputs]
        self.options, self.attributes = None, ((), ())
        self.one_thread = one_thread and context.num_gpus() == 0

    def __call__(self, handles, x):
        """Return the output for `handles` of variables and the array `x`, as an array."""
        runtime = context.context()
        inputs = [*handles, ops.EagerTensor(x, runtime.device_name, None), *self.captured]
        if runtime.function_call_options is not self.options:
            self.options = runtime.function_call_options
            given = self.options.as_attrs()
            few = given | {"executor_type": "SINGLE_THREADED_EXECUTOR"}
            self.attributes = [tuple(v for p in a.items() for v in p) for a in (given, few)]
        few = self.one_thread and len(x) <= self.few_rows
        try:
            [output] = execute.quick_execute(self.name, 1, inputs, self.attributes[few], runtime)
        except (errors.FailedPreconditionError, errors.UnimplementedError):
            if not few:
                raise
            self.one_thread = False  # a loop or a branch, of which one thread is not capable
            return self(handles, x)
        return output.numpy()


def layers_within(model):
    """Return all layers of a model, those inside other layers included."""
    return model._flatten_layers(include_self=False, recursive=True)


class Reading:
    """Read several variables in one call, as arrays that share their memory.

    TensorFlow never writes to memory to which anybody else has a reference: it writes to a copy,
    which becomes the value of the variable. While an array is kept, a variable that has the same
    memory therefore has the same value.

    Args:
        variables: list of `keras.Variable` of dtype float32 on a CPU.
    """

    def __init__(self, variables):
        own = [tensor_of(v) for v in variables]
        self.variables = own  # keeps them alive
        self.handles = [v.handle for v in own]
        types = [v.dtype.as_datatype_enum for v in own]
        self.attributes = "N", len(own), "dtypes", types

    def __call__(self):
        """Return the arrays, which must not be written to."""
        count, runtime = len(self.handles), context.context()
        found = execute.quick_execute(
            "_ReadVariablesOp", count, self.handles, self.attributes, runtime
        )
        return [tensor._numpy_internal() for tensor in found]


def num_gpus():
    """Return the number of GPUs that TensorFlow uses."""
    return context.num_gpus()
