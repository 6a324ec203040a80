import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sknnk import BundledNetworkRegressorCV
from sknnk._displays.pipelines import last_estimator, transformed_rows

X, Y = load_diabetes(return_X_y=True)
GRID = {"alpha": [1.0]}


@pytest.mark.parametrize(
    "wrapped",
    [
        Ridge(),
        make_pipeline(Ridge()),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(), PCA(3), Ridge()),
        make_pipeline(MinMaxScaler(), make_pipeline(StandardScaler(), PCA(3), Ridge())),
        make_pipeline(StandardScaler(), GridSearchCV(Ridge(), GRID)),
        GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1.0]}),
        FrozenEstimator(Ridge().fit(X, Y)),
        Pipeline([("none", "passthrough"), ("ridge", Ridge())]),
    ],
)
def test_the_last_estimator_on_rows_behind_the_steps_predicts_what_the_whole_does(wrapped):
    wrapped.fit(X, Y)
    last, steps = last_estimator(wrapped)
    assert type(last) is Ridge
    np.testing.assert_array_equal(last.predict(transformed_rows(steps, X)), wrapped.predict(X))


def test_a_network_that_is_its_own_search_is_left_as_it_is():
    network = BundledNetworkRegressorCV((4, 8), random_state=0).fit(X, Y)
    assert last_estimator(network) == (network, [])
