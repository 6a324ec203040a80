"""Claim: choosing the penalty among 30 values, against RidgeCV on the same features."""

import numpy as np
from paired import paired, print_circumstances, smooth_table
from sklearn.linear_model import RidgeCV

from sknnk import BundledNetworkRegressor

ALPHAS = np.logspace(-3, 3, 30)
FIXED = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 5.0}


def network(alpha):
    """A network with everything but the penalty fixed."""
    return BundledNetworkRegressor(2000, alpha=alpha, input_transform=None, direct_link=False, random_state=0, **FIXED)


print_circumstances()
X, y = smooth_table(20_000)
one, many, ratio = paired(lambda: network(1.0).fit(X, y), lambda: network(ALPHAS).fit(X, y))
print(f"one alpha {one:.2f} s, 30 alphas {many:.2f} s: {100 * (ratio - 1):.0f} % more")
fitted = network(ALPHAS).fit(X, y)
features = fitted.transform(X)
ours, peer, ratio = paired(lambda: network(ALPHAS).fit(X, y), lambda: RidgeCV(ALPHAS).fit(features, y), repeats=3)
chosen = RidgeCV(ALPHAS).fit(features, y).alpha_
print(f"network {ours:.2f} s (alpha {fitted.alpha_:.3g}), RidgeCV {peer:.2f} s (alpha {chosen:.3g}), ratio {ratio:.1f}")
