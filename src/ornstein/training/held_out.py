"""Cases that are kept from training, and the loss on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.folds import Fold, ends
from ornstein.common.ranks import ALONE, Ranks
from ornstein.denoisers import Network, Preconditioning
from ornstein.denoisers.completion_cases import Told
from ornstein.nets import Condition
from ornstein.training.loss import Draw, Loss
from ornstein.training.weights import EDM

HELD_OUT = 0.1
"""The share of cases that is held out unless the caller says otherwise."""

PAIRS = 512
"""Pairs of a case and a noise level. Levels are quantiles and the noise never changes, so candidates differ by what they learned."""

DRAW = (1 << 32) - 1
"""The step whose random numbers are used: no training run gets there."""


def split(cases: int, share: float, overlap: int = 0) -> Fold:
    """(cases to train on, held-out cases), both ascending: see ``folds.ends``.

    ``share`` 0 holds none out; any other at least one. ``overlap``: how many neighbours on either side share samples with a case; those
    of a held-out one are not trained on either. Raises ``InputError`` unless 0 <= share < 1 and two cases are left to train on.
    """
    if not 0 <= checks.real(share, "held_out") < 1:
        raise InputError(f"held_out is {share:g}, but is the share of cases kept from training: give a number from 0 to below 1")
    count = max(1, round(share * cases)) if share > 0 else 0
    if cases - count < 2:
        raise InputError(
            f"x has {cases} cases, of which held_out = {share:g} leaves {cases - count} to train on: give at least 2 more, or 0"
        )
    return ends(cases, count, overlap)


@dataclass(frozen=True, eq=False)
class _Linear:
    """What a ``Loss`` calls, answering as the reference Gaussian does, with the weight of another network."""

    network: Network
    gaussian: Preconditioning

    @property
    def preconditioning(self) -> Preconditioning:
        return self.network.preconditioning

    def color(self, z: Tensor) -> Tensor:
        return self.network.color(z)

    @property
    def entrywise(self) -> bool:
        return self.network.entrywise

    def told(self, x: Tensor, sigma: Tensor, condition: Condition | None) -> Told:
        return self.network.told(x, sigma, condition)

    def corrected(self, x: Tensor, sigma: Tensor, condition: Condition | None, told: Told) -> Tensor:
        return told.mean.view(x.shape)

    def mean(self, x: Tensor, sigma: Tensor, condition: Condition | None = None) -> Tensor:
        seen = self.network.known(x, condition)
        completed = self.network.completed(seen, sigma, condition)
        mean = self.gaussian.parts(seen.flatten(1), sigma).skip if completed is None else completed.mean
        return self.network.known(mean.view(x.shape), condition)


class HeldOut:
    """The mean loss of ``EDM`` on held-out cases (case, *event): always the same cases, levels, noise and hidden conditions.

    Up to 512 cases, evenly spread; fewer come several times, each time with other noise. Several processes share the work.
    """

    def __init__(self, x: Tensor, loss: Loss, condition: Condition | None = None, seed: int = 0, ranks: Ranks = ALONE) -> None:
        chosen = torch.arange(PAIRS) * len(x) // PAIRS if len(x) > PAIRS else torch.arange(len(x)).repeat(PAIRS // len(x))
        chosen = chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed))].to(x.device)
        self.x, self.condition = x[chosen], None if condition is None else condition[chosen]
        self.loss, self.seed, self.ranks = replace(loss, weight=EDM()), seed, ranks

    def __call__(self, network: Network, part: int) -> float:
        """The loss of a network, ``part`` cases at once; infinite where it is not finite."""
        return self._mean(network, part)

    def gaussian(self, network: Network, part: int) -> float:
        """The loss of the reference Gaussian under the same noise."""
        own = network.preconditioning.mean
        gaussian = Preconditioning.of(network.reference).to(own.device, own.dtype)
        return self._mean(cast("Network", _Linear(network, gaussian)), part)

    @torch.no_grad()
    def _mean(self, network: Network, part: int) -> float:
        total = torch.zeros((), dtype=torch.float64, device=self.x.device)
        for first, last in self.ranks.parts(len(self.x), part):
            condition = None if self.condition is None else self.condition[first:last]
            draw = Draw(self.seed, DRAW, first, len(self.x))
            total += self.loss(network, self.x[first:last], draw, condition).sum(dtype=torch.float64)
        mean = float(self.ranks.total(total)) / len(self.x)
        return mean if mean < torch.inf else torch.inf
