"""Whether posteriors are right: ranks of the truth among their draws, entry by entry, along directions, and in distance to points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.special import ndtr
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.metrics.calibration import Coverage, band, coverage, crps, energy_score, interval_score, pit, rank_histogram
from ornstein.metrics.joint import Joint, joint_coverage

DIRECTIONS = 8
"""Random directions that are ranked beside the entries: correlations that are wrong show in sums."""

SCORED = 0.9
"""The band whose interval score is taken."""

_DIRECTIONS, _TIES = 1 << 25, 1 << 26


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What the ranks of the truth say of posteriors.

    verdict   "right", "too narrow", "too wide", "shifted", or "of the wrong shape", at a false-alarm rate of ``level``
    p_value   of right posteriors looking at least so far off: three times the smallest of the three p-values below (Bonferroni)
    shift     p-value of the mean ranks, all entries and directions in one test
    spread    ``joint_coverage`` of all ranks: measured minus promised coverage is below 0 where posteriors are too narrow
    regions   p-value of TARP: the ranks of the truth's distance to points that know nothing of it
    coverage  of central bands at several levels;  histogram: of all ranks, 1 everywhere if right
    crps, energy, interval   scores in deviations of the truth, means over cases: lower is better, for comparing posteriors of the same
              cases; interval: of the 90 % band
    """

    verdict: str
    level: float
    p_value: float
    shift: float
    spread: Joint
    regions: float
    coverage: tuple[Coverage, ...]
    histogram: Tensor
    crps: float
    energy: float
    interval: float


def calibrated(draws: object, truth: object, *, level: float = 0.01, seed: int = 0) -> Calibrated:
    """Draws (draw, case, *event) of posteriors, each of the case of its own truth (case, *event), which were drawn from the prior.

    Where posteriors are right, truth and draws of a case are exchangeable, so that the rank of any function of the signal is uniform
    (simulation-based calibration: Talts et al. 2018, arXiv 1804.06788; distances to random points: Lemos et al. 2023, arXiv 2302.03026,
    TARP). Ranked are all entries, ``DIRECTIONS`` random sums of standardised entries, and the distance to the truth of another case. With
    real signals as truth the model itself is on trial as well. Raises ``InputError`` for fewer than 20 cases or 19 draws.
    Cost: every number of the draws, ``DIRECTIONS`` + 2 times.
    """
    if not 0 < checks.real(level, "level") < 1:
        raise InputError(f"level is {level:g}, but must lie between 0 and 1, such as 0.01")
    x, y = checks.tensor(draws, "draws"), checks.tensor(truth, "truth")
    if x.ndim < 3 or tuple(x.shape[1:]) != tuple(y.shape) or len(y) < 20 or len(x) < 19:
        raise InputError(
            f"draws has shape {tuple(x.shape)} and truth {tuple(y.shape)}, but draws must be (draw, *shape of truth), at least 19 draws of "
            "20 cases"
        )
    x, y = x.flatten(2), y.flatten(1)
    scale = y.std(0)
    varies = scale > 1e-9 * scale.max().clamp_min(torch.finfo(scale.dtype).tiny)
    x, y = x[..., varies] / scale[varies], y[:, varies] / scale[varies]
    noise = Noise(checks.seed(seed))
    along = noise.normal(DIRECTIONS, (x.shape[-1],), _DIRECTIONS).T / math.sqrt(x.shape[-1])
    ranks = pit(torch.cat([x, x @ along], -1), torch.cat([y, y @ along], -1), seed=seed)
    cases, quantities = ranks.shape
    z = (ranks.mean(0) - 0.5).abs() * math.sqrt(12 * cases)
    shift = min(1.0, 2 * quantities * float(ndtr(-float(z.max()))))
    spread = joint_coverage(ranks)
    regions = tarp(x, y, seed=seed)
    p_value = min(1.0, 3 * min(shift, spread.p_value, regions))
    verdict = "right"
    if p_value < level:
        wide = "too wide" if spread.excess.value > 0 else "too narrow"
        verdict = {shift: "shifted", regions: "of the wrong shape", spread.p_value: wide}[min(shift, spread.p_value, regions)]
    scores = crps(x, y), energy_score(x, y), interval_score(*band(x, SCORED), y, SCORED)
    levels, histogram = coverage(x, y), rank_histogram(ranks)
    return Calibrated(verdict, level, p_value, shift, spread, regions, levels, histogram, *(float(score.mean()) for score in scores))


def tarp(draws: Tensor, truth: Tensor, *, seed: int = 0) -> float:
    """The Kolmogorov-Smirnov p-value of the share of draws (draw, case, d) that are nearer than the truth (case, d) to a point.

    The point of a case is the truth of the next but several: it follows the prior and knows nothing of this truth.
    """
    from scipy.stats import kstwo  # heavy to import, and needed only here

    count, cases = draws.shape[:2]
    noise = Noise(checks.seed(seed))
    points = truth.roll(max(1, cases // 3), 0)
    near, own = (draws - points).norm(dim=-1), (truth - points).norm(dim=-1)
    v = noise.uniform(1, (cases,), _TIES)[0]
    u = ((near < own).sum(0) + v * ((near == own).sum(0) + 1)) / (count + 1)
    ordered = u.sort().values
    step = torch.arange(cases + 1, dtype=torch.float64) / cases
    off = max(float((step[1:] - ordered).max()), float((ordered - step[:-1]).max()))
    return float(kstwo.sf(off, cases))
