"""Choose the execution path of a call: compiled functions, or the fallback to stock Keras.

The compiled path requires arrays in memory and Keras's own training step. For anything else,
`UseStockKeras` is raised with the reason, and the caller passes its arguments to stock Keras.
"""

import contextlib
import functools

import keras
import tensorflow as tf

from ..core import keras_internals
from ..core.messages import invalid
from . import compile_cache
from . import metrics as scoring
from .device_data import arrays, to_array
from .flat_weights import is_elementwise


class UseStockKeras(Exception):
    """Not an error: the reason why a call falls back to stock Keras."""


# What a subclass of `Network` may override without changing what training computes.
HARMLESS = {
    "__init__", "__module__", "__qualname__", "__doc__", "__firstlineno__", "__annotations__",
    "__static_attributes__", "fit", "evaluate", "predict", "compile", "save", "save_weights",
    "summary", "get_config", "from_config", "build_from_config", "get_build_config", "export",
}  # fmt: skip
STEPS = "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics", "call"
UNPATCHED = {name: getattr(keras.Sequential, name) for name in STEPS}
STRATEGIES = {tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy}
OWN_ATTRIBUTES = {"build", "quantize", "loss"}  # which Keras sets on a network itself


def need_plain_training(network):
    """Raise `UseStockKeras` unless `network` trains with Keras's own step."""
    need_plain_model(network)
    if network.steps_per_call == 1:
        raise UseStockKeras("steps_per_execution=1")
    if network.use_xla is False:
        raise UseStockKeras("jit_compile=False")
    if network.optimizer is None or not keras_internals.has_loss(network):
        raise UseStockKeras("no optimizer or loss")
    if keras_internals.strategy_of_optimizer(network.optimizer) is not network.distribute_strategy:
        raise UseStockKeras("optimizer of another distribution strategy")
    if keras_internals.limits_a_run():
        raise UseStockKeras("a limit on epochs or steps is set")


def need_plain_model(network):
    if network.run_eagerly or tf.config.functions_run_eagerly():
        raise UseStockKeras("run_eagerly=True")
    if tf.distribute.has_strategy():
        raise UseStockKeras("called within the scope of a distribution strategy")
    strategy = keras_internals.strategy_of(network)
    if strategy is not None and type(strategy) not in STRATEGIES:
        raise UseStockKeras(f"distribution strategy {type(strategy).__name__}")
    for name, own in UNPATCHED.items():
        if getattr(keras.Sequential, name) is not own:
            raise UseStockKeras(f"`{name}` of Keras is patched")
    for kind in type(network).__mro__:
        if vars(kind).get("is_plain"):
            break
        for name in vars(kind).keys() - HARMLESS:
            if hasattr(keras.Sequential, name):
                raise UseStockKeras(f"`{name}` is overridden")
    for name, value in vars(network).items():
        if callable(value) and hasattr(keras.Sequential, name) and name not in OWN_ATTRIBUTES:
            raise UseStockKeras(f"`{name}` is overridden")


def need_one_device(network):
    if is_distributed(network):
        raise UseStockKeras("distribution strategy")


def may_share_process(network, x, y, sample_weight=None):
    """Return whether other threads may train other networks meanwhile: all it runs is known.

    Args:
        network: compiled `Network`.
        x, y, sample_weight: rows like those it is trained on.
    """
    try:
        need_plain_training(network)
        need_one_device(network)
        prepare(network, training_arrays(x, y, sample_weight))
    except UseStockKeras:
        return False
    return compile_cache.cache_key(network) is not None


def is_distributed(network):
    return tf.distribute.has_strategy() or keras_internals.strategy_of(network) is not None


def is_multi_worker(network):
    strategy = keras_internals.strategy_of(network)
    return type(strategy) is tf.distribute.MultiWorkerMirroredStrategy


def reject_workers(network, reason):
    """Raise `ValueError` if the fallback to stock Keras is not possible.

    Args:
        network: `Network`.
        reason: `UseStockKeras` or str, why the compiled path cannot be taken.
    """
    if is_multi_worker(network):
        raise ValueError(
            f"A network under MultiWorkerMirroredStrategy is trained by compiled functions only, "
            f"which is not possible here: {reason}. Stock Keras cannot train on several workers."
        ) from None


def is_stream(x):
    """Return whether `x` yields batches instead of containing rows."""
    return isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)) or hasattr(x, "__next__")


def need_stream_arguments(network, y, sample_weight, validation_split=0.0):
    """Raise `UseStockKeras` for arguments next to a dataset, which stock Keras rejects."""
    if is_multi_worker(network):
        raise UseStockKeras("a dataset or generator, whose number of steps may differ")
    if y is not None or sample_weight is not None or validation_split:
        raise UseStockKeras("an argument that goes with arrays only")


def need_no_hooks(hooked):
    """Raise `UseStockKeras` if a callback hooks each batch.

    Args:
        hooked: True, or 1 step between the hooks.
    """
    if hooked == 1:
        raise UseStockKeras("a callback hooks the batches of a dataset")


def training_arrays(x, y, sample_weight=None, class_weight=None):
    """Convert to `(x, y)` or `(x, y, sample_weight)`, dense numeric arrays."""
    parts = arrays(x, y, sample_weight, class_weight)
    if parts is None:
        raise UseStockKeras(f"data of type {type(x).__name__}")
    if len(parts[0]) == 0:
        raise UseStockKeras("no rows")
    return parts


def validation_arrays(validation_data):
    if not isinstance(validation_data, (list, tuple)):
        raise UseStockKeras(f"validation data of type {type(validation_data).__name__}")
    return training_arrays(*keras_internals.unpack(validation_data))


def prediction_array(x):
    array = to_array(x)
    if array is None:
        raise UseStockKeras(f"data of type {type(x).__name__}")
    if len(array) == 0:  # where stock Keras breaks off with an UnboundLocalError
        raise invalid("x", "must have rows", received=f"an array of shape {array.shape}")
    return array


def prepare(network, parts):
    """Create the variables of layers, loss and metrics, as the first batch would."""
    strategy = keras_internals.strategy_of(network)
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        if not (network.built and keras_internals.has_built_scores(network)):
            create_state(network, parts)
        if strategy is not None and is_elementwise(network.optimizer):
            network.optimizer.build(network.trainable_variables)


def create_state(network, parts):
    """Create variables; what is not known to create none when called is called symbolically."""
    x, y, *weight = (keras.KerasTensor((None, *p.shape[1:]), p.dtype.name) for p in parts)
    spec, y_pred = keras_internals.output_spec, keras_internals.output_of(network, x)
    if y_pred is None:
        y_pred = spec(functools.partial(network, training=False), x)
    if not keras_internals.build_scores(network, y, y_pred):
        spec(network.compute_loss, x, y, y_pred, *weight)
        spec(network.compute_metrics, x, y, y_pred, *(weight or [None]))


def need_sums_over_rows(network):
    """Raise `UseStockKeras` if evaluation depends on how rows are divided into batches."""
    network.make_test_function()
    function = network.test_function
    reason = network.traces["test_function"].ask(function, lambda: reason_for_batches(network))
    if reason is not None:
        raise UseStockKeras(reason)


def reason_for_batches(network):
    if not compile_cache.is_row_by_row(network, training=False):
        return "a layer that may use the complete batch"
    if not scoring.only_sums_over_rows(network):
        return "a metric that is not a sum over rows"
    if any(
        loss.reduction != "sum_over_batch_size" or not scoring.is_row_by_row_loss(loss)
        for loss in keras_internals.losses_of(network)
    ):
        return "a loss that is not a mean over rows"
    return None
