"""
Estimating a layer by a dot product
===================================

The dot product ``Phi(x) . Psi(w, b)`` estimates a layer ``f(w . x + b)``. Phi depends only on the row ``x``, and Psi
only on the weights. How large is the error, and how does it fall with the number of features? This is the experiment on
point-wise estimation of Sehanobish et al. (ICLR 2024, arXiv 2310.13225), for six activations.
:class:`sknnk.URFSampler` chooses the frequencies so that the error is small. The example compares this choice with a
plain one, and orthogonal with independent random directions.
"""

# %%
# Rows and weights are in the unit ball, biases are at most one half.

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import ndtr

from sknnk import KernelErrorDisplay, URFSampler, estimation_error_bound, estimation_variance

FUNCTIONS = {
    "sin": np.sin,
    "cos": np.cos,
    "gelu": lambda z: z * ndtr(z),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "softplus": lambda z: np.logaddexp(0.0, z),
}
COUNTS = (128, 256, 512, 1024, 2048, 4096, 8192)
d, rng = 8, np.random.default_rng(0)


def ball(n):
    points = rng.normal(size=(n, d))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points[1:] *= rng.random((n - 1, 1)) ** (1.0 / d)
    return points


X, W, b = ball(40), ball(40), rng.uniform(-0.5, 0.5, 40)

# %%
# The plain estimator uses the activation as a sum of waves, which is ``spectrum_`` of a sampler in bounded mode. It
# draws waves with probabilities in proportion to their amplitudes, and one Gaussian direction for each wave. The error
# of a wave with frequency ``omega`` grows like ``exp(omega |x| |w|)``. For high frequencies this is so large that the
# plain estimator is useful only for sine and cosine.


def plain_errors(name, n_components, n_repeats=10):
    spectrum = URFSampler(name, length_scale=1.0, random_state=0).fit(X).spectrum_
    exact, errors = FUNCTIONS[name](X @ W.T + b), []
    for _ in range(n_repeats):
        n = n_components // 2
        k = rng.choice(spectrum.frequencies.size, n, p=np.abs(spectrum.amplitudes) / spectrum.l1_norm)
        omega, phase = spectrum.frequencies[k], np.angle(spectrum.amplitudes[k])
        g, s = rng.normal(size=(d, n)), np.sqrt(omega)
        phi = np.exp(1j * (X @ g) * s + np.sum(X**2, axis=1)[:, None] * omega / 2)
        psi = np.exp(
            (W @ g) * s - np.sum(W**2, axis=1)[:, None] * omega / 2 + 1j * (np.multiply.outer(b, omega) + phase)
        )
        estimate = spectrum.constant + spectrum.l1_norm / n * (phi @ psi.T).real
        errors.append(np.sqrt(np.mean((estimate - exact) ** 2)))
    return np.array(errors)


# %%
# A formula predicts the error. :func:`sknnk.estimation_variance` computes the variance of the estimate, for independent
# and for orthogonal directions. The bias is the difference between the sum of waves and the activation.


def predicted_error(name, n_components):
    sampler = URFSampler(name, n_components=n_components, mode="unbiased", random_state=0).fit(X)
    bias = sampler.spectrum_(X @ W.T + b) - FUNCTIONS[name](X @ W.T + b)
    return np.sqrt(np.mean(estimation_variance(sampler, X, W, b) + bias**2))


# %%
# The figure shows errors against the number of features.

fig, axes = plt.subplots(2, 3, figsize=(10, 7), layout="constrained", sharex=True, sharey=True)
table = {}
for ax, name in zip(axes.flat, FUNCTIONS, strict=True):
    options = {"n_components": COUNTS, "ax": ax, "n_repeats": 10, "reference": False}
    for directions, label in (("gaussian", "sknnk, i.i.d."), ("orthogonal", "sknnk, orthogonal")):
        sampler = URFSampler(name, mode="unbiased", directions=directions)
        display = KernelErrorDisplay.from_estimator(sampler, X, W, b, name=label, line_kw={"markersize": 5}, **options)
        table[name, label] = display.errors.mean(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        table[name, "plain"] = np.array([plain_errors(name, m).mean() for m in COUNTS])
    ax.plot(COUNTS, table[name, "plain"], marker="x", color="C3", label="plain spectrum, i.i.d.")
    table[name, "predicted, orthogonal"] = np.array([predicted_error(name, m) for m in COUNTS])
    ax.plot(COUNTS, table[name, "predicted, orthogonal"], color="black", linestyle="--", label="predicted, orthogonal")
    ax.get_legend().remove()
    ax.grid(alpha=0.3)
    ax.set(title=name, ylim=(2e-3, 3.0))
    ax.label_outer()
axes[1, 1].annotate("diverges", (150, 2.0), (260, 1.0), color="C3", arrowprops={"arrowstyle": "->", "color": "C3"})
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
fig.suptitle(f"Error of the estimate of f(w.x + b), |x| and |w| up to 1, d = {d}")

print(f"{'':34}" + "".join(f"{m:>10}" for m in COUNTS))
for (name, label), errors in table.items():
    print(f"{name:10}{label:24}" + "".join(f"{error:10.2g}" for error in errors))

# %%
# For one draw of the features, the code prints the error. It also prints a bound: with a probability of at least 95 %,
# the error is smaller.

for name in FUNCTIONS:
    sampler = URFSampler(name, n_components=4096, mode="unbiased", random_state=0).fit(X)
    error = sampler.transform(X) @ sampler.transform_weights(W, b).T - FUNCTIONS[name](X @ W.T + b)
    bound = estimation_error_bound(sampler, X, W, b, confidence=0.95)
    print(
        f"{name:10} largest error {np.abs(error).max():.4f}, mean of the bounds {bound.mean():.4f}; bias at most "
        f"{sampler.spectrum_.max_error:.4f}; {np.mean(np.abs(error) <= bound):.1%} of errors within the 95 % bound"
    )
