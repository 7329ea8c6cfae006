"""Held-out entries: which cases a trial fit does not see, which of their values it must guess, and what its errors prove."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance.missing_start import interpolated, neighbours, started

_BLOCKS = 5
_SHARE = 0.2
_MIDDLE = 0.4
_MOST = 200
_MANY, _WORK = 200, 5e8
"""Cases from which one trial is enough, and operations on the blocks of all cases from which more would take too long."""
_COPIES = 8
_ENOUGH = 40
_LEAST_HIDDEN, _MOST_HIDDEN = 0.1, 0.2
_SHORT, _RARE = 4, 0.1
_FEW, _QUARTERS, _PART = 20, 4, 12
_STREAM = 3 << 20


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A trial: the cases to fit on, and cases (n', *event) with more gaps than they had, whose ``hidden`` values are known.

    ``case`` (n',) numbers the cases: one that is guessed several times, with other values hidden, keeps its number.
    """

    train: Tensor
    shown: Tensor
    truth: Tensor
    hidden: Tensor
    case: Tensor

    def errors(self, guess: Tensor) -> Tensor:
        """|guess - truth| of every hidden value."""
        return (guess - self.truth)[self.hidden].abs()

    def deviation(self) -> Tensor:
        """That of each hidden value's row in time, or of its entry where that is alone, among what the trial fit sees; 1 without any."""
        axes = [0, -1] if self.train.ndim > 2 else [0]
        spread = (self.train - self.train.nanmean(axes, keepdim=True)).square().nanmean(axes, keepdim=True).sqrt()
        spread = torch.nan_to_num(spread)
        return torch.where(spread > 0, spread, torch.ones_like(spread)).expand_as(self.hidden)[self.hidden]

    def short(self) -> Tensor:
        """Of each hidden value, whether at most four in a row are hidden between two that are seen."""
        before, after = neighbours(~torch.isnan(self.shown))
        between = (before >= 0) & (after < self.shown.shape[-1]) & (after - before <= _SHORT + 1)
        return between[self.hidden]

    def cluster(self, *, parts: int) -> Tensor:
        """Of each hidden value, the number of its case, or of its part of the case where time is cut into several."""
        place = self.hidden.nonzero()
        return self.case[place[:, 0]] * parts + place[:, -1] * parts // self.hidden.shape[-1]

    def plain_errors(self) -> tuple[Tensor, Tensor]:
        """Absolute errors, in deviations, of straight lines in time and of the means of the entries."""
        means, scale = interpolated(self.train.nanmean(0)), self.deviation()
        if bool(torch.isnan(means).any()):
            means = torch.nan_to_num(means, nan=float(torch.nan_to_num(self.train.nanmean())))
        return self.errors(started(self.shown, means)) / scale, self.errors(started(self.shown, means, lines=False)) / scale


@dataclass(frozen=True, eq=False)
class Bench:
    """All trials of some cases, and what is known of their hidden values: clusters, whether the gap is short, the errors of straight
    lines and of means, and how many of them are ``different``."""

    trials: tuple[HeldOut, ...]
    cluster: Tensor
    short: Tensor
    line: Tensor
    mean: Tensor
    different: int

    @classmethod
    def of(cls, x: Tensor, seed: int = 0) -> Bench:
        """The trials of x (case, *event); fewer than twenty cases are cut into quarters, or more parts of at least
        twelve samples, each of which counts as one."""
        trials = held_out(x, seed)
        parts = 1 if len(x) >= _FEW else max(_QUARTERS, min(-(-_FEW // len(x)), x.shape[-1] // _PART))
        line, mean = (torch.cat(parts) for parts in zip(*(t.plain_errors() for t in trials), strict=True))
        cluster = torch.cat([t.cluster(parts=parts) for t in trials])
        places = torch.cat([torch.cat([t.case[p[:, :1]], p[:, 1:]], 1) for t in trials for p in (t.hidden.nonzero(),)])
        return cls(trials, cluster, torch.cat([t.short() for t in trials]), line, mean, len(places.unique(dim=0)))

    @property
    def hidden(self) -> int:
        """How many values are guessed in all."""
        return int(self.short.numel())

    def excess(self, more: Tensor, errors: float) -> float:
        """The largest of three means of ``more``, one number per hidden value: of all, with ``errors`` standard errors over clusters on
        top, and of short gaps and of all others by themselves, where they make up at least a tenth and are forty.

        Fewer than forty different values prove nothing. Few clusters are worth less: z becomes z + (z^3 + z) / 4 nu, the quantile of
        Student's t with nu = clusters - 1 (Fisher and Cornish 1960).
        """
        if self.different < _ENOUGH:
            return math.inf
        mean = more.mean()
        _, place = self.cluster.unique(return_inverse=True)
        many = int(place.max()) + 1
        if many < 2:
            return math.inf
        apart = torch.zeros(many, dtype=more.dtype).index_add_(0, place, more - mean)
        error = float(apart.square().sum().sqrt()) / len(more) * math.sqrt(many / (many - 1))
        z = errors + (errors**3 + errors) / (4 * (many - 1))
        kinds = [float(more[k].mean()) for k in (self.short, ~self.short) if int(k.sum()) >= max(_RARE * len(more), _ENOUGH)]
        return max(float(mean) + z * error, *kinds)


def lines_help(x: Tensor) -> bool:
    """Whether straight lines between neighbours guess values of x (case, *event) better than the means of the entries do."""
    bench = Bench.of(x)
    return bool(bench.line.sum() < bench.mean.sum())


def held_out(x: Tensor, seed: int = 0) -> tuple[HeldOut, ...]:
    """Trials from cases (n, *event) with gaps.

    Of many cases a fifth, in five blocks of neighbours, is kept from the fit; those in the middle of each block (at most 200 in all),
    which overlapping windows reach least, are guessed. Of fewer than two hundred, where that is quick, every case is guessed once and
    more, by a fit that saw none of its neighbours in the same fifth. One case is fitted and guessed at once, five times, by what was
    not hidden of it.
    In the cases to guess a tenth to a fifth of what was observed is hidden, so that gaps are hardly more frequent than they are: whole
    gaps of other cases where there are such, so that blocks are judged as blocks, and single values for the rest.
    """
    n = len(x)
    if n == 1:
        return tuple(_trial(x, torch.zeros(0, dtype=torch.bool), torch.zeros(1, dtype=torch.long), seed + k) for k in range(_BLOCKS))
    blocks = min(_BLOCKS, n if n < 4 else n // 2)
    if n >= _MANY or _work(x) > _WORK:
        width = max(1, round(_SHARE * n / blocks))
        starts = [int((b + 0.5) * n / blocks - width / 2) for b in range(blocks)]
        train = torch.ones(n, dtype=torch.bool)
        for start in starts:
            train[start : start + width] = False
        margin = int(width * (1 - _MIDDLE) / 2)
        middle = torch.cat([torch.arange(start + margin, start + width - margin) for start in starts])
        tested = middle[torch.linspace(0, len(middle) - 1, min(_MOST, len(middle))).round().long()]
        return (_trial(x, train, tested.repeat(_copies(len(tested))), seed),)
    edges = [round(k * n / blocks) for k in range(blocks + 1)]
    found = []
    for k in range(blocks):
        tested = torch.arange(edges[k], edges[k + 1])
        train = torch.ones(n, dtype=torch.bool)
        train[tested] = False
        found.append(_trial(x, train, tested.repeat(_copies(len(tested) * blocks)), seed + k))
    return tuple(found)


def _work(x: Tensor) -> float:
    seen = (~torch.isnan(x)).flatten(1).sum(1).to(torch.float64)
    return float(torch.minimum(seen, x[0].numel() - seen).pow(3).sum()) + x[0].numel() ** 3


def _copies(cases: int) -> int:
    return min(_COPIES, max(1, _MOST // cases))


def _trial(x: Tensor, train: Tensor, tested: Tensor, seed: int) -> HeldOut:
    truth = x[tested]
    others = (len(x) * Noise(seed).uniform(len(tested), (), _STREAM + 2)).long()
    hidden = _hide(~torch.isnan(truth), torch.isnan(x[others]), seed)
    shown = torch.where(hidden, torch.full_like(truth, math.nan), truth)
    return HeldOut(x[train] if len(train) else shown, shown, truth, hidden, tested)


def _hide(seen: Tensor, gaps: Tensor, seed: int) -> Tensor:
    """Of the values ``seen``, those to hide: whole runs of another case's ``gaps``, then single ones."""
    n, length = len(seen), seen.shape[-1]
    noise = Noise(seed)
    runs, singles = (noise.uniform(n, tuple(seen.shape[1:]), _STREAM + k) for k in range(2))
    begins = gaps & ~torch.nn.functional.pad(gaps[..., :-1], (1, 0))
    place = torch.where(begins, torch.arange(length).expand_as(gaps), torch.zeros_like(gaps, dtype=torch.long)).cummax(-1).values
    total = int(seen.sum())
    could = int((seen & gaps).sum())
    keep = min(1.0, _MOST_HIDDEN * total / max(could, 1))
    hidden = seen & gaps & (runs.gather(-1, place) < keep)
    share = max(0.0, _LEAST_HIDDEN - float(hidden.sum()) / max(total, 1))
    hidden |= seen & (singles < share)
    # a case keeps something to go by, and every trial something to guess
    first = seen.flatten(1).to(torch.uint8).argmax(1)
    flat = hidden.flatten(1)
    flat[torch.arange(n), first] = False
    if not bool(flat.any()):
        several = seen.flatten(1).sum(1) > 1
        last = seen.shape[1:].numel() - 1 - seen.flatten(1).flip(1).to(torch.uint8).argmax(1)
        flat[several, last[several]] = True
    return flat.view_as(seen)
