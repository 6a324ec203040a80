import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sknnk import BundledNetworkRegressor
from sknnk._networks import fitted_network, table_encoder

SETTINGS = {"n_components": 4, "activation": "gaussian", "alpha": 1.0, "random_state": 0}


def test_a_network_is_read_off_after_its_fit():
    X = np.linspace(0.0, 1.0, 20)[:, None]
    network = BundledNetworkRegressor(**SETTINGS)
    with pytest.raises(NotFittedError):
        fitted_network(network)
    assert table_encoder(network) is None
    network.fit(X, X[:, 0])
    assert fitted_network(network).n_samples == 20
    np.testing.assert_array_equal(fitted_network(network).coef[0], network.output_coef_)


def test_an_encoder_is_there_for_a_table_with_text():
    X = pd.DataFrame({"size": np.arange(20.0), "colour": ["red", "blue"] * 10})
    assert table_encoder(BundledNetworkRegressor(**SETTINGS).fit(X, X["size"])).n_features == 2
