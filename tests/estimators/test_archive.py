import copy
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
from keras.src.backend.common import global_state
from keras.src.saving.serialization_lib import SafeModeScope

from kerasdnn import DataWarning, DNNClassifier, DNNRegressor, Network, build_classifier, load
from kerasdnn.estimators.files.archive import PARTS, to_json, zipped

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
DATA = Path(__file__).parents[1] / "data"


def table(rows=80):
    """A table without randomness, the same in every version of every library."""
    i = np.arange(rows)
    frame = pd.DataFrame(
        {
            "age": np.where(i % 9 == 0, np.nan, (i * 37) % 50),
            "city": np.array(["Oslo", "Rome", "Bern", None], dtype=object)[(i * 7) % 4],
            "since": pd.Timestamp("2021-03-04") + pd.to_timedelta((i * 91) % 700, "D"),
            "member": (i * 3) % 5 < 2,
            "zip": [f"z{(k * 11) % 40}" for k in i],
        }
    )
    return frame, np.where((i * 37) % 50 > 24, "old", "young")


@pytest.fixture(scope="module")
def model():
    frame, y = table()
    return DNNClassifier(
        hidden_units=(8,), epochs=3, one_hot_limit=4, embedding_size=2, random_state=0,
        class_weight={"old": 2.0}, optimizer=keras.optimizers.Adam(0.01),
    ).fit(frame, y)  # fmt: skip


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.kerasdnn"
    model.save(path)
    return path.read_bytes()


def loaded(data, tmp_path, name="model.kerasdnn"):
    path = tmp_path / name
    path.write_bytes(data)
    return load(path)


def test_everything_comes_back(model, saved, tmp_path):
    frame, y = table()
    after = loaded(saved, tmp_path)
    np.testing.assert_array_equal(after.predict_proba(frame), model.predict_proba(frame))
    np.testing.assert_array_equal(after.classes_, model.classes_)
    assert after.classes_.dtype == model.classes_.dtype
    assert after.evaluate(frame, y) == model.evaluate(frame, y)
    assert after.best_epoch_ == model.best_epoch_
    pd.testing.assert_frame_equal(after.history_, model.history_, check_exact=True)
    assert after.network_.seed == model.network_.seed
    ours, theirs = after.get_params(), model.get_params()
    assert ours.pop("optimizer").get_config() == theirs.pop("optimizer").get_config()
    assert ours == theirs
    assert after.hyperparameters_["hidden_units"] == (8,)  # still a tuple
    after.save(tmp_path / "again.kerasdnn")
    assert load(tmp_path / "again.kerasdnn").score(frame, y) == model.score(frame, y)


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (DNNRegressor(), np.arange(80.0) ** 2),
        (DNNRegressor(target="count"), np.column_stack([np.arange(80), np.arange(80) % 3])),
        (DNNClassifier(), np.arange(80) % 3),
        (DNNClassifier(), pd.DataFrame({"a": np.arange(80) % 2, "b": np.arange(80) % 3 > 0})),
    ],
)
def test_every_kind_of_target_comes_back(estimator, y, tmp_path):
    frame, _ = table()
    estimator.set_params(hidden_units=(4,), epochs=1, random_state=0).fit(frame, y)
    estimator.save(tmp_path / "model.kerasdnn")
    after = load(tmp_path / "model.kerasdnn")
    np.testing.assert_array_equal(after.predict(frame), estimator.predict(frame))
    assert after.evaluate(frame, y) == estimator.evaluate(frame, y)


def test_a_fresh_process_predicts_the_same_to_the_bit(model, saved, tmp_path):
    frame, _ = table()
    (tmp_path / "model.kerasdnn").write_bytes(saved)
    frame.to_pickle(tmp_path / "frame.pickle")
    code = (
        "import kerasdnn, numpy, pandas\n"
        "model = kerasdnn.load('model.kerasdnn')\n"
        "numpy.save('p.npy', model.predict_proba(pandas.read_pickle('frame.pickle')))\n"
    )
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        check=True,
        env=os.environ | {"PYTHONPATH": root},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), model.predict_proba(frame))


def test_a_file_of_the_first_version_is_still_read():
    frame, _ = table()
    model = load(DATA / "classifier-1.kerasdnn")
    expected = json.loads((DATA / "classifier-1.json").read_text())
    np.testing.assert_allclose(model.predict_proba(frame), expected["predict_proba"], rtol=1e-5)
    assert model.classes_.tolist() == expected["classes"]


def test_the_file_is_plain_and_opens_in_plain_keras_where_nothing_is_ours(tmp_path):
    frame, y = table()
    model = DNNClassifier(hidden_units=(4,), epochs=1).fit(frame[["age", "city"]], y)
    model.save(tmp_path / "model.kerasdnn")
    with zipfile.ZipFile(tmp_path / "model.kerasdnn") as file:
        assert set(file.namelist()) == {"manifest.json", "estimator.json", "network.keras"}
        state = json.loads(file.read("estimator.json"))
        file.extract("network.keras", tmp_path)
    assert {"python", "keras", "numpy", "pandas", "scikit-learn"} <= set(state["versions"])
    plain = keras.saving.load_model(tmp_path / "network.keras")
    assert type(plain) is keras.Sequential
    x = model.encoder_.transform(frame[["age", "city"]])
    np.testing.assert_allclose(plain.predict(x, verbose=0), model.network_.predict(x), rtol=1e-6)


def test_what_a_file_cannot_hold_is_named(tmp_path):
    frame, y = table()
    model = DNNClassifier(hidden_units=(4,), epochs=1, callbacks=[keras.callbacks.History()])
    model.fit(frame, y)
    with pytest.warns(DataWarning, match="`callbacks`.*None after loading"):
        model.save(tmp_path / "model.kerasdnn")
    assert load(tmp_path / "model.kerasdnn").callbacks is None


def test_a_keras_file_is_read_as_a_network(tmp_path):
    network = build_classifier(3, hidden_units=(4,), seed=0)
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    network.fit(x, x[:, 0] > 0, verbose=0)
    network.save(tmp_path / "network.keras")
    after = load(tmp_path / "network.keras")
    assert type(after) is Network
    np.testing.assert_array_equal(after.predict(x), network.predict(x))
    for ours, theirs in zip(after.optimizer.variables, network.optimizer.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )
    after.fit(x, x[:, 0] > 0, verbose=0)
    assert after.last_path == "compiled"


def edited(data, part, change):
    """The file with `change` made to one of its JSON parts, without new checksums."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == part:
                state = json.loads(content)
                change(state)
                content = to_json(state)
            new.writestr(name, content)
    return out.getvalue()


def test_a_changed_estimator_is_refused(saved, tmp_path):
    data = edited(saved, "estimator.json", lambda state: state["target"].update(classes=["a", "b"]))
    with pytest.raises(
        ValueError, match=r"'estimator.json' has \d+ bytes|was changed after it was"
    ):
        loaded(data, tmp_path)


def test_a_newer_file_is_refused(saved, tmp_path):
    data = edited(saved, "manifest.json", lambda state: state.update(version=2))
    with pytest.raises(ValueError, match=r"format 2.*Update kerasdnn"):
        loaded(data, tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"no zip at all", "not a kerasdnn or Keras model file"),
        (b"PK and so on", "damaged or truncated"),
    ],
)
def test_a_foreign_file_is_refused(data, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        loaded(data, tmp_path)


def test_another_programs_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "book.docx", "w") as file:
        file.writestr("word/document.xml", "<w/>")
    with pytest.raises(ValueError, match="another program"):
        load(tmp_path / "book.docx")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.kerasdnn")


def test_a_functional_model_is_refused_with_the_way_out(tmp_path):
    entry = keras.Input((2,))
    keras.Model(entry, keras.layers.Dense(1)(entry)).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"Functional model.*keras.saving.load_model"):
        load(tmp_path / "model.keras")


@keras.saving.register_keras_serializable(package="tests")
class Spy(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        ran.append("Spy")

    def call(self, x):
        return x


ran = []
CODE = {  # ways in which a configuration has been made to run code
    "a lambda": {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"value": "x"}}},
        "registered_name": None,
    },
    "a class of the program's": {
        "module": "tests",
        "class_name": "Spy",
        "config": {"name": "spy"},
        "registered_name": "tests>Spy",
    },
    "a function of Python": {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    },
    "a function by its name": {
        "module": "builtins",
        "class_name": "function",
        "config": "eval",
        "registered_name": "function",
    },
    "a saved model of TensorFlow": {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": "/tmp/model"},
        "registered_name": None,
    },
    "a name that claims to be ours": {
        "module": "kerasdnn",
        "class_name": "Spy",
        "config": {},
        "registered_name": "kerasdnn>Spy",
    },
    "a helper of Keras that reads files": {
        "module": "keras.utils",
        "class_name": "get_file",
        "config": {},
        "registered_name": None,
    },
}


@pytest.mark.parametrize("way", CODE)
def test_loading_runs_no_code_from_the_file(way, tmp_path):
    build_classifier(3, hidden_units=(4,)).save(tmp_path / "network.keras")
    data = (tmp_path / "network.keras").read_bytes()
    evil = edited(data, "config.json", lambda c: c["config"]["layers"].insert(1, CODE[way]))
    ran.clear()
    keras.config.enable_unsafe_deserialization()
    try:
        with pytest.raises(ValueError, match=f"it names .*{CODE[way]['class_name']}"):
            loaded(evil, tmp_path, "evil.keras")
    finally:
        global_state.set_global_attribute("safe_mode_saving", None)
    assert not ran


def function(name, module="builtins", registered_name=None):
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": registered_name or name,
    }


@keras.saving.register_keras_serializable(package="tests")
def spy(*args, **kwargs):
    ran.append("spy")
    return args[0]


SPY = CODE["a class of the program's"]
LAMBDA = {"class_name": "__lambda__", "config": {"value": ["x", None, None]}}
NAMED = {  # places at which a file may name what the program has registered, and code
    "an activation": ("activation", function("tests>spy")),
    "an activation in text": ("activation", "tests>spy"),
    "the short name of a function": ("activation", function("spy")),
    "a name beside the registered one": (
        "activation",
        function("relu", "keras.activations", "tests>spy"),
    ),
    "an initializer": (
        "kernel_initializer",
        {"module": "keras.initializers", "class_name": "Zeros", "config": {},
         "registered_name": "tests>Spy"},
    ),
    "a class without its module": ("kernel_regularizer", {"class_name": "tests>Spy", "config": {}}),
    "a bare lambda": ("activation", LAMBDA),
    "a lambda of keras": ("activation", LAMBDA | {"module": "keras", "registered_name": None}),
    "a lambda as a built-in": ("activation", LAMBDA | {"module": "builtins"}),
    "a dotted name": ("activation", {"module": "keras", "class_name": "layers.Lambda",
                                     "config": {}, "registered_name": None}),
    "a maker of objects": ("activation", function("deserialize", "keras.layers")),
    "another maker": ("activation", function("get")),
    "a function that reads files": ("activation", function("load_model", "keras.saving")),
    "text of any length": (
        "activation",
        {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "U100000000"}},
    ),
    "a name that is none": ("activation", {"class_name": ["relu"], "config": {}}),
}  # fmt: skip


def changed(data, tmp_path, change):
    """What `load` says of a `.keras` file with a changed configuration."""
    with pytest.raises(ValueError, match=r"evil.keras cannot be loaded: ") as error:
        loaded(edited(data, "config.json", change), tmp_path, "evil.keras")
    return str(error.value)


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "network.keras"
    network = build_classifier(3, hidden_units=(4,), seed=0)
    network.optimizer.build(network.trainable_variables)
    network.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("way", NAMED)
@pytest.mark.parametrize("safe_mode", [None, False])
def test_a_file_calls_nothing_of_the_program(way, safe_mode, keras_file, tmp_path):
    key, value = NAMED[way]
    ran.clear()
    with SafeModeScope(safe_mode), keras.saving.custom_object_scope({"spy": spy, "relu": spy}):
        words = changed(
            keras_file, tmp_path, lambda c: c["config"]["layers"][1]["config"].update({key: value})
        )
    assert "it names " in words
    assert not ran


@pytest.mark.parametrize("part", ["loss", "metrics", "optimizer", "learning_rate", "wrapped"])
def test_nested_names_are_looked_at(part, keras_file, tmp_path):
    def change(config):
        compiled = config["compile_config"]
        if part == "learning_rate":
            compiled["optimizer"]["config"]["learning_rate"] = SPY
        elif part == "wrapped":
            inner = {"layer": {"module": "keras.layers", "class_name": "TimeDistributed",
                               "config": {"layer": SPY}, "registered_name": None}}  # fmt: skip
            outer = SPY | {"module": "keras.layers", "class_name": "Bidirectional"}
            config["config"]["layers"].insert(1, outer | {"config": inner, "registered_name": None})
        else:
            compiled[part] = {"a": ["tests>spy"]}

    ran.clear()
    assert "it names 'tests>" in changed(keras_file, tmp_path, change)
    assert not ran


def test_a_name_of_keras_stays_keras_s(keras_file, tmp_path):
    ran.clear()
    with keras.saving.custom_object_scope({"relu": spy, "Dense": Spy, "binary_crossentropy": spy}):
        network = loaded(keras_file, tmp_path, "network.keras")
    network.predict(np.zeros((2, 3)))
    assert network.layers[0].activation is keras.activations.relu
    keras.saving.get_custom_objects()["relu"] = spy  # which Keras would take
    try:
        with pytest.raises(ValueError, match="names 'relu', under which this program has"):
            loaded(keras_file, tmp_path, "network.keras")
    finally:
        del keras.saving.get_custom_objects()["relu"]
    assert not ran


def test_custom_objects_are_what_a_file_may_name(tmp_path):
    def mine(x):
        return x

    network = Network([keras.Input((3,)), Spy(), keras.layers.Dense(2, activation=mine)])
    network.compile("adam", loss="mse", metrics=[spy])
    network.save(tmp_path / "network.keras")
    objects = {"mine": mine, "Spy": Spy, "spy": spy}
    after = load(tmp_path / "network.keras", custom_objects=objects)
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(after.predict(x), network.predict(x))
    assert after.layers[1].activation is mine
    for name in objects:
        others = {other: found for other, found in objects.items() if other != name}
        with pytest.raises(ValueError, match=f"names .*{name}.*custom_objects"):
            load(tmp_path / "network.keras", custom_objects=others)


def dense(config, i=1):
    return config["config"]["layers"][i]["config"]


def without_builds(config):
    for layer in config["config"]["layers"]:
        layer.pop("build_config", None)


def wide(config):
    without_builds(config)
    dense(config, 1)["units"] = dense(config, 2)["units"] = 10**5


def wide_embedding(config):
    without_builds(config)
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, 1]
    config["config"]["build_input_shape"] = [None, 1]
    embedding = {"cardinalities": [10**7], "size": 1000}
    config["config"]["layers"].insert(1, {
        "module": "kerasdnn.nn.embedding", "class_name": "EmbedCategories", "config": embedding,
        "registered_name": "kerasdnn>EmbedCategories",
    })  # fmt: skip


BUILT = {  # of 4 TB
    "module": "keras.layers", "class_name": "Dense", "config": {"units": 10**6},
    "registered_name": None, "build_config": {"input_shape": [None, 10**6]},
}  # fmt: skip


def layer(name, **config):
    return lambda c: c["config"]["layers"].append(
        {"module": "keras.layers", "class_name": name, "config": config, "registered_name": None}
    )


def metric(name, **config):
    return lambda c: c["compile_config"].update(
        metrics=[
            {"module": "keras.metrics", "class_name": name, "config": config,
             "registered_name": None}
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: dense(c).update(units=10**9), "'units' of 1,000,000,000"),
        (wide, "40,002,000,000 bytes of weights; the file has"),
        (wide_embedding, "40,000,0.* bytes of weights; the file has"),
        (layer("RepeatVector", n=10**9), "'n' of 1,000"),
        (
            lambda c: (layer("RepeatVector", n=10**6)(c), layer("UpSampling1D", size=10**6)(c)),
            "would output .*1000000000000, 1. numbers",
        ),
        (layer("StringLookup", num_oov_indices=10**9), "'num_oov_indices' of"),
        (metric("AUC", num_thresholds=10**9), "'num_thresholds' of"),
        (metric("AUC", num_thresholds=10**5, num_labels=10**5, multi_label=True), "a metric of"),
        (
            metric("MeanMetricWrapper", fn=BUILT | {"config": {"layers": [BUILT]}}),
            "a network where",
        ),
        (metric("MeanIoU", num_classes=10**5), "a metric of 10,000,000,000 numbers"),
    ],
)
def test_a_small_file_claims_no_gigabytes(change, message, keras_file, tmp_path):
    began = time.perf_counter()
    assert re.search(message, changed(keras_file, tmp_path, change))
    assert time.perf_counter() - began < 5


def repacked(data, weights, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, weights if name == "model.weights.h5" else old.read(name))
    return out.getvalue()


def test_arrays_and_parts_hold_what_they_claim(keras_file, tmp_path):
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file.create_dataset(
            "layers/dense/vars/0", shape=(10**5, 10**5), chunks=(100, 100), compression="gzip"
        )
    with pytest.raises(ValueError, match="claims 40,000,000,000 bytes; the file has 0"):
        loaded(repacked(keras_file, weights.getvalue()), tmp_path, "evil.keras")
    bomb = repacked(keras_file, bytes(200 * 2**20), zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="would unpack to 209,"):
        loaded(bomb, tmp_path, "evil.keras")


def test_labels_claim_no_more_than_they_are(saved, tmp_path):
    parts = {name: zipfile.ZipFile(io.BytesIO(saved)).read(name) for name in PARTS}
    state = json.loads(parts["estimator.json"])
    state["target"]["dtype"] = "<U100000000"
    data = zipped({**parts, "estimator.json": to_json(state)})
    with pytest.raises(ValueError, match="too long for labels"):
        loaded(data, tmp_path)


def test_no_layer_is_built_among_the_arguments(saved, keras_file, tmp_path):
    parts = {name: zipfile.ZipFile(io.BytesIO(saved)).read(name) for name in PARTS}
    state = json.loads(parts["estimator.json"])
    state["arguments"]["activation"] = {"keras": BUILT}
    data = zipped({**parts, "estimator.json": to_json(state)})
    assert not loaded(data, tmp_path).activation.built
    with_layer = edited(keras_file, "config.json", metric("MeanMetricWrapper", fn=BUILT))
    attempt(with_layer, tmp_path)  # either way, without 4 TB


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value, keras_file, model, tmp_path):
    network = loaded(keras_file, tmp_path, "network.keras")
    network.layers[0].kernel.assign(network.layers[0].kernel * value)
    network.save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match=r"1 of its 4 weights contain NaN or infinity.*kernel"):
        load(tmp_path / "network.keras")
    broken = copy.deepcopy(model)
    broken.network_.set_weights([w * value for w in broken.network_.get_weights()])
    broken.save(tmp_path / "model.kerasdnn")
    with pytest.raises(ValueError, match="weights contain NaN or infinity"):
        load(tmp_path / "model.kerasdnn")


def test_vocabularies_come_back(tmp_path):
    lookup = keras.layers.IntegerLookup(output_mode="one_hot")
    lookup.adapt(np.array([[5], [7], [9]]))
    network = Network([keras.Input((1,), dtype="int64"), lookup, keras.layers.Dense(1)])
    network.save(tmp_path / "network.keras")
    x = np.array([[5], [9], [1]])
    after = load(tmp_path / "network.keras")
    np.testing.assert_array_equal(after.layers[0](x), lookup(x))


def test_a_manifest_of_any_form_gives_a_clear_error(saved, tmp_path):
    parts = {name: zipfile.ZipFile(io.BytesIO(saved)).read(name) for name in PARTS}
    whole = json.loads(zipfile.ZipFile(io.BytesIO(saved)).read("manifest.json"))
    whole.pop("sha256")
    others = [None, "x", -1, True, 1.5, {}, [], [[]], {"bytes": 1}]
    for path in values_of(whole):
        for other in ["gone", *others]:
            manifest = copy.deepcopy(whole)
            inner = manifest
            for key in path[:-1]:
                inner = inner[key]
            if other == "gone":
                del inner[path[-1]]
            else:
                inner[path[-1]] = other
            manifest["sha256"] = hashlib.sha256(to_json(manifest)).hexdigest()
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as file:
                for name, data in {"manifest.json": to_json(manifest), **parts}.items():
                    file.writestr(name, data)
            assert attempt(out.getvalue(), tmp_path) is None
    for manifest in others:
        data = {"manifest.json": to_json(manifest), **parts}
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as file:
            for name, content in data.items():
                file.writestr(name, content)
        assert attempt(out.getvalue(), tmp_path) is None


def damaged(data, rng):
    """The file cut off, with some bytes changed, or with a stretch of it overwritten or gone."""
    kind, at = rng.integers(4), int(rng.integers(len(data)))
    if kind == 0:
        return data[:at]
    changed = bytearray(data)
    if kind == 1:
        for position in rng.integers(len(data), size=rng.integers(1, 4)):
            changed[position] ^= 1 << rng.integers(8)
    elif kind == 2:
        changed[at : at + 64] = rng.bytes(len(changed[at : at + 64]))
    else:
        del changed[at : at + int(rng.integers(1, 2000))]
    return bytes(changed)


def attempt(data, tmp_path):
    """What `load` gives, or None after one clear error."""
    try:
        return loaded(data, tmp_path)
    except ValueError as error:
        message = str(error)
    assert "model.kerasdnn cannot be loaded: " in message
    return None


def test_a_damaged_file_gives_a_clear_error_or_the_same_predictions(model, saved, tmp_path):
    frame, _ = table(20)
    expected = model.predict_proba(frame)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(500 if NIGHTLY else 100):
        after = attempt(damaged(saved, rng), tmp_path)
        refused += after is None
        if after is not None:
            np.testing.assert_array_equal(after.predict_proba(frame), expected)
    assert refused > 50


def values_of(state, path=()):
    """Every place in a JSON state, as the keys that lead there."""
    items = state.items() if isinstance(state, dict) else enumerate(state)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from values_of(value, (*path, key))


def test_edited_json_gives_a_clear_error(saved, tmp_path):
    rng = np.random.default_rng(0)
    places = {
        part: list(values_of(json.loads(zipfile.ZipFile(io.BytesIO(saved)).read(part))))
        for part in ("manifest.json", "estimator.json")
    }
    others = [None, "x", -1, {}, [], 1e300]
    attempts = 500 if NIGHTLY else 60
    changed = 0
    for _ in range(attempts):
        same = []
        part = rng.choice(list(places))
        *path, last = places[part][rng.integers(len(places[part]))]
        other = others[rng.integers(len(others))]

        def change(state, path=path, last=last, other=other, same=same):
            for key in path:
                state = state[key]
            same.append(state[last] == other)
            state[last] = other

        data = edited(saved, part, change)
        if not same[0]:
            changed += 1
            assert attempt(data, tmp_path) is None
    assert changed > attempts / 2


def test_edited_json_under_right_checksums_gives_a_clear_error_or_an_estimator(saved, tmp_path):
    """Whoever writes new checksums may change the answers, but meets no crash and no code."""
    rng = np.random.default_rng(0)
    parts = {name: zipfile.ZipFile(io.BytesIO(saved)).read(name) for name in PARTS}
    original = json.loads(parts["estimator.json"])
    places = [place for place in values_of(original) if place[0] in ("encoder", "target", "class")]
    others = [None, "x", -1, {}, [], 1e300]
    for _ in range(300 if NIGHTLY else 40):
        state = json.loads(parts["estimator.json"])
        *path, last = places[rng.integers(len(places))]
        inner = state
        for key in path:
            inner = inner[key]
        inner[last] = others[rng.integers(len(others))]
        data = zipped({**parts, "estimator.json": to_json(state)})
        assert isinstance(attempt(data, tmp_path), DNNClassifier | None)


SAVER = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("saving", sys.argv[1])
saving = importlib.util.module_from_spec(spec)
spec.loader.exec_module(saving)
files = [pathlib.Path(path).read_bytes() for path in sys.argv[2:4]]
while True:
    for data in files:  # what `save_estimator` does with `archive(estimator)`
        with saving.atomic_write(sys.argv[4]) as beside:
            beside.write_bytes(data)
"""


def test_a_killed_save_leaves_the_old_or_the_new_file(saved, tmp_path):
    files = saved, saved[::-1] * 20
    paths = [tmp_path / name for name in ("one", "two", "target")]
    for path, data in zip(paths, files, strict=False):
        path.write_bytes(data)
    saving = Path(__file__).parents[2] / "kerasdnn" / "core/atomic_files.py"
    rng = np.random.default_rng(0)
    for _ in range(50 if NIGHTLY else 10):
        paths[2].write_bytes(saved)
        saver = subprocess.Popen([sys.executable, "-c", SAVER, str(saving), *map(str, paths)])
        time.sleep(0.1 + 0.2 * rng.random())
        os.kill(saver.pid, signal.SIGKILL)
        saver.wait()
        assert paths[2].read_bytes() in files


WHOLE_SAVER = """
import sys, kerasdnn
models = [kerasdnn.load(path) for path in sys.argv[1:3]]
print("ready", flush=True)
while True:
    for model in models:
        model.save(sys.argv[3])
"""


@pytest.mark.skipif(not NIGHTLY, reason="each kill starts TensorFlow anew, 10 s")
def test_an_estimator_whose_save_is_killed_is_the_old_or_the_new_one(model, saved, tmp_path):
    frame, y = table()
    other = DNNClassifier(hidden_units=(3,), epochs=1, random_state=1).fit(frame, y)
    paths = [tmp_path / name for name in ("one", "two", "target")]
    model.save(paths[0])
    other.save(paths[1])
    answers = [estimator.predict_proba(frame).tobytes() for estimator in (model, other)]
    rng = np.random.default_rng(0)
    for _ in range(50):
        paths[2].write_bytes(saved)
        command = [sys.executable, "-c", WHOLE_SAVER, *map(str, paths)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as saver:
            assert saver.stdout.readline() == "ready\n"
            time.sleep(0.3 * rng.random())
            os.kill(saver.pid, signal.SIGKILL)
        assert load(paths[2]).predict_proba(frame).tobytes() in answers


def test_a_failed_save_leaves_the_old_file_alone(model, saved, tmp_path, monkeypatch):
    path = tmp_path / "model.kerasdnn"
    path.write_bytes(saved)
    monkeypatch.setattr(os, "replace", lambda *paths: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.save(path)
    assert path.read_bytes() == saved
    assert os.listdir(tmp_path) == ["model.kerasdnn"]


@pytest.mark.parametrize("activation", ["leaky_relu", "mish", "selu"])
def test_an_activation_by_name_is_no_code_of_one_s_own(activation, tmp_path):
    frame, y = table()
    model = DNNClassifier(
        "standard", activation=activation, hidden_units=(8,), epochs=2, random_state=0
    ).fit(frame, y)
    model.save(tmp_path / "model.kerasdnn")
    again = load(tmp_path / "model.kerasdnn")
    assert (again.predict_proba(frame) == model.predict_proba(frame)).all()
