"""The shape of the house: floors, front door, mirror and sizes, as drawn in doc/contributing.md."""

import ast
import graphlib
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import sknnk

PACKAGE = Path(sknnk.__file__).parent
TESTS = Path(__file__).parent

FLOORS = {
    "_spectra": 0,
    "_hadamard": 0,
    "_lapack": 0,
    "_rows": 0,
    "_scratch": 0,
    "_sincos": 0,
    "_sampled_inverse": 0,
    "_moments": 0,
    "_quantiles": 0,
    "_calibration": 0,
    "_blocks": 0,
    "_progress": 0,
    "_cv_results": 0,
    "_costs": 0,
    "_estimation_theory": 0,
    "_layer_weights": 0,
    "_trained_layers": 0,
    "_tridiagonal": 0,
    "_rounding": 0,
    "_penalties": 0,
    "_persistence": 0,
    "_documentation_links": 0,
    "_directions": 1,
    "_features": 1,
    "_unbiased_features": 1,
    "_unbiased_spectra": 1,
    "_kernels": 1,
    "_inputs": 1,
    "_orthogonal_covariance": 1,
    "_ridge": 1,
    "_fold_moments": 1,
    "_row_kernels": 1,
    "_squared_errors": 1,
    "_accumulation": 1,
    "_length_scales": 1,
    "_triangles": 1,
    "_wrapped_estimators": 2,
    "_samplers": 2,
    "_tuning": 2,
    "_iterative": 2,
    "_cholesky": 2,
    "_partial_bundling": 2,
    "_bundle_report": 2,
    "_dual": 2,
    "_kernel_scores": 3,
    "_resampling": 3,
    "_intervals": 3,
    "_tridiagonal_moments": 3,
    "_predicted_intervals": 3,
    "_arc_cosine_sampler": 3,
    "_bundled_kernels": 3,
    "_estimation_errors": 3,
    "_operator": 3,
    "_layer_stack": 3,
    "_fold_paths": 3,
    "_kernel_trials": 4,
    "_mixed_precision": 4,
    "_candidate_scores": 4,
    "_kernel_decision": 5,
    "_kernel_search": 6,
    "_count_sets": 6,
    "_layers": 7,
    "_kernel_layers": 7,
    "_network_pictures": 7,
    "_kernel_network": 8,
    "_count_curves": 8,
    "_displays": 8,
    "_kernel_error_display": 8,
    "_network_display": 8,
    "_prediction_interval_display": 8,
    "_network": 9,
    "_regressor": 10,
    "_classifier": 10,
    "_network_cv": 10,
    "_regressor_cv": 11,
    "_classifier_cv": 11,
    "_bundling": 11,
    "torch": 12,
    "dask": 12,
    "onnx": 12,
    "": 12,  # the front door itself: it names floors 0 to 11, and never loads an extra
}
TOP = max(FLOORS.values())
# An outside library that `import sknnk` must not load -> the one module that may import it at its top.
OPTIONAL = {
    "torch": "torch",
    "safetensors": "torch",
    "transformers": None,
    "peft": None,
    "dask": "dask",
    "distributed": "dask",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "skl2onnx": "onnx",
    "skops": None,
    "matplotlib": None,
    "pandas": None,
    "polars": None,
}
FORBIDDEN_WORDS = {"utils", "util", "base", "common", "helper", "helpers", "misc", "manager"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MAX_FILE, MAX_FUNCTION, USUAL_FUNCTION, USUAL_SHARE = 400, 45, 25, 0.9


# Reading a source tree. A module is named by its path below the package: "_ridge", "torch._layers", and
# "" for the package's own __init__, the front door.


@dataclass(frozen=True)
class Import:
    """One imported name: its full dotted target, where it stands, and in which function, if in any."""

    target: str
    line: int
    function: str | None


def modules(package):
    """Every module of a package directory, name -> path."""
    paths = sorted(package.rglob("*.py"))
    dotted = {path: ".".join(path.relative_to(package).with_suffix("").parts) for path in paths}
    return {name.removesuffix("__init__").removesuffix("."): path for path, name in dotted.items()}


def walk_imports(node, function=None):
    """Yield every import statement under `node`, with the name of the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, function
        yield from walk_imports(child, child.name if isinstance(child, FUNCTIONS) else function)


def imports_of(path, package):
    """Every name that the file imports, relative ones made absolute."""
    here = [package.name, *path.relative_to(package).parent.parts]
    for node, function in walk_imports(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            start = here[: len(here) - node.level + 1] if node.level else []
            source = ".".join([*start, *filter(None, [node.module])])
            targets = [f"{source}.{alias.name}" for alias in node.names]
        for target in targets:
            yield Import(target, node.lineno, function)


def reached_module(target, package, known):
    """The module that an import of `target` loads: "" for the front door, None from outside."""
    if target.split(".")[0] != package.name:
        return None
    name = target.removeprefix(package.name).removeprefix(".")
    while name not in known:  # what is left of a name that no module has is a name inside a module
        name = name.rpartition(".")[0]
    return name


def room(module):
    """The entry of FLOORS that a module belongs to: "torch" for "torch._layers"."""
    return module.partition(".")[0]


# The rules. Each returns the violations in a package directory as sentences; an empty list is a pass.


def inside_violation(module, reached, function):
    """What is wrong with `module` importing the module `reached` of the same package, or None."""
    if function:
        return f"inside {function}(): move it to the top of the file, or the code to a higher floor"
    if reached == "":
        return "from the front door: name the module that defines it"
    if room(module) == room(reached) and module != reached:  # the parts of an extra may build on each other
        return "from the front door of its own package" if reached == room(reached) else None
    if FLOORS.get(room(reached), 0) >= FLOORS.get(room(module), TOP):
        return f"not strictly downwards: floor {FLOORS[room(module)]} from floor {FLOORS[room(reached)]}"
    return None


def outside_violation(module, target, function):
    """What is wrong with `module` importing `target` of another library, or None."""
    library = target.split(".")[0]
    if library not in OPTIONAL or room(module) == OPTIONAL[library]:
        return None
    if function is None:
        return f"at the top: `import {PACKAGE.name}` must not need {library}"
    if library == "matplotlib" and room(module) != "_displays" and not function.startswith("plot"):
        return "outside _displays and outside a plot function"
    return None


def import_violations(package):
    """Imports that go upwards, through the front door, from inside a function, or to an optional library."""
    found, known = [], modules(package)
    for module, path in known.items():
        for item in imports_of(path, package):
            reached = reached_module(item.target, package, known)
            if reached is None:
                problem = outside_violation(module, item.target, item.function)
            else:
                problem = inside_violation(module, reached, item.function)
            if problem:
                found.append(f"{path.relative_to(package)}:{item.line} imports {item.target} {problem}")
    return found


def cycle_violations(package):
    """Modules that import each other in a circle; the floors leave room for one inside an extra only."""
    known = modules(package)
    graph = {
        module: {reached_module(item.target, package, known) for item in imports_of(path, package)} - {None}
        for module, path in known.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"import cycle: {' -> '.join(reversed(error.args[1]))}"]
    return []


def name_violations(package):
    """Modules that no floor is known for, or whose name says nothing."""
    found = []
    for module in modules(package):
        if room(module) not in FLOORS:
            found.append(
                f"{module} has no floor: add it to FLOORS in tests/test_architecture.py "
                "and to the drawing in doc/contributing.md"
            )
        if words := FORBIDDEN_WORDS.intersection(module.replace(".", "_").split("_")):
            found.append(f"{module}: {min(words)!r} says nothing about what is inside; name what it does")
    return found


def mirror_violations(package, tests):
    """Modules without their test file: _foo.py -> test_foo.py, torch/_bar.py -> test_torch_bar.py."""
    expected = {
        module: "test_" + "_".join(part.strip("_") for part in module.split(".")) + ".py"
        for module, path in modules(package).items()
        if path.name != "__init__.py"
    }
    return [f"{module} has no tests/{name}" for module, name in expected.items() if not (tests / name).is_file()]


def lines_of_code(function, source):
    """How many lines a function has, without its docstring, blank lines and comments."""
    spans = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function) is not None:
        spans -= set(range(function.body[0].lineno, function.body[0].end_lineno + 1))
    texts = (source[line - 1].strip() for line in spans)
    return sum(bool(text) and not text.startswith("#") for text in texts)


def size_violations(package):
    """Files and functions that are too long, and too many functions above the usual length."""
    found, lengths = [], {}
    for path in modules(package).values():
        source = path.read_text().splitlines()
        if len(source) > MAX_FILE:
            found.append(f"{path.name} has {len(source)} lines; at most {MAX_FILE}")
        for node in ast.walk(ast.parse("\n".join(source))):
            if isinstance(node, FUNCTIONS):
                lengths[f"{path.name}:{node.lineno} {node.name}"] = lines_of_code(node, source)
    found += [
        f"{name} has {n} lines of code; at most {MAX_FUNCTION}" for name, n in lengths.items() if n > MAX_FUNCTION
    ]
    long = [f"{name} ({n})" for name, n in lengths.items() if n > USUAL_FUNCTION]
    if len(long) > (1 - USUAL_SHARE) * len(lengths):
        found.append(f"{len(long)} of {len(lengths)} functions are above {USUAL_FUNCTION} lines: {', '.join(long)}")
    return found


# What holds for sknnk.


@pytest.mark.parametrize("rule", [import_violations, cycle_violations, name_violations, size_violations])
def test_the_package_keeps_the_rule(rule):
    assert rule(PACKAGE) == []


def test_every_module_has_its_test_file():
    assert mirror_violations(PACKAGE, TESTS) == []


def test_all_is_exactly_what_the_front_door_re_exports():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    from_inside = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.split(".")[0] == PACKAGE.name)
    ]
    exported = [alias.asname or alias.name for node in from_inside for alias in node.names]
    assert sorted(exported) == sorted(sknnk.__all__)


def test_exported_names_are_public_and_importable():
    assert not [name for name in sknnk.__all__ if name.startswith("_") or not hasattr(sknnk, name)]


def test_nothing_else_public_is_reachable_at_the_front_door():
    submodules = {room(module) for module in modules(PACKAGE)}
    assert {name for name in vars(sknnk) if not name.startswith("_")} - submodules == set(sknnk.__all__)


def test_importing_sknnk_loads_no_optional_library():
    # scikit-learn comes first: it may load pandas by itself, which is not ours to answer for.
    code = "import sys, sklearn.base; before = set(sys.modules); import sknnk; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(OPTIONAL).isdisjoint(done.stdout.split())


def test_mypy_is_strict_on_floors_0_and_1_at_least():
    settings = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    (strict,) = [entry["module"] for entry in settings if "disallow_untyped_defs" in entry]
    assert set(strict) >= {f"sknnk.{module}" for module, floor in FLOORS.items() if floor <= 1}


# What the rules would catch: each fault is planted in a small source tree that is otherwise sound.

SOUND = {
    "__init__.py": "from importlib.metadata import version\nfrom ._network import Net\n__all__ = ['Net']\n",
    "_moments.py": "import numpy as np\n",
    "_spectra.py": "",
    "_ridge.py": "from ._moments import Moments\n",
    "_samplers.py": "from house import _spectra\nimport house._ridge\n",
    "_network.py": "from . import _samplers\nfrom house._ridge import solve\n",
    "_displays.py": "def draw():\n    import matplotlib.pyplot as plt\n",
    "torch/__init__.py": "from ._layers import Layer\n",
    "torch/_layers.py": "import torch\nfrom .._network import Net\n",
    "torch/_adapters.py": "import torch.nn\nfrom ._layers import Layer\nfrom house.torch import _layers\n",
}


@pytest.fixture
def house(tmp_path):
    """A sound source tree to plant faults in: call it with {file: text} and get the package directory."""

    def build(faults=()):
        for name, text in {**SOUND, **dict(faults)}.items():
            path = tmp_path / "house" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "house"

    return build


@pytest.mark.parametrize("rule", [import_violations, cycle_violations, name_violations, size_violations])
def test_a_sound_house_passes(house, rule):
    assert rule(house()) == []


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        ("_moments.py", "from ._ridge import solve", "not strictly downwards: floor 0 from floor 1"),
        ("_moments.py", "from house._ridge import solve", "not strictly downwards"),
        ("_moments.py", "from . import _ridge", "not strictly downwards"),
        ("_moments.py", "from house import _ridge", "not strictly downwards"),
        ("_moments.py", "import house._ridge as ridge", "not strictly downwards"),
        ("_moments.py", "try:\n    from ._ridge import solve\nexcept ImportError: pass", "not strictly"),
        ("_moments.py", "if TYPE_CHECKING:\n    from ._ridge import solve", "not strictly"),
        ("_moments.py", "from ._spectra import Spectrum", "floor 0 from floor 0"),
        ("_moments.py", "from ._moments import itself", "floor 0 from floor 0"),
        ("_network.py", "from .torch import Layer", "floor 9 from floor 12"),
        ("_network.py", "from house.torch._layers import Layer", "floor 9 from floor 12"),
        ("__init__.py", "from .torch import Layer", "floor 12 from floor 12"),
        ("dask.py", "from .torch import Layer", "floor 12 from floor 12"),
        ("_network.py", "from house import Net", "from the front door"),
        ("_network.py", "from . import Net", "from the front door"),
        ("_network.py", "import house", "from the front door"),
        ("_network.py", "from . import *", "from the front door"),
        ("torch/_layers.py", "from .. import Net", "from the front door"),
        ("torch/_layers.py", "from . import Layer", "from the front door of its own package"),
        ("torch/_layers.py", "from house.torch import Layer", "from the front door of its own package"),
        ("_network.py", "def fit():\n    from ._ridge import solve", "inside fit()"),
        ("_network.py", "class A:\n    async def go(self):\n        import house._ridge", "inside go()"),
        ("_network.py", "def fit():\n    from house import Net", "inside fit()"),
        ("_network.py", "import torch", "at the top"),
        ("_network.py", "from torch.nn import Linear", "at the top"),
        ("_displays.py", "import matplotlib.pyplot as plt", "at the top"),
        ("torch/_layers.py", "import dask.array", "at the top"),
        ("_network.py", "def fit():\n    import matplotlib", "outside _displays"),
    ],
)
def test_a_planted_import_is_caught(house, file, line, words):
    (violation,) = import_violations(house({file: line}))
    assert violation.startswith(file)
    assert words in violation


def test_an_optional_library_may_be_imported_where_it_is_used(house):
    texts = {
        "_network.py": "def plot_error():\n    import matplotlib.pyplot\n",
        "_bundling.py": "def layers():\n    import torch\n",
    }
    assert import_violations(house(texts)) == []


def test_a_cycle_inside_an_extra_is_caught(house):
    assert cycle_violations(house({"torch/_layers.py": "from ._adapters import Adapter\n"}))


def test_a_module_without_a_floor_is_caught_and_told_where_to_go(house):
    (violation,) = name_violations(house({"_attic.py": ""}))
    assert "add it to FLOORS" in violation


@pytest.mark.parametrize("name", ["torch/utils.py", "torch/_base.py", "torch/_tensor_helpers.py"])
def test_a_name_that_says_nothing_is_caught(house, name):
    assert "says nothing" in name_violations(house({name: ""}))[0]


def test_a_missing_test_file_is_caught(house, tmp_path):
    package, tests = house(), tmp_path / "tests"
    tests.mkdir()
    assert "_ridge has no tests/test_ridge.py" in mirror_violations(package, tests)
    assert "torch._layers has no tests/test_torch_layers.py" in mirror_violations(package, tests)
    for violation in mirror_violations(package, tests):
        (tests.parent / violation.split()[-1]).touch()
    assert mirror_violations(package, tests) == []


def function_of(lines, name="f"):
    """Source of a function with that many lines of code, and a docstring, blanks and comments besides."""
    return f'def {name}():\n    """Say\n    so."""\n\n    # why\n' + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n" * 401, "has 401 lines"),
        (function_of(46) + "".join(function_of(5, f"g{i}") for i in range(20)), "46 lines of code"),
        (function_of(26) + "".join(function_of(25, f"g{i}") for i in range(8)), "1 of 9 functions"),
    ],
)
def test_what_is_too_long_is_caught(house, text, words):
    violations = size_violations(house({"_spectra.py": text, "_moments.py": "", "_displays.py": ""}))
    assert any(words in violation for violation in violations)


def test_what_is_just_short_enough_passes(house):
    text = function_of(45) + "".join(function_of(25, f"g{i}") for i in range(9))
    assert size_violations(house({"_spectra.py": text + "\n" * (400 - text.count("\n"))})) == []
