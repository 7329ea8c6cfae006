"""The Gaussian denoiser of signals with gaps: some entries are known without noise, the others with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.denoisers.gaussian import Gaussian

LARGEST = 1024
"""Entries of a signal up to which every case has a system of its own solved: d^3 numbers' work, a few percent of a network's."""

TOGETHER = 1 << 24
"""Numbers in the matrices of one pass, 128 MB in float64."""

RIDGE = 1e-8
"""Noise on the known entries, as a share of the mean variance, so that known entries that repeat each other can be solved for."""

FARTHEST = 1e6
"""What sigma = inf is computed as, in deviations of the signals: a millionth of the noisy entries would count, and they are at the mean."""


class Completed(NamedTuple):
    """The posterior mean (case, d), and the root of the mean posterior variance of the hidden entries, (case,); 0 if none is."""

    mean: Tensor
    deviation: Tensor


@dataclass(frozen=True, eq=False)
class Completion:
    """E[x_0 | known entries, hidden entries + sigma z] for x_0 ~ N(mu, Sigma), with a pattern of gaps for every case:

        mean = mu + Sigma (Sigma + N)^-1 (x - mu),      N = sigma^2 on hidden entries and 0 on known ones,
        covariance = Sigma - Sigma (Sigma + N)^-1 Sigma

    At sigma = inf it is the mean of Gaussian imputation. float64, on the device of ``covariance`` (d, d).
    Cost: one Cholesky factor and one triangular solve of d columns per case, 4/3 d^3, in passes of 128 MB.
    """

    location: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, reference: Gaussian, device: torch.device) -> Completion | None:
        """The completion under a Gaussian; None for signals of more than ``LARGEST`` entries."""
        if reference.size > LARGEST:
            return None
        return cls(reference.mean().flatten().to(device), reference.operator.dense().to(device))

    def __call__(self, x: Tensor, sigma: Tensor, hidden: Tensor) -> Completed:
        """For x (case, d), its known entries without noise, sigma (case,) from 0 to inf and hidden (case, d)."""
        rows = max(1, TOGETHER // self.covariance.numel())
        parts = [self._part(*part) for part in zip(x.split(rows), sigma.split(rows), hidden.split(rows), strict=True)]
        return Completed(torch.cat([p.mean for p in parts]), torch.cat([p.deviation for p in parts]))

    def _part(self, x: Tensor, sigma: Tensor, hidden: Tensor) -> Completed:
        variances = self.covariance.diagonal()
        unit = variances.mean()
        level = torch.where(torch.isinf(sigma), FARTHEST * unit.sqrt(), sigma.to(unit)).unsqueeze(-1)
        noise = torch.where(hidden, level**2, 0.0) + RIDGE * unit
        offset = (x - self.location).masked_fill(hidden & torch.isinf(sigma).unsqueeze(-1), 0.0)
        factor = torch.linalg.cholesky(self.covariance + torch.diag_embed(noise))
        white = torch.linalg.solve_triangular(factor, self.covariance.expand_as(factor), upper=False)
        aside = torch.linalg.solve_triangular(factor, offset.unsqueeze(-1), upper=False)
        mean = self.location + (white.mT @ aside).squeeze(-1)
        left = (variances - white.square().sum(-2)).clamp_min(0) * hidden
        return Completed(mean.to(x), (left.sum(-1) / hidden.sum(-1).clamp_min(1)).sqrt().to(x))
