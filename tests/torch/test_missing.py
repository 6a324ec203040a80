"""Without PyTorch everything else works, and `sknnk.torch` says what to install."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("missing", ["torch", "safetensors"])
def test_the_import_says_what_to_install(missing):
    code = (
        "import importlib.abc, sys\n"
        "class Missing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name.partition('.')[0] == {missing!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import sknnk\n"
        "try:\n    import sknnk.torch\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "sknnk[torch]"' in done.stdout
