"""A Gaussian of many entries given some without noise and the others with it, by a system of the known entries alone.

Whoever knows x_o without noise learns nothing more from a noisy look at it. So all entries may be taken as seen with noise sigma, the
known ones at their own values, which is the Gaussian denoiser with its closed form in the eigenbasis; and its posterior N(m, C),
C = Sigma sigma^2 (Sigma + sigma^2 I)^-1, is then conditioned on x_o exactly:

    mean = m + C_:o a,    a = C_oo^-1 (x_o - m_o),       covariance = C - C_:o C_oo^-1 C_o:
    p(x) ~ N(x; mu, Sigma + sigma^2 I) N(x_o; m_o, C_oo)          but for a constant that depends on sigma and o only
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance import Spectral, as_spectral
from ornstein.covariance.base import posterior_variance, shrinkage
from ornstein.covariance.moving import moved
from ornstein.denoisers.completion_blocks import Blocks
from ornstein.denoisers.completion_products import left_by_products, solved_by_products
from ornstein.denoisers.completion_terms import Given
from ornstein.denoisers.gaussian import Gaussian

DIRECT = 768
"""Known entries up to which a pattern has its own block factored: beyond, products with C and conjugate gradients cost less."""
_LEAST = 1e-9
"""Noise, in deviations, that stands for none: the answer is then x itself."""


@dataclass(frozen=True, eq=False)
class Known:
    """N(mu, Sigma) given x, whose hidden entries have noise sigma, for any Sigma with an eigenbasis.

    location  (d,), operator  Sigma, and ``blocks`` its rows of the basis, in float64 on one device; unit  the mean variance of an entry
    direct    whether every block is factored, whatever its size: conjugate gradients know no p(x), which a mixture needs

    Cases that share pattern and noise, as draws of one case do, share one factor. Cost: 3 o^2 k + o^3 / 3 for a pattern of o known entries
    and k coordinates of the basis; above ``DIRECT``, and for very large signals, some tens of products with Sigma for the mean and for each
    of four probes of the variance; and four rotations a case.
    """

    location: Tensor
    operator: Spectral
    blocks: Blocks
    unit: float
    direct: bool

    @classmethod
    def of(cls, law: Gaussian, device: torch.device, unit: float, *, direct: bool) -> Known:
        operator = moved(as_spectral(law.operator), device)
        return cls(law.mean().flatten().to(device), operator, Blocks.of(operator), unit, direct)

    def __call__(self, x: Tensor, level: Tensor, hidden: Tensor) -> Given:
        """For x (case, d), finite noise (case,) and hidden (case, d)."""
        lam, level = self.operator.eigenvalues, level.clamp_min(_LEAST * self.unit**0.5)
        w = self.operator.rotate(x - self.location)
        mean = self.location + self.operator.unrotate(shrinkage(lam, level) * w)
        nats = -0.5 * (self.operator.distance(w, level) + self.operator.logdet(level))
        off, spectrum = torch.where(hidden, 0.0, x - mean), posterior_variance(lam, level)
        member, first = _patterns(hidden, level)
        seen, spectra = ~hidden[first], spectrum[first]
        variance = (self.operator.multiplicity * spectra).sum(-1)
        small = seen.any(1) & (self.direct | (seen.sum(1) <= min(DIRECT, self.blocks.widest)))
        solved = torch.zeros_like(off)
        for block in self.blocks.factored(spectra, seen, small):
            variance[block.patterns] -= block.accounted
            for rows, values, own in block.solved(off, member):
                solved[rows], nats[rows] = values, nats[rows] + own
        many = seen.any(1) & ~small
        if bool(many.any()):
            rows = many[member].nonzero()[:, 0]
            solved[rows] = solved_by_products(self.operator, spectrum[rows], ~hidden[rows], off[rows])
            variance[many] = left_by_products(self.operator, spectra[many], seen[many])
        shift = self.operator.unrotate(spectrum * self.operator.rotate(solved))
        return Given(nats, mean + shift, torch.where(seen.all(1), 0.0, variance)[member])


def _patterns(hidden: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """(which of the different pairs of pattern and noise a case has (case,), a case of each (pair,))."""
    pairs, member = torch.unique(torch.cat([level.unsqueeze(1), hidden.to(level)], 1), dim=0, return_inverse=True)
    return member, torch.empty(len(pairs), dtype=torch.long, device=member.device).scatter_(
        0, member, torch.arange(len(member), device=member.device)
    )
