import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    bundle,
)
from sknnk._displays.network_boxes import learned_columns, pictured_layers
from sknnk._networks import as_estimator, fitted_network

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
LABELS = np.digitize(Y, [-0.5, 0.5])
FIXED = {"activation": "gaussian", "alpha": 1.0, "random_state": 0}


def tanh_of_twice(z):
    return np.tanh(2.0 * z)


def trained(kind, sizes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged
        mlp = kind(hidden_layer_sizes=sizes, max_iter=5, random_state=0)
        return mlp.fit(X, Y if kind is MLPRegressor else LABELS)


def lines_of(network):
    boxes, linked = pictured_layers(network)
    return {title: "; ".join(lines) for title, lines in boxes}, linked


def test_random_layers_say_how_they_were_drawn():
    network = BundledNetworkRegressor((16, 8), length_scale=2.0, directions="qmc", frequencies="isotropic", **FIXED)
    lines, linked = lines_of(network.fit(X, Y))
    assert linked
    assert list(lines) == ["inputs", "layer 1", "layer 2", "output matrix"]
    assert lines["inputs"] == "10 columns; quantile map"
    assert lines["layer 1"] == (
        "16 random features; activation gaussian; qmc directions; isotropic frequencies; length scale 2"
    )
    assert lines["layer 2"].startswith("8 random features")
    assert lines["output matrix"] == (f"1 x 18; alpha 1; {network.effective_dof_:.3g} effective dof; from 442 rows")


def test_a_callable_activation_has_its_name_and_inputs_may_be_raw():
    network = BundledNetworkRegressor(
        8, **{**FIXED, "activation": tanh_of_twice}, length_scale=3.0, direct_link=False, input_transform=None
    )
    lines, linked = lines_of(network.fit(X[:, :1], np.column_stack([Y, Y**2])))
    assert not linked
    assert lines["inputs"] == "1 column; as they are"
    assert "activation tanh_of_twice" in lines["layer"]
    assert lines["output matrix"].startswith("2 x 8; alpha 1; ")


def test_every_target_may_have_its_own_penalty():
    network = BundledNetworkRegressor(8, **{**FIXED, "alpha": [[0.1, 10.0]]}).fit(X, np.column_stack([Y, Y**2]))
    assert "alpha 0.1 to 10" in lines_of(network)[0]["output matrix"]


def test_the_exact_map_and_landmarks_are_told_apart():
    exact = BundledNetworkRegressor(feature_map="kernel", length_scale=2.0, frequencies="isotropic", **FIXED)
    lines, linked = lines_of(exact.fit(X, Y))
    assert not linked
    assert lines["kernel layer"] == "exact: all 442 distinct rows; gaussian, isotropic; length scale 2"
    few = BundledNetworkRegressor(20, feature_map="kernel", length_scale=2.0, frequencies="isotropic", **FIXED)
    assert lines_of(few.fit(X, Y))[0]["kernel layer"].startswith("20 landmarks; gaussian")


@pytest.mark.parametrize("n", [100, 250])
def test_the_search_is_told_as_it_ended(n):
    network = BundledNetworkRegressor(random_state=0).fit(X[:n], np.sin(3.0 * X[:n, 2]) + 0.1 * Y[:n])
    lines, _ = lines_of(network)
    for kernel in network.kernels_:
        weight = f"{kernel.weight:.2g} x " if len(network.kernels_) > 1 else ""
        assert f"{weight}{kernel.activation}, {kernel.frequencies}" in lines["kernel layer"]
        assert np.ptp(kernel.scales) > 0.0
    turned = any(kernel.projection is not None for kernel in network.kernels_)
    assert lines["kernel layer"].endswith("a length scale per learned axis" if turned else "a length scale per column")
    np.testing.assert_array_equal(learned_columns(network), network.feature_importances_)


def test_the_classes_are_counted():
    lines, _ = lines_of(BundledNetworkClassifier(random_state=0).fit(X[:100], LABELS[:100]))
    assert "3 classes" in lines["output matrix"]


def with_kernels(network, *kernels):
    """The network with a sum of other kernels."""
    fitted = fitted_network(network)
    changed = replace(fitted, feature_map=replace(fitted.feature_map, kernels=kernels))
    return as_estimator(clone(network), changed, {"n_features_in_": network.n_features_in_})


def test_a_sum_of_kernels_of_equal_scales_says_so():
    network = BundledNetworkRegressor(feature_map="kernel", feature_learning=None, alpha=1.0, random_state=0)
    network.fit(X[:60], Y[:60])
    equal = replace(network.kernels_[0], scales=np.full(X.shape[1], 0.5))
    assert lines_of(with_kernels(network, equal, equal))[0]["kernel layer"].endswith("; one length scale each")
    rotated = replace(equal, projection=np.eye(X.shape[1]))
    assert lines_of(with_kernels(network, equal, rotated))[0]["kernel layer"].endswith(
        "; a length scale per learned axis"
    )


def test_cross_validated_networks_are_networks():
    grid = {"alphas": (1.0,), "cv": 2, "random_state": 0}
    network = BundledNetworkRegressorCV((4, 8), **grid).fit(X, Y)
    lines, linked = lines_of(network)
    assert linked
    assert lines["layer"].startswith(f"{network.n_components_} random features")
    classifier = BundledNetworkClassifierCV((4,), **grid).fit(X, LABELS)
    assert "3 classes" in lines_of(classifier)[0]["output matrix"]
    assert learned_columns(classifier) is None


def test_bundles_in_full_and_in_part():
    mlp, rows = trained(MLPRegressor, (12, 11, 7)), X[:80]
    full = bundle(mlp, n_components=16, X=rows, random_state=0)
    assert list(lines_of(full)[0]) == ["inputs", "layer", "output matrix"]
    partly = bundle(mlp, n_components=16, X=rows, n_layers=1, random_state=0)
    boxes, linked = pictured_layers(partly)
    assert not linked
    assert [title for title, _ in boxes] == ["inputs", "layer", "trained layer", "trained layer", "output matrix"]
    assert [lines[0] for _, lines in boxes[2:]] == ["11 units", "7 units", "1 x 7"]
    assert boxes[2].lines[1] == "activation relu"
    assert learned_columns(partly) is not None


def test_an_analytic_bundle_has_no_penalty_to_show():
    mlp = trained(MLPClassifier, (5,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its agreement is not the question here
        network = bundle(mlp, n_components=16, X=X, method="analytic", random_state=0)
    assert lines_of(network)[0]["output matrix"] == f"3 x {network.output_coef_.shape[1]}; 3 classes"
    assert learned_columns(network) is None


def test_learned_length_scales_of_random_features_become_shares():
    scales = np.linspace(1.0, 10.0, 10)
    network = BundledNetworkRegressor(8, length_scale=scales, **FIXED).fit(X, Y)
    np.testing.assert_allclose(learned_columns(network), scales**-2 / np.sum(scales**-2))
    assert "a length scale per column" in lines_of(network)[0]["layer"]
    assert learned_columns(network.set_params(length_scale=np.full(10, 2.0)).fit(X, Y)) is None


def test_random_features_along_learned_axes_say_so():
    rows = np.random.default_rng(1).normal(size=(400, 5))
    options = {"feature_map": "random", "feature_learning": "agop", "frequencies": "isotropic", "random_state": 0}
    network = BundledNetworkRegressor(64, **options)
    network.fit(rows, np.sin(rows[:, 0] + 2.0 * rows[:, 1]))
    assert "a length scale per learned axis" in lines_of(network)[0]["layer"]
    shares = learned_columns(network)
    assert shares.sum() == pytest.approx(1.0) and shares[:2].sum() > 0.9


@pytest.mark.parametrize("feature_map", ["kernel", "random"])
def test_shares_are_those_of_raw_columns(feature_map):
    table = np.where(X > 1.5, np.nan, X)[:, :3]
    network = BundledNetworkRegressor(feature_map=feature_map, random_state=0, feature_learning="agop").fit(table, Y)
    assert len(network.length_scale_) > 3
    np.testing.assert_allclose(learned_columns(network).sum(), 1.0)
    assert learned_columns(network).shape == (3,)


def test_another_estimator_is_refused():
    with pytest.raises(TypeError, match="is a Ridge; NetworkDisplay draws"):
        pictured_layers(Ridge().fit(X, Y))
