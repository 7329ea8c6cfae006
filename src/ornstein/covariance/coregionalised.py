"""Sums of separable kernels: the law of irregular, multivariate series, fitted to what was observed of them.

    Cov(x_ct, x_c't') = sum_j (F_j F_j^T)_cc' k_j(t, t') + nugget_c delta_cc' delta_tt'

the linear model of coregionalisation (Journel and Huijbregts 1978; Alvarez, Rosasco and Lawrence 2012, section 4.2) with kernels that
are constant, k = 1 (the level of a case), Ornstein-Uhlenbeck, exp(-|t - t'| / tau), with two time constants, and white.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance.base import refuse_dense
from ornstein.covariance.missing_blocks import Conditional

PASSES, BATCH, STEPS = 6, 100, 200
"""Passes over the cases in batches, and the least number of steps."""
_RATE = 0.03
_SHARES = (0.3, 0.3, 0.2, 0.15)
_NUGGET = 0.05
_STREAM = 4 << 20


@dataclass(frozen=True)
class Coregionalised:
    """The parameters, for values in the units of the data.

    levels     (channel,)                  mean of every channel
    factors    (4, channel, channel)       F of the constant, slow, fast and white kernel
    reaches    (2,)                        time constants of the slow and the fast kernel, in samples
    nugget     (channel,)                  variance of its own in every value
    """

    levels: Tensor
    factors: Tensor
    reaches: Tensor
    nugget: Tensor

    def kernels(self, length: int) -> Tensor:
        """k_j at all pairs of ``length`` times, (4, length, length)."""
        time = torch.arange(length, dtype=torch.float64)
        lag = (time.unsqueeze(1) - time).abs()
        return torch.stack([torch.ones_like(lag), *(torch.exp(-lag / r) for r in self.reaches), torch.eye(length, dtype=torch.float64)])

    def matrix(self, length: int) -> Tensor:
        """The covariance (channel * length, channel * length) of a window."""
        couplings = self.factors @ self.factors.mT
        summed = torch.einsum("jab,jts->atbs", couplings, self.kernels(length))
        own = self.nugget.unsqueeze(1).expand(-1, length).flatten()
        return summed.reshape(len(own), len(own)) + torch.diag(own)

    def mean(self, length: int) -> Tensor:
        """The mean (channel * length,) of a window."""
        return self.levels.unsqueeze(1).expand(-1, length).flatten()

    @property
    def numbers(self) -> int:
        """How many free numbers the covariance holds: four symmetric couplings, two time constants and the nuggets."""
        channels = len(self.levels)
        return channels * (2 * channels + 3) + len(self.reaches)


def likelihood_gradient(x: Tensor, mean: Tensor, matrix: Tensor) -> tuple[float, Tensor, Tensor]:
    """-log p of what x (case, d) observed, summed, and its gradients by mean (d,) and covariance (d, d), in closed form.

        d/dSigma = 1/2 sum_i P_i^T (S_i^-1 - a_i a_i^T) P_i,     d/dmu = -sum_i P_i^T a_i,     a_i = S_i^-1 (x_i - mu)_seen

    with S_i the block of Sigma that case i saw. Cost: a Cholesky factor and an inverse of every block.
    """
    seen = ~torch.isnan(x)
    law = Conditional(mean, matrix)
    r, size = law.residual(x, seen), law.size
    inverses, pulled, level = torch.zeros_like(matrix), torch.zeros_like(r), seen.to(x) @ (2 * law.scale.log() + math.log(2 * math.pi))
    for block in law.seen_blocks(seen):
        chosen = block.pick(r[block.cases])
        solved = block.solve(chosen)
        pulled[block.cases] = block.spread(solved, size)
        inverses += block.inverses(size)
        level[block.cases] += (chosen * solved).sum(1) + block.logdet()
    outer = torch.outer(law.scale, law.scale)
    return 0.5 * float(level.sum()), -pulled.sum(0) / law.scale, 0.5 * (inverses - pulled.T @ pulled) / outer


def fit_coregionalised(x: Tensor, *, seed: int = 0, progress: Callable[[str], None] | None = None) -> Coregionalised:
    """Maximum likelihood on the observed values of x (case, channel, time) by Adam (Kingma and Ba 2015) over minibatches of 100 cases.

    Six passes, or 200 steps where cases are few; time constants start at two thirds and a tenth of the window. Cases without a value
    say nothing and are left out. Cost per pass: see ``likelihood_gradient``; a case that saw k values takes k^3 operations.
    Raises ``InputError`` for a channel without any value.
    """
    channels, length = x.shape[1:]
    refuse_dense(channels * length, "a coregionalised covariance")
    empty = torch.isnan(x).all(2).all(0).nonzero()[:, 0]
    if len(empty):
        raise InputError(f"channel {int(empty[0])} of x has no observed value: drop it")
    centre = x.nanmean((0, 2)).view(-1, 1)
    deviation = (x - centre).square().nanmean((0, 2)).sqrt().view(-1, 1)
    scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    u = ((x - centre) / scale).flatten(1)
    u = u[(~torch.isnan(u)).any(1)]
    begin = torch.stack([math.sqrt(share) * torch.eye(channels, dtype=torch.float64) for share in _SHARES])
    begin = begin + 0.02 * Noise(seed).normal(4, (channels, channels), _STREAM)
    reaches = torch.tensor([2 * length / 3, max(length / 10, 1.0)], dtype=torch.float64).log()
    free = [torch.zeros(channels, dtype=torch.float64), begin, reaches, torch.full((channels,), math.log(_NUGGET), dtype=torch.float64)]
    for part in free:
        part.requires_grad_()
    batches = -(-len(u) // BATCH)
    steps = max(PASSES * batches, STEPS)
    optimiser = torch.optim.Adam(free, lr=_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 0.5 * (1 + math.cos(math.pi * k / steps)))
    for step in range(steps):
        if step % batches == 0:
            order = Noise(seed).uniform(1, (len(u),), _STREAM + 1 + step)[0].argsort()
        some = u[order[step % batches :: batches]]
        law = _law(free)
        mean, matrix = law.mean(length), law.matrix(length)
        level, by_mean, by_matrix = likelihood_gradient(some, mean.detach(), matrix.detach())
        count = int((~torch.isnan(some)).sum())
        optimiser.zero_grad()
        torch.autograd.backward([mean, matrix], [by_mean / count, by_matrix / count])
        optimiser.step()
        schedule.step()
        if progress is not None and (step + 1) % batches == 0:
            progress(f"coregionalised: step {step + 1} of {steps}, {level / count:.3f} nats per value")
    law = _law([part.detach() for part in free])
    flat = scale.squeeze(1)
    return Coregionalised(centre.squeeze(1) + flat * law.levels, flat.view(1, -1, 1) * law.factors, law.reaches, flat**2 * law.nugget)


def _law(free: list[Tensor]) -> Coregionalised:
    levels, factors, reaches, nugget = free
    return Coregionalised(levels, factors, reaches.exp(), nugget.exp())
