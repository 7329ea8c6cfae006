"""Gaussianised marginals: the curve u = g(x) of a channel or entry, so that a law of Gaussian kind lives in u.

    u = a ((1 - w) (x - mean) / deviation + w z(x)) + b

z is the normal score of a smoothed distribution function: Gaussian kernels at up to 256 quantiles, dense in
the tails, beside a wide Gaussian. The weight w
shrinks it towards the straight line by cross-validated likelihood; a and b make the mean of u 0 and its deviation 1. The curve is a
spline through z at normal quantiles, with straight tails. Sources: Liu, Lafferty and Wasserman (2009), "The nonparanormal"; Silverman
(1986, section 3.4.1) for the width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.folds import Fold, blocks, turns
from ornstein.common.random import Noise
from ornstein.fitting.curves import Curves
from ornstein.fitting.piles import piles
from ornstein.fitting.scaling import Scaler

CENTRES, KNOTS = 256, 49
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_TAIL_WIDTH = 2.0
_HALVINGS = 60
_FOLDS = 5
_MOST = 20_000
_FEWEST = 20
_FAR = 5.0
_STEEPEST = 1e3
"""Steepest and flattest slope of a curve, per deviation, over that of the straight line: what piles of equal values ask for."""


MARGINALS = ("gaussian", "auto")


def gaussianised(x: Tensor, standardize: str, seed: int = 0, overlap: int = 0) -> tuple[Scaler, tuple[float, ...], str]:
    """The scaling of x (case, *event) with a curve for every channel ("channel") or entry ("feature"), the weights of the curves, and a
    sentence on values that repeat ("" where hardly any do). ``overlap``: how many neighbours on either side share samples with a case."""
    scaler = Scaler.fit(x, standardize)
    if standardize == "none":
        raise InputError("standardize is 'none', but marginals scale every channel or entry: leave one of the two out")
    channels = 1 if x.ndim == 2 else x.shape[1]
    rows = scaler.scale.numel() if standardize == "feature" else channels
    values = x.to(torch.float64).reshape(len(x), rows, -1).transpose(0, 1).flatten(1)
    seen, case = ~torch.isnan(values), torch.arange(len(x)).repeat_interleave(values.shape[1] // len(x))
    kept = [row[mine] for row, mine in zip(values, seen, strict=True)]
    found = [fit_curve(row, None, seed, Shared(case[mine], overlap)) for row, mine in zip(kept, seen, strict=True)]
    curves = Curves(*(torch.stack(parts) for parts in zip(*(curve for curve, _ in found), strict=True)))
    return replace(scaler, curves=curves), tuple(weight for _, weight in found), piles(kept)


class Curve(NamedTuple):
    """Knots of one curve, (KNOTS,) each."""

    values: Tensor
    scores: Tensor
    slopes: Tensor

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(u, log du/dx) of x (n,)."""
        u, slope = Curves(*(part.unsqueeze(0) for part in self)).encode(x.unsqueeze(0))
        return u[0], slope[0]


class Shared(NamedTuple):
    """Which case each value came from (n,), and how many neighbours on either side share samples with a case."""

    case: Tensor
    overlap: int


def fit_curve(x: Tensor, weight: float | None = None, seed: int = 0, shared: Shared | None = None) -> tuple[Curve, float]:
    """The curve of values x (n,) without NaN and its weight, by cross-validation where it is not given.

    Kernels are 0.9 min(deviation, interquartile range / 1.34) n^(-1/5) wide, at least a fiftieth of the deviation, and wider where
    values are far apart: ties, counts and zeros that pile up become bumps, and nothing is dithered. Fewer than twenty values, or
    values that never vary, get the straight line.
    """
    if _shapeless(x):
        return _curves(x, (0.0,))[0], 0.0
    weight = choose_weight(x, seed, shared) if weight is None else weight
    return _curves(x, (weight,))[0], weight


def _shapeless(x: Tensor) -> bool:
    return len(x) < _FEWEST or float(x.std(correction=0)) <= 1e-12 * abs(float(x.mean()))


def _curves(x: Tensor, weights: Sequence[float]) -> list[Curve]:
    """The curve of values x (n,) at each weight; what takes time, the quantiles of the smoothed values, serves them all."""
    mean, deviation = float(x.mean()), float(x.std(correction=0))
    straight = _straight(mean, deviation if deviation > 1e-12 * abs(mean) else 1.0)
    if _shapeless(x) or not any(weights):
        return [straight for _ in weights]
    reach = _reach(len(x))
    scores = torch.linspace(-reach, reach, KNOTS, dtype=x.dtype)
    values = _Smooth.of(x, mean, deviation).quantiles(scores)

    def bent(weight: float) -> Curve:
        u = (1 - weight) * (values - mean) / deviation + weight * scores
        secant = u.diff() / values.diff()
        slopes = torch.cat([secant[:1], 2 / (1 / secant[1:] + 1 / secant[:-1]), secant[-1:]])
        slopes = slopes.clamp(1 / (_STEEPEST * deviation), _STEEPEST / deviation)
        found, _ = Curve(values, u, slopes).encode(x)
        b, a = float(found.mean()), 1 / float(found.std(correction=0))
        return Curve(values, a * (u - b), a * slopes)

    return [bent(weight) if weight else straight for weight in weights]


def choose_weight(x: Tensor, seed: int = 0, shared: Shared | None = None) -> float:
    """w in WEIGHTS by the likelihood of held-out fifths of x (n,): the least within one standard error of the best, of at most
    20 000 values: of 2000, the same rule kept curves too straight where marginals are clearly bent.

    A value counts for at most 5 nats between two weights: a few far ones, which one weight calls impossible, would hide the rest.
    Where cases share samples, fifths are blocks of cases, nothing near a fifth is fitted beside it, and a value that comes ``overlap`` + 1
    times counts once in the error; too few such cases get the straight line.
    """
    if len(x) < 2 * _FEWEST:
        return 0.0
    chosen = Noise(seed).uniform(1, (len(x),))[0].argsort()[:_MOST]
    values, times = x[chosen], 1 if shared is None else shared.overlap + 1
    parts = turns(len(values), _FOLDS) if shared is None or times == 1 else _apart(shared.case[chosen], shared.overlap)
    if not parts:
        return 0.0
    folds = [[log_density(curve, values[part.test]) for curve in _curves(values[part.train], WEIGHTS)] for part in parts]
    levels = [torch.cat(level) for level in zip(*folds, strict=True)]
    best = max(levels, key=lambda level: float((level - levels[0]).clamp(-_FAR, _FAR).mean()))
    gaps = [(best - level).clamp(-_FAR, _FAR) for level in levels]
    near = [float(g.mean()) <= float(g.std(correction=0)) * math.sqrt(times / len(g)) for g in gaps]
    return next(w for w, good in zip(WEIGHTS, near, strict=True) if good)


def _apart(case: Tensor, overlap: int) -> tuple[Fold, ...]:
    """Folds of values, by the cases they came from (n,); none where overlap leaves too few cases to fit beside a fifth."""
    cases = int(case.max()) + 1
    if cases - -(-cases // _FOLDS) - 2 * overlap < 2:
        return ()
    return tuple(Fold(*(torch.isin(case, part).nonzero()[:, 0] for part in fold)) for fold in blocks(cases, _FOLDS, overlap))


def log_density(curve: Curve, x: Tensor) -> Tensor:
    """log density of x (n,) in nats each, where u is standard normal."""
    u, slope = curve.encode(x)
    return slope - 0.5 * (u**2 + math.log(2 * math.pi))


def _straight(mean: float, deviation: float) -> Curve:
    scores = torch.linspace(-1, 1, KNOTS, dtype=torch.float64)
    return Curve(mean + deviation * scores, scores, torch.full_like(scores, 1 / deviation))


class _Smooth(NamedTuple):
    """The smoothed distribution of values: kernels at ``points`` with ``widths`` and ``shares``, and a wide Gaussian that has ``tail``."""

    points: Tensor
    widths: Tensor
    shares: Tensor
    mean: float
    wide: float
    tail: float

    @classmethod
    def of(cls, x: Tensor, mean: float, deviation: float) -> _Smooth:
        order, n = x.sort().values, len(x)
        reach = _reach(n)
        edges = torch.special.ndtr(torch.linspace(-reach, reach, min(n, CENTRES) + 1, dtype=torch.float64))
        edges[0], edges[-1] = 0.0, 1.0
        points = order[((edges[1:] + edges[:-1]) / 2 * n).long().clamp(0, n - 1)]
        middle = float(order[(3 * n) // 4] - order[n // 4]) / 1.34
        spread = min(deviation, middle) if middle > 0 else deviation
        width = max(0.9 * spread * n**-0.2, deviation / 50)
        apart = torch.nn.functional.pad(points.diff(), (1, 1))
        return cls(points, (apart[1:] + apart[:-1]).div(2).clamp_min(width), edges.diff(), mean, _TAIL_WIDTH * deviation, min(0.1, 1 / n))

    def quantiles(self, scores: Tensor) -> Tensor:
        """x (k,) at which the distribution has these normal scores, by bisection."""
        level = torch.special.ndtr(scores)
        far = 10 * self.wide + (self.points - self.mean).abs().max()
        low, high = torch.full_like(scores, self.mean) - far, torch.full_like(scores, self.mean) + far
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            body = torch.special.ndtr((middle.unsqueeze(1) - self.points) / self.widths) @ self.shares
            above = (1 - self.tail) * body + self.tail * torch.special.ndtr((middle - self.mean) / self.wide) > level
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (low + high) / 2


def _reach(count: int) -> float:
    """The normal score that half of one value is expected to pass, at most 4."""
    return min(4.0, -float(torch.special.ndtri(torch.tensor(0.5 / count, dtype=torch.float64))))
