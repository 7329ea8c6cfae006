"""The summary of one shard as a small file, for runs that keep no answer of a single case."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from ornstein.common.buffers import keep_freed
from ornstein.common.files import write_bytes
from ornstein.shards.results import SIZE, Array
from ornstein.shards.summary import Summary

ENOUGH = 1 << 16
"""Numbers that are worth summing up."""


def summed(pieces: Iterator[tuple[int, Array]], top: int, name: str) -> Summary:
    """The summary of pieces of a shard, each of which goes on where the one before ended: (number of the first case, log-densities)."""
    summary, held = Summary(top), list[tuple[int, Array]]()

    def add() -> None:
        summary.add(np.concatenate([values for _, values in held]), name, held[0][0])
        held.clear()

    keep_freed()
    with _one_thread():
        for piece in pieces:
            held.append(piece)
            if sum(len(values) for _, values in held) >= ENOUGH:
                add()
        if held:
            add()
    return summary


@contextmanager
def _one_thread() -> Iterator[None]:
    """Blocks that stay in one core's cache gain nothing from another core, and wait for it at every step where that one is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write(path: Path, size: int, summary: Summary) -> None:
    """All that the summary holds, to the last bit, with the size of the file that it comes of."""
    bins = sorted(summary.bins.items())
    archive = io.BytesIO()
    np.savez(
        archive,
        allow_pickle=False,
        **{SIZE: np.array(size)},
        counts=np.array([summary.count, summary.infinite]),
        moments=np.array([summary.mean, summary.squares]),
        bins=np.array(bins, dtype=np.int64).reshape(-1, 2),
        least=np.array([value for value, _, _ in summary.least]),
        offset=np.array([row for _, _, row in summary.least], dtype=np.int64),
    )
    write_bytes(path, archive.getvalue(), force=True)


def read(path: Path, top: int, name: str) -> Summary:
    """The summary of the shard of this name."""
    with np.load(path, allow_pickle=False) as held:
        count, infinite = held["counts"].tolist()
        mean, squares = held["moments"].tolist()
        bins = Counter(dict(held["bins"].tolist()))
        least = [(value, name, row) for value, row in zip(held["least"].tolist(), held["offset"].tolist(), strict=True)]
    return Summary(top, count, infinite, mean, squares, bins, least[:top])
