"""Which road a call takes: compiled programs over resident arrays, or stock Keras.

The compiled road is for in-memory arrays and Keras's own training step. For anything else
`StockRoad` is raised with the reason, and the caller hands its arguments to stock Keras.
"""

import keras
import tensorflow as tf
from keras.src.backend import config
from keras.src.trainers.data_adapters.data_adapter_utils import unpack_x_y_sample_weight

from . import scoring
from .resident import arrays, to_array


class StockRoad(Exception):
    """Not an error: says why a call goes to stock Keras."""


def need_plain_training(network, *, needed=("train_step", "compute_loss", "compute_metrics")):
    """Raise `StockRoad` unless `network` trains by Keras's own step on one device."""
    need_plain_model(network)
    if network.block_steps == 1:
        raise StockRoad("steps_per_execution=1")
    if network.use_xla is False:
        raise StockRoad("jit_compile=False")
    if network.optimizer is None or network._compile_loss is None:
        raise StockRoad("no optimizer or loss")
    if network.optimizer._distribution_strategy is not tf.distribute.get_strategy():
        raise StockRoad("optimizer of another distribution strategy")
    if config.max_epochs() or config.max_steps_per_epoch():
        raise StockRoad("a limit on epochs or steps is set")
    for name in needed:
        if getattr(type(network), name) is not getattr(keras.Sequential, name):
            raise StockRoad(f"`{name}` is overridden")


def need_plain_model(network):
    if network.run_eagerly or tf.config.functions_run_eagerly():
        raise StockRoad("run_eagerly=True")
    if is_distributed(network):
        raise StockRoad("distribution strategy")


def is_distributed(network):
    return tf.distribute.has_strategy() or network._distribute_strategy is not None


def training_arrays(x, y, sample_weight=None, class_weight=None):
    """(x, y) or (x, y, sample_weight) as dense numeric arrays."""
    parts = arrays(x, y, sample_weight, class_weight)
    if parts is None:
        raise StockRoad(f"data of type {type(x).__name__}")
    if len(parts[0]) == 0:
        raise StockRoad("no rows")
    return parts


def validation_arrays(validation_data):
    if not isinstance(validation_data, (list, tuple)):
        raise StockRoad(f"validation data of type {type(validation_data).__name__}")
    return training_arrays(*unpack_x_y_sample_weight(validation_data))


def prediction_array(x):
    array = to_array(x)
    if array is None or len(array) == 0:
        raise StockRoad(f"data of type {type(x).__name__}")
    return array


def prepare(network, parts):
    """Create every variable that the first batch of stock `fit` would create."""
    x, y, *weight = (tf.convert_to_tensor(part[:2]) for part in parts)
    metrics = network._compile_metrics
    if not (network.built and network._compile_loss.built and (metrics is None or metrics.built)):
        y_pred = network(x, training=False)
        network.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight[0] if weight else None)
        if metrics is not None:
            metrics.update_state(y, y_pred, *weight)
        network.reset_metrics()
    if not network.trainable_variables:
        raise StockRoad("no trainable weights")
    if not network.optimizer.built:
        network.optimizer.build(network.trainable_variables)


def need_sums_over_rows(network):
    """Raise `StockRoad` if evaluation depends on how the rows are cut into batches."""
    losses = [part.loss for part in network._compile_loss._flat_losses]
    if not scoring.only_sums_over_rows(network):
        raise StockRoad("a metric that is not a sum over rows")
    if any(loss.reduction != "sum_over_batch_size" for loss in losses):
        raise StockRoad("a loss that is not a mean over rows")
