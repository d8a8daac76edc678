"""The layers of TabM against their equations in NumPy, and against Keras."""

import keras
import numpy as np
import pytest

import kerasdnn
from kerasdnn.nn.batch_ensemble import (
    BatchEnsembleDense,
    MeanOfMembers,
    MemberDense,
    MemberLoss,
    MemberMetric,
    MemberScale,
)
from kerasdnn.nn.realmlp_layers import ScheduledDropout
from kerasdnn.training.network import Network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 5)).astype("float32")
X3 = RNG.normal(size=(50, 4, 5)).astype("float32")
CLASSES = RNG.integers(0, 3, size=50)
BINARY = (X[:, 0] > 0).astype("int32")
NUMBERS = RNG.normal(size=(50, 2)).astype("float32")
WEIGHTS = RNG.uniform(0.5, 2, size=50).astype("float32")


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def randomized(layer, x):
    """The layer with random weights, and these by name."""
    layer(x)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer, {weight.name: array(weight) for weight in layer.trainable_weights}


def views(x):
    """`x` of each of four members."""
    return [x[:, m] if x.ndim == 3 else x for m in range(4)]


@pytest.mark.parametrize("x", [X, X3], ids=["rows", "members"])
def test_batch_ensemble_dense_is_its_equation_for_each_member(x):
    layer, w = randomized(BatchEnsembleDense(3, 4, "tanh"), x)
    found = array(layer(x))
    for m, view in enumerate(views(x)):
        inside = (view * w["input_scale"][m]) @ w["kernel"] * w["output_scale"][m] + w["bias"][m]
        assert found[:, m] == pytest.approx(np.tanh(inside), abs=1e-5)
        # The same as an ordinary Dense layer of the kernel diag(r) W diag(s).
        dense = keras.layers.Dense(3, "tanh")
        dense.build((None, 5))
        kernel = w["input_scale"][m][:, None] * w["kernel"] * w["output_scale"][m]
        dense.set_weights([kernel, w["bias"][m]])
        assert found[:, m] == pytest.approx(array(dense(view)), abs=1e-5)
    assert found.shape == layer.compute_output_shape(x.shape)


@pytest.mark.parametrize("x", [X, X3], ids=["rows", "members"])
@pytest.mark.parametrize("units", [1, 3])
def test_member_layers_are_their_equations(x, units):
    layer, w = randomized(MemberDense(units, 4, "relu"), x)
    scale, v = randomized(MemberScale(4), x)
    found, scaled = array(layer(x)), array(scale(x))
    for m, view in enumerate(views(x)):
        expected = np.maximum(view @ w["kernel"][m] + w["bias"][m], 0)
        assert found[:, m] == pytest.approx(expected, abs=1e-5)
        assert scaled[:, m] == pytest.approx(view * v["input_scale"][m])
    assert found.shape == layer.compute_output_shape(x.shape)
    assert scaled.shape == scale.compute_output_shape(x.shape)


def test_members_start_with_equal_weights_but_for_the_first_input_scale():
    layer = BatchEnsembleDense(300, 8, start="signs", blocks=[1, 3, 1], seed=0)
    layer(X)
    w = {weight.name: array(weight) for weight in layer.trainable_weights}
    assert set(np.unique(w["input_scale"])) == {-1.0, 1.0}
    assert (w["input_scale"][:, 1:4] == w["input_scale"][:, 1:2]).all()  # one draw per block
    assert (w["output_scale"] == 1).all()
    assert (w["bias"] == w["bias"][0]).all()
    for name in ("kernel", "bias"):
        assert np.abs(w[name]).max() == pytest.approx(5**-0.5, abs=0.01)
        assert w[name].std() == pytest.approx(5**-0.5 / 3**0.5, rel=0.1)  # of a uniform variable
    later = BatchEnsembleDense(3, 8, seed=0)
    later(X)
    assert (array(later.input_scale) == 1).all()
    normal = MemberScale(2_000, "normal", seed=1)
    normal(X)
    drawn = array(normal.input_scale)
    assert (drawn.mean(), drawn.std()) == pytest.approx((0, 1), abs=0.03)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.1
    head = MemberDense(2, 4, seed=2)
    head(X)
    assert len(np.unique(array(head.kernel))) == head.kernel.shape.num_elements()


def test_the_last_layer_returns_all_members_in_training_and_their_mean_otherwise():
    x = RNG.normal(size=(6, 4, 3)).astype("float32")
    p = np.exp(x) / np.exp(x).sum(axis=2, keepdims=True)
    layer = MeanOfMembers("softmax")
    assert array(layer(x)) == pytest.approx(p.mean(axis=1), abs=1e-6)
    assert array(layer(x, training=True)) == pytest.approx(p.reshape(6, 12), abs=1e-6)
    assert layer.compute_output_shape(x.shape) == (6, 3)


@pytest.mark.parametrize(
    ("loss", "y", "units"),
    [
        ("sparse_categorical_crossentropy", CLASSES, 3),
        (keras.losses.BinaryCrossentropy(label_smoothing=0.1), BINARY, 1),
        (keras.losses.MeanSquaredError(), NUMBERS, 2),
        (keras.losses.Huber(delta=0.5), NUMBERS[:, 0], 1),
    ],
    ids=["classes", "binary", "numbers", "huber"],
)
def test_the_loss_is_the_mean_of_the_losses_of_the_members(loss, y, units):
    p = RNG.uniform(0.1, 1, size=(50, 4, units)).astype("float32")
    if units == 3:
        p /= p.sum(axis=2, keepdims=True)
    y = y if units > 1 and y.ndim == 2 else y.reshape(-1, 1)
    one = keras.losses.SparseCategoricalCrossentropy() if isinstance(loss, str) else loss
    together = MemberLoss(loss, units)
    for weight in (None, WEIGHTS):
        each = [float(one(y, p[:, m], sample_weight=weight)) for m in range(4)]
        found = float(together(y, p.reshape(50, -1), sample_weight=weight))
        assert found == pytest.approx(np.mean(each), rel=1e-5)
        mean = float(one(y, p.mean(axis=1), sample_weight=weight))
        assert float(together(y, p.mean(axis=1), sample_weight=weight)) == pytest.approx(mean)
        assert found > mean + 1e-4  # Jensen's inequality: the loss of the mean is another


def test_a_metric_is_that_of_the_mean_prediction():
    p = RNG.dirichlet(np.ones(3), size=(50, 4)).astype("float32")
    metric = MemberMetric("sparse_categorical_accuracy", 3)
    metric.update_state(CLASSES, p.reshape(50, 12))
    hits = p.mean(axis=1).argmax(axis=1) == CLASSES
    assert float(metric.result()) == pytest.approx(hits.mean())
    metric.update_state(CLASSES, p.mean(axis=1), sample_weight=WEIGHTS)
    expected = (hits.sum() + (hits * WEIGHTS).sum()) / (50 + WEIGHTS.sum())
    assert float(metric.result()) == pytest.approx(expected)
    metric.reset_state()
    assert metric.result() == 0
    assert metric.name == "sparse_categorical_accuracy"


def tabm(kind=keras.Sequential, units=3, activation="softmax", mini=False):
    """TabM or TabM-mini with dropout."""
    parts = [BatchEnsembleDense(8, 4, "relu", "signs", seed=1)]
    if mini:
        parts = [MemberScale(4, seed=1), keras.layers.Dense(8, "relu")]
    parts += [
        ScheduledDropout(0.2, 100, seed=3),
        BatchEnsembleDense(6, 4, "tanh", seed=2),
        MemberDense(units, 4, seed=3),
        MeanOfMembers(activation),
    ]
    keras.utils.set_random_seed(0)
    return kind([keras.Input((5,)), *parts])


PROBLEMS = {
    "classes": (CLASSES, 3, "softmax", "sparse_categorical_crossentropy", "accuracy"),
    "binary": (BINARY, 1, "sigmoid", "binary_crossentropy", "binary_accuracy"),
    "numbers": (NUMBERS, 2, "linear", "mean_squared_error", "mean_absolute_error"),
}


def compiled(network, problem):
    _, units, _, loss, metric = PROBLEMS[problem]
    if metric == "accuracy":
        metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    network.compile(
        keras.optimizers.Adam(0.01),
        MemberLoss(loss, units),
        weighted_metrics=[MemberMetric(metric, units)],
    )
    return network


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("mini", [False, True], ids=["full", "mini"])
def test_the_compiled_path_gives_the_weights_and_history_of_stock_keras(problem, mini):
    y, units, activation, *_ = PROBLEMS[problem]
    ours, stock = (tabm(kind, units, activation, mini) for kind in (Network, keras.Sequential))
    stock.set_weights(ours.get_weights())
    arguments = {
        "epochs": 4,
        "batch_size": 16,
        "shuffle": False,
        "verbose": 0,
        "sample_weight": WEIGHTS,
        "validation_data": (X[:20], y[:20], WEIGHTS[:20]),
    }
    histories = [
        compiled(network, problem).fit(X, y, **arguments).history for network in (ours, stock)
    ]
    assert ours.last_path == "compiled"
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        assert values == pytest.approx(histories[1][name], rel=2e-4, abs=2e-5)
    for found, expected in zip(ours.get_weights(), stock.get_weights(), strict=True):
        assert found == pytest.approx(expected, abs=2e-4)
    assert ours.predict(X, verbose=0) == pytest.approx(stock.predict(X, verbose=0), abs=1e-4)
    assert ours.predict(X, verbose=0).shape == (50, units)


def test_short_batches_are_padded_and_equal_networks_share_a_compiled_function():
    networks = [compiled(tabm(Network), "classes") for _ in range(2)]
    traces = []
    for network in networks:
        network.fit(X, CLASSES, batch_size=16, epochs=2, verbose=0)
        [trace] = network.traces["train_function"].traces.popitem()[1].values()
        traces.append(trace.trace)
    assert traces[0] is traces[1]
    assert traces[0].padded


def test_members_learn_from_their_own_errors():
    """The gradient of the shared kernel is the mean of those of networks trained alone."""
    import tensorflow as tf

    layer, w = randomized(BatchEnsembleDense(1, 4), X)
    y = X[:, 1:2]
    with tf.GradientTape() as tape:
        prediction = keras.ops.reshape(layer(X), (50, 4))
        loss = MemberLoss("mean_squared_error", 1)(y, prediction)
    found = tape.gradient(loss, layer.kernel.value).numpy()
    expected = np.zeros((5, 1))
    for m in range(4):  # d/dW of the mean over rows of (x r W s + b - y)^2
        inputs = X * w["input_scale"][m]
        error = inputs @ w["kernel"] * w["output_scale"][m] + w["bias"][m] - y
        expected += 2 * inputs.T @ error * w["output_scale"][m] / 50 / 4
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("mini", [False, True], ids=["full", "mini"])
def test_a_network_is_restored_from_its_file(mini, tmp_path):
    network = compiled(tabm(Network, mini=mini), "classes")
    network.fit(X, CLASSES, epochs=2, verbose=0)
    network.save(tmp_path / "network.keras")
    for loaded in (
        kerasdnn.load(tmp_path / "network.keras"),
        keras.models.load_model(tmp_path / "network.keras"),
    ):
        assert loaded.predict(X, verbose=0) == pytest.approx(network.predict(X, verbose=0))
        assert loaded.evaluate(X, CLASSES, verbose=0) == pytest.approx(
            network.evaluate(X, CLASSES, verbose=0)
        )
        for layer, again in zip(network.layers, loaded.layers, strict=True):
            assert again.get_config() == layer.get_config()


def test_a_network_of_members_needs_the_loss_of_members():
    network = tabm(Network)
    network.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"`loss` .*MemberLoss.*units=3"):
        network.fit(X, CLASSES, verbose=0)
    network.compile("adam", MemberLoss("sparse_categorical_crossentropy", units=3))
    with pytest.raises(ValueError, match="class"):
        network.fit(X, CLASSES + 1, verbose=0)  # labels are checked as for the loss itself


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchEnsembleDense(3, 4, start="sign"), "start='sign'"),
        (lambda: BatchEnsembleDense(3, 0), "`members`.*members=0"),
        (lambda: BatchEnsembleDense(3, 2)(X3), r"\(rows, 2, d\).*\(50, 4, 5\)"),
        (lambda: MemberScale(4, blocks=[2, 2])(X), r"`blocks`.*5 in sum.*\[2, 2\]"),
        (lambda: MemberLoss("mse", 2)(NUMBERS, np.ones((50, 3), "float32")), "units=2"),
    ],
)
def test_invalid_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
