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
    starts      runs of EM whose densities are averaged, so that the law has up to as many times ``components``; without both, 5 where
                held-out cases gain by it; otherwise 1
    """

    shrinkage: str | float = "auto"
    components: int | None = None
    starts: int | None = None

    name: ClassVar[str] = "mixture"

    def fit(self, u: Tensor, work: Work) -> Fitted:
        u, chosen, rank, seed = complete(u), self, self.rank, work.seed
        if self.components is None:
            found = choose_mixture(
                u, self.structure, shrinkage=self.shrinkage, rank=rank, starts=self.starts, seed=seed, overlap=work.overlap
            )
            chosen = replace(self, **found._asdict())
            said = f"mixture: {counted(found.components, 'component')}, shrinkage {found.shrinkage}"
            work.tell(
                f"{said}, by held-out cases" if found.starts == 1 else f"{said}, the mean of {found.starts} starts, by held-out cases"
            )
        law = fit_mixture(u, chosen.components, self.structure, shrinkage=chosen.shrinkage, rank=rank, starts=chosen.starts, seed=seed)
        return Fitted(law, chosen)
