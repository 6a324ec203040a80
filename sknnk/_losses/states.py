"""Networks as points of a linear space, and the best point of a small part of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .._compute import Array
from .loss import Loss

# Steps of Newton's method inside the part, each of which costs next to nothing.
_MOST_STEPS = 20
# Relative decrease of the objective at which they end.
_TOLERANCE = 1e-12
# Combinations of steps whose curvature is a smaller share of the largest one are none: steps may be almost the same.
_LEAST_CURVATURE = 1e-7
# Steps that change outputs by a smaller share of their spread, or of themselves, are too close to rounding.
_ROUNDING, _OWN_ROUNDING = 1e-9, 1e-14
# Steps whose curvature is a smaller share of the largest one are none.
_NO_STEP = 1e-30
# Largest share of a step to another solution. If both are almost the same, more of it would multiply their rounding.
_LARGEST_SHARE = 4.0
# Smallest part of a step of Newton's method that is tried.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class State:
    """A network, or a difference of two: everything in it is linear.

    Parameters
    ----------
    coef : ndarray of shape (n_coefficients, n_outputs)
        Coefficients.
    intercept : ndarray of shape (n_outputs,)
        What is added.
    values : ndarray of shape (n_samples, n_outputs)
        Outputs for the rows of the fit.
    """

    coef: Array
    intercept: Array
    values: Array

    def minus(self, other: "State") -> "State":
        """The difference of two networks."""
        return State(self.coef - other.coef, self.intercept - other.intercept, self.values - other.values)

    def moved(self, directions: Sequence["State"], shares: Array) -> "State":
        """The network after steps, of which shape (n_directions, n_outputs) gives the shares."""
        coef, intercept, values = self.coef.copy(), self.intercept.copy(), self.values.copy()
        for direction, share in zip(directions, shares, strict=True):
            coef += share * direction.coef
            intercept += share * direction.intercept
            values += share * direction.values
        return State(coef, intercept, values)

    def is_tiny_beside(self, state: "State", share: float = _ROUNDING) -> bool:
        """Whether a difference of networks is so small that it is hardly more than rounding."""
        spread = np.max(np.abs(state.values - state.values.mean(axis=0)))
        size = np.max(np.abs(state.values))
        return bool(np.max(np.abs(self.values)) <= share * spread + _OWN_ROUNDING * size)

    @classmethod
    def constant(cls, n_coefficients: int, n_samples: int, intercept: Array) -> "State":
        """A network whose outputs are the same for every row."""
        values = np.broadcast_to(intercept, (n_samples, len(intercept)))
        return cls(np.zeros((n_coefficients, len(intercept))), intercept, values)


@dataclass(frozen=True, eq=False)
class Objective:
    """Weighted sum of losses, and half of the penalty times the squared norm of the network.

    Parameters
    ----------
    loss : Loss
        The loss.
    Y : ndarray of shape (n_samples, n_outputs)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Penalty.
    inner : callable
        ``inner(a, b)`` gives the inner products of two networks, of shape (n_outputs,).
    """

    loss: Loss
    Y: Array
    sample_weight: Array
    alpha: float
    inner: Callable[[State, State], Array]

    def value(self, state: State) -> float:
        """The objective of a network."""
        penalty = 0.5 * self.alpha * float(np.sum(self.inner(state, state)))
        return float(self.sample_weight @ self.loss.values(self.Y, state.values)) + penalty

    def best_move(self, state: State, steps: Sequence[State]) -> State:
        """The best network within some steps and a constant of another one, with shares of its own for each output.

        Parameters
        ----------
        state : State
            Where to begin.
        steps : sequence of State
            Steps, of which the whole first one may be a good begin.

        Returns
        -------
        State
            By Newton's method for the shares, halved where the objective would rise.
        """
        n_outputs = state.values.shape[1]
        directions = [*steps, State.constant(len(state.coef), len(state.values), np.ones(n_outputs))]
        part, bound = _Part.of(self, state, directions), np.full((len(directions), 1), _LARGEST_SHARE)
        bound[-1] = np.inf
        shares, whole = np.zeros((2, len(directions), n_outputs))
        whole[0] = 1.0
        value = part.value(shares)
        if steps and (at_whole := part.value(whole)) < value:
            shares, value = whole, at_whole
        for _ in range(_MOST_STEPS):
            step, share = part.step(shares), 1.0
            while not (tried := part.value(np.clip(shares + share * step, -bound, bound))) < value:
                share *= 0.5
                if share < _LEAST_SHARE:
                    return state.moved(directions, shares)
            shares = np.clip(shares + share * step, -bound, bound)
            gained, value = value - tried, tried
            if gained <= _TOLERANCE * value:
                break
        return state.moved(directions, shares)


@dataclass(frozen=True, eq=False)
class _Part:
    """The objective as a function of shares of some steps."""

    objective: Objective
    start: Array
    steps: Array  # (n_directions, n_samples, n_outputs)
    products: Array  # (1 + n_directions, 1 + n_directions, n_outputs)

    @classmethod
    def of(cls, objective: Objective, state: State, directions: Sequence[State]) -> "_Part":
        every = [state, *directions]
        products = np.empty((len(every), len(every), state.values.shape[1]))
        for i, left in enumerate(every):
            for j, right in enumerate(every[: i + 1]):
                products[i, j] = products[j, i] = objective.inner(left, right)
        return cls(objective, state.values, np.stack([each.values for each in directions]), products)

    def outputs(self, shares: Array) -> Array:
        values = self.start.copy()
        for step, share in zip(self.steps, shares, strict=True):
            values += share * step
        return values

    def value(self, shares: Array) -> float:
        full = np.vstack([np.ones((1, shares.shape[1])), shares])
        penalty = 0.5 * self.objective.alpha * float(np.einsum("ik,ijk,jk->", full, self.products, full))
        losses = self.objective.loss.values(self.objective.Y, self.outputs(shares))
        return float(self.objective.sample_weight @ losses) + penalty

    def step(self, shares: Array) -> Array:
        """Newton's step for the shares."""
        objective, values = self.objective, self.outputs(shares)
        weight, alpha = objective.sample_weight[:, None], objective.alpha
        full = np.vstack([np.ones((1, shares.shape[1])), shares])
        slopes = weight * objective.loss.gradient(objective.Y, values)
        gradient = np.einsum("mik,ik->mk", self.steps, slopes) + alpha * np.einsum(
            "ijk,jk->ik", self.products[1:], full
        )
        diagonal, outer = objective.loss.curvature(objective.Y, values)
        # As in a weighted solution: where all rows are flat, a step would have no end.
        diagonal = np.maximum(diagonal.T, objective.loss.least_weight(objective.Y, values)).T
        m, n_outputs = shares.shape
        hessian = np.zeros((m, n_outputs, m, n_outputs))
        for k in range(n_outputs):
            own = self.steps[:, :, k]
            hessian[:, k, :, k] = (own * (weight * diagonal)[:, k]) @ own.T + alpha * self.products[1:, 1:, k]
        matrix = hessian.reshape(m * n_outputs, -1)
        if outer is not None:
            columns = np.moveaxis(self.steps * outer, 1, 0).reshape(len(values), -1)
            matrix = matrix - (weight * columns).T @ columns
        diagonal_of = np.diag(matrix)
        unit = np.sqrt(np.maximum(diagonal_of, _NO_STEP * max(float(diagonal_of.max()), _NO_STEP)))
        solved = np.linalg.lstsq(matrix / np.outer(unit, unit), gradient.ravel() / unit, rcond=_LEAST_CURVATURE)[0]
        return np.asarray(-solved / unit).reshape(shares.shape)
