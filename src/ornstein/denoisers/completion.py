"""The denoiser of signals with gaps under a law: some entries are known without noise, the others with noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.denoisers.completion_dense import Whole
from ornstein.denoisers.completion_spectral import Known
from ornstein.denoisers.completion_terms import Given
from ornstein.denoisers.gaussian import Gaussian
from ornstein.denoisers.mixture import Mixture

LARGEST = 1024
"""Entries of a signal up to which every case has a system of all of them solved: d^3 numbers' work, a few percent of a network's."""

FARTHEST = 1e6
"""What sigma = inf is computed as, in deviations of the signals: a millionth of the noisy entries would count, and they are at the mean."""


class Completed(NamedTuple):
    """The posterior mean (case, d), and the root of the mean posterior variance of the hidden entries, (case,); 0 if none is."""

    mean: Tensor
    deviation: Tensor


@dataclass(frozen=True, eq=False)
class Completion:
    """E[x_0 | known entries, hidden entries + sigma z] for a Gaussian or a mixture, with a pattern of gaps for every case:

        mean = sum_k r_k m_k,      covariance = sum_k r_k (C_k + (m_k - mean)(m_k - mean)^T),      r_k ~ w_k p_k(x)

    with m_k, C_k and p_k(x) of component k, a Gaussian: by one system of all entries up to 1024 of them (``Whole``), and beyond by one of
    the known entries alone, in the eigenbasis of its covariance (``Known``). At sigma = inf it is the mean of imputation by the law.

    weights     log w_k (K,), float64, on the device of the parts
    parts       what each component makes of (x, sigma, hidden)
    deviation   of an entry, the unit of ``FARTHEST``
    Cost: that of every part.
    """

    weights: Tensor
    parts: tuple[Callable[[Tensor, Tensor, Tensor], Given], ...]
    locations: Tensor
    deviation: float

    @classmethod
    def of(cls, law: Gaussian | Mixture, device: torch.device) -> Completion:
        """The completion under a law."""
        laws = law.components if isinstance(law, Mixture) else (law,)
        weights = law.log_weights if isinstance(law, Mixture) else torch.zeros(1, dtype=torch.float64)
        unit = sum(float(part.operator.trace()) for part in laws) / (len(laws) * law.size)
        parts: list[Whole | Known]
        if law.size <= LARGEST:
            parts = [Whole(part.mean().flatten().to(device), part.operator.dense().to(device), unit) for part in laws]
        else:
            parts = [Known.of(part, device, unit, direct=len(laws) > 1) for part in laws]
        locations = torch.stack([part.mean().flatten() for part in laws]).to(device)
        return cls(weights.to(device), tuple(parts), locations, unit**0.5)

    def __call__(self, x: Tensor, sigma: Tensor, hidden: Tensor) -> Completed:
        """For x (case, d), its known entries without noise, sigma (case,) from 0 to inf and hidden (case, d)."""
        values, far = x.to(self.weights), torch.isinf(sigma)
        level = torch.where(far, FARTHEST * self.deviation, sigma.to(values))
        unseen = hidden & far.unsqueeze(-1)
        found = [
            part(torch.where(unseen, location, values), level, hidden) for part, location in zip(self.parts, self.locations, strict=True)
        ]
        nats, means, left = (torch.stack(column) for column in zip(*found, strict=True))
        r = torch.softmax(self.weights.unsqueeze(1) + nats, 0)
        mean = (r.unsqueeze(-1) * means).sum(0)
        apart = ((means - mean).square() * hidden).sum(-1)
        spread = (r * (left.clamp_min(0) + apart)).sum(0) / hidden.sum(-1).clamp_min(1)
        return Completed(mean.to(x), spread.sqrt().to(x))
