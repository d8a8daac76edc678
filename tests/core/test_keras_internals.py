"""Every private name of Keras that kerasdnn uses is there, and means what it is used for."""

import random
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasdnn.core import keras_internals as internals

X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5))
    model.compile(optimizer, "mse", 2.0, metrics=["mae"], weighted_metrics=["mape"])
    return model


def test_loss_and_metrics_of_a_compiled_model(model):
    assert internals.has_loss(model)
    assert not internals.has_built_scores(model)
    assert internals.metrics_of(model) == ([], [])
    model.fit(X, Y, verbose=0)
    assert internals.has_built_scores(model)
    [loss] = internals.losses_of(model)
    assert internals.settings_of(loss)["fn"] is keras.losses.mean_squared_error
    assert internals.loss_weights_of(model) == 2.0
    [mae], [mape] = internals.metrics_of(model)
    assert internals.function_of(mae) is keras.losses.mean_absolute_error
    assert mape.name == "mape"
    assert internals.given_metrics(model) == (["mae"], ["mape"])
    assert internals.loss_tracker(model) in model.metrics
    assert all(metric in model.metrics for metric in internals.metric_containers(model))
    logs = model.get_metrics_result()
    assert internals.to_numbers(logs).keys() == logs.keys()
    assert internals.as_list(model, {"loss": 1.0, "mae": 2.0, "mape": 3.0})[0] == 1.0
    metrics = internals.compile_metrics(None, ["mae"])
    metrics.update_state(Y, 0 * Y)
    assert [float(value) for value in metrics.result().values()] == [1.0]


@pytest.mark.parametrize("metric", ["mae", "r2_score", "auc", "mine"])
def test_loss_and_metrics_built_without_a_batch_are_those_of_a_batch(metric):
    """Keras's means and R2 are complete; anything else asks for a symbolic first call."""
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        chosen = (lambda y, p: abs(y - p)) if metric == "mine" else metric
        model.compile("sgd", "mse", metrics=[chosen], weighted_metrics=["mae"])
        models.append(model)
    ours, stock = models
    output = internals.output_of(ours, keras.KerasTensor((None, 3)))
    assert (output.shape, output.dtype) == ((None, 1), "float32")
    assert internals.output_of(ours, keras.KerasTensor((None, 4))) is None
    done = internals.build_scores(ours, keras.KerasTensor((None, 1)), output)
    assert done == (metric in ("mae", "r2_score"))
    assert internals.has_built_scores(ours)
    stock.evaluate(X, Y, verbose=0)
    if done:
        state = [(v.name, v.shape) for part in stock.metrics for v in part.variables]
        assert [(v.name, v.shape) for part in ours.metrics for v in part.variables] == state
    np.testing.assert_allclose(*(m.evaluate(X, Y, verbose=0) for m in models))


def test_state_of_an_optimizer(model):
    model.fit(X, Y, epochs=2, verbose=0)
    optimizer, kernel = model.optimizer, model.trainable_variables[0]
    assert internals.weights_of(optimizer)[0] is kernel
    assert int(internals.step_counter(optimizer).numpy()) == 2
    assert int(internals.step_counter(keras.optimizers.LossScaleOptimizer(optimizer)).numpy()) == 2
    schedule = internals.learning_rate_of(optimizer)
    assert isinstance(schedule, keras.optimizers.schedules.ExponentialDecay)
    internals.config_without_rate(optimizer)
    assert internals.learning_rate_of(optimizer) is schedule
    np.testing.assert_array_equal(np.asarray(internals.tensor_of(kernel)), kernel.numpy())
    assert internals.strategy_of(model) is None
    assert internals.strategy_of_optimizer(optimizer) is tf.distribute.get_strategy()


def test_rules_of_fit(model):
    assert internals.first_epoch(model, 3) == 3
    assert [internals.is_validated(model, epoch, 2) for epoch in (0, 1)] == [False, True]
    assert not internals.limits_a_run()
    with pytest.raises(ValueError, match="compile"):
        internals.assert_compiled(keras.Sequential(), "fit")
    x, _, weights = internals.as_keras_converts(X, Y, None, {1: 3.0})
    assert (x.dtype, weights[0]) == ("float32", 3.0)
    assert internals.unpack((X, Y)) == (X, Y, None)
    training, held_out = internals.split((X, Y), 0.25)
    assert (len(training[0]), len(held_out[1])) == (6, 2)
    assert internals.output_spec(model, keras.KerasTensor((None, 3))).shape == (None, 1)


def test_callbacks(model, tmp_path):
    saves = keras.callbacks.ModelCheckpoint(str(tmp_path / "m.keras"), save_freq=3)
    assert internals.batches_until_save(saves) == 3
    board = keras.callbacks.TensorBoard(str(tmp_path), profile_batch=0)
    board.set_model(model)
    assert not internals.profiles(board)
    callback = keras.callbacks.Callback()
    internals.set_watched(callback, model)
    assert internals.watched(callback) is model


def test_files(model, tmp_path):
    assert internals.exported("keras.layers.Dense") is keras.layers.Dense
    assert (
        internals.module_of_functional()
        == type(keras.Model(model.inputs, model.outputs)).__module__
    )
    words = keras.layers.StringLookup(name="words")
    words.adapt(["a", "b"])
    text = keras.Input((1,), dtype="string")
    keras.Sequential([text, words]).save(tmp_path / "words.keras")
    again = keras.layers.StringLookup(name="words")
    with internals.safe_mode(), zipfile.ZipFile(tmp_path / "words.keras") as file:
        internals.load_assets(keras.Sequential([text, again]), file)
    assert again.get_vocabulary() == words.get_vocabulary()
    with internals.no_pending_variables(), keras.StatelessScope(initialize_variables=False):
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert layer.kernel.shape == (3, 2)

    class OfAnH5File(keras.Sequential):
        pass

    internals.name_in_h5_files(OfAnH5File)
    assert keras.src.layers.OfAnH5File is OfAnH5File


RESET = """
import keras
import numpy as np
from tensorflow.python.eager import context

from kerasdnn import Network
from kerasdnn.core import keras_internals


def weights(kind):
    keras.utils.set_random_seed(0)
    model = kind([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 2)), shuffle=False, verbose=0)
    return model.get_weights()


weights(Network)
before = keras_internals.runtime()
assert keras_internals.runtime() is before
context._reset_context()
assert keras_internals.runtime() is not before
for ours, stock in zip(weights(Network), weights(keras.Sequential)):
    np.testing.assert_allclose(ours, stock, rtol=1e-6)
"""


def test_after_a_reset_of_the_runtime_equal_networks_are_traced_again():
    subprocess.run([sys.executable, "-c", RESET], check=True)


def test_the_epoch_iterator_of_stock_keras_reads_what_it_is_given(model):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    epochs = internals.epoch_iterator(dataset)
    assert epochs.num_batches == 2
    assert epochs.dataset.element_spec == dataset.element_spec
    assert internals.python_batches(epochs.data_adapter) is None
    internals.set_iterator_maker(epochs, lambda: iter("ab"))
    epochs.reset()
    assert [next(source) for _, _, source in epochs] == ["a", "b"]
    assert epochs._current_iterator is not None
    internals.close_iterator(epochs)
    assert epochs._current_iterator is None
    generator = internals.epoch_iterator(((X, Y) for _ in range(3)), steps_per_epoch=3)
    assert len(list(internals.python_batches(generator.data_adapter))) == 3


def test_a_dataset_tells_what_it_was_made_of():
    rows = tf.data.Dataset.from_tensor_slices((X, Y))
    found = internals.before_batch(rows.batch(4).prefetch(1).prefetch(2))
    assert found == (rows, 4)
    for x, tensor in zip((X, Y), internals.slices_of(rows), strict=True):
        np.testing.assert_array_equal(x, tensor)
    assert internals.slices_of(rows.take(3)) is None
    others = rows.batch(4, drop_remainder=True), rows.batch(4).take(1), rows.batch(4).batch(2), rows
    found = [internals.before_batch(other) for other in others]
    assert found[:2] == [None, None]
    assert found[2][1] == 2
    assert found[3] is None
    mapped = internals.map_in_caller(rows.batch(4), lambda x, y: (tf.shape(x)[0], x))
    assert [int(count) for count, _ in mapped] == [4] * (len(X) // 4) + [len(X) % 4] * (
        len(X) % 4 > 0
    )


def test_seeds_of_layers_do_not_depend_on_who_else_draws_random_numbers():
    drawn = []
    for disturbed in (False, True):
        with internals.fixed_random_seed(3):
            if disturbed:
                random.random()
            layer = keras.layers.Dense(4)
            layer.build((None, 3))
            drawn.append(np.asarray(layer.kernel))
    keras.utils.set_random_seed(3)
    layer = keras.layers.Dense(4)
    layer.build((None, 3))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], layer.kernel)


def test_a_call_with_an_array_gives_what_the_function_gives():
    weight, other = tf.Variable([[2.0], [3.0]]), tf.Variable([1.0])

    @tf.function(autograph=False)
    def run(handle, x):
        return x @ handle + other

    spec = tf.TensorSpec((None, 2), "float32")
    concrete = run.get_concrete_function(tf.TensorSpec((2, 1), "float32"), spec)
    call = internals.ArrayCall(concrete)
    x = np.float32([[1, 2], [3, 4], [5, 6]])
    for value in (1.0, -4.0):
        other.assign([value])
        with tf.GradientTape():
            found = call([weight.value()], x[::2])
        np.testing.assert_array_equal(found, x[::2] @ [[2], [3]] + value)
        np.testing.assert_array_equal(call([weight.value()], x[:0]), np.empty((0, 1)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        call([weight.value()], np.zeros((2, 3), "float32"))


@pytest.mark.parametrize("looped", [False, True])
def test_few_rows_run_on_one_thread_unless_the_function_has_a_loop(looped):
    def function(x):
        step = lambda i, x: (i + 1, 2 * x)
        return keras.ops.while_loop(lambda i, x: i < 3, step, (0, x))[1] if looped else 8 * x

    spec = tf.TensorSpec((None, 3), "float32")
    call = internals.ArrayCall(tf.function(function).get_concrete_function(spec))
    for rows in (1, 2, call.few_rows + 1, 2):
        np.testing.assert_array_equal(
            call([], np.ones((rows, 3), "float32")), np.full((rows, 3), 8)
        )
    assert call.one_thread != looped
