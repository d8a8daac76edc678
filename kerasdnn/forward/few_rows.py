"""Predict a few rows with NumPy and the current weights of a network, to decide for a class.

TensorFlow hands every function call to another thread, and waking it takes longer than computing a
row. NumPy computes the same sums in another order, so the last bits differ: enough for a class,
unless two are almost equally probable, but not for numbers and probabilities, which equal those of
the row in a table bit for bit. NumPy takes over only for a network

- whose compiled prediction is traced from exact classes of the allowlist (`compile_cache`), has not
  changed since then, and has a description (`layers`);
- whose weights are those that the steps were derived from, which `Reading` finds out in each call;
- whose prediction for the first row agrees with TensorFlow's.

Anything else is predicted by TensorFlow.
"""

import math
from itertools import chain

import numpy as np

from ..core import keras_internals
from ..nn.embedding import EmbedCategories
from ..training.network import COMPILED, Network
from .layers import ONLY_IN_TRAINING, NotDescribed, describe_layers
from .numpy_steps import compile_steps

if COMPILED:
    from ..training import compile_cache, dispatch

MAX_ROWS = 8
MAX_WEIGHTS = 2**20  # with more, the product takes longer than waking a thread
FARTHEST = 100.0  # sums of larger numbers are rounded more
RTOL, ATOL = 1e-4, 1e-5  # of the first row
PREDICT = Network.predict
LATER = object()  # in place of a function that is not derived yet


class NotSound(Exception):
    """The network cannot be predicted in NumPy."""


def predict(network: Network, x: np.ndarray) -> np.ndarray | None:
    """Predict as `network.predict` does, up to rounding.

    Args:
        network: `Network`.
        x: float32 `(rows, features)`, at most `MAX_ROWS` rows.

    Returns:
        float array `(rows, outputs)`; None if TensorFlow has to predict.
    """
    if (
        not COMPILED
        or type(network) is not Network
        or Network.predict is not PREDICT
        or "predict" in vars(network)
        or not (network.has_compiled_prediction(x) or compiles(network, x))
    ):
        return None
    bound = network._predictor.find(MAX_ROWS)
    if bound.few_rows is None:
        bound.few_rows = FewRows(network, bound)
    return bound.few_rows(x)


def compiles(network, x):
    """Compile the prediction, and return whether it was possible."""
    try:
        dispatch.need_plain_model(network)
    except dispatch.UseStockKeras:
        return False
    network.predict(np.zeros((MAX_ROWS, x.shape[1]), x.dtype), verbose=0)
    return network.has_compiled_prediction(x)


class FewRows:
    """The prediction of one network in NumPy.

    Args:
        network: `Network`.
        bound: `compiled_steps.Bound`, its compiled prediction.
    """

    def __init__(self, network, bound):
        self.network, self.bound = network, bound
        self.state = Memory([]), None  # the weights of the last call, and the function of them
        self.proved = False
        layers = list(keras_internals.layers_within(network))
        unused = {id(v) for one in layers if type(one) in ONLY_IN_TRAINING for v in one.variables}
        used = [v for v in (*network.trainable_variables, *network.non_trainable_variables)
                if id(v) not in unused]  # fmt: skip
        codes = [len(one.cardinalities) for one in layers if type(one) is EmbedCategories]
        self.codes = max(codes, default=0)  # of categories, in the last columns
        possible = (
            bound.key is not None
            and keras_internals.num_gpus() == 0
            and keras_internals.strategy_of(network) is None
            and sum(math.prod(v.shape) for v in used) <= MAX_WEIGHTS
            and all(v.dtype == "float32" and v.shape and 0 not in v.shape for v in used)
        )
        self.read = keras_internals.Reading(used) if possible and used else None

    def __call__(self, x):
        """The output for float32 `(rows, features)`, or None."""
        read, numbers = self.read, x[:, : x.shape[1] - self.codes]
        if read is None or not np.maximum.reduce(np.abs(numbers), None, initial=0) <= FARTHEST:
            return None
        (memory, run), current = self.state, read()
        try:
            if not memory.holds(current):  # deriving takes longer than TensorFlow: not before twice
                self.state = Memory(current), LATER  # at once: other threads may predict
                return None
            if run is LATER:
                run = self.derive(memory, read)
                self.state = memory, run
            if run is None:
                return None
            with np.errstate(all="ignore"):
                output = run(x)
            if not self.proved:
                self.prove(x, output)
        except NotSound:
            self.read = None  # nothing of what prevents it comes and goes
            return None
        return output

    def derive(self, memory, read):
        """The function from rows to outputs with the weights in memory.

        Returns:
            function, or None if some weights are not finite.

        Raises:
            NotSound: TensorFlow has to predict with this network.
        """
        network, bound = self.network, self.bound
        if not memory.holds(read()):  # after a sparse update, TensorFlow copies what it reads
            raise NotSound
        if compile_cache.cache_key(network, scores=False, optimizer=False) != bound.key:
            raise NotSound
        now = bound.trace.state_of(network)
        if any(a is not b for a, b in zip(chain(*now), chain(*bound.state), strict=True)):
            raise NotSound
        if not all(np.isfinite(weights).all() for weights in memory.arrays):
            return None
        try:
            return compile_steps(describe_layers(network), {})
        except NotDescribed as error:
            raise NotSound from error

    def prove(self, x, output):
        """Compare the first prediction with TensorFlow's.

        Raises:
            NotSound: they differ.
        """
        full = np.zeros((MAX_ROWS, x.shape[1]), x.dtype)
        full[: len(x)] = x
        expected = self.bound.trace(self.bound.handles, full)[: len(x)]
        if expected.shape != output.shape or not np.allclose(output, expected, RTOL, ATOL):
            raise NotSound
        self.proved = True


class Memory:
    """Arrays that are kept, to find out whether others have the same memory.

    Args:
        arrays: list of contiguous arrays that are not empty.
    """

    def __init__(self, arrays):
        self.arrays = arrays
        flat = [one.reshape(-1) for one in arrays]
        self.first, self.last = [one[:1] for one in flat], [one[-1:] for one in flat]

    def holds(self, arrays):
        """Whether arrays of the same shapes have the same memory."""
        share = np.may_share_memory  # compares the bounds
        return (
            len(arrays) == len(self.arrays)
            and all(map(share, arrays, self.first))
            and all(map(share, arrays, self.last))
        )
