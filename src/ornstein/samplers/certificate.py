"""What a certificate says: the law of the samples beside the true one, mode by mode and in one number."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks


@dataclass(frozen=True, eq=False)
class Certificate:
    """What a sampler makes of N(mu, Sigma), exactly; all of it (mode,), float64, in the eigenbasis of Sigma.

    eigenvalues, multiplicity   of Sigma; ``truth`` the variances at the end of the grid, equal to them at t = 0
    variance      of the samples
    bias          mean of the samples less the true mean, in the coordinates of the eigenbasis
    calls         how often the run called the denoiser
    """

    eigenvalues: Tensor
    multiplicity: Tensor
    truth: Tensor
    variance: Tensor
    bias: Tensor
    calls: int

    @property
    def ratio(self) -> Tensor:
        """Standard deviation of the samples over the true one, (mode,); 1 where both vanish and inf where only the true one does."""
        made, true = self.variance.sqrt(), self.truth.sqrt()
        vanishing = made <= 1e-12 * self._scale
        empty = torch.where(vanishing, torch.ones_like(made), torch.full_like(made, torch.inf))
        return torch.where(true > 0, made / torch.where(true > 0, true, torch.ones_like(true)), empty)

    @property
    def mean_error(self) -> float:
        """|mean of the samples - mu|, in the units of the signals."""
        return float(self.bias.norm())

    @property
    def covariance_error(self) -> float:
        """|covariance of the samples - Sigma| / |Sigma| in the Frobenius norm; inf where Sigma is 0 and theirs is not."""
        return _relative(self._sum((self.variance - self.truth) ** 2), self._sum(self.truth**2))

    @property
    def w2(self) -> float:
        """The 2-Wasserstein distance to the truth, sqrt(|bias|^2 + sum_k (sqrt v_k - sqrt lambda_k)^2): exact, both are Gaussian."""
        return math.sqrt(float(self._loss().sum()))

    @property
    def relative_w2(self) -> float:
        """W2 over sqrt(tr Sigma): 1 is the distance of a point mass at the mean."""
        return _relative(self.w2**2, self._scale**2)

    def worst(self, count: int = 1) -> Tensor:
        """The numbers of the modes that add most to W2, worst first."""
        return self._loss().argsort(descending=True, stable=True)[: checks.count(count, "count")]

    def _loss(self) -> Tensor:
        return self.bias**2 + self.multiplicity * (self.variance.sqrt() - self.truth.sqrt()) ** 2

    def _sum(self, x: Tensor) -> float:
        return float((self.multiplicity * x).sum())

    @property
    def _scale(self) -> float:
        return math.sqrt(self._sum(self.truth))


def _relative(squares: float, whole: float) -> float:
    if whole == 0:
        return math.inf if squares > 0 else 0.0
    return math.sqrt(squares / whole)
