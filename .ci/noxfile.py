"""The parts of `.ci/run` one by one, on every Python and on Windows too.

From the root of the repository: ``nox -f .ci/noxfile.py`` runs what a merge needs, ``-l`` lists the parts, and
``-s style`` runs one. A Python that is not installed is left out with a word.
"""

from pathlib import Path

import nox

ROOT = Path(__file__).parents[1]
DEV = nox.project.load_toml(ROOT / "pyproject.toml")["project"]["optional-dependencies"]["dev"]

nox.needs_version = ">=2024.10"
nox.options.envdir = str(ROOT / ".nox")
nox.options.sessions = ["tests", "oldest", "style", "types", "docs"]  # `newest` may fail through no fault of ours


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session):
    """All tests, with coverage: those of README's command, and those that need PyTorch."""
    session.chdir(ROOT)
    session.install("-q", "-e", ".[all]")
    session.run("python", "-m", "pytest", "--cov", "-n", "auto", *session.posargs)


@nox.session(python="3.11")
def oldest(session):
    """What the libraries are called by, with the oldest versions that pyproject.toml allows."""
    session.chdir(ROOT)
    requirements = Path(session.create_tmp(), "oldest.txt")
    requirements.write_text(session.run("python", ".ci/oldest.py", silent=True))
    session.install("-q", "-r", str(requirements))
    session.install("-q", "--no-deps", "-e", ".")
    session.run("python", "-m", "pytest", "-n", "auto", *(session.posargs or ["@.ci/oldest_tests.txt"]))


@nox.session(python="3.13")
def newest(session):
    """The tests with versions of NumPy, SciPy, scikit-learn and joblib that are about to be released."""
    session.chdir(ROOT)
    session.install("-q", "-e", ".[test]")
    session.install("-q", "--pre", "--upgrade", "--only-binary", ":all:", "numpy", "scipy", "scikit-learn", "joblib")
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session
def style(session):
    """Ruff, and spelling."""
    session.chdir(ROOT)
    session.install("-q", *(tool for tool in DEV if tool.startswith(("ruff", "codespell"))))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell", "sknnk", "tests", "examples", "doc", "README.md")


@nox.session
def types(session):
    """Mypy, with every library that has types."""
    session.chdir(ROOT)
    session.install("-q", "-e", ".[all]")
    session.run("mypy", "sknnk", *session.posargs)


@nox.session
def docs(session):
    """These pages; the examples run."""
    session.chdir(ROOT)
    session.install("-q", "-e", ".[doc]")
    session.run("python", "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "doc", "doc/_build/html")
