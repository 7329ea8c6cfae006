"""Log-densities of all windows of a recording, which is read once and never cut."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ornstein.covariance import Autoregressive, Spectral
from ornstein.covariance.rows import by_rows
from ornstein.covariance.sliding import Filter, along
from ornstein.denoisers import Gaussian, Law, Mixture

Blocks: TypeAlias = Callable[[Tensor], Tensor]
"""log p (windows,) of a block x (channel, time)."""

BLOCK = 1 << 16
"""Samples by which a block of windows moves on: half a megabyte an array, and FFTs of a length that is mostly used."""

TOGETHER = 1 << 17
"""Numbers of the windows that are made at once, where no structure spares them: a megabyte, which stays in a cache."""

SPARSE = 4
"""Windows that share so many samples with others, or fewer, are made: each is read at once, where filters find all between as well."""


def together(hop: int) -> int:
    """How many windows, one every ``hop`` samples, make a block."""
    return max(1, BLOCK // hop)


def log_prob_windows(law: Law, x: Tensor, hop: int = 1) -> Tensor:
    """log p of the windows of x (channel, time) that begin at 0, hop, 2 hop, ..., (windows,), in nats; float64, any law.

    See ``Windows``, which keeps what depends on the law alone.
    """
    return Windows(law, len(x), hop)(x)


class Windows:
    """Log-densities of the windows of recordings (channel, time) under one law, one every ``hop`` samples, prepared.

    A block of windows depends on its samples alone, so the numbers are the same however a recording is passed on block by block (each
    from a multiple of ``together(hop)`` windows). Cost: see ``covariance.sliding``; windows of laws without structure, and those that
    share few samples, are made, and scored in parts. Memory: some arrays of the size of x.
    """

    def __init__(self, law: Law, channels: int, hop: int = 1) -> None:
        self.times, self.hop = law.event_shape[-1], hop
        self._block = _prepared(law, channels, hop)

    def __call__(self, x: Tensor) -> Tensor:
        """log p (windows,) in nats of x (channel, time), float64."""
        times, hop = self.times, self.hop
        many = (x.shape[-1] - times) // hop + 1
        out = []
        for start in range(0, many, block := together(hop)):
            end = min(start + block, many)
            out.append(self._block(x[:, start * hop : (end - 1) * hop + times]))
        return torch.cat(out)


def _prepared(law: Law, channels: int, hop: int) -> Blocks:
    parts = law.components if isinstance(law, Mixture) else [law]
    if law.batch_shape or not all(isinstance(one, Gaussian) and one.operator.rank() == one.size for one in parts):
        return _made(lambda rows: law.log_prob(rows.view(len(rows), *law.event_shape)), law, hop)
    forms = [_gaussian(one, channels, hop) for one in parts if isinstance(one, Gaussian)]
    if not isinstance(law, Mixture):
        return forms[0]
    return lambda x: torch.logsumexp(law.log_weights.unsqueeze(-1) + torch.stack([form(x) for form in forms]), 0)


def _gaussian(law: Gaussian, channels: int, hop: int) -> Blocks:
    """-1/2 ((x - mu)^T Sigma^-1 (x - mu) + log det Sigma + d log 2 pi); what of mu changes in time comes off by one filter."""
    operator, times = law.operator, law.event_shape[-1]
    constant = -0.5 * (float(operator.logdet()) + law.size * math.log(2 * math.pi))
    form = along(operator, channels, times) if hop * SPARSE < times else None
    if form is None:
        quadratic, mean = by_rows(operator), law.mean().flatten()
        return _made(lambda rows: quadratic(rows.sub_(mean)).mul_(-0.5).add_(constant), law, hop)
    mean = law.mean().view(channels, times)
    level = mean.mean(1, keepdim=True)
    rest = mean - level
    if not bool(rest.any()):
        return lambda x: form(x - level).mul_(-0.5).add_(constant)[::hop]
    assert isinstance(operator, Spectral | Autoregressive)
    kernel = operator.solve(rest.flatten()).view_as(rest)
    drift = Filter(kernel)
    constant -= 0.5 * float((rest * kernel).sum())

    def block(x: Tensor) -> Tensor:
        x = x - level
        moved = drift(x)[0]
        return form(x).mul_(-0.5).add_(moved[0] if len(moved) == 1 else moved.sum(0)).add_(constant)[::hop]

    return block


def _made(density: Blocks, law: Law, hop: int) -> Blocks:
    """By windows that are made a few at a time, (window, d)."""
    rows, times = max(1, TOGETHER // law.size), law.event_shape[-1]

    def block(x: Tensor) -> Tensor:
        windows = x.unfold(-1, times, hop).transpose(0, 1)
        return torch.cat([density(part.clone(memory_format=torch.contiguous_format).view(len(part), -1)) for part in windows.split(rows)])

    return block
