"""Gradients that are too long are shortened."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ornstein.training.distributed import split, whole


def clipped(parameters: Sequence[nn.Parameter], longest: float) -> Tensor:
    """The norm of all gradients together; where it is above ``longest``, they are multiplied by longest / (norm + 1e-6), in place.

    What ``nn.utils.clip_grad_norm_`` does, which also does it elsewhere. Of a small network on a processor it takes three small
    operations for each parameter; here one copies the gradients into a row, and most steps need no other. Looking at the norm would
    make an accelerator wait, so there it is not looked at.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients or any(g.device.type != "cpu" or split(g) for g in gradients):
        return whole(nn.utils.clip_grad_norm_(parameters, longest))
    norm: Tensor = torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients]))
    share = longest / (float(norm) + 1e-6)
    if share < 1:
        torch._foreach_mul_(gradients, share)
    return norm
