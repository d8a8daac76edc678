"""In-memory tables on their way to the device: converted once, then handed out in blocks of rows.

A table that fits a share of the device's memory lies there once, as a tensor, and a block is a
gather on the device. A larger one stays where it is and its blocks travel.
"""

import math
import os
import warnings

import numpy as np
import pandas as pd
import tensorflow as tf
from keras import backend

from ..core import keras_internals

SHARE = 0.4  # of the device's memory that a table may take


class DeviceData:
    """The rows of (x, y) or (x, y, sample_weight), ready to be gathered."""

    def __init__(self, parts):
        self.rows = len(parts[0])
        self.resident = sum(part.nbytes for part in parts) <= SHARE * device_memory()
        self.parts = tuple(map(tf.convert_to_tensor, parts)) if self.resident else parts
        if not self.resident:
            warnings.warn(
                f"The data ({sum(part.nbytes for part in parts) / 2**30:.1f} GiB) is larger than "
                f"{SHARE:.0%} of the device's memory: it is streamed in blocks.",
                stacklevel=3,
            )

    def take(self, indices):
        """The rows at `indices`, as tensors."""
        if self.resident:
            return tuple(tf.gather(part, indices) for part in self.parts)
        return tuple(tf.constant(part[indices]) for part in self.parts)

    def slice(self, start, stop):
        """The rows from `start` up to, not including, `stop`, as tensors."""
        if self.resident and stop - start == self.rows:
            return self.parts
        return tuple(tf.convert_to_tensor(part[start:stop]) for part in self.parts)


def specs_of(parts):
    """(dtype name, *shape of a row) of each array or tensor."""
    return tuple(
        (getattr(part.dtype, "name", str(part.dtype)), *map(int, part.shape[1:])) for part in parts
    )


def arrays(x, y, sample_weight=None, class_weight=None):
    """(x, y) or (x, y, sample_weight) as arrays, checked and converted as stock Keras does.

    None where stock Keras has to look after the data itself: nested inputs, datasets, generators,
    sparse or ragged tensors, strings.
    """
    parts = [to_array(part) for part in (x, y, sample_weight)]
    given = [part is not None for part in (x, y, sample_weight)]
    if [part is not None for part in parts] != given or parts[0] is None or parts[1] is None:
        return None
    x, y, *weight = keras_internals.as_keras_converts(*parts, class_weight)
    return (x, y, *map(to_array, weight))


def to_array(value):
    """A dense numeric array with Keras's dtype, None for anything else."""
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
    """Bytes on the first GPU, or of this machine where there is none."""
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


SECONDS_PER_BLOCK = 0.5  # so that progress bars move and Ctrl-C answers
FLOPS = 3e10


def power_of_two(number):
    """The largest power of two that is at most `number`."""
    return 1 << (number.bit_length() - 1)


def round_up(number):
    """`number` or up to a quarter more: a few sizes, so that few programs are compiled."""
    grain = max(1, power_of_two(number) // 4)
    return math.ceil(number / grain) * grain


def available_cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
