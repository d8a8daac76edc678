"""Every public name is described completely, and every example in a docstring runs as pasted."""

import ast
import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest

import kerasdnn

PACKAGE = Path(kerasdnn.__file__).parent
SECTION = re.compile(
    r"^(Args|Attributes|Call arguments|Returns|Raises|Warns|Examples?|References?):$", re.MULTILINE
)
EXTRAS = ("mlflow",)  # optional: an example that imports one is skipped where it is not installed
# Overridden methods of Keras that are described here, because they accept more than Keras's.
OVERRIDDEN = ("fit", "evaluate", "predict", "compile", "export", "save", "save_weights")
SERVES_FOREVER = ("kerasdnn.serving.server.run",)


def found(name):
    """The object of a dotted name."""
    module, attributes = name, []
    while True:
        try:
            thing = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            attributes.insert(0, last)
        else:
            for attribute in attributes:
                thing = getattr(thing, attribute)
            return thing


def public_things():
    """What the root and the faces of the rooms export and what the reference shows, by name."""
    names = [f"kerasdnn.{name}" for name in kerasdnn.__all__]
    for face in sorted(PACKAGE.glob("*/__init__.py")):
        imports = (n for n in ast.parse(face.read_text("utf-8")).body if hasattr(n, "level"))
        exported = (alias.asname for node in imports for alias in node.names)
        names += [f"kerasdnn.{face.parent.name}.{name}" for name in exported if name]
    for page in sorted((PACKAGE.parent / "docs" / "site" / "api").glob("*.md")):
        names += re.findall(
            r"^\.\. auto(?:function|class):: ([\w.]+)", page.read_text("utf-8"), re.M
        )
    things = {}
    for name in names:
        thing = found(name)
        if callable(thing) and thing not in things.values():
            things[name] = thing
    return things


def methods_of(thing):
    """The public methods and properties of this package that a class has, by name."""
    for name in dir(thing):
        attribute = inspect.getattr_static(thing, name)
        function = getattr(attribute, "__func__", getattr(attribute, "function", attribute))
        function = function.fget if isinstance(function, property) else function
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        if not is_ours(function) or function.__name__ != name:
            continue
        foreign = (c for c in thing.__mro__ if not is_ours(c))
        overrides = any(name in vars(c) for c in foreign)
        if not overrides or (name in OVERRIDDEN and hasattr(thing, "last_path")):
            yield name, function, isinstance(attribute, property)


def sections_of(thing):
    head, *parts = SECTION.split(inspect.cleandoc(thing.__doc__ or ""))
    return {"": head, **dict(zip(parts[::2], parts[1::2], strict=True))}


def own_nodes(function):
    """The statements and expressions of a function, without those of functions inside it.

    What a `try` with handlers raises is not the function's error.
    """
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    waiting = list(ast.parse(source).body[0].body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        yield node
        caught = node.body if isinstance(node, ast.Try) and node.handlers else []
        waiting += [n for n in ast.iter_child_nodes(node) if n not in caught]


def is_ours(thing):
    return (getattr(thing, "__module__", None) or "").startswith("kerasdnn")


def is_error(thing):
    return inspect.isclass(thing) and issubclass(thing, Exception)


def faults(thing, is_property=False, example=False):
    """What the docstring of a function or class lacks."""
    sections = sections_of(thing)
    first = sections[""].split("\n\n")[0]
    if not re.match(r"[A-Z]", first) or not re.search(r"[.:]$", first.strip()):
        yield f"the first line is not a sentence: {first!r}"
    if is_property:
        return
    if not inspect.isclass(thing) and re.match(
        r"(The|A|An|What|Which|Whether|Return[se]d?s) ", first
    ):
        yield f"the first line is not an imperative: {first!r}"
    if example and "Example" not in sections:
        yield "no example"
    described = []
    for section in ("Args", "Attributes"):
        for entry in re.findall(
            r"^ {4}(\*{0,2}\w[^:\n]*):", sections.get(section, ""), re.MULTILINE
        ):
            described.append(entry.strip("*"))
            if "," in entry:
                yield f"one entry for several names: {entry}"
    own_init = not inspect.isclass(thing) or is_ours(thing.__init__)
    parameters = {} if is_error(thing) else inspect.signature(thing).parameters
    for parameter in parameters.values():
        free = parameter.name in ("self", "cls") or parameter.name.startswith("_")
        free |= not own_init and parameter.kind is parameter.VAR_POSITIONAL
        if not free and parameter.name not in described:
            yield f"no entry for {parameter.name}"
    if inspect.isclass(thing):
        return
    nodes = list(own_nodes(thing))
    values = [n.value for n in nodes if isinstance(n, ast.Return)]
    if "Returns" not in sections and any(v and ast.unparse(v) != "None" for v in values):
        yield "no Returns"
    if "Raises" not in sections and any(isinstance(n, ast.Raise) for n in nodes):
        yield "no Raises"


THINGS = public_things()


@pytest.mark.parametrize("name", THINGS)
def test_a_public_name_is_described_completely(name):
    thing = THINGS[name]
    lacking = list(faults(thing, example=True))
    if inspect.isclass(thing):
        for method, function, is_property in methods_of(thing):
            lacking += [f"{method}: {fault}" for fault in faults(function, is_property)]
    assert lacking == []


def examples():
    seen = set()
    for name, thing in THINGS.items():
        methods = list(methods_of(thing)) if inspect.isclass(thing) else []
        for of, owner in [(name, thing), *((f"{name}.{m}", f) for m, f, _ in methods)]:
            code = sections_of(owner).get("Example")
            if code and code not in seen and of not in SERVES_FOREVER:
                seen.add(code)
                yield pytest.param(textwrap.dedent(code), id=of)


@pytest.mark.filterwarnings("ignore::kerasdnn.DataWarning")
@pytest.mark.parametrize("code", list(examples()))
def test_an_example_in_a_docstring_runs_as_pasted(code, tmp_path, monkeypatch):
    for extra in EXTRAS:
        if extra in code:
            pytest.importorskip(extra)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})
