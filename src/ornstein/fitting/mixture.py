"""The recipe of a mixture of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from ornstein.denoisers import fit_mixture
from ornstein.fitting.recipe import Fitted, Structured, Work, complete


@dataclass(frozen=True, kw_only=True)
class Mixture(Structured):
    """Gaussians of one structure by EM, started from k-means.

    components  how many; without it, as many as held-out cases support
    """

    components: int | None = None

    name: ClassVar[str] = "mixture"

    def fit(self, u: Tensor, work: Work) -> Fitted:
        options = {"shrinkage": self.shrinkage, "rank": self.rank, "seed": work.seed}
        law = fit_mixture(complete(u), self.components, self.structure, **options)  # type: ignore[arg-type]  # three types in one table
        return Fitted(law, replace(self, components=self.components or len(law.components)))
