"""The Gaussian law in closed form: any step, of any length, without error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Spectral
from ornstein.denoisers import Denoiser, Gaussian
from ornstein.samplers.base import Context, Sampler
from ornstein.samplers.level import Level


@dataclass(frozen=True)
class Exact(Sampler):
    """Mode by mode, with V_t = alpha_t^2 lambda + sigma_t^2 and w the coordinates of x_t - alpha_t mu:

        flow         w_s = w_t sqrt(V_s / V_t)                                           (probability-flow ODE)
        transition   w_s ~ N(alpha_ts V_s / V_t w_t,  V_s sigma_ts^2 / V_t)              (``stochastic=True``)

    No denoiser call and no error in any number of steps. For a ``Gaussian`` with a spectral covariance only.
    """

    stochastic: bool = False

    @property
    def deterministic(self) -> bool:
        return not self.stochastic

    def leave(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        """Along the flow as every step; null modes stay at their mean."""
        return self.step(context, x, now, then)

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        mean, operator = _gaussian(context.denoiser)
        v_now = now.alpha**2 * operator.eigenvalues + now.sigma**2
        v_then = then.alpha**2 * operator.eigenvalues + then.sigma**2
        ratio = torch.where(v_now > 0, v_then / torch.where(v_now > 0, v_now, 1.0), (then.alpha / now.alpha if now.alpha else 1.0) ** 2)
        w = operator.rotate((x - now.alpha * mean.to(x)).flatten(-len(context.denoiser.event_shape)).to(torch.float64))
        if self.stochastic:
            scale, deviation = (float(c) for c in context.process.transition(then.t, now.t))
            z = operator.rotate(context.increment(now, then).flatten(-len(context.denoiser.event_shape)).to(torch.float64))
            w = scale * ratio * w + deviation * ratio.sqrt() * z
        else:
            w = ratio.sqrt() * w
        return operator.unrotate(w).reshape(x.shape).to(x) + then.alpha * mean.to(x)


def _gaussian(denoiser: Denoiser) -> tuple[Tensor, Spectral]:
    if isinstance(denoiser, Gaussian) and isinstance(denoiser.operator, Spectral):
        return denoiser.mean(), denoiser.operator
    kind = type(denoiser).__name__
    raise InputError(f"sampler Exact needs a Gaussian law with a known eigenbasis, but the denoiser is {kind}: use DDIM or Heun")
