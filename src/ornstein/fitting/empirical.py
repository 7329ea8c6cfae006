"""The recipe of a kernel density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ornstein.denoisers import fit_empirical
from ornstein.fitting.recipe import Fitted, Structured, Work, complete


@dataclass(frozen=True, kw_only=True)
class Empirical(Structured):
    """A Gaussian kernel around every case, whose covariance is h^2 times that of the cases.

    bandwidth  h; without it by leave-one-out likelihood; 0 keeps the bare cases, which have no density
    """

    bandwidth: float | None = None

    name: ClassVar[str] = "empirical"

    @property
    def scored(self) -> bool:
        return self.bandwidth != 0

    def fit(self, u: Tensor, work: Work) -> Fitted:
        u = complete(u)
        law = fit_empirical(u, self.bandwidth, self.structure, shrinkage=self.shrinkage, rank=self.rank, overlap=work.overlap)
        return Fitted(law)
