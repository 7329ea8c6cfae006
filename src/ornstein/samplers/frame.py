"""A Gaussian law in the eigenbasis of its covariance: rotate once before the run and once after, and no step multiplies a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Diagonal, Spectral
from ornstein.denoisers import Denoiser, Gaussian
from ornstein.samplers.base import Sampler, Source
from ornstein.samplers.level import Level
from ornstein.schedules import Schedule

TILE = 128
"""Rows of one matrix product of an analytic law. A product rounds differently for 1 row and for 64, so every product of a law
has exactly this many, aligned by case number, and a sample is bit-identical in a batch of 1, of 64 and of 10000. For a mixture of 8
to 20 in d = 64 this costs 1.6 to 1.9 times the time of a single case, and of 1024 cases 1.6 times on one thread and 3.0 on two, since
small products do not fill a second one."""


@dataclass(frozen=True)
class Frame:
    """Coordinates w = U^T x, in which the forward noise stays white: the signal of a run there is ``out`` of its last state."""

    denoiser: Gaussian
    basis: Spectral
    signal: tuple[int, ...]

    @classmethod
    def of(cls, denoiser: Denoiser, sampler: Sampler) -> Frame | None:
        """The frame of a Gaussian law with a square basis that is not the identity; None where there is nothing to gain."""
        operator = denoiser.operator if isinstance(denoiser, Gaussian) else None
        if not isinstance(denoiser, Gaussian) or not isinstance(operator, Spectral) or isinstance(operator, Diagonal):
            return None
        if denoiser.batch_shape or operator.batch_shape or operator.eigenvalues.shape[-1] != operator.size or sampler.bound:
            return None
        mean = operator.rotate(denoiser.mean().reshape(-1))
        return cls(Gaussian(mean, Diagonal(operator.eigenvalues)), operator, denoiser.event_shape)

    def into(self, x: Tensor) -> Tensor:
        """Signals (case, *event) as coordinates (case, d)."""
        return torch.cat([self.basis.rotate(part.flatten(1).to(torch.float64)) for part in x.split(TILE)]).to(x)

    def out(self, w: Tensor) -> Tensor:
        """Coordinates back to signals."""
        return torch.cat([self.basis.unrotate(part.to(torch.float64)) for part in w.split(TILE)]).to(w).reshape(len(w), *self.signal)

    def start(self, schedule: Schedule, t: float, noise: Noise, cases: int) -> Tensor:
        """Draws of x_t in these coordinates: those of ``sampling.start``, mean and deviations put on after the rotation."""
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        white = self.into(noise.normal(cases, self.signal))
        return alpha * self.denoiser.mean() + (alpha**2 * self.basis.eigenvalues + sigma**2).sqrt() * white


@dataclass(frozen=True)
class Turned:
    """The noise of the signals, seen in the frame: a sample is the same with a frame and without."""

    inner: Source
    frame: Frame

    def increment(self, now: Level, then: Level) -> Tensor:
        return self.frame.into(self.inner.increment(now, then))

    def fresh(self, step: int, use: int) -> Tensor:
        return self.frame.into(self.inner.fresh(step, use))
