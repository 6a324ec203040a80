"""Claim: predicting one row against MLPRegressor, and 100,000 rows against RBFSampler + Ridge."""

from paired import paired, print_circumstances, smooth_table
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline

from sknnk import BundledNetworkRegressor

print_circumstances()
X, y = smooth_table(5000)
network = BundledNetworkRegressor(2000, random_state=0).fit(X, y)
perceptron = MLPRegressor(early_stopping=True, random_state=0).fit(X, y)
pipeline = make_pipeline(RBFSampler(n_components=2000, random_state=0), Ridge()).fit(X, y)


def repeated(model, rows, times):
    """Predict the same rows several times."""
    for _ in range(times):
        model.predict(rows)


row, many = X[:1], smooth_table(100_000, seed=1)[0]
ours, peer, ratio = paired(lambda: repeated(network, row, 500), lambda: repeated(perceptron, row, 500))
print(f"one row: sknnk {2e3 * ours:.0f} us, MLPRegressor {2e3 * peer:.0f} us, ratio {ratio:.2f}")
ours, peer, ratio = paired(lambda: network.predict(many), lambda: pipeline.predict(many))
print(f"100,000 rows: sknnk {ours:.2f} s, RBFSampler + Ridge {peer:.2f} s, ratio {ratio:.1f}")
