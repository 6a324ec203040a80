"""What a wrong parameter name is answered with: the class that was written, and the nearest name."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any, Self


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggest another name.

    Parameters
    ----------
    name : str
        What was written.
    known : iterable of str
        What could have been written.

    Returns
    -------
    str
        A question with the nearest one, or the names to choose from.

    Examples
    --------
    >>> suggestion("alpaha", ["alpha", "solver"])
    "did you mean 'alpha'?"
    >>> suggestion("depth", ["alpha", "solver"])
    'there are alpha, solver.'
    """
    known = sorted(known)
    nearest = get_close_matches(name, known, n=1)
    return f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(known)}."


def _answering(init: Callable[..., None]) -> Callable[..., None]:
    """The same `__init__`, which answers wrong arguments with the class that was written, and not the inherited one."""

    @wraps(init)
    def answering(estimator: object, /, *args: Any, **parameters: Any) -> None:
        taken = signature(init)
        try:
            taken.bind(estimator, *args, **parameters)
        except TypeError as error:
            known = list(taken.parameters)[1:]
            wrong = [name for name in parameters if name not in known]
            example = "alpha=1.0" if "alpha" in known else "n_components=100"
            hint = suggestion(wrong[0], known) if wrong else f"name the parameters, as in {example}."
            raise TypeError(f"{type(estimator).__name__}() {error}; {hint}") from None
        init(estimator, *args, **parameters)

    return answering


class SuggestedParameters:
    """Estimator that names itself and the nearest parameter where a name is wrong."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Wrap the `__init__` of every estimator; its signature stays for pictures, `clone` and the documentation."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _answering(cls.__init__)  # type: ignore[method-assign]

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters, as every estimator of scikit-learn does.

        Parameters
        ----------
        **parameters : dict
            Names and values.

        Returns
        -------
        estimator
            The estimator itself.

        Raises
        ------
        ValueError
            If a name is none of a parameter.
        """
        known = self.get_params(deep=False)  # type: ignore[attr-defined]
        for name in parameters:
            if name.partition("__")[0] not in known:
                raise ValueError(f"Invalid parameter {name!r} for {type(self).__name__}; {suggestion(name, known)}")
        super().set_params(**parameters)  # type: ignore[misc]
        return self
