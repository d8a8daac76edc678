"""A `Network` as an object of Keras: copied, serialized, saved, nested, patched, given tables."""

import copy
import io
import pickle
import subprocess
import sys
import textwrap
import threading

import joblib
import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import kerasdnn
from kerasdnn import Network, build_classifier, build_regressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def trained(x=FRAME):
    network = build_classifier(3, hidden_units=(4,), dropout=0.2, metrics=["accuracy"], seed=7)
    network.fit(x, Y, epochs=2, verbose=0)
    return network


def by_file(network, path):
    keras.saving.save_model(network, path / "network.keras")
    return keras.saving.load_model(path / "network.keras")


def by_joblib(network, path):
    joblib.dump(network, path / "network.joblib")
    return joblib.load(path / "network.joblib")


def by_folder(network, path):
    keras.saving.save_model(network, path / "network", zipped=False)
    return keras.saving.load_model(path / "network")


def by_kerasdnn(network, path):
    network.save(path / "network.keras")
    return kerasdnn.load(path / "network.keras")


def by_kerasdnn_after_save_model(network, path):
    keras.saving.save_model(network, path / "network.keras")
    return kerasdnn.load(path / "network.keras")


WHOLE = {
    "pickle": lambda network, path: pickle.loads(pickle.dumps(network)),
    "joblib": by_joblib,
    "deepcopy": lambda network, path: copy.deepcopy(network),
    "copy": lambda network, path: copy.copy(network),
    "a list that is copied": lambda network, path: copy.deepcopy([network, network])[1],
    "keras.saving.save_model": by_file,
    "a folder": by_folder,
    "save and load": by_kerasdnn,
    "save_model and load": by_kerasdnn_after_save_model,
}


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
def test_a_copy_trains_on_as_the_network_itself(way, tmp_path):
    network = trained()
    after = way(network, tmp_path)
    assert type(after) is Network
    assert (after.seed, after.column_names) == (7, ("a", "b", "c"))
    np.testing.assert_array_equal(after.predict(FRAME), network.predict(FRAME))
    np.testing.assert_array_equal(after.predict(FRAME[["c", "a", "b"]]), network.predict(FRAME))
    with pytest.raises(ValueError, match="Unknown: 'd'"):
        after.predict(FRAME.rename(columns={"a": "d"}))
    for model in (after, network):
        model.fit(FRAME, Y, initial_epoch=2, epochs=4, verbose=0)
        assert model.last_path == "compiled"
    for ours, theirs in zip(after.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_h5_file_of_save_model_makes_the_network_again(tmp_path):
    network = trained()
    keras.saving.save_model(network, tmp_path / "network.h5")
    after = keras.saving.load_model(tmp_path / "network.h5")
    assert type(after) is Network
    assert (after.seed, after.column_names) == (7, ("a", "b", "c"))
    np.testing.assert_array_equal(after.predict(FRAME[["c", "a", "b"]]), network.predict(FRAME))


STRUCTURE = {
    "serialize_keras_object": lambda network: keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(network)
    ),
    "to_json": lambda network: keras.models.model_from_json(network.to_json()),
    "get_config": lambda network: Network.from_config(network.get_config()),
}


@pytest.mark.parametrize("way", STRUCTURE.values(), ids=STRUCTURE)
def test_a_configuration_makes_the_network_again(way):
    network = trained()
    after = way(network)
    assert type(after) is Network
    assert (after.seed, after.column_names) == (7, ("a", "b", "c"))
    after.set_weights(network.get_weights())
    np.testing.assert_array_equal(after.predict(FRAME), network.predict(FRAME))


def test_a_clone_has_the_layers_of_the_network():
    network = trained()
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    np.testing.assert_allclose(clone.predict(X, verbose=0), network.predict(FRAME), rtol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"steps_per_execution": 1}, {"jit_compile": False}])
def test_the_settings_of_compile_survive_a_file(settings, tmp_path):
    network = Network([keras.Input((3,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse", **settings)
    network.save(tmp_path / "network.keras")
    after = kerasdnn.load(tmp_path / "network.keras")
    assert (after.steps_per_call, after.use_xla) == (network.steps_per_call, network.use_xla)


def test_column_names_of_two_levels_survive_a_file(tmp_path):
    names = pd.MultiIndex.from_tuples([("p", 1), ("p", 2), ("q", 1)])
    after = by_kerasdnn(trained(FRAME.set_axis(names, axis=1)), tmp_path)
    assert after.column_names == (("p", 1), ("p", 2), ("q", 1))


def test_column_names_that_no_file_holds_are_told(tmp_path):
    network = trained(FRAME.set_axis(pd.date_range("2024", periods=3), axis=1))
    with pytest.warns(kerasdnn.DataWarning, match="Column names such as"):
        after = by_kerasdnn(network, tmp_path)
    assert after.column_names is None


def test_every_file_of_save_opens_where_kerasdnn_is_not_installed(tmp_path):
    network = trained()
    network.save(tmp_path / "network.keras")
    network.save(tmp_path / "network.h5")
    network.save(tmp_path / "folder", zipped=False)
    network.save(tmp_path / "new.keras", overwrite=False)
    code = """
        import sys
        sys.modules["kerasdnn"] = None
        import keras
        import numpy as np
        x, right = np.load("x.npy"), np.load("right.npy")
        for name in ("network.keras", "network.h5", "folder", "new.keras"):
            model = keras.saving.load_model(name)
            assert type(model) is keras.Sequential
            if name == "network.keras":
                assert int(model.optimizer.iterations) == int(sys.argv[1])
            np.testing.assert_allclose(model.predict(x, verbose=0), right, rtol=1e-5)
            if not name.endswith("h5"):  # Keras cannot train on from any such file
                model.fit(x, right, verbose=0)
    """
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "right.npy", network.predict(FRAME))
    steps = str(int(network.optimizer.iterations))
    command = [sys.executable, "-c", textwrap.dedent(code), steps]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@keras.saving.register_keras_serializable(package="tests")
class Doubled(Network):
    def call(self, inputs, **kwargs):
        return 2 * super().call(inputs, **kwargs)


def test_a_subclass_is_saved_as_itself(tmp_path):
    network = Doubled([keras.Input((3,)), keras.layers.Dense(1)], seed=3)
    network.compile("sgd", "mse")
    network.save(tmp_path / "network.keras")
    for after in (keras.saving.load_model(tmp_path / "network.keras"), copy.copy(network)):
        assert type(after) is Doubled
        assert after.seed == 3
        np.testing.assert_allclose(after(X), network(X))


def test_saving_never_changes_the_class_of_the_network(tmp_path, monkeypatch):
    network, seen = trained(), []
    real = keras.src.saving.saving_lib._save_state
    watched = lambda *args, **kwargs: (seen.append(type(network)), real(*args, **kwargs))
    monkeypatch.setattr("keras.src.saving.saving_lib._save_state", watched)
    network.save(tmp_path / "network.keras")
    assert set(seen) == {Network}


def test_save_asks_before_it_overwrites_only_if_told_to(tmp_path, monkeypatch):
    network = trained()
    network.save(tmp_path / "network.keras")
    before = (tmp_path / "network.keras").read_bytes()
    network.fit(FRAME, Y, verbose=0)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    network.save(tmp_path / "network.keras", overwrite=False)
    assert (tmp_path / "network.keras").read_bytes() == before


def functional(network):
    inputs = keras.Input((3,))
    return keras.Model(inputs, network(inputs))


OUTER = {
    "functional": functional,
    "Sequential": lambda network: keras.Sequential([keras.Input((3,)), network]),
    "Network": lambda network: Network([keras.Input((3,)), network]),
}


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("outer", OUTER.values(), ids=OUTER)
def test_a_network_within_another_model(outer, ending, tmp_path):
    network = trained()
    model = outer(network)
    model.compile("adam", "binary_crossentropy")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / f"model.{ending}")
    after = keras.saving.load_model(tmp_path / f"model.{ending}")
    assert isinstance(after.layers[-1], Network)
    assert after.layers[-1].column_names == ("a", "b", "c")
    np.testing.assert_allclose(after.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(network.predict(FRAME), model.predict(X, verbose=0), rtol=1e-5)


def test_predict_before_compile():
    network = Network([keras.Input((3,)), keras.layers.Dense(2)])
    kernel, bias = network.get_weights()
    for rows in (70, 1):
        np.testing.assert_allclose(network.predict(X[:rows]), X[:rows] @ kernel + bias, rtol=1e-4)
    unbuilt = Network([keras.layers.Dense(2)])
    assert unbuilt.predict(X).shape == (70, 2)


def patched(monkeypatch, owner, calls):
    """Replace `fit` as tools that log trainings do: a wrapper that adds a callback."""
    original = owner.fit

    def fit(self, *args, **kwargs):
        saw = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: calls.append(logs))
        kwargs["callbacks"] = [*kwargs.get("callbacks", []), saw]
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, "fit", fit)


@pytest.mark.parametrize("owner", [keras.Model, keras.Sequential])
def test_a_patch_of_the_fit_of_keras_takes_effect(owner, monkeypatch):
    calls = []
    with monkeypatch.context() as patch:
        patched(patch, owner, calls)
        network = trained()
        assert network.last_path == "stock: `keras.Model.fit` is patched"
        own = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: calls.append("own"))
        network.fit(FRAME, Y, verbose=0, callbacks=[own], validation_split=0.2)
    assert calls[-2] == "own"
    assert [set(logs) for logs in calls if logs != "own"] == [
        {"loss", "accuracy"},
        {"loss", "accuracy"},
        {"loss", "accuracy", "val_loss", "val_accuracy"},
    ]
    network.fit(FRAME, Y, verbose=0)
    assert (network.last_path, len(calls)) == ("compiled", 4)


@pytest.mark.parametrize("whole", [np.int64, np.int32, np.uint8])
def test_numpy_numbers_are_settings(whole):
    found = []
    for make in (int, whole):
        network = build_regressor(3, hidden_units=(4,), seed=0)
        sizes = {"batch_size": make(16), "validation_batch_size": make(8)}
        history = network.fit(
            X, Y, epochs=make(4), initial_epoch=make(1), verbose=make(0), validation_freq=make(2),
            validation_split=0.2, **sizes,
        )  # fmt: skip
        found.append([*history.history.values(), network.evaluate(X, Y, make(16), verbose=0)])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "setting",
    [
        {"batch_size": -1},
        {"batch_size": 2.5},
        {"validation_batch_size": -1},
        {"epochs": "3"},
        {"initial_epoch": 1.5},
        {"validation_split": -0.2},
        {"validation_split": 1.0},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_named_with_its_value(setting):
    network = build_regressor(3, hidden_units=(4,), seed=0)
    [(name, value)] = setting.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}={value!r}"):
        network.fit(X, Y, verbose=0, **setting)
    if name == "batch_size":
        for call in (network.evaluate, network.predict):
            rows = (X, Y) if call == network.evaluate else (X,)
            with pytest.raises(ValueError, match=f"{name}={value!r}"):
                call(*rows, batch_size=value)


def test_no_rows_to_predict_is_an_error_that_says_so():
    network = build_regressor(3, hidden_units=(4,), seed=0)
    with pytest.raises(ValueError, match=r"`x` must have rows.*\(0, 3\)"):
        network.predict(X[:0])


def test_a_call_replaced_after_a_prediction_is_called():
    network = build_regressor(3, hidden_units=(4,), seed=0)
    network.predict(X[:1])
    network.call = lambda x, training=None, mask=None: 0 * x[:, :1] + 5
    assert (network.predict(X[:3]) == 5).all()


# Tables of any make

MIXED = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5], "b": [True, False, True, True], "c": [1, 2, 3, 4]})
MAKES = {
    "bool beside numbers": MIXED,
    "bool beside integers": MIXED.assign(a=[1, 2, 3, 4]),
    "bool alone": MIXED > 2,
    "bool beside float32": MIXED.astype({"a": "float32", "c": "float32"}),
    "nullable": MIXED.convert_dtypes(),
    "nullable integers": MIXED.assign(a=1).astype("Int64"),
    "pyarrow": MIXED.convert_dtypes(dtype_backend="pyarrow"),
    "sparse": MIXED.astype(pd.SparseDtype("float64")),
    "polars": pl.DataFrame(MIXED.to_dict("list")),
    "pyarrow table": pa.table(MIXED.to_dict("list")),
    "array whose mask hides nothing": np.ma.masked_array(MIXED.to_numpy("float32")),
}


@pytest.mark.parametrize("x", MAKES.values(), ids=MAKES)
def test_a_table_of_any_make_is_its_numbers(x):
    plain = x if isinstance(x, pd.DataFrame) else MIXED
    plain = plain.astype("float32").to_numpy()
    y = np.float32([0, 1, 0, 1])
    networks = [build_classifier(3, hidden_units=(2,), seed=0) for _ in range(2)]
    for network, table in zip(networks, (x, plain), strict=True):
        network.fit(table, y, epochs=2, verbose=0, validation_data=(table, y))
        assert network.last_path == "compiled"
    for ours, theirs in zip(*(network.get_weights() for network in networks), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(networks[0].predict(x), networks[1].predict(plain))
    assert networks[0].evaluate(x, y, verbose=0) == networks[1].evaluate(plain, y, verbose=0)


@pytest.mark.parametrize("x", [MAKES["bool beside numbers"], MAKES["nullable"], MAKES["polars"]])
def test_stock_training_takes_the_same_tables(x):
    network = build_classifier(3, hidden_units=(2,), seed=0)
    network.compile("sgd", "binary_crossentropy", steps_per_execution=1)
    network.fit(x, np.float32([0, 1, 0, 1]), verbose=0)
    assert network.last_path == "stock: steps_per_execution=1"
    assert np.isfinite(network.predict(x)).all()


LABELS = {
    "nullable": pd.Series([0, 1, 0, 1], dtype="Int64"),
    "nullable boolean": pd.Series([False, True, False, True], dtype="boolean"),
    "pyarrow": pd.Series([0, 1, 0, 1], dtype="int64[pyarrow]"),
    "pandas array": pd.array([0, 1, 0, 1], dtype="Int64"),
    "polars": pl.Series([0, 1, 0, 1]),
    "polars booleans": pl.Series("y", [False, True, False, True]),
    "polars frame": pl.DataFrame({"y": [0, 1, 0, 1]}),
    "pyarrow array": pa.chunked_array([[0, 1], [0, 1]]),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_of_any_make(y):
    found = []
    for labels in (y, np.float32([0, 1, 0, 1])):
        network = build_classifier(3, hidden_units=(2,), seed=0)
        found.append(network.fit(MIXED, labels, epochs=2, verbose=0).history["loss"])
    assert found[0] == found[1]


HOLES = {
    "mask": np.ma.masked_array(X, mask=X > 2),
    "mask of integers": np.ma.masked_array((10 * X).astype(int), mask=X > 2),
    "nullable": FRAME.mask(FRAME > 2).convert_dtypes(),
    "nullable integers": (10 * FRAME).round().mask(FRAME > 2).astype("Int64"),
    "polars": pl.DataFrame(FRAME.mask(FRAME > 2)).fill_nan(None),
}


@pytest.mark.parametrize("x", HOLES.values(), ids=HOLES)
def test_missing_values_of_any_make_are_refused_as_nan(x):
    network = build_classifier(3, hidden_units=(2,), seed=0)
    words = "Column .* contains NaN"
    calls = network.predict, lambda x: network.fit(x, Y), lambda x: network.evaluate(x, Y)
    for call in (*calls, lambda x: network.fit(X, Y, validation_data=(x, Y))):
        with pytest.raises(ValueError, match=words):
            call(x)


@pytest.mark.parametrize(
    "y",
    [
        np.ma.masked_array(Y, mask=X[:, 0] > 1),
        np.ma.masked_array(Y.astype(int), mask=X[:, 0] > 1),
        pd.Series(Y.astype(int), dtype="Int64").mask(X[:, 0] > 1),
        pl.Series(Y).set(pl.Series(X[:, 0] > 1), None),
    ],
    ids=["mask", "mask of integers", "nullable", "polars"],
)
def test_missing_labels_and_weights_of_any_make_are_refused_as_nan(y):
    network = build_classifier(3, hidden_units=(2,), seed=0)
    with pytest.raises(ValueError, match="`y` contains NaN"):
        network.fit(X, y)
    with pytest.raises(ValueError, match="`sample_weight` contains NaN"):
        network.fit(X, Y, sample_weight=y)


# Rows of pandas are paired by position, and must then be the same ones

SHIFTED = pd.Series(Y, index=np.arange(70) + 35)
REVERSED = pd.Series(Y, index=np.arange(70)[::-1])
DOUBLED = pd.Series(Y, index=np.arange(70) // 2)


@pytest.mark.parametrize("other", [SHIFTED, REVERSED, DOUBLED], ids=["shifted", "turned", "twice"])
def test_rows_of_another_index_are_refused(other):
    network = build_classifier(3, hidden_units=(2,), seed=0)
    calls = {
        "y": lambda: network.fit(FRAME, other),
        "sample_weight": lambda: network.fit(FRAME, Y, sample_weight=other + 1),
        r"validation_data\[1\]": lambda: network.fit(FRAME, Y, validation_data=(FRAME, other)),
        r"validation_data\[2\]": lambda: network.fit(
            FRAME, Y, validation_data=(FRAME, pd.Series(Y), other + 1)
        ),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=rf"`{name}` must have (their rows|the same index)"):
            call()
    with pytest.raises(ValueError, match=r"`y` must have (their rows|the same index)"):
        network.evaluate(FRAME, other)


def test_rows_that_were_numbered_anew_are_paired_by_position():
    network = build_classifier(3, hidden_units=(2,), seed=0)
    named = FRAME.set_axis([f"row {i}" for i in range(70)])
    network.fit(named, pd.Series(Y), sample_weight=pd.Series(Y + 1), verbose=0)
    network.fit(FRAME, pd.Series(Y, index=FRAME.index.astype("float64")), verbose=0)


# What stock Keras takes and is no mistake


def test_strings_for_a_layer_that_reads_them():
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    network = Network([keras.Input((1,), dtype="string"), lookup, keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    x = keras.ops.convert_to_tensor([["a"], ["b"], ["c"]] * 10)
    network.fit(x, np.arange(30.0), verbose=0)
    assert network.predict(x, verbose=0).shape == (30, 1)
    assert network.evaluate(x, np.arange(30.0), verbose=0) > 0


def test_a_weight_for_every_time_step():
    network = Network([keras.Input((4, 3)), keras.layers.Dense(2)])
    network.compile("sgd", "mse", steps_per_execution=1)
    x, y, weights = RNG.random((40, 4, 3)), RNG.random((40, 4, 2)), RNG.random((40, 4))
    network.fit(x, y, sample_weight=weights, verbose=0)
    with pytest.raises(ValueError, match="negative weight"):
        network.fit(x, y, sample_weight=-weights, verbose=0)


def test_equal_networks_that_train_in_threads_do_not_mix_their_weights():
    def made():
        return build_classifier(3, hidden_units=(5,), seed=1)

    def fit(network, epochs=40):
        losses = network.fit(X, Y, epochs=epochs, verbose=0).history["loss"]
        return losses, int(network.optimizer.iterations.numpy())

    fit(made(), 3)  # the step is traced, and the function of 40 epochs is not
    networks, found = [made() for _ in range(4)], {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: fit(networks[i])})) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = fit(made())
    assert [found[i] for i in range(4)] == [expected] * 4
