"""How many components a mixture has, and how much each is shrunk, by what held-out cases gain."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.folds import every, standard_error
from ornstein.covariance import Options
from ornstein.denoisers.em import SHORT, climb, k_means

AUTO = "auto"
"""The shrinkage that held-out cases choose."""
FIRST = "oas"
"""What ``AUTO`` starts from, and stays at where the number of components is given."""
WEIGHTS = (0.1, 0.02, 0.002, 0.0005)
"""What is tried beside ``FIRST``, which takes eigenvalues that are far apart for chance: where cases are tied by a narrow relation, each
component is thin indeed."""
LAST = 0.0001
"""The weight that is tried after ``WEIGHTS`` where several runs of EM are averaged, which makes up for thin components."""
STARTS = 5
"""Runs of EM that are averaged where the mean of two is better than one."""
FLAT = 1e-6
"""Deviation over the largest one, below which a direction is rounding: that of float32 is 1e-7."""
_HELD_OUT = 5


class Choice(NamedTuple):
    """The number of components, the shrinkage of each, and of how many runs of EM the densities are averaged."""

    components: int
    shrinkage: str | float
    starts: int = 1


def of_one(shrinkage: str | float) -> str | float:
    """The shrinkage of a law of one Gaussian, which leaves nothing to choose."""
    return FIRST if shrinkage == AUTO else shrinkage


def choose(x: Tensor, structure: str, options: Options, *, starts: int | None = None) -> Choice:
    """The number of components and, where they are left open, the shrinkage and ``starts``, by the log-likelihood of a held-out fifth of x.

    Under each weight of shrinkage the number doubles from 1 as long as the held-out cases gain; a doubling that is level, within its
    paired standard error, is looked past once. Numbers and weights are judged together, since thin components are fewer: what gains
    most under ``FIRST`` is far from what does under a small weight. Another weight is taken if it gains by more than its paired standard
    error; none is tried where x has a direction without variance, whose density is whatever the weight leaves there, the more the
    smaller it is. Where the mean of two runs of EM is better than one, beyond its error, ``STARTS`` are averaged, and with them numbers
    and weights go on for as long as that gains. A choice at which a component collapses is not taken.

    ``options.overlap`` is that of ``folds.every`` and ``folds.standard_error``.
    Raises ``InputError`` where all held-out cases are repeats of the others.
    Cost: an EM for each that is tried.
    """
    fitted, held = every(len(x), _HELD_OUT, options.overlap)
    distinct, kind = torch.unique(x.flatten(1), dim=0, return_inverse=True)
    if bool(torch.isin(kind[held], kind[fitted]).all()):
        raise InputError(
            f"x holds {len(x)} cases, but only {len(distinct)} different ones, and held-out cases that are repeats cannot judge how many "
            "components there are: remove the repeats, or say components="
        )
    train, test = x[fitted], x[held]
    starts_of = functools.cache(k_means)  # the same under every shrinkage

    @functools.cache  # what was one run is the first of several
    def judged(components: int, shrinkage: str | float, start: int) -> Tensor:
        """log p of the held-out cases; -inf where a component collapsed."""
        how = replace(options, shrinkage=shrinkage, seed=options.seed + start)
        mixture, collapsed = climb(train, components, structure, how, SHORT, starts_of)
        levels = mixture.log_prob(test)
        return torch.full_like(levels, -math.inf) if collapsed and components > 1 else levels

    free = options.shrinkage == AUTO and _shrinks(structure, tuple(x.shape[1:])) and not _is_flat(x.flatten(1))
    gains = functools.partial(_gains, overlap=options.overlap)
    most, weights, shrinkage = max(len(train) // 10, 1), WEIGHTS if free else (), of_one(options.shrinkage)
    best, level = _doubled(judged, shrinkage, most, gains)
    chosen = Choice(best, shrinkage, starts or 1)
    for weight in weights:
        best, tried = _doubled(judged, weight, most, gains)
        if gains(tried - level):
            chosen, level = Choice(best, weight, starts or 1), tried
    if starts is not None or chosen.components == 1:
        return chosen
    lower = [w for w in (*weights, LAST) if free and not isinstance(chosen.shrinkage, str) and w < chosen.shrinkage]
    return _averaged(judged, chosen, level, most, lower, gains)


def _averaged(
    judged: Callable[..., Tensor], alone: Choice, level: Tensor, most: int, lower: Sequence[float], gains: Callable[[Tensor], bool]
) -> Choice:
    """``alone``, of one run and held-out ``level``, or what the mean of several is best at: more components, then ``lower`` shrinkage."""
    if not gains(_mean(judged, alone._replace(starts=2)) - level):
        return alone
    best = alone._replace(starts=STARTS)
    level = _mean(judged, best)
    while 2 * best.components <= most:
        more = best._replace(components=2 * best.components)
        tried = _mean(judged, more)
        if not gains(tried - level):
            break
        best, level = more, tried
    for weight in lower:
        less = best._replace(shrinkage=weight)
        tried = _mean(judged, less)
        if not gains(tried - level):
            break
        best, level = less, tried
    return best


def _mean(judged: Callable[..., Tensor], choice: Choice) -> Tensor:
    """log of the mean density of the runs without a collapse (case,); -inf where there is none."""
    runs = torch.stack([judged(choice.components, choice.shrinkage, start) for start in range(choice.starts)])
    whole = runs[~runs.isneginf().all(1)]
    return torch.logsumexp(whole, 0) - math.log(len(whole)) if len(whole) else runs[0]


def _doubled(judged: Callable[..., Tensor], shrinkage: str | float, most: int, gains: Callable[[Tensor], bool]) -> tuple[int, Tensor]:
    """The number of components at which the held-out cases gain most, and their log-densities under it."""
    best, level, tried, past = 1, judged(1, shrinkage, 0), 1, False
    while 2 * tried <= most:
        tried *= 2
        found = judged(tried, shrinkage, 0)
        if float(found.mean()) > float(level.mean()):
            best, level, past = tried, found, False
        elif past or gains(level - found):
            break
        else:
            past = True
    return best, level


def _gains(apart: Tensor, overlap: int) -> bool:
    """Whether paired differences (case,) are above 0 on average, by more than a standard error; one alone shows nothing."""
    error = standard_error(apart, overlap)
    return float(apart.mean()) > (0.0 if math.isnan(error) else error)  # infinite differences have no deviation


def _is_flat(x: Tensor) -> bool:
    """Whether cases (case, d), more of them than d, never leave a subspace, up to rounding."""
    if len(x) <= x.shape[1]:
        return False
    values = torch.linalg.svdvals((x - x.mean(0)).to(torch.float64))
    return bool(values[-1] <= FLAT * values[0])


def _shrinks(structure: str, event: tuple[int, ...]) -> bool:
    """Whether a full matrix is estimated somewhere, the only thing that is shrunk."""
    return "dense" in structure.split("*") or structure == "kronecker" or (len(event) > 1 and event[0] > 1)
