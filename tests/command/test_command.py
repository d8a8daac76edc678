"""The command: what each does, exit codes, streams, and what it answers without TensorFlow."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerasdnn import load
from kerasdnn.command import options, streams
from kerasdnn.command.main import COMMANDS, main, parser_for
from kerasdnn.hyperparameters import ESTIMATOR, names

ROOT = Path(__file__).parents[2]
FROZEN = ROOT / "tests" / "data" / "frozen"
RNG = np.random.default_rng(0)
FAST = ["--preset", "standard", "--hidden-units", "8", "--epochs", "3"]


def people(rows=120):
    table = pd.DataFrame(
        {
            "id": [f"n{i}" for i in range(rows)],
            "age": RNG.normal(40, 10, rows).round(2),
            "city": RNG.choice(["Oslo", "Bonn", "Seoul"], rows),
            "when": np.arange(rows),
        }
    )
    table["bought"] = np.where(table["age"] + RNG.normal(0, 4, rows) > 40, "yes", "no")
    table["price"] = table["age"] * 2.5 + RNG.normal(size=rows)
    return table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table in two formats, and a model that was trained on it."""
    path = tmp_path_factory.mktemp("command")
    table = people()
    table.to_csv(path / "people.csv", index=False)
    table.to_parquet(path / "people.parquet", index=False)
    code = main(["train", str(path / "people.csv"), "--target", "bought", "--drop", "id", "price",
                 "--out", str(path / "m.kerasdnn"), "--quiet", *FAST])  # fmt: skip
    assert code == 0
    return path


def answer(capsys):
    return json.loads(capsys.readouterr().out)


def feed(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


# --------------------------------------------------------------------------- without TensorFlow
@pytest.fixture
def no_tensorflow(tmp_path):
    """An environment in which importing TensorFlow or Keras is an error."""
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} was imported')")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "100"}


def run(arguments, env):
    command = [sys.executable, "-m", "kerasdnn", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_help_and_wrong_usage_are_answered_without_tensorflow(no_tensorflow):
    for arguments in (["--help"], ["train", "--help"], ["serve", "--help"], ["--version"]):
        done = run(arguments, no_tensorflow)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        assert done.stdout
    for arguments, words in (
        ([], "COMMAND"),
        (["trane"], "invalid choice: 'trane'"),
        (["train", "x.csv"], "--target"),
        (["train", "x.csv", "--target", "y", "--dropout", "1.5"], "dropout=1.5"),
        (["train", "x.csv", "--target", "y", "--epochs", "many"], "epochs='many'"),
        (["train", "x.csv", "--target", "y", "--columns", "zip"], "zip"),
        (["serve", "m.kerasdnn", "--max-rows", "0"], "at least 1"),
        (["serve", "m.kerasdnn", "--port", "66666"], "65536"),
        (["compare", "x.csv", "--target", "y", "--vary", "optimiser=adam"], "optimiser"),
    ):
        done = run([*arguments], no_tensorflow)
        assert done.returncode == 2, (arguments, done.stderr)
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
        assert not done.stdout


def test_the_console_script_imports_the_package_without_keras(no_tensorflow):
    code = (
        "import sys; sys.argv = ['/usr/bin/kerasdnn', 'compare', '--help']\n"
        "from kerasdnn.command.main import main\n"
        "code = main()\n"
        "assert not {'keras', 'tensorflow', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=no_tensorflow
    )
    assert done.returncode == 0, done.stderr


def test_in_the_command_the_toolkit_loads_when_it_is_used():
    code = (
        "import sys; sys.argv = ['kerasdnn']\n"
        "import kerasdnn\n"
        "assert 'keras' not in sys.modules\n"
        "assert sorted(dir(kerasdnn)) == sorted(kerasdnn.__all__)\n"
        "for name in kerasdnn.__all__:\n"
        "    assert getattr(kerasdnn, name) is not None\n"
        "from kerasdnn import NAG, build_classifier\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


# -------------------------------------------------------------------------------------- options
def test_every_hyperparameter_of_an_estimator_is_an_option():
    text = parser_for(["train"])._subparsers._group_actions[0].choices["train"].format_help()
    for name in set(names(ESTIMATOR)) - set(options.NOT_OPTIONS):
        assert options.option_of(name) in text, name


def given(*words):
    argv = ["train", "x.csv", "--target", "y", *words]
    return options.given(parser_for(argv).parse_args(argv))


def test_options_are_read_as_their_rows_describe_them():
    assert given("--hidden-units", "64", "32") == {"hidden_units": (64, 32)}
    assert given("--hidden-units", "64,32") == {"hidden_units": (64, 32)}
    assert given("--hidden-units") == {"hidden_units": ()}
    assert given("--no-batch-norm") == {"batch_norm": False}
    assert given("--learning-rate", "1e-3") == {"learning_rate": 0.001}
    assert given("--batch-size", "full") == {"batch_size": "full"}
    assert given("--quantiles", "0.1", "0.9") == {"quantiles": (0.1, 0.9)}
    assert given("--columns", "zip=category", "a=b=date") == {
        "columns": {"zip": "category", "a=b": "date"}
    }
    assert given("--class-weight", "balanced") == {"class_weight": "balanced"}
    assert given("--class-weight", "1=2.5", "no=1") == {"class_weight": {1: 2.5, "no": 1}}
    assert given("--categorical", "a,b", "c") == {"categorical": ["a,b", "c"]}
    assert given("--target-type", "count") == {"target": "count"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--l2", "0.1", "--preset", "realmlp"], "not a hyperparameter of preset 'realmlp'"),
        (["--quantiles", "0.5"], "--quantiles is not an option of a classification"),
        (["--optimizer", "adma"], "adam"),
    ],
)
def test_a_hyperparameter_that_does_not_fit_is_wrong_usage(folder, words, message, capsys):
    code = main(["train", str(folder / "people.csv"), "--target", "bought", *words])
    assert code == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]


# ------------------------------------------------------------------------------------- training
def test_a_regression_is_trained_with_progress_and_reported_as_json(folder, capsys):
    path = folder / "price.kerasdnn"
    code = main(["train", str(folder / "people.parquet"), "--target", "price", "--drop", "id",
                 "bought", "--out", str(path), "--json", "--time", "when", *FAST])  # fmt: skip
    found = capsys.readouterr()
    assert code == 0
    result = json.loads(found.out)
    assert result["problem"] == "regression"
    assert result["columns"] == 2  # age and city: not the time
    assert "epoch 3/3" in found.err
    model = load(path)
    assert model.callbacks is None
    assert model.record_["split"]["how"] == "time"
    assert model.record_["data"]["time"]["name"] == "when"


def test_training_writes_a_report_next_to_baselines(folder, tmp_path, capsys):
    code = main(["train", str(folder / "people.csv"), "--target", "price", "--drop", "id",
                 "--out", str(tmp_path / "m.kerasdnn"), "--report", str(tmp_path / "report"),
                 "--json", "--quiet", *FAST])  # fmt: skip
    result = answer(capsys)
    assert code == 0
    assert {row["model"] for row in result["scores"]} >= {"network", "gradient boosting"}
    assert "Findings" in (tmp_path / "report" / "index.html").read_text("utf-8")
    assert load(tmp_path / "m.kerasdnn").record_["data"]["rows"] == 90


# ------------------------------------------------------------------------- prediction and scores
def test_predictions_are_those_of_the_model_in_every_format(folder, tmp_path, capsys):
    model = load(folder / "m.kerasdnn")
    table = pd.read_csv(folder / "people.csv")
    for ending in ("csv", "tsv", "parquet", "feather", "jsonl"):
        out = tmp_path / f"p.{ending}"
        code = main(["predict", str(folder / "m.kerasdnn"), str(folder / "people.csv"),
                     "--out", str(out), "--keep", "id", "price", "--json"])  # fmt: skip
        assert code == 0
        assert answer(capsys)["rows"] == 120
        found = (
            pd.read_json(out, lines=True, precise_float=True)
            if ending == "jsonl"
            else (streams.read(str(out)))
        )
        assert (
            found["prediction"].tolist() == model.predict(table[["age", "city", "when"]]).tolist()
        )
        p = model.predict_proba(table[["age", "city", "when"]])
        np.testing.assert_allclose(found["probability of yes"], p[:, 1], rtol=1e-15)
        assert found["id"].tolist() == table["id"].tolist()


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_stdin_is_read_in_any_format_and_stdout_is_a_table(folder, form, monkeypatch, capsys):
    table = pd.read_csv(folder / "people.csv").head(5)
    out = io.BytesIO()
    streams.WRITERS[f".{form}"](table, out)
    feed(monkeypatch, out.getvalue())
    assert main(["predict", str(folder / "m.kerasdnn"), "-"]) == 0
    found = capsys.readouterr()
    assert pd.read_csv(io.StringIO(found.out)).shape == (5, 3)
    assert "are ignored: id, bought, price" in found.err


def test_predictions_on_stdout_are_json_lines_with_json(folder, capsys):
    assert main(["predict", str(folder / "m.kerasdnn"), str(folder / "people.csv"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 120
    assert set(lines[0]) == {"prediction", "probability of no", "probability of yes"}


def test_evaluate_knows_the_target_of_the_training(folder, capsys):
    code = main(["evaluate", str(folder / "m.kerasdnn"), str(folder / "people.csv"), "--json"])
    found = answer(capsys)
    table = pd.read_csv(folder / "people.csv")
    expected = load(folder / "m.kerasdnn").evaluate(table[["age", "city", "when"]], table["bought"])
    assert code == 0
    assert found["scores"]["accuracy"] == pytest.approx(expected["accuracy"])
    assert found["baseline"]["loss"] == pytest.approx(expected["baseline_loss"])


# ------------------------------------------------------------------------ search and the record
def test_tune_saves_the_best_model(folder, tmp_path, capsys):
    out = tmp_path / "best.kerasdnn"
    code = main(["tune", str(folder / "people.csv"), "--target", "bought", "--drop", "id", "price",
                 "--trials", "2", "--trial-epochs", "2", "--quiet", "--json",
                 "--out", str(out)])  # fmt: skip
    found = answer(capsys)
    assert code == 0
    assert found["trials"] == 2
    assert load(out).predict(pd.read_csv(folder / "people.csv")[["age", "city", "when"]]).shape
    assert load(out).record_["data"]["rows"] == 120


def test_compare_shows_means_and_intervals(folder, tmp_path, capsys):
    code = main(["compare", str(folder / "people.csv"), "--target", "bought", "--drop", "id",
                 "price", "--vary", "optimizer=adam,nag", "--fix", "hidden_units=[4]", "--seeds",
                 "2", "--epochs", "2", "--quiet", "--json", "--out",
                 str(tmp_path / "t.csv")])  # fmt: skip
    found = answer(capsys)
    assert code == 0
    assert {row["optimizer"] for row in found["table"]} == {"adam", "nag"}
    assert len(pd.read_csv(tmp_path / "t.csv")) == 2
    assert main(["compare", "x.csv", "--target", "y", "--vary", "optimiser=adam"]) == 2


def test_inspect_prints_the_record_and_writes_cards(folder, tmp_path, capsys):
    assert main(["inspect", str(folder / "m.kerasdnn"), "--json"]) == 0
    assert answer(capsys) == load(folder / "m.kerasdnn").record_
    assert main(["inspect", str(folder / "m.kerasdnn")]) == 0
    assert "Hyperparameters" in capsys.readouterr().out
    cards = [tmp_path / "card.html", tmp_path / "card.md"]
    assert main(["inspect", str(folder / "m.kerasdnn"), "--card", str(cards[0]), "--card",
                 str(cards[1])]) == 0  # fmt: skip
    assert all("Model card" in card.read_text("utf-8") for card in cards)


def test_inspect_opens_files_that_have_no_record(capsys):
    assert main(["inspect", str(FROZEN / "standard.kerasdnn"), "--json"]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["estimator"].startswith("DNN")
    assert "no record" in found.err


def test_refit_reports_identity_or_what_differs(folder, tmp_path, capsys):
    command = ["refit", str(folder / "m.kerasdnn")]
    assert main([*command, str(folder / "people.csv"), "--quiet"]) == 0
    assert capsys.readouterr().out == "bit-identical\n"
    table = pd.read_csv(folder / "people.csv")
    table.loc[3, "age"] = 99
    table.to_csv(tmp_path / "other.csv", index=False)
    assert main([*command, str(tmp_path / "other.csv"), "--quiet", "--json"]) == 1
    assert [cause["part"] for cause in answer(capsys)["causes"]] == ["data column 'age'"]


def test_export_writes_a_folder_and_prints_its_manifest(folder, tmp_path, capsys):
    code = main(["export", str(folder / "m.kerasdnn"), str(tmp_path / "out"), "--json"])
    assert code == 0
    assert answer(capsys)["proof"]
    assert (tmp_path / "out" / "predict.py").is_file()


# --------------------------------------------------------------------------------------- errors
def wrong_tables(folder):
    (folder / "empty.csv").write_text("")
    (folder / "broken.parquet").write_bytes(b"PAR1 is not enough")
    (folder / "one.csv").write_text("bought\nyes\nno\n")
    return [
        (["predict", "none.kerasdnn", "people.csv"], "none.kerasdnn"),
        (["predict", "people.csv", "people.csv"], "no zip signature"),
        (["predict", "m.kerasdnn", "none.csv"], "none.csv"),
        (["predict", "m.kerasdnn", "empty.csv"], "empty.csv"),
        (["predict", "m.kerasdnn", "broken.parquet"], "broken.parquet"),
        (["predict", "m.kerasdnn", "one.csv"], "age"),
        (["predict", "m.kerasdnn", "people.csv", "--out", "p.docx"], ".docx"),
        (["train", "people.csv", "--target", "brought"], "Did you mean 'bought'"),
        (["train", "one.csv", "--target", "bought"], "no column besides the target"),
        (["train", "people.csv", "--target", "id"], "identifier"),
        (["train", "people.csv", "--target", "bought", "--out", "none/m.kerasdnn"], "no folder"),
        (["evaluate", "m.kerasdnn", "people.csv", "--target", "nothing"], "nothing"),
        (["inspect", "people.csv"], "no zip signature"),
        (["export", "m.kerasdnn", "out", "--format", "word"], "word"),
    ]


def test_an_error_of_the_data_is_one_line_without_a_traceback(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for arguments, words in wrong_tables(folder):
        assert main(arguments) == 1, arguments
        found = capsys.readouterr()
        assert words in found.err.splitlines()[-1], arguments
        assert re.match(rf"kerasdnn {arguments[0]}: error: ", found.err.splitlines()[-1])
        assert "Traceback" not in found.err
        assert not found.out
    assert not (folder / "out").exists()


def test_an_empty_stdin_is_an_error(folder, monkeypatch, capsys):
    feed(monkeypatch, b" \n")
    assert main(["predict", str(folder / "m.kerasdnn"), "-"]) == 1
    assert "stdin is empty" in capsys.readouterr().err


def test_warnings_are_one_line_each(folder, tmp_path, capsys):
    table = pd.read_csv(folder / "people.csv").assign(city="Rome")
    table.to_csv(tmp_path / "rome.csv", index=False)
    assert main(["predict", str(folder / "m.kerasdnn"), str(tmp_path / "rome.csv")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert any(re.match("kerasdnn predict: warning: .*Rome", line) for line in lines)


def test_every_command_is_described():
    text = parser_for([]).format_help()
    assert all(name in text for name in COMMANDS)
