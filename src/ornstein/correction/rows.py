"""What a correction learns from: hidden entries of cases under masks, with what the law says of them, in a stream without end."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.correction.sight import sight, width
from ornstein.denoisers import Denoiser, Law, Network
from ornstein.denoisers.filling import Parts, components
from ornstein.denoisers.gap_marginals import marginals
from ornstein.fitting.scaling import Scaler
from ornstein.training import Masks

EACH = 128
"""Hidden entries of one case under one mask that are looked at, at most: of many masks more is learned than of many entries of one."""
_GRID = torch.linspace(-5, 5, 41, dtype=torch.float64)
_FINE = torch.linspace(-9, 9, 1441, dtype=torch.float64)
_NUMBERS = 1 << 17
"""Entries of the cases that are conditioned at once."""
_USE = 48
"""Bits of a number below those that say what it is used for."""
_PICK, _ORDER = 5, 6
"""Streams beside those of masks."""


class Rows(NamedTuple):
    """Hidden entries: features (n, f), variable (n,), the law's quantiles in scores at an even grid (n, 41), the row of their curve
    (n,), the truth in deviations (n,), and their case (n,)."""

    features: Tensor
    variable: Tensor
    quantiles: Tensor
    curve: Tensor
    truth: Tensor
    case: Tensor

    def of(self, some: Tensor | slice) -> Rows:
        return Rows(*(part[some] for part in self))

    @classmethod
    def joined(cls, parts: list[Rows]) -> Rows:
        return cls(*(torch.cat(column) for column in zip(*parts, strict=True)))


class Problem(NamedTuple):
    """A law, its scaling, the gaps that are to be filled, and tables (row, 1441) of values in deviations at ``_FINE`` scores, None for
    straight lines."""

    parts: Parts
    scaler: Scaler
    event: tuple[int, ...]
    masks: Masks
    curves: Tensor | None

    @classmethod
    def of(cls, law: Denoiser, scaler: Scaler, masks: Masks) -> Problem:
        """Of a network that fills gaps, the law that it stands on. Raises ``InputError`` for laws that are not conditioned all at once, and
        for images."""
        parts = stands_on(law)
        if parts is None:
            raise InputError(
                f"the model is {law.described()}, but a correction stands on a Gaussian or a mixture of up to 2048 entries, or on a "
                "network with masks around one: fit one of these, or shorter windows"
            )
        width(law.event_shape)
        if scaler.curves is None:
            return cls(parts, scaler, law.event_shape, masks, None)
        tables = scaler.curves.decode(_FINE.expand(len(scaler.curves.values), -1))
        by_row = scaler.scale.reshape(len(tables), -1)[:, :1], scaler.centre.reshape(len(tables), -1)[:, :1]
        return cls(parts, scaler, law.event_shape, masks, (tables - by_row[1]) / by_row[0])

    def values(self, scores: Tensor, rows: Rows) -> Tensor:
        """Where the law, asked at ``scores`` (19, n), says that the entries lie, in deviations of their variable; differentiable."""
        found = _looked_up(rows.quantiles, _GRID, scores)
        if self.curves is None:
            return found
        return _looked_up(self.curves.to(found), _FINE, found, rows.curve)

    def hidden(self, x: Tensor, number: Tensor, noise: Noise) -> Rows:
        """Those of the entries of x (case, *event) that masks hide and that have a truth, ``EACH`` of a case at most."""
        hidden = self.masks.hidden(noise, len(x), self.event)
        u = self.scaler.encode(torch.where(hidden, torch.nan, x)).flatten(1)
        truth = hidden.flatten(1) & ~torch.isnan(x).flatten(1)
        place = torch.where(truth, noise.uniform(len(u), (u.shape[1],), _PICK), 2.0)
        last = place.kthvalue(min(EACH, u.shape[1]), 1, keepdim=True).values
        wanted = truth & (place <= last)
        known = marginals(self.parts, u, wanted)
        features, variable = sight(self.parts, u, known, wanted, self.event)
        case, entry = wanted.nonzero().T
        quantiles = torch.stack([known.quantile(z.expand(len(case))) for z in _GRID], 1)
        standard = (x - self.scaler.centre) / self.scaler.scale
        curve = entry // (u.shape[1] // (1 if self.curves is None else len(self.curves)))
        return Rows(features.float(), variable, quantiles.float(), curve, standard.flatten(1)[case, entry].float(), number[case])


class Stream:
    """Hidden entries of x (case, *event), without end: each time that a case has its turn it comes with a new mask.

    They belong to (seed, use, turn, case). The order of cases is another one in every turn. Cost: .02 ms an entry of 35 x 48.
    """

    def __init__(self, problem: Problem, x: Tensor, seed: int, use: int) -> None:
        self.problem, self.x = problem, x[(~torch.isnan(x)).flatten(1).any(1)]
        self.seed, self.first, self.turn, self.left = seed, use << _USE, 0, torch.zeros(0, dtype=torch.int64)
        self.together = max(1, _NUMBERS // (x[0].numel() * max(len(problem.parts) // 4, 1)))

    def take(self, least: int, turns: int = 1) -> Rows:
        """The next entries, ``least`` or some more, or those of ``turns`` whole turns."""
        found: list[Rows] = []
        last, total = self.turn + turns, 0
        while total < least:
            if not len(self.left):
                if self.turn == last:
                    break
                self.left = self._order()
                self.turn += 1
            some, self.left = self.left[: self.together], self.left[self.together :]
            noise = Noise(self.seed, index=self.first + self.turn * len(self.x) + some)
            found.append(self.problem.hidden(self.x[some], some, noise))
            total += len(found[-1].case)
        return Rows.joined(found)

    def _order(self) -> Tensor:
        return Noise(self.seed, index=self.first + torch.tensor([self.turn])).uniform(1, (len(self.x),), _ORDER)[0].argsort()


def stands_on(law: Denoiser) -> Parts | None:
    """What the small Gaussian or mixture consists of that a model is, or that its network for gaps stands on; None for others."""
    if isinstance(law, Network):
        return components(law.guide) if law.inpaints else None
    return components(law) if isinstance(law, Law) else None


def _looked_up(table: Tensor, grid: Tensor, at: Tensor, row: Tensor | None = None) -> Tensor:
    """Entry by entry a function given by its ``table`` (n, grid) at an even grid, at (k, n), straight between two points and beyond."""
    step = float(grid[1] - grid[0])
    place = ((at - float(grid[0])) / step).T
    k = place.detach().floor().long().clamp(0, len(grid) - 2)
    own = torch.arange(len(table)) if row is None else row
    low, high = table[own.unsqueeze(1), k], table[own.unsqueeze(1), k + 1]
    return (low + (place - k) * (high - low)).T
