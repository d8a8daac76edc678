"""Momentum and NAG against their equations, against Keras's SGD, and from file to file."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

import kerasdnn
from kerasdnn import optimizers
from kerasdnn.optimizers import NAG, Momentum

TENSORFLOW = keras.backend.backend() == "tensorflow"
JAX = keras.backend.backend() == "jax"

STEPS, SIZE = 1000, 4
# Numbers that are exact in binary: Keras's SGD rounds its momentum to float32 in float64 as well.
LR, M, DECAY, CLIP, EMA, EMA_EVERY, MEAN_OF = 0.03125, 0.875, 0.0078125, 1.5, 0.75, 10, 4
BOUNDARIES, RATES = [300, 700], [LR, LR / 2, LR / 8]  # Keras computes the others in float32

RULES = {"momentum": (Momentum, False), "nag": (NAG, True)}
CASES = {
    "plain": {},
    "weight decay": dict(weight_decay=DECAY),
    "clipnorm": dict(clipnorm=CLIP),
    "average": dict(use_ema=True, ema_momentum=EMA, ema_overwrite_frequency=EMA_EVERY),
    "schedule": {},
    "accumulation": dict(gradient_accumulation_steps=MEAN_OF),
}
# fmt: off
ROADS = [("float32", False), ("float32", True), ("float64", False), ("float64", True)]
# fmt: on
if not TENSORFLOW:
    ROADS = [("float32", True)]  # JAX is always compiled, and has no float64 unless told so


def pull(dtype):
    """Gradients, (STEPS, SIZE), with a drift so that the weights leave the origin."""
    return np.random.default_rng(0).normal(0.3, 1.0, (STEPS, SIZE)).astype(dtype)


START = np.array([1.0, -2.0, 0.5, 3.0])


def by_hand(rule, case, dtype):
    """The weights after each step, (STEPS, SIZE), from the equations alone."""
    w, v, average = START.astype(dtype), np.zeros(SIZE, dtype), np.zeros(SIZE, dtype)
    kept, path = np.zeros(SIZE, dtype), []
    for t, g in enumerate(pull(dtype)):
        lr = dtype(RATES[sum(t > b for b in BOUNDARIES)] if case == "schedule" else LR)
        kept = kept + g
        every = MEAN_OF if case == "accumulation" else 1
        if (t + 1) % every == 0:
            g, kept = kept / dtype(every), np.zeros(SIZE, dtype)
            if case == "weight decay":
                w = w - w * dtype(DECAY) * lr
            if case == "clipnorm":
                g = g * dtype(min(1.0, CLIP / np.linalg.norm(g)))
            v = dtype(M) * v - lr * g
            w = w + (v if rule == "momentum" else dtype(M) * v - lr * g)
        if case == "average":
            average = w if t == 0 else dtype(EMA) * average + dtype(1 - EMA) * w
            w = average if (t + 1) % EMA_EVERY == 0 else w
        path.append(w)
    return np.array(path)


def all_optimizers():
    """(rule, case) -> (ours, Keras's)."""
    made = {}
    for rule, (ours, nesterov) in RULES.items():
        for case, arguments in CASES.items():
            schedule = keras.optimizers.schedules.PiecewiseConstantDecay(BOUNDARIES, RATES)
            lr = schedule if case == "schedule" else LR
            theirs = keras.optimizers.SGD(lr, momentum=M, nesterov=nesterov, **arguments)
            made[rule, case] = ours(lr, M, **arguments), theirs
    return made


def walk(made, gradients, compiled):
    """The paths of many optimizers in one program, each (STEPS, SIZE)."""
    weights = [keras.Variable(START.astype(gradients.dtype)) for _ in made]
    for optimizer, w in zip(made, weights, strict=True):
        optimizer.build([w])
    if JAX:
        return _walk_jax(made, weights, gradients)
    import tensorflow as tf

    @tf.function(jit_compile=compiled)
    def program(gradients):
        path = tf.TensorArray(gradients.dtype, STEPS, element_shape=(len(made), SIZE))
        for t in tf.range(STEPS):
            for optimizer, w in zip(made, weights, strict=True):
                optimizer.apply([gradients[t]], [w])
            path = path.write(t, tf.stack([w.value for w in weights]))
        return path.stack()

    return np.moveaxis(program(tf.constant(gradients)).numpy(), 1, 0)


def _walk_jax(made, weights, gradients):
    import jax

    def step(carry, g):
        carry = [
            optimizer.stateless_apply(state, [g], w)
            for optimizer, (w, state) in zip(made, carry, strict=True)
        ]
        return carry, [w[0] for w, _ in carry]

    carry = [
        ([w.value], [v.value for v in o.variables]) for o, w in zip(made, weights, strict=True)
    ]
    return np.array(jax.jit(lambda c, g: jax.lax.scan(step, c, g))(carry, gradients)[1])


@pytest.fixture(scope="module", params=ROADS, ids=lambda road: f"{road[0]}{'-xla' * road[1]}")
def paths(request):
    """dtype, and (rule, case) -> (our path, Keras's path), all from one program per road."""
    dtype, compiled = request.param
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        made = all_optimizers()
        flat = [optimizer for pair in made.values() for optimizer in pair]
        walked = iter(walk(flat, pull(dtype), compiled))
    finally:
        keras.config.set_floatx(before)
    return getattr(np, dtype), {key: (next(walked), next(walked)) for key in made}


TOLERANCE = {np.float32: 1e-6, np.float64: 1e-14}  # of the largest weight on the path


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", RULES)
def test_a_thousand_steps_follow_the_equation(paths, rule, case):
    dtype, walked = paths
    expected = by_hand(rule, case, dtype)
    error = np.abs(walked[rule, case][0] - expected).max() / np.abs(expected).max()
    assert error <= TOLERANCE[dtype]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", RULES)
def test_a_thousand_steps_follow_keras_sgd(paths, rule, case):
    dtype, walked = paths
    ours, theirs = walked[rule, case]
    assert np.abs(ours - theirs).max() <= TOLERANCE[dtype] * np.abs(theirs).max()


def trajectory(optimizer, gradients, start=(1.0, -2.0, 0.5, 3.0)):
    """The weights after each of `gradients`, step by step."""
    w = keras.Variable(np.float32(start))
    path = []
    for g in gradients:
        optimizer.apply([ops.convert_to_tensor(g)], [w])
        path.append(ops.convert_to_numpy(w))
    return np.array(path)


finite = st.floats(-1e3, 1e3)


@given(
    gradients=st.lists(st.lists(finite, min_size=4, max_size=4), min_size=1, max_size=8),
    lr=st.floats(1e-6, 10),
    m=st.floats(0, 0.999),
    rule=st.sampled_from(list(RULES)),
)
def test_any_gradients_rate_and_momentum_give_the_equation_and_keras(gradients, lr, m, rule):
    gradients = np.float32(gradients)
    ours, nesterov = RULES[rule]
    found = trajectory(ours(lr, m), gradients)
    w, v, expected = START, 0.0, []
    for g in gradients.astype("float64"):
        v = m * v - lr * g
        w = w + (v if rule == "momentum" else m * v - lr * g)
        expected.append(w)
    theirs = trajectory(keras.optimizers.SGD(lr, momentum=m, nesterov=nesterov), gradients)
    # Steps that cancel leave a rounding error of the size of the steps, not of their sum.
    scale = max(np.abs(START).max(), lr * np.abs(gradients).sum(0).max())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * scale)
    np.testing.assert_allclose(found, theirs, rtol=1e-6, atol=1e-6 * scale)


@pytest.mark.skipif(not TENSORFLOW, reason="JAX has no float64 unless told so")
def test_momentum_is_not_rounded_to_float32_when_the_weights_are_float64():
    w = keras.Variable(np.ones(1), dtype="float64")
    optimizer = Momentum(0.5, momentum=0.9)
    for _ in range(2):
        optimizer.apply([ops.ones(1, "float64")], [w])
    assert ops.convert_to_numpy(w)[0] == 1 - 0.5 + (0.9 * -0.5 - 0.5)


def test_published_values_of_keras_for_nesterov_hold():
    # keras/src/optimizers/sgd_test.py, `test_correctness_with_golden`: `SGD(nesterov=True)`, that
    # is learning rate 0.01 and momentum 0, one gradient of 0.01 and then 0.1, 0.2, ..., 1.0.
    first = np.full(10, 0.01, "float32")
    then = np.arange(1, 11, dtype="float32") / 10
    golden = [
        [0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9999, 0.9999],
        [0.9989, 0.9979, 0.9969, 0.9959, 0.9949, 0.9939, 0.9929, 0.9919, 0.9909, 0.9899],
        [0.9979, 0.9959, 0.9939, 0.9919, 0.9899, 0.9879, 0.9859, 0.9839, 0.9819, 0.9799],
        [0.9969, 0.9939, 0.9909, 0.9879, 0.9849, 0.9819, 0.9789, 0.9759, 0.9729, 0.9699],
        [0.9959, 0.9919, 0.9879, 0.9839, 0.9799, 0.9759, 0.9719, 0.9679, 0.9639, 0.9599],
    ]
    path = trajectory(NAG(0.01, momentum=0.0), [first, then, then, then, then], np.ones(10))
    np.testing.assert_allclose(path, golden, atol=1e-6)


def test_nag_is_the_look_ahead_form_seen_from_the_point_ahead():
    # A bowl f(w) = w^T A w / 2 with gradient A w, so that where it is taken matters.
    bowl = np.float32([[3.0, 1.0], [1.0, 2.0]])
    lr, m = 0.1, 0.9
    w, v = np.float32([1.0, -2.0]), np.zeros(2, "float32")
    u = keras.Variable(w)  # the point ahead, w + m v, is w as long as v = 0
    optimizer = NAG(lr, m)
    for _ in range(50):
        v = m * v - lr * bowl @ (w + m * v)
        w = w + v
        optimizer.apply([ops.matmul(bowl, u)], [u])
        np.testing.assert_allclose(ops.convert_to_numpy(u), w + m * v, rtol=1e-4, atol=1e-6)
    velocity = ops.convert_to_numpy(optimizer.velocities[0])
    np.testing.assert_allclose(velocity, v, rtol=1e-4, atol=1e-6)


def test_nag_is_not_momentum():
    g = np.float32([[1, 2, 3, 4]] * 3)
    assert np.abs(trajectory(NAG(0.1), g) - trajectory(Momentum(0.1), g)).max() > 0.01


@pytest.mark.skipif(not TENSORFLOW, reason="sparse gradients are TensorFlow's")
@pytest.mark.parametrize("rule", RULES)
def test_sparse_gradients_of_an_embedding_move_it_as_keras_sgd_does(rule):
    import tensorflow as tf

    ours, nesterov = RULES[rule]
    theirs = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    found = []
    for optimizer in (ours(0.1, 0.9), theirs):
        table = keras.Variable(np.ones((5, 2), "float32"))
        for rows in ([0, 3, 3], [1, 3, 4]):
            g = tf.IndexedSlices(tf.ones((3, 2)), tf.constant(rows), tf.constant((5, 2)))
            optimizer.apply([g], [table])
        found.append(table.numpy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("rule", RULES)
def test_half_precision_weights_move_as_keras_sgd_moves_them(rule, dtype):
    ours, nesterov = RULES[rule]
    theirs = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    found = []
    for optimizer in (ours(0.1, 0.9), theirs):
        w = keras.Variable(np.ones(3), dtype=dtype)
        for g in ([1.0, 2.0, 3.0], [0.5, 0.0, -1.0]):
            optimizer.apply([ops.convert_to_tensor(np.float32(g))], [w])
        found.append(ops.convert_to_numpy(ops.cast(w, "float32")))
    assert found[0].dtype == "float32"
    assert not np.array_equal(found[0], np.ones(3))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("rule", RULES)
def test_mixed_precision_scales_the_loss_and_keeps_float32_weights(rule):
    ours, nesterov = RULES[rule]
    theirs = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    x, y = np.random.default_rng(0).normal(size=(2, 32, 3)).astype("float32")
    found = []
    for optimizer in (ours(0.1, 0.9), theirs):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, dtype="mixed_float16")])
        scaled = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(scaled, "mean_squared_error", jit_compile=False)
        model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
        assert scaled.inner_optimizer is optimizer
        assert model.weights[0].dtype == "float32"
        found.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(*found)


def test_a_config_makes_the_same_optimizer():
    for kind in (Momentum, NAG):
        before = kind(0.25, 0.8, weight_decay=0.1, clipnorm=2.0, use_ema=True, name="named")
        after = keras.optimizers.deserialize(keras.optimizers.serialize(before))
        assert type(after) is kind
        assert (after.momentum, after.weight_decay, after.clipnorm) == (0.8, 0.1, 2.0)
        assert float(after.learning_rate) == 0.25
        assert after.use_ema
        assert after.name == "named"


def test_a_config_keeps_a_schedule_and_a_rate_that_a_callback_set_to_zero():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)
    after = NAG.from_config(NAG(schedule).get_config())
    assert after._learning_rate.initial_learning_rate == 0.5
    frozen = NAG(0.5)
    frozen.learning_rate = 0.0
    assert float(NAG.from_config(frozen.get_config()).learning_rate) == 0.0


NETWORK = """
import sys
import numpy as np, keras, kerasdnn

def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 5)).astype("float32"), rng.normal(size=(64, 1)).astype("float32")

def fit(model, epochs):
    model.fit(*rows(), batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return model
"""


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Networks of both rules: weights after 4 epochs here, and after 2 here and 2 elsewhere."""
    folder = tmp_path_factory.mktemp("resumed")
    space = {}
    exec(NETWORK, space)
    whole = {}
    for rule, (ours, _) in RULES.items():
        keras.utils.set_random_seed(1)
        layers = [keras.Input((5,)), keras.layers.Dense(8, activation="tanh")]
        layers += [space["kerasdnn"].LeakyReLU(0.2), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        optimizer = ours(0.05, 0.8, weight_decay=0.01)
        model.compile(optimizer, "mean_squared_error", jit_compile=False)
        space["fit"](model, 2).save(folder / f"{rule}.keras")
        whole[rule] = space["fit"](model, 2).get_weights()
    script = NETWORK + textwrap.dedent("""
        for rule in ("momentum", "nag"):
            model = keras.saving.load_model(f"{sys.argv[1]}/{rule}.keras")
            print(type(model.optimizer).__name__, model.layers[1].alpha)
            np.savez(f"{sys.argv[1]}/{rule}.npz", *fit(model, 2).get_weights())
        """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder, whole, done.stdout


@pytest.mark.parametrize("rule", RULES)
def test_training_resumed_in_a_fresh_process_gives_the_same_bits(resumed, rule):
    folder, whole, said = resumed
    assert f"{RULES[rule][0].__name__} 0.2" in said
    with np.load(folder / f"{rule}.npz") as file:
        for found, expected in zip(file.values(), whole[rule], strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "kind", "rate"),
    [
        ("sgd", keras.optimizers.SGD, 0.01),
        ("momentum", Momentum, 0.01),
        ("nag", NAG, 0.01),
        ("adagrad", keras.optimizers.Adagrad, 0.01),
        ("rmsprop", keras.optimizers.RMSprop, 0.001),
        ("Adam", keras.optimizers.Adam, 0.001),
        ("lion", keras.optimizers.Lion, 0.001),
    ],
)
def test_a_name_gives_its_optimizer_at_its_own_rate_or_the_one_given(name, kind, rate):
    made = optimizers.get(name)
    assert type(made) is kind
    assert float(made.learning_rate) == pytest.approx(rate)
    assert float(optimizers.get(name, 0.5).learning_rate) == 0.5


def test_every_name_makes_an_optimizer():
    for name in optimizers.BY_NAME:
        assert isinstance(optimizers.get(name), keras.optimizers.Optimizer)


def test_momentum_reaches_the_rules_that_have_one():
    assert [optimizers.get(name, momentum=0.5).momentum for name in ("sgd", "momentum", "nag")] == [
        0.5
    ] * 3
    assert [optimizers.get(name).momentum for name in ("sgd", "momentum", "nag")] == [0, 0.9, 0.9]


def test_a_config_and_an_instance_are_taken_as_they_are():
    instance = NAG(0.5)
    assert optimizers.get(instance) is instance
    copy = optimizers.get(keras.optimizers.serialize(instance))
    assert type(copy) is NAG
    assert float(copy.learning_rate) == 0.5
    assert callable(optimizers.get("nag", lambda: 0.5)._learning_rate)


def used():
    optimizer = NAG()
    optimizer.build([keras.Variable(np.ones(1))])
    return optimizer


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Momentum(momentum=1.0), "`momentum` must be a number in [0, 1). Received:"),
        (lambda: NAG(momentum=-0.1), "Received: momentum=-0.1. 0.9 is the usual value"),
        (lambda: NAG(momentum=float("nan")), "Received: momentum=nan"),
        (lambda: NAG(momentum="0.9"), "Received: momentum='0.9'"),
        (lambda: Momentum(0), "`learning_rate` must be a positive, finite number. Received:"),
        (lambda: Momentum(-0.1), "Received: learning_rate=-0.1"),
        (lambda: NAG(float("nan")), "Received: learning_rate=nan"),
        (lambda: NAG(float("inf")), "Received: learning_rate=inf"),
        (lambda: NAG(True), "Received: learning_rate=True"),
        (lambda: optimizers.get("adamm"), "Received: optimizer='adamm'. Did you mean 'adam'"),
        (lambda: optimizers.get("nga"), "Did you mean 'nag'"),
        (lambda: optimizers.get(7), "`optimizer` must be a name, a Keras optimizer or the"),
        (lambda: optimizers.get("adam", momentum=0.9), "not of 'adam'. Received: momentum=0.9"),
        (lambda: optimizers.get(NAG(), 0.1), "Received: learning_rate=0.1"),
        (lambda: optimizers.get(NAG(), momentum=0.1), "Received: momentum=0.1"),
        (lambda: optimizers.get({"class_name": "adamm"}), "Received: optimizer={'class_name':"),
        (lambda: optimizers.get(used()), "must not have trained another network"),
    ],
)  # fmt: skip
def test_a_wrong_optimizer_is_an_error_that_names_the_argument_and_the_remedy(wrong, words):
    with pytest.raises(ValueError) as error:
        wrong()
    assert words in str(error.value)


def decaying(excluded=None):
    adam = keras.optimizers.AdamW(0.01, weight_decay=0.5 if excluded else 0.0)
    if excluded:
        adam.exclude_from_weight_decay(var_names=excluded)
    return adam


@pytest.mark.parametrize(
    "train",
    [
        lambda o: kerasdnn.build_regressor(3, hidden_units=(4,), optimizer=o, seed=0),
        lambda o: kerasdnn.build_regressor(
            3, hidden_units=(4,), optimizer=o, seed=0, learning_rate_factors=(1.0, 2.0)
        ),
        lambda o: kerasdnn.DNNRegressor(
            "standard", hidden_units=(4,), optimizer=o, epochs=2, random_state=0
        ),
    ],
    ids=["factory", "factors", "estimator"],
)
def test_what_an_optimizer_excludes_from_weight_decay_stays_excluded_in_its_copies(train):
    x = np.random.default_rng(0).normal(size=(40, 3))
    found = []
    for optimizer in (decaying(["bias", "kernel"]), decaying()):
        keras.utils.set_random_seed(0)  # the order of the rows, on backends without `Network.fit`
        model = train(optimizer)
        fit = {"epochs": 2, "verbose": 0} if isinstance(model, keras.Model) else {}
        model.fit(x, x.sum(1), **fit)
        found.append(getattr(model, "network_", model).get_weights())
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, 1e-5, 1e-7)
    if TENSORFLOW:
        with pytest.raises(ValueError, match="exclude variables from weight decay"):
            kerasdnn.Population(
                [{"hidden_units": (4,), "optimizer": decaying(["bias"])}], 3, problem="regression"
            )
