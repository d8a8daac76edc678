"""The ONNX file: named columns, text included, in; labels and probabilities out."""

import importlib.util
import json

import keras
import numpy as np
import pandas as pd
import pytest
from _export_models import LABELS, fitted, mixed_table

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.export import exporting, onnx_graph
from kerasdnn.export.onnx_format import boolean_position, date_parts
from kerasdnn.forward.layers import FUNCTIONS
from kerasdnn.nn import PiecewiseLinearEmbedding
from kerasdnn.nn.batch_ensemble import (
    BatchEnsembleDense,
    MeanOfMembers,
    MemberDense,
    MemberScale,
)
from kerasdnn.nn.numeric_embeddings import CosineEmbedding

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

COLUMNS = ["age", "city", "zip", "since", "seen", "member", "smokes", "code", "took", "same"]


def session(content):
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    X = mixed_table()[COLUMNS].rename(columns={"city": "label"})
    y = np.where(X["age"].fillna(50) > 45, "yes", "no")
    model = fitted(DNNClassifier(epochs=2, random_state=0, categorical=["code"]), X, y)
    folder = tmp_path_factory.mktemp("exports") / "1"
    return model, X, folder, model.export(folder, format="onnx")


def test_every_kind_of_column_is_an_input(written):
    _, _, folder, manifest = written
    texts = {one["column"] for one in manifest["inputs"] if one["dtype"] == "string"}
    assert texts == {"label", "zip", "code", "smokes"}
    assert len(manifest["inputs"]) == len(COLUMNS) - 1  # without the constant one
    assert "label_" in {one["name"] for one in manifest["inputs"]}  # "label" is an output
    assert manifest["outputs"] == {"label": "string", "probabilities": "float64"}
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5
    assert manifest["proof"]["versions"]["onnxruntime"] == onnxruntime.__version__
    assert manifest == json.loads((folder / "manifest.json").read_text())
    domains = {entry.domain for entry in onnx_model(folder).opset_import}
    assert domains == {"", "ai.onnx.ml"}


def onnx_model(folder):
    import onnx

    return onnx.load(folder / "model.onnx")


def test_it_predicts_labels_and_probabilities_from_text_and_numbers(written):
    model, X, folder, _ = written
    rows = X.head(40).drop(columns="same")
    rows["smokes"] = [" YES ", "no", "Nein", None] * 10
    given = {
        "age": rows["age"], "member": rows["member"].astype(float),
        "took": rows["took"].dt.total_seconds(),
        "since": (rows["since"] - pd.Timestamp("1970")).dt.total_seconds(),
        "seen": (rows["seen"] - pd.Timestamp("1970", tz="UTC")).dt.total_seconds(),
    }  # fmt: skip
    fed = {name: np.array(values, "float64") for name, values in given.items()}
    for name in ("label", "zip", "code", "smokes"):
        texts = ["" if pd.isna(v) else str(v) for v in rows[name]]
        fed[{"label": "label_"}.get(name, name)] = np.array(texts, dtype=object)
    run = session(str(folder / "model.onnx"))
    labels, probabilities = run.run(["label", "probabilities"], fed)
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-5)
    assert labels.tolist() == model.predict(rows).tolist()
    for name, value in [("age", np.inf), ("member", 0.5)]:
        wrong = {**fed, name: np.full(40, value)}
        with pytest.raises(Exception, match=f"Input '{name}' must"):
            run.run(None, wrong)


def test_columns_without_an_operator_are_refused_by_name(tmp_path):
    X = mixed_table()[["age", "note", "zip", "city", "code", "income", "born", "at"]]
    columns = {"zip": "hash", "both": ["city", "code"]}
    X = X.astype({"code": str})
    model = DNNClassifier(epochs=1, random_state=0, columns=columns)
    model = fitted(model, X, np.arange(len(X)) % 2)
    wanted = "'income' holds text that is read as numbers.*'born' holds .*dates.*format='numpy'"
    with pytest.raises(ValueError, match=wanted) as error:
        model.export(tmp_path / "out", format="onnx")
    for name in ("note", "zip", "both", "at"):
        assert f"column {name!r}" in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (DNNClassifier("standard", n_members=2), LABELS),
        (DNNClassifier("realmlp"), np.arange(len(LABELS)) % 3),
        (DNNClassifier("tabm", k=2, calibrate=True), np.arange(len(LABELS)) % 2),
        (DNNRegressor("realmlp", target="log"), LABELS + 1.5),
        (DNNRegressor("standard", quantiles=(0.1, 0.5, 0.9)), np.arange(len(LABELS)) * 3.0),
    ],
    ids=["labels", "classes", "tabm", "log", "quantiles"],
)
def test_every_problem_is_exported(estimator, y, tmp_path):
    X = mixed_table()[["age", "zip", "city"]].assign(city=lambda t: t["city"].fillna(""))
    model = fitted(estimator.set_params(epochs=1, random_state=0), X, y)
    manifest = model.export(tmp_path / "out", format="onnx")
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5
    missing = {one["column"]: one["missing"] for one in manifest["inputs"]}
    assert missing == {"age": "NaN", "zip": "", "city": "unseen"}  # "" is a city


EDGES = [[-1.0, 0.0, 0.5, 2.0], [-2.0, -1.0, 1.0]]


@pytest.mark.parametrize(
    "settings",
    [{"size": 4, "activation": "relu"}, {"size": None}, {"size": 4, "version": "A"}],
    ids=["B", "none", "A"],
)
def test_a_piecewise_embedding_is_computed(settings, tmp_path):
    embedding = PiecewiseLinearEmbedding(EDGES, seed=0, **settings)
    network = kerasdnn.Network([keras.Input((3,)), embedding, keras.layers.Dense(3)], seed=0)
    if settings["size"]:
        embedding.piecewise.assign(np.random.default_rng(0).normal(size=embedding.piecewise.shape))
    x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    assert network.predict(x, verbose=0).std() > 0.1
    network.export(tmp_path / "out", format="onnx")  # which compares them


def test_layers_of_members_are_computed(tmp_path):
    rng, layers = np.random.default_rng(0), [
        CosineEmbedding(2, size=3, seed=0), MemberScale(3, seed=0), keras.layers.Dense(9, "tanh"),
        BatchEnsembleDense(5, 3, "mish", start="normal", seed=0), keras.layers.Dense(4),
        MemberDense(6, 3, "relu", seed=0), MemberDense(2, 3, seed=0), MeanOfMembers("softmax"),
    ]  # fmt: skip
    network = kerasdnn.Network([keras.Input((3,)), *layers], seed=0)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    manifest = network.export(tmp_path / "out", format="onnx")
    assert manifest["proof"]["largest_difference"]["all"] < 2e-6
    alone = kerasdnn.Network([keras.Input((3,)), MemberDense(2, 3, seed=0), MeanOfMembers()])
    alone.export(tmp_path / "alone", format="onnx")  # which compares them


def test_what_follows_the_last_layer_is_computed(tmp_path):
    X = mixed_table()[["age", "member"]]
    deep = {"layer_norm": True, "residual": True, "wide": True}
    for i, (estimator, y) in enumerate([
        (DNNClassifier("standard", **deep, calibrate=True, threshold=0.3), np.arange(len(X)) % 2),
        (DNNClassifier("standard", n_members=2, calibrate=True), np.arange(len(X)) % 2),
        (DNNClassifier("standard", ordered=[0, 1, 2]), np.arange(len(X)) % 3),
        (DNNRegressor("standard", target="normal"), np.arange(len(X)) * 2.0),
    ]):  # fmt: skip
        model = fitted(estimator.set_params(epochs=1, random_state=0, hidden_units=(6, 6)), X, y)
        if getattr(model, "calibrator_", None) is not None:
            model.calibrator_.value = 3.0
        model.export(tmp_path / str(i), format="onnx")  # which compares them


def test_an_array_is_exported_by_position(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype("float32")
    X[:, 1] = 7
    model = fitted(DNNClassifier("standard", epochs=1, random_state=0), X, X[:, 0] > 0)
    manifest = model.export(tmp_path / "out", format="onnx")
    assert [one["position"] for one in manifest["inputs"]] == [0, 2, 3]
    assert manifest["outputs"]["label"] == "bool"


def test_every_activation_is_computed():
    x = np.concatenate([np.linspace(-12, 12, 4_000), [-80, 80, 0]]).astype("float32").reshape(-1, 1)
    x = np.concatenate([x, x[::-1], x * 0.3], axis=1)
    g, outputs = onnx_graph.Graph(3), {}
    for activation, f in FUNCTIONS.items():
        name = g("Identity", onnx_graph.function(g, "x", f))
        outputs[name] = (f["name"], activation)
    model = g.model([("x", "float32", ["rows", 3])],
                    [(name, "float32", ["rows", 3]) for name in outputs])  # fmt: skip
    found = session(model.SerializeToString()).run(list(outputs), {"x": x})
    for (name, activation), values in zip(outputs.values(), found, strict=True):
        expected = keras.ops.convert_to_numpy(activation(keras.ops.convert_to_tensor(x)))
        np.testing.assert_allclose(values, expected, rtol=2e-6, atol=2e-6, err_msg=name)


def test_every_layer_is_computed(tmp_path):
    keras.utils.set_random_seed(0)
    kl = keras.layers
    layers = [
        kl.Dense(6, "selu"), kl.LayerNormalization(), kl.Dense(6, use_bias=False), kl.ReLU(),
        kl.BatchNormalization(), kl.Dense(6), kl.LeakyReLU(0.2), kl.PReLU(), kl.ELU(),
        kerasdnn.LeakyReLU(0.1), kl.Rescaling(2.0, 1.0), kl.Dropout(0.3), kl.Flatten(),
        keras.Sequential([kl.Dense(40), kl.Activation("tanh")]), kl.Dense(3),
    ]  # fmt: skip
    network = kerasdnn.Network([keras.Input((5,)), kl.Normalization(mean=[1.0] * 5,
                                variance=[2.0] * 5), *layers, kl.Softmax()], seed=0)  # fmt: skip
    manifest = network.export(tmp_path / "out", format="onnx")
    x = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
    (found,) = session(str(tmp_path / "out" / "model.onnx")).run(None, {"x": x})
    np.testing.assert_allclose(found, network.predict(x, verbose=0), atol=1e-5)
    assert manifest["outputs"] == {"output": "float32"}
    network = kerasdnn.Network([keras.Input((3,)), kl.UnitNormalization()])
    with pytest.raises(ValueError, match=r"UnitNormalization.*saved_model"):
        network.export(tmp_path / "other", format="onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_parts_of_dates_are_those_of_the_encoder():
    from kerasdnn.tables.columns import parts_of
    from kerasdnn.tables.frame import Column

    days = np.arange("1583-01-01", "2405-01-01", 11, dtype="datetime64[D]")
    moments = days.astype("datetime64[us]") + np.arange(len(days)) * 86_413_000_001 % 86_400_000_000
    moments[5] = "NaT"
    seconds = np.where(np.isnat(moments), np.nan, moments.astype("int64") / 1e6)
    g = onnx_graph.Graph(1)
    parts = date_parts(g, "x")
    outputs = [(name, "float64", ["rows"]) for name in parts.values()]
    model = g.model([("x", "float64", ["rows"])], outputs)
    found = session(model.SerializeToString()).run(list(parts.values()), {"x": seconds})
    expected = parts_of(Column("datetime", moments))
    for suffix, values in zip(parts, found, strict=True):
        np.testing.assert_allclose(values, expected[suffix], rtol=0, atol=1e-9, err_msg=suffix)


def test_yes_and_no_are_read_as_the_model_reads_them():
    from kerasdnn.tables.texts.parsing import FALSE, TRUE, parse_boolean

    words = [*sorted(TRUE | FALSE), "1", "0", "", "yesno", "maybe", "o"]
    words += [f"\u00a0\t{word.upper()} \n" for word in words] + [word.title() for word in words]
    words = [word for word in words if word.casefold() in {w.casefold() for w in words}]
    g = onnx_graph.Graph(1)
    g("Identity", boolean_position(g, {"name": "x", "dtype": "string"}), to="position")
    model = g.model([("x", "string", ["rows"])], [("position", "int64", ["rows"])])
    run = session(model.SerializeToString())
    (found,) = run.run(None, {"x": np.array(words, dtype=object)})
    expected = [{None: 3, 0.0: 1, 1.0: 2}[parse_boolean(word)] for word in words]
    assert dict(zip(words, found.tolist(), strict=True)) == dict(zip(words, expected, strict=True))


def test_a_missing_package_is_named_with_what_installs_it(tmp_path, monkeypatch):
    network = kerasdnn.build_regressor(2, hidden_units=(3,), seed=0)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        exporting.importlib.util, "find_spec", lambda n: None if n == "onnxruntime" else find(n)
    )
    with pytest.raises(ImportError, match=r"onnxruntime: pip install 'kerasdnn\[onnx\]'"):
        network.export(tmp_path / "out", format="onnx")
    assert not list(tmp_path.iterdir())


def test_a_difference_is_an_error_and_leaves_nothing_behind(tmp_path, monkeypatch):
    network = kerasdnn.build_regressor(2, hidden_units=(3,), seed=0)
    monkeypatch.setitem(onnx_graph.STEPS, "dense", lambda g, x, step: g(
        "Gemm", x, step["w"] * np.float32(1.001), step["b"] + np.float32(0.01)))  # fmt: skip
    with pytest.raises(ValueError, match="differs from the model by"):
        network.export(tmp_path / "out", format="onnx")
    assert not list(tmp_path.iterdir())
