"""SDE-DPM-Solver++: the multistep solver with noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ornstein.common import checks
from ornstein.samplers.base import Context, Past, Sampler
from ornstein.samplers.dpm_solver import check, extrapolated, moments
from ornstein.samplers.level import Level
from ornstein.samplers.multistep import straight, usable


@dataclass(frozen=True)
class DPMSolverSDE(Sampler):
    """SDE-DPM-Solver++(2M) (Lu et al. 2022b, section 5) and its third-order form (Crowson's k-diffusion), for any schedule.

        x_s = e^(-eta h) (sigma_s / sigma_t) x_t + alpha_s int_0^h (1 + eta) e^((1 + eta)(u - h)) p(u) du + sigma_s sqrt(1 - e^(-2 eta h)) z

    with h and p as in ``DPMSolver``, and z the normalised increment of the run's Brownian path.

    order     2 or 3: how many denoised signals p goes through; the first steps use as many values as there are
    eta       how much noise is renewed: 0 is ``DPMSolver``, 1 the reverse SDE, where the first step is that of ``DDPM``
    integral  as in ``DPMSolver``

    One denoiser call a step. The step to sigma = 0 returns the denoised signal.
    Raises ``InputError`` for another order or integral, and a negative eta.
    """

    order: int = 2
    eta: float = 1.0
    integral: str = "published"

    def __post_init__(self) -> None:
        check(self.order, self.integral)
        checks.positive(self.eta, "eta", zero=True)

    @property
    def memory(self) -> int:
        return self.order - 1

    @property
    def deterministic(self) -> bool:
        return self.eta == 0

    def step(self, context: Context, x: Tensor, now: Level, then: Level) -> Tensor:
        clean = context.clean(x, now)
        earlier = usable(context.past, now, then, self.memory)
        context.past.appendleft(Past(now, clean))
        kept = (then.noise / now.noise) ** self.eta if self.eta else 1.0
        moved = straight(x, clean, now, then, kept)
        if earlier:
            h = then.half - now.half
            moved = extrapolated(moved, clean, earlier, now, then, moments((1 + self.eta) * h, self.order, self.integral))
        added = then.sigma * math.sqrt((1 - kept) * (1 + kept))
        return moved.add_(context.increment(now, then), alpha=added) if added > 0 else moved
