"""The update rules against Keras's optimizers and against their equations."""

import keras
import numpy as np
import pytest

from kerasdnn import NAG, Momentum, optimizers
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
