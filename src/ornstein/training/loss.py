"""Denoising score matching."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Network
from ornstein.nets import Condition
from ornstein.training.levels import NoiseLevels
from ornstein.training.masks import Masks
from ornstein.training.weights import EDM, Weight

LEVEL, DROP = 1, 2
"""Streams of the noise levels and of the hidden conditions; stream 0 is the noise itself."""

_LEAST = 1e-4
"""Deviation below which an error counts as if it were this, for signals of unit variance."""


@dataclass(frozen=True)
class Draw:
    """The random numbers of one training step: those of the places ``first``, ``first + 1``, ... of its batch of ``batch`` cases.

    They belong to (seed, step, place), so a batch gives the same loss in one piece, in several, or spread over many devices.
    """

    seed: int
    step: int
    first: int
    batch: int

    def noise(self, device: torch.device) -> Noise:
        """Noise keyed by place."""
        return Noise((self.seed << 32) + self.step, self.first, device=device)


@dataclass(frozen=True, eq=False)
class Loss:
    """Mean squared error of the denoised signal at noise levels drawn from ``levels``, each with its weight.

        L = E_sigma E w(sigma) |D(x_0 + sigma z, sigma) - x_0|^2 / d           (Vincent 2011; Karras et al. 2022, eq. 2)

    levels  distribution of sigma; in a batch of n the levels are its quantiles (i + v) / n, one v for all (Kingma et al. 2021, I.1)
    weight  what an error costs at each level; a learned one has ``parameters`` for the optimiser
    drop    share of cases whose condition is hidden, so that one network also knows the law without it (Ho & Salimans 2022)
    masks   random gaps: the other entries become the condition of a network that ``inpaints``, and errors count in the gaps only
    """

    levels: NoiseLevels
    weight: Weight = field(default_factory=EDM)
    drop: float = 0.1
    masks: Masks | None = None

    def __post_init__(self) -> None:
        if checks.positive(self.drop, "drop", zero=True) > 1:
            raise InputError(f"drop is {self.drop:g}, but is a share of the cases: give a number from 0 to 1")

    def __call__(self, network: Network, x_0: Tensor, draw: Draw, condition: Condition | None = None) -> Tensor:
        """The weighted error of every case, (case,), differentiable, for signals ``x_0`` (case, *event)."""
        x_0 = x_0.to(network.preconditioning.mean)
        cases, noise = len(x_0), draw.noise(x_0.device)
        v = Noise(noise.seed, device=x_0.device).uniform(1, (), LEVEL)
        u = (torch.arange(draw.first, draw.first + cases, device=x_0.device) + v) / draw.batch
        sigma = self.levels.quantile(u).to(x_0)
        counted = None
        if self.masks is not None:
            condition, counted = self.masks.applied(x_0, noise, condition, entrywise=network.entrywise)
        if condition is not None and self.drop > 0:
            dropped = noise.uniform(cases, (), DROP) < self.drop
            condition = _nothing_shown(condition, dropped) if network.entrywise else condition.drop(dropped)
        z = network.color(noise.normal(cases, tuple(x_0.shape[1:])).to(x_0))
        x = x_0 + sigma.view(-1, *(1,) * (x_0.ndim - 1)) * z
        if network.entrywise:
            return _by_entry(network, x, sigma, condition, x_0)
        error = (network.mean(x, sigma, condition) - x_0).square()
        if counted is not None:
            error = error * counted
        return self.weight(error.flatten(1).mean(1), sigma, network.preconditioning)

    def parameters(self) -> list[nn.Parameter]:
        """What the optimiser must train beside the network."""
        return self.weight.parameters()

    def to(self, device: torch.device | str) -> Loss:
        """The same loss on another device."""
        return replace(self, weight=self.weight.to(device))


def _nothing_shown(condition: Condition, dropped: Tensor) -> Condition:
    """Without what is given where ``dropped`` (case,); the same entries are asked for, and those that were shown are left out."""
    assert condition.signal is not None  # as masks give one
    asked = torch.isnan(condition.signal)
    gone = dropped.view(-1, *(1,) * (asked.ndim - 1)) & ~asked
    return replace(condition.drop(dropped), signal=condition.signal.masked_fill(gone, torch.inf))


def _by_entry(network: Network, x: Tensor, sigma: Tensor, condition: Condition | None, x_0: Tensor) -> Tensor:
    """The mean squared error of each case over the entries that are asked for, each in deviations of what the law leaves of it."""
    told = network.told(x, sigma, condition)
    unit = torch.where(told.asked, told.deviation, 1.0).clamp_min(_LEAST)
    error = ((network.corrected(x, sigma, condition, told) - x_0).flatten(1) / unit).square()
    return torch.where(told.asked, error, 0.0).sum(1) / told.asked.sum(1).clamp_min(1)
