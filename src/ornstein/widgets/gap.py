"""Brush a gap."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.denoisers import Gaussian
from ornstein.measurements import Mask
from ornstein.widgets.base import View, module, packed
from ornstein.widgets.laws import moments


class Gap(View):
    """Drag over a signal to hide a stretch of it; what the law makes of it appears within a frame.

    curve   (length,), in the units of the law;  law: a Gaussian, or a fitted model of one channel, whose mean and covariance are taken
    noise   deviation of a reading, in the same units
    gaps    [[first, last], ...], both hidden; follows the mouse, and may be set

    Raises ``InputError`` for a curve of another length, a law without moments, and a noise that is not above 0.
    """

    _esm = module("gap", "law")
    curve, mean, basis, eigenvalues = (Bytes(b"").tag(sync=True) for _ in range(4))
    noise = Float(0.1).tag(sync=True)
    seed = Int(0).tag(sync=True)
    gaps: Any = List(default_value=[]).tag(sync=True)

    def __init__(
        self,
        curve: object,
        law: Any,
        *,
        noise: float | None = None,
        gaps: list[list[int]] | None = None,
        seed: int = 0,
        language: str = "en",
    ) -> None:
        mean, covariance = moments(law)
        self._values = checks.tensor(curve, "curve", ndim=(1,))
        if len(self._values) != len(mean):
            raise InputError(f"curve has {len(self._values)} points, but law is of signals of {len(mean)}")
        self._law = Gaussian(mean, covariance)
        d = len(mean)
        super().__init__(
            "a signal with a gap and what the law makes of it" if language == "en" else "一个有缺口的信号，以及分布对缺口的推断",
            language,
            curve=packed(self._values),
            mean=packed(mean),
            basis=packed(covariance.basis),
            eigenvalues=packed(covariance.eigenvalues),
            noise=float(covariance.trace() / d) ** 0.5 / 10 if noise is None else checks.positive(noise, "noise"),
            seed=checks.count(seed, "seed", at_least=0),
            gaps=[[2 * d // 5, 3 * d // 5]] if gaps is None else gaps,
        )

    @property
    def observed(self) -> Tensor:
        """Which entries are seen, (length,) bool."""
        seen = torch.ones(len(self._values), dtype=torch.bool)
        for first, last in self.gaps:
            seen[max(0, first) : last + 1] = False
        return seen

    def posterior(self) -> Gaussian:
        """The law given what is seen: the figure's mean and bands are its own, to 1e-4."""
        seen = self.observed
        law: Gaussian = self._law.condition(Mask(seen), self._values[seen], self.noise).law  # type: ignore[assignment]
        return law
