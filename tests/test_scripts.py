"""The environment is made once, repaired when it is not whole, and needs only Python.

Of the measurement of accuracy: its statistics, its tables and its arguments, without training.
"""

import ast
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import _accuracy_models  # noqa: E402
import _accuracy_report  # noqa: E402
import _accuracy_results  # noqa: E402
import _accuracy_runs  # noqa: E402
import _accuracy_tables  # noqa: E402
import bench_accuracy  # noqa: E402
import environment  # noqa: E402


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a folder with a space in its name, and a pip that only takes notes."""
    root = tmp_path / "my project"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]")
    (root / "constraints.txt").write_text("")
    calls, fail = [], []
    real = subprocess.run

    def run(command, **kwargs):
        if "install" not in command:
            return real(command, **kwargs)
        calls.append(command[-1])
        return subprocess.CompletedProcess(command, returncode=len(fail))

    monkeypatch.setattr(subprocess, "run", run)
    # A whole environment takes seconds to make; this one has a Python and a pip.
    monkeypatch.setattr(environment.venv, "create", fake_environment)
    return root, calls, fail


def fake_environment(folder, **kwargs):
    folder.mkdir(exist_ok=True)
    python = environment.executable(folder.parent)
    python.parent.mkdir(exist_ok=True)
    if not python.exists():
        python.symlink_to(sys.executable)


def test_the_first_call_installs_and_the_second_does_nothing(project):
    root, calls, _ = project
    python = environment.python(root=root)
    assert python.exists()
    assert environment.python(root=root) == python
    assert calls == [f"{root}[test]"]


def test_an_extra_is_added_to_what_is_there(project):
    root, calls, _ = project
    environment.python(root=root)
    environment.python(["gpu"], root=root)
    environment.python(root=root)
    assert calls == [f"{root}[test]", f"{root}[gpu,test]"]


def test_a_failed_installation_says_so_and_is_repeated(project):
    root, calls, fail = project
    fail.append("no network")
    with pytest.raises(SystemExit, match="The installation failed"):
        environment.python(root=root)
    fail.clear()
    environment.python(root=root)
    assert len(calls) == 2


def test_an_interrupted_installation_is_repaired(project, monkeypatch):
    root, calls, _ = project
    environment.python(root=root)
    (root / "constraints.txt").write_text("numpy==2.4.6")  # asks for a new installation
    monkeypatch.setattr(environment.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        environment.python(root=root)
    assert environment.installed(root) == set()
    monkeypatch.undo()
    assert len(calls) == 2


def interrupt(*args):
    raise KeyboardInterrupt


def test_a_damaged_environment_is_made_anew(project):
    root, _, _ = project
    environment.python(root=root)
    environment.executable(root).unlink()
    assert environment.installed(root) == set()
    (root / ".venv" / "stamp.json").write_text("{half")
    assert environment.installed(root) == set()
    environment.python(root=root)
    assert environment.executable(root).exists()
    assert json.loads((root / ".venv" / "stamp.json").read_text())["extras"] == ["test"]


def test_an_old_python_is_refused(project, monkeypatch):
    monkeypatch.setattr(environment, "OLDEST", (99, 0))
    with pytest.raises(SystemExit, match=r"Python 99\.0 or newer is needed\. This is"):
        environment.python(root=project[0])


@pytest.mark.parametrize("name", ["run", "test", "docs", "environment.py"])
def test_the_scripts_import_the_standard_library_alone(name):
    for node in ast.walk(ast.parse((ROOT / "scripts" / name).read_text("utf-8"))):
        imported = []
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [node.module]
        for module in imported:
            assert module.split(".")[0] in {*sys.stdlib_module_names, "environment"}, module


def test_run_names_the_programs_when_there_is_no_such_file():
    command = [sys.executable, str(ROOT / "scripts" / "run"), "recipes/nothing.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "There is no file recipes/nothing.py." in done.stderr
    assert "recipes/compare_optimizers.py" in done.stderr


def test_the_constraints_pin_every_package_exactly_and_name_no_address():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 30
    for pin in pins:
        assert pin.count("==") == 1, pin
        assert "/" not in pin, pin


def test_the_shifted_ratio_is_the_formula():
    ours, peer = [0.0, 0.09, 0.3], [0.01, 0.04, math.nan]
    by_hand = math.sqrt((0.01 / 0.02) * (0.10 / 0.05))  # the third table has no peer
    assert _accuracy_results.shifted_ratio(ours, peer) == pytest.approx(by_hand)
    assert _accuracy_results.shifted_ratio(peer, peer) == 1.0


def test_ranks_share_ties_and_leave_out_models_without_all_tables():
    errors = pd.DataFrame({"a": [0.1, 0.2], "b": [0.1, 0.1], "c": [0.3, 0.3], "d": [0, math.nan]})
    assert _accuracy_results.average_ranks(errors).to_dict() == {"a": 1.75, "b": 1.25, "c": 3.0}
    won = _accuracy_results.wins(errors)
    assert won.loc["b", "a"] == 0.75
    assert won.loc["a", "b"] == 0.25
    assert won.loc["d", "a"] == 1.0  # of the one table that both have


def test_errors_that_differ_by_rounding_alone_are_ties():
    rows = pd.DataFrame(
        {"model": ["a", "a", "b"], "table": "t", "value": [1 / 38, 1 / 38, 0.02632]}
    )
    errors = _accuracy_results.mean_errors(rows, ["t"])
    assert errors.loc["t", "a"] == errors.loc["t", "b"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_holes_are_the_share_of_the_numeric_cells_and_none_elsewhere(share):
    X = pd.DataFrame({"a": range(50), "b": [1.5] * 50, "word": ["x"] * 50})
    data = _accuracy_tables.Data("t", "regression", X, X["a"], ["a", "b"], ["word"], {})
    holed = _accuracy_tables.with_holes(data, share)
    assert holed.X[["a", "b"]].isna().sum().sum() == round(100 * share)
    assert holed.X["word"].notna().all()
    assert X.notna().all().all()  # the table itself stays
    kept = holed.X["a"].notna()
    assert (holed.X["a"][kept] == X["a"][kept]).all()
    pd.testing.assert_frame_equal(holed.X, _accuracy_tables.with_holes(data, share).X)


def test_a_split_has_every_row_once_and_the_classes_in_each_part():
    labels = np.repeat([0, 1], [80, 20])
    rows = _accuracy_tables.split_rows(100, labels)
    assert [len(rows[part]) for part in ("train", "valid", "test")] == [60, 20, 20]
    assert sorted(np.concatenate(list(rows.values()))) == list(range(100))
    assert [labels[rows[part]].sum() for part in ("train", "valid", "test")] == [12, 4, 4]


def test_a_pooled_table_has_the_rows_of_train_and_valid_to_train_on():
    data = _accuracy_tables.read_table("wine")
    both = _accuracy_tables.pooled(data)
    rows = [*data.rows["train"], *data.rows["valid"]]
    assert both.rows["train"].tolist() == rows
    assert both.rows.keys() == {"train", "test"}
    assert both.rows["test"].tolist() == data.rows["test"].tolist()


def test_results_are_found_again_and_settings_tell_them_apart(tmp_path):
    path = tmp_path / "new" / "results.csv"
    for seed in (0, 1):
        _accuracy_results.add_result(path, result(seed, {"dropout": 0.1}))
    rows = _accuracy_results.read_results(path)
    assert rows["seed"].tolist() == [0, 1]
    assert rows["value"].tolist() == [1 / 3, 1 / 3]
    assert [file.name for file in path.parent.iterdir()] == ["results.csv"]
    job = result(1, {"dropout": 0.1})
    there = set(rows[_accuracy_results.KEY].itertuples(index=False, name=None))
    assert _accuracy_runs.key(job) in there
    assert _accuracy_runs.key(result(1, {"dropout": 0.2})) not in there
    assert _accuracy_report.named(rows)["model"].unique() == ["standard dropout=0.1"]


def result(seed, changes):
    return {
        "model": "standard", "table": "t", "seed": seed, "part": "valid", "metric": "error",
        "value": 1 / 3, "log_loss": 0.5, "fit_seconds": 1.0,
        "settings": _accuracy_results.settings_of(changes),
    }  # fmt: skip


def test_a_model_is_shown_where_it_has_all_tables_and_seeds_of_the_same_data():
    options = bench_accuracy.read_options(["--tables", "wine,digits", "--seeds", "1"])
    made = [("a", "wine", {}), ("a", "digits", {}), ("b", "wine", {}), ("a", "wine", {"l2": 1})]
    made += [("c", "wine", {"holes": 0.1}), ("c", "digits", {"holes": 0.1})]
    rows = pd.DataFrame(
        [
            result(0, changes | {"data": "sklearn"}) | {"model": model, "table": table}
            for model, table, changes in made
        ]
        + [result(0, {}) | {"model": "d", "table": table} for table in ("wine", "digits")]
    )
    assert set(_accuracy_report.complete(rows, options, 0.0)["model"]) == {"a"}
    assert set(_accuracy_report.complete(rows, options, 0.1)["model"]) == {"c"}


def test_the_summary_is_relative_to_the_reference_and_split_by_kind_of_table():
    errors = pd.DataFrame({"a": [0.09, 0.19], "sk_mlp": [0.19, 0.09]}, ["classes", "numbers"])
    rows = pd.DataFrame({"model": ["a", "a", "sk_mlp"], "fit_seconds": [1.0, 3.0, 0.5]})
    rows["table"] = ["classes", "numbers", "classes"]
    rows["log_loss"] = [0.29, None, 0.14]
    found = _accuracy_report.summary(errors, rows, np.array([False, True]), "sk_mlp").loc["a"]
    ratios = found[["ratio", "classes", "numbers", "log loss"]].tolist()
    assert ratios == pytest.approx([1.0, 0.5, 2.0, 2.0])
    assert found[["wins/sk_mlp", "rank", "s/fit", "s/all"]].tolist() == ["1/2", 1.5, 2.0, 4.0]


def test_the_time_left_is_that_of_the_rows_that_wait():
    rows = {"train": np.arange(_accuracy_runs.FIXED)}
    data = _accuracy_tables.Data("t", "binary", None, None, [], [], rows)
    clock = _accuracy_runs.Clock([({"model": name}, data) for name in ("a", "a", "b")])
    clock.done(3.0)
    assert clock.left() == pytest.approx(6.0)  # b as a, until it is seen


def test_preset_names_are_those_of_the_package():
    from kerasdnn.estimators.presets import PRESETS

    assert _accuracy_models.preset_names() == list(PRESETS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "nothing"], "--models nothing: is none of standard"),
        (["--tables", "nothing"], "--tables nothing: is none of breast_cancer"),
        (["--set", "activation=relu"], "text in quotes"),
        (["--holes", "1"], "a share from 0 to under 1"),
        (["--own-holdout"], "needs --part test"),
    ],
)
def test_wrong_arguments_of_the_accuracy_are_said_at_once(arguments, message, capsys):
    with pytest.raises(SystemExit):
        bench_accuracy.read_options(arguments)
    assert message in capsys.readouterr().err


def test_the_arguments_of_the_accuracy_are_read_without_tensorflow():
    code = "import sys, bench_accuracy; bench_accuracy.read_options([]); print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras"} & set(done.stdout.split())
