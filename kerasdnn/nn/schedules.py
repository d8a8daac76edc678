"""Learning-rate schedules for a training of known length.

With t = step / steps, the fraction of all steps that are done:

    CosLog     peak (1 - cos(2 pi log2(1 + (2^cycles - 1) t))) / 2     waves, each twice as long
    FlatCos    peak (1 + cos(pi (max(1, 2 t) - 1))) / 2                flat, then half a cosine to 0

`NamedSchedule` has these and others by name, with warm-up. All of them depend on the step only, so
that a compiled function computes them inside its loop.

Source: Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024, section 3 and appendix A.
"""

import math
from collections.abc import Callable

import keras
from keras import ops

from ..core import keras_internals
from ..core.arguments import check_choice, check_fraction, check_integer, check_interval


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Base class of the schedules.

    Args:
        peak: non-negative float, the largest value.
        steps: int, number of training steps. Later steps are treated as the last one.
    """

    def __init__(self, peak: float, steps: int):
        self.peak = check_interval("peak", peak, "[0, inf)")
        self.steps = check_integer("steps", steps)

    def fraction_done(self, step):
        """Return t, the fraction of the steps that precede `step`, in [0, 1].

        Args:
            step: int or integer tensor, 0-based.

        Returns:
            float32 tensor.
        """
        # As compilers divide by a constant, so that `steps` may be one or an input.
        return ops.minimum(ops.cast(step, "float32") * (1.0 / self.steps), 1.0)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


@keras.saving.register_keras_serializable(package="kerasdnn")
class CosLog(Schedule):
    """Waves from 0 to `peak` and back to 0, each twice as long as the one before it.

        peak (1 - cos(2 pi log2(1 + (2^cycles - 1) t))) / 2

    Args:
        peak: non-negative float, the largest value.
        steps: int, number of training steps. Later steps are treated as the last one.
        cycles: int, number of waves. Default 4.

    Example:
        import keras
        from kerasdnn.nn import CosLog

        optimizer = keras.optimizers.Adam(CosLog(0.04, steps=1_000))
    """

    stateless, inputs = True, ("peak", "steps")

    def __init__(self, peak: float, steps: int, cycles: int = 4):
        super().__init__(peak, steps)
        self.cycles = check_integer("cycles", cycles)

    def __call__(self, step):
        turns = ops.log(1 + (2.0**self.cycles - 1) * self.fraction_done(step)) / math.log(2)
        return self.peak * (1 - ops.cos(2 * math.pi * turns)) / 2

    def get_config(self):
        return {**super().get_config(), "cycles": self.cycles}


@keras.saving.register_keras_serializable(package="kerasdnn")
class FlatCos(Schedule):
    """A learning rate at `peak` for the first half, then down to 0 along half a cosine.

        peak (1 + cos(pi (max(1, 2 t) - 1))) / 2

    Args:
        peak: non-negative float, the largest value.
        steps: int, number of training steps. Later steps are treated as the last one.

    Example:
        import keras
        from kerasdnn.nn import FlatCos

        optimizer = keras.optimizers.Adam(FlatCos(0.04, steps=1_000))
    """

    stateless, inputs = True, ("peak", "steps")

    def __call__(self, step):
        phase = ops.maximum(1.0, 2 * self.fraction_done(step)) - 1
        return self.peak * (1 + ops.cos(math.pi * phase)) / 2


# Factors of the peak at u, the fraction done of the steps after the warm-up.
SHAPES: dict[str, Callable] = {
    "constant": ops.ones_like,
    "cosine": lambda u: (1 + ops.cos(math.pi * u)) / 2,
    "one_cycle": lambda u: (1 + ops.cos(math.pi * u)) / 2,
    "exponential": lambda u: ops.exp(math.log(LAST_OF_EXPONENTIAL) * u),
    "flat_cos": lambda u: (1 + ops.cos(math.pi * (ops.maximum(1.0, 2 * u) - 1))) / 2,
    "coslog4": lambda u: (1 - ops.cos(2 * math.pi * ops.log(1 + 15 * u) / math.log(2))) / 2,
}
LAST_OF_EXPONENTIAL = 0.01
FIRST_OF_ONE_CYCLE = 1 / 25


@keras.saving.register_keras_serializable(package="kerasdnn")
class NamedSchedule(Schedule):
    """A schedule by name, after a warm-up during which the rate increases.

    With w the warm-up and u = (t - w) / (1 - w), from t = w on the rate is `peak` times

        constant       1
        cosine         (1 + cos(pi u)) / 2             half a cosine to 0
        exponential    0.01^u
        one_cycle      (1 + cos(pi u)) / 2
        flat_cos       as `FlatCos`
        coslog4        as `CosLog` with 4 waves

    and before that t / w; of "one_cycle" 1/25 + 24/25 (1 - cos(pi t / w)) / 2.

    Args:
        shape: str, one of these names.
        peak: non-negative float, the largest value.
        steps: int, number of training steps. Later steps are treated as the last one. None means
            that each `Network.fit` sets it to the steps of its epochs and starts the schedule
            again; until then the rate is `peak`.
        warmup: float in [0, 1), the fraction of the steps before the peak. None means 0.3 for
            "one_cycle", 0 for the others.
        first: int, the step at which the schedule starts. Default: 0.
        set_by_fit: bool, whether `Network.fit` sets `steps` and `first`. None means that it does
            if `steps` is None.

    References:
        Loshchilov, Hutter, SGDR: stochastic gradient descent with warm restarts, 2017 (cosine).
        Smith, Topin, Super-convergence, 2018 (one cycle). Goyal et al., Accurate, large minibatch
        SGD, 2017 (warm-up).

    Example:
        import keras
        from kerasdnn.nn import NamedSchedule

        optimizer = keras.optimizers.Adam(NamedSchedule("cosine", 0.01, steps=1_000, warmup=0.1))
    """

    stateless, inputs = True, ("peak", "steps")

    def __init__(
        self,
        shape: str,
        peak: float,
        steps: int | None = None,
        warmup: float | None = None,
        first: int = 0,
        set_by_fit: bool | None = None,
    ):
        super().__init__(peak, 1 if steps is None else steps)
        self.steps = self.steps if steps is not None else None
        self.shape = check_choice("shape", shape, SHAPES)
        self.first = check_integer("first", first, -(2**31))
        self.set_by_fit = steps is None if set_by_fit is None else bool(set_by_fit)
        if warmup is None:
            warmup = 0.3 if shape == "one_cycle" else 0.0
        self.warmup = check_fraction("warmup", warmup)

    def __call__(self, step):
        if self.steps is None:
            return ops.convert_to_tensor(self.peak, "float32")
        done = ops.cast(ops.subtract(step, self.first), "float32") * (1.0 / self.steps)
        t = ops.clip(done, 0.0, 1.0)
        w = self.warmup
        factor = SHAPES[self.shape](ops.maximum(t - w, 0.0) / (1 - w))
        if w:
            rise = t / w
            if self.shape == "one_cycle":
                waves = (1 - ops.cos(math.pi * rise)) / 2
                rise = FIRST_OF_ONE_CYCLE + (1 - FIRST_OF_ONE_CYCLE) * waves
            factor = ops.where(t < w, rise, factor)
        return self.peak * factor

    def get_config(self):
        return {
            "shape": self.shape, "peak": self.peak, "steps": self.steps, "warmup": self.warmup,
            "first": self.first, "set_by_fit": self.set_by_fit,
        }  # fmt: skip


def of_optimizer(optimizer: keras.Optimizer) -> "NamedSchedule | None":
    """Return the schedule of an optimizer whose length `Network.fit` sets, or None."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of mixed precision
    rate = keras_internals.learning_rate_of(optimizer)
    return rate if isinstance(rate, NamedSchedule) and rate.set_by_fit else None
