"""A straight line along columns that drift, such as time: kernels are constant beyond the rows they have seen."""

from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from .._compute import Array, Indices
from .._data import fit_quantile_map
from .._kernels import Kernel, column_deviations, kernel_matrix, spectrum_of, typical_length_scale

# Share of the later half of a table that must lie beyond all values of the earlier half in a column that drifts.
_BEYOND = 0.5
# Fewer rows, counted by their weights, are too few to see that.
_FEWEST_ROWS = 20
# Rows on which the fits with and without a line are compared.
_MOST_ROWS = 1000
# What of these rows, from the first one on, predicts the others: that is what the model will be used for.
_EARLIER = (0.5, 0.8)
# Slopes along smaller values overflow.
_TINY = 1e-290
# Rows of the earlier ones for each column of a line of all columns. More columns than rows fit everything.
_ROWS_FOR_EACH = 2
# Share of the error that the line must gain.
_GAIN = 0.03
# Penalty of the line, for standardised columns and as a share of their mean square.
_LINE_ALPHA = 1e-4
# Variance of the noise as a share of what a kernel explains: a rough guess, for the slope and for the comparison.
_NOISE = 0.1


@dataclass(frozen=True, eq=False)
class Trend:
    """A straight line in some of the columns.

    Parameters
    ----------
    coef : ndarray of shape (n_features, n_targets)
        Slopes, zero for columns that are not in the line.
    centre : ndarray of shape (n_features,)
        Where the line is zero.
    root : ndarray of shape (n_features, n_columns)
        The squared length of ``(x - centre) @ root`` is the variance of the line at a row, in units of the variance of
        the noise.
    deviations : ndarray of shape (n_features,)
        Standard deviations of the columns.
    left : float
        Variance of what the line leaves of the targets, summed over targets.

    Examples
    --------
    >>> import numpy as np
    >>> trend = Trend(np.array([[2.0]]), np.array([1.0]), np.array([[0.1]]))
    >>> trend(np.array([[1.0], [4.0]])).ravel(), trend.growth(np.array([[1.0], [11.0]])).round(3)
    (array([0., 6.]), array([1.   , 1.414]))
    """

    coef: Array
    centre: Array
    root: Array
    deviations: Array = field(default_factory=lambda: np.ones(1))
    left: float = 1.0

    def __call__(self, X: Any) -> Array:
        """Values of the line, of shape (n_samples, n_targets)."""
        values: Array = (np.asarray(X, dtype=np.float64) - self.centre) @ self.coef
        return values

    def growth(self, X: Any) -> Array:
        """By what standard deviations grow because the line is estimated: of shape (n_samples,), one at its centre."""
        lengths = np.sum(((np.asarray(X, dtype=np.float64) - self.centre) @ self.root) ** 2, axis=1)
        grown: Array = np.sqrt(1.0 + lengths)
        return grown

    def shares(self, importances: Array) -> Array:
        """Shares of the columns in a fit: of the line by its variance, of the kernel by that of what the line leaves.

        Parameters
        ----------
        importances : ndarray of shape (n_features,)
            Shares of the columns in the kernel.
        """
        of_line = np.sum((self.coef * self.deviations[:, None]) ** 2, axis=1)
        shares: Array = (of_line + self.left * importances) / (of_line.sum() + self.left)
        return shares


def found_trend(X: Any, Y: Array, sample_weight: Array) -> Trend | None:
    """Look for columns that drift in the order of the rows, and for a line that predicts later rows better.

    The table is taken as it comes. In a table whose rows have no order no column drifts, and nothing else is done.
    Otherwise the first half of the rows, and then the first four fifths, predict the others, by a line with a kernel on
    what it leaves. The line is one in the columns that drift, or in all columns. The columns that drift must lower the
    mean of both errors by 3 %, beside no others or beside all others.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw rows in the order of the table.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    Trend or None
        None where no line helps.

    Examples
    --------
    >>> import numpy as np
    >>> t, noise = np.arange(60.0), np.random.default_rng(0).normal(size=60)
    >>> trend = found_trend(t[:, None], (0.5 * t + noise)[:, None], np.ones(60))
    >>> trend.coef.round(1)
    array([[0.5]])
    >>> found_trend(noise[:, None], t[:, None], np.ones(60)) is None
    True
    """
    if not isinstance(X, np.ndarray) or _n_effective(sample_weight) < _FEWEST_ROWS:
        return None
    drifting = _running_away(X)
    if not len(drifting):
        return None
    rows = np.linspace(0, len(X) - 1, min(len(X), _MOST_ROWS)).astype(int)
    few, weight = np.asarray(X[rows], dtype=np.float64), sample_weight[rows]
    spread = np.sqrt(np.average((Y[rows] - np.average(Y[rows], axis=0, weights=weight)) ** 2, axis=0, weights=weight))
    Y_few = Y[rows] / np.where(spread > 0.0, spread, 1.0)
    columns = _columns_of_line(few, Y_few, weight, drifting)
    if columns is None:
        return None
    line = _line(few, Y[rows], weight, columns)
    rest = Y - line(X)
    left = float(
        np.sum(np.average((rest - np.average(rest, axis=0, weights=sample_weight)) ** 2, axis=0, weights=sample_weight))
    )
    return replace(line, deviations=column_deviations(X, sample_weight), left=left)


def _columns_of_line(X: Array, Y: Array, sample_weight: Array, drifting: Indices) -> Indices | None:
    """Columns of the line that predicts later rows best: those that drift, or all; None where drift says nothing."""
    found, lines = [], [drifting]
    every = np.union1d(_varying(X), drifting)
    if _ROWS_FOR_EACH * len(every) <= _EARLIER[0] * len(X):
        lines.append(every)
    for columns in lines:
        without = _later_error_of_line(X, Y, sample_weight, np.setdiff1d(columns, drifting))
        error = _later_error_of_line(X, Y, sample_weight, columns)
        if error < (1.0 - _GAIN) * without:
            found.append((error, columns))
    return min(found, key=itemgetter(0))[1] if found else None


def _later_error_of_line(X: Array, Y: Array, sample_weight: Array, columns: Indices) -> float:
    """Mean error of later rows by a line in these columns and a kernel on the rest; by a kernel alone without any."""
    errors = []
    for part in _EARLIER:
        n, rest = int(part * len(X)), Y
        with np.errstate(over="ignore", invalid="ignore"):  # a line to a single far value is no line
            if len(columns):
                rest = Y - _line(X[:n], Y[:n], sample_weight[:n], columns)(X)
            errors.append(_later_error(X, rest, sample_weight, n))
    return float(np.mean(errors))


def _varying(X: Array) -> Indices:
    """Columns that vary in the earlier rows, too."""
    first = X[: int(_EARLIER[0] * len(X))]
    found: Indices = np.flatnonzero((np.ptp(first, axis=0) > 0.0) & (np.abs(X).max(axis=0) > _TINY))
    return found


def _running_away(X: Array) -> Indices:
    """Columns whose later half lies mostly beyond all values of the earlier one."""
    earlier, later = X[: len(X) // 2], X[len(X) // 2 :]
    beyond = (later > earlier.max(axis=0)) | (later < earlier.min(axis=0))
    found: Indices = np.flatnonzero((beyond.mean(axis=0) >= _BEYOND) & (np.abs(later).max(axis=0) > _TINY))
    return found


def _n_effective(sample_weight: Array) -> float:
    """Rows of equal weight that would say as much."""
    shares = sample_weight / sample_weight.max()
    return float(shares.sum() ** 2 / np.sum(shares**2))


def _line(X: Array, Y: Array, sample_weight: Array, columns: Indices) -> Trend:
    """Generalised least squares: what the other columns explain, a kernel of them takes as correlated noise."""
    centre, deviations = np.average(X, axis=0, weights=sample_weight), column_deviations(X, sample_weight)
    units, others = deviations[columns], np.setdiff1d(np.arange(X.shape[1]), columns)
    system = np.diag(_NOISE * sample_weight.mean() / sample_weight)
    if len(others):
        inputs = _inputs(X[:, others], sample_weight)
        system += _typical_kernel(inputs, inputs)
    line = np.column_stack([(X[:, columns] - centre[columns]) / units, np.ones(len(X))])
    solved = cho_solve(cho_factor(system, lower=True), np.column_stack([line, Y]))
    gram = line.T @ solved[:, : line.shape[1]]
    gram[np.diag_indices(len(gram))] += _LINE_ALPHA * np.trace(gram) / len(gram)
    factor = cho_factor(gram, lower=True)
    coef, root = np.zeros((X.shape[1], Y.shape[1])), np.zeros((X.shape[1], len(columns)))
    coef[columns] = cho_solve(factor, line.T @ solved[:, line.shape[1] :])[:-1] / units[:, None]
    covariance = cho_solve(factor, np.eye(len(gram)))[:-1, :-1] / _NOISE
    root[columns] = np.linalg.cholesky(covariance) / units[:, None]
    return Trend(coef, centre, root)


def _inputs(X: Array, sample_weight: Array, new: Array | None = None) -> Array:
    """Columns in robust units; with `new`, these rows in units of the others."""
    rows = np.ascontiguousarray(X if new is None else new)
    return np.asarray(fit_quantile_map(X.T, sample_weight, shape="robust")(rows, np.empty(rows.shape)))


def _typical_kernel(A: Array, B: Array) -> Array:
    """A rough kernel of typical length scale in the rows of `B`."""
    length = typical_length_scale(column_deviations(B), spectrum_of("cauchy"), "gaussian", "isotropic")
    return kernel_matrix((Kernel("cauchy", "isotropic", np.full(B.shape[1], 1.0 / length)),), A, B)


def _later_error(X: Array, Y: Array, sample_weight: Array, n_earlier: int) -> float:
    """Squared error of later rows by a kernel that is fitted to the earlier ones."""
    earlier, later = slice(n_earlier), slice(n_earlier, None)
    A, B = (_inputs(X[earlier], sample_weight[earlier], X[rows]) for rows in (earlier, later))
    mean = np.average(Y[earlier], axis=0, weights=sample_weight[earlier])
    system = _typical_kernel(A, A) + np.diag(_NOISE * sample_weight.mean() / sample_weight[earlier])
    errors = Y[later] - mean - _typical_kernel(B, A) @ cho_solve(cho_factor(system, lower=True), Y[earlier] - mean)
    return float(np.mean(np.average(errors**2, axis=0, weights=sample_weight[later])))
