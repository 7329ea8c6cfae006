"""The denoiser of signals with gaps under a law: some entries are known without noise, the others with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture

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
    """E[x_0 | known entries, hidden entries + sigma z] for a Gaussian or a mixture, with a pattern of gaps for every case:

        m_k  = mu_k + Sigma_k S_k^-1 (x - mu_k),      S_k = Sigma_k + N,      N = sigma^2 on hidden entries and 0 on known ones,
        C_k  = Sigma_k - Sigma_k S_k^-1 Sigma_k,      r_k ~ w_k N(x; mu_k, S_k),
        mean = sum_k r_k m_k,      covariance = sum_k r_k (C_k + (m_k - mean)(m_k - mean)^T)

    At sigma = inf it is the mean of imputation by the law. float64, on the device of ``covariance``: weights log w_k (K,), location
    (K, d), covariance (K, d, d). Cost: K Cholesky factors and triangular solves of d columns per case, 4/3 K d^3, in passes of 128 MB.
    """

    weights: Tensor
    location: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, law: Gaussian | Mixture, device: torch.device) -> Completion | None:
        """The completion under a law; None for signals of more than ``LARGEST`` entries."""
        if law.size > LARGEST:
            return None
        parts = law.components if isinstance(law, Mixture) else (law,)
        weights = law.log_weights if isinstance(law, Mixture) else torch.zeros(1, dtype=torch.float64)
        location = torch.stack([part.mean().flatten() for part in parts])
        return cls(weights.to(device), location.to(device), torch.stack([part.operator.dense() for part in parts]).to(device))

    def __call__(self, x: Tensor, sigma: Tensor, hidden: Tensor) -> Completed:
        """For x (case, d), its known entries without noise, sigma (case,) from 0 to inf and hidden (case, d)."""
        rows = max(1, TOGETHER // self.covariance[0].numel())
        parts = [self._part(*part) for part in zip(x.split(rows), sigma.split(rows), hidden.split(rows), strict=True)]
        return Completed(torch.cat([p.mean for p in parts]), torch.cat([p.deviation for p in parts]))

    def _part(self, x: Tensor, sigma: Tensor, hidden: Tensor) -> Completed:
        unit = self.covariance.diagonal(dim1=1, dim2=2).mean()
        level = torch.where(torch.isinf(sigma), FARTHEST * unit.sqrt(), sigma.to(unit)).unsqueeze(-1)
        noise = torch.diag_embed(torch.where(hidden, level**2, 0.0) + RIDGE * unit)
        unseen = hidden & torch.isinf(sigma).unsqueeze(-1)
        nats, means, left = zip(*(self._component(k, x, noise, unseen) for k in range(len(self.weights))), strict=True)
        r = torch.softmax(self.weights.unsqueeze(1) + torch.stack(nats), 0).unsqueeze(-1)
        mean = (r * torch.stack(means)).sum(0)
        spread = (r * (torch.stack(left).clamp_min(0) + (torch.stack(means) - mean).square())).sum(0) * hidden
        return Completed(mean.to(x), (spread.sum(-1) / hidden.sum(-1).clamp_min(1)).sqrt().to(x))

    def _component(self, k: int, x: Tensor, noise: Tensor, unseen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(log N(x; mu_k, S_k) but for a constant (case,), m_k (case, d), the diagonal of C_k (case, d))."""
        covariance = self.covariance[k]
        offset = (x - self.location[k]).masked_fill(unseen, 0.0)
        factor = torch.linalg.cholesky(covariance + noise)
        white = torch.linalg.solve_triangular(factor, covariance.expand_as(factor), upper=False)
        aside = torch.linalg.solve_triangular(factor, offset.unsqueeze(-1), upper=False)
        nats = -0.5 * aside.squeeze(-1).square().sum(-1) - factor.diagonal(dim1=1, dim2=2).log().sum(-1)
        return nats, self.location[k] + (white.mT @ aside).squeeze(-1), covariance.diagonal() - white.square().sum(-2)
