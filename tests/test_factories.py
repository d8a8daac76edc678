"""Networks built from hyperparameters: their layers, their start, their files, their errors."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import kerasdnn
from kerasdnn import build_classifier, build_multilabel_classifier, build_regressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 4)).astype("float32")
SCORES = X @ RNG.normal(size=(4, 3)).astype("float32")
# fmt: off
PROBLEMS = {  # factory                                                     a fitting y
    "binary":      (lambda **k: build_classifier(4, **k),                    SCORES[:, 0] > 0),
    "multiclass":  (lambda **k: build_classifier(4, 3, **k),                 SCORES.argmax(1)),
    "one-hot":     (lambda **k: build_classifier(4, 3, one_hot_labels=True, **k),
                    np.eye(3)[SCORES.argmax(1)]),
    "multilabel":  (lambda **k: build_multilabel_classifier(4, 3, **k),      SCORES > 0),
    "one output":  (lambda **k: build_regressor(4, **k),                     SCORES[:, 0]),
    "two outputs": (lambda **k: build_regressor(4, 2, **k),                  SCORES[:, :2]),
    "count":       (lambda **k: build_regressor(4, target="count", **k),
                    RNG.poisson(np.exp(0.3 * SCORES[:, 0]))),
}
# fmt: on


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def flat(network):
    return np.concatenate([w.ravel() for w in network.get_weights()])


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_learns_and_reports_the_metrics_of_its_row(problem):
    build, y = PROBLEMS[problem]
    network = build(hidden_units=(16,), optimizer="nag", learning_rate=0.05, seed=0)
    history = network.fit(X, y, epochs=8, batch_size=16, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    key = {"one-hot": "multiclass", "one output": "regression", "two outputs": "regression"}
    names = kerasdnn.HEADS[key.get(problem, problem)].metrics
    assert set(history) - {"loss"} == set(names) - {"top_5_accuracy"}
    units = {"binary": 1, "one output": 1, "count": 1, "two outputs": 2}.get(problem, 3)
    assert network.predict(X, verbose=0).shape == (96, units)


def test_the_layers_are_those_of_the_docstring():
    network = build_classifier(4, 3, (64, 32))
    assert isinstance(network, kerasdnn.Network)
    assert isinstance(network, keras.Sequential)
    assert [(layer.units, layer.activation.__name__) for layer in network.layers] == [
        (64, "relu"),
        (32, "relu"),
        (3, "softmax"),
    ]
    assert network.count_params() == 4 * 64 + 64 + 64 * 32 + 32 + 32 * 3 + 3


def test_a_hidden_layer_is_dense_batch_norm_activation_dropout_in_this_order():
    network = build_classifier(4, hidden_units=(8, 8), batch_norm=True, dropout=0.25, l2=0.125)
    layer = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert kinds(network) == layer + layer + ["Dense"]
    assert [network.layers[i].activation.__name__ for i in (0, 2, 8)] == [
        "linear",
        "relu",
        "sigmoid",
    ]
    assert [layer.use_bias for layer in network.layers[::4]] == [False, False, True]
    assert network.layers[3].rate == 0.25
    regularizers = [layer.kernel_regularizer for layer in network.layers[::4]]
    assert [float(r.l2) for r in regularizers] == [0.125] * 3
    assert all(layer.bias_regularizer is None for layer in network.layers[::4])


def test_without_options_the_layers_hold_nothing_more():
    network = build_classifier(4, hidden_units=(8,))
    assert kinds(network) == ["Dense", "Dense"]
    assert network.layers[0].kernel_regularizer is None


def test_an_activation_layer_is_copied_for_each_hidden_layer():
    given = keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(0.5))
    network = build_regressor(4, hidden_units=(8, 6), activation=given)
    assert kinds(network) == ["Dense", "PReLU", "Dense", "PReLU", "Dense"]
    first, second = network.layers[1], network.layers[3]
    assert given not in network.layers
    assert first is not second
    assert [w.shape for w in (*first.weights, *second.weights)] == [(8,), (6,)]
    assert first.get_weights()[0][0] == 0.5


def test_a_function_and_our_leaky_relu_work_as_activations():
    assert build_regressor(4, activation="leaky_relu").layers[0].activation is kerasdnn.leaky_relu
    network = build_regressor(4, hidden_units=(8, 8), activation=kerasdnn.LeakyReLU(0.3))
    assert [network.layers[i].alpha for i in (1, 3)] == [0.3, 0.3]
    assert build_regressor(4, activation=keras.ops.sin).predict(X, verbose=0).shape == (96, 1)


def test_the_optimizer_and_its_hyperparameters_reach_the_network():
    network = build_regressor(4, optimizer="nag", learning_rate=0.5, momentum=0.75)
    assert type(network.optimizer) is kerasdnn.NAG
    assert float(network.optimizer.learning_rate) == 0.5
    assert network.optimizer.momentum == 0.75
    assert float(build_regressor(4).optimizer.learning_rate) == pytest.approx(0.001)


def test_a_seed_fixes_the_weights_and_no_two_layers_share_them():
    one, same, other = (
        build_classifier(8, hidden_units=(8, 8), dropout=0.5, seed=seed) for seed in (1, 1, 2)
    )
    assert one.seed == 1
    np.testing.assert_array_equal(flat(one), flat(same))
    assert not np.array_equal(flat(one), flat(other))
    first, second = one.layers[0].get_weights()[0], one.layers[2].get_weights()[0]
    assert not np.array_equal(first, second)
    seeds = [layer.seed_generator.get_config()["seed"] for layer in (one.layers[1], one.layers[3])]
    assert seeds[0] != seeds[1]


def test_dropout_does_not_change_the_weights_a_seed_draws():
    with_, without = (build_classifier(4, dropout=rate, seed=1) for rate in (0.5, 0.0))
    np.testing.assert_array_equal(with_.layers[2].kernel, without.layers[1].kernel)


def test_a_seed_fixes_the_whole_training():
    x, y = X, PROBLEMS["multiclass"][1]
    ends = []
    for _ in range(2):
        network = build_classifier(4, 3, (8,), dropout=0.3, seed=7)
        network.fit(x, y, epochs=2, verbose=0)
        ends.append(flat(network))
    if keras.backend.backend() == "tensorflow":  # elsewhere Keras draws the order of rows
        np.testing.assert_array_equal(*ends)
    assert not np.array_equal(ends[0], flat(build_classifier(4, 3, (8,), seed=7)))


def test_without_a_seed_one_is_drawn_which_set_random_seed_decides():
    keras.utils.set_random_seed(3)
    first, second = build_classifier(4), build_classifier(4)
    keras.utils.set_random_seed(3)
    again = build_classifier(4)
    assert first.seed == again.seed != second.seed
    np.testing.assert_array_equal(flat(first), flat(build_classifier(4, seed=first.seed)))


# fmt: off
PRIORS = [  # factory, prior, what an untrained network says of a row of zeros
    (lambda p: build_classifier(4, prior=p),                          0.2,         [0.2]),
    (lambda p: build_classifier(4, prior=p),                          [300, 100],  [0.25]),
    (lambda p: build_classifier(4, 3, prior=p),                       [5, 3, 2],   [0.5, 0.3, 0.2]),
    (lambda p: build_classifier(4, one_hot_labels=True, prior=p),     [0.8, 0.2],  [0.8, 0.2]),
    (lambda p: build_multilabel_classifier(4, 2, prior=p),            [0.1, 0.7],  [0.1, 0.7]),
    (lambda p: build_regressor(4, 2, prior=p),                        [-1.0, 9.0], [-1.0, 9.0]),
    (lambda p: build_regressor(4, target="count", prior=p),           4.0,         [4.0]),
]
# fmt: on


@pytest.mark.parametrize(("build", "prior", "guess"), PRIORS)
def test_an_untrained_network_guesses_the_prior_where_nothing_is_known_of_the_row(
    build, prior, guess
):
    network = build(prior)
    zeros = np.zeros((1, 4), "float32")  # hidden biases are 0, so the output bias is all there is
    np.testing.assert_allclose(network.predict(zeros, verbose=0)[0], guess, rtol=1e-5)
    again = keras.models.clone_model(network)
    np.testing.assert_array_equal(again.layers[-1].bias, network.layers[-1].bias)


def test_label_smoothing_reaches_the_loss():
    def smoothing(network):
        return network.loss.get_config().get("label_smoothing", 0.0)

    for build in (PROBLEMS[name][0] for name in ("binary", "multiclass", "one-hot", "multilabel")):
        assert smoothing(build()) == 0.0
        assert smoothing(build(label_smoothing=0.1)) == 0.1


def test_l2_adds_the_sum_of_squares_of_every_kernel():
    x, y = X, PROBLEMS["one output"][1]
    plain, heavy = (build_regressor(4, hidden_units=(8,), l2=l2, seed=0) for l2 in (0, 0.01))
    squares = sum(float((layer.get_weights()[0] ** 2).sum()) for layer in plain.layers)
    loss = [net.evaluate(x, y, verbose=0, return_dict=True)["loss"] for net in (plain, heavy)]
    assert loss[1] - loss[0] == pytest.approx(0.01 * squares, rel=1e-3)


def test_metrics_can_be_chosen_by_our_names_keras_names_or_as_objects():
    chosen = ["auc", "mean_absolute_error", keras.metrics.Precision(name="exactness")]
    network = build_classifier(4, metrics=chosen)
    logs = network.evaluate(X, PROBLEMS["binary"][1], verbose=0, return_dict=True)
    assert set(logs) == {"loss", "auc", "mean_absolute_error", "exactness"}
    bare = build_regressor(4, metrics=[])
    assert set(bare.evaluate(X, SCORES[:, 0], verbose=0, return_dict=True)) == {"loss"}


def test_half_precision_ends_in_a_float32_output():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = build_classifier(4, 3, optimizer="momentum")
    finally:
        keras.config.set_dtype_policy(before)
    assert network.layers[0].compute_dtype == "bfloat16"
    assert network.predict(X, verbose=0).dtype == "float32"
    losses = network.fit(X, PROBLEMS["multiclass"][1], epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_file_opens_where_kerasdnn_is_not_unless_it_holds_a_class_of_ours(tmp_path):
    plain = build_classifier(4, 3, (8,), optimizer="sgd", momentum=0.9, prior=[1, 2, 3], l2=0.1,
                             batch_norm=True, dropout=0.1, activation="tanh")  # fmt: skip
    ours = build_classifier(4, 3, (8,), optimizer="nag", activation="leaky_relu",
                            label_smoothing=0.1)  # fmt: skip
    plain.save(tmp_path / "plain.keras")
    ours.save(tmp_path / "ours.keras")
    np.save(tmp_path / "x.npy", X)
    script = """
import sys, numpy as np, keras
folder = sys.argv[1]
x = np.load(f"{folder}/x.npy")
load = lambda name: keras.saving.load_model(f"{folder}/{name}.keras")
plain = load("plain")
assert "kerasdnn" not in sys.modules
np.save(f"{folder}/plain.npy", plain.predict(x, verbose=0))
print([type(part).__name__ for part in (plain, plain.optimizer, plain.loss)])
import kerasdnn
ours = load("ours")
np.save(f"{folder}/ours.npy", ours.predict(x, verbose=0))
print([type(part).__name__ for part in (ours, ours.optimizer, ours.loss)])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "['Sequential', 'SGD', 'SparseCategoricalCrossentropy']" in done.stdout
    assert "'NAG', 'SmoothedSparseCategoricalCrossentropy']" in done.stdout
    for name, network in (("plain", plain), ("ours", ours)):
        expected = network.predict(X, verbose=0)
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, rtol=1e-5)


@pytest.fixture
def idle(monkeypatch):
    """Fails the test as soon as a variable or a layer is made."""

    def work(*args, **kwargs):
        raise AssertionError("work was done before the arguments were checked")

    monkeypatch.setattr(keras.Variable, "__init__", work)
    monkeypatch.setattr(keras.layers.Layer, "__init__", work)


# fmt: off
WRONG = [
    (dict(n_features=0),           "`n_features` must be an integer of at least 1. Received:"),
    (dict(n_features=2.5),         "Received: n_features=2.5"),
    (dict(n_features="4"),         "Received: n_features='4'"),
    (dict(n_classes=1),           "`n_classes` must be an integer of at least 2. Received:"),
    (dict(n_classes=1),            "Two classes are n_classes=2"),
    (dict(n_classes=True),         "Received: n_classes=True"),
    (dict(loss="hubber"),          "Received: loss='hubber'. Did you mean 'huber'"),
    (dict(loss=keras.losses.Huber), "Pass an instance: Huber()"),
    (dict(loss=3),                 "`loss` must be the name of a Keras loss"),
    (dict(loss="categorical_crossentropy"), "needs an output per class"),
    (dict(kernel_initializer="he"), "Received: kernel_initializer='he'"),
    (dict(clipnorm=0),             "`clipnorm` must be a positive, finite number"),
    (dict(l1=-1),                  "`l1` must be a number in [0, inf)"),
    (dict(hidden_units=(64, 0)),   "Received: hidden_units=(64, 0). For two layers of 64 and"),
    (dict(hidden_units=(64, -1)),  "Received: hidden_units=(64, -1)"),
    (dict(hidden_units=(6.5,)),    "Received: hidden_units=(6.5,)"),
    (dict(hidden_units=64),        "Received: hidden_units=64. For two layers of 64 and 32 units"),
    (dict(hidden_units="64"),      "Received: hidden_units='64'"),
    (dict(activation="leaky_rleu"), "Did you mean 'leaky_relu'"),
    (dict(activation="softmax"),   "`activation` of a hidden layer must not be softmax"),
    (dict(optimizer="admm"),       "Received: optimizer='admm'. Did you mean 'adam'"),
    (dict(optimizer=None),         "`optimizer` must be a name, a Keras optimizer or the config"),
    (dict(learning_rate=0.0),      "`learning_rate` must be a positive, finite number. Received:"),
    (dict(learning_rate=-1),       "Received: learning_rate=-1. 0.01 is a usual rate"),
    (dict(learning_rate=np.nan),   "Received: learning_rate=nan"),
    (dict(momentum=1.2, optimizer="nag"), "`momentum` must be a number in [0, 1). Received:"),
    (dict(momentum=0.9),           "`momentum` is a hyperparameter of 'sgd', 'momentum', 'nag',"),
    (dict(dropout=1),              "`dropout` must be a number in [0, 1). Received: dropout=1"),
    (dict(dropout=-0.1),           "Received: dropout=-0.1"),
    (dict(l2=-1e-3),               "`l2` must be a number in [0, inf). Received: l2=-0.001"),
    (dict(l2=float("inf")),        "Received: l2=inf"),
    (dict(batch_norm="yes"),       "`batch_norm` must be True or False. Received:"),
    (dict(one_hot_labels=1),       "`one_hot_labels` must be True or False. Received:"),
    (dict(label_smoothing=1.0),    "`label_smoothing` must be a number in [0, 1). Received:"),
    (dict(prior=1.5),              "`prior` must be the fraction of ones, in (0, 1)"),
    (dict(prior=[9, 0]),           "Leave it out if y does not contain every class."),
    (dict(metrics=["acuracy"]),    "Received: metrics='acuracy'. Did you mean 'accuracy'"),
    (dict(seed=-1),                "`seed` must be an integer of at least 0"),
    (dict(seed="one"),             "Received: seed='one'"),
]
# fmt: on


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_argument_is_an_error_before_any_work(idle, arguments, words):
    with pytest.raises(ValueError) as error:
        build_classifier(**{"n_features": 4, **arguments})
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: build_multilabel_classifier(4, 0), "`n_labels` must be an integer of at"),
        (lambda: build_regressor(4, 0), "`n_outputs` must be an integer of at least 1"),
        (lambda: build_regressor(4, target="reel"), "target='reel'. Did you mean 'real'"),
        (lambda: build_regressor(4, loss="hinge"), "needs classes, not a regression problem"),
        (lambda: build_regressor(4, quantiles=(0.5, 0.1)), "increasing numbers in (0, 1)"),
        (lambda: build_regressor(4, quantiles=(0.5,), loss="huber"), "not both"),
        (lambda: build_regressor(4, quantiles=(0.5,), target="count"), "not 'count'"),
        (lambda: build_regressor(4, 2, quantiles=(0.5,)), "`n_outputs` must be 1"),
        (lambda: build_regressor(4, prior=[1, 2]), "the mean of each of the 1 target columns"),
        (lambda: build_regressor(4, target="count", prior=-1), "finite and above 0"),
    ],
)
def test_the_other_factories_say_it_of_their_own_arguments(idle, build, words):
    with pytest.raises(ValueError) as error:
        build()
    assert words in str(error.value)


def test_without_hidden_units_a_network_is_the_linear_model():
    """Its least-squares fit is that of scikit-learn, ridge regression with l2 included."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = x @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * rng.normal(size=64)
    network = build_regressor(3, hidden_units=(), optimizer="sgd", learning_rate=0.1, l2=0.05)
    assert [layer.name for layer in network.layers] == ["output"]
    network.fit(x, y, epochs=300, batch_size="full", verbose=0)
    kernel, bias = network.get_weights()
    expected = Ridge(alpha=0.05 * 64).fit(x, y)  # the loss is a mean, its a sum
    np.testing.assert_allclose(kernel[:, 0], expected.coef_, atol=1e-4)
    np.testing.assert_allclose(bias[0], expected.intercept_, atol=1e-4)
    classifier = build_classifier(4, 3, (), seed=0)
    assert [w.shape for w in classifier.get_weights()] == [(4, 3), (3,)]


def test_l1_adds_the_absolute_values_of_every_kernel():
    network = build_regressor(4, l1=0.01, l2=0.1, hidden_units=(5,), seed=0)
    kernels = [w for w in network.get_weights() if w.ndim == 2]
    expected = sum(0.01 * np.abs(k).sum() + 0.1 * (k**2).sum() for k in kernels)
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-5)
    only = build_regressor(4, l1=0.01, hidden_units=(5,), seed=0)
    expected = sum(0.01 * np.abs(k).sum() for k in kernels)
    assert float(sum(only.losses)) == pytest.approx(expected, rel=1e-5)


def test_the_kernel_initializer_draws_from_the_seed_of_the_network():
    def kernels(initializer, seed=0):
        network = build_regressor(
            64, hidden_units=(256,), kernel_initializer=initializer, seed=seed
        )
        return [w for w in network.get_weights() if w.ndim == 2]

    first, _ = kernels("he_normal")
    assert first.std() == pytest.approx((2 / 64) ** 0.5, rel=0.03)
    np.testing.assert_array_equal(first, kernels(keras.initializers.HeNormal())[0])
    assert not np.array_equal(first, kernels("he_normal", 1)[0])
    np.testing.assert_array_equal(
        kernels("glorot_uniform")[0],
        build_regressor(64, hidden_units=(256,), seed=0).get_weights()[0],
    )
    assert all((k == 0).all() for k in kernels("zeros"))


def test_clipnorm_bounds_the_step_of_every_tensor():
    x = np.full((8, 2), 100.0, "float32")
    y = np.full(8, 1e4, "float32")
    network = build_regressor(
        2, hidden_units=(), optimizer="sgd", learning_rate=0.5, clipnorm=2.0, seed=0
    )
    before = network.get_weights()
    with pytest.warns(kerasdnn.DataWarning):
        network.fit(x, y, batch_size="full", verbose=0)
    for a, b in zip(before, network.get_weights(), strict=True):
        assert np.linalg.norm(a - b) == pytest.approx(0.5 * 2.0, rel=1e-4)
    rmsprop = keras.optimizers.RMSprop(clipvalue=1.0)
    with pytest.raises(ValueError, match="excludes `clipvalue`"):
        build_regressor(2, optimizer=rmsprop, clipnorm=1.0)


def test_docstrings_tell_every_argument():
    for build in (build_classifier, build_multilabel_classifier, build_regressor):
        documented = build.__doc__
        assert "{shared}" not in documented
        for argument in build.__code__.co_varnames[: build.__code__.co_argcount]:
            assert f"{argument}:" in documented
        for argument in build.__kwdefaults__:
            assert f"{argument}:" in documented
