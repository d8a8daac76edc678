"""GroupAdam against its equation, against AdamW, and packed against unpacked."""

import keras
import numpy as np
import pytest

from kerasdnn import Network
from kerasdnn.nn.group_adam import GroupAdam
from kerasdnn.nn.realmlp_layers import NTKDense, ParametricActivation, Scale
from kerasdnn.nn.schedules import CosLog, FlatCos
from kerasdnn.training.flat_weights import can_pack

GROUPS = {"scale": (6.0, 36.0), "bias": (0.1, 0.0), "mix": (0.1, 0.01)}


def steps(optimizer, start, gradients, name):
    variable = keras.Variable(np.array(start, "float32"), name=name)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([np.array(gradient, "float32")], [variable])
    return keras.ops.convert_to_numpy(variable)


def test_it_is_its_equation_with_schedules_and_groups():
    rng = np.random.default_rng(0)
    w, gradients = rng.normal(size=5), rng.normal(size=(12, 5))
    rate, decay, (a, d) = CosLog(0.1, 12), FlatCos(0.3, 12), (6.0, 0.5)
    got = steps(GroupAdam(rate, decay, {"scale": (a, d)}), w, gradients, "scale")
    m, v = np.zeros(5), np.zeros(5)
    for step, g in enumerate(gradients):
        lr, wd, t = float(rate(step)), float(decay(step)), step + 1
        w = w * (1 - d * lr * wd)
        m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g**2
        w = w - a * lr * np.sqrt(1 - 0.95**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
    assert got == pytest.approx(w, abs=2e-6)


def test_without_groups_it_is_adamw():
    gradients = np.random.default_rng(1).normal(size=(9, 4))
    ours = GroupAdam(0.02, 0.1, beta_2=0.95)
    theirs = keras.optimizers.AdamW(0.02, 0.1, beta_2=0.95, epsilon=1e-8)
    start = [1.0, -2.0, 3.0, 0.5]
    assert steps(ours, start, gradients, "kernel") == pytest.approx(
        steps(theirs, start, gradients, "kernel"), abs=1e-6
    )


def test_the_compiled_road_gives_the_weights_of_stock_keras():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(100, 3)).astype("float32"), rng.normal(size=(100, 1)).astype("float32")

    def trained(**compile_arguments):
        layers = [keras.Input((3,)), Scale(), NTKDense(8, seed=1), ParametricActivation("selu")]
        network = Network([*layers, NTKDense(1, seed=2)], seed=0)
        rate, decay = CosLog(0.05, 40), FlatCos(0.2, 40)
        network.compile(GroupAdam(rate, decay, GROUPS), "mse", **compile_arguments)
        network.fit(x, y, batch_size=10, epochs=4, shuffle=False, verbose=0)
        return network

    ours, stock = trained(), trained(steps_per_execution=1)
    assert can_pack(ours.optimizer, ours.trainable_variables)
    assert (ours.last_path, stock.last_path[:5]) == ("compiled", "stock")
    for one, other in zip(ours.get_weights(), stock.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=2e-5)


def test_it_survives_serialization():
    optimizer = GroupAdam(CosLog(0.1, 7), FlatCos(0.2, 7), GROUPS)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize("factors", [1.0, (1, -1), ("a", 1), (1, 2, 3)])
def test_factors_that_are_no_pair_are_refused_by_name(factors):
    with pytest.raises(ValueError, match=r"groups\['bias'\]"):
        GroupAdam(groups={"bias": factors})
