"""Runs towards a posterior that are neither a denoiser nor weighted: what the well-known methods share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Gaussian, Particles
from ornstein.posterior.far import say_far
from ornstein.posterior.given import Given, cases_of, seen_by
from ornstein.posterior.seen import RIDGE, Seen

HIGHEST, LOWEST, RHO = 80.0, 2e-3, 7.0
"""Noise levels over the deviation of the signals, and how they are spaced (Karras et al. 2022, table 1)."""


@dataclass(frozen=True, eq=False)
class Run(ABC):
    """Draws x_0 (draw, d) of one case, y = A x_0 + n with n ~ N(0, R), by runs through noise levels t > s > ... > 0, x = x_0 + t z.

    inner    the denoiser D;  seen: A, y (1, m) and R
    scale    deviation of an entry of the signals, rms;  mean: of the signals (d,)
    steps    how many levels;  draws: how many runs at once;  random, case: draws belong to (seed, case)
    """

    inner: Denoiser
    seen: Seen
    mean: Tensor
    scale: float
    steps: int
    draws: int
    random: Noise

    @abstractmethod
    def draw(self) -> Tensor:
        """The end of all runs, (draw, d)."""

    @property
    def steps_down(self) -> list[tuple[float, float]]:
        """(t, s) of every step; the last s is 0."""
        spaced = torch.linspace((self.scale * HIGHEST) ** (1 / RHO), (self.scale * LOWEST) ** (1 / RHO), self.steps, dtype=torch.float64)
        return list(pairwise([*(float(level) ** RHO for level in spaced), 0.0]))

    def white(self, number: int) -> Tensor:
        """White noise (draw, d), another one for every number."""
        return self.random.normal(1, (self.draws, len(self.mean)), number)[0]

    def start(self) -> Tensor:
        """The mean of the signals in noise of the highest level."""
        return self.mean + self.scale * HIGHEST * self.white(0)

    def denoised(self, x: Tensor, t: float) -> Tensor:
        """D(x, t), (draw, d)."""
        return self.inner(x.view(len(x), *self.inner.event_shape), t).mean.flatten(1).to(torch.float64)

    def ancestral(self, x: Tensor, clean: Tensor, t: float, s: float, white: Tensor) -> Tensor:
        """A draw of x_s given x_t = x and x_0 = clean: mean clean + (s/t)^2 (x - clean), variance s^2 (1 - (s/t)^2)."""
        share = (s / t) ** 2
        return clean + share * (x - clean) + s * math.sqrt(1 - share) * white

    def gained(self, x: Tensor, variance: float, y: Tensor | None = None) -> Tensor:
        """E[x_0 | y] for x_0 ~ N(x, variance I)."""
        rows, r = self.seen.rows, self.seen.r
        system = variance * rows @ rows.T + r
        ridge = RIDGE * system.diagonal().mean() * torch.eye(len(system), dtype=system.dtype)
        missed = (self.seen.y if y is None else y) - x @ rows.T
        found: Tensor = x + variance * torch.linalg.solve(system + ridge, missed.T).T @ rows
        return found

    def given(self, x: Tensor, variance: float, number: int) -> Tensor:
        """A draw of x_0 given y for x_0 ~ N(x, variance I), by Matheron's rule."""
        drawn = x + math.sqrt(variance) * self.white(number)
        own = self.random.normal(1, (self.draws, self.seen.size), number + 1)[0] @ self.seen.root.T
        return self.gained(drawn, variance, self.seen.y - own)

    @cached_property
    def projection(self) -> Tensor:
        """A^+, (d, m)."""
        found: Tensor = torch.linalg.pinv(self.seen.rows)
        return found


def runs(
    kind: type[Run],
    name: str,
    denoiser: Denoiser,
    given: Sequence[Given],
    prior: Gaussian | None,
    *,
    draws: int,
    steps: int | None,
    seed: int = 0,
    first: int = 0,
) -> Particles:
    """Draws by a method, equally weighted, of every case of y. ``prior`` is the Gaussian of the signals, of which scale and mean are used.

    Raises ``InputError`` for other than linear measurements with Gaussian noise, exact values that contradict each other or the
    Gaussian, and a denoiser whose signals are not known.
    """
    event = denoiser.event_shape
    if not all(one.plain for one in given):
        raise InputError(f"method {name!r} is for linear measurements with Gaussian noise: choose 'twisted', or leave method out")
    if prior is None:
        raise InputError(f"method {name!r} needs the mean and scale of the signals, which a {denoiser.described()} does not know")
    many, fixed = cases_of(given, event), seen_by(given, prior)
    say_far(prior, given, fixed)
    scale, mean = (float(prior.operator.trace()) / prior.size) ** 0.5, prior.mean().flatten()
    levels = checks.count(STEPS if steps is None else steps, "steps", at_least=2)
    found = []
    for case in range(many or 1):
        part = fixed.cases(case, case + 1) if len(fixed.y) > 1 else fixed
        run = kind(denoiser, part, mean, scale, levels, draws, Noise(checks.seed(seed), first + case))
        found.append(run.draw())
    points = torch.stack(found).view(*(() if many is None else (many,)), draws, *event)
    return Particles(points, torch.zeros(points.shape[: points.ndim - len(event)], dtype=torch.float64))


STEPS = 200
"""Noise levels of a run, unless the caller says otherwise."""
