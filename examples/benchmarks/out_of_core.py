"""Claim: two workers of 1 GiB each fit 10 GB of rows, exactly; no worker holds more than a few partitions at a time."""

import os
import platform
import tempfile
from pathlib import Path
from time import perf_counter

import dask
import dask.array as da
import distributed
import numpy as np
from distributed import Client, LocalCluster, get_task_stream

import sknnk
from sknnk.dask import DaskBundledNetworkRegressor

N_FEATURES, ROWS_OF_PARTITION, N_PARTITIONS = 500, 12_500, 200
GIB = 2**30


def partition(seed: int) -> np.ndarray:
    """50 MB of rows, made when a worker asks for them."""
    return np.random.default_rng(seed).standard_normal((ROWS_OF_PARTITION, N_FEATURES))


def peak_memory() -> float:
    """Largest resident size of a worker process so far, in GiB, as Linux counts it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return float(line.split()[1]) * 1024 / GIB


def sent(dask_worker: distributed.Worker) -> int:
    """Bytes that a worker sent to others and to this process."""
    return sum(each["total"] for each in dask_worker.transfer_outgoing_log)


def virtual_table() -> tuple[da.Array, da.Array]:
    """10 GB of inputs and their targets, as tasks."""
    make = dask.delayed(partition)
    shape = (ROWS_OF_PARTITION, N_FEATURES)
    X = da.concatenate([da.from_delayed(make(seed), shape, float) for seed in range(N_PARTITIONS)])
    return X, np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2]


def main() -> None:
    """Fit, and print what it took."""
    print(f"Python {platform.python_version()}, numpy {np.__version__}, dask {dask.__version__}", end=", ")
    print(f"distributed {distributed.__version__}, sknnk {sknnk.__version__}; {os.cpu_count()} processors")
    X, y = virtual_table()
    print(f"{X.shape[0]:,} rows of {X.shape[1]} columns, {X.nbytes / 1e9:.1f} GB in {N_PARTITIONS} partitions")
    network = DaskBundledNetworkRegressor(
        512,
        activation="gaussian",
        directions="orthogonal",
        frequencies="isotropic",
        length_scale=30.0,
        alpha=1.0,
        input_transform=None,
        random_state=0,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="1GiB", dashboard_address=":0", local_directory=folder
        ) as cluster,
        Client(cluster) as client,
    ):
        idle = client.run(peak_memory)
        start = perf_counter()
        with get_task_stream(client) as stream:
            network.fit(X, y)
        print(f"fit: {perf_counter() - start:.0f} s, {network.n_samples_seen_:,} rows seen")
        for i, (address, peak) in enumerate(client.run(peak_memory).items()):
            print(f"worker {i}: peak {peak:.2f} GiB (idle {idle[address]:.2f} GiB), limit 1 GiB")
        moved = sum(client.run(sent).values())
        largest = max(task["nbytes"] for task in stream.data)
        gram = 8 * len(network.output_coef_) ** 2
        print(f"largest result of a task: {largest / 1e6:.1f} MB; Gram matrix {gram / 1e6:.1f} MB", end="; ")
        print(f"features of a partition would be {8e-6 * ROWS_OF_PARTITION * len(network.output_coef_):.0f} MB")
        print(f"moved: {moved / 1e6:.0f} MB = {moved / (N_PARTITIONS * gram):.2f} x partitions x Gram matrix", end=", ")
        print(f"of {X.nbytes / 1e6:,.0f} MB of rows")


if __name__ == "__main__":
    main()
