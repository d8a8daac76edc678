"""The SavedModel: TensorFlow operations only, named columns, equal predictions."""

import json
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from _export_models import LABELS, fitted, mixed_table

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.export.saved_model_format import date_parts

COLUMNS = ["age", "income", "city", "zip", "since", "seen", "born", "member", "smokes", "code",
           "at", "took", "same"]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    X = mixed_table()[COLUMNS].rename(columns={"city": "home town: 도시"})
    y = np.where(X["age"].fillna(50) > 45, "yes", "no")
    model = fitted(DNNClassifier(epochs=2, random_state=0, categorical=["code"]), X, y)
    folder = tmp_path_factory.mktemp("exports") / "1"
    return model, X, folder, model.export(folder, format="saved_model")


def test_every_kind_of_column_is_an_input(served):
    _, _, folder, manifest = served
    texts = {one["column"] for one in manifest["inputs"] if one["dtype"] == "string"}
    assert texts == {"home town: 도시", "zip", "code"}
    assert {"age", "home_town"} < {one["name"] for one in manifest["inputs"]}
    assert len(manifest["inputs"]) == len(COLUMNS) - 1  # without the constant one
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5
    assert manifest["proof"]["versions"]["tensorflow"] == tf.__version__
    assert manifest["outputs"] == {"label": "string", "probabilities": "float64"}
    assert (folder / "saved_model.pb").exists()


def test_it_predicts_what_the_model_predicts(served):
    model, X, folder, manifest = served
    signatures = tf.saved_model.load(str(folder)).signatures
    names = {one["column"]: one["name"] for one in manifest["inputs"]}
    rows = X.head(20).drop(columns="same")
    given = {
        "age": rows["age"], "member": rows["member"].astype(float),
        "income": rows["income"].str.rstrip(" €").str.replace(".", "").str.replace(",", "."),
        "smokes": rows["smokes"].eq("yes"), "took": rows["took"].dt.total_seconds(),
        "at": [int(t[:2]) * 3600 + int(t[3:]) * 60 for t in rows["at"]],
        "since": (rows["since"] - pd.Timestamp("1970")).dt.total_seconds(),
        "seen": (rows["seen"] - pd.Timestamp("1970", tz="UTC")).dt.total_seconds(),
        "born": (pd.to_datetime(rows["born"], format="%d.%m.%Y")
                 - pd.Timestamp("1970")).dt.total_seconds(),
    }  # fmt: skip
    fed = {names[k]: tf.constant(np.array(v, "float64")) for k, v in given.items()}
    for name in ("home town: 도시", "zip", "code"):
        texts = [str(v) if v == v and v is not None else "" for v in rows[name]]
        fed[names[name]] = tf.constant(texts)
    found = signatures["serving_default"](**fed)
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    assert [v.decode() for v in found["label"].numpy()] == model.predict(rows).tolist()
    example = tf.train.Example().SerializeToString()  # nothing but missing values
    found = signatures["examples"](examples=tf.constant([example]))
    empty = pd.DataFrame({name: [None] for name in rows})
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(empty), atol=1e-5)
    key = names["age"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="age"):
        signatures["serving_default"](**{**fed, key: tf.constant([np.inf] * 20, tf.float64)})


def test_it_loads_without_kerasdnn(served):
    _, _, folder, _ = served
    program = (
        "import sys; sys.modules['kerasdnn'] = sys.modules['keras'] = None\n"
        f"import tensorflow as tf; loaded = tf.saved_model.load({str(folder)!r})\n"
        "assert set(loaded.signatures) == {'serving_default', 'examples'}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_columns_without_an_operation_are_refused_by_name(tmp_path):
    X = mixed_table()[["age", "note", "zip", "city", "code"]].astype({"code": str})
    columns = {"zip": "hash", "both": ["city", "code"]}
    model = DNNClassifier(epochs=1, random_state=0, columns=columns)
    model = fitted(model, X, np.arange(len(X)) % 2)
    with pytest.raises(ValueError, match=r"'note', 'zip', 'both'.*format='numpy'"):
        model.export(tmp_path / "out", format="saved_model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (DNNClassifier("standard", n_members=2), LABELS),
        (DNNClassifier("realmlp-s"), np.arange(len(LABELS)) % 3),
        (DNNRegressor("realmlp", target="log"), LABELS + 1.5),
        (DNNRegressor("standard", quantiles=(0.1, 0.5, 0.9)), np.arange(len(LABELS)) * 3.0),
    ],
    ids=str,
)
def test_every_problem_is_exported(estimator, y, tmp_path):
    X = mixed_table()[["age", "zip", "city"]].assign(city=lambda t: t["city"].fillna(""))
    model = fitted(estimator.set_params(epochs=1, random_state=0), X, y)
    manifest = model.export(tmp_path / "out", format="saved_model")
    assert manifest["proof"]["largest_difference"]["all"] < 1e-5
    missing = {one["column"]: one["missing"] for one in manifest["inputs"]}
    assert missing == {"age": "NaN", "zip": "", "city": "unseen"}  # "" is a city


def test_any_layer_of_a_network_is_exported(tmp_path):
    network = kerasdnn.Network(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, lambda x: x**3),
            keras.layers.UnitNormalization(),
        ]
    )
    manifest = network.export(tmp_path / "out", format="saved_model")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    with pytest.raises(ValueError, match="opset"):
        network.export(tmp_path / "out", format="saved_model", opset=3)


def test_parts_of_dates_are_those_of_the_encoder():
    from kerasdnn.tables.columns import parts_of
    from kerasdnn.tables.frame import Column

    days = np.arange("1583-01-01", "2405-01-01", 11, dtype="datetime64[D]")
    moments = days.astype("datetime64[us]") + np.arange(len(days)) * 86_413_000_001 % 86_400_000_000
    moments[5] = "NaT"
    seconds = np.where(np.isnat(moments), np.nan, moments.astype("int64") / 1e6)
    found = date_parts(tf.constant(seconds))
    for suffix, expected in parts_of(Column("datetime", moments)).items():
        np.testing.assert_allclose(found[suffix], expected, rtol=0, atol=1e-9, err_msg=suffix)
