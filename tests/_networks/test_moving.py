import pickle

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils._array_api import move_estimator_to

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkRegressor,
    URFSampler,
    to_numpy,
    trusted_types,
)
from sknnk._compute import is_tensor, on_host

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
NETWORKS = [
    BundledNetworkRegressor(8, activation="gaussian", length_scale=1.0, alpha=0.1, random_state=0, verbose=1),
    BundledNetworkClassifier(feature_map="kernel", activation="cauchy", length_scale=1.0, alpha=0.1, random_state=0),
]


def targets_of(network):
    return y if isinstance(network, BundledNetworkRegressor) else (y > 0.0).astype(int)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_copy_predicts_the_same_in_numpy_and_can_be_saved(space, dispatch, network, capsys):
    network.fit(space.tensor(X), space.tensor(targets_of(network)))
    predicted = on_host(network.predict(space.tensor(X)))
    capsys.readouterr()
    copy = to_numpy(network)
    assert capsys.readouterr().out == ""
    np.testing.assert_allclose(copy.predict(X), predicted, rtol=1e-9)
    assert not any(is_tensor(value) for value in vars(copy).values())
    assert is_tensor(network.output_coef_)
    loaded = pickle.loads(pickle.dumps(copy))
    np.testing.assert_array_equal(loaded.predict(X), copy.predict(X))
    assert copy.get_params() == network.get_params()
    io = pytest.importorskip("skops.io")
    again = io.loads(io.dumps(copy), trusted=trusted_types())
    np.testing.assert_array_equal(again.predict(X), copy.predict(X))


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_of_numpy_move_to_tensors_as_scikit_learn_moves_them(space, dispatch, network):
    here = network.fit(X, targets_of(network))
    there = move_estimator_to(here, space.xp, space.device)
    assert is_tensor(there.output_coef_) and not is_tensor(here.output_coef_)
    np.testing.assert_allclose(on_host(there.predict(space.tensor(X))), here.predict(X), rtol=1e-9)


def test_an_unfitted_network_stays_unfitted():
    copy = to_numpy(BundledNetworkRegressor())
    assert not hasattr(copy, "output_coef_")


@pytest.mark.parametrize("sampler", [URFSampler(n_components=5), ArcCosineSampler(n_components=5)])
def test_samplers_and_pipelines_move_too(space, dispatch, sampler):
    sampler.set_params(random_state=0, length_scale=[1.0, 2.0, 3.0])
    model = make_pipeline(sampler, Ridge(solver="svd")).fit(space.tensor(X), space.tensor(y))
    copy = to_numpy(model)
    np.testing.assert_allclose(copy.predict(X), on_host(model.predict(space.tensor(X))), rtol=1e-9)
    assert isinstance(copy[0].random_weights_, np.ndarray) and isinstance(copy[0].length_scale_, np.ndarray)
