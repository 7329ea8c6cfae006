"""Ways to fill gaps, measured on a person's own data: what is hidden in held-out cases is filled and compared with the truth."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, OrnsteinError
from ornstein.common.random import Noise
from ornstein.common.signals import Signals
from ornstein.covariance import interpolated
from ornstein.fitting.pinball import LEVELS
from ornstein.metrics import gap_peers
from ornstein.metrics.filling import Errors, errors_of
from ornstein.model.fit import fit

PATTERNS = ("points 10 %", "points 50 %", "points 90 %", "blocks", "stretch", "channel")
"""Entries at random; a stretch of a sixth of the time in each channel by itself; the same in all channels; a whole channel."""
LAWS: dict[str, dict[str, Any]] = {
    "gaussian": {},
    "gaussian, marginals": {"marginals": "gaussian"},
    "low rank": {"structure": "low-rank"},
    "coregionalised": {"structure": "coregionalised"},
    "kronecker": {"structure": "kronecker"},
    "toeplitz": {"structure": "toeplitz"},
    "mixture": {"model": "mixture"},
}
SIMPLE = ("linear", "last value", "seasonal mean")
PEERS = tuple(gap_peers.PEERS)
WAYS = (*SIMPLE, *LAWS, *PEERS)
HELD_OUT = 0.3


@dataclass(frozen=True, eq=False)
class Filled:
    """One way on one pattern: its errors, and seconds of fitting (once for all patterns) and of filling."""

    way: str
    pattern: str
    errors: Errors
    fitting: float
    filling: float


@dataclass(frozen=True, eq=False)
class GapBench:
    """All rows, how many cases were learned from and filled, and why a way is missing."""

    rows: tuple[Filled, ...]
    learned: int
    filled: int
    refused: dict[str, str]


def bench_gaps(x: object, *, peers: bool = True, seed: int = 0, progress: Callable[[str], None] | None = None) -> GapBench:
    """Every way on every pattern for signals x (case, channel, time): the last 30 % of the cases are held out and have values hidden.

    With ``peers``, models of PyPOTS and Qolmat too where these are installed (``gap_peers``): minutes each, and more for large signals.

    "linear", "last value" and "seasonal mean" (that of the time of the window over the cases learned from) have the quantiles of their
    own errors on the same pattern, hidden in those cases, as bands, and so have peers that draw nothing. Only values that are there
    are hidden and scored. A way that these data refuse is left out, and its reason kept. Raises ``InputError`` for fewer than ten cases.
    """
    values = checks.tensor(x.values if isinstance(x, Signals) else x, "x", missing=True)
    values = values.unsqueeze(1) if values.ndim == 2 else values
    if values.ndim != 3 or len(values) < 10:
        raise InputError(f"x has shape {tuple(values.shape)}, but a benchmark needs at least ten cases (case, channel, time): cut windows")
    tell = progress or (lambda _: None)
    split = len(values) - max(round(HELD_OUT * len(values)), 2)
    train, test = values[:split], values[split:]
    scale = (train - train.nanmean((0, 2), keepdim=True)).square().nanmean((0, 2), keepdim=True).sqrt()[0]
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    patterns = [name for name in PATTERNS if values.shape[1] > 1 or name not in ("stretch", "channel")]
    masks = {name: (hide(train, name, seed), hide(test, name, seed + 1)) for name in patterns}
    rows, refused = [], {}
    for way in SIMPLE:
        tell(way)
        for name in patterns:
            begun = time.perf_counter()
            q = _banded(_simple(way, train), train, test, masks[name])
            rows.append(_row(way, name, test, q, masks[name][1], scale, 0.0, time.perf_counter() - begun))
    for way, options in LAWS.items():
        tell(way)
        begun = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                model = fit(train, folds=0, seed=seed, **options)
                fitting = time.perf_counter() - begun
                for name in patterns:
                    begun = time.perf_counter()
                    q = model.quantiles(torch.where(masks[name][1], torch.nan, test), LEVELS, seed=seed)
                    rows.append(_row(way, name, test, q, masks[name][1], scale, fitting, time.perf_counter() - begun))
        except OrnsteinError as reason:
            refused[way] = str(reason)
    for way in PEERS if peers else ():
        tell(way)
        if (package := gap_peers.missing(way)) is not None:
            why = f"{package} is not installed: pip install {package} adds it to the table"
            refused[way] = why
            continue
        try:
            rows += _of_peer(way, train, test, masks, scale, seed)
        except Exception as wrong:  # whatever code of others raises, the table is kept
            why = f"it ended with {type(wrong).__name__}: {wrong}"
            refused[way] = why
    return GapBench(tuple(sorted(rows, key=lambda row: patterns.index(row.pattern))), len(train), len(test), refused)


def hide(x: Tensor, pattern: str, seed: int = 0) -> Tensor:
    """Which observed values of x (case, channel, time) a pattern hides."""
    cases, channels, times = x.shape
    noise = Noise(seed)
    if pattern.startswith("points"):
        hidden = noise.uniform(cases, (channels, times)) < float(pattern.split()[1]) / 100
    elif pattern == "channel":
        own = (noise.uniform(cases) * channels).long()
        hidden = (torch.arange(channels) == own.unsqueeze(1)).unsqueeze(2).expand(x.shape)
    else:
        length = max(times // 6, 1)
        rows = channels if pattern == "blocks" else 1
        start = (noise.uniform(cases, (rows, 1)) * (times - length + 1)).long()
        at = torch.arange(times)
        hidden = ((at >= start) & (at < start + length)).expand(x.shape)
    return hidden & ~torch.isnan(x)


def _row(way: str, name: str, test: Tensor, q: Tensor, hidden: Tensor, scale: Tensor, fitting: float, filling: float) -> Filled:
    truth = torch.where(hidden, test, torch.nan)
    return Filled(way, name, errors_of(truth, q, scale), fitting, filling)


def _of_peer(way: str, train: Tensor, test: Tensor, masks: dict[str, tuple[Tensor, Tensor]], scale: Tensor, seed: int) -> list[Filled]:
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begun = time.perf_counter()
        fill = gap_peers.learned(way, train, seed)
        fitting = time.perf_counter() - begun
        for name, hidden in masks.items():
            begun = time.perf_counter()
            q = _banded(fill, train, test, hidden)
            rows.append(_row(way, name, test, q, hidden[1], scale, fitting, time.perf_counter() - begun))
    return rows


def _banded(fill: gap_peers.Fill, train: Tensor, test: Tensor, hidden: tuple[Tensor, Tensor]) -> Tensor:
    """Quantiles (level, case, channel, time): those of the draws, or the filled values and the errors of filling the cases learned from,
    channel by channel."""
    drawn = fill(torch.where(hidden[1], torch.nan, test))
    if len(drawn) > 1:
        return torch.quantile(drawn, LEVELS, dim=0)
    wrong = train - fill(torch.where(hidden[0], torch.nan, train))[0]
    wrong = torch.where(hidden[0], wrong, torch.nan).transpose(0, 1).flatten(1)
    spread = torch.stack([_quantiles(row[~torch.isnan(row)]) for row in wrong], 1)
    return drawn + spread.view(len(LEVELS), 1, -1, 1)


def _simple(way: str, train: Tensor) -> gap_peers.Fill:
    mean = interpolated(train.nanmean(0))
    return lambda shown: _filled(way, shown, mean).unsqueeze(0)


def _quantiles(errors: Tensor) -> Tensor:
    return torch.quantile(errors[:: -(-len(errors) // (1 << 20))], LEVELS) if len(errors) else torch.zeros(len(LEVELS), dtype=torch.float64)


def _filled(way: str, shown: Tensor, mean: Tensor) -> Tensor:
    if way == "linear":
        found = interpolated(shown)
    elif way == "last value":
        seen = ~torch.isnan(shown)
        last = torch.where(seen, torch.arange(shown.shape[-1]), torch.full(shown.shape, -1)).cummax(-1).values
        found = torch.where(last >= 0, shown.gather(-1, last.clamp_min(0)), torch.nan)
    else:
        found = torch.where(torch.isnan(shown), mean, shown)
    return torch.where(torch.isnan(found), mean.expand(found.shape), found)
