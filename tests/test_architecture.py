"""The shape of the code: levels of folders, doors, mirror and sizes, as drawn in doc/contributing.md."""

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

# A folder imports from folders on strictly lower levels; folders on one level know nothing of each other.
LEVELS = {
    "_compute": 1,
    "_integration": 1,
    "_data": 2,
    "_kernels": 2,
    "_losses": 2,
    "_ridge": 2,
    "_features": 3,
    "_kernel_learning": 4,
    "_networks": 5,
    "_cross_validation": 6,
    "_bundling": 6,
    "_displays": 7,
    "torch": 7,
    "dask": 7,
    "onnx": 7,
    "": 8,  # the package itself: it names what users import, and never loads an extra
}
EXTRAS = ("torch", "dask", "onnx")
# An outside library that `import sknnk` must not load -> the one folder that may import it at the top of a file.
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
    "array_api_compat": None,
    "array_api_strict": None,
    "cupy": None,
}
FORBIDDEN_WORDS = {"utils", "util", "base", "common", "helper", "helpers", "misc", "manager"}
# Names that stand for objects of this package wherever they are an argument or an attribute: their type has a name.
OURS = {
    "self", "network", "networks", "fitted", "feature_map", "solution", "moments", "sums", "system", "sampler", "spec",
    "choice", "targets", "execution", "prepared", "plan", "coding", "table", "layout", "sets", "penalty", "problem",
}  # fmt: skip
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MAX_FILE, MAX_ESTIMATOR_FILE, MAX_FUNCTION, USUAL_FUNCTION, USUAL_SHARE = 400, 300, 45, 25, 0.9


# Reading a source tree. A module is named by its path below the package: "_ridge.moments", "torch._layers", and
# "" for the package's own __init__. A folder is named alike, and its __init__ is its door.


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
    """The module that an import of `target` loads: "" for the package itself, None from outside."""
    if target.split(".")[0] != package.name:
        return None
    name = target.removeprefix(package.name).removeprefix(".")
    while name not in known:  # what is left of a name that no module has is a name inside a module
        name = name.rpartition(".")[0]
    return name


def top_folder(module):
    """The entry of LEVELS that a module belongs to: "_ridge" for "_ridge.solvers.dual"."""
    return module.partition(".")[0]


def folder_of(module, known):
    """The folder that a module lies in: "_ridge.solvers" for "_ridge.solvers.dual", and for the door itself."""
    return module if known[module].name == "__init__.py" else module.rpartition(".")[0]


# The rules. Each returns the violations in a package directory as sentences; an empty list is a pass.


def inside_violation(module, reached, function, known):
    """What is wrong with `module` importing the module `reached` of the same package, or None."""
    if function:
        return f"inside {function}(): move it to the top of the file, or the code to a higher level"
    if reached == "":
        return "from the package itself: name the folder that defines it"
    if top_folder(module) != top_folder(reached):
        if LEVELS.get(top_folder(reached), 0) >= LEVELS.get(top_folder(module), 8):
            own, other = LEVELS.get(top_folder(module), 8), LEVELS[top_folder(reached)]
            return f"not strictly downwards: level {own} from level {other}"
        return None if reached == top_folder(reached) else f"past the door: import it from {top_folder(reached)}"
    here, there = folder_of(module, known), folder_of(reached, known)
    if known[reached].name == "__init__.py" and (here == there or here.startswith(f"{there}.")):
        return "from the door of its own folder: name the file that defines it"
    if here != there and not here.startswith(f"{there}.") and known[reached].name != "__init__.py":
        return f"past the door: import it from {there}"
    return None


def outside_violation(module, target, function):
    """What is wrong with `module` importing `target` of another library, or None."""
    library = target.split(".")[0]
    if library not in OPTIONAL or top_folder(module) == OPTIONAL[library]:
        return None
    if function is None:
        return f"at the top: `import {PACKAGE.name}` must not need {library}"
    if library == "matplotlib" and not (top_folder(module) == "_displays" or function.startswith("plot")):
        return "outside _displays and outside a plot function"
    return None


def import_violations(package):
    """Imports that go upwards, past a door, from inside a function, or to an optional library."""
    found, known = [], modules(package)
    for module, path in known.items():
        for item in imports_of(path, package):
            reached = reached_module(item.target, package, known)
            if reached is None:
                problem = outside_violation(module, item.target, item.function)
            else:
                problem = inside_violation(module, reached, item.function, known)
            if problem:
                found.append(f"{path.relative_to(package)}:{item.line} imports {item.target} {problem}")
    return found


def cycle_violations(package):
    """Modules that import each other in a circle; the levels leave room for one inside a folder only."""
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
    """Folders that no level is known for, files beside the folders, and names that say nothing."""
    found = []
    for module, path in modules(package).items():
        if top_folder(module) not in LEVELS:
            found.append(
                f"{module} has no level: put it into a folder, or add the folder to LEVELS in "
                "tests/test_architecture.py and to the drawing in doc/contributing.md"
            )
        own = module.rpartition(".")[2]
        private = module and top_folder(module) not in EXTRAS and path.name != "__init__.py"
        if private and own.startswith("_"):
            found.append(f"{module}: its folder carries the underscore, so the file drops it")
        if words := FORBIDDEN_WORDS.intersection(module.replace(".", "_").split("_")):
            found.append(f"{module}: {min(words)!r} says nothing about what is inside; name what it does")
    return found


def door_violations(package):
    """Private folders whose door has no paragraph, or whose `__all__` is not what it imports."""
    found = []
    for module, path in modules(package).items():
        if path.name != "__init__.py" or not module or top_folder(module) in EXTRAS:
            continue
        tree = ast.parse(path.read_text())
        imported = [a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names]
        listed = [
            ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"
        ]
        if not ast.get_docstring(tree):
            found.append(f"{module} has a door that does not say what the folder is")
        if not listed or sorted(listed[0]) != sorted(imported):
            found.append(f"{module} has a door whose __all__ is not what it imports")
    return found


def mirror_violations(package, tests):
    """Modules without their test file: _ridge/dual.py -> _ridge/test_dual.py, torch/_bar.py -> torch/test_bar.py."""
    found = []
    for module, path in modules(package).items():
        if path.name == "__init__.py":
            continue
        folder, _, own = module.rpartition(".")
        expected = "/".join([*filter(None, folder.split(".")), f"test_{own.removeprefix('_')}.py"])
        if not (tests / expected).is_file():
            found.append(f"{module} has no tests/{expected}")
    return found


def lines_of_code(function, source):
    """How many lines a function has, without its docstring, blank lines and comments."""
    spans = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function) is not None:
        spans -= set(range(function.body[0].lineno, function.body[0].end_lineno + 1))
    texts = (source[line - 1].strip() for line in spans)
    return sum(bool(text) and not text.startswith("#") for text in texts)


def holds_an_estimator(tree):
    """Whether a file defines a class that users fit: one with a method `fit`, or with an `__init__` of parameters."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {each.name for node in classes for each in node.body if isinstance(each, FUNCTIONS)}
    return "fit" in names


def size_violations(package):
    """Files and functions that are too long, and too many functions above the usual length."""
    found, lengths = [], {}
    for module, path in modules(package).items():
        source = path.read_text().splitlines()
        tree = ast.parse("\n".join(source))
        limit = MAX_ESTIMATOR_FILE if top_folder(module) == "_networks" and holds_an_estimator(tree) else MAX_FILE
        if len(source) > limit:
            found.append(f"{path.name} has {len(source)} lines; at most {limit}")
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                lengths[f"{path.name}:{node.lineno} {node.name}"] = lines_of_code(node, source)
    found += [
        f"{name} has {n} lines of code; at most {MAX_FUNCTION}" for name, n in lengths.items() if n > MAX_FUNCTION
    ]
    long = [f"{name} ({n})" for name, n in lengths.items() if n > USUAL_FUNCTION]
    if len(long) > (1 - USUAL_SHARE) * len(lengths):
        found.append(f"{len(long)} of {len(lengths)} functions are above {USUAL_FUNCTION} lines: {', '.join(long)}")
    return found


def private_names(tree):
    """Private names that a file gives to attributes, methods or variables."""
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def privacy_violations(package):
    """Private attributes of an object of another folder: those that this folder does not define, and another does."""
    known = modules(package)
    trees = {module: ast.parse(path.read_text()) for module, path in known.items()}
    owners = {}
    for module, tree in trees.items():
        for name in private_names(tree):
            if name.startswith("_") and not name.startswith("__"):
                owners.setdefault(name, set()).add(top_folder(module))
    found = []
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in owners and top_folder(module) not in owners[node.attr]:
                if is_inherited(node):
                    continue
                where = f"{known[module].relative_to(package)}:{node.lineno}"
                found.append(f"{where} reads {ast.unparse(node)}, which belongs to {', '.join(owners[node.attr])}")
    return found


def is_inherited(node):
    """Whether an attribute is one's own: of `self` or `cls`, by inheritance from a class of another folder."""
    return isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}


def vague_type_violations(package):
    """Arguments and attributes that stand for an object of ours, and say `Any` of its type."""
    found = []
    for path in modules(package).values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.arg):
                name, annotation = node.arg, node.annotation
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name, annotation = node.target.id, node.annotation
            else:
                continue
            if name in OURS and isinstance(annotation, ast.Name) and annotation.id == "Any":
                found.append(f"{path.relative_to(package)}:{node.lineno} {name}: Any; name the class or the protocol")
    return found


RULES = [
    import_violations,
    cycle_violations,
    name_violations,
    door_violations,
    size_violations,
    privacy_violations,
    vague_type_violations,
]


# What holds for sknnk.


@pytest.mark.parametrize("rule", RULES)
def test_the_package_keeps_the_rule(rule):
    assert rule(PACKAGE) == []


def test_every_module_has_its_test_file():
    assert mirror_violations(PACKAGE, TESTS) == []


def test_all_is_exactly_what_the_package_re_exports():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    from_inside = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.split(".")[0] == PACKAGE.name)
    ]
    exported = [alias.asname or alias.name for node in from_inside for alias in node.names]
    assert sorted(name for name in exported if not name.startswith("_")) == sorted(sknnk.__all__)


def test_exported_names_are_public_and_importable():
    assert not [name for name in sknnk.__all__ if name.startswith("_") or not hasattr(sknnk, name)]


def test_public_classes_say_the_module_that_users_import_them_from():
    classes = [getattr(sknnk, name) for name in sknnk.__all__ if isinstance(getattr(sknnk, name), type)]
    assert len(classes) > 8
    assert {each.__module__ for each in classes} == {"sknnk"}


def test_nothing_else_public_is_reachable_in_the_package():
    submodules = {top_folder(module) for module in modules(PACKAGE)}
    assert {name for name in vars(sknnk) if not name.startswith("_")} - submodules == set(sknnk.__all__)


def test_importing_sknnk_loads_no_optional_library():
    # scikit-learn comes first: it may load pandas by itself, which is not ours to answer for.
    code = "import sys, sklearn.base; before = set(sys.modules); import sknnk; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(OPTIONAL).isdisjoint(done.stdout.split())


def test_every_folder_is_drawn_for_newcomers():
    page = (TESTS.parent / "doc" / "contributing.md").read_text()
    folders = {module.rpartition(".")[2] for module, path in modules(PACKAGE).items() if path.name == "__init__.py"}
    assert not {f"{name}/" for name in folders - {""} if f"{name}/" not in page}


def test_mypy_is_strict_on_the_folders_below_the_estimators():
    settings = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["tool"]["mypy"]
    ours = [entry for entry in settings["overrides"] if any(name.startswith("sknnk.") for name in entry["module"])]
    excepted = {name for entry in ours for name in entry["module"]}
    assert settings["strict"]
    assert not {name for name in excepted if name.split(".")[1] in ("_compute", "_integration", "_data", "_kernels")}
    assert not [entry for entry in ours if {"disallow_incomplete_defs", "check_untyped_defs"} & entry.keys()]
    known = {f"sknnk.{module}" for module in modules(PACKAGE)}
    assert not {name for name in excepted if name.removesuffix(".*") not in known}


# What the rules would catch: each fault is planted in a small source tree that is otherwise sound.

DOOR = '"""What it is."""\n\nfrom .{module} import {name}\n\n__all__ = ["{name}"]\n'
SOUND = {
    "__init__.py": "from importlib.metadata import version\nfrom ._networks import Net\n__all__ = ['Net']\n",
    "_compute/__init__.py": DOOR.format(module="threads", name="over_threads"),
    "_compute/threads.py": "import numpy as np\ndef over_threads(): ...\n",
    "_ridge/__init__.py": DOOR.format(module="solving", name="solve"),
    "_ridge/moments.py": "from .._compute import over_threads\nclass Moments:\n    _gram = 0\n",
    "_ridge/solvers/__init__.py": DOOR.format(module="cholesky", name="factor"),
    "_ridge/solvers/cholesky.py": "from ..moments import Moments\ndef factor(): ...\n",
    "_ridge/solving.py": "from .moments import Moments\nfrom .solvers import factor\ndef solve(): ...\n",
    "_kernels/__init__.py": '"""What it is."""\n\n__all__ = []\n',
    "_networks/__init__.py": DOOR.format(module="estimator", name="Net"),
    "_networks/estimator.py": "from house._ridge import solve\nclass Net:\n    def fit(self): self._own = 1\n",
    "_displays/__init__.py": '"""What it is."""\n\n__all__ = []\n',
    "_displays/network.py": "def draw():\n    import matplotlib.pyplot as plt\n",
    "torch/__init__.py": "from ._layers import Layer\n",
    "torch/_layers.py": "import torch\nfrom .._networks import Net\nclass Layer: ...\n",
    "torch/_adapters.py": "import torch.nn\nfrom ._layers import Layer\n",
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


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_tree_passes(house, rule):
    assert rule(house()) == []


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        ("_compute/threads.py", "from .._ridge import solve", "not strictly downwards: level 1 from level 2"),
        ("_compute/threads.py", "from house._ridge import solve", "not strictly downwards"),
        ("_compute/threads.py", "from house import _ridge", "not strictly downwards"),
        ("_compute/threads.py", "import house._ridge as ridge", "not strictly downwards"),
        ("_compute/threads.py", "try:\n    from .._ridge import solve\nexcept ImportError: pass", "not strictly"),
        ("_compute/threads.py", "if TYPE_CHECKING:\n    from .._ridge import solve", "not strictly"),
        ("_kernels/spectra.py", "from .._ridge import solve", "level 2 from level 2"),
        ("_networks/estimator.py", "from ..torch import Layer", "level 5 from level 7"),
        ("_networks/estimator.py", "from house.torch._layers import Layer", "level 5 from level 7"),
        ("dask/_layers.py", "from ..torch import Layer", "level 7 from level 7"),
        ("_networks/estimator.py", "from .._ridge.moments import Moments", "past the door: import it from _ridge"),
        ("_networks/estimator.py", "from .._ridge.solvers import factor", "past the door: import it from _ridge"),
        ("_networks/estimator.py", "import house._ridge.moments", "past the door"),
        ("_ridge/moments.py", "from .solvers.cholesky import factor", "past the door: import it from _ridge.solvers"),
        ("_ridge/moments.py", "from . import solve", "from the door of its own folder"),
        ("_ridge/solvers/cholesky.py", "from .. import solve", "from the door of its own folder"),
        ("_ridge/solvers/cholesky.py", "from . import factor", "from the door of its own folder"),
        ("torch/_layers.py", "from . import Layer", "from the door of its own folder"),
        ("_networks/estimator.py", "from house import Net", "from the package itself"),
        ("_networks/estimator.py", "import house", "from the package itself"),
        ("torch/_layers.py", "from .. import Net", "from the package itself"),
        ("_networks/estimator.py", "def fit():\n    from .._ridge import solve", "inside fit()"),
        ("_networks/estimator.py", "class A:\n    async def go(self):\n        import house._ridge", "inside go()"),
        ("_networks/estimator.py", "import torch", "at the top"),
        ("_networks/estimator.py", "from torch.nn import Linear", "at the top"),
        ("_displays/network.py", "import matplotlib.pyplot as plt", "at the top"),
        ("torch/_layers.py", "import dask.array", "at the top"),
        ("_networks/estimator.py", "def fit():\n    import matplotlib", "outside _displays"),
    ],
)
def test_a_planted_import_is_caught(house, file, line, words):
    (violation,) = import_violations(house({file: line}))
    assert violation.startswith(file)
    assert words in violation


def test_an_optional_library_may_be_imported_where_it_is_used(house):
    texts = {
        "_networks/pictures.py": "def plot_error():\n    import matplotlib.pyplot\n",
        "_networks/readers.py": "def layers():\n    import torch\n",
    }
    assert import_violations(house(texts)) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("torch/_layers.py", "from ._adapters import Adapter\n"),
        ("_ridge/moments.py", "from .solving import solve\n"),
    ],
)
def test_a_cycle_inside_a_folder_is_caught(house, file, text):
    assert cycle_violations(house({file: text}))


def test_a_module_beside_the_folders_is_caught_and_told_where_to_go(house):
    (violation, *_) = name_violations(house({"_attic.py": ""}))
    assert "put it into a folder" in violation


@pytest.mark.parametrize("name", ["torch/utils.py", "torch/_base.py", "_ridge/tensor_helpers.py"])
def test_a_name_that_says_nothing_is_caught(house, name):
    assert "says nothing" in name_violations(house({name: ""}))[0]


def test_a_second_underscore_is_caught(house):
    assert "so the file drops it" in name_violations(house({"_ridge/_secret.py": ""}))[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from .solving import solve\n\n__all__ = ['solve']\n", "does not say what the folder is"),
        ('"""What it is."""\nfrom .solving import solve\n\n__all__ = []\n', "not what it imports"),
        ('"""What it is."""\nfrom .solving import solve\n', "not what it imports"),
    ],
)
def test_a_door_that_says_too_little_is_caught(house, text, words):
    (violation,) = door_violations(house({"_ridge/__init__.py": text}))
    assert violation.startswith("_ridge") and words in violation


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("def look(sums):\n    return sums._gram", True),
        ("def look(sums):\n    sums._gram += 1", False),  # defined here as well: an attribute of this folder
        ("def look(array):\n    return array._ctypes", False),  # not ours
        ("class Wide:\n    def look(self):\n        return self._gram", False),  # inherited
    ],
)
def test_a_private_attribute_of_another_folder_is_caught(house, line, caught):
    found = privacy_violations(house({"_networks/reading.py": line}))
    assert bool(found) == caught
    assert all("_networks/reading.py" in violation and "belongs to _ridge" in violation for violation in found)


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("def fit(network: Any): ...", True),
        ("class A:\n    solution: Any", True),
        ("def fit(self: Any): ...", True),
        ("def fit(network: Network, X: Any): ...", False),
    ],
)
def test_a_vague_type_of_an_object_of_ours_is_caught(house, line, caught):
    assert bool(vague_type_violations(house({"_networks/fitting.py": line}))) == caught


def test_a_missing_test_file_is_caught(house, tmp_path):
    package, tests = house(), tmp_path / "tests"
    assert "_ridge.solvers.cholesky has no tests/_ridge/solvers/test_cholesky.py" in mirror_violations(package, tests)
    assert "torch._layers has no tests/torch/test_layers.py" in mirror_violations(package, tests)
    for violation in mirror_violations(package, tests):
        path = tests.parent / violation.split()[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert mirror_violations(package, tests) == []


def function_of(lines, name="f"):
    """Source of a function with that many lines of code, and a docstring, blanks and comments besides."""
    return f'def {name}():\n    """Say\n    so."""\n\n    # why\n' + "    x = 1\n" * (lines - 1)


QUIET = {name: "" for name in SOUND if not name.endswith("__init__.py")}


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("_ridge/moments.py", "x = 1\n" * 401, "has 401 lines"),
        ("_networks/estimator.py", "class A:\n    def fit(self): ...\n" + "x = 1\n" * 299, "has 301 lines"),
        (
            "_ridge/moments.py",
            function_of(46) + "".join(function_of(5, f"g{i}") for i in range(20)),
            "46 lines of code",
        ),
        (
            "_ridge/moments.py",
            function_of(26) + "".join(function_of(25, f"g{i}") for i in range(8)),
            "1 of 9 functions",
        ),
    ],
)
def test_what_is_too_long_is_caught(house, file, text, words):
    violations = size_violations(house({**QUIET, file: text}))
    assert any(words in violation for violation in violations)


def test_what_is_just_short_enough_passes(house):
    text = function_of(45) + "".join(function_of(25, f"g{i}") for i in range(10))
    text += "\n" * (400 - text.count("\n"))
    assert size_violations(house({**QUIET, "_ridge/moments.py": text})) == []
