"""The recipe of a mixture of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from ornstein.common.errors import counted
from ornstein.denoisers import choose_mixture, fit_mixture
from ornstein.fitting.recipe import Fitted, Structured, Work, complete


@dataclass(frozen=True, kw_only=True)
class Mixture(Structured):
    """Gaussians of one structure by EM, started from k-means.

    components  how many; without it, as many as held-out cases support
    shrinkage   "auto": without ``components``, also by held-out cases; otherwise "oas". Or as for every covariance
    """

    shrinkage: str | float = "auto"
    components: int | None = None

    name: ClassVar[str] = "mixture"

    def fit(self, u: Tensor, work: Work) -> Fitted:
        u, chosen = complete(u), self
        if self.components is None:
            found = choose_mixture(u, self.structure, shrinkage=self.shrinkage, rank=self.rank, seed=work.seed, overlap=work.overlap)
            chosen = replace(self, components=found.components, shrinkage=found.shrinkage)
            work.tell(f"mixture: {counted(found.components, 'component')}, shrinkage {found.shrinkage}, by held-out cases")
        law = fit_mixture(u, chosen.components, self.structure, shrinkage=chosen.shrinkage, rank=self.rank, seed=work.seed)
        return Fitted(law, chosen)
