"""What a simulator makes of its parameters, learned from pairs: p(x | theta) by networks around the linear Gaussian answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.fitting.scaling import Scaler
from ornstein.nets.mixture_density import Kernels, MixtureDensity
from ornstein.training.density import Progress, fit_density

MEMBERS = 5
"""Networks whose densities are averaged, each with another tenth held out: together they miss less than any of them."""

COMPONENTS = (1, 8)
"""Gaussians that an answer may have; held-out cases choose."""

ENTRIES = 64
"""Entries of x up to which a full covariance for every theta is learned."""

STEPS = 5000
"""Of training each, at most."""

HELD_OUT = 10
LEAST = 1e-6
"""Smallest deviation of x around its linear prediction, in deviations of x, that counts: a simulator without noise has no density."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """p(x | theta) = mean over members of sum_k w_k(theta) N(L^-1 (x - B theta - b); m_k(theta), C_k(theta)) |L|^-1.

    B theta + b is the least-squares prediction, L L^T the covariance of its residuals, so that a network which answers with the standard
    normal is the linear Gaussian simulator, and has only the rest to learn.

    scaler    of theta;  slope (p, q), offset (q,), factor L (q, q)   in units of x
    members   networks that answer for standardised theta
    centre, spread   mean and Cholesky factor of all simulated x, and ``farthest``, the greatest distance of one from the mean in them
    """

    scaler: Scaler
    slope: Tensor
    offset: Tensor
    factor: Tensor
    members: tuple[MixtureDensity, ...]
    centre: Tensor
    spread: Tensor
    farthest: float

    @torch.no_grad()
    def log_prob(self, theta: Tensor, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """log p(x | theta) in nats for theta (case, p) and x (case, q) or (q,); with ``noise``, a covariance (q, q), that of x + n.

        NaN in one x (q,) are entries that were not observed, and left out exactly.
        """
        u = self.scaler.encode(theta)
        expected = u @ self.slope + self.offset
        seen = ~torch.isnan(x)
        if noise is None and bool(seen.all()):
            rest = torch.linalg.solve_triangular(self.factor, (x - expected).T, upper=False).T.to(torch.float32)
            found = [member(u.to(torch.float32)).log_prob(rest) for member in self.members]
            total = torch.logsumexp(torch.stack(found).to(torch.float64), 0) - math.log(len(found))
            return total - self.factor.diagonal().log().sum()
        parts = [self._in_units(member(u.to(torch.float32)), expected, noise, seen) for member in self.members]
        return torch.logsumexp(torch.stack([part.log_prob(x[seen].expand(len(u), -1)) for part in parts]), 0) - math.log(len(parts))

    def apart(self, x: Tensor) -> float:
        """How far x (q,) is from all simulations, over the farthest of them; entries that are NaN do not count."""
        seen = ~torch.isnan(x)
        factor = torch.linalg.cholesky((self.spread @ self.spread.T)[seen][:, seen])
        z = torch.linalg.solve_triangular(factor, (x - self.centre)[seen].unsqueeze(1), upper=False)
        return float(z.norm()) / self.farthest

    def _in_units(self, kernels: Kernels, expected: Tensor, noise: Tensor | None, seen: Tensor) -> Kernels:
        """The mixtures of x + n, of its observed entries alone."""
        means = expected.unsqueeze(1) + kernels.means.to(torch.float64) @ self.factor.T
        roots = self.factor @ torch.linalg.inv(kernels.factors.to(torch.float64))
        covariance = (roots @ roots.mT if noise is None else roots @ roots.mT + noise)[..., seen, :][..., seen]
        inverse = torch.linalg.inv(torch.linalg.cholesky(covariance))
        return Kernels(kernels.log_weights.to(torch.float64), means[..., seen], inverse)


def held_out(cases: int, member: int = 0) -> Tensor:
    """The tenth that a member is not trained on, bool (case,)."""
    return torch.arange(cases) % HELD_OUT == member % HELD_OUT


def fit_simulated(
    theta: Tensor,
    x: Tensor,
    *,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
    worth: Callable[[Tensor], bool] = lambda _: True,
) -> tuple[Simulated, Tensor]:
    """(p(x | theta) from pairs theta (case, p), x (case, q), log-densities in nats of the cases ``held_out`` by its first member).

    First one network for each number of ``COMPONENTS`` on the same nine tenths; the better one gets company until there are ``MEMBERS``,
    unless ``worth`` of its held-out log-densities is False. Raises ``InputError`` for more than ``ENTRIES`` entries of x, fewer than 20
    cases, and an x that theta determines.
    """
    cases, size = x.shape
    if size > ENTRIES or cases < 2 * HELD_OUT:
        raise InputError(
            f"x has {cases} simulations of {size} entries, but 'likelihood' learns densities of at most {ENTRIES} entries from at least "
            f"{2 * HELD_OUT} simulations: choose 'network' for larger x, or simulate more"
        )
    scaler = Scaler.fit(theta, "feature")
    u = scaler.encode(theta)
    design = torch.cat([u, torch.ones(cases, 1, dtype=u.dtype)], 1)
    found = torch.linalg.lstsq(design, x, driver="gelsd").solution
    rest = x - design @ found
    scale = x.std(0)
    values, vectors = torch.linalg.eigh(torch.cov((rest / scale.clamp_min(torch.finfo(x.dtype).tiny)).T).view(size, size))
    if not float(values[0]) > LEAST**2:
        entry = int(vectors[:, 0].abs().argmax())
        raise InputError(
            f"entry {entry} of x is constant, a copy of others, or determined by theta, so that it has no density: leave it out, or add "
            "the noise of its measurement"
        )
    factor = torch.linalg.cholesky(torch.cov(rest.T).view(size, size))
    white = torch.linalg.solve_triangular(factor, rest.T, upper=False).T
    spread = torch.linalg.cholesky(torch.cov(x.T).view(size, size))
    farthest = float(torch.linalg.solve_triangular(spread, (x - x.mean(0)).T, upper=False).norm(dim=0).max())

    def member(number: int, components: int) -> tuple[MixtureDensity, float]:
        module = MixtureDensity(u.shape[1], size, components=components, seed=seed + number)

        def said(at: Progress) -> None:
            tell(f"network {number + 1} of {MEMBERS}: step {at.step} of {at.steps}, at most {at.left:.0f} s left")

        return module, fit_density(module, u, white, held_out(cases, number), steps=STEPS, seed=seed + number, progress=said)

    tried = [member(0, components) for components in COMPONENTS]
    first = max(tried, key=lambda one: one[1])[0]

    def of(members: tuple[MixtureDensity, ...]) -> Simulated:
        return Simulated(scaler, found[:-1], found[-1], factor, members, x.mean(0), spread, farthest)

    levels = of((first,)).log_prob(theta[held_out(cases)], x[held_out(cases)])
    more = range(1, MEMBERS) if worth(levels) else ()
    return of((first, *(member(number, first.components)[0] for number in more))), levels
