"""Guidance: away from what one denoiser says, towards what another says."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance import Sigma
from ornstein.denoisers.base import Denoiser, Posterior
from ornstein.denoisers.network import Network
from ornstein.nets import Condition


@dataclass(frozen=True, eq=False)
class Guided(Denoiser):
    """D = D_u + w (D_c - D_u), from a conditional and an unconditional denoiser (Ho & Salimans 2022, eq. 6, whose weight is w - 1).

    conditional    D_c, that of the signals wanted
    unconditional  D_u, that of all signals, or of a weaker network (autoguidance, Karras et al. 2024, "Guiding a diffusion model with
                   a bad version of itself", eq. 3)
    weight         w: 1 is D_c, 0 is D_u, more than 1 exaggerates the condition
    interval       noise levels low < sigma <= high where w counts; outside it is 1 (Kynkaanniemi et al. 2024, eq. 5). In data scale,
                   for standardised signals

    Its samples have no law in closed form, except between two Gaussians; no posterior covariance is returned.
    Raises ``InputError`` for two event shapes, a weight that is no finite number and an empty interval. Cost: one call of each; where both
    are the same ``Network``, one call with twice the cases, and only what is needed where w is 0 or 1 or sigma is one number outside.
    """

    conditional: Denoiser
    unconditional: Denoiser
    weight: float
    interval: tuple[float, float] = (0.0, math.inf)

    def __post_init__(self) -> None:
        if self.conditional.event_shape != self.unconditional.event_shape:
            raise InputError(
                f"conditional has event shape {self.conditional.event_shape} and unconditional {self.unconditional.event_shape}, "
                "but both must denoise the same signals"
            )
        object.__setattr__(self, "weight", checks.real(self.weight, "weight"))
        low, high = self.interval
        if not 0 <= low < high:
            raise InputError(f"interval is {self.interval}, but must be (low, high) with 0 <= low < high, in units of the noise sigma")

    @property
    def event_shape(self) -> tuple[int, ...]:  # type: ignore[override]  # the base declares an attribute; here it follows from the parts
        """The shape of one signal."""
        return self.conditional.event_shape

    def of_cases(self, first: int, end: int) -> Guided:
        parts = self.conditional.of_cases(first, end), self.unconditional.of_cases(first, end)
        return replace(self, conditional=parts[0], unconditional=parts[1])

    def color(self, z: Tensor) -> Tensor:
        return self.conditional.color(z)

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        low, high = self.interval
        weight: float | Tensor = self.weight
        if isinstance(sigma, Tensor) and (sigma.ndim or sigma.device.type != "cpu"):
            inside = ((sigma > low) & (sigma <= high)).to(x.device)
            weight = torch.ones_like(inside, dtype=x.dtype).masked_fill(inside, self.weight)
            weight = weight.view(-1, *(1,) * (x.ndim - 1)) if weight.ndim else weight
        elif not low < float(sigma) <= high:
            weight = 1.0
        if isinstance(weight, float) and weight in (0.0, 1.0):
            return Posterior((self.conditional if weight else self.unconditional)(x, sigma).mean)
        wanted, general = self._both(x, sigma)
        return Posterior(general + weight * (wanted - general))

    def _both(self, x: Tensor, sigma: Sigma) -> tuple[Tensor, Tensor]:
        """(D_c, D_u), in one call where one network gives both."""
        one, other = self.conditional, self.unconditional
        if not (isinstance(one, Network) and isinstance(other, Network) and _same(one, other)):
            return one(x, sigma).mean, other(x, sigma).mean
        cases = len(x)
        joined = (one.condition or Condition()).joined(other.condition or Condition(), cases)
        level = torch.as_tensor(sigma)
        twice = replace(one, condition=joined, first=0)(torch.cat([x, x]), level.repeat(2) if level.ndim else sigma).mean
        return twice[:cases], twice[cases:]


def guided(denoiser: Denoiser, condition: Condition | None, weight: float = 1.0, *, first: int = 0) -> Denoiser:
    """A denoiser under a condition with guidance ``weight``: ``Denoiser.given`` at 1, ``Guided`` against itself without otherwise.

    ``first`` is the case that the first of many rows of the condition belongs to. Raises ``InputError`` for a weight without a condition.
    """
    weight = checks.real(weight, "guidance")
    if condition is None and weight != 1:
        raise InputError(f"guidance is {weight:g}, but there is no condition to guide towards: give one, or leave guidance out")
    given = denoiser.given(condition, first)
    if condition is None or weight == 1:
        return given
    return Guided(given, denoiser.given(condition.nothing()), weight)


def _same(one: Network, other: Network) -> bool:
    """Whether two networks differ in their condition only."""
    return one.module is other.module and one.preconditioning is other.preconditioning and one.inpaints == other.inpaints
