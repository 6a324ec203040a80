"""The parameters as a value: what they allow, and what they forbid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._kernel_learning import MIN_ROWS
from sknnk._networks.specification import NetworkSpec
from sknnk._ridge import Penalty

X = np.zeros((20, 3))


def spec(**options):
    return NetworkSpec.of(BundledNetworkRegressor(**options).get_params(deep=False))


@pytest.mark.parametrize("kind", [BundledNetworkRegressor, BundledNetworkClassifier])
def test_every_parameter_is_taken_as_the_estimator_has_it(kind):
    parameters = {"n_components": (7, 8), "alpha": [1.0, 2.0], "tol": 0.5, "direct_link": False, "random_state": 3}
    estimator = kind(**parameters)
    found = NetworkSpec.of(estimator.get_params(deep=False), learned_gain=0.25)
    unknown = {"learned_gain"} if kind is BundledNetworkRegressor else {"learned_gain", "quantile"}
    for name in NetworkSpec.__dataclass_fields__.keys() - unknown:
        assert getattr(found, name) is getattr(estimator, name), name
    assert found.learned_gain == 0.25 and spec().learned_gain == 0.0


def test_the_kernel_is_what_the_user_fixed():
    assert spec(activation="relu", length_scale=2.0).kernel.parameters == ("relu", "auto", "auto", 2.0)
    assert spec(directions="qmc", frequencies="isotropic").kernel.parameters == ("auto", "qmc", "isotropic", "auto")


BOTH = {"agop", "resample"}


@pytest.mark.parametrize(
    ("options", "learned"),
    [
        ({}, BOTH),
        ({"activation": "relu"}, set()),
        ({"n_components": 9}, set()),
        ({"length_scale": 2.0}, {"resample"}),
        ({"feature_learning": "both", "n_components": 9}, BOTH),
        ({"feature_learning": "both", "length_scale": np.ones(3)}, {"resample"}),
        ({"feature_learning": "agop"}, {"agop"}),
        ({"feature_learning": "agop", "length_scale": 2.0}, set()),
        ({"feature_learning": "resample", "activation": "relu"}, {"resample"}),
        ({"feature_learning": None}, set()),
    ],
)
def test_what_is_learned_is_what_is_asked_for_and_not_fixed(options, learned):
    assert spec(**options).learning == learned


def test_the_seed_is_that_of_the_random_state():
    assert spec(random_state=3).seed() == spec(random_state=3).seed() != spec(random_state=4).seed()
    state = spec(random_state=np.random.RandomState(3))
    assert state.seed() == spec(random_state=3).seed() != state.seed()


def test_the_direct_link_has_a_column_per_input():
    assert (spec().n_linked(7), spec(direct_link=False).n_linked(7)) == (7, 0)
    assert spec(n_components=(5, 6)).layer_sizes(100.0) == (5, 6)


def test_an_automatic_penalty_has_no_candidates_and_a_number_one():
    assert spec().penalty(2).candidates is None
    assert spec(alpha=3).penalty(2).candidates.tolist() == [[3.0]]


@given(st.lists(st.floats(0.0, 1e9), min_size=1, max_size=5))
def test_a_vector_holds_candidates_and_a_row_a_penalty_per_target(alphas):
    np.testing.assert_array_equal(spec(alpha=alphas).penalty(2).candidates, np.array(alphas)[:, None])
    np.testing.assert_array_equal(spec(alpha=[alphas]).penalty(len(alphas)).candidates, [alphas])


@pytest.mark.parametrize("alpha", [[], -1.0, [1.0, np.nan], [np.inf], np.empty((0, 2)), ["a"]])
def test_what_is_no_penalty_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha=.* must be 'auto' or hold non-negative finite numbers"):
        spec(alpha=alpha).penalty(2)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (1, 1, 2)])
def test_penalties_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"alpha of shape .* one value per target of shape \(1, 2\)"):
        spec(alpha=np.ones(shape)).penalty(2)


ALLOWED = [{}, {"alpha": 0.1}, {"alpha": [0.1, 1.0]}, {"activation": "relu"}, {"feature_learning": "agop"}]
REFUSED_BY_AUTO = [{"n_components": 5}, {"directions": "qmc"}, {"solver": "primal"}]
REFUSED = [
    {"alpha": 0.0},
    {"alpha": [0.0, 1.0]},
    {"alpha": [[1.0, 2.0]]},
    {"feature_learning": "resample"},
    {"feature_learning": "both"},
]


def allows(X=X, **options):
    parameters = spec(**options)
    return parameters.allows_kernel_columns(X, parameters.penalty(2))


@pytest.mark.parametrize("options", ALLOWED)
def test_kernel_columns_are_allowed_where_nothing_asks_for_random_ones(options):
    assert allows(**options)
    spec(**options).check_kernel_columns(spec(**options).penalty(2))


@pytest.mark.parametrize("options", REFUSED_BY_AUTO + REFUSED)
def test_kernel_columns_are_not_chosen_where_something_asks_for_random_ones(options):
    assert not allows(**options)


@pytest.mark.parametrize("options", REFUSED_BY_AUTO)
def test_kernel_columns_that_are_asked_for_are_given_where_they_can_be(options):
    spec(**options).check_kernel_columns(Penalty())


@pytest.mark.parametrize("options", [*REFUSED, {"n_components": (5, 6)}])
def test_what_kernel_columns_do_not_have_is_refused_by_name(options):
    parameters = spec(**options)
    with pytest.raises(ValueError, match=f"^{next(iter(options))}=.*feature_map='random'"):
        parameters.check_kernel_columns(parameters.penalty(2))


def test_rows_that_cannot_be_compared_get_random_columns():
    assert allows(np.zeros((MIN_ROWS, 1000)))
    assert not allows(np.zeros((MIN_ROWS, 1001)))
    assert not allows(np.zeros((MIN_ROWS - 1, 3)))
    assert allows(sparse.csr_array((2**20, 32))) and not allows(sparse.csr_array((2**20, 33)))
    assert allows(sparse.csr_array((2**20, 64), dtype=np.float32))


@pytest.mark.parametrize("kind", [BundledNetworkClassifier, BundledNetworkRegressor])
def test_the_name_of_the_loss_tells_whether_targets_are_classes(kind):
    for loss in kind._parameter_constraints["loss"][0].options:
        found = NetworkSpec.of(kind(loss=loss).get_params(deep=False))
        assert found.has_classes == (kind is BundledNetworkClassifier), loss
