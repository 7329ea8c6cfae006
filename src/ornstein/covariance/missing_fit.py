"""Which Gaussian for data with gaps: prior, weight and number of EM passes by the values that were held out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.sentences import Remark
from ornstein.covariance.missing import expected_moments, moments
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_held_out import Bench
from ornstein.covariance.missing_priors import Choice, Moments, Prior, choices, priors
from ornstein.covariance.missing_start import is_series, origin_of, refuse_empty, started, warn_of_unseen
from ornstein.covariance.missing_walks import FAR, random_walks

_PASSES = 40
_FEWEST = 6
_WORK = 1e11
"""Operations on the blocks of all cases, k^3 each, that all passes together may take: about 20 CPU-seconds."""
_KEPT = 4
_PATIENCE = 2
_GAIN = 1e-3
_NOTICED = 2.0
"""Times the spread of the values beyond which that of the draws is said."""
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
            "sum": f", {100 * self.weight:.0f} % of the way to a sum of kernels",
            "kernel": ": one kernel in time for every channel by itself",
            "half": ": one kernel in time, half of the correlations between channels",
            "coupled": ": one kernel in time, channels correlated",
            "line": ": independent random walks, because nothing richer kept up with straight lines",
            "level": ": independent random walks about the level of every channel",
        }[self.prior]
        against = f"error {self.error:.3g} on {self.hidden} hidden values, linear interpolation {self.line:.3g} (in deviations)"
        return f"gaps: {self.passes} pass{'es' * (self.passes != 1)} of EM{drawn}; {against}"


@dataclass(frozen=True)
class _Score:
    """On hidden values: mean CRPS and absolute error, and by how much that may be above a straight line's."""

    choice: Choice
    crps: float
    error: float
    excess: float


def fit_with_gaps(x: Tensor, *, seed: int = 0, progress: Callable[[str], None] | None = None) -> tuple[Tensor, Tensor, Gaps]:
    """(mean (d,), covariance (d, d), how) of signals (case, *event) in which NaN is missing at random.

    EM from linear interpolation. In every pass the second moment S that is expected of the data is drawn towards a prior,

        Sigma = (1 - w) S + w P(S)     (and likewise the mean),

    and (P, w) and the number of passes are those of least mean CRPS on held-out values, among those whose error there is below that
    of linear interpolation by three standard errors (by two for laws of a few numbers, by none for straight lines that return to the
    level of the data), and not above it in short gaps nor in long ones: random walks whose level is open are at it always, so the promise
    is kept at any number of cases. Where the gaps of the data are runs, what is held out is runs.
    The trial fits see four fifths of the cases; the final one repeats their choices on all.
    Cost: two E steps a pass (see ``missing.expected_moments``) and some 30 conditionings of 200 cases; 2500 x 7 x 48 takes
    5 to 40 CPU-seconds. Raises ``InputError`` for a case, a channel or (where chance does not explain it) an entry without any
    observation.
    """
    unseen = refuse_empty(x)
    bench = Bench.of(x, seed)
    line = float(bench.line.mean()) if bench.hidden else 0.0
    lines = bool(bench.line.sum() <= bench.mean.sum())
    options = choices(tuple(x.shape[1:]), len(x), in_time=lines)
    tell = progress or (lambda _: None)
    path, best = _path(bench, options, lines, _passes(x.flatten(1)), seed, tell)
    run = _Run.of(x, {choice.prior for choice in path}, lines, seed)
    begin = time.perf_counter()
    for k, choice in enumerate(path):
        mean, matrix = run.law(choice)
        if k < len(path) - 1:
            run.found = expected_moments(run.values, mean, matrix)
            left = (time.perf_counter() - begin) / (k + 1) * (len(path) - 2 - k)
            tell(f"gaps: final pass {k + 1} of {len(path) - 1}, {left:.0f} s left")
    if not path[-1].steady:
        warn_of_unseen(unseen, mean.numel())
    report = Gaps(path[-1].prior, path[-1].weight, len(path) - 1, best.error, line, bench.hidden)
    tell(report.sentence())
    wider = random_walks(x.reshape(len(x), -1, x.shape[-1])).wider(FAR) if report.prior == "line" else 1.0
    if wider > _NOTICED:
        tell(
            Remark(
                "gaps: the law is a random walk for every channel: it fills gaps as straight lines do, but its draws lie up to "
                f"{wider:.0f} times as far from the level of the data as the values do; give more cases, or name a structure, such as "
                "coregionalised"
            )
        )
    return run.origin.flatten() + mean, matrix, report


class _Run:
    """A fit under way: the values less their origin, the priors, and what is expected of the values so far."""

    def __init__(self, x: Tensor, origin: Tensor, priors: dict[str, Prior], found: Moments) -> None:
        self.origin, self.values, self.priors, self.found = origin, (x - origin).flatten(1), priors, found

    @classmethod
    def of(cls, x: Tensor, names: set[str], lines: bool, seed: int) -> _Run:
        origin = origin_of(x, rows=lines or (x.ndim == 3 and is_series(tuple(x.shape[1:]))))
        return cls(x, origin, priors(x - origin, names, in_time=lines, seed=seed), moments((started(x, lines=lines) - origin).flatten(1)))

    def law(self, choice: Choice) -> Moments:
        return choice.blend(self.found, self.priors[choice.prior](*self.found))


def _path(
    bench: Bench, options: list[Choice], lines: bool, passes: int, seed: int, tell: Callable[[str], None]
) -> tuple[list[Choice], _Score]:
    """The choices of every pass up to the best one, and the score there."""
    names = {option.prior for option in options}
    runs = [_Run.of(trial.train, names, lines, seed) for trial in bench.trials]
    scales = [trial.deviation() for trial in bench.trials]
    line = float(bench.line.mean()) if bench.hidden else 0.0

    anchor = Choice("line", 1.0) if Choice("line", 1.0) in options else Choice("independent", 1.0)

    def keeps(score: _Score) -> bool:
        return score.choice == anchor or score.excess <= _LEVEL * line

    def scored(option: Choice) -> _Score:
        marks, errors = [], []
        for run, trial, scale in zip(runs, bench.trials, scales, strict=True):
            guess, spread = Conditional(*run.law(option)).expect((trial.shown - run.origin).flatten(1), trial.hidden.flatten(1))
            errors.append(trial.errors(run.origin + guess.view_as(trial.shown)) / scale)
            marks.append(crps(errors[-1], spread.view_as(trial.shown)[trial.hidden] / scale))
        error = torch.cat(errors)
        excess = bench.excess(error - bench.line, option.doubt)
        return _Score(option, float(torch.cat(marks).mean()), float(error.mean()), excess)

    path: list[Choice] = []
    scores: list[_Score] = []
    for k in range(passes + 1):
        table = sorted((scored(o) for o in options), key=lambda s: s.crps)
        keeping = [s for s in table if keeps(s)]
        best = keeping[0] if keeping else min(table, key=lambda s: s.error)
        path.append(best.choice)
        scores.append(best)
        options = [s.choice for s in (keeping or table)[:_KEPT]]
        tell(f"gaps: trial pass {k}, held-out error {best.error:.3g}, linear interpolation {line:.3g}")
        earlier = min((s.crps for s in scores[:-_PATIENCE]), default=math.inf)
        if k == passes or all(o.plain for o in options) or min(s.crps for s in scores[-_PATIENCE:]) > (1 - _GAIN) * earlier:
            break
        for run in runs:
            run.found = expected_moments(run.values, *run.law(best.choice))
    kept = [j for j, s in enumerate(scores) if keeps(s)] or [0]
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
