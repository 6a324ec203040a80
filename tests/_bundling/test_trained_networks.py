import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from sknnk._bundling.trained_networks import ACTIVATION_FUNCTIONS, read_network

X = np.random.default_rng(0).normal(size=(60, 4))
QUICK = {"hidden_layer_sizes": (7, 5), "solver": "lbfgs", "max_iter": 3, "random_state": 0}


@pytest.fixture(autouse=True)
def unfinished_training_is_fine(recwarn):
    import warnings

    warnings.simplefilter("ignore")


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("n_targets", [1, 3])
def test_a_regressor_is_the_same_function(activation, n_targets):
    y = X[:, :n_targets] if n_targets > 1 else X[:, 0]
    mlp = MLPRegressor(activation=activation, **QUICK).fit(X, y)
    trained = read_network(mlp)
    np.testing.assert_allclose(trained(X).reshape(mlp.predict(X).shape), mlp.predict(X), rtol=1e-10, atol=1e-12)
    assert trained.classes is None and trained.flat == (n_targets == 1)
    assert trained.size == sum(each.size for each in mlp.coefs_ + mlp.intercepts_)
    assert trained.multiplications == sum(each.size for each in mlp.coefs_)
    assert trained.n_inputs == 4


def test_a_regressor_for_counts_keeps_its_exponential():
    mlp = MLPRegressor(loss="poisson", **{**QUICK, "solver": "adam"}).fit(X, np.arange(60) % 4)
    np.testing.assert_allclose(read_network(mlp)(X)[:, 0], mlp.predict(X), rtol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_classifier_gives_logits(n_classes):
    y = np.array(["a", "b", "c"])[np.arange(60) % n_classes]
    mlp = MLPClassifier(**QUICK).fit(X, y)
    logits = read_network(mlp)(X)
    assert logits.shape == (60, 1 if n_classes == 2 else 3)
    p = 1 / (1 + np.exp(-logits)) if n_classes == 2 else np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        p if n_classes == 3 else p[:, 0],
        mlp.predict_proba(X)[:, 0 if n_classes == 3 else 1] if n_classes == 2 else mlp.predict_proba(X),
        atol=1e-10,
    )
    assert read_network(mlp).classes.tolist() == list("abc"[:n_classes])


def sequential(*modules):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Sequential(*(make(torch.nn) for make in modules)).double()


def torch_outputs(network, rows):
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        return network.eval()(torch.from_numpy(rows)).numpy()


@pytest.mark.parametrize("name", ["ReLU", "Tanh", "Sigmoid", "GELU", "SiLU", "Softplus", "ELU"])
def test_a_sequential_network_is_the_same_function(name):
    network = sequential(
        lambda nn: nn.Flatten(),
        lambda nn: nn.Linear(4, 6),
        lambda nn: getattr(nn, name)(),
        lambda nn: nn.Dropout(0.5),
        lambda nn: nn.Linear(6, 2, bias=False),
    )
    np.testing.assert_allclose(read_network(network)(X), torch_outputs(network, X), rtol=1e-9, atol=1e-11)


def test_a_sequential_classifier_ends_in_logits():
    modules = [lambda nn: nn.Linear(4, 6), lambda nn: nn.ReLU(), lambda nn: nn.Linear(6, 3)]
    plain, soft = sequential(*modules), sequential(*modules, lambda nn: nn.Softmax(dim=1))
    for network in (plain, soft):
        trained = read_network(network, classes=[0, 1, 2])
        np.testing.assert_allclose(trained(X), torch_outputs(plain, X), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(read_network(soft)(X), torch_outputs(soft, X), rtol=1e-9, atol=1e-11)
    one = sequential(
        lambda nn: nn.Linear(4, 6), lambda nn: nn.ReLU(), lambda nn: nn.Linear(6, 1), lambda nn: nn.Sigmoid()
    )
    assert read_network(one, classes=["no", "yes"]).layers[-1].activation == "identity"


def test_a_class_of_ones_own_is_a_sequential_network_too():
    torch = pytest.importorskip("torch")

    class Mine(torch.nn.Sequential):
        pass

    network = Mine(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)).double()
    np.testing.assert_allclose(read_network(network)(X), torch_outputs(network, X), atol=1e-12)


def shared(nn):
    """Networks in which a module is called more than once, each by another way."""
    act, square, pair = nn.Tanh(), nn.Linear(5, 5), nn.Sequential(nn.Linear(5, 5), nn.ReLU())
    first, last = nn.Linear(4, 5), nn.Linear(5, 2)
    return {
        "activation": nn.Sequential(first, act, nn.Linear(5, 5), act, last),
        "linear": nn.Sequential(first, nn.Tanh(), square, nn.Tanh(), square, nn.ReLU(), last),
        "block": nn.Sequential(first, act, pair, pair, last),
        "nested": nn.Sequential(nn.Sequential(first, nn.Sequential(act, nn.Identity())), pair, square, act, last),
        "ignored": nn.Sequential(nn.Flatten(), first, drop := nn.Dropout(0.5), act, drop, square, drop, act, last),
    }


@pytest.mark.parametrize("name", ["activation", "linear", "block", "nested", "ignored"])
def test_a_module_is_read_as_often_as_it_is_called(name):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = shared(torch.nn)[name].double()
    trained = read_network(network)
    np.testing.assert_allclose(trained(X), torch_outputs(network, X), rtol=1e-9, atol=1e-11)
    assert trained.n_inputs == 4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_weights_are_read_as_they_are(dtype):
    torch = pytest.importorskip("torch")
    half = sequential(lambda nn: nn.Linear(4, 6), lambda nn: nn.GELU(), lambda nn: nn.Linear(6, 2)).to(
        getattr(torch, dtype)
    )
    np.testing.assert_allclose(read_network(half)(X), torch_outputs(half.double(), X), rtol=1e-9, atol=1e-11)


def test_what_does_not_compute_what_its_parts_say_is_refused():
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Residual(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    plain = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    for network in (Residual(*plain), nn.Sequential(Residual(*plain), nn.Linear(4, 1))):
        with pytest.raises(ValueError, match="has a forward of its own"):
            read_network(network)
    handle = plain[1].register_forward_hook(lambda module, args, output: 2 * output)
    with pytest.raises(ValueError, match=r"network\.1 has forward hooks"):
        read_network(plain)
    handle.remove()
    handle = plain[2].register_forward_pre_hook(lambda module, args: (2 * args[0],))
    with pytest.raises(ValueError, match=r"network\.2 has forward hooks"):
        read_network(plain)
    handle.remove()

    class Linear(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    with pytest.raises(ValueError, match=r"network has Linear.*, which is not supported"):
        read_network(nn.Sequential(Linear(4, 2)))
    assert len(read_network(plain).layers) == 2
    with pytest.raises(ValueError, match=r"network\.0\.weight is on the meta device"):
        read_network(plain.to("meta"))
    # A list of modules says nothing about what happens between them.
    with pytest.raises(TypeError, match="network=ModuleList is not supported"):
        read_network(nn.ModuleList(plain))


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ([lambda nn: nn.Linear(4, 2), lambda nn: nn.ReLU(), lambda nn: nn.Tanh()], "has Tanh where a Linear layer"),
        ([lambda nn: nn.ReLU()], "has ReLU where a Linear layer"),
        ([lambda nn: nn.Linear(4, 2), lambda nn: nn.LayerNorm(2)], "LayerNorm.* is not supported; supported are"),
        ([lambda nn: nn.Linear(4, 2), lambda nn: nn.GELU(approximate="tanh")], "GELU.* is not supported"),
        ([lambda nn: nn.Linear(4, 2), lambda nn: nn.ELU(alpha=2.0)], "ELU.* is not supported"),
        ([lambda nn: nn.LayerNorm(4), lambda nn: nn.Linear(4, 2)], "LayerNorm.* is not supported; supported are"),
        ([lambda nn: nn.Linear(4, 2), lambda nn: nn.Flatten(0)], "Flatten.* is not supported"),
        (
            [lambda nn: nn.Linear(4, 2), lambda nn: nn.Tanh(), lambda nn: nn.Linear(3, 1)],
            "2 outputs .* of 3 inputs",
        ),
        ([lambda nn: nn.ModuleList([nn.Linear(4, 2)])], "network has ModuleList"),
        ([lambda nn: nn.Dropout(0.1)], "no Linear layer"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(modules, words):
    with pytest.raises(ValueError, match=words):
        read_network(sequential(*modules))


def test_classes_must_fit_the_outputs():
    network = sequential(lambda nn: nn.Linear(4, 3))
    with pytest.raises(ValueError, match="classes has 2 different labels, and the network 3 outputs"):
        read_network(network, classes=[0, 1])
    with pytest.raises(ValueError, match="must be sorted"):
        read_network(network, classes=[2, 1, 0])


def test_what_is_no_network_is_told_what_would_be_one():
    with pytest.raises(TypeError, match="Ridge is not supported; pass a fitted MLPRegressor"):
        read_network(Ridge())
    with pytest.raises(TypeError, match="Of a pipeline, pass the last step"):
        read_network(make_pipeline(MLPRegressor()))
    with pytest.raises(ValueError, match="is not fitted; call fit first"):
        read_network(MLPRegressor())
    rows, labels = make_multilabel_classification(n_samples=30, n_features=4, n_classes=3, random_state=0)
    with pytest.raises(ValueError, match="multilabel"):
        read_network(MLPClassifier(**QUICK).fit(rows, labels))
    rows, labels = make_classification(n_samples=30, n_features=4, random_state=0)
    assert read_network(MLPClassifier(**QUICK).fit(rows, labels)).n_inputs == 4


def test_activations_are_finite_far_out():
    z = np.array([[-800.0, -30.0, 0.0, 30.0, 700.0]])
    for function in ACTIVATION_FUNCTIONS.values():
        assert np.isfinite(function(z)).all()
