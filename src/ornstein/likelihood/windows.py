"""Log-densities of all windows of a recording, which is read once and never cut."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.covariance import Autoregressive, Spectral
from ornstein.covariance.sliding import TOGETHER, correlated, quadratic
from ornstein.denoisers import Gaussian, Law, Mixture

BLOCK = 1 << 16
"""Samples by which a block of windows moves on: half a megabyte an array, and FFTs of a length that is mostly used."""


def by_structure(law: Law) -> bool:
    """Whether windows of this law are scored by structure or products, not by its ``log_prob`` one by one."""
    parts = law.components if isinstance(law, Mixture) else [law]
    return not law.batch_shape and all(isinstance(one, Gaussian) and one.operator.rank() == one.size for one in parts)


def together(hop: int) -> int:
    """How many windows, one every ``hop`` samples, make a block."""
    return max(1, BLOCK // hop)


def log_prob_windows(law: Law, x: Tensor, hop: int = 1) -> Tensor:
    """log p of the windows of x (channel, time) that begin at 0, hop, 2 hop, ..., (windows,), in nats; float64, any law.

    A block of windows depends on its samples alone, so the numbers are the same however a recording is passed on block by block (each
    from a multiple of ``together(hop)`` windows). Cost: see ``covariance.sliding``; laws without structure have their windows made, and
    scored in parts. Memory: some arrays of the size of x.
    """
    times = law.event_shape[-1]
    many = (x.shape[-1] - times) // hop + 1
    out = []
    for start in range(0, many, block := together(hop)):
        end = min(start + block, many)
        out.append(_block(law, x[:, start * hop : (end - 1) * hop + times], hop))
    return torch.cat(out)


def _block(law: Law, x: Tensor, hop: int) -> Tensor:
    if by_structure(law):
        if isinstance(law, Mixture):
            parts = torch.stack([_gaussian(one, x) for one in law.components])
            return torch.logsumexp(law.log_weights.unsqueeze(-1) + parts, 0)[::hop]
        assert isinstance(law, Gaussian)
        return _gaussian(law, x)[::hop]
    windows = x.unfold(-1, law.event_shape[-1], hop).transpose(0, 1)
    parts = windows.split(max(1, TOGETHER // law.size))
    return torch.cat([law.log_prob(part.reshape(len(part), *law.event_shape)) for part in parts])


def _gaussian(law: Gaussian, x: Tensor) -> Tensor:
    """-1/2 ((x - mu)^T Sigma^-1 (x - mu) + log det Sigma + d log 2 pi); what of mu changes in time comes off by one filter."""
    times = law.event_shape[-1]
    mean = law.mean().view(len(x), times)
    level = mean.mean(1, keepdim=True)
    rest, operator = mean - level, law.operator
    x = x - level
    q = quadratic(operator, x, times)
    if bool(rest.any()):
        if isinstance(operator, Spectral | Autoregressive):
            kernel = operator.solve(rest.flatten()).view_as(rest)
            q = q - 2 * correlated(x, kernel)[0].sum(0) + (rest * kernel).sum()
        else:
            return _by_window(law, x + level)
    return -0.5 * (q + operator.logdet() + law.size * math.log(2 * math.pi))


def _by_window(law: Gaussian, x: Tensor) -> Tensor:
    """For a covariance of which only products are known."""
    windows = x.unfold(-1, law.event_shape[-1], 1).transpose(0, 1)
    parts = windows.split(max(1, TOGETHER // law.size))
    return torch.cat([law.log_prob(part.reshape(len(part), *law.event_shape)) for part in parts])
