"""Noise of its own against ``torch.randn``: one array, and the path of a run of 20 steps on its own grid; CPU nanoseconds a number."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable

import torch
from harness import machine

from ornstein.common.buffers import keep_freed
from ornstein.common.random import Noise
from ornstein.samplers import levels
from ornstein.samplers.brownian import BrownianPath
from ornstein.schedules import VE

STEPS = 20
SIZES = ((64, 128), (1024, 128), (4096, 1024))


ROUNDS = 9


def against(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float]:
    """The least CPU seconds of either, in turn: other work on the machine takes part in a clock on the wall."""
    ours(), peer()
    times = [(seconds(ours), seconds(peer)) for _ in range(ROUNDS)]
    return min(t[0] for t in times), min(t[1] for t in times)


def seconds(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def path(cases: int, size: int, dtype: torch.dtype) -> None:
    visited = levels(VE(), VE().grid(STEPS))
    one = BrownianPath(Noise(0), cases, (size,), visited, dtype)
    for now, then in itertools.pairwise(visited):
        one.increment(now, then)


def plain(cases: int, size: int, dtype: torch.dtype) -> None:
    for _ in range(STEPS):
        torch.randn(cases, size, dtype=dtype)


if __name__ == "__main__":
    machine()
    keep_freed()  # as every run of a sampler does
    for shape, dtype in itertools.product(SIZES, (torch.float32, torch.float64)):
        numbers = math.prod(shape)
        array = against(lambda s=shape, t=dtype: Noise(0).normal(s[0], s[1:], dtype=t), lambda s=shape, t=dtype: torch.randn(s, dtype=t))
        run = against(lambda s=shape, t=dtype: path(*s, t), lambda s=shape, t=dtype: plain(*s, t))
        for what, (ours, theirs), many in (("array", array, numbers), ("path", run, STEPS * numbers)):
            times = f"ours {ours / many * 1e9:6.2f} ns, randn {theirs / many * 1e9:6.2f} ns, ratio {ours / theirs:5.2f}"
            print(f"{what:<6}{shape!s:<14}{str(dtype).removeprefix('torch.'):<9}{times}", flush=True)
