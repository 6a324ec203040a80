from inspect import signature

import pytest

from sknnk import BundledNetworkClassifier
from sknnk._networks.class_weighted import ClassWeightedNetwork
from sknnk._networks.estimator import BundledNetwork


def test_the_parameters_are_those_of_every_network_and_the_weights_of_the_classes():
    own = signature(ClassWeightedNetwork.__init__).parameters
    shared = signature(BundledNetwork.__init__).parameters
    assert own.keys() - shared.keys() == {"class_weight"} and own.keys() >= shared.keys()
    assert all(own[name].default == shared[name].default for name in shared)
    assert BundledNetworkClassifier().get_params().keys() == {"loss", *own} - {"self"}


@pytest.mark.parametrize("value", ["even", 3.0])
def test_class_weights_of_another_kind_are_refused(value):
    with pytest.raises(ValueError, match="'class_weight' parameter"):
        BundledNetworkClassifier(class_weight=value).fit([[0.0], [1.0]], [0, 1])
