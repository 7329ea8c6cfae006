"""Small parts that several networks share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ornstein.common.checks import count

Layer = TypeVar("Layer", bound=nn.Linear | nn.Conv1d | nn.Conv2d)


FUSED = 128
"""Tokens. Measured on one core, forward and backward: the fused kernel is no faster with 64 of them, 3 to 5 times with 256."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Parameters made inside depend on ``seed`` alone and lie on the CPU; the global generator is left as it was."""
    count(seed, "seed", at_least=0)
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed every accelerator
    try:
        with torch.device("cpu"):
            yield
    finally:
        torch.set_rng_state(state)


def zeroed(layer: Layer) -> Layer:
    """The layer with all its parameters 0: a branch that starts switched off."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def unit(layer: nn.Linear) -> nn.Linear:
    """The layer with weights N(0, 1 / inputs) and no offset: features of unit variance stay so."""
    nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    nn.init.zeros_(layer.bias)
    return layer


def modulate(h: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """(1 + scale) h + shift, for parameters that already broadcast to h (FiLM, Perez et al. 2018, eq. 2)."""
    return torch.addcmul(h + shift, h, scale)


def modulated_norm(h: Tensor, norm: nn.GroupNorm, shift: Tensor, scale: Tensor) -> Tensor:
    """(1 + scale) norm(h) + shift for h (case, channel, *spatial), a norm without weights of its own, shift and scale (case, channel).

    On a processor in one operation, 5/8 of the time: with the channels of all cases one behind the other, what belongs to a case and a
    channel are the weights of a norm. Then the number of groups depends on that of the cases, which a program for any number must not.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # not in the stubs
    if h.device.type != "cpu" or not len(h) or traced:
        spatial = (..., *(None,) * (h.ndim - 2))
        return modulate(norm(h), shift[spatial], scale[spatial])
    row = h.reshape(1, -1, *h.shape[2:])
    return F.group_norm(row, len(h) * norm.num_groups, (1 + scale).flatten(), shift.flatten(), norm.eps).view(h.shape)


def groups(channels: int) -> int:
    """How many groups a GroupNorm gets: as many as divide the channels, at most 32, with at least 4 channels each.

    In a smaller group, a signal that has shrunk to length 1 would be normalised to a few signs.
    """
    return max(g for g in range(1, 33) if channels % g == 0 and (g == 1 or channels // g >= 4))


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k' / sqrt(width)) v for (..., token, width) (Vaswani et al. 2017, eq. 1).

    From 128 tokens on by the fused kernel. It has no forward derivative, so there the plain formula takes over again; for a
    second reverse derivative, call the network under ``torch.nn.attention.sdpa_kernel(SDPBackend.MATH)``.
    """
    if k.shape[-2] < FUSED:
        return _plain(q, k, v)
    if torch.compiler.is_compiling():
        return F.scaled_dot_product_attention(q, k, v)
    try:
        return F.scaled_dot_product_attention(q, k, v)
    except NotImplementedError:
        return _plain(q, k, v)


def _plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, -1) @ v
