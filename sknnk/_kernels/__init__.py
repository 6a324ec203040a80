"""An activation as a spectrum of frequencies, and as a kernel between two rows.

A new activation is a new entry in `spectra`; the kernel that it stands for, and the slopes of that kernel, follow.
"""

from .activations import activation_name, activation_values
from .kernels import Kernel, in_coordinates
from .length_scales import column_deviations, numeric_length_scale, typical_length_scale
from .scale_derivatives import log_scale_derivatives
from .slopes import gradient_products, squared_gradients
from .spectra import ACTIVATIONS, EXTENDED_ACTIVATIONS, SINGLE_FREQUENCY, SeriesSpectrum, spectrum_of
from .tensor_values import TensorKernels
from .values import (
    Centres,
    fill_kernel_matrix,
    kernel_matrix,
    symmetric_kernel_blocks,
    symmetric_kernel_matrix,
)

__all__ = [
    "ACTIVATIONS",
    "EXTENDED_ACTIVATIONS",
    "SINGLE_FREQUENCY",
    "Centres",
    "Kernel",
    "SeriesSpectrum",
    "TensorKernels",
    "activation_name",
    "activation_values",
    "column_deviations",
    "fill_kernel_matrix",
    "gradient_products",
    "in_coordinates",
    "kernel_matrix",
    "log_scale_derivatives",
    "numeric_length_scale",
    "spectrum_of",
    "squared_gradients",
    "symmetric_kernel_blocks",
    "symmetric_kernel_matrix",
    "typical_length_scale",
]
