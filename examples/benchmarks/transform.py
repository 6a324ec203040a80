"""Claim: URFSampler.transform against RBFSampler.transform, the same number of columns, and its accuracy."""

import mpmath
import numpy as np
from paired import paired, print_circumstances
from sklearn.kernel_approximation import RBFSampler

from sknnk import URFSampler


def largest_error(sampler: URFSampler, X: np.ndarray) -> float:
    """Largest distance of a few features from their values in 50 digits."""
    mpmath.mp.dps = 50
    features = sampler.transform(X[:20])
    worst = 0.0
    for i in range(20):
        for j in range(0, sampler.random_weights_.shape[1], 97):
            weights = sampler.random_weights_[:, j]
            phase = mpmath.fsum(mpmath.mpf(float(x)) * mpmath.mpf(float(w)) for x, w in zip(X[i], weights, strict=True))
            scale = mpmath.sqrt(mpmath.mpf(2) / sampler.n_components)
            worst = max(worst, abs(float(scale * mpmath.cos(phase) - features[i, 2 * j].item())))
            worst = max(worst, abs(float(scale * mpmath.sin(phase) - features[i, 2 * j + 1].item())))
    return worst


print_circumstances()
for dtype in (np.float64, np.float32):
    X = np.random.default_rng(0).standard_normal((20_000, 20)).astype(dtype)
    ours = URFSampler("gaussian", n_components=2000, random_state=0).fit(X)
    peer = RBFSampler(n_components=2000, random_state=0).fit(X)
    mine, theirs, ratio = paired(lambda ours=ours, X=X: ours.transform(X), lambda peer=peer, X=X: peer.transform(X))
    print(
        f"{np.dtype(dtype).name}: URFSampler {mine:.3f} s, RBFSampler {theirs:.3f} s, ratio {ratio:.1f}; "
        f"max error {largest_error(ours, X):.1e}"
    )
