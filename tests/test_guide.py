"""The guides and the tour name only what exists, and miss none of the 24 concepts."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDES = [ROOT / "docs" / "guide.en.md", ROOT / "docs" / "guide.ko.md"]
DOCUMENTS = [*GUIDES, ROOT / "docs" / "tour.md", ROOT / "README.ko.md"]
FILE = re.compile(r"\b(?:kerasdnn|recipes|scripts|tests|docs)/\w[\w./-]*\.(?:py|md)\b")
SYMBOL = re.compile(r"\bkerasdnn((?:\.[A-Za-z_]\w*)+)")
CELL = re.compile(r"`(kerasdnn/[\w/]+)\.py` `([\w.]+)`")


def appendix(guide):
    """The rows of the table at the end, each as its cells."""
    lines = guide.read_text("utf-8").rsplit("\n## ", 1)[1].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def found(module, names):
    """What the dotted `names` lead to from `module`."""
    thing = importlib.import_module(module)
    for name in names:
        if not hasattr(thing, name):
            thing = importlib.import_module(f"{thing.__name__}.{name}")
        else:
            thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_symbol_named_exists(document):
    text = document.read_text("utf-8")
    missing = [name for name in FILE.findall(text) if not (ROOT / name).is_file()]
    assert not missing
    prose = re.sub(r'"[^"\n]*\.kerasdnn"', "", text)  # names of model files
    for dotted in set(SYMBOL.findall(prose)):
        found("kerasdnn", dotted.strip(".").split("."))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_appendix_has_every_concept_with_code_recipe_and_test(guide):
    rows = appendix(guide)
    assert [row[0] for row in rows] == [str(number) for number in range(1, 25)]
    for number, code, recipe, test in rows:
        module, symbol = CELL.fullmatch(code).groups()
        assert found(module.replace("/", "."), symbol.split(".")) is not None
        assert re.fullmatch(r"`recipes/[a-z]\w*\.py`", recipe), (number, recipe)
        assert re.fullmatch(r"`tests/(?:\w+/)*test_\w+\.py`", test), (number, test)


def test_both_languages_have_the_same_appendix_formulas_and_code():
    english, korean = GUIDES
    assert appendix(english) == appendix(korean)
    blocks = re.compile(r"^```(?:math|python)\n.*?^```|\$[^$\n]+\$", re.MULTILINE | re.DOTALL)
    assert blocks.findall(english.read_text("utf-8")) == blocks.findall(korean.read_text("utf-8"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_concept_has_its_paragraph(guide):
    text = guide.read_text("utf-8").rsplit("\n## ", 1)[0]
    numbers = re.findall(r"\((\d+(?:, \d+)*)\)", text)
    named = {int(number) for group in numbers for number in group.split(", ")}
    assert set(range(1, 25)) <= named
