"""Claim: with 10,000 features and 100,000 rows, conjugate gradients against the direct solution.

``python many_features.py N_SAMPLES N_COMPONENTS`` runs another size.
"""

import sys

from paired import print_circumstances, seconds, smooth_table

from sknnk import BundledNetworkRegressor

n_samples, n_components = (int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (100_000, 10_000)
FIXED = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 5.0}

print_circumstances()
X, y = smooth_table(n_samples)
test = smooth_table(20_000, seed=1)
runs = [(alpha, *how) for alpha in (0.1, "auto") for how in (("cg", 1e-2), ("cg", 1e-4), ("primal", 1e-4))]
for alpha, solver, tol in runs:
    network = BundledNetworkRegressor(n_components, alpha=alpha, solver=solver, tol=tol, random_state=0, **FIXED)
    time = seconds(lambda network=network: network.fit(X, y))
    name = f"solver=cg, tol={tol:.0e}, {network.n_iter_} passes" if solver == "cg" else f"solver={solver}"
    print(f"alpha={network.alpha_:.3g} ({alpha}), {name}: {time:.1f} s, R2 {network.score(*test):.5f}", flush=True)
