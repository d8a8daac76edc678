"""The schedules of a training of known length, against their formulas."""

import math

import keras
import numpy as np
import pytest

from kerasdnn.nn.schedules import CosLog, FlatCos


@pytest.mark.parametrize("step", [0, 1, 37, 99, 100, 250])
def test_coslog_is_its_formula_and_ends_at_zero(step):
    t = min(step / 100, 1)
    by_hand = 0.3 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t))) / 2
    assert float(CosLog(0.3, 100)(step)) == pytest.approx(by_hand, abs=1e-6)


def test_coslog_has_four_waves_each_twice_as_long_as_the_one_before():
    values = np.array(CosLog(1.0, 15_000)(np.arange(15_000)))
    tops = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    zeros = [0, 1_000, 3_000, 7_000, 15_000]
    assert len(tops) == 4
    assert all(low < top < high for low, top, high in zip(zeros, tops, zeros[1:], strict=False))
    assert values[tops] == pytest.approx(np.ones(4), abs=1e-4)


@pytest.mark.parametrize("step", [0, 49, 50, 75, 99, 100, 250])
def test_flat_cos_is_its_formula_and_ends_at_zero(step):
    t = min(step / 100, 1)
    by_hand = 0.15 * (1 + math.cos(math.pi * (max(1, 2 * t) - 1))) / 2
    assert float(FlatCos(0.15, 100)(step)) == pytest.approx(by_hand, abs=1e-7)


@pytest.mark.parametrize("kind", [CosLog, FlatCos])
def test_a_schedule_survives_serialization(kind):
    schedule = kind(0.2, 80)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert float(again(13)) == float(schedule(13))


@pytest.mark.parametrize(("peak", "steps", "named"), [(-1, 10, "peak"), (1, 0, "steps")])
def test_a_bad_argument_is_named(peak, steps, named):
    with pytest.raises(ValueError, match=f"`{named}` must be"):
        CosLog(peak, steps)
