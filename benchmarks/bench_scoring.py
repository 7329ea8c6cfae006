"""Scoring a memory map: megabytes a second of reading alone and of every law, their ratio, and the most memory that was held.

    python benchmarks/bench_scoring.py                 1e8 float32 samples, windows of 128, summaries alone
    python benchmarks/bench_scoring.py 1e7 64 2        samples, window, processes

Reading is measured three ways: with pages dropped before (where this process may), which is the disk, or whatever cache lies behind
it; again from the page cache; and past every cache of this system by O_DIRECT. A ratio is of the bytes a second of a law, cold, over
reading, cold. Everything runs in one thread a process. Processes are started once before, so that their imports are not counted.
"""

from __future__ import annotations

import mmap
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from harness import machine, peak_mib
from scipy.signal import lfilter

import ornstein as orn
from ornstein.common.buffers import keep_freed

FITTED, BLOCK, ROUNDS = 4000, 1 << 20, 3
STRUCTURES = ("autoregressive", "stationary", "dense")
DROP = Path("/proc/sys/vm/drop_caches")


def make(path: Path, samples: int) -> None:
    """A series with memory, x_t = .9 x_{t-1} + e_t."""
    array, state, rng = np.lib.format.open_memmap(path, "w+", "f4", (1, 1, samples)), np.zeros(1), np.random.default_rng(0)
    for k in range(0, samples, BLOCK):
        noise = rng.standard_normal(min(BLOCK, samples - k))
        array[0, 0, k : k + len(noise)], state = lfilter([1.0], [1.0, -0.9], noise, zi=state)
    array.flush()


def dropped() -> bool:
    """Drop the pages of this system; whether it was allowed."""
    os.sync()
    try:
        DROP.write_text("3")
    except OSError:
        return False
    return True


def direct(path: Path) -> None:
    """The file past the page cache, a MiB at a time."""
    buffer, file = mmap.mmap(-1, 1 << 20), os.open(path, os.O_RDONLY | os.O_DIRECT)
    with open(file, "rb", buffering=0) as raw:
        while raw.readinto(buffer):
            pass


def touched(path: Path) -> None:
    """Every number of the map once, a block at a time, as float64: what any answer has to do."""
    x, block = np.load(path, mmap_mode="r").reshape(-1), np.empty(1 << 16)
    for k in range(0, len(x), len(block)):
        part = x[k : k + len(block)]
        block[: len(part)] = part


def best(call: Callable[[], object], cold: bool) -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process), the least of some rounds."""
    found = []
    for _ in range(ROUNDS):
        if cold:
            dropped()
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(w for w, _ in found), min(c for _, c in found)


def score(place: Path, structure: str, hop: int | None, processes: int) -> None:
    shutil.rmtree(place / "out", ignore_errors=True)
    orn.shards.run(orn.Scorer(place / f"{structure}.model", hop=hop), place / "data", place / "out", summary=True, workers=processes)


def measured(place: Path, structure: str, hop: int | None, processes: int, size: int, reading: float) -> None:
    """One row, in a process of its own, so that the memory is its own."""
    keep_freed()
    orn.Scorer(place / f"{structure}.model").model  # noqa: B018  loading is not scoring
    score(place, structure, hop, processes)
    wall, cpu = best(lambda: score(place, structure, hop, processes), cold=True)
    rate, what = size / wall / 1e6, "apart" if hop is None else f"hop {hop}"
    print(
        f"{structure:<16} {what:<8} {processes} at once  {wall:7.3f} s  {cpu:7.3f} CPU-s  {rate:6.0f} MB/s  "
        f"of reading {reading / wall:5.2f} (CPU {reading / cpu:5.2f})  peak {peak_mib():5.0f} MiB",
        flush=True,
    )


def main(samples: int, window: int, processes: int) -> None:
    machine()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "data").mkdir()
        path = place / "data" / "x.npy"
        make(path, samples)
        size = path.stat().st_size
        head = np.load(path, mmap_mode="r").reshape(-1)[: FITTED * window].reshape(-1, 1, window)
        for structure in STRUCTURES:
            orn.fit(np.array(head, dtype=float), structure=structure, folds=0).save(place / f"{structure}.model")
        cold = "pages dropped" if dropped() else "page cache (dropping pages is not allowed here)"
        reading = 0.0
        for what, call, drops in (
            (f"map, {cold}", touched, True),
            ("map, page cache", touched, False),
            ("O_DIRECT", direct, False),
        ):
            wall, cpu = best(partial(call, path), drops)
            reading = reading or wall
            print(f"reading, {what:<32} {wall:7.3f} s  {cpu:7.3f} CPU-s  {size / wall / 1e6:6.0f} MB/s", flush=True)
        for hop in (None, 1):
            for structure in STRUCTURES:
                if hop is None or structure != "dense":
                    child = get_context("spawn").Process(target=measured, args=(place, structure, hop, processes, size, reading))
                    child.start()
                    child.join()


if __name__ == "__main__":
    told = [int(float(word)) for word in sys.argv[1:]]
    main(*(told + [100_000_000, 128, 1][len(told) :]))
