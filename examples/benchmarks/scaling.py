"""Claim: time grows linearly with the rows, memory does not grow with them, to a million rows."""

import json
import subprocess
import sys

from paired import peak_memory, print_circumstances, seconds, smooth_table

from sknnk import BundledNetworkRegressor

FIXED = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 5.0}


def run(n_samples: int) -> None:
    """Fit in this process and print time and memory beyond the data."""
    X, y = smooth_table(n_samples)
    before = peak_memory()
    network = BundledNetworkRegressor(2000, alpha=1.0, input_transform=None, direct_link=False, random_state=0, **FIXED)
    print(json.dumps({"seconds": seconds(lambda: network.fit(X, y)), "memory": peak_memory() - before}))


if len(sys.argv) > 1:
    run(int(sys.argv[1]))
else:
    print_circumstances()
    seen = {}
    for n_samples in (100_000, 1_000_000):
        output = subprocess.run([sys.executable, __file__, str(n_samples)], capture_output=True, check=True).stdout
        seen[n_samples] = json.loads(output)
        print(f"{n_samples:9,d} rows: {seen[n_samples]['seconds']:.1f} s, +{seen[n_samples]['memory']:.2f} GB")
    print(f"ratio {seen[1_000_000]['seconds'] / seen[100_000]['seconds']:.1f} for ten times the rows")
