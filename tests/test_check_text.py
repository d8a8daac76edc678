"""The checker of text finds riddles and misspellings in either language, and nothing else."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "scripts" / "check_text.py"
spec = importlib.util.spec_from_file_location("check_text", FILE)
check_text = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_text)


@pytest.mark.parametrize(
    ("name", "line", "better"),
    [
        ("a.py", "# A silent unit blows up.", "dead unit"),
        ("a.md", "an interval of 95 %", "95%"),
        ("a.ko.md", "침묵한 유닛", "죽은 유닛"),
        ("a.py", "rest = 95 % size", None),
        ("a.md", "A dead unit always returns 0.", None),
    ],
)
def test_a_phrase_is_found_with_what_to_write(name, line, better, tmp_path, monkeypatch):
    monkeypatch.setattr(check_text, "ROOT", tmp_path)
    (tmp_path / name).write_text(line, "utf-8")
    found = [*check_text.unclear([tmp_path / name])]
    assert bool(found) == (better is not None)
    assert better is None or (better in found[0] and f"{name}:1" in found[0])


def test_british_spelling_and_frequent_errors_are_found(tmp_path, monkeypatch):
    pytest.importorskip("codespell_lib")
    monkeypatch.setattr(check_text, "ROOT", tmp_path)
    settings = (FILE.parents[1] / "pyproject.toml").read_text("utf-8")
    (tmp_path / "pyproject.toml").write_text(settings, "utf-8")
    for name in ("a.py", "a.ko.md"):
        (tmp_path / name).write_text("# teh colour\n", "utf-8")
    found = check_text.misspelled([tmp_path / "a.py", tmp_path / "a.ko.md"])
    assert found == ["a.py:1: teh ==> the", "a.py:1: colour ==> color"]
