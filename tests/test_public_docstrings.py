"""Docstrings of everything that a user may import: complete, in numpydoc's form, with an example that runs."""

import importlib
import inspect
from importlib.util import find_spec

import pytest

validation = pytest.importorskip("numpydoc.validate")

FRONT_DOORS = {"sknnk": "sknnk", "torch": "sknnk.torch", "dask": "sknnk.dask"}
# Extended summaries and See Also are where they help; the rest of numpydoc's checks, but for the order of sections and
# for types of parameters that end in a full stop, hold everywhere.
LEFT_OUT = {"ES01", "SA01", "GL09", "EX01"}


def public_names():
    """Classes, functions, and methods written here, with whether an example is asked of them."""
    for library, door in FRONT_DOORS.items():
        needed = {"sknnk": [], "torch": ["torch", "safetensors"], "dask": ["dask", "distributed"]}[library]
        if not all(map(find_spec, needed)):
            continue
        module = importlib.import_module(door)
        for name in module.__all__:
            yield f"{door}.{name}", True
            if inspect.isclass(getattr(module, name)):
                yield from ((f"{door}.{name}.{method}", False) for method in own_methods(getattr(module, name)))


def own_methods(cls):
    """Public methods whose text is ours; those of metadata routing are generated."""
    for name in dir(cls):
        if name.startswith("_") or name.endswith("_request") or not callable(getattr(cls, name, None)):
            continue
        home = next(base for base in cls.__mro__ if name in vars(base))
        if home.__module__.startswith("sknnk"):
            yield name


@pytest.mark.parametrize(("name", "with_example"), list(public_names()))
def test_the_docstring_passes_numpydoc_and_a_class_or_function_has_an_example(name, with_example):
    left_out = LEFT_OUT - ({"EX01"} if with_example else set())
    assert [error for error in validation.validate(name)["errors"] if error[0] not in left_out] == []


def test_a_docstring_that_lacks_something_is_caught(monkeypatch):
    def nameless(x):
        """Does something."""
        return x

    monkeypatch.setattr(importlib.import_module("sknnk"), "nameless", nameless, raising=False)
    codes = {code for code, _ in validation.validate("sknnk.nameless")["errors"]}
    assert {"PR01", "RT01", "EX01"} <= codes
