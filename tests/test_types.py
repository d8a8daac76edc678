"""The public surface has type annotations; scripts/test checks them with mypy."""

import inspect

import pytest

import kerasdnn

CALLABLES = {
    name: getattr(kerasdnn, name)
    for name in kerasdnn.__all__
    if callable(getattr(kerasdnn, name)) and not isinstance(getattr(kerasdnn, name), dict)
}


def own_methods(kind):
    """Public methods that a class or its bases in this package define, and `__init__`."""
    for base in kind.__mro__:
        if base.__module__.startswith("kerasdnn"):
            for name, method in vars(base).items():
                method = getattr(method, "__func__", getattr(method, "fget", method))
                if inspect.isfunction(method) and (name == "__init__" or name[0] != "_"):
                    yield f"{base.__name__}.{name}", method


def functions(name):
    thing = CALLABLES[name]
    return dict(own_methods(thing)) if isinstance(thing, type) else {name: thing}


@pytest.mark.parametrize("name", CALLABLES)
def test_public_functions_and_methods_are_annotated(name):
    missing = []
    for called, function in functions(name).items():
        signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            if parameter.name not in ("self", "cls") and parameter.annotation is parameter.empty:
                missing.append(f"{called}({parameter.name})")
        if signature.return_annotation is signature.empty and not called.endswith("__init__"):
            missing.append(f"{called} -> ")
    assert not missing
