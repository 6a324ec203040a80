"""Tasks that a fit is made of, and the steps they consist of, as what computes sees them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

Step = Callable[[], object]


def ignore_step() -> None:
    """End a step that nobody counts.

    Examples
    --------
    >>> ignore_step()
    """


class Task:
    """Part of a fit that nobody watches; called at the end of each of its steps.

    Examples
    --------
    >>> with Task().part("sum-rows", n_steps=2) as done:
    ...     for _ in range(2):
    ...         done()
    """

    def __call__(self) -> None:
        """End a step."""

    def part(self, name: str, n_steps: int) -> AbstractContextManager["Task"]:
        """Open a task of `n_steps` steps at most within this one; a part counts as a step itself.

        Parameters
        ----------
        name : str
            What is done.
        n_steps : int
            Steps and parts at most; further ones are not told.

        Returns
        -------
        context manager
            Gives the new task.
        """
        return nullcontext(self)

    def fit_of(self, estimator: Any, name: str) -> AbstractContextManager[object]:
        """Open a task that is the fit of another estimator, which the callbacks go on to watch.

        Parameters
        ----------
        estimator : estimator
            Its `fit` is called inside the context.
        name : str
            What is done.

        Returns
        -------
        context manager
            Hands the callbacks on.
        """
        return nullcontext()


NO_PROGRESS = Task()
