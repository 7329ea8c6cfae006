"""Data that were rounded: how to see it, and the probability of a rounded value instead of a density."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, counted, unknown_name
from ornstein.common.random import Noise
from ornstein.likelihood.density import Density

DEQUANTISATIONS = ("uniform", "normal")
_FEW = 16
"""Values that a grid is not guessed from: three random numbers have a common divisor of some size, sixteen do not."""
_DISTINCT = 4096
"""Distinct values that are looked at."""
_CASES, _CHANNELS = 256, 64
"""What a glance looks at."""
_ROUNDING, _FINEST, _AWAY = 3e-7, 30.0, 0.1
"""Share of the largest value that counts as rounding: five times that of float32. How many of it the finest step has that is told from
it, and how much of a step a value may be away from the grid."""
_TRUNCATED = 2.0
"""Deviations of the truncated normal in half a step, about which the bound changes little (Zheng et al. 2023, section 4.2)."""


def quantum(values: object) -> float | None:
    """The step of the grid that all values lie on, NaN left out; None where there is none coarser than 1e-5 of the largest.

    The greatest common divisor of their differences, by Euclid's algorithm up to rounding. At least 16 values, two of them distinct.
    """
    x = checks.tensor(values, "values", missing=True).flatten()
    x = x[~torch.isnan(x)]
    if len(x) < _FEW:
        return None
    distinct = x.unique()
    if len(distinct) < 2:
        return None
    kept = distinct[torch.linspace(0, len(distinct) - 1, min(len(distinct), _DISTINCT)).long().unique()]
    rounding = _ROUNDING * float(kept.abs().max())
    gaps = kept.diff()
    # neighbours first: their multiples of the step are small, and so is what Euclid makes of the rounding
    step = float(gaps.max())
    for gap in gaps[gaps > rounding].unique().tolist():
        a, b, times = step, gap, 0
        while b > rounding * (1 + times):
            times = round(a / b)
            a, b = b, abs(a - b * times)
        step = a
        if step < _FINEST * rounding:
            return None
    # ever longer distances, each a known multiple of the step, tell it ever more exactly
    uncertain = rounding
    for distance in torch.cat([gaps, kept - kept[0]]).unique()[1:].tolist():
        times = round(distance / step)
        if times and rounding / times < uncertain and times * uncertain < step / 3:
            step, uncertain = distance / times, rounding / times
    away = (kept - kept[0]) / step
    return step if bool(((away - away.round()).abs() < _AWAY).all()) else None


def quanta(x: object) -> tuple[float | None, ...]:
    """``quantum`` of every feature of vectors (case, feature), or of every channel of signals (case, channel, ...)."""
    values = checks.tensor(x, "x", missing=True)
    if values.ndim < 2:
        raise InputError(f"x has shape {tuple(values.shape)}, but must be (case, feature) or (case, channel, ...)")
    return tuple(quantum(part) for part in values.unbind(1))


def repeated(x: object) -> int:
    """How many cases (case, *event) are equal to an earlier one: a kernel density is rewarded for every one of them."""
    values = checks.tensor(x, "x", missing=True)
    rows = torch.nan_to_num(values.reshape(len(values), -1), nan=math.pi * 1e30)
    return len(values) - len(rows.unique(dim=0))


def probability(
    score: Callable[[Tensor], Tensor],
    x: object,
    step: float | Tensor,
    *,
    dequantisation: str = "uniform",
    draws: int = 16,
    seed: int = 0,
) -> Density:
    """log P(x) in nats of values rounded to a grid, from a log-density: the integral of the density over the cell around x, (case,).

        P(x) = int p(x + u) du over |u_i| <= step_i / 2 = E_q[p(x + u) / q(u)],      u ~ q

    q is uniform (q = 1 / prod step; Theis et al. 2016), or the normal of a quarter of the step cut off at the ends of the cell (Zheng
    et al. 2023): q = prod N(u_i; 0, step_i / 4) / erf(sqrt 2). The log of a mean over ``draws`` is a lower bound in expectation, which
    one draw makes the usual one; its standard error is that of the mean.

    score  a log-density in nats, (case, *event) -> (case,), such as ``model.log_prob``
    x      (case, *event), rounded values
    step   one number, or one per entry of the event (broadcast against it)

    Raises ``InputError`` for a step that is not above 0 and x that is not on a grid of it.
    """
    values = checks.tensor(x, "x")
    width = torch.as_tensor(step, dtype=torch.float64).expand(values.shape[1:])
    if not bool((width > 0).all()):
        raise InputError(f"step is {step}, but must be above 0: the distance of neighbouring values of the rounded data")
    if dequantisation not in DEQUANTISATIONS:
        raise unknown_name("dequantisation", dequantisation, DEQUANTISATIONS)
    checks.count(draws, "draws")
    away = (values - values[:1]) / width
    if bool(((away - away.round()).abs() > 1e-3).any()):
        raise InputError(
            "x does not lie on a grid with this step, so a step cannot be declared: leave it out, or give the step of the data"
        )
    inside = math.erf(_TRUNCATED / math.sqrt(2))
    weights = []
    for draw in range(draws):
        flat = Noise(seed).uniform(len(values), (values[0].numel(),), draw).reshape(values.shape)
        if dequantisation == "uniform":
            u, log_q = flat - 0.5, torch.zeros(len(values), dtype=torch.float64)
        else:
            z = math.sqrt(2) * torch.erfinv(inside * (2 * flat - 1))
            u = z / (2 * _TRUNCATED)
            densities = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) + math.log(2 * _TRUNCATED / inside)
            log_q = densities.flatten(1).sum(-1)
        weights.append(score(values + width * u) - log_q + width.log().sum())
    every = torch.stack(weights)
    value = torch.logsumexp(every, 0) - math.log(draws)
    spread = (every - value).exp().std(0) / math.sqrt(draws) if draws > 1 else torch.full_like(value, torch.inf)
    zero = torch.zeros_like(value)
    calls = torch.full((len(value),), draws)
    return Density(value, torch.nan_to_num(spread), zero, calls, "dequantised", f"{dequantisation} dequantisation with {draws} draws")


def bits_per_dim(log_probability: Tensor, entries: int) -> Tensor:
    """-log2 P / d of log-probabilities in nats: at least 0, and comparable between models of the same rounded data."""
    return -log_probability / (entries * math.log(2))


def rounding(values: Tensor) -> str:
    """What has to be known of a density of signals (case, *event) that were rounded, with the remedy; "" where no grid is seen."""
    every = quanta(values)
    steps = [step for step in every if step is not None]
    if not steps:
        return ""
    channels = "x is" if len(steps) == len(every) else f"{len(steps)} channels of x are"
    return (
        f"{channels} rounded to {min(steps):.4g}, and a density of rounded values can be made as large as one likes: "
        f"declare it, bits_per_dim(x, step={min(steps):.4g}) (--step {min(steps):.4g}), for probabilities"
    )


def looks_rounded(values: Tensor) -> bool | None:
    """Whether a part of signals (case, *event) lies on a grid: 256 cases, 64 entries or channels; None for fewer than 16 values of each."""
    part = values[:_CASES]
    part = part[:, torch.linspace(0, part.shape[1] - 1, min(part.shape[1], _CHANNELS)).long()]
    return None if part[:, 0].numel() < _FEW else any(step is not None for step in quanta(part))


def remarks(values: object, *, declared: bool = False) -> list[str]:
    """What has to be known of signals (case, *event) before their densities are read, a sentence each: rounded and repeated values.

    ``declared``: the step was given, so rounding is accounted for.
    """
    x = checks.tensor(values, "values", missing=True)
    note = "" if declared else rounding(x)
    notes = [note] if note else []
    if again := repeated(x):
        notes.append(f"{counted(again, 'case')} equal to earlier ones: a kernel density is rewarded for each of them that it was fitted to")
    return notes
