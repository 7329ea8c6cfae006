"""How many components a mixture has, and how much each is shrunk, by what held-out cases gain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance import Options
from ornstein.denoisers.em import climb

AUTO = "auto"
"""The shrinkage that held-out cases choose."""
FIRST = "oas"
"""What ``AUTO`` starts from, and stays at where the number of components is given."""
WEIGHTS = (0.1, 0.02, 0.002, 0.0005)
"""What is tried beside ``FIRST``, which takes eigenvalues that are far apart for chance: where cases are tied by a narrow relation, each
component is thin indeed."""
STEPS = 40
"""Steps of each EM that is only judged: what later ones gain is small beside what is compared."""
_HELD_OUT = 5


class Choice(NamedTuple):
    """The number of components, and the shrinkage of each."""

    components: int
    shrinkage: str | float


def of_one(shrinkage: str | float) -> str | float:
    """The shrinkage of a law of one Gaussian, which leaves nothing to choose."""
    return FIRST if shrinkage == AUTO else shrinkage


def choose(x: Tensor, structure: str, options: Options) -> Choice:
    """The number of components and, where ``options`` leave it open, the shrinkage, by the log-likelihood of a held-out fifth of x.

    The number doubles from 1 as long as the held-out cases gain. Then smaller and smaller weights of shrinkage are tried at that number:
    one that gains by more than its paired standard error is taken, and the doubling goes on under it. A choice at which a component
    collapses is not taken. Raises ``InputError`` where all held-out cases are repeats of the others. Cost: an EM for each that is tried.
    """
    held = torch.arange(len(x)) % _HELD_OUT == 0
    distinct, kind = torch.unique(x.flatten(1), dim=0, return_inverse=True)
    if bool(torch.isin(kind[held], kind[~held]).all()):
        raise InputError(
            f"x holds {len(x)} cases, but only {len(distinct)} different ones, and held-out cases that are repeats cannot judge how many "
            "components there are: remove the repeats, or say components="
        )
    train, test = x[~held], x[held]

    def judged(components: int, shrinkage: str | float) -> Tensor:
        """log p of the held-out cases; -inf where a component collapsed."""
        mixture, collapsed = climb(train, components, structure, replace(options, shrinkage=shrinkage), STEPS)
        levels = mixture.log_prob(test)
        return torch.full_like(levels, -math.inf) if collapsed and components > 1 else levels

    open_ = options.shrinkage == AUTO
    shrinkage, most = of_one(options.shrinkage), max(len(train) // 10, 1)
    best, level = _doubled(1, judged(1, shrinkage), lambda k: judged(k, shrinkage), most)
    for weight in WEIGHTS if open_ and _shrinks(structure, tuple(x.shape[1:])) else ():
        tried = judged(best, weight)
        if _gains(tried - level):
            shrinkage, level = weight, tried
    if shrinkage != FIRST and open_:
        best, _ = _doubled(best, level, lambda k: judged(k, shrinkage), most)
    return Choice(best, shrinkage)


def _doubled(components: int, level: Tensor, judged: Callable[[int], Tensor], most: int) -> tuple[int, Tensor]:
    """The number of components, doubled as long as the held-out cases gain, and their log-densities under it."""
    while 2 * components <= most:
        tried = judged(2 * components)
        if not float(tried.mean()) > float(level.mean()):
            break
        components, level = 2 * components, tried
    return components, level


def _gains(apart: Tensor) -> bool:
    """Whether paired differences (case,) are above 0 on average, by more than a standard error."""
    return len(apart) > 1 and float(apart.mean()) > float(apart.std()) / math.sqrt(len(apart))


def _shrinks(structure: str, event: tuple[int, ...]) -> bool:
    """Whether a full matrix is estimated somewhere, the only thing that is shrunk."""
    return "dense" in structure.split("*") or structure == "kronecker" or (len(event) > 1 and event[0] > 1)
