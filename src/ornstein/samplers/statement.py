"""The error that tuning states: measured on starts that chose nothing, with an allowance for paths that end elsewhere unseen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.samplers.base import run
from ornstein.samplers.bound import mean_at_most
from ornstein.samplers.pilots import LOWEST, Candidate, Pilots
from ornstein.samplers.sampling import start
from ornstein.samplers.strata import converging, fine, landed

LEVEL = 0.95
"""The share of tunings whose stated error is not exceeded."""
STARTS = 16
"""Starts for each pilot that chose: 1024 by default, of which none ending elsewhere leaves a share of 0.3 % possible."""
_FINE = 64
"""Steps of their flow to its end. Its own error counts as the method's, which makes the statement larger, never smaller."""
_ROUGH = 6
"""Steps of the rough run, which ends elsewhere more often than any method worth choosing."""
_SEED = 3 << 61
"""Flips two bits of the seed: these starts share no noise with the pilots, nor with the samples."""


@dataclass(frozen=True, eq=False)
class Statement:
    """Plain starts x (case, *event), where their flow ends, and the largest squared change of an end that was seen.

    scale  the deviation of the ends
    most   the size of a jump, squared and averaged over the entries: the largest difference of the end of a start between its flow
           and a rough run of six steps, or one after a teleport to 2.5 deviations of the widest mode. Where modes are separate some
           of these end in another one; where they are not, no method of smaller errors can jump so far either
    """

    pilots: Pilots
    x: Tensor
    ends: Tensor
    scale: float
    most: float

    @classmethod
    def of(cls, pilots: Pilots, cases: int, seed: int) -> Statement:
        """``cases`` fresh starts. Cost: 70 calls for each, 76 with a reference."""
        denoiser, schedule, reference, strata = pilots.denoiser, pilots.schedule, pilots.reference, pilots.strata
        method, noise = converging(reference), Noise(seed ^ _SEED)
        x = start(denoiser.inner, schedule, strata.first, noise, cases)

        def end(begin: Tensor, first: float, high: float, low: float, steps: int) -> Tensor:
            *_, last = run(method, denoiser, schedule, fine(schedule, first, high, low * strata.unit, steps), begin, noise)
            return last.x.to(torch.float64)

        ends = end(x, strata.first, strata.high, LOWEST, _FINE)
        changed = [end(x, strata.first, strata.high, 0.1, _ROUGH)]
        if reference is not None and (jumped := landed(reference, schedule, strata.first, strata.high, x)):
            changed.append(end(*jumped, 0.1, _ROUGH))
        most = max(float(_squares(other, ends).max()) for other in changed)
        scale = math.sqrt(float((ends - ends.mean(0)).square().mean()))
        return cls(pilots, x, ends, scale if scale > 0 else 1.0, most)

    def of_candidate(self, candidate: Candidate) -> tuple[float, float]:
        """(bound, rms): what the rms path error does not exceed at ``LEVEL``, and what it is on these starts, in deviations of the law."""
        sampler, grid = self.pilots.sampler(candidate), self.pilots.grid(candidate)
        *_, last = run(sampler, self.pilots.denoiser, self.pilots.schedule, grid, self.x, Noise())
        squares = _squares(last.x.to(torch.float64), self.ends)
        most = max(self.most, float(squares.max()))
        return math.sqrt(mean_at_most(squares, most, LEVEL)) / self.scale, math.sqrt(float(squares.mean())) / self.scale


def _squares(x: Tensor, ends: Tensor) -> Tensor:
    """(case,), a mean over the entries of a signal."""
    return (x - ends).square().flatten(1).mean(1)
