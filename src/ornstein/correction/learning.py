"""Learning a correction of a law's quantiles in gaps, and whether it gains: held-out gaps of cases that it has not seen decide."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.correction.correction import Correction
from ornstein.correction.sight import sight, variables, width
from ornstein.denoisers import Denoiser, Law
from ornstein.denoisers.filling import Parts, components
from ornstein.denoisers.gap_marginals import marginals
from ornstein.fitting.pinball import pinball
from ornstein.fitting.scaling import Scaler
from ornstein.nets.warp import KNOTS, Warp
from ornstein.training import Averages, Masks

ROWS, EACH, ROUNDS = 2_000_000, 128, 10
"""Hidden entries that are learned from, of one case under one mask, and masks that a case is seen under, at most: more masks gain more than
more passes (docs/experiments.md, 37)."""
LOOKED, CHECKED = 60_000, 120_000
"""Hidden entries that choose among the weights, and those that decide whether they are kept."""
PASSES, BATCH = 4, 1024
SURE = 2.0
"""Standard errors by which a correction must gain on held-out gaps to be kept: of laws that are right one in fifty keeps one."""
_RATE, _DECAY, _WARM = 2e-3, 1e-2, 100
_LOOKS = 8
"""How often the average of the weights is looked at, on gaps of a tenth of the cases that learn."""
_LENGTH = 16.0
_GRID = torch.linspace(-5, 5, 41, dtype=torch.float64)
_FINE = torch.linspace(-9, 9, 1441, dtype=torch.float64)
_NUMBERS = 1 << 21
_MOMENTS = 100_000
"""Entries, evenly spread, whose features say their mean and spread."""
_TRAIN, _LOOK, _CHECK = range(3)
_USE = 48
"""Bits of a number below those that say what it is used for."""
_PICK, _ORDER = 5, 6
"""Streams beside those of masks."""

Tell = Callable[[str], None]


class Rows(NamedTuple):
    """Hidden entries: features (n, f) in float16, variable (n,), the law's quantiles in scores at ``_GRID`` (n, 41), the row of their
    curve (n,), the truth in deviations (n,), and their case (n,)."""

    features: Tensor
    variable: Tensor
    quantiles: Tensor
    curve: Tensor
    truth: Tensor
    case: Tensor

    def of(self, some: Tensor) -> Rows:
        return Rows(*(part[some] for part in self))


class Problem(NamedTuple):
    """A law, its scaling, the gaps that are to be filled, and tables (row, 1441) of values in deviations at ``_FINE`` scores, None for
    straight lines."""

    parts: Parts
    scaler: Scaler
    event: tuple[int, ...]
    masks: Masks
    curves: Tensor | None

    @classmethod
    def of(cls, law: Denoiser, scaler: Scaler, masks: Masks) -> Problem:
        """Raises ``InputError`` for laws that are not conditioned all at once, and for images."""
        parts = components(law) if isinstance(law, Law) else None
        if parts is None:
            raise InputError(
                f"the model is {law.described()}, but a correction stands on a Gaussian or a mixture of up to 2048 entries: "
                "fit one of these, or shorter windows"
            )
        width(law.event_shape)
        if scaler.curves is None:
            return cls(parts, scaler, law.event_shape, masks, None)
        tables = scaler.curves.decode(_FINE.expand(len(scaler.curves.values), -1))
        by_row = scaler.scale.reshape(len(tables), -1)[:, :1], scaler.centre.reshape(len(tables), -1)[:, :1]
        return cls(parts, scaler, law.event_shape, masks, (tables - by_row[1]) / by_row[0])

    def values(self, scores: Tensor, rows: Rows) -> Tensor:
        """Where the law, asked at ``scores`` (19, n), says that the entries lie, in deviations of their variable; differentiable."""
        found = _looked_up(rows.quantiles, _GRID, scores)
        if self.curves is None:
            return found
        return _looked_up(self.curves.to(found), _FINE, found, rows.curve)


def learned(
    law: Denoiser, scaler: Scaler, x: Tensor, check: Tensor, *, masks: Masks, steps: int | None, seed: int, tell: Tell
) -> Correction | None:
    """A correction learned from gaps in x (case, *event), or None where it does not gain on gaps in ``check`` (case, *event).

    Pinball loss at 19 levels, in deviations; AdamW, four passes over the entries if ``steps`` are not given. The average of the weights
    that does best on gaps of a tenth of x is the one that is checked. Cost: ROWS entries conditioned, .03 ms
    each, and 10 ms a step; memory, ROWS times 2 f + 200 bytes.
    """
    problem = Problem.of(law, scaler, masks)
    tenth = max(1, len(x) // 10)
    if len(x) - tenth < 2 or len(check) < 2:
        raise InputError(f"{len(x)} cases to learn from and {len(check)} to check are too few for a correction: give at least 4 and 2")
    tell("the correction: what the law says of hidden entries")
    rows, looked = _rows(problem, x[:-tenth], ROWS, seed, _TRAIN), _rows(problem, x[-tenth:], LOOKED, seed, _LOOK)
    found = _trained(problem, rows, looked, steps or max(1, PASSES * len(rows.case) // BATCH), seed, tell)
    held = _rows(problem, check, CHECKED, seed, _CHECK)
    plain, bent = (_losses(problem, held, knots) for knots in (None, found.knots(held.features, held.variable)))
    gain = _by_case(plain - bent, held.case)
    crps = float(plain.mean()), float(bent.mean())
    error = float(gain.std() / len(gain) ** 0.5)
    kept = float(gain.mean()) > SURE * error
    if not kept:
        tell(f"the correction is left out: CRPS of held-out gaps {crps[0]:.4f} of the law, {crps[1]:.4f} with it, ± {error:.4f} deviations")
        return None
    tell(f"the correction is kept: CRPS of held-out gaps {crps[0]:.4f} of the law, {crps[1]:.4f} with it, ± {error:.4f} deviations")
    return Correction(found.net, found.event, found.centre, found.spread, crps)


def _rows(problem: Problem, x: Tensor, most: int, seed: int, use: int) -> Rows:
    """Entries of x that are hidden by masks, at most ``most``, each case under as many masks as that takes."""
    x = x[(~torch.isnan(x)).flatten(1).any(1)]
    size = x[0].numel()
    each = min(EACH, size)
    some = min(len(x), max(2, most // each))
    rounds = min(ROUNDS, max(1, -(-2 * most // (some * each))))
    found: list[Rows] = []
    total = 0
    for turn in range(rounds):
        cases = torch.arange(turn * some, (turn + 1) * some) % len(x)
        for part in cases.split(max(1, _NUMBERS // (size * max(len(problem.parts), 4)))):
            noise = Noise(seed, index=(use << _USE) + turn * len(x) + part)
            found.append(_hidden(problem, x[part], part, noise, each))
            total += len(found[-1].case)
            if total >= most:
                break
        if total >= most:
            break
    return Rows(*(torch.cat(column) for column in zip(*found, strict=True)))


def _hidden(problem: Problem, x: Tensor, number: Tensor, noise: Noise, each: int) -> Rows:
    """Those of the hidden entries of x (case, *event) that have a truth, ``each`` of a case at most."""
    hidden = problem.masks.hidden(noise, len(x), problem.event)
    u = problem.scaler.encode(torch.where(hidden, torch.nan, x)).flatten(1)
    truth = hidden.flatten(1) & ~torch.isnan(x).flatten(1)
    place = torch.where(truth, noise.uniform(len(u), (u.shape[1],), _PICK), 2.0)
    last = place.sort(1).values[:, min(each, u.shape[1]) - 1]
    wanted = truth & (place <= last.unsqueeze(1))
    known = marginals(problem.parts, u, wanted)
    features, variable = sight(problem.parts, u, known, wanted, problem.event)
    case, entry = wanted.nonzero().T
    quantiles = torch.stack([known.quantile(z.expand(len(case))) for z in _GRID], 1)
    standard = (x - problem.scaler.centre) / problem.scaler.scale
    rows = 1 if problem.curves is None else len(problem.curves)
    curve = entry // (u.shape[1] // rows)
    return Rows(features.half(), variable, quantiles.float(), curve, standard.flatten(1)[case, entry].float(), number[case])


def _trained(problem: Problem, rows: Rows, looked: Rows, steps: int, seed: int, tell: Tell) -> Correction:
    """The weights, of those looked at and of none, that do best on ``looked``."""
    net = Warp(width(problem.event), variables(problem.event), seed=seed)
    spread, centre = torch.std_mean(rows.features[:: -(-len(rows.case) // _MOMENTS)].double(), 0)
    found = Correction(net, problem.event, centre, torch.where(spread > 1e-6, spread, 1.0), (0.0, 0.0))
    parameters = list(net.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _RATE, total_steps=steps + 1, pct_start=min(0.3, _WARM / steps), div_factor=100
    )
    averages = Averages(net, (_LENGTH,))
    best, least = copy.deepcopy(net), float(_losses(problem, looked, None).mean())
    batches = max(1, -(-len(rows.case) // BATCH))

    def say(step: int, level: float) -> None:
        tell(f"the correction: step {step} of {steps}, CRPS of gaps looked at {level:.4f} deviations")

    say(0, least)
    for step in range(steps):
        if step % batches == 0:
            order = Noise(seed).uniform(1, (len(rows.case),), _ORDER + 256 * (step // batches))[0].argsort()
        some = order[step % batches :: batches]
        mine = rows.of(some)
        knots = net(found.standardised(mine.features), mine.variable)
        loss = pinball(mine.truth, problem.values(knots.T, mine)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        averages.update(parameters, step + 1)
        if (step + 1) % max(1, steps // _LOOKS) == 0:
            trial = copy.deepcopy(net)
            for own, value in zip(trial.parameters(), averages.values[0], strict=True):
                own.data.copy_(value)
            now = Correction(trial, *(found.event, found.centre, found.spread, found.crps))
            level = float(_losses(problem, looked, now.knots(looked.features, looked.variable)).mean())
            say(step + 1, level)
            if level < least:
                best, least = trial, level
    return Correction(best.eval(), found.event, found.centre, found.spread, found.crps)


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


def _looked_up(table: Tensor, grid: Tensor, at: Tensor, row: Tensor | None = None) -> Tensor:
    """Entry by entry a function given by its ``table`` (n, grid) at an even grid, at (k, n), straight between two points and beyond."""
    step = float(grid[1] - grid[0])
    place = ((at - float(grid[0])) / step).T
    k = place.detach().floor().long().clamp(0, len(grid) - 2)
    own = torch.arange(len(table)) if row is None else row
    low, high = table[own.unsqueeze(1), k], table[own.unsqueeze(1), k + 1]
    return (low + (place - k) * (high - low)).T
