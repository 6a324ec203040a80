"""Progress of a fit in the terminal: lines as stages begin and end, and bars, without another library."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from threading import Lock
from time import perf_counter
from typing import Any

from .tasks import Task

# Stages inside of stages that have lines.
_MOST_DEPTH = 2
_BAR_LENGTH = 40


class Screen:
    """Where lines go, and one bar that is drawn over itself.

    Parameters
    ----------
    name : str
        At the beginning of every line.
    """

    def __init__(self, name: str) -> None:
        self._name, self._shown = name, 0

    def line(self, text: str) -> None:
        """Print a line, in the place of the bar if there is one."""
        self._write(text, "\n")
        self._shown = 0

    def bar(self, text: str) -> None:
        """Draw the bar anew."""
        self._shown = self._write(text, "")

    def _write(self, text: str, end: str) -> int:
        text = f"[{self._name}] {text}"
        sys.stdout.write(("\r" if self._shown else "") + text.ljust(self._shown) + end)
        sys.stdout.flush()
        return len(text)


class PrintedTask(Task):
    """Part of a fit whose parts are printed.

    Parameters
    ----------
    task : Task
        Who else is told.
    screen : Screen
        Where to print.
    bars : bool
        Whether steps move a bar.
    name : str, default="fit"
        What is done.
    n_steps : int, default=0
        Steps and parts at most.
    depth : int, default=0
        How many parts it is inside of.
    """

    def __init__(
        self, task: Task, screen: Screen, bars: bool, name: str = "fit", n_steps: int = 0, depth: int = 0
    ) -> None:
        self._task, self._screen, self._bars = task, screen, bars
        self._name, self._n_steps, self._depth = name, max(n_steps, 1), depth
        self._n_done, self._lock = 0, Lock()

    def __call__(self) -> None:
        """End a step, from any thread."""
        self._task()
        with self._lock:
            before, after = (_BAR_LENGTH * n // self._n_steps for n in (self._n_done, self._n_done + 1))
            self._n_done += 1
            if self._bars and before < after <= _BAR_LENGTH:
                bar = ("#" * after).ljust(_BAR_LENGTH, ".")
                self._screen.bar(f"{self._name} [{bar}] {100 * self._n_done // self._n_steps} %")

    @contextmanager
    def part(self, name: str, n_steps: int) -> Iterator[Task]:
        """Open a task of `n_steps` steps at most within this one, between two lines."""
        with self._task.part(name, n_steps) as inner:
            if self._depth >= _MOST_DEPTH:
                yield inner
            else:
                task = PrintedTask(inner, self._screen, self._bars, name, n_steps, self._depth + 1)
                with self._lines(name):
                    yield task
        with self._lock:
            self._n_done += 1

    @contextmanager
    def fit_of(self, estimator: Any, name: str) -> Iterator[object]:
        """Open a task that is the fit of another estimator, between two lines."""
        with self._task.fit_of(estimator, name) as context, self._lines(name):
            yield context

    @contextmanager
    def _lines(self, name: str) -> Iterator[None]:
        self._screen.line(f"{name} begins")
        began, outcome = perf_counter(), "stops"
        try:
            yield
            outcome = "ends"
        finally:
            self._screen.line(f"{name} {outcome} after {perf_counter() - began:.1f} s")


def printed(estimator: Any, task: Task) -> Task:
    """Print the parts of a fit as `verbose` asks for.

    Parameters
    ----------
    estimator : estimator
        Perhaps with a parameter `verbose`: a positive number prints lines, and 2 or more also bars.
    task : Task
        The fit.

    Returns
    -------
    Task
        The very same one if nothing is to be printed.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> fit = printed(SimpleNamespace(verbose=1), Task())
    >>> with fit.part("solve", n_steps=1) as done:
    ...     done()
    [SimpleNamespace] solve begins
    [SimpleNamespace] solve ends after 0.0 s
    """
    verbose = getattr(estimator, "verbose", 0)
    if not isinstance(verbose, Integral) or verbose <= 0:
        return task
    return PrintedTask(task, Screen(type(estimator).__name__), bars=int(verbose) > 1)
