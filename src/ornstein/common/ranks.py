"""Several processes that do one piece of work together, started by ``torchrun``: which of them this is, and what they tell each other."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import torch
from torch import Tensor
from torch import distributed as dist

from ornstein.common.errors import InputError, OrnsteinError, RunError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """Process number ``rank`` of ``count``. Alone, every method returns what it is given.

    The methods that exchange something must be called by all processes, in the same order.
    """

    rank: int = 0
    count: int = 1

    @property
    def main(self) -> bool:
        """Whether this is process 0: the one that writes files and reports."""
        return self.rank == 0

    def share(self, items: int) -> tuple[int, int]:
        """(first, one past the last) of ``items`` that are this process's: contiguous parts whose sizes differ by at most one."""
        return self.rank * items // self.count, (self.rank + 1) * items // self.count

    def parts(self, items: int, size: int) -> list[tuple[int, int]]:
        """The share in parts of about equal sizes, at most ``size``, as (first, one past the last).

        Every process has the same number of them, and none is empty while there is an item for each, so calls in which all take part
        stay in step. Where the shares differ, a part may for that hold one item more.
        """
        begin, end = self.share(items)
        many = max(1, min(-(-items // (self.count * size)), items // self.count))
        return [(begin + k * (end - begin) // many, begin + (k + 1) * (end - begin) // many) for k in range(many)]

    def total(self, x: Tensor) -> Tensor:
        """The sum over all processes, the same bits on each; a new tensor."""
        summed = x.detach().clone()
        if self.count > 1:
            dist.all_reduce(summed)
        return summed

    def gathered(self, part: Tensor, items: int) -> Tensor:
        """The whole of ``items`` rows, in order and on every process, from the part (row, ...) of each: that of ``share(items)``."""
        if self.count == 1:
            return part
        sizes = [end - begin for begin, end in (Ranks(rank, self.count).share(items) for rank in range(self.count))]
        rows = part.new_zeros(max(sizes), *part.shape[1:])
        rows[: len(part)] = part
        parts = [torch.empty_like(rows) for _ in sizes]
        dist.all_gather(parts, rows)
        return torch.cat([each[:size] for each, size in zip(parts, sizes, strict=True)])

    def first(self, work: Callable[[], T]) -> T:
        """What ``work`` returns on process 0, on every process; only process 0 does it. Where it fails, it fails on all of them."""
        if self.count == 1:
            return work()
        said = [self._outcome(work) if self.main else None]
        dist.broadcast_object_list(said, src=0, device=torch.device("cpu"))
        return cast("_Outcome[T]", said[0]).result()

    def each(self, work: Callable[[], T]) -> list[T]:
        """What ``work`` returns on every process, on all of them. Where it fails on one, it fails on all."""
        if self.count == 1:
            return [work()]
        said: list[_Outcome[T] | None] = [None] * self.count
        dist.all_gather_object(said, self._outcome(work))
        return [cast("_Outcome[T]", outcome).result() for outcome in said]

    def wait(self) -> None:
        """Until every process has come here."""
        self.total(torch.zeros(1))

    def _outcome(self, work: Callable[[], T]) -> _Outcome[T]:
        try:
            return _Outcome(value=work())
        except OrnsteinError as error:
            return _Outcome(error=error)
        except Exception as error:
            return _Outcome(error=RunError(f"process {self.rank} of {self.count} failed, so all stop: {error!r}"))


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    """What came of a piece of work: its value, or why there is none."""

    value: T | None = None
    error: OrnsteinError | None = None

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


ALONE = Ranks()


def current(device: torch.device | str = "auto") -> Ranks:
    """The processes that work together: those of the process group that there is, else those that ``torchrun`` started, else this one.

    In the second case the group is made, for tensors on the CPU (gloo) and on CUDA devices (nccl), and lasts as long as the process.
    Raises ``RunError`` where the others are not reached.
    """
    if not dist.is_available() or not (dist.is_initialized() or "RANK" in os.environ):
        return ALONE
    if not dist.is_initialized():
        place = own_device(device)
        if place.type == "cuda":
            torch.cuda.set_device(place)
        try:
            dist.init_process_group("cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo")
        except (RuntimeError, ValueError) as error:
            raise RunError(f"the other processes of this run were not reached ({error}): start all of them by torchrun") from None
        atexit.register(_leave)
    return Ranks(dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def joined(device: torch.device | str = "auto") -> Iterator[Ranks]:
    """``current`` for the length of a block: a group that is made here is taken down at its end.

    with orn.ranks.joined() as ranks:          # torchrun --nproc-per-node 4 script.py
        ...
    """
    there = dist.is_available() and dist.is_initialized()
    try:
        yield current(device)
    finally:
        if not there:
            _leave()


def own_device(device: torch.device | str = "auto") -> torch.device:
    """The device of this process: under "auto" its own CUDA device where there is one (the first, or under ``torchrun`` number
    LOCAL_RANK), otherwise the CPU. Raises ``InputError`` for an unknown device, and for more processes than devices."""
    if device != "auto":
        try:
            place = torch.device(device)
        except (RuntimeError, TypeError):
            raise InputError(f"device is {device!r}, but must be 'auto', 'cpu', 'cuda' or 'cuda:1' (any number)") from None
        if place.type == "meta":
            raise InputError("device is 'meta', which holds shapes without values: pass 'cpu', 'cuda' or 'auto'")
    elif torch.cuda.is_available():
        place = torch.device("cuda")
    else:
        return torch.device("cpu")
    if place.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device is '{place}', but this machine has no CUDA device that PyTorch can use: pass device='cpu'")
        number = int(os.environ.get("LOCAL_RANK", "0")) if place.index is None else place.index
        if number >= torch.cuda.device_count():
            raise InputError(
                f"device is number {number}, but this machine has {torch.cuda.device_count()}: start at most as many processes "
                "(torchrun --nproc-per-node), or pass device='cpu'"
            )
        return torch.device("cuda", number)
    return place
