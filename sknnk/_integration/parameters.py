"""What a wrong parameter name is answered with: the class that was written, and the nearest name."""

from collections.abc import Iterable
from difflib import get_close_matches
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


class SuggestedParameters:
    """Estimator that names itself and the nearest parameter where a name is wrong."""

    def __new__(cls, *args: Any, **parameters: Any) -> Self:
        """Look at the arguments before `__init__`, which may be inherited, and would name the class it comes from.

        Raises
        ------
        TypeError
            If `__init__` does not take them.
        """
        # Without the first argument, which is the estimator.
        init = signature(cls.__init__)
        known = dict(list(init.parameters.items())[1:])
        try:
            init.replace(parameters=list(known.values())).bind(*args, **parameters)
        except TypeError as error:
            wrong = [name for name in parameters if name not in known]
            hint = f"; {suggestion(wrong[0], known)}" if wrong else "; name the parameters, as in alpha=1.0."
            raise TypeError(f"{cls.__name__}() {error}{hint}") from None
        return super().__new__(cls)

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
