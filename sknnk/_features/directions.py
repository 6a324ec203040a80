"""Random directions, and the frequency vectors made of a direction and a scale.

A direction is a column with ``E v v' = I``. All but the sparse ones are exactly standard normal, whatever
couples them; the coupling only makes them cover space more evenly than independent draws. Every function
draws its columns in order, each kind of random number from a child generator of its own, so for the same seed
a smaller set of columns is a prefix of a larger one.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtri
from scipy.stats import qmc

from .._compute import Array
from .hadamard import HadamardProjection, hadamard_projection

COUPLINGS = ("isotropic", "coordinatewise")

# Uniform numbers keep this distance from 0 and 1. Heavy-tailed scales grow like 1 / (1 - u), and so stay finite. It
# changes the kernel by less than 1e-11.
_MARGIN = 2.0**-40
# Tall matrices are orthonormalised in another way: from this many rows on, and this many for each column.
_TALL_FROM, _TALL = 2000, 4
# Bits of each coordinate of a Sobol point.
_SOBOL_BITS = 30


def frequencies(
    n_features: int,
    n_frequencies: int,
    *,
    scale_quantile: Callable[[Array], Array],
    directions: str,
    coupling: str,
    rng: np.random.Generator,
) -> Array:
    """Frequency vectors of a Gaussian scale mixture: random directions times random scales.

    Parameters
    ----------
    n_features : int
        Number of coordinates.
    n_frequencies : int
        Number of vectors.
    scale_quantile : callable
        Quantile function of the scale distribution, from (0, 1) to non-negative numbers, any shape.
    directions : str
        A key of `DIRECTIONS`.
    coupling : {"isotropic", "coordinatewise"}
        One scale per vector, or one per entry.
    rng : numpy.random.Generator
        Must be able to spawn.

    Returns
    -------
    ndarray of shape (n_features, n_frequencies)
        One vector a column.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> draw = dict(scale_quantile=lambda u: -1 / norm.ppf(u / 2), coupling="isotropic")
    >>> V = frequencies(3, 4000, directions="orthogonal", rng=np.random.default_rng(0), **draw)
    >>> difference = np.array([0.0, 0.6, 0.8])
    >>> round(float(np.cos(difference @ V).mean()), 1), round(float(np.exp(-1)), 1)
    (0.4, 0.4)
    """
    n_scales = n_features if coupling == "coordinatewise" else 1
    if directions == "qmc":
        # The scales are dimensions of the same sequence: a sequence of their own would be correlated with it.
        uniforms = _sobol_uniforms(n_features, n_scales, n_frequencies, rng)
        scale_uniforms, normal = uniforms[:n_scales], np.asarray(ndtri(uniforms[n_scales:]))
    else:
        direction_rng, scale_rng = rng.spawn(2)
        normal = DIRECTIONS[directions](n_features, n_frequencies, direction_rng)
        if coupling == "coordinatewise":
            scale_uniforms = scale_rng.random((n_frequencies, n_features)).T
        else:
            scale_uniforms = _shifted_van_der_corput(n_frequencies, scale_rng)
    return normal * scale_quantile(np.clip(scale_uniforms, _MARGIN, 1.0 - _MARGIN))


def hadamard_frequencies(
    n_features: int, n_frequencies: int, scale_quantile: Callable[[Array], Array], rng: np.random.Generator
) -> HadamardProjection:
    """Frequency vectors with Hadamard directions and one scale per vector, as a matrix that is never formed.

    Parameters
    ----------
    n_features, n_frequencies : int
        Coordinates and number of vectors.
    scale_quantile : callable
        As in :func:`frequencies`.
    rng : numpy.random.Generator
        Must be able to spawn.

    Returns
    -------
    HadamardProjection
        Its matrix is what :func:`frequencies` gives for ``directions="hadamard"``, ``coupling="isotropic"``.

    Examples
    --------
    >>> projection = hadamard_frequencies(4, 6, np.ones_like, np.random.default_rng(0))
    >>> bool(np.allclose(np.eye(4) @ projection, projection.matrix()))
    True
    """
    direction_rng, scale_rng = rng.spawn(2)
    scales = scale_quantile(np.clip(_shifted_van_der_corput(n_frequencies, scale_rng), _MARGIN, 1.0 - _MARGIN))
    return hadamard_projection(n_features, n_frequencies, direction_rng).scaled(1.0, scales)


def gaussian_directions(n_features: int, n_frequencies: int, rng: np.random.Generator) -> Array:
    """Independent standard normal columns.

    Parameters
    ----------
    n_features, n_frequencies : int
        Rows and columns of the result.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_features, n_frequencies)
        Directions, one a column.

    Examples
    --------
    >>> gaussian_directions(3, 5, np.random.default_rng(0)).shape
    (3, 5)
    """
    return rng.standard_normal((n_frequencies, n_features)).T


def orthogonal_directions(n_features: int, n_frequencies: int, rng: np.random.Generator) -> Array:
    """Standard normal columns, orthogonal within blocks of ``n_features`` (Yu et al. 2016, section 3).

    Parameters
    ----------
    n_features, n_frequencies : int
        Rows and columns of the result.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_features, n_frequencies)
        Haar-distributed orthonormal blocks times independent chi(n_features) norms.

    Examples
    --------
    >>> V = orthogonal_directions(3, 3, np.random.default_rng(0))
    >>> bool(np.allclose(V.T @ V, np.diag(np.sum(V**2, axis=0))))
    True
    """
    block_rng, norm_rng = rng.spawn(2)
    n_blocks, n_rest = divmod(n_frequencies, n_features)
    blocks = block_rng.standard_normal((n_blocks, n_features, n_features))
    rest = block_rng.standard_normal((n_rest, n_features))
    columns = np.concatenate(
        [
            _haar_columns(blocks.swapaxes(1, 2)).transpose(1, 0, 2).reshape(n_features, -1),
            _haar_columns(rest.T),
        ],
        axis=1,
    )
    return columns * np.sqrt(norm_rng.chisquare(n_features, n_frequencies))


def hadamard_directions(n_features: int, n_frequencies: int, rng: np.random.Generator) -> Array:
    """Standard normal columns from products of Hadamard matrices; see :class:`HadamardProjection`.

    Parameters
    ----------
    n_features, n_frequencies : int
        Rows and columns of the result.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_features, n_frequencies)
        The first ``n_features`` coordinates of the blocks.

    Examples
    --------
    >>> hadamard_directions(3, 5, np.random.default_rng(0)).shape
    (3, 5)
    """
    return hadamard_projection(n_features, n_frequencies, rng).matrix()


def sparse_directions(n_features: int, n_frequencies: int, rng: np.random.Generator) -> Array:
    """Columns that touch one to three coordinates each, for additive structure; not normal, ``E v v' = I``.

    Parameters
    ----------
    n_features, n_frequencies : int
        Rows and columns of the result.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_features, n_frequencies)
        In each column q entries, q uniform on {1, 2, 3} and capped at n_features, are normal with variance
        ``n_features / q``; the others are zero.

    Examples
    --------
    >>> V = sparse_directions(9, 200, np.random.default_rng(0))
    >>> np.unique(np.count_nonzero(V, axis=0)).tolist()
    [1, 2, 3]
    """
    count_rng, place_rng, value_rng = rng.spawn(3)
    most = min(3, n_features)
    counts = np.minimum(count_rng.integers(1, 4, n_frequencies), n_features)[:, None]
    # The places of the smallest of independent uniforms are a uniform draw without replacement.
    places = place_rng.random((n_frequencies, n_features)).argpartition(range(most), axis=1)[:, :most]
    values = value_rng.standard_normal((n_frequencies, most)) * np.sqrt(n_features / counts)
    columns = np.zeros((n_frequencies, n_features))
    np.put_along_axis(columns, places, np.where(np.arange(most) < counts, values, 0.0), axis=1)
    return columns.T


def qmc_directions(n_features: int, n_frequencies: int, rng: np.random.Generator) -> Array:
    """Standard normal columns from a scrambled Sobol sequence (Avron et al. 2016, section 3).

    Parameters
    ----------
    n_features, n_frequencies : int
        Rows and columns of the result.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_features, n_frequencies)
        Normal quantiles of the sequence.

    Examples
    --------
    >>> V = qmc_directions(2, 256, np.random.default_rng(0))
    >>> bool(np.all(abs(V.mean(axis=1)) < 0.02))
    True
    """
    return np.asarray(ndtri(_sobol_uniforms(n_features, 0, n_frequencies, rng)))


DIRECTIONS: dict[str, Callable[[int, int, np.random.Generator], Array]] = {
    "gaussian": gaussian_directions,
    "orthogonal": orthogonal_directions,
    "sparse": sparse_directions,
    "qmc": qmc_directions,
    "hadamard": hadamard_directions,
}


def _haar_columns(normal: Array) -> Array:
    """Orthonormalise the columns of (stacks of) Gaussian matrices, keeping the result Haar-distributed."""
    n_features, n_columns = normal.shape[-2:]
    if n_features >= max(_TALL_FROM, _TALL * n_columns) and n_columns:
        # Columns this long are nearly orthogonal, so that their products have a Cholesky factor without loss of digits:
        # the same matrix from two products of matrices.
        factor = cholesky(normal.T @ normal)
        return np.asarray(solve_triangular(factor, normal.T, trans="T").T)
    q, r = np.linalg.qr(normal)
    # LAPACK's R has either sign on its diagonal; Haar needs the unique factor with a positive one.
    return np.asarray(q * np.copysign(1.0, np.diagonal(r, axis1=-2, axis2=-1))[..., None, :])


def _shifted_van_der_corput(n: int, rng: np.random.Generator) -> Array:
    """First n terms of the base-2 sequence under one random shift: each uniform, every prefix stratified."""
    index = np.arange(n)
    points = np.full(n, rng.random())
    for bit in range(n.bit_length()):
        points += ((index >> bit) & 1) * 2.0 ** -(bit + 1)
    return np.asarray(points % 1.0)


def _sobol_uniforms(n_features: int, n_scales: int, n_points: int, rng: np.random.Generator) -> Array:
    """Scrambled Sobol points, shape (n_scales + n_features, n_points), strictly inside (0, 1)."""
    n_dimensions = n_features + n_scales
    if n_dimensions > qmc.Sobol.MAXDIM:
        raise ValueError(
            f'directions="qmc" with n_features={n_features} needs {n_dimensions} Sobol dimensions '
            f"({n_scales} of them for scales), and there are {qmc.Sobol.MAXDIM}; "
            'use directions="orthogonal", or fewer features.'
        )
    sobol = qmc.Sobol(n_dimensions, bits=_SOBOL_BITS, rng=rng)
    # The sequence warns unless the first draw has a power of two of points, so that many are drawn, and the rest cut.
    points = sobol.random_base2(max(n_points - 1, 0).bit_length())[:n_points]
    # The points lie on a grid that contains 0; its cells' centres are as uniform and have finite quantiles.
    return np.asarray(points.T + 2.0 ** -(_SOBOL_BITS + 1))
