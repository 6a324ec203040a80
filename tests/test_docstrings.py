"""Repeated parameters and attributes are one text: the same words wherever they mean the same."""

import warnings

import pytest

pytest.importorskip("numpydoc")

from sklearn.utils._testing import assert_docstring_consistency

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
)

NETWORKS = [BundledNetworkRegressor, BundledNetworkClassifier]
SEARCHES = [BundledNetworkRegressorCV, BundledNetworkClassifierCV]
SAMPLERS = [URFSampler, ArcCosineSampler]
# Attributes that are a number for one target of a regressor, and always an array for a classifier: only types differ.
FLAT_FOR_ONE_TARGET = (
    "output_coef_",
    "intercept_",
    "alpha_",
    "effective_dof_",
    "noise_variance_",
    "effective_dof_, noise_variance_",
)


def check(objects, **settings):
    """Raise AssertionError where texts differ. With True, what one of them lacks is skipped."""
    with warnings.catch_warnings():
        if True in settings.values():
            warnings.filterwarnings("ignore", "Checking was skipped")
        assert_docstring_consistency(objects, **settings)


def methods(classes, *names):
    """Methods under names of their own: scikit-learn tells texts apart by name, and would compare one `fit` alone."""

    def described(text, name):
        def method(): ...

        method.__doc__, method.__name__ = text, name
        return method

    found = [(each, name) for each in classes for name in names if hasattr(each, name)]
    return [described(getattr(each, name).__doc__, f"{each.__name__}.{name}") for each, name in found]


def test_both_networks_describe_their_parameters_and_attributes_alike():
    # Losses of numbers are other ones than those of classes.
    settings = {"exclude_params": ["loss"], "ignore_types": FLAT_FOR_ONE_TARGET}
    check(NETWORKS, include_params=True, include_attrs=True, **settings)


def test_both_searches_describe_their_parameters_and_attributes_alike():
    # Losses of numbers are other ones than those of classes; the default score of a classifier depends on
    # `class_weight`; the chosen networks are of different classes.
    check(
        SEARCHES,
        include_params=True,
        exclude_params=["loss", "scoring"],
        include_attrs=True,
        ignore_types=(*FLAT_FOR_ONE_TARGET, "best_estimator_"),
    )


def test_networks_and_searches_describe_what_they_share_alike():
    check([*NETWORKS, *SEARCHES], include_params=["direct_link", "batch_size", "n_jobs"])
    check(
        [*NETWORKS, *SEARCHES],
        include_attrs=["intercept_", "n_features_in_", "feature_names_in_"],
        ignore_types=FLAT_FOR_ONE_TARGET,
    )
    check([NETWORKS[1], SEARCHES[1]], include_attrs=["inverse_temperature_"])


def test_both_samplers_describe_what_they_share_alike():
    # All parameters differ. Only URFSampler pairs its columns, scales the distance of a kernel, has a smooth kernel for
    # which directions differ in their error, and has modes in which columns of one seed are not nested.
    check(SAMPLERS, include_attrs=["length_scale_", "n_features_in_", "feature_names_in_"])


def test_every_fit_describes_its_rows_and_weights_alike():
    check(methods([*NETWORKS, *SEARCHES], "fit", "partial_fit"), include_params=["X"])
    # In a search a repeated row may be on both sides of a split, so a weight of two differs from two rows.
    check(methods(NETWORKS, "fit", "partial_fit"), include_params=["sample_weight"])
    check(methods(SEARCHES, "fit"), include_params=["sample_weight", "**params"])


def test_every_prediction_describes_its_rows_alike():
    names = ("predict", "predict_interval", "predict_proba", "decision_function", "transform")
    check([*methods([*NETWORKS, *SEARCHES], *names), *methods(SAMPLERS, "transform")], include_params=["X"])
    check(methods([NETWORKS[0], SEARCHES[0]], "predict_interval"), include_params=["confidence_level"])


@pytest.mark.parametrize(
    ("old", "new"), [("Number of threads.", "Count of threads."), ("The intercept.", "A constant.")]
)
def test_a_text_that_differs_is_caught(old, new):
    class Changed(BundledNetworkClassifier):
        __doc__ = BundledNetworkClassifier.__doc__.replace(old, new)

    with pytest.raises(AssertionError, match="inconsistent"):
        check(
            [BundledNetworkRegressor, Changed],
            include_params=True,
            include_attrs=True,
            ignore_types=FLAT_FOR_ONE_TARGET,
        )
