"""Sequences from a chain run backwards, and how far that is from the law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.discrete.chain import Chain, chosen
from ornstein.discrete.law import Law

Denoise = Callable[[Tensor, int], Tensor]
"""x_t (case, site) and its step t -> p(x_0 = v | x_t) at every site (case, site, states): that of a law, or a network's."""

LARGEST = 1 << 16
"""Sequences that are enumerated: all 65536 of 16 bits, with every step from each of them to each."""
_ROWS = 1 << 13


def denoiser(law: Law, chain: Chain) -> Denoise:
    """The exact denoiser of a law under a chain. Raises ``InputError`` where they have other states."""
    if law.states != chain.states:
        raise InputError(f"the law has {law.states} states and the chain {chain.states}, but both must have the same")
    return lambda x_t, t: law.marginals(chain.evidence(x_t, t))


def sample(
    denoise: Denoise, chain: Chain, cases: int, sites: int, *, times: Sequence[int] | None = None, seed: int = 0, first: int = 0
) -> Tensor:
    """Ancestral sampling: from forgotten sites at step T through falling ``times`` (all steps by default) to 0, (case, site).

    Every step draws the sites independently from p(x_s | x_t) = sum_v p(v | x_t) q(x_s | x_t, v); what is lost by that falls with the
    number of steps (``certify``). Case i depends on the seed and i alone. Cost: one call a step.
    """
    grid, noise = falling(chain, times), Noise(seed, first)
    start = chain.forgotten.expand(checks.count(cases, "cases"), checks.count(sites, "sites"), -1)
    x = chosen(start, noise.uniform(cases, (sites,), 0))
    for k, (t, s) in enumerate(pairwise(grid)):
        x = chosen(chain.reverse(denoise(x, t), x, t, s), noise.uniform(cases, (sites,), k + 1))
    return x


def certify(law: Law, chain: Chain, times: Sequence[int] | None = None) -> float:
    """The total variation distance between what ``sample`` draws with the exact denoiser and the law: 1/2 sum_x |p(x) - P(x)|.

    By enumeration, without sampling: the probability of every sequence is carried through every step. Raises ``InputError`` for more
    than 65536 sequences of symbols. Cost: their number squared, a step, as products of matrices: about a
    second for 16 bits.
    """
    many = chain.symbols**law.sites
    if many > LARGEST:
        raise InputError(f"{chain.symbols} symbols at {law.sites} sites make {many} sequences, but at most {LARGEST} are enumerated")
    every = sequences(chain.symbols, law.sites)
    ask, grid = denoiser(law, chain), falling(chain, times)
    mass = product(chain.forgotten.expand(1, law.sites, -1))[0]
    for t, s in pairwise(grid):
        half = law.sites // 2
        after = torch.zeros(chain.symbols**half, chain.symbols ** (law.sites - half), dtype=torch.float64)
        for part in mass.nonzero()[:, 0].split(_ROWS):
            sites = chain.reverse(ask(every[part], t), every[part], t, s)
            # sum_x m(x) prod_i p_i: the two halves of the sites are the two sides of one product of matrices
            left = product(sites[:, :half]) if half else torch.ones(len(part), 1, dtype=torch.float64)
            after += (mass[part].unsqueeze(-1) * left).T @ product(sites[:, half:])
        mass = after.flatten()
    clean = (every < law.states).all(1)
    return 0.5 * float((mass[clean] - law.log_prob(every[clean]).exp()).abs().sum() + mass[~clean].sum())


def falling(chain: Chain, times: Sequence[int] | None) -> list[int]:
    """The steps that a run visits, from T to 0."""
    grid = list(range(chain.steps, -1, -1)) if times is None else [checks.count(t, "times", at_least=0) for t in times]
    if grid[0] != chain.steps or grid[-1] != 0 or any(b >= a for a, b in pairwise(grid)):
        raise InputError(f"times is {grid}, but must fall from the {chain.steps} steps of the chain to 0")
    return grid


def sequences(states: int, sites: int) -> Tensor:
    """All of them, (states^sites, site), the last site fastest."""
    return torch.cartesian_prod(*[torch.arange(states)] * sites).view(-1, sites)


def product(probabilities: Tensor) -> Tensor:
    """The probability of every sequence under independent sites (case, site, states): (case, states^site)."""
    total = probabilities[:, 0]
    for i in range(1, probabilities.shape[1]):
        total = (total.unsqueeze(-1) * probabilities[:, i].unsqueeze(1)).flatten(1)
    return total
