"""Several processes on this machine that run one function together, joined by gloo through a file: no port to collide."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
import traceback
import warnings
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

SECONDS = 300.0
"""After which processes that wait for each other are given up."""

PROCESSES = multiprocessing.get_context("forkserver")
# what every process needs is loaded once, in the server that they are forked from
PROCESSES.set_forkserver_preload(["torch", "torch._dynamo", "torch.distributed.fsdp", "torch.distributed.checkpoint", "ornstein"])


def ranked(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What ``work(*arguments)`` returns in each of ``count`` processes of one group; warnings are errors there.

    Raises ``AssertionError`` with the traceback of the first that fails; the others are ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        processes, ends = [], []
        for rank in range(count):
            here, there = PROCESSES.Pipe(duplex=False)
            processes.append(PROCESSES.Process(target=_member, args=(there, rank, count, str(Path(folder, "store")), work, arguments)))
            processes[-1].start()
            there.close()
            ends.append(here)
        results: list[Any] = [None] * count
        try:
            waiting = list(ends)
            while waiting:
                ready = wait(waiting, SECONDS)
                assert ready, f"no answer of {len(waiting)} processes"
                for end in ready:
                    assert isinstance(end, Connection)
                    fine, results[ends.index(end)] = pickle.loads(end.recv_bytes())
                    assert fine, results[ends.index(end)]
                    waiting.remove(end)
        finally:
            for process in processes:
                process.join(None if not waiting else 0.1)
                process.kill()
    return results


def _member(end: Connection, rank: int, count: int, store: str, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    try:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=count, timeout=timedelta(seconds=SECONDS))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = work(*arguments)
        end.send_bytes(pickle.dumps((True, result)))  # tensors by value: this process and its memory end here
        dist.destroy_process_group()
    except BaseException:
        end.send_bytes(pickle.dumps((False, f"process {rank}:\n{traceback.format_exc()}")))
