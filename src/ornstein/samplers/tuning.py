"""Choosing method, order, grid and teleport level for a number of calls, by measuring them on pilot cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ornstein.common import checks, memory
from ornstein.covariance import Spectral
from ornstein.denoisers import Denoiser, Gaussian, Law
from ornstein.denoisers.matched import matched
from ornstein.samplers.base import Sampler
from ornstein.samplers.candidates import aware, jumping, orders, refined, standard
from ornstein.samplers.exact import Exact
from ornstein.samplers.pilots import Candidate, Pilots
from ornstein.samplers.statement import STARTS, Statement
from ornstein.schedules import Grid, Schedule
from ornstein.schedules.base import whole


@dataclass(frozen=True)
class Trial:
    """What was tried, and its rms path error, relative to the deviation of the law, on ``cases`` pilots."""

    sampler: Sampler
    grid: Grid
    error: float
    cases: int


@dataclass(frozen=True)
class Tuned:
    """The choice, for any number of samples: ``sample(denoiser, tuned.sampler, tuned.schedule, tuned.grid, n)``.

    error        what the rms difference of x_0 to the converged flow from the same start does not exceed, in 95 of 100 tunings,
                 relative to the deviation of the law: from starts that chose nothing, with an allowance for paths that end elsewhere
                 too rarely to be seen (``Statement``)
    measured     that difference on those starts, the best guess of it: where modes are separate it counts no event rarer than they show
    standard     the best finalist that knows nothing of the covariance, with its ``measured``; None where nothing had to be tried
    trials       everything that was tried, with its error on all the pilots it ran on: those with the most pilots first, then by error
    evaluations  the cost: denoiser calls times cases, those of the converged flow included
    """

    sampler: Sampler
    schedule: Schedule
    grid: Grid
    error: float
    measured: float
    standard: Trial | None
    trials: tuple[Trial, ...]
    evaluations: int


@torch.no_grad()
def tune(denoiser: Denoiser, schedule: Schedule, calls: int, *, reference: Gaussian | None = None, cases: int = 64, seed: int = 0) -> Tuned:
    """The sampler and the grid of least path error at ``calls`` denoiser calls, by trial on pilot cases.

    reference  the Gaussian that the covariance-aware methods solve; by default the one of the same moments where the denoiser is a
               ``Law``. Without one only the standard methods are tried, on grids for signals of unit scale
    cases      how many pilots choose; as many fresh ones decide among the finalists, and 16 times as many starts state the error

    Half of the pilots meet every standard method on eight grids, and one covariance-aware method on 32, with teleport to three levels
    and without, whose best grids meet every order. All pilots meet the best of each. The two best covariance-aware candidates, the two
    best standard ones, and those below their best teleport are refined in teleport level, last level and spacing. These finalists also
    run on the fresh pilots, and the best of them on both is the choice.

    Chance matters where modes are separate: the mean square then rests on the few cases in a thousand that end in another mode. The
    pilots hold starts near such borders (``Strata``), and the choice allows for them; the ``error`` that is stated comes from other,
    plain starts, and allows for as many such cases as none of them may have shown.

    Cost: stated in the result; about ``cases`` (2300 + 200 calls) evaluations. A Gaussian with a known basis needs none: its flow is
    returned in closed form. The noise of pilots is not that of samples.
    """
    calls, cases = whole(calls, "calls"), checks.count(cases, "cases", at_least=8)
    memory.drawn(cases, "cases", STARTS * math.prod(denoiser.event_shape))
    if isinstance(denoiser, Gaussian) and isinstance(denoiser.operator, Spectral) and not denoiser.batch_shape:
        return Tuned(Exact(), schedule, Grid(torch.tensor([1.0, 0.0])), 0.0, 0.0, None, (), 0)
    if reference is None and isinstance(denoiser, Law):
        reference = matched(denoiser)
    pilots = Pilots.of(denoiser, schedule, reference, 2 * cases, seed)
    few, every, both = range(max(8, cases // 2)), range(cases), range(2 * cases)
    plain = pilots.best(pilots.best(standard(pilots, calls), few, keep=8), every, keep=2)
    ready = [refined(pilots, one, every) for one in plain]
    finalists = list(ready)
    if reference is not None:
        below = [pilots.best(jumping(pilots, reference, one), every, keep=1) for one in ready]
        grids = pilots.best(aware(pilots, reference, calls), few, keep=6)
        found = pilots.best(pilots.best([c for one in grids for c in orders(reference, one)], few, keep=8), every, keep=2)
        finalists += [refined(pilots, one, every) for one in (*found, *(c for best in below for c in best))]
    chosen, best = pilots.best(finalists, both, keep=1)[0], pilots.best(ready, both, keep=1)[0]
    statement = Statement.of(pilots, STARTS * cases, seed)
    (error, measured), (_, usual) = (statement.of_candidate(one) for one in (chosen, best))
    trials = sorted((_trial(pilots, c) for c in pilots.known), key=lambda t: (-t.cases, t.error))
    return Tuned(
        pilots.sampler(chosen),
        schedule,
        pilots.grid(chosen),
        error,
        measured,
        Trial(best.method, pilots.grid(best), usual, len(statement.x)),
        tuple(trials),
        pilots.denoiser.evaluations,
    )


def _trial(pilots: Pilots, candidate: Candidate) -> Trial:
    done = int(pilots.known[candidate].isfinite().sum())
    return Trial(pilots.sampler(candidate), pilots.grid(candidate), pilots.error(candidate), done)
