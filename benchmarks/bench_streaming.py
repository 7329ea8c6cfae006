"""Data larger than memory: Dask workers of 400 MB on 800 MB, a fit from a 2 GB memory map, a stationary fit of 1e7 samples.

Each part runs in a process of its own, so that its peak memory is its own. Data go to a temporary folder and are deleted.
"""

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from harness import machine, seconds

import ornstein as orn
from ornstein.covariance import accumulate

LIMIT = "400MB"
MB = 1e6


def memory(field: str) -> float:
    """A memory field of /proc in MB; RssAnon is what the process owns, VmRSS counts file pages that the kernel may drop too."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / MB


@contextmanager
def watched(name: str):
    """Time, and the peak of owned memory above what was there before."""
    before, peak, done = memory("RssAnon"), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], memory("RssAnon"))

    thread = threading.Thread(target=watch)
    thread.start()
    begin = time.perf_counter()
    yield
    took = time.perf_counter() - begin
    done.set()
    thread.join()
    print(f"{name:<58} {took:8.2f} s   {peak[0] - before:8.0f} MB above the {before:.0f} MB of the idle process")


def write(path: Path, cases: int, size: int, dtype: str, offset: float = 0.0) -> None:
    """Correlated rows, written a few at a time."""
    array = np.lib.format.open_memmap(path, "w+", dtype, (cases, size))
    rng = np.random.default_rng(0)
    step = max(2**22 // size, 1)
    for start in range(0, cases, step):
        part = rng.standard_normal((min(step, cases - start), size), dtype=np.float32)
        part[:, 1:] += part[:, :-1]
        array[start : start + step] = part + offset
    array.flush()


def dask_workers(folder: Path, cases: int = 200_000, size: int = 500) -> None:
    import dask
    import dask.array
    import zarr
    from distributed import Client, LocalCluster

    path = str(folder / "x.zarr")
    array = zarr.create_array(path, shape=(cases, size), chunks=(1000, size), dtype="f8", compressors=None)
    rng = np.random.default_rng(0)
    for start in range(0, cases, 1000):
        array[start : start + 1000] = rng.standard_normal((1000, size)).cumsum(1)
    # The limit is hard: a worker above it is killed. Nothing is spilled to disk before that, for there is nothing to spill.
    share = {f"distributed.worker.memory.{key}": False for key in ("target", "spill", "pause")} | {
        "distributed.worker.memory.terminate": 1.0,
        "distributed.worker.memory.monitor-interval": "20ms",
        "distributed.scheduler.allowed-failures": 0,
    }
    with dask.config.set(share), LocalCluster(2, threads_per_worker=1, memory_limit=LIMIT, dashboard_address=None) as cluster:
        client = Client(cluster)
        for _ in range(2):  # the second time everything is imported
            begin = time.perf_counter()
            found = accumulate(dask.array.from_zarr(path), engine="dask")
            took = time.perf_counter() - begin
        peaks = client.run(peak_rss)
        client.close()
    plain = seconds(lambda: accumulate(array))
    error = float((found.scatter - accumulate(array).scatter).abs().max() / found.scatter.abs().max())
    print(f"{'Dask, 2 workers of 400 MB, 800 MB of data':<58} {took:8.2f} s   peak of a worker {max(peaks.values()):.0f} MB")
    print(f"{'  the same in one process':<58} {plain:8.2f} s   scatters differ by {error:.1e} of the largest entry")


def peak_rss() -> float:
    return memory("VmHWM")


def from_map(folder: Path, cases: int = 1_000_000, size: int = 500) -> None:
    write(folder / "x.npy", cases, size, "f4", offset=1e6)
    x = np.load(folder / "x.npy", mmap_mode="r")
    orn.fit(x[:2000], engine="local")
    with watched(f"fit(memory map of {x.nbytes / 1e9:.1f} GB, engine='local'), d = {size}"):
        orn.fit(x, engine="local")
    block = torch.from_numpy(np.array(x[:200_000])).double()
    block -= block.mean(0)
    floor = min(seconds(lambda: block.T @ block) for _ in range(3)) * cases / len(block)
    print(f"{'  of which bare float64 matrix products in memory':<58} {floor:8.2f} s")


def stationary(folder: Path, cases: int, size: int) -> None:
    write(folder / "x.npy", cases, size, "f4")
    x = np.load(folder / "x.npy", mmap_mode="r")
    with watched(f"fit(stationary, memory map), {cases} x {size} samples"):
        orn.fit(x, structure="stationary", engine="local")


def stationary_batches(folder: Path, cases: int, size: int) -> None:
    write(folder / "x.npy", cases, size, "f4")
    x = np.load(folder / "x.npy", mmap_mode="r")
    step = max(100_000 // size, 1)
    with watched(f"fit(stationary, generator of {step}), {cases} x {size} samples"):
        orn.fit((x[i : i + step] for i in range(0, cases, step)), structure="stationary")


def apart(part: Callable[..., None], *sizes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(target=part, args=(Path(folder), *sizes))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{part.__name__} failed")


if __name__ == "__main__":
    machine()
    for shape in ((10_000, 1000), (10, 1_000_000), (2, 5_000_000)):
        apart(stationary, *shape)
        apart(stationary_batches, *shape)
    apart(from_map)
    apart(dask_workers)
