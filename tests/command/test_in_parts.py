"""The command on tables that are read in parts."""

import json

import numpy as np
import pandas as pd
import pytest

from kerasdnn import DNNRegressor, load, tune
from kerasdnn.command.main import main

pq = pytest.importorskip("pyarrow.parquet")

ROWS = 600
FAST = ["--preset", "standard", "--hidden-units", "8", "--epochs", "3", "--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table in two Parquet files, and a model that was trained on it."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("in_parts")
    table = pd.DataFrame({"id": range(ROWS), "age": rng.normal(40, 10, ROWS),
                          "city": rng.choice(["Oslo", "Bonn"], ROWS)})  # fmt: skip
    table["price"] = table["age"] * 2.5 + rng.normal(size=ROWS)
    table.loc[7, "price"] = None
    (path / "table").mkdir()
    table[:400].to_parquet(path / "table" / "a.parquet", index=False, row_group_size=150)
    table[400:].to_parquet(path / "table" / "b.parquet", index=False)
    code = main(["train", str(path / "table"), "--target", "price", "--drop", "id",
                 "--out", str(path / "m.kerasdnn"), *FAST])  # fmt: skip
    assert code == 0
    return path


def read(path):
    return pd.concat([pd.read_parquet(file) for file in sorted(path.glob("table/*"))])


def test_a_folder_is_trained_on_predicted_and_evaluated_in_parts(folder, capsys):
    model, out = load(folder / "m.kerasdnn"), folder / "out.parquet"
    assert isinstance(model, DNNRegressor)
    assert model.n_rows_ == ROWS - 1
    assert model.feature_names_in_.tolist() == ["age", "city"]
    data, path = str(folder / "table"), str(folder / "m.kerasdnn")
    assert main(["predict", path, data, "--out", str(out), "--keep", "id", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == ROWS
    found, table = pd.read_parquet(out), read(folder)
    assert list(found) == ["id", "prediction"]
    assert found["id"].tolist() == table["id"].tolist()
    np.testing.assert_allclose(found["prediction"], model.predict(table[["age", "city"]]), 1e-5)
    known = table[table["price"].notna()]
    known.to_parquet(folder / "known.parquet", index=False)
    known = str(folder / "known.parquet")
    scores = []
    for options in ([], ["--in-parts"]):
        assert main(["evaluate", path, known, "--json", *options]) == 0
        scores.append(json.loads(capsys.readouterr().out))
    assert scores[0]["rows"] == scores[1]["rows"] == ROWS - 1
    assert scores[1]["scores"] == pytest.approx(scores[0]["scores"], rel=1e-4)


def test_what_needs_a_table_in_memory_is_a_usage_error(folder, capsys):
    data = [str(folder / "table")]
    train = ["train", *data, "--target", "price", "--out", str(folder / "no.kerasdnn")]
    for command, message in (
        ([*train, "--weights", "age"], "--weights needs a table in memory"),
        ([*train, "--report", str(folder / "r")], "--report needs a table in memory"),
        (["predict", str(folder / "m.kerasdnn"), *data], "needs --out FILE.parquet"),
    ):
        assert main(command) == 2
        assert message in capsys.readouterr().err
    assert main(["train", *data, "--target", "prise"]) == 1
    assert "price" in capsys.readouterr().err
    assert not (folder / "no.kerasdnn").exists()


def test_a_search_draws_its_trials_from_a_sample_and_trains_the_best_on_all_rows(
    folder, capsys, monkeypatch
):
    monkeypatch.setattr("kerasdnn.search.source_search.SAMPLE_ROWS", 300)
    out = folder / "best.kerasdnn"
    data, small = str(folder / "table"), ["--trials", "2", "--trial-epochs", "2"]
    command = ["tune", data, "--target", "price", "--drop", "id", "--out", str(out), *small]
    command += ["--json", "--quiet"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trials"] == 2
    model = load(out)
    assert model.n_rows_ == ROWS - 1  # trained in parts, on all rows
    with pytest.raises(ValueError, match="`groups` is not supported where X is read in parts"):
        tune(folder / "table", "price", groups="city")
    with pytest.raises(ValueError, match="`y` must name a column of X"):
        tune(folder / "table", "prise")
