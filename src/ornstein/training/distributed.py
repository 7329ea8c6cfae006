"""A network on several devices: a copy on each, or a part of every weight on each."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist

from ornstein.common.errors import InputError, RunError, unknown_name
from ornstein.common.ranks import Ranks

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

PARALLEL = ("auto", "ddp", "fsdp")


class Whole(nn.Module):
    """A module whose answer is a tensor of its own: FSDP warns of views, and ends and starts its work at the module it is given."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *arguments: object) -> Tensor:
        out: Tensor = self.module(*arguments)
        return out.clone()


class Spread(NamedTuple):
    """A module that several processes train."""

    own: nn.Module
    """Holds the weights of this process, all or its part of each, under their own names below ``bare``."""
    called: nn.Module
    """What a training step calls: its gradients are the mean over the processes."""


def spread(module: nn.Module, ranks: Ranks, parallel: str = "auto") -> Spread:
    """A module as all processes train it together, starting from the weights of process 0.

    parallel  "ddp"   every process has all weights, and gradients are averaged while they are computed (``DistributedDataParallel``)
              "fsdp"  every process has 1 / count of weights, gradients, averages and optimiser (``fully_shard``); the parts of one
                      block come together when it is called. For networks that do not fit on one device; slower where they do
              "auto"  "ddp" for several processes; a single one has nothing to share

    Gradients are means over processes, so each must scale its share of a sum by their number. "fsdp" splits the root and every
    entry of a ``ModuleList``; it works on a copy and leaves the module as it is. Raises ``InputError`` for another word, and for
    "fsdp" without a process group.
    """
    if parallel not in PARALLEL:
        raise unknown_name("parallel", parallel, PARALLEL)
    device = next(module.parameters()).device
    if parallel == "fsdp":
        own = _sharded(module, device, ranks)
        return Spread(own, own)
    if ranks.count == 1:
        return Spread(module, module)
    return Spread(module, nn.parallel.DistributedDataParallel(module, [device.index] if device.type == "cuda" else None))


def collect(spread: nn.Module, module: nn.Module) -> None:
    """All weights and buffers of ``Spread.own`` into the module that was spread, on every process."""
    found = bare(spread).state_dict(keep_vars=True)
    with torch.no_grad():
        for name, own in module.state_dict(keep_vars=True).items():
            if own is not found[name]:
                own.copy_(whole(found[name]))


def bare(module: nn.Module) -> nn.Module:
    """The module inside ``Whole``: the names of its weights do not depend on how it is spread."""
    return module.module if isinstance(module, Whole) else module


def split(x: Tensor) -> bool:
    """Whether every process holds a part of a tensor: a ``DTensor``, without loading what defines it."""
    return hasattr(x, "full_tensor")


def whole(x: Tensor) -> Tensor:
    """All of a tensor of which this process may hold a part. All processes must call it."""
    return cast("DTensor", x).full_tensor() if split(x) else x


def placed(value: Tensor, like: Tensor) -> Tensor:
    """A value on the device of another tensor, and split as it is; every process has the whole value, or its part already."""
    if split(like) and not split(value):
        from torch.distributed.tensor import distribute_tensor

        there = cast("DTensor", like)
        return distribute_tensor(value.to(like.device), there.device_mesh, there.placements, src_data_rank=None)
    return value.to(like.device)


def _sharded(module: nn.Module, device: torch.device, ranks: Ranks) -> nn.Module:
    if not (dist.is_available() and dist.is_initialized()):
        raise InputError('parallel is "fsdp", which needs several processes: start the script with torchrun --nproc-per-node 2')
    from torch.distributed.device_mesh import init_device_mesh

    try:
        from torch.distributed.fsdp import fully_shard
    except ImportError:
        raise RunError(f'parallel="fsdp" needs a later PyTorch than {torch.__version__}: install 2.9 or later') from None
    module = copy.deepcopy(module)
    for value in (*module.parameters(), *module.buffers()):
        dist.broadcast(value.detach(), 0)
    mesh = init_device_mesh(device.type, (ranks.count,))
    for part in reversed(list(module.modules())):  # what lies within comes first
        for block in part if isinstance(part, nn.ModuleList) else ():
            if not isinstance(block, nn.ModuleList | nn.ModuleDict):
                fully_shard(block, mesh=mesh)
    root = Whole(module)
    # by default the root would keep its whole weights after a call without a backward pass, and not see those put there since
    fully_shard(root, mesh=mesh, reshard_after_forward=True)
    return root
