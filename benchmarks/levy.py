"""Lévy processes: their increments, the denoiser of these, and a Gibbs sampler of what was measured.

Every law here is a normal one of random variance v, so that D is a sum over v and Gibbs sampling takes turns between increments and
variances (the design of Bohra et al. 2023 and Zach et al. 2025).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ornstein.denoisers import Denoiser, Posterior

SIZE, NOISE = 64, 1.0
SWEEPS, BURN_IN = 2500, 500
RARE, FREEDOM = 0.1, 3.0
LAWS = ("Gaussian", "Laplace", "Bernoulli-Laplace", "Student-t")


def atom(law: str) -> float:
    """The share of increments that are 0."""
    return 1 - RARE if law == "Bernoulli-Laplace" else 0.0


def width(law: str) -> float:
    """The scale b of Laplace jumps; all laws but Student-t's have variance 1."""
    return math.sqrt(0.5 if law == "Laplace" else 0.5 / RARE)


def variances(law: str) -> tuple[Tensor, Tensor]:
    """(v, its probability) on a grid even in log v, on which sums of smooth functions are integrals."""
    if law == "Gaussian":
        return torch.ones(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    t = torch.linspace(-16, 16, 321, dtype=torch.float64)
    v = t.exp()
    chi_square, exponential = torch.exp(-0.5 * FREEDOM * (t + 1 / v)), v * torch.exp(-v / (2 * width(law) ** 2))
    share = chi_square if law == "Student-t" else exponential  # of v = FREEDOM / chi-square, and of one of mean 2 b^2
    share = (1 - atom(law)) * share / share.sum()
    return torch.cat([v, v.new_zeros(1)]), torch.cat([share, share.new_tensor([atom(law)])])


class Increments(Denoiser):
    """E[u | u + sigma z] of independent entries, tabulated for every sigma on a grid that is as fine as sigma where the law is."""

    def __init__(self, law: str) -> None:
        self.event_shape = (SIZE,)
        self.variances, self.shares = variances(law)
        self.tables: dict[float, Tensor] = {}

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        level = float(sigma)
        top = math.asinh(1e3 * (1 + 1 / level))
        if level not in self.tables:
            self.tables[level] = self._shrinkage(level * torch.linspace(-top, top, 4001, dtype=torch.float64).sinh(), level)
        at = ((torch.asinh(x / level) / top + 1) * 2000).clamp(0, 3999.999)
        left, table = at.long(), self.tables[level]
        return Posterior(x * torch.lerp(table[left], table[left + 1], at - left))

    def _shrinkage(self, x: Tensor, sigma: float) -> Tensor:
        """D(x) / x = E[v / (v + sigma^2) | x]."""
        total = self.variances + sigma**2
        density = self.shares.log() - 0.5 * total.log() - 0.5 * x.square().unsqueeze(1) / total
        found: Tensor = density.softmax(1) @ (self.variances / total)
        return found


def drawn(law: str, n: int, g: torch.Generator) -> Tensor:
    """Increments (n, SIZE)."""
    z = torch.randn((n, SIZE, 4), dtype=torch.float64, generator=g)
    if law == "Gaussian":
        return z[..., 0]
    if law == "Student-t":
        return z[..., 0] / z[..., 1:].square().mean(-1).sqrt()
    jumps = width(law) * z[..., 0] * z[..., 1:3].square().sum(-1).sqrt()
    there = torch.rand((n, SIZE), dtype=torch.float64, generator=g) < 1 - atom(law)
    return torch.where(there, jumps, 0.0)


def gibbs(law: str, rows: Tensor, y: Tensor, g: torch.Generator) -> Tensor:
    """Increments (sweep, case, d) given y = rows u + NOISE n, (case, m): u given v is Gaussian, v given u known for every law."""
    cases, unit = len(y), torch.eye(len(rows), dtype=torch.float64)
    v = torch.ones(cases, SIZE, dtype=torch.float64)
    there = torch.rand((cases, SIZE), generator=g) < 1 - atom(law)
    found = []
    for sweep in range(SWEEPS):
        if atom(law):
            there = jumping(rows, y, v, there, g)
        own = v * there
        prior = own.sqrt() * torch.randn((cases, SIZE), dtype=torch.float64, generator=g)
        missed = y - prior @ rows.T - NOISE * torch.randn(y.shape, dtype=torch.float64, generator=g)
        system = (rows * own.unsqueeze(1)) @ rows.T + NOISE**2 * unit
        u = prior + own * (torch.linalg.solve(system, missed.unsqueeze(-1)).squeeze(-1) @ rows)
        if law == "Student-t":
            v = (FREEDOM + u.square()) / torch.randn((cases, SIZE, 4), dtype=torch.float64, generator=g).square().sum(-1)
        elif law != "Gaussian":
            b = width(law)
            fresh = -2 * b**2 * torch.rand((cases, SIZE), dtype=torch.float64, generator=g).clamp_min(1e-300).log()
            v = torch.where(there, 1 / inverse_gaussian(1 / (b * u.abs().clamp_min(1e-9)), b**-2, g), fresh)
        if sweep >= BURN_IN:
            found.append(u)
    return torch.stack(found)


def inverse_gaussian(mean: Tensor, shape: float, g: torch.Generator) -> Tensor:
    """Michael, Schucany and Haas (1976)."""
    w = mean * torch.randn(mean.shape, dtype=torch.float64, generator=g).square()
    small = 2 * shape * mean / (2 * shape + w + (w * (4 * shape + w)).sqrt())
    first = torch.rand(mean.shape, dtype=torch.float64, generator=g) < mean / (mean + small)
    return torch.where(first, small, mean**2 / small)


def jumping(rows: Tensor, y: Tensor, v: Tensor, there: Tensor, g: torch.Generator) -> Tensor:
    """Which increments are jumps, one after the other, all u integrated out.

    K = rows^T S^-1 rows and t = rows^T S^-1 y, S the covariance of y, change by one rank where a jump comes or goes.
    """
    own = (v * there).unsqueeze(1)
    system = (rows * own) @ rows.T + NOISE**2 * torch.eye(len(rows), dtype=torch.float64)
    solved = torch.linalg.solve(system, torch.cat([rows.expand(len(y), -1, -1), y.unsqueeze(2)], 2))
    both = rows.T @ solved  # (case, d, d + 1): K, t
    uniform, there = torch.rand(there.shape, dtype=torch.float64, generator=g), there.clone()
    prior = math.log((1 - atom("Bernoulli-Laplace")) / atom("Bernoulli-Laplace"))
    for i in range(SIZE):
        size, before = v[:, i], there[:, i].double()
        k, t = both[:, i, i], both[:, i, -1]
        without = 1 - before * size * k
        k, t = k / without, t / without
        odds = prior - 0.5 * torch.log1p(size * k) + 0.5 * size * t.square() / (1 + size * k)
        now = uniform[:, i] < torch.sigmoid(odds)
        change = (now.double() - before) * size
        # S + c a a^T: K - c K_i K_i^T / (1 + c K_ii), and the same for t
        factor = change / (1 + change * both[:, i, i])
        both = both - factor.view(-1, 1, 1) * both[:, :, i].unsqueeze(2) * both[:, i].unsqueeze(1)
        there[:, i] = now
    return there
