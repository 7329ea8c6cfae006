"""Which Gaussian for data with gaps: prior, weight and number of EM passes by the values that were held out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.covariance.missing import expected_moments, moments
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_held_out import HeldOut, held_out
from ornstein.covariance.missing_priors import Moments, Prior, priors
from ornstein.covariance.missing_start import interpolated, origin_of, refuse_empty, started

_PASSES = 40
_FEWEST = 6
_WORK = 1e11
"""Operations on the blocks of all cases, k^3 each, that all passes together may take: about 20 CPU-seconds."""
_KEPT = 4
_PATIENCE = 2
_GAIN = 1e-3
_LEVEL = 1e-3
"""How much longer than a straight line's an error may be and still count as no longer: its own error of rounding and reach."""


@dataclass(frozen=True)
class Gaps:
    """How a Gaussian was fitted to data with gaps, and what it was worth on ``hidden`` values that the trial had not seen.

    prior, weight   what the covariance was drawn towards in the last pass, and how far
    passes          of expectation-maximization, after the start from straight lines
    error, line     mean absolute error in deviations of the entry: of the law, and of linear interpolation
    """

    prior: str
    weight: float
    passes: int
    error: float
    line: float
    hidden: int

    def sentence(self) -> str:
        """One line for people."""
        drawn = {
            "independent": f", correlations {100 * self.weight:.3g} % lower",
            "steady": f", {100 * self.weight:.0f} % of the way to a law that is steady in time",
            "line": ": independent random walks, because nothing richer kept up with straight lines",
        }[self.prior]
        against = f"error {self.error:.3g} on {self.hidden} hidden values, linear interpolation {self.line:.3g} (in deviations)"
        return f"gaps: {self.passes} pass{'es' * (self.passes != 1)} of EM{drawn}; {against}"


@dataclass(frozen=True)
class _Choice:
    name: str
    prior: Prior
    weight: float

    def blend(self, found: Moments, towards: Moments) -> Moments:
        """The moments drawn towards those of the prior, the second ones taken around the mean between."""
        w = self.weight
        if w == 1:
            return towards
        apart = w * (towards[0] - found[0])
        return found[0] + apart, (1 - w) * (found[1] + torch.outer(apart, apart)) + w * towards[1]


@dataclass(frozen=True)
class _Score:
    """On hidden values: mean CRPS and absolute error, and by how much that may be above a straight line's at one standard error."""

    choice: _Choice
    crps: float
    error: float
    excess: float


def fit_with_gaps(x: Tensor, *, seed: int = 0, progress: Callable[[str], None] | None = None) -> tuple[Tensor, Tensor, Gaps]:
    """(mean (d,), covariance (d, d), how) of signals (case, *event) in which NaN is missing at random.

    EM from linear interpolation. In every pass the second moment S that is expected of the data is drawn towards a prior,

        Sigma = (1 - w) S + w P(S)     (and likewise the mean),

    and (P, w) and the number of passes are those of least mean CRPS on held-out values, among those whose error there is below that
    of linear interpolation by a standard error, and not above it in short gaps nor in long ones: the random walk is at it always, so
    the promise is kept at any number of cases.
    The trial fit sees four fifths of the cases; the final one repeats its choices on all.
    Cost: two E steps a pass (see ``missing.expected_moments``) and some 30 conditionings of 200 cases; 2500 x 7 x 48 takes
    5 to 40 CPU-seconds. Raises ``InputError`` for an entry or a case without any observation.
    """
    flat = x.flatten(1)
    refuse_empty(flat)
    trial = held_out(x, seed)
    line, mean_error = trial.plain_errors()
    lines = line < mean_error
    table = priors(tuple(x.shape[1:]), float(len(x)), in_time=lines)
    options = [_Choice(name, prior, w) for name, (prior, weights) in table.items() for w in weights]
    origin = origin_of(x, rows=lines)
    tell = progress or (lambda _: None)
    path, best = _path(_Run(trial, origin, lines, line), options, _passes(flat), tell)
    found = moments((started(x, lines=lines) - origin).flatten(1))
    begin = time.perf_counter()
    for k, choice in enumerate(path):
        mean, matrix = choice.blend(found, choice.prior(*found))
        if k < len(path) - 1:
            found = expected_moments((x - origin).flatten(1), mean, matrix)
            left = (time.perf_counter() - begin) / (k + 1) * (len(path) - 2 - k)
            tell(f"gaps: final pass {k + 1} of {len(path) - 1}, {left:.0f} s left")
    report = Gaps(path[-1].name, path[-1].weight, len(path) - 1, best.error, line, int(trial.hidden.sum()))
    tell(report.sentence())
    return origin.flatten() + mean, matrix, report


@dataclass(frozen=True)
class _Run:
    """A trial, what is taken off its values, whether it starts from straight lines, and the mean error of those."""

    trial: HeldOut
    origin: Tensor
    lines: bool
    line: float

    def keeps(self, score: _Score) -> bool:
        """Whether the promise holds."""
        return score.excess <= _LEVEL * self.line


def _path(run: _Run, options: list[_Choice], passes: int, tell: Callable[[str], None]) -> tuple[list[_Choice], _Score]:
    """The choices of every pass up to the best one, and the score there."""
    trial, scale = run.trial, run.trial.deviation()
    train, shown = ((x - run.origin).flatten(1) for x in (trial.train, trial.shown))
    found = moments((started(trial.train, lines=run.lines) - run.origin).flatten(1))
    line = trial.errors(started(trial.shown, interpolated(trial.train.nanmean(0)))) / scale

    def scored(option: _Choice, towards: Moments) -> _Score:
        guess, spread = Conditional(*option.blend(found, towards)).expect(shown)
        error = trial.errors(run.origin + guess.view_as(trial.shown)) / scale
        marks = crps(error, spread.view_as(trial.shown)[trial.hidden] / scale)
        return _Score(option, float(marks.mean()), float(error.mean()), trial.excess(error - line))

    path: list[_Choice] = []
    scores: list[_Score] = []
    for k in range(passes + 1):
        towards = {prior: prior(*found) for prior in {o.prior for o in options}}
        table = sorted((scored(o, towards[o.prior]) for o in options), key=lambda s: s.crps)
        keeping = [s for s in table if run.keeps(s)]
        best = keeping[0] if keeping else min(table, key=lambda s: s.error)
        path.append(best.choice)
        scores.append(best)
        options = [s.choice for s in (keeping or table)[:_KEPT]]
        tell(f"gaps: trial pass {k}, held-out error {best.error:.3g}, linear interpolation {run.line:.3g}")
        earlier = min((s.crps for s in scores[:-_PATIENCE]), default=math.inf)
        if k == passes or min(s.crps for s in scores[-_PATIENCE:]) > (1 - _GAIN) * earlier:
            break
        found = expected_moments(train, *best.choice.blend(found, towards[best.choice.prior]))
    kept = [j for j, s in enumerate(scores) if run.keeps(s)] or [0]
    least = min(kept, key=lambda j: scores[j].crps)
    return path[: least + 1], scores[least]


def crps(error: Tensor, spread: Tensor) -> Tensor:
    """Of N(0, spread^2) at a distance ``error`` (Gneiting and Raftery 2007, eq. 21); the error itself where the spread is 0."""
    s = torch.where(spread > 0, spread, torch.ones_like(spread))
    z = error / s
    density = torch.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    spread_out = s * (z * (2 * torch.special.ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    return torch.where(spread > 0, spread_out, error)


def _passes(x: Tensor) -> int:
    """How many passes the work on the blocks of x (case, d) allows."""
    seen = (~torch.isnan(x)).sum(1).to(torch.float64)
    work = torch.minimum(seen, x.shape[1] - seen).pow(3).sum()
    return int((_WORK / (2 * work + 1)).clamp(_FEWEST, _PASSES))
