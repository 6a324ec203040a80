"""Random directions from Hadamard matrices: a product in O(log n_features) per entry, never formed unless asked for."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.linalg import hadamard

from .._compute import Array, Floats, Indices

# Largest factor of a Walsh-Hadamard transform done as one matrix product, which beats passes of additions.
_RADIX = 32


@dataclass(frozen=True, eq=False)
class HadamardProjection:
    """The matrix of the Fastfood product ``S H G P H B`` (Le et al. 2013, section 3), by its factors.

    Column i of a block of p, the next power of two, is ``chi_i B H P (g * h_i) / (|g| sqrt(p))``: ``h_i`` a
    column of the Hadamard matrix H, ``g`` normal, P a permutation, B signs. ``g * h_i`` is normal and the
    orthogonal maps keep it so; divided by ``|g|`` it is a uniform direction, which an independent chi(p) norm
    makes exactly N(0, I_p) again.

    Parameters
    ----------
    n_features, n_frequencies : int
        Shape of the matrix.
    signs, gaussian : ndarray of shape (n_blocks, p)
        ``B`` and ``g`` of every block.
    orders : ndarray of shape (n_blocks, p)
        ``P`` of every block, as positions.
    lengths : ndarray of shape (n_frequencies,)
        Factors of the columns.
    input_scale : float or ndarray of shape (n_features,)
        Factors of the rows.

    Notes
    -----
    ``X @ projection`` is ``X @ projection.matrix()`` for dense ``X``, in the dtype of ``X``: the faster of the two from
    about two thousand features on.

    Examples
    --------
    >>> projection = hadamard_projection(3, 5, np.random.default_rng(0))
    >>> bool(np.allclose(np.eye(3) @ projection, projection.matrix()))
    True
    """

    n_features: int
    n_frequencies: int
    signs: Array
    gaussian: Array
    orders: Indices
    lengths: Array
    input_scale: float | Array = 1.0

    # NumPy then leaves X @ projection to this class.
    __array_ufunc__ = None

    @property
    def _block_columns(self) -> int:
        return min(int(self.signs.shape[1]), self.n_frequencies)

    def matrix(self) -> Array:
        """Form the matrix.

        Returns
        -------
        ndarray of shape (n_features, n_frequencies)
            One direction a column.
        """
        # Only the columns of H that are used: for few but long vectors all of it would be the largest array.
        h = fast_walsh_hadamard(np.eye(self._block_columns, self.signs.shape[1]))
        shuffled = np.take_along_axis(self.gaussian[:, None] * h, self.orders[:, None], axis=2)
        columns = fast_walsh_hadamard(shuffled) * self.signs[:, None]
        columns = columns.reshape(-1, self.signs.shape[1])[: self.n_frequencies, : self.n_features]
        return np.asarray((columns * self.lengths[:, None] * self.input_scale).T)

    def scaled(self, input_scale: float | Array, lengths: Array) -> Self:
        """Multiply rows and columns of the matrix.

        Parameters
        ----------
        input_scale : float or ndarray of shape (n_features,)
            Factors of the rows.
        lengths : ndarray of shape (n_frequencies,)
            Factors of the columns.

        Returns
        -------
        HadamardProjection
            A new one.
        """
        return replace(self, input_scale=self.input_scale * input_scale, lengths=self.lengths * lengths)

    def __rmatmul__(self, X: Any) -> Any:
        if not isinstance(X, np.ndarray):
            return NotImplemented
        p, width = self.signs.shape[1], self._block_columns
        padded = np.zeros((len(X), p), dtype=X.dtype)
        np.multiply(X, np.asarray(self.input_scale, dtype=X.dtype), out=padded[:, : self.n_features])
        result = np.empty((len(X), len(self.signs) * width), dtype=X.dtype)
        for block, (signs, gaussian, order) in enumerate(zip(self.signs, self.gaussian, self.orders, strict=True)):
            mixed = fast_walsh_hadamard(padded * signs.astype(X.dtype))
            unshuffled = np.take(mixed, np.argsort(order), axis=1)
            unshuffled *= gaussian.astype(X.dtype)
            result[:, block * width : (block + 1) * width] = fast_walsh_hadamard(unshuffled)[:, :width]
        result = result[:, : self.n_frequencies]
        result *= self.lengths.astype(X.dtype)
        return result


def hadamard_projection(n_features: int, n_frequencies: int, rng: np.random.Generator) -> HadamardProjection:
    """Draw standard normal columns that share Hadamard matrices.

    Parameters
    ----------
    n_features, n_frequencies : int
        Shape of the matrix.
    rng : numpy.random.Generator
        Must be able to spawn.

    Returns
    -------
    HadamardProjection
        Every column N(0, I); columns of one block are dependent, and estimates a little less accurate than with
        independent ones.

    References
    ----------
    Le, Sarlos and Smola, "Fastfood: approximating kernel expansions in loglinear time", ICML 2013, section 3.

    Examples
    --------
    >>> hadamard_projection(3, 5, np.random.default_rng(0)).matrix().shape
    (3, 5)
    """
    p = 1 << (n_features - 1).bit_length()
    n_blocks, block_columns = -(-n_frequencies // p), min(p, n_frequencies)
    gauss_rng, sign_rng, order_rng, norm_rng = rng.spawn(4)
    gaussian = gauss_rng.standard_normal((n_blocks, p))
    signs = np.asarray(1.0 - 2.0 * sign_rng.integers(0, 2, (n_blocks, p)), dtype=np.float64)
    orders = order_rng.permuted(np.tile(np.arange(p), (n_blocks, 1)), axis=1)
    norms = np.sqrt(norm_rng.chisquare(p, n_blocks * block_columns)).reshape(n_blocks, block_columns)
    norms /= np.sqrt(p) * np.linalg.norm(gaussian, axis=1)[:, None]
    return HadamardProjection(n_features, n_frequencies, signs, gaussian, orders, norms.ravel()[:n_frequencies])


def fast_walsh_hadamard(a: Floats) -> Floats:
    """Multiply every row by the Hadamard matrix of entries +-1, in O(p log p) for each.

    Parameters
    ----------
    a : ndarray of shape (..., p)
        Rows; p a power of two.

    Returns
    -------
    ndarray of shape (..., p)
        ``a @ scipy.linalg.hadamard(p)``.

    Examples
    --------
    >>> fast_walsh_hadamard(np.array([1.0, 2.0, 3.0, 4.0]))
    array([10., -2., -4.,  0.])
    """
    p = a.shape[-1]
    rows, rest = a, p
    while rest > 1:
        radix = min(_RADIX, rest)
        # H is a Kronecker product: transform the last digits of the index, then rotate the next into place.
        digits = rows.reshape(-1, radix) @ hadamard(radix, dtype=a.dtype)
        rows = digits.reshape(-1, p // radix, radix).swapaxes(1, 2)
        rest //= radix
    return rows.reshape(a.shape)
