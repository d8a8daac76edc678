"""What the documents say is true: their code runs, and every file and command in them exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path for folder in (".", "docs", "recipes") for path in ROOT.glob(f"{folder}/*.md")
)
EXTRAS = ("mlflow",)  # optional: a block that imports one is skipped where it is not installed
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED_FILE = re.compile(r"(?:kerasdnn|recipes|scripts|tests|docs)/[\w./-]*\w\.(?:py|md|png|csv)")


KOREAN = [path for path in DOCUMENTS if path.name.endswith(".ko.md")]


def english(korean):
    """The page of which `korean` is the translation."""
    names = (korean.name.replace(".ko.md", end) for end in (".md", ".en.md"))
    return next(korean.with_name(name) for name in names if korean.with_name(name).exists())


def blocks():
    """Every block of code, once: a translated page repeats those of the English one."""
    seen = set()
    for document in sorted(DOCUMENTS, key=KOREAN.__contains__):
        for i, code in enumerate(BLOCK.findall(document.read_text("utf-8"))):
            without_comments = ast.dump(ast.parse(code))
            if without_comments not in seen:
                seen.add(without_comments)
                yield pytest.param(code, id=f"{document.relative_to(ROOT)}:{i}")


def sections(document):
    """Of each section: the level of its heading, its blocks without comments, what is in backticks.

    A table of the appendix or of results counts by its rows.
    """
    found = []
    for part in re.split(r"^(?=#+ )", document.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        fenced = re.findall(r"^```.*?^```", part, re.MULTILINE | re.DOTALL)
        text = re.sub(r"^```.*?^```", "", part, flags=re.MULTILINE | re.DOTALL)
        found.append(
            {
                "level": len(part) - len(part.lstrip("#")),
                "blocks": [re.sub(r"\s+#.*", "", block) for block in fenced],
                "names": {re.sub(r"\s+", " ", name) for name in re.findall(r"`([^`]+)`", text)},
                "rows": len(re.findall(r"^\|", text, re.MULTILINE)),
            }
        )
    return found


@pytest.mark.parametrize("code", list(blocks()))
def test_every_block_of_code_runs_as_pasted(code, tmp_path, monkeypatch):
    for extra in EXTRAS:
        if f"import {extra}\n" in code:
            pytest.importorskip(extra)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "block", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("korean", KOREAN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_korean_page_has_the_sections_code_and_names_of_the_english_page(korean):
    ours, theirs = sections(korean), sections(english(korean))
    for i, (our, their) in enumerate(zip(ours, theirs, strict=False)):
        assert our == their, f"section {i} of {korean.name}"
    assert len(ours) == len(theirs)


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


def test_a_recipe_and_the_table_of_recipes_state_the_same_time():
    table = (ROOT / "recipes" / "README.md").read_text("utf-8")
    for path in ROOT.glob("recipes/[!_]*.py"):
        stated = re.search(r"(\d+ (?:s|min)) of CPU time", path.read_text("utf-8"))
        row = re.search(rf"^\| `{path.name}`.*\| (.+) \|$", table, re.MULTILINE)
        assert row, path.name
        assert stated is None or stated[1] == row[1], path.name
