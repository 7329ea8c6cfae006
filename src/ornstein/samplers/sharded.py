"""Sampling and scoring by several processes: each does its share of the cases, and all get the whole, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.ranks import Ranks
from ornstein.denoisers import Denoiser
from ornstein.samplers.base import Sampler
from ornstein.samplers.frame import TILE
from ornstein.samplers.sampling import Steps, sample
from ornstein.schedules import Schedule


def sample_together(
    denoiser: Denoiser,
    sampler: Sampler,
    schedule: Schedule,
    steps: Steps,
    cases: int,
    ranks: Ranks,
    *,
    first: int = 0,
    **options: Any,
) -> Tensor:
    """``samplers.sample`` by all processes: the same samples (cases, *event) on each of them, as one process would draw.

    Case i depends on (seed, first + i) only, so the number of processes changes nothing: for an analytic law in float64 not a bit,
    otherwise no more than the rounding of the denoiser. ``options`` are those of ``sample``. All processes must call it.
    """
    cases = checks.count(cases, "cases")
    begin, end = ranks.share(cases)
    # a process without a case draws one all the same, which tells the shape and type of what it lacks
    drawn = sample(denoiser, sampler, schedule, steps, max(end - begin, 1), first=first + begin, **options)
    return ranks.gathered(drawn[: end - begin], cases)


def score_together(score: Callable[[Tensor], Tensor], x: Tensor, ranks: Ranks, *, batch: int = 8 * TILE) -> Tensor:
    """score(x), one value or array per case, by all processes: ``score_together(model.log_prob, x, ranks)``.

    x (case, *event) is whole on each process, and so is the result, in the type and on the device of the scores. It is scored in parts
    of ``batch`` cases counted from the first, whatever the number of processes, so that number changes not a bit of a score that does
    the same every time. All processes must call it. Raises whatever ``score`` does.
    """
    batch = checks.count(batch, "batch")
    parts = x.split(batch)
    begin, end = ranks.share(len(parts))
    found = [score(part) for part in (parts[begin:end] or parts[:1])]
    rows = [torch.cat([row, row.new_zeros(batch - len(row), *row.shape[1:])]) for row in found[: end - begin]]
    empty = found[0].new_zeros(0, batch, *found[0].shape[1:])
    whole = ranks.gathered(torch.cat([empty, torch.stack(rows)]) if rows else empty, len(parts))
    return whole.flatten(0, 1)[: len(x)]
