"""Network trains, evaluates and predicts as stock Keras does, on the compiled road."""

import collections
import gc
import subprocess
import sys
import textwrap
import weakref

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasdnn.training import compile_cache, compiled_steps, dispatch, fit_loop
from kerasdnn.training.device_data import DeviceData
from kerasdnn.training.network import Network

ROWS, WIDTH, BATCH, EPOCHS = 203, 5, 32, 3


@pytest.fixture(params=["graph", "xla"])
def road(request, monkeypatch):
    monkeypatch.setattr(fit_loop, "MIN_STEPS_XLA", 0 if request.param == "xla" else 10**9)
    return request.param


def table(rows=ROWS, width=WIDTH, outputs=1, kind="real"):
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows, width)).astype("float32")
    z = x @ rng.normal(size=(width, outputs)) + 0.3 * rng.normal(size=(rows, outputs))
    y = {
        "real": z.astype("float32"),
        "count": np.floor(np.exp(np.clip(z, -2, 2))).astype("float32"),
        "binary": (z > 0).astype("float32"),
        "class": z.argmax(1),
    }[kind]
    return x, y


HEADS = {  # y, outputs, activation, loss, metrics
    "binary": ("binary", 1, "sigmoid", "binary_crossentropy", ["accuracy", "auc"]),
    "multiclass": ("class", 4, "softmax", "sparse_categorical_crossentropy", ["accuracy"]),
    "multilabel": ("binary", 3, "sigmoid", "binary_crossentropy", ["binary_accuracy"]),
    "regression": ("real", 2, "linear", "mean_squared_error", ["mae", "r2_score"]),
    "count": ("count", 1, "exponential", "poisson", ["mae"]),
}
METRICS = {"auc": lambda: keras.metrics.AUC(name="auc"), "r2_score": keras.metrics.R2Score}


def pair(problem="binary", optimizer=None, layers=(), compiling=None, l2=None, width=WIDTH):
    """The same network twice: ours and stock Keras's, with equal weights."""
    kind, outputs, activation, loss, metrics = HEADS[problem]

    def build(kind_of_model):
        regularizer = keras.regularizers.L2(l2) if l2 else None
        dense = [keras.layers.Dense(8, "relu", kernel_regularizer=regularizer)]
        # Layers that draw random numbers start from equal seeds.
        keras.utils.set_random_seed(1)
        extra = [layer() for layer in layers]
        model = kind_of_model(
            [keras.Input((width,)), *dense, *extra, keras.layers.Dense(outputs, activation)]
        )
        made = optimizer() if optimizer else keras.optimizers.Adam(0.01)
        scores = [METRICS.get(name, lambda name=name: name)() for name in metrics]
        model.compile(made, loss, metrics=scores, **(compiling or {}))
        return model

    ours, stock = build(Network), build(keras.Sequential)
    stock.set_weights(ours.get_weights())
    return ours, stock, *table(ROWS, width, outputs, kind)


def assert_equal(ours, stock, x, y, rtol=1e-5, atol=2e-6, by_batch=False, **fit):
    """Train both and compare all that is left.

    `by_batch`: whether scores depend on the batches of an evaluation. Otherwise stock Keras takes
    all rows as one batch, for which it traces one function instead of two.
    """
    at_once = {"verbose": 0} if by_batch else {"verbose": 0, "batch_size": len(x)}
    fit = {"batch_size": BATCH, "epochs": EPOCHS, "shuffle": False, "verbose": 0} | fit
    history, expected = ours.fit(x, y, **fit).history, stock.fit(x, y, **fit).history
    assert ours.last_path == "compiled"
    assert list(history) == list(expected)
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], rtol, atol, err_msg=name)
    for a, b in zip(ours.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol, atol)
    np.testing.assert_allclose(
        ours.evaluate(x, y, verbose=0), stock.evaluate(x, y, **at_once), rtol, atol
    )
    np.testing.assert_allclose(
        ours.predict(x), stock.predict(x, **at_once), rtol=10 * rtol, atol=atol
    )
    assert int(ours.optimizer.iterations) == int(stock.optimizer.iterations)
    for a, b in zip(ours.optimizer.variables, stock.optimizer.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol * 10, atol, err_msg=a.path)


@pytest.mark.parametrize("problem", HEADS)
def test_every_problem_gives_the_weights_and_history_of_stock_keras(monkeypatch, problem):
    monkeypatch.setattr(fit_loop, "MIN_STEPS_XLA", 0)  # XLA, however little the work
    assert_equal(*pair(problem), validation_split=0.2)


ko = keras.optimizers
OPTIMIZERS = {
    "sgd": lambda: ko.SGD(0.05),
    "nesterov": lambda: ko.SGD(0.05, momentum=0.9, nesterov=True),
    "adagrad": lambda: ko.Adagrad(0.05),
    "rmsprop": lambda: ko.RMSprop(0.01, centered=True, momentum=0.5),
    "amsgrad": lambda: ko.Adam(0.01, amsgrad=True),
    "nadam": lambda: ko.Nadam(0.01),
    "lion": lambda: ko.Lion(0.003),
    "adamax": lambda: ko.Adamax(0.01),
    "weight decay": lambda: ko.AdamW(0.01, weight_decay=0.1),
    "clipvalue": lambda: ko.SGD(0.05, clipvalue=0.02),
    "global clipnorm": lambda: ko.SGD(0.05, global_clipnorm=0.1),
    "ema": lambda: ko.Adam(0.01, use_ema=True, ema_momentum=0.9),
    "schedule": lambda: ko.SGD(ko.schedules.ExponentialDecay(0.1, 3, 0.8), momentum=0.9),
}
BY_KERAS_STEP = {  # optimizers that must see each variable by itself
    "clipnorm": lambda: ko.SGD(0.05, clipnorm=0.05),
    "accumulation": lambda: ko.SGD(0.05, gradient_accumulation_steps=2),
    "ema overwrite": lambda: ko.Adam(0.01, use_ema=True, ema_overwrite_frequency=4),
    "adafactor": lambda: ko.Adafactor(0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_elementwise_optimizer_gives_the_weights_of_stock_keras(name):
    ours, stock, x, y = pair(optimizer=OPTIMIZERS[name])
    ours.optimizer.build(ours.trainable_variables)
    assert compiled_steps.can_pack(ours.optimizer, ours.trainable_variables)
    assert_equal(ours, stock, x, y)


@pytest.mark.parametrize("name", BY_KERAS_STEP)
def test_every_other_optimizer_gives_the_weights_of_stock_keras(name):
    ours, stock, x, y = pair(optimizer=BY_KERAS_STEP[name])
    ours.optimizer.build(ours.trainable_variables)
    assert not compiled_steps.can_pack(ours.optimizer, ours.trainable_variables)
    assert_equal(ours, stock, x, y)


def test_weight_decay_with_excluded_variables_gives_the_weights_of_stock_keras():
    def optimizer():
        adam = ko.AdamW(0.01, weight_decay=0.1)
        adam.exclude_from_weight_decay(var_names=["bias"])
        return adam

    assert_equal(*pair(optimizer=optimizer))


def test_large_and_small_weights_pack_and_unpack_to_themselves():
    shapes = [(300, 300), (300,), (), (2, 3, 4)]
    tensors = [tf.random.normal(shape) for shape in shapes]
    packing = compiled_steps.PackedOptimizer(ko.SGD(), [keras.Variable(t) for t in tensors]).packing
    packed = packing.pack(tensors)
    assert [tuple(t.shape) for t in packed] == [(325,), (300, 300)]  # 300 + 1 + 24, 300 * 300
    for before, after in zip(tensors, packing.unpack(packed), strict=True):
        np.testing.assert_array_equal(before, after)


OPTIONS = {
    "l2": ({"l2": 0.01}, {}),
    "batch norm": ({"layers": [keras.layers.BatchNormalization]}, {}),
    "layer norm": ({"layers": [keras.layers.LayerNormalization]}, {}),
    "sample weight": ({}, {"sample_weight": np.linspace(0, 2, ROWS)}),
    "integer weights": (
        {"compiling": {"weighted_metrics": ["accuracy"]}},
        {"sample_weight": np.arange(ROWS) % 3},
    ),
    "boolean weights": ({}, {"sample_weight": np.arange(ROWS) % 3 > 0}),
    "class weight": ({}, {"class_weight": {0: 1.0, 1: 3.0}}),
    "weighted metrics": (
        {"compiling": {"weighted_metrics": ["accuracy"]}},
        {"sample_weight": np.linspace(0, 2, ROWS)},
    ),
    "weights and split": ({}, {"sample_weight": np.linspace(0, 2, ROWS), "validation_split": 0.3}),
    "initial epoch": ({}, {"initial_epoch": 1}),
    "validation freq": ({}, {"validation_split": 0.2, "validation_freq": 2}),
    "one batch": ({}, {"batch_size": 1000}),
    "no partial batch": ({}, {"batch_size": 29}),  # 7 * 29 = 203
    "loss weights": ({"compiling": {"loss_weights": [0.5]}}, {}),
    "fixed block": ({"compiling": {"steps_per_execution": 3}}, {}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_gives_the_weights_and_history_of_stock_keras(name):
    building, fit = OPTIONS[name]
    assert_equal(*pair(**building), **fit)


@pytest.mark.parametrize("layer", [lambda: keras.layers.Dropout(0.4, seed=3)])
def test_dropout_draws_the_random_numbers_of_stock_keras(road, layer):
    # XLA draws other random numbers than TensorFlow's graphs: both sides run the same one.
    compiling = {"jit_compile": True} if road == "xla" else None
    assert_equal(*pair(layers=[layer], compiling=compiling))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_the_weights_of_stock_keras(policy):
    keras.config.set_dtype_policy(policy)
    try:
        assert_equal(*pair(), rtol=2e-2, atol=2e-2)
    finally:
        keras.config.set_dtype_policy("float32")


class HalfMean(keras.metrics.Metric):
    """A metric that depends on how rows are cut into batches."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.last = self.add_weight(name="last", initializer="zeros")

    def update_state(self, y, y_pred, sample_weight=None):
        self.last.assign(self.last / 2 + keras.ops.mean(y_pred))

    def result(self):
        return keras.ops.copy(self.last)


def test_a_metric_that_is_no_sum_over_rows_is_updated_batch_by_batch(road):
    ours, stock, x, y = pair()
    for model in (ours, stock):
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy", HalfMean(name="half")])
    assert_equal(ours, stock, x, y, batch_size=29, validation_split=0.2, by_batch=True)


@settings(max_examples=8, deadline=None)
@given(
    rows=st.integers(2, 300),
    batch=st.integers(1, 64),
    width=st.integers(1, 9),
    split=st.sampled_from([0.0, 0.3]),
)
def test_any_number_of_rows_and_batch_gives_the_loss_of_stock_keras(rows, batch, width, split):
    x, y = table(rows, width, 1, "real")
    ours, stock = (kind([keras.Input((width,)), keras.layers.Dense(1)]) for kind in SIDES)
    stock.set_weights(ours.get_weights())
    for model in (ours, stock):
        model.compile("sgd", "mse")
    fit = {"batch_size": batch, "shuffle": False, "verbose": 0, "epochs": 2}
    history = ours.fit(x, y, validation_split=split, **fit).history
    expected = stock.fit(x, y, validation_split=split, **fit).history
    assert list(history) == list(expected)
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], rtol=2e-5)


SIDES = Network, keras.Sequential


def one_weight_per_row(rows, **kwargs):
    """A network whose row i moves weight i alone, by the same amount in every epoch."""
    network = Network([keras.Input((rows,)), keras.layers.Dense(1, use_bias=False)], **kwargs)
    network.compile(keras.optimizers.SGD(1.0), lambda y, y_pred: -y_pred)
    network.set_weights([np.zeros((rows, 1))])
    return network, np.eye(rows, dtype="float32"), np.zeros((rows, 1), "float32")


def test_every_row_is_seen_once_an_epoch():
    network, x, y = one_weight_per_row(24, seed=1)
    network.fit(x, y, batch_size=8, epochs=3, verbose=0)
    np.testing.assert_allclose(network.get_weights()[0], 3 / 8, rtol=1e-6)  # 3 epochs, 1 / batch


def test_rows_come_in_another_order_in_every_epoch_and_for_every_seed():
    def order(seed, steps_ahead=0):
        network, x, y = one_weight_per_row(24, seed=seed)
        dispatch.prepare(network, (x, y))
        return fit_loop.Fit(network, DeviceData((x, y)), 8, True, 1).order(steps_ahead)

    assert sorted(order(1)) == list(range(24))
    np.testing.assert_array_equal(order(1), order(1))
    assert (order(1) != order(1, steps_ahead=3)).any()
    assert (order(1) != order(2)).any()


def test_epochs_run_together_equal_epochs_run_one_by_one():
    x, y = table(256, kind="binary")
    together, alone = pair()[0], pair()[0]
    alone.set_weights(together.get_weights())
    alone.seed = together.seed
    history = together.fit(x, y, epochs=9, verbose=0).history
    seen = alone.fit(x, y, epochs=9, verbose=0, callbacks=[keras.callbacks.Callback()]).history
    assert history == seen
    for a, b in zip(together.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_full_batch_is_one_step_over_all_training_rows():
    ours, stock, x, y = pair()
    history = ours.fit(x, y, batch_size="full", epochs=4, validation_split=0.2, verbose=0)
    assert int(ours.optimizer.iterations) == 4
    expected = stock.fit(x, y, batch_size=ROWS, epochs=4, validation_split=0.2, verbose=0)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-5)
    with pytest.raises(ValueError, match="`batch_size` must be a number of rows or 'full'"):
        ours.fit(x, y, batch_size="all")


def test_frames_and_tensors_train_as_arrays_do():
    ours, stock, x, y = pair()
    assert_equal(ours, stock, pd.DataFrame(x.astype("float64")), pd.Series(y[:, 0]))
    ours, stock, x, y = pair()
    assert_equal(ours, stock, tf.constant(x), tf.constant(y))


# Roads


def dataset(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)


class OwnStep(Network):
    def train_step(self, data):
        return super().train_step(data)


def test_only_what_must_goes_to_stock_keras():
    x, y = table(kind="binary")

    def fit(network=None, *data, compiling=None, **kwargs):
        network = network or pair()[0]
        if compiling:
            network.compile("sgd", "binary_crossentropy", **compiling)
        network.fit(*(data or (x, y)), verbose=0, **kwargs)
        return network.last_path

    assert fit() == "compiled"
    assert fit(None, dataset(x, y)) == "compiled"
    assert fit(validation_data=dataset(x, y)) == "stock: validation data of type _BatchDataset"
    assert fit(compiling={"run_eagerly": True}) == "stock: run_eagerly=True"
    assert fit(compiling={"steps_per_execution": 1}) == "stock: steps_per_execution=1"
    assert fit(compiling={"jit_compile": False}) == "stock: jit_compile=False"
    assert fit(steps_per_epoch=2) == "stock: a number of steps is given"
    layers = [keras.Input((WIDTH,)), keras.layers.Dense(1, "sigmoid")]
    own = OwnStep(layers)
    assert fit(own, compiling={"metrics": []}) == "stock: `train_step` is overridden"


def test_a_dataset_gives_the_history_of_stock_keras():
    ours, stock, x, y = pair()
    history = ours.fit(dataset(x, y), epochs=2, verbose=0).history
    expected = stock.fit(dataset(x, y), epochs=2, verbose=0).history
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)


def test_a_callback_sees_every_batch_of_a_dataset():
    ours, _, x, y = pair()
    calls = Calls()
    ours.fit(dataset(x, y), verbose=0, callbacks=[calls])
    assert len(calls.calls) == 2 * 13  # each begins and ends


class NotForXLA(keras.layers.Layer):
    """tf.unique has no XLA kernel with a shape that is known."""

    def call(self, x):
        return x + 0 * tf.cast(tf.size(tf.unique(tf.reshape(x, [-1]))[0]), x.dtype)


def test_a_layer_that_xla_cannot_compile_trains_all_the_same(monkeypatch):
    monkeypatch.setattr(fit_loop, "MIN_STEPS_XLA", 0)
    assert_equal(*pair(layers=[NotForXLA]))


def test_data_beyond_the_memory_share_streams_and_says_so(monkeypatch):
    monkeypatch.setattr("kerasdnn.training.device_data.MEMORY_FRACTION", 0.0)
    ours, stock, x, y = pair()
    with pytest.warns(UserWarning, match="it is streamed in chunks"):
        assert_equal(ours, stock, x, y)


# Compile little


def test_other_rows_rates_epochs_and_equal_networks_compile_nothing_again(monkeypatch):
    monkeypatch.setattr(compile_cache, "traces", collections.OrderedDict())
    x, y = table(256, kind="binary")
    optimizer = lambda rate=0.01: keras.optimizers.Adam(rate)
    network = pair(optimizer=optimizer)[0]
    fit = {"verbose": 0, "epochs": 2, "callbacks": [keras.callbacks.Callback()]}
    compiled = lambda: {
        key: set(getattr(trace, "programs", ())) for key, trace in compile_cache.traces.items()
    }
    network.fit(x, y, validation_data=(x, y), **fit)
    known = compiled()
    assert len(known) == 2  # a training and an evaluation
    network.fit(x[:240], y[:240], **fit)
    network.optimizer.learning_rate = 0.5
    network.fit(x, y, validation_data=(x[:99], y[:99]), **(fit | {"epochs": 5}))
    equal = pair(optimizer=lambda: optimizer(0.3))[0]
    before = equal.get_weights()
    equal.fit(x, y, **fit)
    assert compiled() == known
    assert all((a != b).any() for a, b in zip(before, equal.get_weights(), strict=True))
    pair(optimizer=lambda: keras.optimizers.Adam(beta_1=0.8))[0].fit(x, y, **fit)
    assert len(compiled()) == len(known) + 1


def test_equal_networks_that_share_a_program_do_not_share_weights_or_metrics():
    x, y = table(256, kind="binary")
    first, second = pair()[0], pair()[0]
    for network in (first, second):
        network.fit(x, y, epochs=1, verbose=0)
    weights = first.get_weights()
    second.fit(x, 1 - y, epochs=5, verbose=0)
    for before, after in zip(weights, first.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert first.get_metrics_result()["loss"] != second.get_metrics_result()["loss"]


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam, lambda: ko.SGD(clipnorm=1.0)])
def test_a_network_that_is_gone_leaves_nothing_behind(optimizer):
    network, _, x, y = pair(optimizer=optimizer)
    network.fit(x, y, verbose=0, validation_split=0.2)
    network.predict(x)
    gone = weakref.ref(network)
    del network, _
    gc.collect()
    assert gone() is None


def test_a_loss_of_ones_own_is_shared_with_no_other_network():
    x, y = table()
    networks = []
    for factor in (1.0, 2.0):
        network = Network([keras.Input((WIDTH,)), keras.layers.Dense(1, kernel_initializer="ones")])
        network.compile("sgd", lambda y, p, factor=factor: factor * (y - p) ** 2)
        networks.append(network.fit(x, y, verbose=0, shuffle=False).history["loss"][0])
    assert networks[1] > 1.2 * networks[0]


def test_predictions_take_no_more_memory():
    resource = pytest.importorskip("resource")
    network, _, x, _ = pair()
    for _ in range(500):
        network.predict(x[:1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3_000):
        network.predict(x[:1])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000  # KiB


def test_predictions_follow_new_weights():
    network, _, x, _ = pair()
    before = network.predict(x)
    network.set_weights([w + 1 for w in network.get_weights()])
    assert np.abs(network.predict(x) - before).max() > 0.01


# What once differed from stock Keras


def both(layers, scenario, shape=(WIDTH,), **compiling):
    """What `scenario(model)` gives for a Network and for a Sequential of equal weights."""
    found = []
    for kind in SIDES:
        keras.utils.set_random_seed(1)
        model = kind([keras.Input(shape), *layers()])
        given = {"optimizer": "adam", "loss": "mse"} | compiling
        model.compile(**{k: v() if callable(v) else v for k, v in given.items()})
        found.append([*scenario(model), *model.get_weights()])
    for ours, stock in zip(*found, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=1e-4, atol=1e-5)
    return model


def scored(model, x, y, **fit):
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0} | fit
    history = model.fit(x, y, **fit).history
    return *history.values(), model.evaluate(x, y, verbose=0), model.predict(x, verbose=0)


dense = keras.layers.Dense


@pytest.mark.parametrize("shape", [(5,), (8, 8)])  # as many steps as rows in a batch, or not
@pytest.mark.parametrize("metric", ["mae", "auc"])
def test_rows_of_several_steps_train_as_in_stock_keras(shape, metric):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(45, *shape, 3)).astype("float32")
    y = (x[..., :2] > 0).astype("float32")
    layers = lambda: [dense(4, "relu"), dense(2, "sigmoid")]
    scores = lambda: [METRICS.get(metric, lambda: metric)()]
    both(layers, lambda m: scored(m, x, y), (*shape, 3), optimizer="sgd", metrics=scores)


def twice():
    metric = keras.metrics.MeanAbsoluteError()
    return {"metrics": [metric], "weighted_metrics": [metric]}


@pytest.mark.parametrize(
    "compiling",
    [
        lambda: {"loss": keras.losses.MeanSquaredError(reduction=None)},
        lambda: {"metrics": [keras.metrics.Precision(thresholds=[0.3, 0.6])]},
        twice,
    ],
)
def test_vectors_and_a_metric_given_twice_train_as_in_stock_keras(compiling):
    x, y = table(45, kind="binary")

    def scenario(model):
        model.compile("sgd", **({"loss": "mse"} | compiling()))
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
        return model.evaluate(x, y, verbose=0, return_dict=True).values()

    both(lambda: [dense(1, "sigmoid")], scenario)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_an_embedding_of_repeated_codes_trains_as_in_stock_keras(optimizer):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, (45, WIDTH)), rng.normal(size=(45, 1))
    layers = lambda: [keras.layers.Embedding(10, 3), keras.layers.Flatten(), dense(1)]
    both(layers, lambda m: scored(m, x, y), optimizer=optimizer)


def test_class_weights_are_of_no_account_to_the_rows_held_out():
    x, y = table(45, kind="binary")
    fit = {"class_weight": {0: 1.0, 1: 5.0}, "validation_split": 0.3}
    both(
        lambda: [dense(1, "sigmoid")], lambda m: scored(m, x, y, **fit), loss="binary_crossentropy"
    )


def test_networks_share_nothing_if_layers_variables_or_settings_differ():
    x, y = table(45)

    def order(places):
        layers = [dense(WIDTH, "tanh"), dense(WIDTH, "tanh")]
        return lambda: [*(layers[i] for i in places), dense(1)]

    def constrained(model):
        model.layers[0].kernel.constraint = keras.constraints.MaxNorm(0.1)
        return scored(model, x, y)

    def regularized(model):
        model.layers[0].kernel.regularizer = keras.regularizers.L2(0.5)
        return scored(model, x, y)

    def halves(cast):
        half = lambda: dense(WIDTH, dtype="mixed_bfloat16", autocast=cast)
        return lambda: [dense(WIDTH, dtype="float16"), half(), dense(1)]

    def with_epsilon(value):
        before = keras.config.epsilon()
        keras.config.set_epsilon(value)
        try:
            both(lambda: [dense(1)], lambda m: scored(m, x, np.abs(y)), loss="msle")
        finally:
            keras.config.set_epsilon(before)

    for places in ([0, 1, 0, 1, 0], [0, 1, 1, 1, 0]):
        keys = []
        network = Network([keras.Input((WIDTH,)), *order(places)()])
        keys.append(compile_cache.cache_key(network, scores=False, optimizer=False))
        assert keys == [None]
    for scenario in (lambda m: scored(m, x, y), constrained, regularized):
        both(lambda: [dense(3, "relu"), dense(1)], scenario)
    keys = {
        compile_cache.cache_key(Network([keras.Input((WIDTH,)), *halves(cast)()]), False, False)
        for cast in (True, False)
    }
    assert len(keys) == 2
    with_epsilon(1e-7)
    with_epsilon(0.1)


def test_networks_that_differ_in_what_they_were_adapted_to_share_nothing():
    x, y = table(45)
    for shift in (0, 9):
        normalization = keras.layers.Normalization()
        normalization.adapt(x + np.float32(shift))
        both(lambda layer=normalization: [layer, dense(1)], lambda m: scored(m, x, y))


@pytest.mark.parametrize("loss", [keras.losses.Dice, keras.losses.Tversky])
def test_a_loss_of_the_whole_batch_sees_a_short_one_at_its_own_size(loss):
    x, y = table(45, kind="binary")
    both(lambda: [dense(1, "sigmoid")], lambda m: scored(m, x, y), loss=loss)


def test_freezing_takes_effect_with_compile():
    x, y = table(45)

    def scenario(model):
        yield from scored(model, x, y)
        for trainable in (False, True):
            model.layers[0].trainable = trainable
            yield from scored(model, x, y)
            model.compile("sgd", "mse")
            yield from scored(model, x, y)

    both(lambda: [dense(3, "relu"), dense(1)], scenario)


def test_penalties_on_activations_count_in_training_and_evaluation():
    x, y = table(48)
    layers = lambda: [dense(3, "relu", activity_regularizer="l2"), dense(1)]
    both(layers, lambda m: scored(m, x, y))


def endless(x, y):
    while True:
        yield x[:8], y[:8]


def test_a_number_of_steps_is_kept_exactly():
    x, y = table(45)

    def scenario(model):
        model.fit(dataset(x, y), verbose=0)  # whose steps run in blocks
        model.fit(endless(x, y), steps_per_epoch=5, epochs=2, verbose=0)
        seen = [int(model.optimizer.iterations), model.evaluate(endless(x, y), steps=3, verbose=0)]
        model.fit(dataset(x, y), verbose=0)
        model.fit(
            dataset(x, y), verbose=0, validation_data=dataset(x, y).repeat(), validation_steps=2
        )
        return [*seen, model.predict(dataset(x, y), steps=2, verbose=0)]

    both(lambda: [dense(1)], scenario)


@pytest.mark.parametrize("where", ["on_train_batch_end", "on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("what", ["evaluate", "reset_metrics"])
def test_a_callback_that_changes_metrics_leaves_what_it_leaves_in_stock_keras(where, what):
    x, y = table(45)

    def scenario(model):
        callback = keras.callbacks.Callback()
        act = {"evaluate": lambda: model.evaluate(x, y, verbose=0), "reset_metrics": None}[what]
        setattr(callback, where, lambda *_, **__: (act or model.reset_metrics)())
        return scored(model, x, y, callbacks=[callback])

    both(lambda: [dense(1)], scenario)


def test_an_evaluation_goes_on_as_it_was_traced():
    x, y = table(45)

    def scenario(model):
        before = model.evaluate(x, y, verbose=0)
        model.layers[0].activation = lambda x: 9 * x
        return [before, model.evaluate(x, y, verbose=0)]

    both(lambda: [dense(1)], scenario)


def test_the_logs_of_an_evaluation_stand_in_the_order_of_stock_keras():
    x, y = table(45, kind="binary")
    ours, stock, *_ = pair()
    logs = (list(m.evaluate(x, y, verbose=0, return_dict=True)) for m in (ours, stock))
    assert next(logs) == next(logs)


# Callbacks


def test_callbacks_of_keras_work(tmp_path):
    kc = keras.callbacks
    x, y = table(256, kind="binary")
    network, *_ = pair()
    checkpoints, log = tmp_path / "best.keras", tmp_path / "log.csv"
    history = network.fit(
        x,
        y,
        epochs=12,
        verbose=0,
        validation_split=0.25,
        callbacks=[
            kc.EarlyStopping("val_loss", patience=2, min_delta=10, restore_best_weights=True),
            kc.ReduceLROnPlateau("val_loss", patience=1, min_delta=10, factor=0.5),
            kc.ModelCheckpoint(checkpoints, save_best_only=True),
            kc.CSVLogger(log),
            kc.TerminateOnNaN(),
            kc.TensorBoard(tmp_path / "board"),
        ],
    )
    assert network.last_path == "compiled"
    assert len(history.history["loss"]) == 3  # the first epoch and a patience of 2
    assert history.history["learning_rate"][-1] < 0.01
    assert len(pd.read_csv(log)) == 3
    assert list((tmp_path / "board").rglob("events*"))
    assert isinstance(keras.saving.load_model(checkpoints), keras.Sequential)


def test_a_learning_rate_scheduler_is_obeyed():
    schedule = lambda epoch, rate: 0.1 / (epoch + 1)
    ours, stock, x, y = pair(optimizer=lambda: keras.optimizers.SGD(0.5))
    assert_equal(ours, stock, x, y, callbacks=[keras.callbacks.LearningRateScheduler(schedule)])


class Calls(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("end", batch))
        assert "loss" in logs


def test_batch_hooks_are_called_once_per_block():
    x, y = table(203, kind="binary")
    calls = Calls()
    pair(compiling={"steps_per_execution": 4})[0].fit(x, y, verbose=0, callbacks=[calls])
    # 203 rows are 6 full batches of 32 and one of 11.
    assert calls.calls == [("begin", 0), ("end", 3), ("begin", 4), ("end", 6)]
    calls = Calls()
    pair(compiling={"steps_per_execution": 1})[0].fit(x, y, verbose=0, callbacks=[calls])
    assert [batch for kind, batch in calls.calls if kind == "end"] == list(range(7))


def test_an_interrupt_between_blocks_leaves_a_usable_network():
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    x, y = table(256, kind="binary")
    network, stock, *_ = pair()
    with pytest.raises(KeyboardInterrupt):
        network.fit(x, y, epochs=5, verbose=0, shuffle=False, callbacks=[Interrupt()])
    stock.fit(x, y, epochs=2, verbose=0, shuffle=False)
    for a, b in zip(network.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    network.fit(x, y, verbose=0)


def test_progress_is_shown_as_by_stock_keras(capsys):
    x, y = table(256, kind="binary")
    network, stock, *_ = pair()
    shown = []
    for model in (network, stock):
        model.fit(x, y, epochs=2, verbose=2, shuffle=False, validation_split=0.25)
        lines = capsys.readouterr().out.splitlines()
        shown.append([line.split(" - ")[3:] for line in lines])  # after epoch, step and time
    assert shown[0] == shown[1]
    network.fit(x, y, verbose=1)
    assert "8/8" in capsys.readouterr().out


RESUME = textwrap.dedent(
    """
    import os, signal, sys
    import keras, numpy as np
    from kerasdnn.training.network import Network

    folder, kill_at = sys.argv[1], int(sys.argv[2])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    keras.utils.set_random_seed(3)
    network = Network(
        [keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3),
         keras.layers.Dense(1, "sigmoid")], seed=5)
    network.compile("adam", "binary_crossentropy", metrics=["accuracy"])

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    callbacks = [Kill(), keras.callbacks.BackupAndRestore(folder + "/backup")]
    history = network.fit(x, y, epochs=6, verbose=0, callbacks=callbacks)
    np.savez(folder + "/weights.npz", *network.get_weights())
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_run_resumes_to_the_weights_of_the_uninterrupted_one(tmp_path, monkeypatch):
    def run(folder, kill_at):
        command = [sys.executable, "-c", RESUME, str(folder), str(kill_at)]
        return subprocess.run(command, check=False, capture_output=True).returncode

    for name in "ab":
        (tmp_path / name).mkdir()
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "a"), "-1"])
    exec(RESUME, {})
    assert run(tmp_path / "b", 3) == -9
    assert run(tmp_path / "b", -1) == 0
    whole, resumed = (np.load(tmp_path / name / "weights.npz") for name in "ab")
    for name in whole:
        np.testing.assert_array_equal(whole[name], resumed[name])


# Files


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    network, *_ = pair()
    path = tmp_path / "network.keras"
    network.save(path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("keras.src.saving.saving_lib._save_state", fail)
    with pytest.raises(OSError, match="disk full"):
        network.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["network.keras"]
    assert type(network) is Network


def test_weights_are_saved_and_loaded(tmp_path):
    network, other, x, _ = pair()
    network.save_weights(tmp_path / "n.weights.h5")
    other.set_weights([w + 1 for w in other.get_weights()])
    other.load_weights(tmp_path / "n.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), network.predict(x))


def test_networks_made_before_and_after_a_change_of_epsilon_share_nothing():
    y = np.float32([[1.0]])
    found = []
    for epsilon in (1e-7, 1e-2):
        keras.config.set_epsilon(epsilon)
        try:
            ours, stock, *_ = pair("count")
            for model in (ours, stock):
                model.layers[-1].set_weights([np.zeros((8, 1)), np.float32([-20.0])])
            x = np.ones((1, WIDTH), "float32")
            losses = [model.evaluate(x, y, verbose=0)[0] for model in (ours, stock)]
        finally:
            keras.config.set_epsilon(1e-7)
        assert losses[0] == pytest.approx(losses[1])
        found.append(losses[0])
    assert found[0] != pytest.approx(found[1], rel=0.1)


def test_devices_can_be_set_after_the_import():
    code = (
        "import kerasdnn, tensorflow as tf; from kerasdnn import DNNClassifier, Network, tune\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Change(keras.callbacks.Callback):
    """Call `change(model)` once, at the second epoch or batch."""

    def __init__(self, hook, change):
        super().__init__()
        setattr(self, hook, lambda place, logs=None: place == 1 and self.once(change))

    def once(self, change):
        change(self.model)
        self.once = lambda change: None


HOOKS = ["on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_callback_that_freezes_and_has_the_step_traced_again_is_heard(hook):
    def freeze(model):
        model.layers[0].trainable = False
        model.make_train_function(force=True)

    x = np.random.default_rng(0).normal(size=(45, WIDTH)).astype("float32")
    layers = lambda: [dense(4, "relu"), dense(1)]
    fit = lambda: {"callbacks": [Change(hook, freeze)], "epochs": 4}
    both(layers, lambda model: scored(model, x, x[:, :1], **fit()))


@pytest.mark.parametrize("hook", HOOKS[:3])
def test_a_callback_that_compiles_is_an_error_as_in_stock_keras(hook):
    compiles = lambda model: model.compile("sgd", "binary_crossentropy")
    for model in pair()[:2]:
        x = np.zeros((64, WIDTH), "float32")
        with pytest.raises(TypeError):
            model.fit(x, x[:, 0], epochs=3, verbose=0, callbacks=[Change(hook, compiles)])


def test_an_evaluation_of_a_dataset_in_a_callback_leaves_the_training_as_it_is():
    found = []
    for model in pair()[:2]:
        x = np.random.default_rng(0).normal(size=(64, WIDTH)).astype("float32")
        y = (x[:, 0] > 0).astype("float32")
        evaluate = lambda model: model.evaluate(dataset(x, y), steps=2, verbose=0)
        change = Change("on_epoch_end", evaluate)
        found.append(model.fit(dataset(x, y), epochs=3, verbose=0, callbacks=[change]).history)
    for name, values in found[1].items():
        np.testing.assert_allclose(found[0][name], values, rtol=1e-5)
