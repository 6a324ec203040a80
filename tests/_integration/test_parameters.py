import pickle
from inspect import signature

import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
)
from sknnk._integration.parameters import suggestion

CLASSES = {
    BundledNetworkRegressor: ("alpaha", "alpha"),
    BundledNetworkClassifier: ("class_weights", "class_weight"),
    BundledNetworkRegressorCV: ("alpha", "alphas"),
    BundledNetworkClassifierCV: ("activation", "activations"),
    URFSampler: ("n_component", "n_components"),
    ArcCosineSampler: ("degre", "degree"),
}


@pytest.mark.parametrize(("kind", "names"), CLASSES.items())
def test_a_wrong_name_is_answered_with_the_class_and_the_nearest(kind, names):
    wrong, right = names
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\(\) .*'{wrong}'; did you mean '{right}'\?"):
        kind(**{wrong: 1})
    with pytest.raises(ValueError, match=rf"'{wrong}' for {kind.__name__}; did you mean '{right}'\?"):
        kind().set_params(**{wrong: 1})


def test_a_name_in_a_pipeline_or_a_grid_is_answered_alike():
    pipeline = make_pipeline(StandardScaler(), BundledNetworkRegressor())
    with pytest.raises(ValueError, match=r"'solvr' for BundledNetworkRegressor; did you mean 'solver'"):
        pipeline.set_params(bundlednetworkregressor__solvr="cg")
    search = GridSearchCV(BundledNetworkRegressor(), {"alpaha": [1.0]}, cv=2, error_score="raise")
    with pytest.raises(ValueError, match=r"'alpaha' for BundledNetworkRegressor; did you mean 'alpha'"):
        search.fit([[1.0], [2.0], [3.0], [4.0]], [1.0, 2.0, 3.0, 4.0])


def test_a_name_like_no_other_gets_the_list():
    with pytest.raises(TypeError, match=r"BundledNetworkRegressor\(\) .*'xyz'; there are activation, alpha, .*verbose"):
        BundledNetworkRegressor(xyz=1)
    assert suggestion("b", {"c", "a"}) == "there are a, c."


def test_arguments_without_a_name_are_answered_with_the_class():
    with pytest.raises(TypeError, match=r"^BundledNetworkRegressor\(\) too many positional arguments; name the param"):
        BundledNetworkRegressor(64, "gelu")
    with pytest.raises(TypeError, match=r"^URFSampler\(\) .* as in n_components=100"):
        URFSampler("gelu", 64)


def test_what_is_right_is_set_and_signatures_stay():
    network = BundledNetworkRegressor(64, alpha=1.0)
    assert network.set_params(alpha=2.0) is network and network.alpha == 2.0
    assert list(signature(BundledNetworkRegressor).parameters)[:3] == ["n_components", "loss", "quantile"]
    for copy in (clone(network), pickle.loads(pickle.dumps(network))):
        assert copy.get_params() == network.get_params()


def test_a_subclass_may_take_any_name():
    class Renamed(BundledNetworkRegressor):
        def __init__(self, penalty=1.0, **others):
            super().__init__(alpha=penalty, **others)

    assert Renamed(penalty=2.0, solver="dual").solver == "dual"


def test_networks_on_dask_answer_too():
    dask = pytest.importorskip("sknnk.dask", exc_type=ImportError)
    with pytest.raises(TypeError, match=r"^DaskBundledNetworkClassifier\(\) .*'solvr'; did you mean 'solver'\?"):
        dask.DaskBundledNetworkClassifier(solvr="primal")
