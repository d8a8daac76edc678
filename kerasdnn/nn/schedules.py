"""Learning-rate schedules for a training of known length.

With t = step / steps, the fraction of all steps that are done:

    CosLog     peak (1 - cos(2 pi log2(1 + (2^cycles - 1) t))) / 2     waves, each twice as long
    FlatCos    peak (1 + cos(pi (max(1, 2 t) - 1))) / 2                flat, then half a cosine to 0

Both depend on the step only, so that a compiled function computes them inside its loop.

Source: Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024, section 3 and appendix A.
"""

import math

import keras
from keras import ops

from ..core.arguments import check_integer, check_interval


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Base class of both schedules.

    Args:
        peak: non-negative float, the largest value.
        steps: int, number of training steps. Later steps are treated as the last one.
    """

    def __init__(self, peak: float, steps: int):
        self.peak = check_interval("peak", peak, "[0, inf)")
        self.steps = check_integer("steps", steps)

    def fraction_done(self, step):
        return ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)

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
        keras.optimizers.Adam(CosLog(0.04, steps=1_000))
    """

    stateless = True

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
    """`peak` for the first half, then down to 0 along half a cosine.

        peak (1 + cos(pi (max(1, 2 t) - 1))) / 2

    Args:
        peak: non-negative float, the largest value.
        steps: int, number of training steps. Later steps are treated as the last one.

    Example:
        keras.optimizers.Adam(FlatCos(0.04, steps=1_000))
    """

    stateless = True

    def __call__(self, step):
        phase = ops.maximum(1.0, 2 * self.fraction_done(step)) - 1
        return self.peak * (1 + ops.cos(math.pi * phase)) / 2
