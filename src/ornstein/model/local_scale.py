"""A local scale: bands of forecasts that widen and narrow with the errors that the last samples of a history made.

    v_t = a v_{t-1} + (1 - a) z_t^2 / level,  a = 2^(-1 / half-life)        z_t one sample ahead, v = 1 before the first
    q  ->  m + v^(g / 2) (q - m)                                            for quantiles and paths alike, m the median

in the scores of the law, channel by channel: the exponentially weighted mean square of RiskMetrics (J.P. Morgan 1996, section 5.2), with a
power g, since storms die out within a horizon. A sample without an error leaves v as it is. The level is the mean square of all errors
in the history, at most 1: a law that was fitted to this history foresees it too well, which does not narrow its bands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.denoisers import Gaussian
from ornstein.denoisers.filling import DENSE
from ornstein.fitting.pinball import LEVELS, pinball
from ornstein.fitting.scaling import Scaler
from ornstein.model.errors_ahead import errors_ahead
from ornstein.model.imputing import Exact, Filler
from ornstein.model.origins import FEWEST, Origins, origins
from ornstein.model.quantiles import quantiles

AUTO, NONE = "auto", "none"
HALF_LIVES, POWERS = (20.0, 60.0, 250.0), (0.5, 1.0)
BETTER = 0.99
"""Share of the score without a scale that one with it must reach."""
LEAST, LARGEST = 0.1, 10.0
"""Ends of the scale: one broken or stuck stretch neither empties the bands nor blows them up."""


@dataclass(frozen=True, eq=False)
class LocalScale:
    """How the scale follows the errors: its half-life in samples, its power g in (0, 1], and the mean square (channel,) that it takes for 1
    (None: that of the history, at most 1)."""

    half_life: float
    power: float = 0.5
    level: Tensor | None = None

    def __post_init__(self) -> None:
        checks.positive(self.half_life, "half_life")
        if checks.positive(self.power, "power") > 1:
            raise InputError(f"power is {self.power:g}, but must lie in (0, 1], such as 0.5")
        if self.level is not None:
            level = checks.tensor(self.level, "level", ndim=(1,)).to(torch.float64)
            if not bool((level > 0).all()):
                raise InputError(f"level is {checks.shown(self.level)}, but must hold one positive mean square for each channel")
            object.__setattr__(self, "level", level)

    @property
    def reach(self) -> int:
        """Samples after which an error counts a thousandth of what it did."""
        return math.ceil(10 * self.half_life)

    def along(self, z: Tensor) -> Tensor:
        """The scale (case, channel, time + 1) before every sample, and after the last, of errors z (case, channel, time)."""
        from scipy.signal import lfilter  # heavy to import, and needed only here

        known = ~torch.isnan(z)
        level = level_of(z) if self.level is None else self.level
        if len(level) not in (1, z.shape[1]):
            raise InputError(f"level holds {len(level)} mean squares, but the law has {z.shape[1]} channels: give one for each")
        squares = z.square() / level.unsqueeze(1)
        packed = squares.gather(-1, (~known).to(torch.uint8).argsort(stable=True, dim=-1)).nan_to_num(0.0)
        keep = 0.5 ** (1 / self.half_life)
        start = torch.ones_like(z[..., :1])
        found, _ = lfilter([1 - keep], [1, -keep], packed.numpy(), zi=(keep * start).numpy())
        after = torch.cat([start, torch.from_numpy(found)], -1)
        count = torch.cat([torch.zeros_like(known[..., :1], dtype=torch.int64), known.cumsum(-1)], -1)
        return after.gather(-1, count).pow(self.power / 2).clamp(LEAST, LARGEST)


def level_of(z: Tensor) -> Tensor:
    """The mean square (channel,) of errors z (case, channel, time), at most 1."""
    return z.square().nanmean((0, 2)).nan_to_num(1.0).clamp(1e-12, 1.0)


def scaled(values: Tensor, middle: Tensor, ratio: Tensor, scaler: Scaler) -> Tensor:
    """Values (k, case, *event) at ``ratio`` (case, *lead, 1) times their distance from the medians (1, case, *event), in scores."""
    m = scaler.encode(middle)
    return scaler.decode(m + ratio * (scaler.encode(values) - m))


class Chosen(NamedTuple):
    """What the forecasts of a history take: the local scale, its value at the end (case, *lead, 1), and why, in one line."""

    scale: LocalScale | None
    ratio: Tensor | None
    why: str


def checked(asked: object) -> str | LocalScale:
    """What may be asked for: auto, none or a ``LocalScale``. Raises ``InputError`` otherwise."""
    if isinstance(asked, LocalScale):
        return asked
    if isinstance(asked, str) and asked in (AUTO, NONE):
        return asked
    raise InputError(
        f"local_scale is {checks.shown(asked)}, but must be 'auto', 'none' or an orn.LocalScale, such as orn.LocalScale(20, 0.5)"
    )


def chosen(filler: Filler, history: Tensor, horizon: int, asked: str | LocalScale) -> Chosen:
    """The local scale of forecasts by ``filler``: as asked, or by the score of those from origins in the history (case, *lead, time).

    The score is the mean pinball loss in deviations of the channels, over all leads; with a scale it must be below ``BETTER`` of that
    without. Raises ``InputError`` where one is asked for of what is no Gaussian of up to 2048 entries.
    """
    if asked == NONE:
        why = "no local scale, as asked"
        return Chosen(None, None, why)
    law = filler.law
    if not (isinstance(filler, Exact) and isinstance(law, Gaussian) and not law.batch_shape and law.size <= DENSE):
        if isinstance(asked, LocalScale):
            raise InputError(f"local_scale is given, but only a Gaussian of up to {DENSE} entries can have one: use local_scale='none'")
        why = f"no local scale: only a Gaussian of up to {DENSE} entries can have one"
        return Chosen(None, None, why)
    z = errors_ahead(law, filler.scaler, history)
    if isinstance(asked, LocalScale):
        why = f"a local scale of half-life {asked.half_life:g} and power {asked.power:g}, as asked"
        found = asked if asked.level is not None else replace(asked, level=level_of(z))
        return _at_the_end(found, z, history, why)
    count = int((~torch.isnan(z)).any(1).sum())
    if count < FEWEST:
        why = f"no local scale: the history shows {count} errors one sample ahead, and {FEWEST} are needed"
        return Chosen(None, None, why)
    seen = origins(history, law.event_shape[-1], horizon)
    if isinstance(seen, int):
        why = f"no local scale: the history holds {seen} origins, and {FEWEST} are needed to choose"
        return Chosen(None, None, why)
    without, scores = _scores(filler, seen, horizon, z)
    best = min(scores, key=lambda scale: scores[scale])
    error, n = scores[best], len(seen.case)
    if error >= BETTER * without:
        why = f"no local scale: the error at {n} origins in the history is {without:.3g}, and {error:.3g} with one"
        return Chosen(None, None, why)
    h, g = best.half_life, best.power
    why = f"a local scale of half-life {h:g} and power {g:g}: the error at {n} origins in the history is {error:.3g}, {without:.3g} without"
    return _at_the_end(best, z, history, why)


def _at_the_end(scale: LocalScale, z: Tensor, history: Tensor, why: str) -> Chosen:
    return Chosen(scale, scale.along(z)[..., -1].view(*history.shape[:-1], 1), why)


def _scores(filler: Exact, seen: Origins, horizon: int, z: Tensor) -> tuple[float, dict[LocalScale, float]]:
    """The score of forecasts from origins without a scale, and with each of those that are tried."""
    window, level = seen.windows.shape[-1], level_of(z)
    shown, truth = seen.windows.clone(), seen.windows[..., -horizon:]
    shown[..., -horizon:] = torch.nan
    plain = quantiles(filler, shown, torch.special.ndtri(LEVELS), 1, 0, lambda _: None)
    middle = plain[len(LEVELS) // 2].unsqueeze(0)

    def score(found: Tensor) -> float:
        return float((pinball(truth, found[..., -horizon:]) / filler.scaler.scale[..., -horizon:]).nanmean())

    scores = {}
    for half_life, power in product(HALF_LIVES, POWERS):
        scale = LocalScale(half_life, power, level)
        ratio = scale.along(z)[seen.case, :, seen.start + window - horizon].view(*truth.shape[:-1], 1)
        scores[scale] = score(scaled(plain, middle, ratio, filler.scaler))
    return score(plain), scores
