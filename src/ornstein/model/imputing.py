"""Filling gaps of signals: from an analytic law every case with a pattern of its own, in batches, or by runs of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.correction.correction import Correction
from ornstein.correction.rows import stands_on
from ornstein.denoisers import Denoiser, Law
from ornstein.denoisers.filling import components, draw_gaps
from ornstein.denoisers.gap_marginals import marginals
from ornstein.fitting.scaling import Scaler
from ornstein.measurements import Mask
from ornstein.nets import Condition
from ornstein.samplers import Sampler, Steps
from ornstein.samplers.imputing import impute as sampled
from ornstein.schedules import Schedule

Tell = Callable[[int], None]
_MEMORY = 1 << 23
"""Numbers drawn at once: 64 MiB."""
RANKED = 32
"""Draws of a network, at least, whose ranks say which corrected quantile each is moved to."""
_CASE = (1 << 32) - 1
"""The part of a number that is the case; the rest counts its draws."""


class Filler(Protocol):
    """How gaps of signals as long as those of the law are filled."""

    @property
    def law(self) -> Denoiser: ...
    @property
    def scaler(self) -> Scaler: ...
    @property
    def correction(self) -> Correction | None: ...

    def __call__(self, x: Tensor, draws: int, seed: int, tell: Tell, numbers: Tensor | None = None, only: Tensor | None = None) -> Tensor:
        """Draws (draw, case, *event) of what NaN hides in x (case, *event), in the units of x. A case draws by its number, which is
        its place unless ``numbers`` (case,) say otherwise; ``tell`` hears how many cases were finished. Gaps that are not among ``only``
        (case, *event) may hold anything."""


@dataclass(frozen=True, eq=False)
class Exact:
    """By a law in closed form, with what was learned of its quantiles."""

    law: Law
    scaler: Scaler
    correction: Correction | None = None

    def __call__(self, x: Tensor, draws: int, seed: int, tell: Tell, numbers: Tensor | None = None, only: Tensor | None = None) -> Tensor:
        return impute(self.law, self.scaler, x, draws, seed, tell, numbers=numbers, correction=self.correction)


@dataclass(frozen=True, eq=False)
class Sampled:
    """By runs of a network that was trained with masks, told ``condition``: one row, or one for each case. With a correction at least
    ``RANKED`` draws are made, so that their ranks say where each lies, and the first ones are returned."""

    law: Denoiser
    scaler: Scaler
    sampler: Sampler
    schedule: Schedule
    steps: Steps
    condition: Condition | None = None
    correction: Correction | None = None

    def __call__(self, x: Tensor, draws: int, seed: int, tell: Tell, numbers: Tensor | None = None, only: Tensor | None = None) -> Tensor:
        told = self.condition
        if told is not None and told.rows > 1 and numbers is not None:
            told = told[numbers & _CASE]
        u, made = self.scaler.encode(x), draws if self.correction is None else max(draws, RANKED)
        run = (self.sampler, self.schedule, self.steps, made)
        drawn = sampled(self.law, u, *run, condition=told, seed=seed, progress=tell, numbers=numbers, only=only)
        if self.correction is not None:
            wanted = torch.isnan(u) if only is None else torch.isnan(u) & only
            drawn = self._moved(self.correction, u, drawn, wanted, seed, torch.arange(len(x)) if numbers is None else numbers)[:draws]
        return torch.where(torch.isnan(x), self.scaler.decode(drawn), x)

    def _moved(self, correction: Correction, u: Tensor, drawn: Tensor, wanted: Tensor, seed: int, numbers: Tensor) -> Tensor:
        """The draws (draw, case, *event) of all cases by the corrected quantiles, some cases at a time."""
        parts = stands_on(self.law)
        assert parts is not None  # or there were no correction
        out = drawn.clone()
        for cases in wanted.flatten(1).any(1).nonzero()[:, 0].split(max(1, _MEMORY // drawn[:, 0].numel())):
            some = (u[cases].flatten(1), drawn[:, cases].flatten(2), wanted[cases].flatten(1))
            found = correction.by_rank(parts, *some, Noise(seed, index=numbers[cases]))
            out[:, cases] = found.view(out[:, cases].shape)
        return out


def impute(
    law: Law,
    scaler: Scaler,
    x: Tensor,
    draws: int,
    seed: int,
    progress: Tell | None = None,
    *,
    numbers: Tensor | None = None,
    correction: Correction | None = None,
) -> Tensor:
    """Draws of what NaN hides in x (case, *event), (draw, case, *event), in the units of x; see ``Model.impute``.

    A case draws by its number, which is its place unless ``numbers`` (case,) say otherwise.
    """
    tell = progress or (lambda _: None)
    numbers = torch.arange(len(x)) if numbers is None else numbers
    scaled = scaler.encode(x)
    parts = components(law)
    out = x.expand(draws, *x.shape).clone()
    if parts is None:
        _by_pattern(law, scaler, scaled, out, seed, numbers, tell)
        return torch.where(torch.isnan(x), out, x)
    gappy = torch.isnan(x).flatten(1).any(1)
    tell(int((~gappy).sum()))
    for cases in gappy.nonzero()[:, 0].split(max(1, _MEMORY // (draws * law.size))):
        u = scaled[cases].flatten(1)
        drawn = draw_gaps(parts, u, Noise(seed, index=numbers[cases]), draws)
        if correction is not None:
            known, hidden = marginals(parts, u), torch.isnan(u)
            bend = correction(parts, u, known)
            for k in range(draws):
                drawn[:, k][hidden] = known.quantile(bend(known.score(drawn[:, k][hidden]).unsqueeze(0))[0])
        values = scaler.decode(drawn.movedim(1, 0).reshape(draws, len(cases), *law.event_shape))
        out[:, cases] = torch.where(torch.isnan(x[cases]), values, x[cases])
        tell(len(cases))
    return out


def _by_pattern(law: Law, scaler: Scaler, u: Tensor, out: Tensor, seed: int, numbers: Tensor, tell: Tell) -> None:
    """Cases that share a pattern of gaps are conditioned together, into ``out``."""
    patterns, member = torch.unique(~torch.isnan(u).flatten(1), dim=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        cases = (member == k).nonzero()[:, 0]
        if not bool(pattern.all()):
            mask = pattern.view(law.event_shape)
            part = law.condition(Mask(mask), u[cases][:, mask]).law
            out[:, cases] = scaler.decode(part.draw(Noise(seed, index=numbers[cases]), len(out)))
        tell(len(cases))
