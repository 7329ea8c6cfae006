"""What the numbers say in a sentence. Nothing here is written by hand about any data set: every verdict is a comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ornstein.metrics import Mean, Score, mean_with_error
from ornstein.plots.style import CHANNELS
from ornstein.report.analysis import Analysis
from ornstein.report.holdout import Holdout
from ornstein.report.moments import UNLIKE
from ornstein.report.scoring import TAIL

FALSE_ALARM = 0.05
"""Chance that honest bands are not called honest: of one test for all levels (``metrics.joint_coverage``)."""
CLEAR = 2.0


@dataclass(frozen=True)
class Verdict:
    """The key of a sentence, and whether it is good news (None: neither)."""

    key: str
    good: bool | None


def verdicts(found: Analysis) -> list[Verdict]:
    """The sentences at the top of the page, most important first."""
    if found.spectrum.rank == 0:
        return [Verdict("verdict.constant", None)]
    said = []
    if found.holdout is not None:
        said += [_coverage(found.holdout), _gain(found.holdout)]
    if found.scores and len(found.scores) > 1:
        said.append(Verdict("verdict.best.chosen", True) if better(found) is None else Verdict("verdict.best.other", False))
    if found.surprises is not None:
        said.append(_tail(found.surprises.tail))
    few = found.spectrum.effective_rank <= len(found.spectrum.eigenvalues) / 4
    said.append(Verdict("verdict.rank" if few else "verdict.rank.many", None))
    return said


def notes(found: Analysis, *, images: bool) -> list[str]:
    """The keys of what a reader has to know about these data."""
    size = math.prod(found.signals.shape[1:])
    said = {
        "note.missing": found.missing > 0,
        "note.overlap": found.overlap > 0,
        "note.few": len(found.signals) <= size,
        "note.null": found.null > 0 and found.spectrum.rank > 0,
        "note.units": found.unit is None,
        "note.scales": found.scales.entries > UNLIKE and not images,
        "note.channels": found.signals.shape[1] > CHANNELS and not images,
    }
    return [key for key, applies in said.items() if applies]


def better(found: Analysis) -> tuple[Score, Mean] | None:
    """The law that explains held-out cases better than the chosen one beyond chance, and by how much; None if there is none."""
    own = next(s for s in found.scores if s.name == found.law.name)
    best = max(found.scores, key=lambda s: s.nats.value)
    if best.name == own.name or not math.isfinite(best.nats.value):
        return None
    gain = mean_with_error(best.log_prob - own.log_prob, 2 * found.overlap)
    return (best, gain) if gain.value > CLEAR * gain.error or math.isinf(gain.value) else None


def _coverage(held: Holdout) -> Verdict:
    if held.joint.p_value > FALSE_ALARM:
        return Verdict("verdict.coverage.honest", True)
    excess = held.joint.excess
    if abs(excess.value) <= CLEAR * excess.error:
        return Verdict("verdict.coverage.mixed", False)
    return Verdict("verdict.coverage.narrow" if excess.value < 0 else "verdict.coverage.wide", False)


def _gain(held: Holdout) -> Verdict:
    if abs(held.gain.value) <= CLEAR * held.gain.error:
        return Verdict("verdict.gain.same", None)
    if held.gain.value < 0:
        return Verdict("verdict.gain.worse", False)
    sharper = held.fillings["model"].rmse.value <= held.fillings["linear"].rmse.value
    return Verdict("verdict.gain.better" if sharper else "verdict.gain.guess", True)


def _tail(tail: Mean) -> Verdict:
    if abs(tail.value - TAIL) <= CLEAR * tail.error:
        return Verdict("verdict.tail.right", True)
    return Verdict("verdict.tail.light" if tail.value > TAIL else "verdict.tail.heavy", False)
