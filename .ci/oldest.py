"""Print the oldest versions that pyproject.toml allows: what the job with the oldest versions installs.

Its lower bounds are the only list, and the job shows that they hold. Dask, ONNX and PyTorch are left out, so that the
job stays quick; their tests skip themselves.
"""

import tomllib
from pathlib import Path

# Not ours to bound: Matplotlib 3.9 uses names that later versions of its parser deprecate, and warnings are errors.
OTHERS = ["pyparsing<3.3"]

project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
needed = [*project["dependencies"], *extras["plot"], *extras["test"]]
lowest = [requirement.split(",")[0].replace(">=", "==") for requirement in needed if "sknnk" not in requirement]
print(*lowest, *OTHERS, sep="\n")
