"""Iterative refinement: a coarse solver corrects its own solution, as long as the corrections shrink quickly."""

from collections.abc import Callable
from typing import TypeVar

State = TypeVar("State")


def refined(
    start: State,
    correction: Callable[[State], tuple[float, Callable[[], State]]],
    first_share: float,
    last_share: float,
    most_passes: int,
) -> State | None:
    """Correct a solution until little is left to correct.

    The first correction measures the error of the coarse solver, as a share of the solution. Every correction
    multiplies the error by this share.

    Parameters
    ----------
    start : object
        The solution of the coarse solver.
    correction : callable
        ``correction(solution)`` gives the length of the correction as a share of the solution, and a function without
        arguments that gives the corrected solution.
    first_share : float
        Largest length of the first correction, as a share of the solution. The limit of the k-th correction is the k-th
        power of this share.
    last_share : float
        Largest error in the end, as a share of the solution.
    most_passes : int
        Largest number of corrections.

    Returns
    -------
    object or None
        The solution; None where corrections do not shrink, or are not numbers.

    References
    ----------
    Higham, "Accuracy and stability of numerical algorithms", 2nd edition 2002, chapter 12.

    Examples
    --------
    >>> def newton(x):  # for 3 x = 1, with 0.33 for the inverse of 3
    ...     step = 0.33 * (1.0 - 3.0 * x)
    ...     return abs(step / x), lambda: x + step
    >>> f"{refined(0.33, newton, first_share=0.1, last_share=1e-12, most_passes=9):.12f}"
    '0.333333333333'
    >>> refined(0.2, newton, first_share=0.1, last_share=1e-12, most_passes=9) is None
    True
    """
    solution, shares = start, []
    for _ in range(most_passes):
        share, corrected = correction(solution)
        shares.append(share)
        # Written with `not`, so that a share that is NaN is refused, too.
        if not share <= first_share ** len(shares):
            return None
        solution = corrected()
        if shares[0] * share <= last_share:
            break
    return solution
