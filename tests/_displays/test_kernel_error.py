import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from sknnk import ArcCosineSampler, KernelErrorDisplay, URFSampler

X = np.random.default_rng(0).normal(size=(15, 3))
COUNTS = (40, 160, 640)
W, B = np.random.default_rng(1).normal(size=(6, 3)), np.linspace(-0.2, 0.2, 6)
W /= np.linalg.norm(W, axis=1).max()
ROWS = X / np.linalg.norm(X, axis=1).max()


@pytest.fixture(autouse=True)
def closed_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


def slope(display):
    return np.polyfit(np.log(display.n_components), np.log(display.errors.mean(axis=1)), 1)[0]


@pytest.mark.parametrize(
    "sampler",
    [
        URFSampler("gaussian"),
        URFSampler("cauchy", frequencies="coordinatewise", length_scale=[1.0, 2.0, 3.0]),
        URFSampler("relu"),
        *(ArcCosineSampler(degree) for degree in (0, 1, 2)),
        ArcCosineSampler(1, bias=0.0, length_scale=2.0),
    ],
    ids=repr,
)
def test_errors_of_kernels_fall_towards_the_closed_form(sampler):
    display = KernelErrorDisplay.from_estimator(sampler, X, n_components=COUNTS, n_repeats=20)
    assert display.errors.shape == (3, 20)
    assert slope(display) == pytest.approx(-0.5, abs=0.12)
    assert (display.quantity, display.ax_.get_ylabel()) == ("kernel", "RMS error of the kernel")


@pytest.mark.parametrize(("activation", "mode"), [("sin", "unbiased"), ("sin", "positive"), (np.sin, "unbiased")])
def test_errors_of_layers_fall_towards_the_activation(activation, mode):
    sampler = URFSampler(activation, mode=mode)
    # The spectrum of a callable is fitted anew for every error.
    counts = {"n_components": (200, 800, 3200), "n_repeats": 40 if activation == "sin" else 12}
    display = KernelErrorDisplay.from_estimator(sampler, ROWS, W, B, **counts, name="mine")
    # The spectrum of a callable changes with the count: part of its error is bias.
    assert slope(display) == pytest.approx(-0.5, abs=0.12 if activation == "sin" else 0.3)
    assert display.errors[-1].mean() < 0.05
    assert display.line_.get_label() == "mine"
    assert display.ax_.get_ylabel() == "RMS error of the layer"


def test_errors_of_arc_cosine_layers_fall_towards_their_kernel():
    display = KernelErrorDisplay.from_estimator(ArcCosineSampler(1), X, W, B, n_components=COUNTS, n_repeats=20)
    assert slope(display) == pytest.approx(-0.5, abs=0.12)
    without = KernelErrorDisplay.from_estimator(ArcCosineSampler(1, bias=0.0), X, W, n_components=COUNTS)
    assert slope(without) < -0.3


def test_what_is_drawn_is_what_was_measured():
    display = KernelErrorDisplay(n_components=np.array(COUNTS), errors=np.array([[4.0, 8.0], [2.0, 4.0], [1.0, 2.0]]))
    figure, ax = plt.subplots()
    display.plot(ax, name="a line", line_kw={"color": "C3"})
    assert display.ax_ is ax and display.figure_ is figure
    np.testing.assert_array_equal(display.line_.get_ydata(), [6.0, 3.0, 1.5])
    np.testing.assert_allclose(display.reference_line_.get_ydata(), [6.0, 3.0, 1.5])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    edges = display.band_.get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == (1.0, 8.0)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a line", "slope -1/2"]
    assert display.plot(reference=False).reference_line_ is None
    assert display.ax_ is not ax


def test_names_are_those_of_the_activation():
    def squashed(z):
        return z / (1.0 + np.abs(z))

    options = {"n_components": (10, 20), "n_repeats": 2}
    for sampler, name in ((URFSampler(squashed), "squashed"), (ArcCosineSampler(2), "arc-cosine, degree 2")):
        assert KernelErrorDisplay.from_estimator(sampler, X, **options).name == name


def test_a_kernel_without_closed_form_has_to_be_given():
    sparse = URFSampler(directions="sparse")
    with pytest.raises(ValueError, match="pass it as exact, or weights W"):
        KernelErrorDisplay.from_estimator(sparse, X, n_components=COUNTS)
    phi = URFSampler(directions="sparse", n_components=100_000, random_state=9).fit_transform(X)
    display = KernelErrorDisplay.from_estimator(sparse, X, n_components=COUNTS, exact=phi @ phi.T)
    assert slope(display) == pytest.approx(-0.5, abs=0.15)
