"""Features whose dot product with those of a given layer is an unbiased estimate of that layer.

The spectrum is chosen for the variance of the estimate (`spectra`), which `variance` gives in closed form.
"""

from .features import unbiased_map, unbiased_phi, unbiased_psi
from .layer_weights import checked_weights, largest_norm, refuse_overflow
from .orthogonal_covariance import orthogonal_covariance
from .spectra import UnbiasedSpectrum, layer_spectrum, named_function
from .variance import Split, balanced_split, bernstein_quantile, log_largest_value, term_variance

__all__ = [
    "Split",
    "UnbiasedSpectrum",
    "balanced_split",
    "bernstein_quantile",
    "checked_weights",
    "largest_norm",
    "layer_spectrum",
    "log_largest_value",
    "named_function",
    "orthogonal_covariance",
    "refuse_overflow",
    "term_variance",
    "unbiased_map",
    "unbiased_phi",
    "unbiased_psi",
]
