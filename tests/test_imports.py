"""Rooms import downwards only, files form no cycles, and `import kerasdnn` stays light."""

import ast
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import kerasdnn

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "kerasdnn"
# A room or a file of the root, and what it may import besides itself. `search` may import all.
ROOMS = {
    "core": "",
    "graphs": "",
    "nn": "core",
    "activations": "core",
    "plots": "core",
    "optimizers": "core nn",
    "heads": "core nn",
    "hyperparameters": "core activations optimizers heads",
    "checks": "core heads activations",
    "training": "core nn checks",
    "tables": "core nn heads activations checks",
    "diagnostics": "core nn heads activations checks",
    "stopping": "core heads training",
    "factories": "core nn activations optimizers heads hyperparameters training",
    "records": "core heads plots",
    "forward": "core nn activations training",
    "decisions": "core nn training forward",
    "explain": "core nn tables decisions",
    "estimators": "core nn activations optimizers heads hyperparameters checks training tables "
    "diagnostics factories records stopping explain decisions",
    "multi_output": "core nn heads hyperparameters training tables diagnostics explain decisions "
    "estimators",
    "streaming": "core heads checks tables estimators stopping",
    "export": "core nn activations checks training tables forward estimators decisions",
    "files": "estimators",  # the earlier place of a module
    "serving": "core nn tables estimators records",
    "command": "core nn hyperparameters tables estimators records search serving streaming plots",
    "__main__": "command",
    "population": "core nn activations optimizers heads hyperparameters checks training factories",
}
# Inside `search/`: a file or a folder, and what it may import besides itself.
SEARCH = {
    "settings": "",
    "spaces": "settings",
    "objective": "settings spaces",
    "data": "settings spaces objective",
    "table_data": "data",
}
SEARCH["engine"] = "settings spaces objective data"
SEARCH["result"] = SEARCH["engine"] + " engine"
SEARCH |= dict.fromkeys(
    ["network_search", "preset_search", "any_model", "comparison"], SEARCH["result"] + " result"
)
SEARCH["comparisons"] = SEARCH["result"] + " result"
SEARCH["comparison"] += " table_data comparisons"
SEARCH["table_search"] = SEARCH["comparison"] + " network_search preset_search"
SEARCH["source_search"] = SEARCH["table_search"] + " table_search"
SEARCH["tuning"] = SEARCH["source_search"] + " source_search any_model"
UPWARDS = {  # methods that import what they do where they are called
    ("estimators/files/archive.py", "multi_output/estimator.py"),
    ("estimators/base.py", "search/tuning.py"),
    ("estimators/base.py", "export/exporting.py"),
    ("estimators/base.py", "streaming/training.py"),
    ("estimators/base.py", "streaming/prediction.py"),
    ("training/network.py", "export/exporting.py"),
}
FACES = {  # where it is drawn
    ("search/result.py", "plots"),
    ("search/comparisons/result.py", "plots"),
    ("explain/attributions.py", "plots"),
    ("explain/importance.py", "plots"),
    ("explain/methods.py", "plots"),
    ("command/report.py", "plots"),
}


def files():
    return [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))]


@cache
def imports(file):
    """The files of the package that `file` imports, functions included; rooms by their name."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / file).read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        folder = (PACKAGE / file).parents[node.level - 1]
        for alias in node.names:
            path = folder.joinpath(*(node.module or "").split("."))
            for candidate in (
                path / f"{alias.name}.py",
                path.with_suffix(".py"),
                path / alias.name,
            ):
                if candidate.exists():
                    found.add(candidate.relative_to(PACKAGE).as_posix())
                    break
            else:
                found.add(path.relative_to(PACKAGE).as_posix())
    return found


def allowed(file, other):
    here, there = ([p.removesuffix(".py") for p in path.split("/")] for path in (file, other))
    if here[0] == "search" and there[0] == "search":
        return here[1] == there[1] or there[1] in SEARCH[here[1]].split()
    return here[0] in ("search", there[0]) or there[0] in ROOMS[here[0]].split()


def code():
    return [file for file in files() if not file.endswith("__init__.py")]


def test_rooms_import_downwards_and_from_files():
    wrong = [
        (file, other)
        for file in code()
        for other in imports(file)
        if (file, other) not in UPWARDS | FACES
        and not (other.endswith(".py") and allowed(file, other))
    ]
    assert not wrong
    assert all(other in imports(file) for file, other in UPWARDS | FACES)


def chain(file, above=()):
    """The longest chain of imports from `file` on."""
    assert file not in above, " -> ".join([*above, file])
    below = [f for f in imports(file) if f.endswith(".py") and (file, f) not in UPWARDS]
    return (file, *max((chain(f, (*above, file)) for f in below), key=len, default=()))


def test_no_import_leads_back_and_chains_are_short():
    longest = max((chain(file) for file in code()), key=len)
    assert len(longest) <= 20, longest


def test_a_folder_has_at_most_twelve_modules():
    for folder in {PACKAGE / file for file in files()}:
        modules = [p for p in folder.parent.glob("*.py") if p.name != "__init__.py"]
        assert len(modules) <= 12, folder.parent


def test_no_face_shows_a_name_that_hides_one_of_its_files():
    for file in files():
        if file.endswith("__init__.py"):
            folder = (PACKAGE / file).parent
            tree = ast.parse((PACKAGE / file).read_text("utf-8"))
            nodes = [n for n in tree.body if isinstance(n, ast.ImportFrom)]
            shown = {a.asname or a.name for node in nodes for a in node.names}
            hidden = {p.stem for p in folder.glob("*.py")} & shown
            assert not hidden, (file, hidden)


def test_every_room_says_what_its_files_hold():
    for face in PACKAGE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(face.read_text("utf-8")))
        named = [p.stem for p in face.parent.glob("*.py") if p.name != "__init__.py"]
        if face.parent not in (PACKAGE, PACKAGE / "core", PACKAGE / "plots"):
            assert not [name for name in named if f"`{name}`" not in text], face


def test_the_public_names_are_few_and_all_there():
    assert len(dir(kerasdnn)) <= 29
    assert sorted(dir(kerasdnn)) == sorted(kerasdnn.__all__)
    assert all(getattr(kerasdnn, name) is not None for name in kerasdnn.__all__)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert kerasdnn.__version__ == project["version"]
    with pytest.raises(AttributeError, match="'kerasdnn' has no attribute 'tun'"):
        _ = kerasdnn.tun


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_importing_and_fitting_a_network_needs_no_plots_search_or_tables():
    run(
        "import sys\n"
        "for name in ('matplotlib', 'keras_tuner', 'sklearn'):\n"
        "    sys.modules[name] = None\n"
        "import kerasdnn, numpy as np\n"
        "x = np.random.default_rng(0).normal(size=(40, 3))\n"
        "network = kerasdnn.build_classifier(3, 2, (4,), seed=0)\n"
        "network.fit(x, (x[:, 0] > 0).astype(int), epochs=1, verbose=0)\n"
        "assert network.predict(x, verbose=0).shape == (40, 1)\n"
    )


def test_every_module_imports_on_its_own_and_the_package_adds_nothing_heavy_to_keras():
    modules = [f"kerasdnn.{f.removesuffix('.py').replace('/', '.')}" for f in code()]
    run(
        "import sys, keras, numpy\n"
        "before = {name.split('.')[0] for name in sys.modules}\n"
        "import kerasdnn, importlib\n"
        "added = {name.split('.')[0] for name in sys.modules} - before\n"
        "heavy = {'keras_tuner', 'matplotlib', 'sklearn', 'scipy', 'tensorboard'}\n"
        "assert not added & heavy, added & heavy\n"
        f"for name in {modules}:\n"
        "    importlib.import_module(name)\n"
    )
