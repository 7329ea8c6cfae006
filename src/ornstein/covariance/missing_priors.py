"""What a covariance with gaps is drawn towards: laws of a few numbers, and structures that a second moment determines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ornstein.covariance.missing_kernel import fit_one_kernel
from ornstein.covariance.missing_start import is_series
from ornstein.covariance.missing_sum import FEWEST, sum_of_some
from ornstein.covariance.missing_walks import FAR, NEAR, random_walks

Moments = tuple[Tensor, Tensor]
"""Mean (d,) and second moment (d, d) around it."""
Prior = Callable[[Tensor, Tensor], Moments]
"""Mean and second moment become the mean and the matrix that they are drawn towards."""

COUPLED = {"kernel": 0.0, "half": 0.5, "coupled": 0.9}
"""How much of the correlations between channels the laws of one kernel keep; all of it would leave channels that follow from others."""
WALKS = {"line": FAR, "level": NEAR}
"""How far the level of a walk is left open."""
_FEW = 10
"""Cases below which the trial is too small to judge a covariance of the data themselves."""
_FLIPS = 3
_BENDS = 11
_FLOOR = 1e-6
"""White variance added to the time factor, which keeps it away from singular."""
_OWN = 3.0
"""How many observed values the variance of the whole row is worth in that of one entry."""


@dataclass(frozen=True)
class Choice:
    """A prior by name, and how far a covariance is drawn towards it: 1 takes the prior alone."""

    prior: str
    weight: float

    @property
    def plain(self) -> bool:
        """Whether the law is one of a few numbers, which nothing of the data's own covariance enters."""
        return self.weight == 1 and self.prior in ("sum", *WALKS, *COUPLED)

    @property
    def doubt(self) -> float:
        """Standard errors by which the promise must hold on hidden values: two for laws of a few numbers, three for all others, and none
        for straight lines that return to the level of the data."""
        return 0.0 if self.prior == "level" else 2.0 if self.plain else 3.0

    @property
    def steady(self) -> bool:
        """Whether the law is the same at all times, so that an entry needs no observation of its own."""
        return self.weight == 1 and self.prior != "independent"

    def blend(self, found: Moments, towards: Moments) -> Moments:
        """The moments drawn towards those of the prior, the second ones taken around the mean between."""
        w = self.weight
        if w == 1:
            return towards
        apart = w * (towards[0] - found[0])
        return found[0] + apart, (1 - w) * (found[1] + torch.outer(apart, apart)) + w * towards[1]


def choices(event: tuple[int, ...], count: int, *, in_time: bool) -> list[Choice]:
    """What is tried for ``count`` signals of this shape; ``in_time`` where straight lines guess better than means.
    Vectors for which they do not have no order; signals with a channel axis always have one.

    "line"          random walks, whose conditional means are straight lines: what can always be kept to
    "level"         the same about the level of the data, to which they return where nothing more was seen
    "kernel"        one kernel of the lag for every channel by itself; "half" and "coupled" with the correlations of the channels
    "sum"           a sum of kernels in time, each with its own coupling of the channels; from 200 cases on
    "steady"        stationary in time, its mean too, times any covariance of the channels
    "independent"   the variances of the entries alone
    """
    series = is_series(event) and (in_time or len(event) > 1)
    found = [Choice(name, 1.0) for name in WALKS] if series or in_time else []
    if series:
        several = len(event) > 1 and event[0] > 1 and count > 1
        found += [Choice(name, 1.0) for name in (COUPLED if several else ("kernel",))]
    if count >= _FEW or not in_time:
        found += [Choice("independent", w) for w in (0.003, 0.02, 0.1, 1.0)]
    if series and in_time and len(event) > 1 and event[0] > 1 and count >= FEWEST:
        found += [Choice("sum", w) for w in (0.1, 0.3, 0.6, 0.9, 1.0)]
    if series and in_time and count > 1:
        found += [Choice("steady", w) for w in ((0.03, 0.1, 0.3, 0.6, 0.9, 1.0) if count >= _FEW else (1.0,))]
    return found


def priors(x: Tensor, names: set[str], *, in_time: bool, seed: int = 0) -> dict[str, Prior]:
    """The priors of those names for cases x (case, *event) with gaps; the laws of a few numbers are fitted here, once."""
    length = x.shape[-1]
    rows = x.reshape(len(x), -1, length)
    found: dict[str, Prior] = {}
    if names & WALKS.keys():
        walks = random_walks(rows)
        found |= {name: partial(_fixed, law=walks.moments(least)) for name, least in WALKS.items() if name in names}
    if names & COUPLED.keys():
        kernel = fit_one_kernel(rows, seed)
        found |= {name: partial(_fixed, law=kernel.moments(share)) for name, share in COUPLED.items() if name in names}
    if "sum" in names:
        found["sum"] = partial(_fixed, law=sum_of_some(rows, seed))
    if "steady" in names:
        found["steady"] = partial(steady, length=length)
    if "independent" in names:
        seen = (~torch.isnan(x)).flatten(1).sum(0).to(x.dtype)
        found["independent"] = partial(independent, seen=seen, length=length if in_time else 1)
    return found


def _fixed(_mean: Tensor, _second: Tensor, law: Moments) -> Moments:
    return law


def independent(mean: Tensor, second: Tensor, seen: Tensor, length: int) -> Moments:
    """The variances alone, around the mean as it is; an entry that few cases ``seen`` (d,) observed borrows from its row in time."""
    own = second.diagonal().view(-1, length)
    count = seen.view(-1, length)
    row = (own * count).sum(1, keepdim=True) / count.sum(1, keepdim=True).clamp_min(1)
    return mean, torch.diag(((count * own + _OWN * row) / (count + _OWN)).flatten()) if length > 1 else torch.diag(own.flatten())


def level(mean: Tensor, second: Tensor, length: int) -> Moments:
    """The same moments around one mean for every row of ``length`` entries."""
    flat = mean.view(-1, length).mean(1, keepdim=True).expand(-1, length).flatten()
    return flat, second + torch.outer(mean - flat, mean - flat)


def steady(mean: Tensor, second: Tensor, length: int) -> Moments:
    """channel (x) time with a Toeplitz time factor, by three rounds of the flip-flop on the second moment itself.

        R_ts = r_|t-s|,   r_k = mean over t of tr(L^-1 S_{t,t+k}) / C,        L = 1/T sum_ts (R^-1)_ts S_{t,s}

    The lags are bent, (1 - b k / T) r_k with the least b of ten that makes R positive; b = 1 always does. Cost: ten Cholesky
    factors of size T a round, and d^2.
    """
    flat, around = level(mean, second, length)
    blocks = around.view(-1, length, len(mean) // length, length)
    channels = blocks.shape[0]
    eye = torch.eye(channels, dtype=second.dtype)
    left = blocks.diagonal(dim1=1, dim2=3).mean(-1)
    ridge = 1e-9 * left.diagonal().mean() * eye + torch.finfo(second.dtype).tiny * eye
    for _ in range(_FLIPS):
        inverse = torch.linalg.inv(left + ridge)
        summed = torch.einsum("ab,btas->ts", inverse, blocks) / channels
        right = _toeplitz(torch.stack([(summed.diagonal(k).mean() + summed.diagonal(-k).mean()) / 2 for k in range(length)]))
        weights = torch.cholesky_inverse(torch.linalg.cholesky(right))
        left = torch.einsum("ts,atbs->ab", weights, blocks) / length
        left = (left + left.T) / 2
    return flat, torch.kron(left, right)


def _toeplitz(r: Tensor) -> Tensor:
    """A positive Toeplitz matrix with the lags r, bent as little as need be."""
    lag = torch.arange(len(r), dtype=r.dtype)
    index = (lag.unsqueeze(1) - lag).abs().long()
    for bend in torch.linspace(0, 1, _BENDS, dtype=r.dtype):
        matrix: Tensor = (r * (1 - bend * lag / len(r)))[index]
        matrix.diagonal().mul_(1 + _FLOOR).add_(torch.finfo(r.dtype).tiny)
        if not bool(torch.linalg.cholesky_ex(matrix)[1]):
            return matrix
    return torch.diag(matrix.diagonal())
