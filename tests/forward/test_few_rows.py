"""Classes of a few rows are predicted with NumPy as in a table, and with the current weights."""

import copy
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kerasdnn
from kerasdnn import DNNClassifier, Network
from kerasdnn.core import keras_internals
from kerasdnn.forward import few_rows

N, MANY = 80, 24
EXAMPLES = max(4, settings.default.max_examples // 4)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def mixed_table(rows=N, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, rows).round(1),
            "income": rng.lognormal(8, 1, rows),
            "city": rng.choice(["Oslo", "Bonn", "Rome", None], rows),
            "code": [f"c{i}" for i in rng.integers(0, 50, rows)],
            "when": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "member": rng.random(rows) < 0.5,
        }
    )
    frame.loc[rng.random(rows) < 0.1, "age"] = np.nan
    return frame, rng


TABLE, RNG = mixed_table()
SCORE = (TABLE["age"].fillna(40) - 40) / 12 + 2 * (TABLE["city"] == "Oslo") + RNG.normal(size=N)
TWO = np.where(SCORE > 0, "yes", "no")
THREE = np.array(["low", "mid", "high"])[np.digitize(SCORE, [-0.5, 0.8])]
FITS = {
    "standard": lambda: (DNNClassifier("standard"), TWO),
    "compact": lambda: (DNNClassifier(), TWO),
    "realmlp, three classes": lambda: (DNNClassifier("realmlp"), THREE),
    "tabm": lambda: (DNNClassifier("tabm"), TWO),
    "residual, wide, normalized": lambda: (
        DNNClassifier("standard", hidden_units=(8,), residual=True, wide=True, layer_norm=True,
                      activation="selu"), THREE),
    "batch normalization, cost": lambda: (
        DNNClassifier("standard", hidden_units=(8,), batch_norm=True, activation="gelu",
                      threshold={"false_positive": 1, "false_negative": 3}), TWO),
    "labels": lambda: (DNNClassifier("standard"), np.column_stack([SCORE > 0, SCORE > 1]) * 1),
    "ordered": lambda: (DNNClassifier("standard", ordered=["low", "mid", "high"]), THREE),
    "isotonic": lambda: (DNNClassifier("standard", calibrate="isotonic"), TWO),
}  # fmt: skip


def cell(draw, column):
    """A value of the column, a missing one, or one that is rare."""
    known = st.sampled_from(TABLE[column].tolist())
    if column in ("age", "income"):
        return draw(known | st.floats(-1e6, 1e6) | st.just(np.nan))
    return draw(known | st.none()) if column in ("city", "code") else draw(known)


@st.composite
def rows(draw):
    count = draw(st.sampled_from([1, 1, 1, 2, 8]))
    found = [{c: cell(draw, c) for c in TABLE} for _ in range(count)]
    return pd.concat([TABLE.head(0), pd.DataFrame(found)]).astype(TABLE.dtypes)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::kerasdnn.DataWarning")
@pytest.mark.parametrize("name", FITS)
def test_a_few_rows_have_the_classes_that_they_have_in_a_table(name):
    model, y = FITS[name]()
    model.set_params(random_state=0, epochs=1).fit(TABLE, y)
    described = not (model.residual or model.wide)  # whose variables have names in common

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows())
    def check(few):
        table = pd.concat([few, TABLE.head(MANY)], ignore_index=True)
        expected, p = model.predict(table)[: len(few)], model.predict_proba(table)[: len(few)]
        for form in [few] if len(few) > 1 else [few, few.iloc[0].to_dict()]:
            np.testing.assert_array_equal(model.predict(form), expected)
            np.testing.assert_array_equal(model.predict_proba(form), p)
        found = few_rows.predict(model.network_, model.encoder_.encode(few))
        if found is not None:
            output = model._output(table)[: len(few)]
            np.testing.assert_allclose(found, output, **CLOSE)

    check()
    found = few_rows.predict(model.network_, model.encoder_.encode(TABLE.head(3)))
    assert (found is not None) == described


def small(seed=0, **given):
    x = np.random.default_rng(seed).normal(size=(60, 4)).astype("float32")
    given = {"hidden_units": (6, 5), "epochs": 2, "random_state": 0, **given}
    model = DNNClassifier("standard", **given)
    return model.fit(x, np.where(x[:, 0] + x[:, 1] ** 2 > 0.7, "yes", "no")), x


@pytest.fixture(scope="module")
def plain():
    model, x = small()
    model.network_.optimizer.learning_rate = 0.01
    return model, x


def by_numpy(model, x):
    """What NumPy predicts, None if it does not, and what TensorFlow predicts for the same rows."""
    matrix = model._matrix(x)
    first = few_rows.predict(model.network_, matrix)  # not yet with weights that are new
    found = few_rows.predict(model.network_, matrix)
    assert first is None or np.array_equal(first, found)
    return found, model._output(np.tile(x, (9, 1)))[: len(x)]


def in_numpy(model, x):
    return by_numpy(model, x)[0] is not None


def fit_more(model, x, tmp_path, **how):
    network = model.network_
    network.compile(network.optimizer, network.loss, **how)
    network.fit(model._matrix(x), np.arange(len(x)) % 2, epochs=2, verbose=0)


def load_earlier(model, x, tmp_path):
    model.network_.save_weights(tmp_path / "w.weights.h5")
    for w in model.network_.weights:
        w.assign(w * 1.5)
    model.predict_proba(x[:1])
    model.network_.load_weights(tmp_path / "w.weights.h5")
    model.network_.layers[0].kernel.assign_add(np.full((4, 6), 0.2, "float32"))


def eager_step(model, x, tmp_path):
    kernel = model.network_.layers[0].kernel
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build([kernel])
    optimizer.apply([tf.ones(kernel.shape)], [kernel])


def compiled_step(model, x, tmp_path):
    kernel = model.network_.layers[0].kernel

    @tf.function(jit_compile=True)
    def step():
        for _ in tf.range(3):
            kernel.assign(kernel * 0.9 + 0.05)

    step()


CHANGES = {
    "assign": lambda m, x, _: m.network_.layers[0].kernel.assign(np.eye(4, 6, dtype="float32")),
    "a bias": lambda m, x, _: m.network_.layers[-1].bias.assign_add([0.3]),
    "set_weights": lambda m, x, _: m.network_.set_weights(
        [1.1 * w + 0.01 for w in m.network_.get_weights()]),
    "set_weights of a layer": lambda m, x, _: m.network_.layers[0].set_weights(
        [0.8 * w + 0.02 for w in m.network_.layers[0].get_weights()]),
    "load_weights": load_earlier,
    "a step of an optimizer": eager_step,
    "a compiled step": compiled_step,
    "partial_fit": lambda m, x, _: m.partial_fit(x, np.where(x[:, 0] > 0, "yes", "no")),
    "fit of the network": fit_more,
    "fit with XLA": lambda m, x, path: fit_more(m, x, path, jit_compile=True),
    "fit of stock Keras": lambda m, x, path: fit_more(m, x, path, jit_compile=False),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_weights_are_never_stale(plain, change, tmp_path):
    model, x = plain
    before, expected = by_numpy(model, x[:2])
    np.testing.assert_allclose(before, expected, **CLOSE)
    CHANGES[change](model, x, tmp_path)
    after, expected = by_numpy(model, x[:2])
    np.testing.assert_allclose(after, expected, **CLOSE)
    assert np.abs(after - before).max() > 1e-3


def test_after_a_sparse_update_tensorflow_predicts():
    model, x = small(epochs=1)
    value = keras_internals.tensor_of(model.network_.layers[0].kernel)
    assert in_numpy(model, x[:2])
    for update in (
        lambda: value.scatter_add(tf.IndexedSlices(tf.ones((1, 6)), [1])),
        lambda: value.scatter_add(tf.IndexedSlices(tf.ones((1, 6)), [2])),
        lambda: value[1].assign(np.full(6, 0.7)),
    ):
        update()
        assert not in_numpy(model, x[:2])


def test_no_variable_is_written_to_where_its_memory_is_kept():
    kept = keras.Variable(np.zeros((3, 2), "float32")), keras.Variable(np.ones(4, "float32"))
    reading = keras_internals.Reading(kept)
    memory = few_rows.Memory(reading())
    assert memory.holds(reading())
    for variable in kept:
        variable.assign_add(tf.ones(variable.shape))
        assert not memory.holds(reading())
        memory = few_rows.Memory(reading())
    parts = tf.reshape(tf.range(8.0), (4, 2))  # slices share memory
    kept[0].assign(parts[:3])
    memory = few_rows.Memory(reading())
    kept[0].assign(parts[1:])
    assert not memory.holds(reading())
    np.testing.assert_array_equal(memory.arrays[0], np.arange(6.0).reshape(3, 2))


def test_a_row_that_is_nearly_undecided_is_decided_as_in_a_table(monkeypatch):
    model, x = small(calibrate=False)
    network, row, asked = model.network_, x[3:4], []
    z = model.decision_function(row)[0]
    bias = float(network.layers[-1].bias.numpy()[0])

    def output_of(network, matrix):
        asked.append(len(matrix))
        return DNNClassifier._output_of(model, network, matrix)

    monkeypatch.setattr(model, "_output_of", output_of)
    for shift in (0, 1e-7, -1e-7, 1e-5, -1e-5, 2e-4, -2e-4, 1e-2, -1e-2):
        network.layers[-1].bias.assign([bias - z + shift])
        expected = model.predict(x)[3]
        assert model.predict(row) == [expected]
        asked.clear()
        assert model.predict(row) == [expected]
        assert asked == ([] if abs(shift) > 4e-4 else [1])  # p changes by a quarter of it
    model.threshold_ = float(model.predict_proba(x)[5, 1])
    expected = model.predict(x)[5]
    asked.clear()
    assert model.predict(x[5:6]) == [expected]
    assert asked == [1]


def test_a_threshold_of_a_calibrated_model_decides_a_row_as_a_table():
    model, x = small()
    for threshold in (0.3, 0.45, 0.5, 0.55, 0.9):
        model.threshold_ = threshold
        singles = np.concatenate([model.predict(row[None]) for row in x])
        np.testing.assert_array_equal(singles, model.predict(x))
        np.testing.assert_array_equal(
            singles, np.where(model.predict_proba(x)[:, 1] > threshold, "yes", "no")
        )


def changed_activation(model):
    model.network_.layers[0].activation = keras.activations.tanh


def own_call(model):
    layer = model.network_.layers[0]
    layer.call = lambda inputs: 2 * type(layer).call(layer, inputs)


def own_network_call(model):
    network = model.network_
    network.call = lambda x, **given: 1 - Network.call(network, x, **given)


def eager(model):
    model.network_.run_eagerly = True


def recompiled(model):
    model.network_.layers[0].activation = keras.activations.tanh
    model.network_.compile("adam", "binary_crossentropy")


def own_activation(model):
    model.network_.layers[0].activation = lambda x: x**2
    model.network_.compile("adam", "binary_crossentropy")


def another_layer(model):
    last = model.network_.layers[-1]
    model.network_.pop()
    model.network_.add(keras.layers.UnitNormalization())
    model.network_.add(last)
    model.network_.compile("adam", "binary_crossentropy")


def extreme(model):
    model.network_.layers[0].kernel.assign(np.full((4, 6), 1e30))


def predictions(change, asked_before):
    """The outputs for a few rows and for many, before and after a change."""
    model, x = small(epochs=1, calibrate=False)
    network, found = model.network_, []

    def ask(*sizes):
        for size in sizes:
            matrix = model._matrix(x[:size])
            few = few_rows.predict(network, matrix) if size <= 8 else None
            found.append(model._output(x[:size]) if few is None else few)

    ask(*([1, 1, 60] if asked_before else [60]))
    change(model)
    ask(1, 1, 60)
    network.set_weights([1.05 * w for w in network.get_weights()])
    ask(1, 1, 4, 60)
    return found


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize(
    "change",
    [changed_activation, own_call, own_network_call, eager, recompiled, own_activation,
     another_layer, extreme],
)  # fmt: skip
def test_a_changed_network_predicts_as_tensorflow_does(change, asked_before, monkeypatch):
    found = predictions(change, asked_before)
    monkeypatch.setattr(few_rows, "predict", lambda *args, **given: None)
    for one, expected in zip(found, predictions(change, asked_before), strict=True):
        np.testing.assert_allclose(one, expected, **CLOSE)


def test_calibrated_probabilities_follow_a_network_that_was_compiled_again():
    model, x = small(epochs=1)
    before = model.predict_proba(x)
    recompiled(model)
    after = model.predict_proba(x)
    assert np.abs(after - before).max() > 1e-3
    p = model._output(x)[:, 0]
    expected = 1 / (1 + ((1 - p) / p) ** (1 / model.temperature_))
    np.testing.assert_allclose(after[:, 1], expected, rtol=1e-4)


def test_a_replaced_predict_is_called():
    model, x = small(epochs=1)
    model.predict(x[:1])
    network, calls = model.network_, []

    def predict(x, **given):
        calls.append(len(x))
        return Network.predict(network, x, **given)

    network.predict = predict
    model.predict(x[:1])
    assert calls == [8]


def test_weights_that_are_not_finite_are_an_error():
    model, x = small(epochs=1)
    model.predict(x[:1])
    network = model.network_
    network.layers[-1].bias.assign([np.nan])
    with pytest.raises(ValueError, match="finite weights"):
        model.predict(x[:1])
    network.layers[-1].bias.assign([0.1])
    np.testing.assert_allclose(*by_numpy(model, x[:1]), **CLOSE)


class Doubled(keras.layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.Dense(5, dtype="bfloat16")],
        [Doubled(5, "relu")],
        [keras.layers.Dense(5, lambda x: x**3)],
        [keras.layers.Dense(5, "relu"), keras.layers.Normalization()],
        [keras.layers.Dense(2**18)],
        [keras.layers.Lambda(lambda x: x + 1)],
    ],
)
def test_other_networks_are_left_to_tensorflow(layers):
    network = Network([keras.Input((4,)), *layers, keras.layers.Dense(1)], seed=0)
    x = np.zeros((3, 4), "float32")
    assert few_rows.predict(network, x) is None
    assert few_rows.predict(network, x) is None


def test_copies_have_their_own_weights(tmp_path):
    model, x = small(epochs=1)
    first, _ = by_numpy(model, x[:1])
    model.save(tmp_path / "m.kerasdnn")
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)),
              kerasdnn.load(tmp_path / "m.kerasdnn")]  # fmt: skip
    model.network_.layers[-1].bias.assign_add([1.0])
    for other in copies:
        np.testing.assert_array_equal(by_numpy(other, x[:1])[0], first)
    assert np.abs(by_numpy(model, x[:1])[0] - first).max() > 0.01


def test_far_numbers_are_left_to_tensorflow():
    model, x = small(epochs=1)
    row = x[:1].copy()
    row[0, 2] = 1e4
    assert not in_numpy(model, row)
    assert model.predict(row) == model.predict(np.concatenate([row, x]))[0]
