"""Store the rows of a table on the device and select chunks of them.

A table that fits into a fraction of the device's memory is copied there once; a chunk of rows is
then a gather on the device. A larger table stays in main memory, and its chunks are copied.
"""

import math
import os
import warnings

import numpy as np
import pandas as pd
import tensorflow as tf
from keras import backend

from ..core import keras_internals

MEMORY_FRACTION = 0.4  # of the device, for one table


class DeviceData:
    """The rows of (x, y) or (x, y, sample_weight), on the device where they fit."""

    def __init__(self, parts):
        self.rows = len(parts[0])
        self.resident = sum(part.nbytes for part in parts) <= MEMORY_FRACTION * device_memory()
        self.parts = tuple(map(tf.convert_to_tensor, parts)) if self.resident else parts
        if not self.resident:
            warnings.warn(
                f"The data ({sum(part.nbytes for part in parts) / 2**30:.1f} GiB) is larger than "
                f"{MEMORY_FRACTION:.0%} of the device's memory, so it is streamed in chunks.",
                stacklevel=3,
            )

    def take(self, indices):
        """Return the rows at `indices` as a tuple of tensors."""
        if self.resident:
            return tuple(tf.gather(part, indices) for part in self.parts)
        return tuple(tf.constant(part[indices]) for part in self.parts)

    def slice(self, start, stop):
        """Return the rows `start:stop` as a tuple of tensors."""
        if self.resident and stop - start == self.rows:
            return self.parts
        return tuple(tf.convert_to_tensor(part[start:stop]) for part in self.parts)


def specs_of(parts):
    """Return (dtype name, *shape of a row) of each array or tensor."""
    return tuple(
        (getattr(part.dtype, "name", str(part.dtype)), *map(int, part.shape[1:])) for part in parts
    )


def arrays(x, y, sample_weight=None, class_weight=None):
    """Convert to `(x, y)` or `(x, y, sample_weight)`, arrays, as stock Keras does.

    Returns None for data that only stock Keras handles: nested inputs, datasets, generators, sparse
    or ragged tensors, strings.
    """
    parts = [to_array(part) for part in (x, y, sample_weight)]
    given = [part is not None for part in (x, y, sample_weight)]
    if [part is not None for part in parts] != given or parts[0] is None or parts[1] is None:
        return None
    x, y, *weight = keras_internals.as_keras_converts(*parts, class_weight)
    return (x, y, *map(to_array, weight))


def to_array(value):
    """Convert to a dense numeric array with Keras's dtype; return None for anything else."""
    if isinstance(value, (pd.DataFrame, pd.Series)):
        value = value.to_numpy()  # of one dtype: see `named_array.as_numbers`
    if isinstance(value, tf.Tensor):
        value = value.numpy()
    if not isinstance(value, np.ndarray) or value.ndim == 0 or value.dtype.kind not in "fiub":
        return None
    if value.dtype.kind == "f" and value.dtype != backend.floatx():
        return value.astype(backend.floatx())
    return value


def device_memory():
    """Return the free bytes on the first GPU, or without one the bytes of main memory."""
    for gpu in tf.config.list_logical_devices("GPU"):
        info = tf.config.experimental.get_memory_info(gpu.name)
        details = tf.config.experimental.get_device_details(
            tf.config.list_physical_devices("GPU")[0]
        )
        return details.get("memory_limit", 8 * 2**30) - info["current"]
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8 * 2**30


SECONDS_PER_CALL = 0.5  # so that progress bars move and Ctrl-C works
FLOPS = 3e10  # per second, a rough estimate


def power_of_two(number):
    """Return the largest power of two that is at most `number`."""
    return 1 << (number.bit_length() - 1)


def round_up(number):
    """Round up by at most a quarter, to one of a few sizes, so that few functions are compiled."""
    grain = max(1, power_of_two(number) // 4)
    return math.ceil(number / grain) * grain


def available_cores():
    """Return the number of cores for this process; a worker gets a share of those it may use."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    share = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(share)) if share.isdecimal() and int(share) else cores
