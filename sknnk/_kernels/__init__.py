"""An activation as a spectrum of frequencies, and as a kernel between two rows.

A new activation is a new entry in `spectra`; the kernel that it stands for, and the slopes of that kernel, follow.
"""

from .kernels import (
    Kernel,
    fill_kernel_matrix,
    gradient_products,
    in_coordinates,
    kernel_matrix,
    squared_gradients,
    symmetric_kernel_blocks,
    symmetric_kernel_matrix,
)
from .length_scales import column_deviations, numeric_length_scale, typical_length_scale
from .spectra import ACTIVATIONS, EXTENDED_ACTIVATIONS, SINGLE_FREQUENCY, SeriesSpectrum, activation_values, spectrum_of

__all__ = [
    "ACTIVATIONS",
    "EXTENDED_ACTIVATIONS",
    "SINGLE_FREQUENCY",
    "Kernel",
    "SeriesSpectrum",
    "activation_values",
    "column_deviations",
    "fill_kernel_matrix",
    "gradient_products",
    "in_coordinates",
    "kernel_matrix",
    "numeric_length_scale",
    "spectrum_of",
    "squared_gradients",
    "symmetric_kernel_blocks",
    "symmetric_kernel_matrix",
    "typical_length_scale",
]
