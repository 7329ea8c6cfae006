"""The recipe of a Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ornstein.common import checks
from ornstein.denoisers import fit_gaussian
from ornstein.fitting.recipe import Fitted, Structured, Work


@dataclass(frozen=True, kw_only=True)
class Gaussian(Structured):
    """Mean and covariance. NaN means missing: the structure is fitted to what was observed, and with "dense" held-out values choose
    how. ``times`` are the stamps of the samples for "coregionalised", where they are not even. Cost: see ``covariance.estimate``."""

    times: tuple[float, ...] | None = None
    name: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        if self.times is not None:
            object.__setattr__(self, "times", tuple(checks.tensor(self.times, "times", ndim=(1,), largest=math.inf).tolist()))

    def fit(self, u: Tensor, work: Work) -> Fitted:
        law = fit_gaussian(
            u,
            self.structure,
            shrinkage=self.shrinkage,
            rank=self.rank,
            times=self.times,
            overlap=work.overlap,
            progress=work.tell,
        )
        return Fitted(law)
