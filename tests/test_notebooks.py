"""Notebooks hold the code of their recipes, nothing else, and run in a Jupyter kernel."""

import ast
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import notebooks  # noqa: E402


@pytest.mark.parametrize("recipe", notebooks.recipes(), ids=lambda path: path.stem)
def test_a_notebook_has_the_code_of_its_recipe(recipe):
    made = notebooks.notebook(recipe)
    code = ["".join(c["source"]) for c in made["cells"] if c["cell_type"] == "code"]
    assert code[0] == notebooks.SETUP.strip()
    assert code[-2].startswith("main(")
    theirs = ast.parse(recipe.read_text("utf-8"))
    theirs.body = [node for node in theirs.body[1:] if not notebooks.is_guard(node)]
    assert ast.dump(ast.parse("\n".join(code[1:-2]))) == ast.dump(theirs)
    assert "".join(made["cells"][0]["source"]).startswith("# ")


def test_the_page_of_notebooks_lists_every_recipe():
    text = (ROOT / "docs" / "site" / "notebooks.md").read_text("utf-8")
    assert [p.stem for p in notebooks.recipes() if f"notebooks/{p.stem}.ipynb" not in text] == []


def test_a_notebook_is_valid_and_runs_in_a_kernel(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    for file in notebooks.write(tmp_path / "all"):
        nbformat.validate(nbformat.read(file, as_version=4))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "recipes"), prepend=":")
    text = json.dumps(notebooks.notebook(ROOT / "recipes/concepts.py", "--quick"))
    made = nbformat.reads(text, as_version=4)
    client = nbclient.NotebookClient(made, timeout=300, resources={"metadata": {"path": tmp_path}})
    client.execute()
    shown = made.cells[-1].outputs
    assert len(shown) == len([*tmp_path.glob("results/concepts/*.png")]) > 10
    assert all("image/png" in output.data for output in shown)
