from functools import partial

import numpy as np
import pytest

from sknnk._kernels.activations import activation_name, activation_values


class Squashed:
    def __call__(self, z):
        return np.tanh(z)


@pytest.mark.parametrize(
    ("activation", "name"),
    [("gelu", "gelu"), (np.tanh, "tanh"), (Squashed(), "Squashed"), (partial(np.clip, a_min=0, a_max=1), "partial")],
)
def test_every_activation_has_a_name(activation, name):
    assert activation_name(activation) == name


def test_values_are_those_of_the_function_in_double_precision():
    z = np.linspace(-2.0, 2.0, 9)
    for function in (np.sign, lambda z: z > 0.0, lambda z: np.tanh(z).astype(np.float32)):
        values = activation_values(function, z)
        assert values.dtype == np.float64 and np.array_equal(values, function(z).astype(np.float64))


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda z: 1.0 if z > 0 else 0.0, ValueError, "raised ValueError .* pass a vectorised function"),
        (lambda z: z * 1j, TypeError, "returned dtype complex128; it must return real numbers"),
        (lambda z: z[:2], ValueError, "returned shape .2,. for an array of shape .9,."),
        (lambda z: 1.0 / z, ValueError, "returned a non-finite value at z=0; it must be finite on"),
    ],
)
def test_what_is_no_activation_is_told_why(function, error, words):
    with pytest.raises(error, match=words):
        activation_values(function, np.linspace(-2.0, 2.0, 9))
