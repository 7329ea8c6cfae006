"""Learning a correction of a law's quantiles in gaps, and whether it gains: held-out gaps of cases that it has not seen decide."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.correction.correction import Correction
from ornstein.correction.rows import EACH, Problem, Rows, Stream
from ornstein.correction.sight import variables, width
from ornstein.denoisers import Denoiser
from ornstein.fitting.pinball import pinball
from ornstein.fitting.scaling import Scaler
from ornstein.nets.warp import KNOTS, Warp
from ornstein.training import Averages, Budget, Masks, Pace

STEPS, BATCH, FRESH = 8000, 1024, 1 << 16
"""Steps at most where nothing else is said, hidden entries of a step, and those that are made and shuffled together."""
MASKS, FEWEST = 100, 100
"""Masks that every case is seen under within those steps, and steps at least."""
LOOKED, CHECKED, TURNS = 60_000, 120_000, 10
"""Hidden entries that choose among the weights, those that decide whether they are kept, and masks of a case for either, at most."""
SURE = 2.0
"""Standard errors by which a correction must gain on held-out gaps to be kept: of laws that are right one in fifty keeps one."""
WIDTH, DEPTH = 192, 3
"""Of the network: at equal seconds no worse than 256 and 4 (docs/experiments.md, 37)."""
_RATE, _DECAY, _LENGTH = 2e-3, 1e-2, 16.0
_LOOKS = 8
"""How often the average of the weights is looked at, on gaps of a tenth of the cases that learn."""
_TRAIN, _LOOK, _CHECK = range(3)

Tell = Callable[[str], None]


def learned(
    law: Denoiser, scaler: Scaler, x: Tensor, check: Tensor, *, masks: Masks, budget: Budget | None, seed: int, tell: Tell
) -> Correction | None:
    """A correction learned from gaps in x (case, *event), or None where it does not gain on gaps in ``check`` (case, *event).

    Pinball loss at 19 levels, in deviations, of entries that no step has seen under the same mask before; AdamW. The average of the
    weights that does best on gaps of a tenth of x is the one that is checked. Cost: for 35 x 48, .04 ms for each of the 1024 entries
    of a step, half of it what the law says. Memory: the entries looked at and checked, 4 f + 200 bytes each.
    Without a budget, so many steps that every case comes ``MASKS`` times, from ``FEWEST`` to ``STEPS``.
    """
    problem = Problem.of(law, scaler, masks)
    tenth = max(1, len(x) // 10)
    if len(x) - tenth < 2 or len(check) < 2:
        raise InputError(f"{len(x)} cases to learn from and {len(check)} to check are too few for a correction: give at least 4 and 2")
    tell("the correction: what the law says of hidden entries")
    looked, held = (_seen(problem, part, most, seed, use) for part, most, use in ((x[-tenth:], LOOKED, _LOOK), (check, CHECKED, _CHECK)))
    found = _trained(problem, Stream(problem, x[:-tenth], seed, _TRAIN), looked, budget or _enough(x), seed, tell)
    plain, bent = (_losses(problem, held, knots) for knots in (None, found.knots(held.features, held.variable)))
    gain = _by_case(plain - bent, held.case)
    crps = float(plain.mean()), float(bent.mean())
    error = float(gain.std() / len(gain) ** 0.5)
    kept = float(gain.mean()) > SURE * error
    if not kept:
        tell(f"the correction is left out: CRPS of held-out gaps {crps[0]:.4f} of the law, {crps[1]:.4f} with it, ± {error:.4f} deviations")
        return None
    tell(f"the correction is kept: CRPS of held-out gaps {crps[0]:.4f} of the law, {crps[1]:.4f} with it, ± {error:.4f} deviations")
    return replace(found, crps=crps)


def _enough(x: Tensor) -> Budget:
    """Steps for x (case, *event), half of whose seen entries a mask hides."""
    hidden = (~torch.isnan(x)).flatten(1).sum(1).div(2).clamp_max(EACH).sum()
    return Budget(min(STEPS, max(FEWEST, int(MASKS * hidden) // BATCH)))


def _trained(problem: Problem, stream: Stream, looked: Rows, budget: Budget, seed: int, tell: Tell) -> Correction:
    """The weights, of those looked at and of none, that do best on ``looked``."""
    net = Warp(width(problem.event), variables(problem.event), width=WIDTH, depth=DEPTH, seed=seed)
    spread, centre = torch.std_mean(looked.features.double(), 0)
    found = Correction(net, problem.event, centre, torch.where(spread > 1e-6, spread, 1.0), (0.0, 0.0))
    parameters, pace, averages = list(net.parameters()), Pace(), Averages(net, (_LENGTH,))
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, betas=(0.9, 0.99), weight_decay=_DECAY, fused=True)
    best, least = copy.deepcopy(net), float(_losses(problem, looked, None).mean())
    step, looks, share, begun = 0, 0, 0.0, time.monotonic()
    tell(f"the correction: CRPS of gaps looked at {least:.4f} deviations")
    while share < 1:
        fresh = stream.take(FRESH)
        if not step and not len(fresh.case):
            fresh = _some(stream.take(FRESH, TURNS))
        for some in Noise(seed, index=torch.tensor([step])).uniform(1, (len(fresh.case),))[0].argsort().split(BATCH):
            for group in optimiser.param_groups:
                group["lr"] = _RATE * pace(share, step)
            mine = fresh.of(some)
            knots = net(found.standardised(mine.features), mine.variable)
            optimiser.zero_grad()
            pinball(mine.truth, problem.values(knots.T, mine)).mean().backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            step += 1
            averages.update(parameters, step)
            share = budget.share(step, time.monotonic() - begun)
            if int(_LOOKS * share) > looks:
                looks = int(_LOOKS * share)
                trial = copy.deepcopy(net)
                for own, value in zip(trial.parameters(), averages.values[0], strict=True):
                    own.data.copy_(value)
                level = float(_losses(problem, looked, replace(found, net=trial).knots(looked.features, looked.variable)).mean())
                tell(f"the correction: step {step}, {share:.0%} done, CRPS of gaps looked at {level:.4f} deviations")
                if level < least:
                    best, least = trial, level
            if share == 1:
                break
    return replace(found, net=best.eval())


def _seen(problem: Problem, x: Tensor, most: int, seed: int, use: int) -> Rows:
    """``most`` hidden entries of x (case, *event), or those of ``TURNS`` masks of every case."""
    return _some(Stream(problem, x, seed, use).take(most, TURNS))


def _some(rows: Rows) -> Rows:
    """The rows, of which there are some. Raises ``InputError`` where masks hid nothing that was seen."""
    if not len(rows.case):
        raise InputError(
            "masks hide none of the values that the cases show, but a correction learns from those: give cases with more values"
        )
    return rows


@torch.no_grad()
def _losses(problem: Problem, rows: Rows, knots: Tensor | None) -> Tensor:
    """The CRPS of every entry in deviations, (n,); of the law as it is without ``knots``."""
    own = KNOTS.unsqueeze(0).expand(len(rows.case), -1) if knots is None else knots
    return pinball(rows.truth.double(), problem.values(own.T, rows).double())


def _by_case(values: Tensor, case: Tensor) -> Tensor:
    """The mean of every case."""
    _, place = torch.unique(case, return_inverse=True)
    total = torch.zeros(int(place.max()) + 1, dtype=torch.float64)
    return total.index_add(0, place, values.double()) / total.index_add(0, place, torch.ones_like(values.double()))
