"""
More rows than memory
=====================

A network is fitted to all rows of a table on disk, although no worker has enough memory for the table.
:class:`sknnk.dask.DaskBundledNetworkRegressor` reads it a partition at a time, turns each partition into sums, and adds
up the sums. The network is the same as after a fit in memory. After the fit you can use it without Dask.
"""

# %%
# The table has the load of an electricity grid, with the hour, the temperature, the day of the week and other columns.
# It is written as Parquet files of 100,000 rows each. In memory it would have 448 MB.

import tempfile
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster
from distributed.diagnostics import MemorySampler

from sknnk.dask import DaskBundledNetworkRegressor

N_FILES, ROWS_OF_FILE, LIMIT = 56, 100_000, 440e6
INPUTS = ["hour", "temperature", "weekday", "wind", "cloud", "humidity", "price", "season", "holiday"]
# This kernel suits a target whose parts depend on few inputs each. If it is not set, a search finds it in some seconds.
KERNEL = {"activation": "cauchy", "directions": "sparse", "frequencies": "coordinatewise"}


def load(table: pd.DataFrame) -> pd.Series:
    """Gigawatts: people rise and cook, heat when it is cold and cool when it is hot, and less so at weekends."""
    day = 5.0 * np.sin(2.0 * np.pi * (table.hour - 9.0) / 24.0) - 2.0 * np.cos(4.0 * np.pi * (table.hour - 2.0) / 24.0)
    return 40.0 + day * np.where(table.weekday < 5.0, 1.0, 0.6) + 0.02 * (table.temperature - 18.0) ** 2


def write_file(folder: Path, seed: int) -> None:
    """One file of the table."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.random((ROWS_OF_FILE, len(INPUTS))), columns=INPUTS)
    table["hour"] *= 24.0
    table["temperature"] = 45.0 * table["temperature"] - 10.0
    table["weekday"] = np.floor(7.0 * table["weekday"])
    table["load"] = load(table) + 2.0 * rng.standard_normal(ROWS_OF_FILE)
    table.to_parquet(folder / f"part-{seed:03d}.parquet")


# %%
# There are two worker processes with one thread each. Each may use 440 MB. Python and its libraries take half of it.
# Dask pauses a worker that comes close to this limit, and ends a worker that goes beyond. During the fit, the code
# measures the memory of the workers. The last file is for the test.


def fit_and_watch(folder: Path) -> tuple[DaskBundledNetworkRegressor, pd.DataFrame, float]:
    """A network fitted to all files but the last, the memory meanwhile, and the score on the last."""
    limits = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": LIMIT, "dashboard_address": ":0"}
    memory = MemorySampler()
    with LocalCluster(**limits, local_directory=folder) as cluster, Client(cluster) as client:
        table = dd.read_parquet(folder / "*.parquet")
        train, test = table.partitions[:-1], table.partitions[-1:]
        network = DaskBundledNetworkRegressor(120, **KERNEL, random_state=0)
        with memory.sample("fit", measure="process", interval=0.1, client=client):
            network.fit(train[INPUTS], train["load"])
        return network, memory.to_pandas(align=True), network.score(test[INPUTS], test["load"])


# %%
# Worker processes import this file, so the following lines run only in the main process. ``to_local`` returns a network
# for use without Dask. Here it predicts the load of a cold, a mild and a hot Tuesday.

if __name__ == "__main__":
    import matplotlib.pyplot as plt  # Here, because workers need not have it in their memory.

    with tempfile.TemporaryDirectory() as name:
        for seed in range(N_FILES):
            write_file(Path(name), seed)
        network, memory, score = fit_and_watch(Path(name))
    size = N_FILES * ROWS_OF_FILE * (len(INPUTS) + 1) * 8
    print(f"{network.n_samples_seen_:,} rows seen; R2 on the last file {score:.4f}")

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    left.plot(memory.index.total_seconds(), memory["fit"] / 2e6, label="a worker, on average")
    left.axhline(LIMIT / 1e6, color="C3", linestyle="--", label="its limit")
    left.axhline(size / 1e6, color="0.4", linestyle=":", label="the table in memory")
    left.set(xlabel="seconds since the fit began", ylabel="memory in MB", ylim=(0, 1.15 * size / 1e6))
    left.legend(loc="lower right")

    local = network.to_local()
    hours = pd.DataFrame(0.5, index=range(97), columns=INPUTS).assign(hour=np.linspace(0, 24, 97), weekday=1)
    for temperature, colour in ((-5.0, "C0"), (18.0, "C2"), (33.0, "C3")):
        day = hours.assign(temperature=temperature)
        right.plot(day.hour, load(day), color=colour, alpha=0.35, linewidth=6)
        right.plot(day.hour, local.predict(day), color=colour, label=f"{temperature:.0f} °C")
    right.set(xlabel="hour of the day", ylabel="load in GW", title="predicted (thin) and true (wide)", xlim=(0, 24))
    right.legend(title="temperature", loc="upper left")
    plt.show()
