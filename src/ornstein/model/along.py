"""Log-densities of all windows of recordings in the user's units, under a law or under the judges of a fit."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ornstein.covariance import Operator
from ornstein.covariance.sliding import TOGETHER
from ornstein.denoisers import Denoiser, Law
from ornstein.fitting.held_out import Judge
from ornstein.fitting.scaling import Scaler
from ornstein.likelihood.windows import log_prob_windows


def along(law: Denoiser, scaler: Scaler, covariance: Operator, x: Tensor, hop: int) -> Tensor | None:
    """(windows,) of one recording x (*lead, time) that is never cut; None where the scaling changes along the window, or no law is known.

    covariance   of the law, by which the scaling knows what is off its support
    """
    if not isinstance(law, Law) or law.batch_shape or not scaler.still or scaler.curves is not None:
        return None
    u = scaler.lengthened(x.shape[-1]).encode(x.unsqueeze(0)).view(-1, x.shape[-1])
    return log_prob_windows(law, u, hop) - scaler.log_volume(x.unsqueeze(0), covariance)


def in_parts(log_prob: Callable[[Tensor], Tensor], x: Tensor, event_shape: tuple[int, ...], hop: int) -> Tensor:
    """(windows,) of one recording x (*lead, time), whose windows are made a few at a time."""
    parts = x.unfold(-1, event_shape[-1], hop).movedim(-2, 0).split(max(1, TOGETHER // math.prod(event_shape)))
    return torch.cat([log_prob(part.contiguous()) for part in parts])


def judged_along(judge: Judge, x: Tensor, hop: int) -> Tensor:
    """(case, window) of recordings x (case, *lead, time), under the law of a judge."""
    law, covariance = judge.law, judge.law.covariance()
    found = [along(law, judge.scaler, covariance, one, hop) for one in x]
    return torch.stack([in_parts(judge.log_prob, one, law.event_shape, hop) if f is None else f for f, one in zip(found, x, strict=True)])
