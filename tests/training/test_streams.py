"""Datasets, generators and `PyDataset`s train in compiled calls as stock Keras trains on them."""

import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasdnn import Network
from kerasdnn.training import streams

ROWS, WIDTH = 203, 5
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, WIDTH)).astype("float32")
Y = (X[:, :1] + 0.3 * rng.normal(size=(ROWS, 1)) > 0).astype("float32")
W = rng.uniform(0.5, 2, ROWS).astype("float32")


def dataset(batch=16, **options):
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(batch, **options)


def batches(sizes):
    """Batches of the sizes given, one after the other, without end."""
    start = 0
    while True:
        for size in sizes:
            rows = np.arange(start, start + size) % ROWS
            yield X[rows], Y[rows]
            start += size


class Table(keras.utils.PyDataset):
    epochs = 0

    def __len__(self):
        return 13

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * index + 16)
        return X[rows], Y[rows]

    def on_epoch_end(self):
        self.epochs += 1


def network(kind, layers=()):
    keras.utils.set_random_seed(1)
    dense = keras.layers.Dense
    extra = [layer() for layer in layers]
    model = kind([keras.Input((WIDTH,)), dense(8, "relu"), *extra, dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def both(make, layers=(), path="compiled", **fit):
    """Fit both kinds of network on what `make()` returns; history, weights and steps are equal."""
    found = []
    for kind in (Network, keras.Sequential):
        model = network(kind, layers)
        tf.random.set_seed(5)  # of datasets that shuffle
        keras.utils.set_random_seed(2)  # of a `PyDataset`
        given = {name: value() if callable(value) else value for name, value in fit.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            history = model.fit(make(), verbose=0, **({"epochs": 3} | given)).history
        found.append((model, history))
    (ours, history), (stock, expected) = found
    assert ours.last_path == path
    assert list(history) == list(expected)
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], 1e-5, 2e-6, err_msg=name)
    for a, b in zip(ours.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, 1e-4, 2e-6)
    assert int(ours.optimizer.iterations) == int(stock.optimizer.iterations)


def test_a_dataset_that_shuffles_again_in_every_epoch_gives_the_weights_of_stock_keras():
    both(lambda: dataset().shuffle(13, seed=3, reshuffle_each_iteration=True))


def test_short_batches_are_exact_also_where_they_cannot_be_filled_up():
    both(dataset, layers=[keras.layers.BatchNormalization])


def test_batches_of_a_dataset_may_have_any_sizes():
    sizes = tf.constant([16, 16, 16, 3, 20, 20, 9, 9, 9, 1], tf.int64)
    cut = lambda x, y, n: (x[:n], y[:n])
    data = lambda: tf.data.Dataset.zip(
        dataset(20).repeat().take(10), tf.data.Dataset.from_tensor_slices(sizes)
    ).map(lambda batch, n: cut(*batch, n))
    both(data, epochs=2)


equal = X[:200].reshape(25, 8, -1), Y[:200].reshape(25, 8, 1)
ROW_BY_ROW = tf.data.Dataset.from_tensor_slices((X, Y))


@pytest.mark.parametrize("make", [
    lambda: dataset().map(lambda x, y: (x + 1, y)).prefetch(2),
    lambda: dataset(7, num_parallel_calls=2).cache().prefetch(1),
    lambda: ROW_BY_ROW.shuffle(50, seed=3).batch(16).prefetch(2),
    lambda: ROW_BY_ROW.shuffle(50, seed=3).batch(16, drop_remainder=True),
    lambda: tf.data.Dataset.from_tensor_slices(equal),
    lambda: tf.data.Dataset.from_tensor_slices(equal).shuffle(9, seed=3),
])  # fmt: skip
def test_a_dataset_is_read_however_it_is_batched(make):
    both(make, epochs=2)


def test_a_step_that_is_no_function_of_the_weights_trains_on_a_dataset():
    both(lambda: dataset(drop_remainder=True), layers=[lambda: keras.layers.Dropout(0.0)])


def test_row_weights_and_class_weights_of_a_dataset_count():
    weighted = tf.data.Dataset.from_tensor_slices((X, Y, W)).batch(16)
    both(lambda: weighted, epochs=2)
    counts = tf.data.Dataset.from_tensor_slices((X, Y, np.arange(len(X)) % 3)).batch(16)
    both(lambda: counts, epochs=2)
    both(dataset, class_weight={0: 0.5, 1: 2.0}, epochs=2)


def test_a_number_of_steps_is_kept_and_a_dataset_goes_on_where_the_epoch_ended():
    both(lambda: dataset().repeat(), steps_per_epoch=5)


def test_a_dataset_shorter_than_the_number_of_steps_ends_the_training_as_in_stock_keras():
    both(dataset, steps_per_epoch=20, epochs=2)


@pytest.mark.filterwarnings("ignore:Your input ran out of data", "ignore:`shuffle=True`")
def test_a_dataset_of_unknown_length_is_read_to_its_end():
    # With one step per execution, stock Keras counts a step more than it takes in such an epoch.
    stock = network(keras.Sequential, [lambda: keras.layers.Dropout(0.3, seed=3)])
    config = {"loss": "binary_crossentropy", "metrics": ["accuracy"], "steps_per_execution": 8}
    stock.compile(keras.optimizers.Adam(0.01), **config)
    ours = network(Network, [lambda: keras.layers.Dropout(0.3, seed=3)])
    found = []
    for model in (ours, stock):
        history = model.fit(dataset().filter(lambda x, y: True), epochs=3, verbose=0).history
        weights = np.concatenate([w.ravel() for w in model.get_weights()])
        found.append([*history["loss"], *history["accuracy"], *weights])
    assert ours.last_path == "compiled"
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
    assert int(ours.optimizer.iterations) == int(stock.optimizer.iterations) == 39


def test_a_generator_trains_in_compiled_calls():
    both(lambda: batches([16]), steps_per_epoch=7)


def test_batches_of_any_sizes_are_steps_of_their_own():
    both(lambda: batches([16, 16, 3, 20, 20, 20, 1]), steps_per_epoch=11)
    normal = [keras.layers.BatchNormalization]
    both(lambda: batches([9, 5, 9]), layers=normal, steps_per_epoch=6, epochs=1)


def test_a_pydataset_is_shuffled_and_told_the_end_of_epochs_as_in_stock_keras():
    tables = []
    both(lambda: tables.append(Table()) or tables[-1])
    assert tables[0].epochs == tables[1].epochs


def test_a_dataset_to_validate_on_is_evaluated_in_compiled_calls():
    both(dataset, validation_data=dataset)
    both(dataset, validation_data=lambda: dataset().repeat(), validation_steps=4, epochs=1)


def test_a_callback_that_stops_takes_effect_after_the_epoch():
    stop = lambda: [keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1.0)]
    both(dataset, callbacks=stop, epochs=5)


def test_steps_per_execution_and_saving_divide_the_epoch(tmp_path):
    path = str(tmp_path / "{batch}.weights.h5")
    save = lambda: [keras.callbacks.ModelCheckpoint(path, save_freq=5, save_weights_only=True)]
    both(dataset, callbacks=save, epochs=2)
    assert {p.name for p in tmp_path.iterdir()} == {"5.weights.h5", "10.weights.h5", "2.weights.h5",
                                                    "7.weights.h5", "12.weights.h5"}  # fmt: skip


def test_evaluate_reads_a_dataset_in_compiled_calls():
    ours, stock = network(Network), network(keras.Sequential)
    for data in (dataset, lambda: dataset().repeat().take(5)):
        expected = stock.evaluate(data(), verbose=0, return_dict=True)
        assert ours.evaluate(data(), verbose=0, return_dict=True) == pytest.approx(expected, 1e-5)
        assert ours.last_path == "compiled"
    expected = stock.evaluate(batches([16]), steps=3, verbose=0)
    assert ours.evaluate(batches([16]), steps=3, verbose=0) == pytest.approx(expected, 1e-5)


def test_data_for_stock_keras_lose_no_batch_that_was_read_to_find_that_out():
    def nested():
        for x, y in batches([16]):
            yield (x, y, None)

    reason = "stock: a dataset of other elements than dense (x, y) or (x, y, weights)"
    both(nested, steps_per_epoch=4, path=reason)


def test_an_error_in_a_generator_reaches_the_caller():
    def broken():
        yield X[:16], Y[:16]
        yield X[:16], Y[:16]
        yield X[:16, :3], Y[:16]

    with pytest.raises(TypeError, match="shapes"):
        network(Network).fit(broken(), verbose=0, shuffle=False)


def test_a_generator_may_fill_the_same_arrays_again():
    def refilled():
        x, y = np.empty((16, WIDTH), "float32"), np.empty((16, 1), "float32")
        for batch in batches([16]):
            x[:], y[:] = batch
            yield x, y

    def copied():  # Keras reads two batches to learn their shapes, and keeps the arrays
        yield from [list(itertools.islice(batches([16]), 2))[1]] * 2
        yield from itertools.islice(batches([16]), 2, None)

    found = []
    for make in (refilled, copied):
        model = network(Network)
        model.fit(make(), steps_per_epoch=40, verbose=0, shuffle=False)
        found.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("kind", ["dataset", "generator"])
def test_parts_of_a_batch_that_differ_in_rows_are_an_error(kind):
    def uneven():
        yield X[:16], Y[:16]
        yield X[:16], Y[:9]

    specs = tf.TensorSpec((None, WIDTH), "float32"), tf.TensorSpec((None, 1), "float32")
    data = tf.data.Dataset.from_generator(uneven, output_signature=specs)
    with pytest.raises(ValueError, match="16, 9 rows"):
        network(Network).fit(data if kind == "dataset" else uneven(), verbose=0, shuffle=False)


def test_blocks_hold_equal_batches_of_which_the_last_may_be_short():
    stream = object.__new__(streams.Stream)
    stream.limit = 3
    rows = np.arange(40)
    sizes = [4, 4, 4, 4, 2, 4, 6, 6, 6]
    edges = np.cumsum([0, *sizes])
    runs = [([rows[a:b]], [b - a]) for a, b in itertools.pairwise(edges)]
    blocks = list(stream.blocks(runs))
    assert [block.counts for block in blocks] == [[4, 4, 4], [4, 2], [4], [6, 6, 6]]
    used = [b.take(0, len(b.counts), sum(b.counts))[0] for b in blocks]
    np.testing.assert_array_equal(np.concatenate(used), rows)
    [part] = blocks[0].take(1, 3, 10)
    assert part.tolist() == [4, 5, 6, 7, 8, 9, 10, 11, 0, 0]
    smaller = [([np.arange(8)], [4, 4]), ([np.arange(6)], [2, 2, 2])]
    assert [block.counts for block in stream.blocks(smaller)] == [[4, 4, 2], [2, 2]]
    together = [([np.arange(20)], [4] * 5)]
    assert [block.counts for block in stream.blocks(together)] == [[4, 4, 4], [4, 4]]
    assert [b.parts[0][: b.used].tolist() for b in stream.blocks(together)] == [
        list(range(12)), list(range(12, 20)),
    ]  # fmt: skip
