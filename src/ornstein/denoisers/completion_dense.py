"""A Gaussian given some entries without noise and the others with it, by one system of all entries a case."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.denoisers import completion_terms
from ornstein.denoisers.completion_terms import RIDGE, Given


@dataclass(frozen=True, eq=False)
class Whole:
    """N(mu, Sigma) given x, whose hidden entries have noise sigma:

        S = Sigma + N,    N = sigma^2 on hidden entries and 0 on known ones
        mean = mu + Sigma S^-1 (x - mu),      covariance = Sigma - Sigma S^-1 Sigma,      p(x) = N(x; mu, S)

    location (d,), covariance (d, d), unit  the mean variance of an entry, in float64. Cost: a Cholesky factor and triangular solves of d
    columns per case, 4/3 d^3, in passes of 128 MB.
    """

    location: Tensor
    covariance: Tensor
    unit: float

    def __call__(self, x: Tensor, level: Tensor, hidden: Tensor) -> Given:
        """For x (case, d), finite noise (case,) and hidden (case, d)."""
        rows = max(1, completion_terms.TOGETHER // self.covariance.numel())
        parts = [self._part(*part) for part in zip(x.split(rows), level.split(rows), hidden.split(rows), strict=True)]
        return Given(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def _part(self, x: Tensor, level: Tensor, hidden: Tensor) -> Given:
        noise = torch.diag_embed(torch.where(hidden, level.unsqueeze(-1) ** 2, 0.0) + RIDGE * self.unit)
        factor = torch.linalg.cholesky(self.covariance + noise)
        white = torch.linalg.solve_triangular(factor, self.covariance.expand_as(factor), upper=False)
        aside = torch.linalg.solve_triangular(factor, (x - self.location).unsqueeze(-1), upper=False)
        nats = -0.5 * aside.squeeze(-1).square().sum(-1) - factor.diagonal(dim1=1, dim2=2).log().sum(-1)
        variances = self.covariance.diagonal() - white.square().sum(-2)
        return Given(nats, self.location + (white.mT @ aside).squeeze(-1), (variances.clamp_min(0) * hidden).sum(-1))
