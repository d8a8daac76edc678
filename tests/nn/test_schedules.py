"""The schedules of a training of known length, against their formulas."""

import math

import keras
import numpy as np
import pytest

from kerasdnn.nn.schedules import CosLog, FlatCos, NamedSchedule


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


STEPS, PEAK = 200, 0.3
kos = keras.optimizers.schedules
CASES = [("constant", 0.0), ("cosine", 0.0), ("cosine", 0.1), ("exponential", 0.25),
         ("one_cycle", None), ("flat_cos", 0.0), ("coslog4", 0.0)]  # fmt: skip


def factor(shape, t, w):
    """The equation, at t in [0, 1]."""
    if t < w:
        return (
            1 / 25 + 24 / 25 * (1 - math.cos(math.pi * t / w)) / 2
            if shape == "one_cycle"
            else t / w
        )
    u = (t - w) / (1 - w)
    return {
        "constant": 1.0,
        "cosine": (1 + math.cos(math.pi * u)) / 2,
        "one_cycle": (1 + math.cos(math.pi * u)) / 2,
        "exponential": 0.01**u,
        "flat_cos": (1 + math.cos(math.pi * (max(1, 2 * u) - 1))) / 2,
        "coslog4": (1 - math.cos(2 * math.pi * math.log2(1 + 15 * u))) / 2,
    }[shape]


@pytest.mark.parametrize(("shape", "warmup"), CASES)
def test_a_schedule_by_name_is_its_formula(shape, warmup):
    schedule = NamedSchedule(shape, PEAK, STEPS, warmup, first=50)
    w = 0.3 if warmup is None else warmup
    for step in (0, 50, 51, 60, 69, 70, 71, 90, 110, 111, 200, 249, 250, 400):
        t = min(max((step - 50) / STEPS, 0), 1)
        assert float(schedule(step)) == pytest.approx(PEAK * factor(shape, t, w), abs=2e-6), step
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("cosine", 0.0), kos.CosineDecay(PEAK, STEPS)),
        (("cosine", 0.1), kos.CosineDecay(0.0, 180, warmup_target=PEAK, warmup_steps=20)),
        (("exponential", 0.0), kos.ExponentialDecay(PEAK, STEPS, 0.01)),
        (("flat_cos", 0.0), FlatCos(PEAK, STEPS)),
        (("coslog4", 0.0), CosLog(PEAK, STEPS)),
    ],
)
def test_it_agrees_with_the_schedules_of_keras_and_realmlp(ours, theirs):
    shape, warmup = ours
    schedule = NamedSchedule(shape, PEAK, STEPS, warmup)
    for step in (0, 1, 19, 20, 21, 100, 199, 200):
        assert float(schedule(step)) == pytest.approx(float(theirs(step)), abs=1e-6), step


def test_without_a_length_the_rate_is_the_peak():
    assert float(NamedSchedule("cosine", 0.3)(1_000)) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"shape": "cosin", "peak": 1}, "shape"),
        ({"shape": "cosine", "peak": 1, "warmup": 1.0}, "warmup"),
        ({"shape": "cosine", "peak": 1, "steps": 0}, "steps"),
    ],
)
def test_a_bad_argument_of_a_schedule_by_name_is_named(arguments, named):
    with pytest.raises(ValueError, match=f"`{named}` must be"):
        NamedSchedule(**arguments)
