"""Weighted sums over a large set of points, visited in chunks with a running log-sum-exp: memory does not grow with n."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance import Diagonal, Operator, Spectral

_CHUNK_NUMBERS = 1 << 22
"""Numbers per work array of one chunk: 32 MiB in float64."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points (n, k), kept in their own type and read as float64, with log-weights (n,) or (*batch, n).

    Every method takes queries w (..., k) and variances v (k,) or (..., k), and weighs point i by
    exp(log w_i - 1/2 (w - p_i)^T v^-1 (w - p_i)).
    """

    points: Tensor
    log_weights: Tensor

    def chunks(self, rows: int) -> Iterator[tuple[slice, Tensor]]:
        """The points, so many at a time that (rows, chunk) and (chunk, k) arrays stay small."""
        n, k = self.points.shape
        length = max(64, _CHUNK_NUMBERS // max(rows, k))
        for start in range(0, n, length):
            part = slice(start, start + length)
            yield part, self.points[part].to(torch.float64)

    def logits(self, w: Tensor, v: Tensor, part: slice, p: Tensor) -> Tensor:
        """The log-weights of one chunk, (..., chunk), by one matrix product."""
        scaled = w / v
        squares = (p**2) @ (1 / v) if v.ndim == 1 else (1 / v) @ (p**2).T
        return self.log_weights[..., part] + scaled @ p.T - 0.5 * (squares + (w * scaled).sum(-1, keepdim=True))

    def average(self, w: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """(log of the summed weights (...), weighted mean of the points (..., k)); one pass."""
        top = torch.full(w.shape[:-1], torch.finfo(torch.float64).min, dtype=torch.float64)
        total, mean = torch.zeros_like(top), torch.zeros_like(w)
        for part, p in self.chunks(math.prod(w.shape[:-1])):
            logits = self.logits(w, v, part, p)
            raised = torch.maximum(top, logits.amax(-1))
            rescale, weights = torch.exp(top - raised), _exp(logits - raised.unsqueeze(-1))
            total = total * rescale + weights.sum(-1)
            mean = mean * rescale.unsqueeze(-1) + weights @ p
            top = raised
        return top + total.log(), mean / total.unsqueeze(-1)

    def choose(self, w: Tensor, v: Tensor, u: Tensor) -> Tensor:
        """The point (...) at which the cumulative share of the weights reaches u (...) in (0, 1]; two passes.

        It is the last one with a share of its own that begins below u, so rounding never picks a point of weight 0.
        """
        log_total, _ = self.average(w, v)
        left, chosen = u.clone(), torch.zeros_like(u, dtype=torch.int64)
        for part, p in self.chunks(math.prod(w.shape[:-1])):
            share = _exp(self.logits(w, v, part, p) - log_total.unsqueeze(-1))
            reached = share.cumsum(-1)
            begun = (reached - share < left.unsqueeze(-1)) & (share > 0)
            index = torch.arange(part.start, part.start + len(p), device=p.device)
            chosen = torch.maximum(chosen, torch.where(begun, index, 0).amax(-1))
            left = left - reached[..., -1]
        return chosen


def _exp(logits: Tensor) -> Tensor:
    """exp, with 0 below exp(-600): denormal weights would change no digit and make the next matrix product 7 times slower."""
    return torch.exp(logits.masked_fill(logits < -600, -torch.inf))


class KernelPosterior(Operator):
    """Cov[x_0 | x] of a kernel density: within + outside Scatter outside, in the eigenbasis of its kernel.

    The weights of the scatter are computed again, chunk by chunk, for every product: memory O(chunk), cost 4 n d flops a case.
    """

    def __init__(self, basis: Spectral, cloud: Cloud, query: tuple[Tensor, Tensor], outside: Tensor, within: Tensor) -> None:
        self.basis, self.cloud, self.outside, self.within = basis, cloud, outside, within
        self.w, self.v = query
        self.log_total, self.mean = cloud.average(self.w, self.v)
        self.size = basis.size

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(self.w.shape[:-1])

    def _weighted(self) -> Iterator[tuple[Tensor, Tensor]]:
        for part, p in self.cloud.chunks(math.prod(self.w.shape[:-1])):
            yield _exp(self.cloud.logits(self.w, self.v, part, p) - self.log_total.unsqueeze(-1)), p

    def __matmul__(self, x: Tensor) -> Tensor:
        u = self.basis.rotate(x)
        inner = self.outside * u
        scattered = torch.zeros_like(inner)
        for weights, p in self._weighted():
            scattered = scattered + (weights * (inner @ p.T)) @ p
        scattered = scattered - self.mean * (self.mean * inner).sum(-1, keepdim=True)
        return self.basis.unrotate(self.within * u + self.outside * scattered)

    def diagonal(self) -> Tensor:
        if not isinstance(self.basis, Diagonal):
            return super().diagonal()
        second = sum((weights @ p**2 for weights, p in self._weighted()), torch.zeros_like(self.mean))
        return self.within + self.outside**2 * (second - self.mean**2).clamp_min(0)
