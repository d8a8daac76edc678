"""The NumPy export: equal predictions from NumPy alone, for every kind of column and problem."""

import importlib.util
import json
import pickle
import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta

import keras
import numpy as np
import pandas as pd
import pytest
from _export_models import LABELS, N, fitted, mixed_table
from scipy.special import expit, softmax

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor, nn
from kerasdnn.export import exporting, numpy_format, numpy_reader, proof
from kerasdnn.forward import layers, numpy_steps


def reader(folder):
    spec = importlib.util.spec_from_file_location("predict", folder / "predict.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    X = mixed_table()
    y = np.where((X["age"].fillna(50) > 45) ^ (X["city"] == "Oslo"), "yes", "no")
    columns = {"city and member": ["city", "smokes"], "zip": "hash"}
    model = DNNClassifier(
        epochs=3, random_state=0, categorical=["code"], columns=columns, one_hot_limit=4
    )
    fitted(model, X, y)
    folder = tmp_path_factory.mktemp("exports") / "mixed"
    manifest = model.export(folder)
    files = {path.name for path in folder.iterdir()}  # before a test imports `predict.py`
    assert files == {"manifest.json", "model.npz", "predict.py"}
    return model, X, folder, manifest


def test_every_kind_of_column_is_reproduced_by_numpy_alone(mixed):
    _, _, folder, manifest = mixed
    found = manifest["proof"]
    assert set(found["rows"]) == {
        "ordinary", "many", "missing", "unseen", "extreme", "single", "all"
    }  # fmt: skip
    assert found["largest_difference"]["all"] < 1e-5 < found["rows"]["all"]
    assert found["versions"]["numpy"] == np.__version__
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    kinds = {c["kind"] for c in reader(folder).description["columns"]}
    assert kinds == {"numeric", "duration", "datetime", "instant", "boolean", "category", "text"}


def test_rows_of_the_table_are_predicted_as_by_the_model_in_every_form(mixed):
    model, X, folder, _ = mixed
    exported, X = reader(folder), X.drop(columns="same").head(40)
    cells = X.astype(object).where(X.notna(), None)
    cells.iloc[3] = None
    X = cells
    columns = {name: cells[name].tolist() for name in cells}
    rows = cells.to_dict("records")
    expected = model.predict_proba(X)
    for form in (columns, rows):
        np.testing.assert_allclose(exported.predict_proba(form), expected, atol=1e-5)
        assert exported.predict(form).tolist() == model.predict(X).tolist()
    one = exported.predict_proba(rows[5])
    np.testing.assert_allclose(one, expected[5:6], atol=1e-5)
    del rows[7]["age"]  # a key that a record lacks is missing
    del rows[8]["city"]
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(exported.predict_proba(rows), expected, atol=1e-5)
    assert exported.predict_proba([]).shape == (0, 2)


class Executed:
    def __reduce__(self):
        return print, ("executed",)


def test_a_forged_file_is_rejected_and_nothing_in_it_is_executed(mixed, tmp_path, capsys):
    _, _, folder, _ = mixed
    with np.load(folder / "model.npz") as file:
        arrays = dict(file)
    forged = {**arrays, "centers": np.array([Executed()], dtype=object)}
    np.savez(tmp_path / "object.npz", **forged)
    np.savez(tmp_path / "other.npz", **{k: v for k, v in arrays.items() if k != "description"})
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Executed()))
    content = (folder / "model.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(content[: len(content) // 2])
    for name in ("object", "other", "pickle", "half"):
        with pytest.raises(ValueError, match="is not a NumPy export of kerasdnn"):
            numpy_reader.load(tmp_path / f"{name}.npz")
    assert not capsys.readouterr().out
    steps = [{"op": "activation", "f": {"name": "__import__('os')"}}]
    with pytest.raises(KeyError, match="import"):
        numpy_steps.compile_steps(steps, {})


def test_a_temperature_divides_scores_and_not_weights():
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(40, 3)).astype("float32"), rng.normal(size=3).astype("float32")
    x = (rng.normal(size=(9, 40)) * 30).astype("float32")
    for name, sigmoid, f in [("softmax", False, softmax), ("sigmoid", True, expit)]:
        last, arrays = {"op": "dense", "w": w, "b": b, "f": {"name": name}}, {}
        steps = layers.with_temperature([last], 0.7, sigmoid)
        network = numpy_steps.compile_steps(numpy_format.packed(steps, arrays), arrays)
        z = (x @ w + b).astype("float64") / 0.7
        expected = f(z, axis=1) if f is softmax else f(z)
        np.testing.assert_allclose(network(x), expected, rtol=1e-9, atol=1e-12)


def test_the_reader_needs_nothing_but_numpy(mixed):
    _, _, folder, _ = mixed
    program = (
        "import sys; import predict; heavy = {'pandas', 'kerasdnn', 'keras', 'tensorflow',"
        "'sklearn', 'scipy'}; predict.load(); assert not heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_reader_rejects_what_the_model_rejects_and_names_the_column(mixed):
    model, X, folder, _ = mixed
    exported = reader(folder)
    row = X.drop(columns="same").iloc[0].to_dict()
    for change, name in [
        ({"age": "many"}, "age"),
        ({"age": float("inf")}, "age"),
        ({"since": 3}, "since"),
        ({"since": datetime(2020, 1, 1, tzinfo=UTC)}, "since"),
        ({"took": 3.0}, "took"),
        ({"member": 7}, "member"),
        ({"city": 3}, "city"),
        ({"new": 1}, "new"),
    ]:
        for predict in (exported.predict, model.predict):
            with pytest.raises(ValueError, match=name):
                predict(row | change)
    for name in ("age", "city"):
        with pytest.raises(ValueError, match=name):
            exported.predict({k: v for k, v in row.items() if k != name})
    with pytest.raises(ValueError, match="the same length"):
        exported.predict({name: [1, 2] if name == "age" else [1] for name in row})


def test_values_of_other_types_mean_what_they_mean_to_the_model(mixed):
    model, X, folder, _ = mixed
    exported = reader(folder)
    row = X.drop(columns="same").iloc[0].to_dict()
    for change in [
        {"age": "41"}, {"age": True}, {"age": 41}, {"age": np.float32(41)}, {"age": pd.NA},
        {"income": 12.5}, {"income": "?"}, {"income": "1.234,5 kg"}, {"income": "-3"},
        {"since": "2021-03-04"}, {"since": "2021-03-04T05:06:07"}, {"since": pd.NaT},
        {"since": pd.Timestamp("1931-05-06 01:02:03.456789")}, {"born": "3.4.1970"},
        {"born": "nonsense"}, {"born": datetime(1970, 4, 3)}, {"seen": "2021-03-04 05:06:07+0200"},
        {"member": 1}, {"member": "ja"}, {"smokes": "Y"}, {"smokes": False}, {"code": "2"},
        {"code": 2.0}, {"code": 9}, {"at": "2:30 pm"}, {"at": timedelta(hours=3)},
        {"took": timedelta(hours=3)}, {"took": "00:05:00"}, {"note": ""}, {"note": "Émile  RUNS"},
        {"zip": "new"}, {"city": ""},
    ]:  # fmt: skip
        given = row | change
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", kerasdnn.DataWarning)
            expected = model.predict_proba(given)
        found = exported.predict_proba(given)
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=str(change))


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (DNNClassifier("standard", activation="gelu", batch_norm=True), np.arange(N) * 3 // N),
        (DNNClassifier("realmlp-s", n_members=2), LABELS),
        (DNNClassifier("realmlp"), np.arange(N) % 2 == 0),
        (DNNRegressor("realmlp"), np.arange(N) * 1e6),
        (DNNRegressor("realmlp-s", target="log"), np.arange(N) + 1.0),
        (DNNRegressor("standard", target="count", hidden_units=(8, 4)), LABELS * 7),
        (DNNRegressor("realmlp", quantiles=(0.1, 0.5, 0.6, 0.9)), np.arange(N) * 3.0),
        (DNNRegressor("realmlp-s", target="positive"), np.arange(N) + 1.0),
        (DNNClassifier("tabm", k=4), np.arange(N) % 3),
        (DNNRegressor("tabm", k=3, quantiles=(0.1, 0.5, 0.9)), np.arange(N) * 3.0),
    ],
    ids=str,
)
def test_every_preset_and_problem_is_exported(estimator, y, tmp_path):
    X = mixed_table()[["age", "zip", "city", "since"]]
    model = fitted(estimator.set_params(epochs=2, random_state=0), X, y)
    model.export(tmp_path / "out")
    exported = reader(tmp_path / "out")
    cells = X.astype(object).where(X.notna(), None).to_dict("list")
    expected, found = model.predict(X), exported.predict(cells)
    assert found.shape == expected.shape
    if isinstance(model, DNNRegressor):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.std(y))
    else:
        assert (found == expected).mean() > 0.99
        np.testing.assert_allclose(exported.predict_proba(cells), model.predict_proba(X), atol=1e-5)


def test_a_table_without_names_takes_arrays(tmp_path):
    X = np.random.default_rng(0).normal(size=(N, 4))
    X[:, 2] = 1
    model = fitted(DNNClassifier(epochs=2, random_state=0), X, X[:, 0] > 0)
    model.export(tmp_path / "out")
    exported = reader(tmp_path / "out")
    np.testing.assert_allclose(exported.predict_proba(X), model.predict_proba(X), atol=1e-5)
    with pytest.raises(ValueError, match=r"\(rows, 4\)"):
        exported.predict(X[:, :3])


def test_a_network_is_exported_with_its_column_names(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    network = kerasdnn.build_classifier(3, 4, (8,), activation="leaky_relu", seed=0)
    network.fit(frame, np.arange(60) % 4, epochs=1, verbose=0)
    network.export(tmp_path / "out", format="numpy")
    exported, expected = reader(tmp_path / "out"), network.predict(frame, verbose=0)
    np.testing.assert_allclose(exported.predict(frame.to_numpy()), expected, atol=1e-6)
    found = exported.predict({name: frame[name].tolist() for name in "cab"})
    np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(ValueError, match="finite"):
        exported.predict([[1.0, 2.0, np.nan]])


ACTIVATIONS = [
    "relu", "relu6", "selu", "elu", "tanh", "sigmoid", "hard_sigmoid", "softplus", "softsign",
    "silu", "hard_silu", "exponential", "linear", "mish", "gelu", "log_sigmoid", "hard_tanh",
    "tanh_shrink", "squareplus", "leaky_relu",
]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_that_is_described_is_that_of_keras(name):
    x = np.concatenate([np.linspace(-30, 30, 301), [1e-4, -1e-4, 90, -90]]).astype("float32")
    f = layers.FUNCTIONS[getattr(keras.activations, name)]
    with np.errstate(over="ignore"):
        found = numpy_steps.function_of(f)(x[None])[0]
    expected = keras.ops.convert_to_numpy(getattr(keras.activations, name)(x[None]))[0]
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=3e-7)


def test_every_layer_that_is_described_is_computed(tmp_path):
    keras.utils.set_random_seed(0)  # far outside the data, rounding depends on the weights
    kl = keras.layers
    network = kerasdnn.Network(
        [
            keras.Input((5,)), kl.Normalization(mean=[1.0] * 5, variance=[2.0] * 5),
            kl.Dense(6, "selu"), kl.LayerNormalization(), kl.Dense(6, use_bias=False), kl.ReLU(),
            kl.BatchNormalization(), kl.Dense(6), kl.LeakyReLU(0.2), kl.PReLU(), kl.ELU(),
            kerasdnn.LeakyReLU(0.1), kl.Rescaling(2.0, 1.0), kl.Dropout(0.3), kl.Flatten(),
            keras.Sequential([kl.Dense(4), kl.Activation("tanh")]), kl.Dense(3), kl.Softmax(),
        ],
        seed=0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for weight in network.weights:  # none is what it starts at
        if weight.dtype == "float32":
            weight.assign(weight + rng.uniform(0.1, 0.5, weight.shape))
    manifest = network.export(tmp_path / "out", format="numpy")
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5


def test_every_layer_of_members_and_numbers_is_computed(tmp_path):
    keras.utils.set_random_seed(0)
    edges = [[-1.0, 0.0, 2.0], [0.0, 1.0]]
    network = kerasdnn.Network(
        [
            keras.Input((5,)), nn.PiecewiseLinearEmbedding(edges, 3, "A", "relu"),
            nn.CosineEmbedding(1, size=4), nn.PiecewiseLinearEmbedding(edges, None),
            nn.MemberScale(4), keras.layers.Dense(6, "selu"),
            nn.BatchEnsembleDense(5, 4, "gelu"), nn.MemberDense(4, 4, "softmax"),
            nn.MemberDense(3, 4), nn.MeanOfMembers("softmax"),
        ],
        seed=0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for weight in network.trainable_weights:
        weight.assign(weight + rng.uniform(0.1, 0.5, weight.shape))
    manifest = network.export(tmp_path / "out", format="numpy")
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5


def test_what_has_no_description_is_refused_by_name(tmp_path):
    def cube(x):
        return x**3

    for layer, name in [
        (keras.layers.Dense(3, activation=cube), "cube"),
        (keras.layers.UnitNormalization(), "UnitNormalization"),
        (keras.layers.Dense(3, dtype="bfloat16"), "bfloat16"),
    ]:
        network = kerasdnn.Network([keras.Input((3,)), layer])
        with pytest.raises(ValueError, match=rf"{name}.*saved_model"):
            network.export(tmp_path / "out", format="numpy")
    assert not list(tmp_path.iterdir())


def test_a_difference_is_an_error_and_leaves_nothing_behind(mixed, tmp_path, monkeypatch):
    model, _, folder, _ = mixed
    source = numpy_format.reader_source()
    wrong = source.replace("return 1 / (1 + np.exp(-x))", "return 1 / (1.001 + np.exp(-x))")
    assert wrong != source
    monkeypatch.setattr(numpy_format, "reader_source", lambda: wrong)
    with pytest.raises(ValueError, match="differs from the model by"):
        model.export(tmp_path / "out")
    assert not list(tmp_path.iterdir())
    before = (folder / "model.npz").read_bytes()
    with pytest.raises(ValueError, match="differs from the model by"):
        model.export(folder)
    assert (folder / "model.npz").read_bytes() == before
    monkeypatch.setattr(numpy_format, "reader_source", lambda: "import nonsense")
    with pytest.raises(RuntimeError, match="nonsense"):
        model.export(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_only_an_earlier_export_is_replaced(tmp_path):
    network = kerasdnn.build_regressor(2, hidden_units=(3,), seed=0)
    network.export(tmp_path / "out", format="numpy")
    network.layers[-1].bias.assign([5.0])
    network.export(tmp_path / "out", format="numpy")
    x = np.zeros((1, 2), "float32")
    assert reader(tmp_path / "out").predict(x) == pytest.approx(network.predict(x, verbose=0))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="mine"):
        network.export(tmp_path / "mine", format="numpy")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"
    with pytest.raises(ValueError, match="format='numpi'"):
        exporting.export(network, tmp_path / "other", "numpi")


def test_an_export_changes_nothing_in_the_model(mixed, tmp_path):
    model, X, _, _ = mixed
    row = X.iloc[[0]].assign(city="Atlantis")
    model.encoder_._told = set()
    model.export(tmp_path / "out")
    with pytest.warns(kerasdnn.DataWarning, match="Atlantis"):
        model.predict(row)


def test_the_hash_of_text_is_that_of_scikit_learn():
    from sklearn.utils import murmurhash3_32

    for text in ["", "a", "ab", "abc", "abcd", " é語x", "a" * 33]:
        assert numpy_reader.murmur3(text.encode()) == murmurhash3_32(text.encode(), seed=0)


def test_a_tie_may_be_broken_either_way():
    assert proof.is_tie(np.array([[0.5, 0.5], [0.4, 0.6]]), "classifier").tolist() == [True, False]
