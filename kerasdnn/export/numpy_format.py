"""Write `model.npz` and `predict.py`, which reads it with NumPy alone.

`predict.py` is `numpy_reader`, followed by what it needs of `forward/numpy_steps.py`, which
computes the layers, and of `tables/texts/parsing.py`, which reads numbers, dates and times from
text: copied, so that there is one source of both.
"""

import ast
import inspect
import io
import json
from pathlib import Path

import numpy as np

from ..forward import numpy_steps
from ..tables.texts import parsing
from . import numpy_reader
from .description import need_steps

FROM_STEPS = ("compile_steps", "LARGEST_P", "SMALLEST_P")
PARSERS = ("parse_number", "tidy_date", "parse_time", "parse_boolean", "parse_serial",
           "is_missing", "common_era")  # fmt: skip
RUNTIME = """
import json, sys
for name in ("kerasdnn", "tensorflow", "keras", "pandas", "scipy", "sklearn"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
import numpy, predict
model = predict.load()
def cell(value):
    if isinstance(value, dict):
        (kind, content), = value.items()
        if kind == "moment":
            return predict.datetime.fromisoformat(content)
        return predict.timedelta(seconds=content)
    return value
answers = []
for table in json.load(open(sys.argv[2])):
    X = [[cell(v) for v in row] for row in table["rows"]]
    if table["names"] is not None:
        X = dict(zip(table["names"], map(list, zip(*X))))
        if len(table["rows"]) == 1:
            X = {name: values[0] for name, values in X.items()}
    output = model.predict_proba(X) if model.classes is not None else model.predict(X)
    answers.append([numpy.asarray(output, "float64").tolist(), model.predict(X).tolist()])
versions = {"python": sys.version.split()[0], "numpy": numpy.__version__}
json.dump({"answers": answers, "versions": versions}, open(sys.argv[3], "w"))
"""


def write(model, description, folder):
    """Write the export of `model` into a folder.

    Raises:
        ValueError: a layer or a column that NumPy cannot reproduce, by name.
    """
    need_steps(description, "numpy")
    columns = description.get("columns", ())
    kinds = {c["position"]: c["kind"] for c in columns}
    wrong = [
        (c["name"], "combines a date with other columns")
        for c in columns
        if any(kinds[j] in ("datetime", "instant") for j in c["sources"] or ())
    ]
    if wrong:
        raise ValueError(f"No format can reproduce column {wrong[0][0]!r}: it {wrong[0][1]}.")
    arrays: dict[str, np.ndarray] = {}
    plain = {k: v for k, v in description.items() if k not in ("centers", "scales")}
    plain = packed(plain, arrays) | {"version": numpy_reader.VERSION}
    for column in plain.get("columns", ()):
        column["named"] = description["names"] is not None
    arrays |= {k: description[k] for k in ("centers", "scales") if k in description}
    text = json.dumps(plain, sort_keys=True).encode("ascii")
    content = io.BytesIO()
    np.savez(content, description=np.frombuffer(text, dtype="uint8"), **arrays)
    (Path(folder) / "model.npz").write_bytes(content.getvalue())
    (Path(folder) / "predict.py").write_text(reader_source(), "utf-8")


def packed(value, arrays):
    """`value` with its arrays moved to `arrays`, which `{"array": name}` refers to."""
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, dict):
        return {k: packed(v, arrays) for k, v in value.items()}
    return [packed(v, arrays) for v in value] if isinstance(value, (list, tuple)) else value


def reader_source():
    """The text of `predict.py`."""
    source = inspect.getsource(numpy_reader)
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.level:  # what is copied below
            source = source.replace(f"{ast.get_source_segment(source, node)}\n\n", "")
    steps = "\n\n\n".join(definitions(inspect.getsource(numpy_steps), FROM_STEPS))
    parsers = "\n\n".join(definitions(inspect.getsource(parsing), PARSERS))
    return f"{source}\n\n{steps}\n\n\nimport unicodedata  # noqa: E402\n\n{parsers}\n"


def definitions(source, wanted):
    """The top-level statements of a module that define `wanted` names and all that these need.

    Returns:
        list of str, in the order of the module.
    """
    statements = [node for node in ast.parse(source).body
                  if not isinstance(node, (ast.Import, ast.ImportFrom))]  # fmt: skip
    defined_by: dict[str, set] = {}
    for i, node in enumerate(statements):
        for name in bound(node):
            defined_by.setdefault(name, set()).add(i)
    left, kept = list(wanted), set()
    while left:
        for i in defined_by.get(left.pop(), set()) - kept:
            kept.add(i)
            left += {n.id for n in ast.walk(statements[i]) if isinstance(n, ast.Name)}
    return [ast.get_source_segment(source, statements[i]) for i in sorted(kept)]


def bound(node):
    """The names that a statement of a module defines or changes."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    return {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
