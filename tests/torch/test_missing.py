"""Without PyTorch everything else works, and `sknnk.torch` says what to install."""

import subprocess
import sys

CODE = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
missing = None
import sknnk
for missing in ("torch", "safetensors"):
    try:
        import sknnk.torch
    except ImportError as error:
        print(error)
"""


def test_the_import_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.count('pip install "sknnk[torch]"') == 2
