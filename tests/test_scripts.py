"""The environment is made once, repaired when it is not whole, and needs only Python."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
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
