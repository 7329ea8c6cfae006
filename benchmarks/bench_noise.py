"""Noise of its own against ``torch.randn``, in CPU seconds of one thread, the least of rounds in turn; both sides of a row in one process.

array     one array of normal numbers, nanoseconds a number
path      the Brownian path of a run of 20 steps on its own grid (whose levels are ready), against 20 arrays; nanoseconds a number
DDIM run  20 deterministic steps of the loop from a Gaussian's own start, noise laid once; microseconds a step
DDPM run  20 stochastic steps of it, noise in every step; microseconds a step
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence

import torch
from harness import machine
from torch import Tensor

from ornstein.common.buffers import keep_freed
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian
from ornstein.samplers import DDIM, DDPM, Sampler, levels, walk
from ornstein.samplers.base import Source
from ornstein.samplers.brownian import BrownianPath
from ornstein.samplers.level import Level
from ornstein.schedules import VE

STEPS, ROUNDS = 20, 15
SIZES = ((64, 128), (1024, 128), (4096, 1024))
VISITED = levels(VE(), VE().grid(STEPS))


class Plain:
    """What a run would draw without keys."""

    def __init__(self, like: Tensor) -> None:
        self.like = like

    def increment(self, _now: Level, _then: Level) -> Tensor:
        return torch.randn_like(self.like)

    def fresh(self, _step: int, _use: int) -> Tensor:
        return torch.randn_like(self.like)


def against(ours: Callable[[], object], peer: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The least CPU seconds of either: other work on the machine takes part in a clock on the wall."""
    times = [(seconds(ours, repeats), seconds(peer, repeats)) for _ in range(ROUNDS + 1)][1:]
    return min(t[0] for t in times), min(t[1] for t in times)


def seconds(call: Callable[[], object], repeats: int) -> float:
    begin = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - begin) / repeats


def path(cases: int, size: int, dtype: torch.dtype) -> None:
    one = BrownianPath(Noise(0), cases, (size,), VISITED, dtype)
    for now, then in itertools.pairwise(VISITED):
        one.increment(now, then)


def run(sampler: Sampler, law: Gaussian, start: Tensor, noise: Noise | Source) -> None:
    for _ in walk(sampler, law, VE(), VISITED, VISITED[0].noise * start, noise):
        pass


def rows(shape: tuple[int, int], dtype: torch.dtype) -> Sequence[tuple[str, float, str, Callable[[], object], Callable[[], object]]]:
    """(what, by how much its time is divided, in which unit, ours, theirs)"""
    cases, size = shape
    law = Gaussian(torch.zeros(size, dtype=dtype), Diagonal(torch.linspace(0.1, 2, size, dtype=dtype)))

    def ours() -> Tensor:
        return Noise(0).normal(cases, (size,), dtype=dtype)

    def plain() -> Tensor:
        return torch.randn(cases, size, dtype=dtype)

    def runs(sampler: Sampler) -> tuple[Callable[[], object], Callable[[], object]]:
        return lambda: run(sampler, law, ours(), Noise(0)), lambda: run(sampler, law, start := plain(), Plain(start))

    numbers = cases * size / 1e9
    return (
        ("array", numbers, "ns", ours, plain),
        ("path", STEPS * numbers, "ns", lambda: path(cases, size, dtype), lambda: [plain() for _ in range(STEPS)]),
        ("DDIM run", STEPS / 1e6, "us", *runs(DDIM())),
        ("DDPM run", STEPS / 1e6, "us", *runs(DDPM())),
    )


if __name__ == "__main__":
    machine()
    keep_freed()  # as every run of a sampler does
    for shape, dtype in itertools.product(SIZES, (torch.float32, torch.float64)):
        for what, many, unit, own, theirs in rows(shape, dtype):
            least = against(own, theirs, max(1, 1_000_000 // math.prod(shape) // (1 if what == "array" else STEPS)))
            ours, randn = (t / many for t in least)
            times = f"ours {ours:8.2f} {unit}, randn {randn:8.2f} {unit}, ratio {ours / randn:5.2f}"
            print(f"{what:<10}{shape!s:<14}{str(dtype).removeprefix('torch.'):<9}{times}", flush=True)
