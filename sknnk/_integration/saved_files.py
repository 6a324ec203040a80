"""Files of other versions: what is refused, and what the refusal says."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from typing import Any

# Raised whenever a file of the version before can no longer be read.
FILE_FORMAT = 7
# Modules of format 1, which lay side by side in one folder; an estimator in such a file names one of them first.
_FORMAT_1 = frozenset(
    f"sknnk._{name}"
    for name in ("arc_cosine_sampler", "classifier", "classifier_cv", "partial_bundling", "regressor", "regressor_cv")
) | {"sknnk._samplers"}


def _refusal(what: str, written_by: str, file_format: int) -> str:
    return (
        f"{what} was saved by sknnk {written_by} in file format {file_format}, and this is sknnk {_installed()}, which "
        f"reads format {FILE_FORMAT}. Fit it again with this version, or load it with the version that saved it."
    )


def _installed() -> str:
    try:
        return version("sknnk")
    except PackageNotFoundError:
        return "of unknown version"


class VersionedState:
    """Estimator whose files say which version wrote them; a file of another format is refused when it is loaded."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes with the version of this package."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {**state, "_sknnk_version": _installed(), "_sknnk_format": FILE_FORMAT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the attributes of a file.

        Raises
        ------
        ValueError
            If the file has another format than this version reads.
        """
        state = dict(state)
        written_by, file_format = state.pop("_sknnk_version", "0.1.0 or earlier"), state.pop("_sknnk_format", 1)
        if file_format != FILE_FORMAT:
            raise ValueError(_refusal(f"This {type(self).__name__}", written_by, file_format))
        super().__setstate__(state)  # type: ignore[misc]


class _ModulesOfFormat1(MetaPathFinder):
    """Explains an import of a module that only files of format 1 ask for."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if fullname in _FORMAT_1:
            raise ImportError(_refusal(f"An object of the module {fullname}", "0.1.0", 1), name=fullname)
        return None


def explain_files_of_format_1() -> None:
    """Let files of format 1 fail with both versions in the message, not with the name of a missing module."""
    if not any(isinstance(finder, _ModulesOfFormat1) for finder in sys.meta_path):
        sys.meta_path.append(_ModulesOfFormat1())
