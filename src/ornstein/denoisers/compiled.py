"""A denoiser whose call is one compiled graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ornstein.covariance import Sigma
from ornstein.denoisers.base import Denoiser, Posterior
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture


class Compiled(Denoiser):
    """``inner`` through ``torch.compile``: the same means, the operations of a call fused into few kernels.

    An option for networks, where the overhead of many small kernels counts; analytic laws gain nothing. ``mode`` is that of
    ``torch.compile`` ("reduce-overhead" records a CUDA graph), ``backend`` its compiler. The noise level enters as a tensor, so
    that a new level is no new graph; a new number of cases is one. The first call of each shape takes seconds to a minute.
    Only the mean is returned, without the posterior covariance. A denoiser with a condition for every case is traced again for
    every batch of a run: compile its module instead, ``Network.of(torch.compile(module), ...)``.
    """

    def __init__(self, inner: Denoiser, mode: str | None = None, backend: str | Callable[..., Any] = "inductor") -> None:
        self.inner, self.event_shape = inner, inner.event_shape
        self._how = mode, backend
        self._mean = torch.compile(lambda x, sigma: inner(x, sigma).mean, mode=mode, backend=backend)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        # a CUDA graph writes every answer to the same memory, which the next call overwrites: multistep methods keep answers
        return Posterior(self._mean(x, torch.as_tensor(sigma, dtype=x.dtype, device=x.device)).clone())

    @property
    def reference(self) -> Gaussian | None:
        return self.inner.reference

    @property
    def guide(self) -> Gaussian | Mixture | None:
        return self.inner.guide

    def of_cases(self, first: int, end: int) -> Compiled:
        inner = self.inner.of_cases(first, end)
        return self if inner is self.inner else Compiled(inner, *self._how)

    def color(self, z: Tensor) -> Tensor:
        return self.inner.color(z)
