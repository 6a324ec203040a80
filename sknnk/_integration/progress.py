"""Progress of a fit, told to the callbacks of scikit-learn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

from sklearn.callback import with_callbacks

from .printed_progress import printed
from .tasks import NO_PROGRESS, Task

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_current: ContextVar[Task] = ContextVar("sknnk_fit_progress", default=NO_PROGRESS)


def current_progress() -> Task:
    """Give the task of the fit that runs in this thread.

    Returns
    -------
    Task
        That nobody watches outside of a fit with callbacks.

    Examples
    --------
    >>> current_progress() is NO_PROGRESS
    True
    """
    return _current.get()


class ReportedTask(Task):
    """Part of a fit that callbacks are told of.

    Parameters
    ----------
    estimator : estimator
        That is fitted.
    context : sklearn.callback.CallbackContext
        The task in scikit-learn's terms.
    """

    def __init__(self, estimator: Any, context: Any) -> None:
        self._estimator, self._context, self._n_begun, self._lock = estimator, context, 0, Lock()

    def __call__(self) -> None:
        """End a step, from any thread."""
        with self._lock:
            if (step := self._subtask("step", 0)) is not None:
                step.call_on_fit_task_begin(estimator=self._estimator)
                step.call_on_fit_task_end(estimator=self._estimator)

    def _subtask(self, name: str, n_steps: int) -> Any:
        # If a fit makes more steps than it announced, that is our error. It must not end the fit.
        if self._n_begun >= self._context.max_subtasks:
            return None
        self._n_begun += 1
        return self._context.subcontext(task_name=name, max_subtasks=n_steps)

    @contextmanager
    def part(self, name: str, n_steps: int) -> Iterator[Task]:
        """Open a task of `n_steps` steps at most within this one."""
        context = self._subtask(name, n_steps)
        if context is None:
            yield NO_PROGRESS
            return
        context.call_on_fit_task_begin(estimator=self._estimator)
        yield ReportedTask(self._estimator, context)
        context.call_on_fit_task_end(estimator=self._estimator)

    @contextmanager
    def fit_of(self, estimator: Any, name: str) -> Iterator[None]:
        """Open a task that is the fit of another estimator."""
        context = self._subtask(name, 0)
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(estimator=self._estimator)
            yield
            context.call_on_fit_task_end(estimator=self._estimator)


def reports_progress(
    n_parts: int,
) -> Callable[[Callable[Concatenate[Any, Parameters], Result]], Callable[Concatenate[Any, Parameters], Result]]:
    """Let the callbacks set on an estimator watch its `fit`, and `verbose` print its stages.

    Without either, nothing but `fit` itself runs.

    Parameters
    ----------
    n_parts : int
        Parts of the fit at most. While it runs, :func:`current_progress` gives the task in which they are opened.

    Returns
    -------
    callable
        Decorator of the method.
    """

    def decorated(fit: Callable[Concatenate[Any, Parameters], Result]) -> Any:
        managed = with_callbacks(_told(fit, n_parts))

        @wraps(fit)
        def method(estimator: Any, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            called: Any = managed if getattr(estimator, "_skl_callbacks", None) else fit
            # A fit without callbacks inside another one must not report to those of the other.
            outer = _current.set(printed(estimator, NO_PROGRESS))
            try:
                result: Result = called(estimator, *args, **kwargs)
            finally:
                _current.reset(outer)
            return result

        return method

    return decorated


def _told(fit: Callable[..., Any], n_parts: int) -> Callable[..., Any]:
    """The method between the two messages that its callbacks get."""

    def told(estimator: Any, /, *args: Any, **kwargs: Any) -> Any:
        given = signature(fit).bind(estimator, *args, **kwargs).arguments
        told_of = {"X": given.get("X"), "y": given.get("y")}
        if given.get("sample_weight") is not None:
            told_of["metadata"] = {"sample_weight": given["sample_weight"]}
        context = estimator._init_callback_context(max_subtasks=n_parts)
        context.call_on_fit_task_begin(estimator=estimator, **told_of)
        # Not an attribute: a fit that is interrupted must leave the estimator as it was.
        _current.set(printed(estimator, ReportedTask(estimator, context)))
        result = fit(estimator, *args, **kwargs)
        # Nothing needs to be added to the estimator for it to predict.
        context.call_on_fit_task_end(estimator=estimator, **told_of, reconstruction_attributes={})
        return result

    return told
