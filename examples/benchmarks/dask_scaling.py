"""Claim: two workers of one thread each fit at least 1.6 times as many rows a second as one worker."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import dask
import dask.array as da
import distributed
import numpy as np
from distributed import Client, LocalCluster

import sknnk
from sknnk.dask import DaskBundledNetworkRegressor

N_FEATURES, ROWS_OF_PARTITION, N_PARTITIONS, N_COLUMNS, REPEATS = 20, 20_000, 24, 1000, 3


def partition(seed: int) -> np.ndarray:
    """Rows, made when a worker asks for them."""
    return np.random.default_rng(seed).standard_normal((ROWS_OF_PARTITION, N_FEATURES))


@contextmanager
def workers(number: int) -> Iterator[Client]:
    """A cluster of so many processes of one thread each, BLAS included."""
    with (
        LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def rows_per_second(client: Client, n_partitions: int = N_PARTITIONS) -> float:
    """Throughput of one fit on the cluster of this client."""
    make = dask.delayed(partition)
    shape = (ROWS_OF_PARTITION, N_FEATURES)
    X = da.concatenate([da.from_delayed(make(seed), shape, float) for seed in range(n_partitions)])
    network = DaskBundledNetworkRegressor(
        N_COLUMNS,
        activation="gaussian",
        directions="orthogonal",
        frequencies="isotropic",
        length_scale=5.0,
        alpha=1.0,
        random_state=0,
    )
    with client.as_current():
        start = perf_counter()
        network.fit(X, np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2])
        return len(X) / (perf_counter() - start)


def main() -> None:
    """Print the pairs and the median of their ratios."""
    print(f"Python {platform.python_version()}, numpy {np.__version__}, dask {dask.__version__}", end=", ")
    print(f"distributed {distributed.__version__}, sknnk {sknnk.__version__}; {os.cpu_count()} processors")
    print(f"{N_PARTITIONS * ROWS_OF_PARTITION:,} rows of {N_FEATURES} columns, {N_COLUMNS} features, a whole fit")
    print("  1 worker     2 workers    ratio   (rows a second)")
    ratios = []
    with workers(1) as one, workers(2) as two:
        rows_per_second(one, 2), rows_per_second(two, 2)  # Processes import what they need.
        for repeat in range(REPEATS):
            pair = [(client, rows_per_second(client)) for client in ((one, two) if repeat % 2 else (two, one))]
            rates = dict(pair)
            ratios.append(rates[two] / rates[one])
            print(f"{rates[one]:10,.0f}  {rates[two]:12,.0f}  {ratios[-1]:7.2f}")
    print(f"median ratio {np.median(ratios):.2f}; at least 1.6 is asked for")


if __name__ == "__main__":
    main()
