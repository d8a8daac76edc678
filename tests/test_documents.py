"""What the documents say is true: their code runs, and every file and command in them exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "recipes" / "README.md"])
EXTRAS = ("mlflow",)  # optional: a block that imports one is skipped where it is not installed
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED_FILE = re.compile(r"(?:kerasdnn|recipes|scripts|tests|docs)/[\w./-]*\w\.(?:py|md|png|csv)")


def blocks():
    for document in DOCUMENTS:
        for i, code in enumerate(BLOCK.findall(document.read_text("utf-8"))):
            yield pytest.param(code, id=f"{document.relative_to(ROOT)}:{i}")


@pytest.mark.parametrize("code", list(blocks()))
def test_every_block_of_code_runs_as_pasted(code, tmp_path, monkeypatch):
    for extra in EXTRAS:
        if f"import {extra}\n" in code:
            pytest.importorskip(extra)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "block", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document):
    text = document.read_text("utf-8")
    named = set(NAMED_FILE.findall(text))
    missing = sorted(name for name in named if not (ROOT / name).exists())
    assert not missing
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert not [link for link in links if not (document.parent / link).exists()]


def test_the_table_of_rooms_names_every_room():
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for path in (ROOT / "kerasdnn").iterdir():
        name = f"{path.name}/" if path.is_dir() else path.name
        if path.name not in ("__init__.py", "__pycache__", "py.typed", "files.py"):
            assert f"`{name}`" in contributing, f"{name} is not in the table of rooms"


def test_every_recipe_is_in_the_table_of_recipes():
    table = (ROOT / "recipes" / "README.md").read_text("utf-8")
    for path in ROOT.glob("recipes/[!_]*.py"):
        assert path.name in table, path.name
