"""Held-out entries: which cases a trial fit does not see, and which of their values it must guess."""

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
_LEAST_HIDDEN, _MOST_HIDDEN = 0.1, 0.2
_SHORT, _RARE = 4, 0.1
_STREAM = 3 << 20


@dataclass(frozen=True)
class HeldOut:
    """A trial: the cases to fit on, and cases (n', *event) with more gaps than they had, whose ``hidden`` values are known."""

    train: Tensor
    shown: Tensor
    truth: Tensor
    hidden: Tensor

    def errors(self, guess: Tensor) -> Tensor:
        """|guess - truth| of every hidden value."""
        return (guess - self.truth)[self.hidden].abs()

    def deviation(self) -> Tensor:
        """That of each hidden value's entry, among what the trial fit sees; 1 where it does not vary."""
        spread = torch.nan_to_num((self.train - self.train.nanmean(0)).square().nanmean(0).sqrt())
        return torch.where(spread > 0, spread, torch.ones_like(spread)).expand_as(self.hidden)[self.hidden]

    def excess(self, more: Tensor) -> float:
        """The largest of three means of ``more``, one number per hidden value: of all, with one standard error over cases on top, and
        of short gaps and of all others by themselves, where they make up at least a tenth.

        A gap is short where at most four values in a row are hidden between two that are seen.
        """
        before, after = neighbours(~torch.isnan(self.shown))
        short = ((before >= 0) & (after < self.shown.shape[-1]) & (after - before <= _SHORT + 1))[self.hidden]
        kinds = [float(more[k].mean()) for k in (short, ~short) if float(k.double().mean()) >= _RARE]
        case, cases = self.hidden.nonzero()[:, 0], len(self.hidden)
        share = torch.zeros(cases, dtype=more.dtype).index_add_(0, case, more) * cases / max(len(more), 1)
        return max(float(share.mean() + share.std(correction=0) / math.sqrt(cases)), *kinds, -math.inf)

    def plain_errors(self) -> tuple[float, float]:
        """Mean absolute error, in deviations, of straight lines in time and of the means of the entries."""
        means, scale = interpolated(self.train.nanmean(0)), self.deviation()
        line, mean = (float((self.errors(started(self.shown, means, lines=lines)) / scale).mean()) for lines in (True, False))
        return line, mean


def lines_help(x: Tensor) -> bool:
    """Whether straight lines between neighbours guess values of x (case, *event) better than the means of the entries do."""
    line, mean = held_out(x).plain_errors()
    return line < mean


def held_out(x: Tensor, seed: int = 0) -> HeldOut:
    """A trial from cases (n, *event) with gaps.

    A fifth of the cases, in five blocks of neighbours, is kept from the fit; those in the middle of each block (at most 200 in all),
    which overlapping windows reach least, are guessed. In them a tenth to a fifth of what was observed is hidden: whole gaps of
    other cases where there are such, so that blocks are judged as blocks, and single values for the rest.
    Fewer than four cases are fitted and guessed at once.
    """
    n = len(x)
    if n < 4:
        tested, train = torch.arange(n), torch.ones(n, dtype=torch.bool)
    else:
        blocks = min(_BLOCKS, n // 2)
        width = max(1, round(_SHARE * n / blocks))
        starts = [int((b + 0.5) * n / blocks - width / 2) for b in range(blocks)]
        train = torch.ones(n, dtype=torch.bool)
        for start in starts:
            train[start : start + width] = False
        margin = int(width * (1 - _MIDDLE) / 2)
        middle = torch.cat([torch.arange(start + margin, start + width - margin) for start in starts])
        tested = middle[torch.linspace(0, len(middle) - 1, min(_MOST, len(middle))).round().long()]
    truth = x[tested]
    others = (n * Noise(seed).uniform(len(tested), (), _STREAM + 2)).long()
    hidden = _hide(~torch.isnan(truth), torch.isnan(x[others]), seed)
    shown = torch.where(hidden, torch.full_like(truth, math.nan), truth)
    return HeldOut(x[train] if n >= 4 else shown, shown, truth, hidden)


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
