"""The update rules against Keras's optimizers and against their equations."""

import keras
import numpy as np
import pytest

from kerasdnn import NAG, Momentum, optimizers
from kerasdnn.nn.update_rules import orthogonal
from kerasdnn.population.optimizer_rules import RULES, rule_of, slots_of, with_complements

RNG = np.random.default_rng(0)
GRADIENTS = RNG.normal(size=(50, 3)).astype("float32") * [1, 10, 0.01]
START = np.float32([1.0, -2.0, 0.5])


def follow(optimizer, start=0.0):
    """Weights after each of `GRADIENTS`, by the rule of a Keras optimizer."""
    name, h = rule_of(optimizer)
    h = {key: np.float32(value) for key, value in with_complements(h).items()}
    w, slots, path = START, [np.full_like(START, start) for _ in RULES[name].slots], []
    for t, g in enumerate(GRADIENTS, 1):
        w, slots = RULES[name].update(w, np.float32(g), slots, np.float32(t), h)
        path.append(np.asarray(w))
    return np.array(path)


def by_keras(optimizer):
    w, path = keras.Variable(START), []
    for g in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32(g))], [w])
        path.append(np.asarray(w))
    return np.array(path)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_gives_the_steps_of_the_optimizer_of_its_name(name):
    start = 0.1 if name == "adagrad" else 0.0
    expected = by_keras(optimizers.get(name, 0.02))
    np.testing.assert_allclose(follow(optimizers.get(name, 0.02), start), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.7),
        lambda: keras.optimizers.SGD(0.1, momentum=0.7, nesterov=True),
        lambda: keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        lambda: keras.optimizers.AdamW(0.1, weight_decay=0.3, beta_2=0.9),
        lambda: keras.optimizers.RMSprop(0.1, rho=0.5, epsilon=1e-2),
        lambda: keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.0, epsilon=0.1),
    ],
)
def test_hyperparameters_of_an_instance_are_those_of_its_rule(make):
    np.testing.assert_allclose(follow(make()), by_keras(make()), rtol=1e-5)


def test_adamw_decays_the_weights_before_the_step_of_adam():
    lr, decay, b1, b2, epsilon = 0.02, 0.5, 0.9, 0.999, 1e-7
    w, m, v, expected = START.astype("float64"), 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        rate = lr * np.sqrt(1 - b2**t) / (1 - b1**t)
        w = w * (1 - lr * decay) - rate * m / (np.sqrt(v) + epsilon)
        expected.append(w)
    found = follow(keras.optimizers.AdamW(lr, weight_decay=decay))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_a_stack_of_padded_kernels_takes_the_steps_of_muon(shape):
    optimizer = keras.optimizers.Muon(0.02, weight_decay=0.1)
    name, h = rule_of(optimizer)
    kernel = keras.Variable(RNG.normal(size=shape).astype("float32"))
    w, v = np.zeros((2, 1, 8, 8), "float32")
    w[0, : shape[0], : shape[1]] = kernel.numpy()
    for t, g in enumerate(RNG.normal(size=(20, *shape)).astype("float32"), 1):
        padded = np.zeros_like(w)
        padded[0, : shape[0], : shape[1]] = g
        optimizer.apply([keras.ops.convert_to_tensor(g)], [kernel])
        w, (v,) = RULES[name].kernel(w, padded, [v], t, h | {"size": np.float32(max(shape))})
    w = np.asarray(w)
    np.testing.assert_allclose(w[0, : shape[0], : shape[1]], kernel, rtol=1e-3, atol=1e-4)
    assert not w[0, shape[0] :].any()
    assert not w[0, :, shape[1] :].any()


def test_newton_schulz_steps_bring_singular_values_close_to_1():
    x = RNG.normal(size=(3, 7, 5)).astype("float32")
    values = np.linalg.svd(np.asarray(orthogonal(x)), compute_uv=False)
    assert ((values > 0.6) & (values < 1.3)).all()
    u, _, v = np.linalg.svd(x[0], full_matrices=False)
    direction = np.asarray(orthogonal(x[:1]))[0]
    assert np.corrcoef(direction.ravel(), (u @ v).ravel())[0, 1] > 0.95


def test_muon_with_settings_of_its_own_is_refused():
    for setting in ({"ns_steps": 3}, {"nesterov": False}, {"rms_rate": None}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            rule_of(keras.optimizers.Muon(0.1, **setting))


def test_adam_follows_its_equation_in_double_precision():
    lr, b1, b2, epsilon = 0.02, 0.9, 0.999, 1e-7
    w, m, v, expected = START.astype("float64"), 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        # Keras adds epsilon to the root that is not yet corrected.
        w = w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + epsilon)
        expected.append(w)
    np.testing.assert_allclose(follow(keras.optimizers.Adam(lr)), expected, rtol=3e-5)


def test_the_slots_of_a_built_optimizer_are_found():
    makers = [keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1, momentum=0.5), Momentum(), NAG()]
    makers += [keras.optimizers.Adagrad(), keras.optimizers.RMSprop(), keras.optimizers.Adam()]
    for optimizer, count in zip(makers, [0, 1, 1, 1, 1, 1, 2], strict=True):
        optimizer.build([keras.Variable(START), keras.Variable(START[:2])])
        found = slots_of(optimizer, rule_of(optimizer)[0])
        assert [[v.shape for v in slot] for slot in found] == [[(3,), (2,)]] * count


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (keras.optimizers.Lion(), "one of the rules that"),
        (keras.optimizers.Adam(weight_decay=0.01), "weight_decay"),
        (keras.optimizers.Adam(amsgrad=True), "amsgrad"),
        (keras.optimizers.RMSprop(momentum=0.5), "momentum"),
        (keras.optimizers.SGD(clipnorm=1.0), "clipnorm"),
        (
            keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
            "learning_rate",
        ),
    ],
)
def test_what_the_formulas_do_not_know_is_refused(optimizer, words):
    with pytest.raises(ValueError, match=words):
        rule_of(optimizer)
