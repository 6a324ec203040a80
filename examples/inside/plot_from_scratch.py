"""
From a layer to a dot product, in pictures
==========================================

How does a layer of a neural network become a linear model? There are three steps. The activation is written as a sum of
waves. Waves along random directions are the features of a row. The dot product of the features of two rows is a kernel:
it says how similar the rows are. You need only :class:`sknnk.URFSampler` to look at each step.
"""

# %%
# **An activation is a sum of waves.** The sum is ``a_0 + sum_k Re a_k exp(i w_k z)``. ``spectrum_`` holds its
# frequencies ``w_k`` and its complex amplitudes ``a_k``. A few of the strongest waves give the shape of the activation.
# A smooth function needs few waves; the corner of the ReLU needs more.

import matplotlib.pyplot as plt
import numpy as np

from sknnk import BundledNetworkRegressor, URFSampler

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 2))
z = np.linspace(-4.0, 4.0, 401)
functions = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0.0)}

fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, (name, function) in zip(axes, functions.items(), strict=True):
    spectrum = URFSampler(name, random_state=0).fit(X).spectrum_
    strongest = np.argsort(-np.abs(spectrum.amplitudes))
    ax.plot(z, function(z), color="0.75", linewidth=6, label=name)
    for n_terms, colour in ((1, "C0"), (3, "C1"), (12, "C3")):
        k = strongest[:n_terms]
        waves = spectrum.amplitudes[k] * np.exp(1j * np.multiply.outer(z, spectrum.frequencies[k]))
        ax.plot(
            z, spectrum.constant + waves.real.sum(axis=1), color=colour, label=f"{n_terms} wave" + "s" * (n_terms > 1)
        )
    ax.set(title=f"{name} as a sum of waves", xlabel="z", ylabel="f(z)")
    ax.legend(loc="upper left")

# %%
# **Waves along random directions are the features.** ``transform`` returns one column for each feature: a cosine or a
# sine of a random projection of the row. A weighted sum of all features is a function of the row. A fit chooses the
# weights of this sum. The figure shows two single features of rows with two columns. The third picture is a sum of all
# features with random weights, before any fit.

sampler = URFSampler("gaussian", n_components=256, length_scale=1.0, random_state=0).fit(X)
grid = np.linspace(-3.0, 3.0, 121)
plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
columns = sampler.transform(plane)
pictures = {
    "one feature": columns[:, 0],
    "another one": columns[:, 2],
    "256 features, random weights": columns @ rng.normal(size=256),
}
fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained", sharey=True)
for ax, (title, values) in zip(axes, pictures.items(), strict=True):
    ax.imshow(values.reshape(121, 121), extent=(-3, 3, -3, 3), origin="lower", cmap="RdBu_r")
    ax.set(title=title, xlabel="first input")
axes[0].set_ylabel("second input")

# %%
# **Their dot products are a kernel.** The figure compares one row with other rows, by the dot product of their
# features. This product falls with the distance of the rows, like the kernel of the activation. With more features it
# varies less between the ten seeds. The activation ``"cauchy"`` has many high frequencies. So its kernel has a sharp
# peak, and its estimates are rougher. (It is the Laplace kernel, which suits targets with sharp structure.)

distance = np.linspace(0.0, 4.0, 81)
rows = np.column_stack([distance, np.zeros(81)])
fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
for ax, (activation, kernel) in zip(
    axes, {"gaussian": np.exp(-(distance**2) / 2), "cauchy": np.exp(-distance)}.items(), strict=True
):
    for n_components, colour in ((16, "C0"), (1024, "C3")):
        for seed in range(10):
            phi = URFSampler(activation, n_components=n_components, length_scale=1.0, random_state=seed).fit(X)
            estimate = phi.transform(rows) @ phi.transform(rows[:1]).T
            label = f"{n_components} features, ten seeds" if seed == 0 else None
            ax.plot(distance, estimate, color=colour, alpha=0.5, linewidth=1, label=label)
    ax.plot(distance, kernel, color="black", linestyle="--", label="the kernel")
    ax.set(title=f'activation="{activation}"', xlabel="distance of two rows, in length scales")
    ax.legend(loc="upper right")
axes[0].set_ylabel("dot product of their features")

# %%
# **Learning is one linear system.** A prediction is a weighted sum of the features. So the weights are found as in
# ridge regression, by one linear system. More features follow the data more closely. The penalty keeps them from
# following the noise. The fit chooses the penalty without gradient steps, too.

x = np.sort(rng.uniform(-3.0, 3.0, 120))[:, None]
y = np.sin(3.0 * x[:, 0]) * np.exp(-(x[:, 0] ** 2) / 4) + 0.1 * rng.normal(size=120)
line = np.linspace(-3.0, 3.0, 301)[:, None]
kernel = {"activation": "gaussian", "directions": "orthogonal", "input_transform": None, "random_state": 0}
fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
ax.plot(x, y, "o", color="0.6", markersize=4, label="rows")
for n_components, colour in ((4, "C0"), (8, "C1"), (256, "C3")):
    network = BundledNetworkRegressor(n_components, length_scale=0.5, **kernel).fit(x, y)
    label = f"{n_components} features, {network.effective_dof_:.0f} degrees of freedom in use"
    ax.plot(line, network.predict(line), color=colour, label=label)
ax.set(xlabel="x", ylabel="y", title="each fit is one linear system", ylim=(-1.2, 1.9))
ax.legend(loc="upper right")
plt.show()
