"""Newton's method by weighted least squares: each step is one closed-form solution."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from .._compute import Array
from .loss import Loss
from .states import Objective, State

# Earlier steps that are combined with a new one, where outputs meet. Otherwise a step is that of Newton's method.
_REMEMBERED = 3


class WeightedRows(Protocol):
    """Rows whose weighted ridge regression can be solved for any targets, weights and penalty."""

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients of a solution for each output."""

    def solve(self, Z: Array, sample_weight: Array, alpha: float) -> tuple[State, float]:
        """Solve for targets of shape (n_samples, n_outputs).

        Returns
        -------
        state : State
            The solution.
        alpha : float
            The penalty; larger than the given one where rounding asks for it.
        """

    def outputs(self, coef: Array) -> Array:
        """Outputs for the rows without the intercept, of shape (n_samples, n_outputs)."""

    def inner(self, left: State, right: State) -> Array:
        """Inner products of the functions of two networks without their intercepts, of shape (n_outputs,)."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """The end of the steps.

    Parameters
    ----------
    state : State
        The network.
    alpha : float
        The penalty.
    n_steps : int
        Number of weighted solutions.
    objective : float
        What was minimised.
    """

    state: State
    alpha: float
    n_steps: int
    objective: float


def working_system(loss: Loss, Y: Array, values: Array) -> tuple[Array, Array]:
    """Targets and weights of the weighted least squares that make a step.

    Parameters
    ----------
    loss : Loss
        The loss.
    Y : ndarray of shape (n_samples, n_outputs)
        Targets.
    values : ndarray of shape (n_samples, n_outputs)
        Outputs so far.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_outputs)
        Working targets.
    weight : ndarray of shape (n_samples,)
        Working weights, common to all outputs, so that these share one factor.

    References
    ----------
    Green, "Iteratively reweighted least squares for maximum likelihood estimation", JRSS B 1984, section 2.
    """
    diagonal, outer = loss.curvature(Y, values)
    largest = np.max(diagonal if outer is None else diagonal - outer**2, axis=1)
    weight = np.maximum(largest, loss.least_weight(Y, values))
    # No row may be left out. Where all are flat, any weight makes a step downhill.
    weight = weight if np.all(weight > 0.0) else np.ones(len(Y))
    return values - loss.gradient(Y, values) / weight[:, None], weight


def minimised(
    rows: WeightedRows,
    loss: Loss,
    Y: Array,
    sample_weight: Array,
    alpha: float,
    start: Array,
    tol: float,
    max_steps: int,
    done: Callable[[], object] = lambda: None,
) -> Minimum:
    """Minimise ``sum w loss(y, f) + alpha / 2 |f|^2``, where the intercept is free.

    Each step solves weighted least squares. The next network is the best combination of the one so far, the step and
    constants, with shares of their own for each output, and of several outputs also the steps before. So steps of
    several outputs, whose losses meet, need no factor for each of them.

    Parameters
    ----------
    rows : WeightedRows
        What solves.
    loss : Loss
        The loss.
    Y : ndarray of shape (n_samples, n_outputs)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Positive penalty.
    start : ndarray of shape (n_samples, n_outputs)
        Outputs that the first step begins with. They need not be those of a network.
    tol : float
        Relative decrease of the objective at which the steps end.
    max_steps : int
        Largest number of steps.
    done : callable, optional
        Called after each step.

    Returns
    -------
    Minimum
        The network.

    References
    ----------
    Green, "Iteratively reweighted least squares for maximum likelihood estimation", JRSS B 1984, section 2; for the
    combination of steps, Narkiss and Zibulevsky, "Sequential subspace optimization method for large-scale unconstrained
    problems", 2005.
    """
    n_samples, n_outputs = Y.shape
    state = State.constant(rows.n_coefficients, n_samples, np.average(start, axis=0, weights=sample_weight))
    earlier: list[State] = []
    values, value, n_steps, goes_on = start, np.inf, 0, True
    while goes_on and n_steps < max_steps:
        Z, weight = working_system(loss, Y, values)
        solved, alpha = rows.solve(Z, sample_weight * weight, alpha)
        objective = Objective(loss, Y, sample_weight, alpha, rows.inner)
        steps = [each for each in (solved.minus(state), *earlier) if not each.is_tiny_beside(state)]
        moved = objective.best_move(state, steps)
        if n_outputs > 1:
            # Shares of steps that are almost the same may be large, and would multiply rounding again and again.
            moved = replace(moved, values=rows.outputs(moved.coef) + moved.intercept)
            earlier = [moved.minus(state), *earlier][:_REMEMBERED]
        before, value = value, objective.value(moved)
        state, values = moved, moved.values
        n_steps, goes_on = n_steps + 1, before - value > tol * value
        done()
    return Minimum(state, alpha, n_steps, value)
