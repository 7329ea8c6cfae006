"""Ratios against a peer in the same run: both sides alternate, the best of several rounds counts."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable

import torch

ROUNDS = 5


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def against(ours: Callable[[], object], peer: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """(our best seconds, the peer's best seconds), after one warm-up of each."""
    ours(), peer()
    times = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    return min(t[0] for t in times), min(t[1] for t in times)


def report(name: str, ours: float, peer: float, peer_name: str, note: str = "") -> None:
    print(f"{name:<58} {ours * 1e3:10.2f} ms   {peer_name:<28} {peer * 1e3:10.2f} ms   ratio {ours / peer:6.3f}   {note}")


def alone(name: str, call: Callable[[], object], note: str = "") -> None:
    call()
    print(f"{name:<58} {min(seconds(call) for _ in range(3)) * 1e3:10.2f} ms   {note}")


def peak_mib() -> float:
    """The largest memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine() -> None:
    print(f"# {platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}")
