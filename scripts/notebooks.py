"""Write every recipe as a Jupyter notebook, from its source.

    scripts/run scripts/notebooks.py [--out DIR]        # a second; default: out/notebooks

The documentation site does this when it is built and offers the notebooks for download. A notebook
has the docstring of the recipe as text, each function as a cell, and runs `main` at the end.
"""

import argparse
import ast
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_ALONE = {"predict_table.py", "two_machines.py"}  # need a model, or another process
RULE = re.compile(r"^# -{5,} *(.*)$", re.MULTILINE)  # the comment above a section of a recipe
SETUP = """\
# Start Jupyter in the folder of kerasdnn, or in its folder `recipes`.
import sys
from pathlib import Path

sys.path.insert(0, "recipes" if Path("recipes").is_dir() else ".")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "notebooks")
    out = parser.parse_args().out
    print(f"{len(write(out))} notebooks are in {out}.")


def recipes() -> list[Path]:
    """The recipes that run on their own."""
    return sorted(p for p in ROOT.glob("recipes/[!_]*.py") if p.name not in NOT_ALONE)


def write(folder: Path) -> list[Path]:
    """Write all notebooks. A file that would not change is left alone, with its time."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for recipe in recipes():
        files.append(folder / f"{recipe.stem}.ipynb")
        text = json.dumps(notebook(recipe), indent=1, ensure_ascii=False) + "\n"
        if not files[-1].exists() or files[-1].read_text("utf-8") != text:
            files[-1].write_text(text, "utf-8")
    return files


def notebook(recipe: Path, *options: str) -> dict:
    """The notebook of a recipe, in the format of Jupyter, version 4.5.

    Args:
        recipe: path of the recipe.
        options: str, further options of the recipe, such as "--quick".
    """
    source = recipe.read_text("utf-8")
    out = f"results/{recipe.stem}"
    cells = [("markdown", story(ast.get_docstring(ast.parse(source)))), ("code", SETUP)]
    cells += parts(source)
    arguments = ", ".join(map(json.dumps, ("--out", out, *options)))
    show = f'from IPython.display import Image, display\n\nfor picture in sorted(Path("{out}")'
    show += '.glob("*.png")):\n    display(Image(picture))'
    cells += [("markdown", "## Run it"), ("code", f"main([{arguments}])"), ("code", show)]
    return {
        "cells": [cell(i, kind, text) for i, (kind, text) in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def story(docstring: str) -> str:
    """A docstring as Markdown: its first sentence is the title, indented lines are code."""
    title, _, rest = docstring.partition("\n")
    text = re.sub(r"((?:^ {4}.*\n?)+)", r"```text\n\1```\n", rest + "\n", flags=re.MULTILINE)
    return f"# {title.rstrip('.')}\n{text}".strip()


def parts(source: str) -> list[tuple[str, str]]:
    """The module after its docstring: imports and settings, then one cell per function."""
    lines = source.splitlines(keepends=True)
    first, *body = ast.parse(source).body
    body = [node for node in body if not is_guard(node)]
    cells, begin, waiting = [], first.end_lineno, ""
    for node in body:
        waiting += "".join(lines[begin : node.end_lineno])
        begin = node.end_lineno
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            definition = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            length = sum(map(len, lines[definition:begin]))
            before, waiting = waiting[:-length], waiting[-length:]
            for heading in RULE.findall(before):
                cells.append(("markdown", f"## {heading[:1].upper()}{heading[1:]}"))
            before = RULE.sub("", before)
            if before.strip():
                cells.append(("code", before))
            cells.append(("code", waiting))
            waiting = ""
    return [*cells, ("code", waiting)] if waiting.strip() else cells


def is_guard(node: ast.stmt) -> bool:
    """Whether this is `if __name__ == "__main__"`."""
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def cell(number: int, kind: str, text: str) -> dict:
    made = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
    made["source"] = text.strip("\n").splitlines(keepends=True)
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


if __name__ == "__main__":
    sys.exit(main())
