"""Phi and Psi of the unbiased estimator: ``Phi(x) . Psi(w, b)`` has the mean ``series(w.x + b)``.

Columns are a constant, the input itself where the series has a linear term, then one pair per random direction, and a
column of zeros if one is left over. Every pair is the mean over a direction ``g`` and its opposite, at the price of
one:

==================  ======================================  =========================================================
scheme              Phi of a pair                           Psi of a pair
==================  ======================================  =========================================================
``trigonometric``   ``cos y, sin y`` with ``y ~ g.x``       ``Re c cosh u, -Im c sinh u`` with ``u ~ g.w``
``positive``        ``exp(u), exp(-u)`` with ``u ~ g.x``    ``Re c exp(i y) / 2, Re c exp(-i y) / 2`` with ``y ~ g.w``
==================  ======================================  =========================================================

each times the factors that `_estimation_theory` gives, and ``c = a_k exp(i omega_k b) / counts_k``. All factors are
collected as logarithms and exponentiated once, bounded, so that nothing overflows.

References
----------
Sehanobish et al., "Scalable neural network kernels", ICLR 2024, arXiv 2310.13225, section 3; Likhosherstov et al.,
"Chefs' random tables", NeurIPS 2022, section 3; Choromanski et al., "Rethinking attention with performers", ICLR 2021,
section 3 (positive features in pairs of opposite directions).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..._compute import Array, Complexes, Floats, Indices
from ..sincos import cos_sin_pairs
from .variance import Split

Scheme = Literal["trigonometric", "positive"]


@dataclass(frozen=True, eq=False)
class UnbiasedMap:
    """What both sides of a layer must agree on.

    Parameters
    ----------
    scheme : {"trigonometric", "positive"}
        Shape of Phi.
    n_components : int
        Number of columns.
    constant, slope : float
        Terms that are represented exactly; without a slope the input is not among the columns.
    frequencies : ndarray of shape (n_terms,)
        The frequencies of the series.
    amplitudes : ndarray of shape (n_terms,), complex
        Their amplitudes, divided by the number of directions of each.
    split : Split
        Coefficients of the two sides, and damping, of each term.
    terms : ndarray of shape (n_directions,)
        The term that each direction belongs to.
    log_damping : ndarray of shape (n_directions,)
        ``log D + 2 A |g|^2``.
    input_norm : float
        Largest norm of a row that was planned for: up to there the factor of a trigonometric Phi is at most one.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._features.unbiased.variance import balanced_split
    >>> directions, sine = np.random.default_rng(0).normal(size=(3, 4000)), (np.ones(1), np.array([-1j]))
    >>> split, counts = balanced_split(sine[0], 1.0, 1.0, 3), np.array([4000])
    >>> layer, random_weights = unbiased_map("trigonometric", directions, split, *sine, counts, n_components=8001)
    >>> x, w, b = np.array([[0.6, 0.0, 0.3]]), np.array([[0.1, -0.2, 0.9]]), np.array([0.2])
    >>> phi = unbiased_phi(layer, random_weights, x, np.empty((1, 8001)))
    >>> abs(float((phi @ unbiased_psi(layer, random_weights, w, b).T)[0, 0] - np.sin(w[0] @ x[0] + 0.2))) < 0.05
    True
    """

    scheme: Scheme
    n_components: int
    constant: float
    slope: float
    frequencies: Array
    amplitudes: Complexes
    split: Split
    terms: Indices
    log_damping: Array
    input_norm: float

    @property
    def coefficients(self) -> tuple[Array, Array]:
        """Coefficients of the input and of the weights; which of them oscillates is the scheme."""
        kappa, s, _ = self.split
        return (kappa, s) if self.scheme == "trigonometric" else (s, kappa)

    def pairs(self, n_features: int) -> slice:
        """Columns of the pairs, behind the constant and the linear term."""
        first = 1 if self.slope == 0.0 else 1 + n_features
        return slice(first, first + 2 * self.terms.size)


def unbiased_map(
    scheme: Scheme,
    directions: Array,
    split: Split,
    frequencies: Array,
    amplitudes: Complexes,
    counts: Indices,
    *,
    n_components: int,
    constant: float = 0.0,
    slope: float = 0.0,
    input_norm: float = 1.0,
) -> tuple[UnbiasedMap, Array]:
    """Collect what a row and a weight vector share.

    Parameters
    ----------
    scheme : {"trigonometric", "positive"}
        Shape of Phi.
    directions : ndarray of shape (n_features, n_directions)
        Standard normal columns.
    split : Split
        Of each term.
    frequencies, amplitudes, counts : ndarray of shape (n_terms,)
        The series, and how many directions each term gets; the counts sum to ``n_directions``.
    n_components : int
        Number of columns.
    constant, slope : float
        Terms that are represented exactly.
    input_norm : float
        Largest norm of a row.

    Returns
    -------
    layer : UnbiasedMap
        Everything but the projections.
    random_weights : ndarray of shape (n_features, n_directions)
        Directions times the coefficient of the input, so that ``X @ random_weights`` are the phases (or exponents).
    """
    terms = _spread(counts)
    q = split.damping[terms]
    # The whole of 2A|g|^2 goes to the side that grows, where it makes the feature a bounded one.
    log_damping = 0.5 * len(directions) * np.log(0.5 * (1.0 + q)) - 0.25 * (q - 1.0) * np.sum(directions**2, axis=0)
    series = (constant, slope, frequencies, amplitudes / counts)
    layer = UnbiasedMap(scheme, n_components, *series, split, terms, log_damping, input_norm)
    return layer, directions * (np.sqrt(0.5 * (1.0 + q)) * layer.coefficients[0][terms])


def unbiased_phi(
    layer: UnbiasedMap,
    random_weights: Floats,
    X: Any,
    out: Floats,
    scale: float = 1.0,
) -> Floats:
    """Evaluate Phi.

    Parameters
    ----------
    layer : UnbiasedMap
        As :func:`unbiased_map` gives it.
    random_weights : ndarray of shape (n_features, n_directions)
        In the dtype of `X`.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    out : ndarray of shape (n_samples, n_components)
        Receives the features.
    scale : float, default=1.0
        Factor of all entries.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        `out`.
    """
    place = layer.pairs(X.shape[1])
    dense = isinstance(X, np.ndarray)
    out[:, 0] = scale
    out[:, place.stop :] = 0.0
    if layer.slope != 0.0:
        out[:, 1 : place.start] = X if dense else X.toarray()
        out[:, 1 : place.start] *= scale
    squares = np.einsum("ij,ij->i", X, X) if dense else np.asarray(X.multiply(X).sum(axis=1)).ravel()
    projected, pairs = X @ random_weights, out[:, place]
    half = 0.5 * layer.coefficients[0] ** 2
    if layer.scheme == "trigonometric":
        cos_sin_pairs(projected, pairs, scale)
        # One exponential for each term, not for each direction.
        bounded = _exp(np.multiply.outer(squares - layer.input_norm**2, half), out.dtype)
        columns = bounded[:, layer.terms]
        pairs[:, 0::2] *= columns
        pairs[:, 1::2] *= columns
    else:
        exponent = layer.log_damping - np.multiply.outer(squares, half)[:, layer.terms]
        pairs[:, 0::2] = scale * _exp(exponent + projected, out.dtype)
        pairs[:, 1::2] = scale * _exp(exponent - projected, out.dtype)
    return out


def unbiased_psi(layer: UnbiasedMap, random_weights: Floats, W: Floats, b: Floats) -> Floats:
    """Evaluate Psi.

    Parameters
    ----------
    layer : UnbiasedMap
        As :func:`unbiased_map` gives it.
    random_weights : ndarray of shape (n_features, n_directions)
        The same as for Phi.
    W : ndarray of shape (n_units, n_features)
        Weights.
    b : ndarray of shape (n_units,)
        Biases.

    Returns
    -------
    ndarray of shape (n_units, n_components)
        In the dtype of `W`. If Phi has the scale one, ``Phi(x) . Psi(w, b)`` estimates the series at ``w.x + b``.
    """
    place = layer.pairs(W.shape[1])
    psi = np.zeros((len(W), layer.n_components), dtype=W.dtype)
    psi[:, 0] = layer.constant + layer.slope * b
    if layer.slope != 0.0:
        psi[:, 1 : place.start] = layer.slope * W
    W = W.astype(np.float64)
    of_input, of_weights = layer.coefficients
    projected = (W @ random_weights.astype(np.float64)) * (of_weights / of_input)[layer.terms]
    half = 0.5 * np.multiply.outer(np.einsum("ij,ij->i", W, W), of_weights**2)
    c = (layer.amplitudes * np.exp(1j * np.multiply.outer(b, layer.frequencies)))[:, layer.terms]
    even, odd = psi[:, place.start : place.stop : 2], psi[:, place.start + 1 : place.stop : 2]
    if layer.scheme == "trigonometric":
        fixed = 0.5 * (of_input * layer.input_norm) ** 2
        exponent = layer.log_damping + (fixed - half)[:, layer.terms]
        rising, falling = _exp(exponent + projected, psi.dtype), _exp(exponent - projected, psi.dtype)
        even[:] = 0.5 * c.real * (rising + falling)
        odd[:] = -0.5 * c.imag * (rising - falling)
    else:
        turned, envelope = np.exp(1j * projected), 0.5 * _exp(half, psi.dtype)[:, layer.terms]
        even[:] = envelope * (c * turned).real
        odd[:] = envelope * (c * turned.conj()).real
    return psi


def _spread(counts: Indices) -> Indices:
    """Terms in the order of directions: each evenly spread, so that coupled neighbours serve all of them."""
    terms = np.repeat(np.arange(counts.size), counts)
    position = np.concatenate([(np.arange(n) + 0.5) / n for n in counts] or [np.zeros(0)])
    return np.asarray(terms[np.argsort(position, kind="stable")])


def _exp(exponent: Floats, dtype: Any) -> Floats:
    """Exponential, bounded so that products of two and sums of many stay finite."""
    limit = 300.0 if dtype == np.float64 else 35.0
    return np.asarray(np.exp(np.clip(exponent, -limit, limit)))
