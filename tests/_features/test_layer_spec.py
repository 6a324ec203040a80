import numpy as np
import pytest

from sknnk._features.layer_spec import Candidate


@pytest.mark.parametrize("length_scale", [2.0, np.array([1.0, 4.0]), "scale"])
def test_without_axes_the_parameters_are_what_was_given(length_scale):
    found = Candidate(np.tanh, "orthogonal", "isotropic", length_scale).parameters
    assert found[:3] == (np.tanh, "orthogonal", "isotropic") and found[3] is length_scale


def test_along_axes_the_length_scale_of_a_column_is_the_distance_over_which_the_kernel_falls_along_it():
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(3, 3))
    length_scale = Candidate("gaussian", "orthogonal", "isotropic", 0.7, axes).parameters[3]
    # A step of this length along one column is a step of length one in the coordinates of the kernel.
    for j, step in enumerate(np.diag(length_scale)):
        assert np.linalg.norm(step @ axes / 0.7) == pytest.approx(1.0), j
