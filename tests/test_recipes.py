"""Every recipe runs to its end in quick mode, draws its plots, and helps without TensorFlow."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted(path.name for path in ROOT.glob("recipes/[!_]*.py"))
# Need a model, or other processes, or run as a notebook: tested elsewhere.
NOT_ALONE = {"predict_table.py", "two_machines.py", "concepts.py"}
PROCESS = "step_by_step.py"  # runs in one of its own; the others where TensorFlow is loaded already


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Run a recipe as a script, in this process. Returns what it wrote to stderr."""

    def run_here(name, *options):
        path = str(ROOT / "recipes" / name)
        monkeypatch.setattr(sys, "argv", [path, *options])
        monkeypatch.syspath_prepend(ROOT / "recipes")
        code = None
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            code = end.code
        assert not code
        return capsys.readouterr().err

    return run_here


def run(name, *options, **kwargs):
    command = [sys.executable, str(ROOT / "recipes" / name), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in NOT_ALONE])
def test_a_recipe_runs_and_draws(name, tmp_path, run_here):
    options = ["--quick", "--out", str(tmp_path), "--seed", "1"]
    if name == PROCESS:
        done = run(name, *options)
        assert done.returncode == 0, done.stderr[-3000:]
        error = done.stderr
    else:
        error = run_here(name, *options)
    assert "Traceback" not in error
    pictures = list(tmp_path.rglob("*.png"))
    assert pictures or list(tmp_path.rglob("*.csv"))
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert ("<img" in page or "<svg" in page) == bool(pictures)
    text = re.sub(r"data:image/[^\"]+", "", page)  # letters of a picture may spell anything
    assert "http" not in text.replace("http://www.w3.org", "")  # self-contained


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_helps_without_tensorflow(name, tmp_path):
    # A tensorflow that cannot be imported stands before the real one.
    (tmp_path / "tensorflow.py").write_text("raise ImportError('TensorFlow was imported')")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run(name, "--help", env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "--out" in done.stdout or name in NOT_ALONE
    done = run(name, "--no-such-option", env=env)
    assert done.returncode == 2
    assert re.fullmatch(rf"{re.escape(name)}: error: .*\n", done.stderr)
