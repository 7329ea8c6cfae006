"""What a chain gives a sequence: a lower bound from whole paths, and the exact probability where sites are revealed one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.discrete.chain import Chain
from ornstein.discrete.law import symbols
from ornstein.discrete.sampling import Denoise, falling


class Bound(NamedTuple):
    """A lower bound on log P(x) in nats, and its standard error over paths, (case,) each."""

    value: Tensor
    standard_error: Tensor


def bound(
    denoise: Denoise,
    chain: Chain,
    x: object,
    *,
    times: Sequence[int] | None = None,
    paths: int = 8,
    particles: int = 1,
    seed: int = 0,
) -> Bound:
    """log P(x) >= E_q[log p(x_T) + sum log p(x_s | x_t) - log q(x_t | x_s)] of the chain that ``sample`` runs, for x (case, site).

    (Sohl-Dickstein et al. 2015, eq. 13, over the steps ``times``.) Every path is weighed as a whole: for independent sites each gives
    log P(x) exactly, where divergences summed step by step, in closed form (their eq. 14), vary ten times as much. ``particles`` K weighs
    K paths together (Burda et al. 2016), which is closer. The chain must forget everything: a_T = 0. In bits, divide by log 2.
    Cost: one call a step, path and particle.
    """
    values, grid = symbols(x, None, chain.states), falling(chain, times)
    if bool((values < 0).any()):
        raise InputError("x holds entries that are not known, but a bound needs complete sequences: ask the law, or impute them first")
    if chain.keep[-1] > 0:
        raise InputError(f"the chain keeps {chain.keep[-1]:g} of every site to its end, but a bound starts from nothing: end keep at 0")
    checks.count(paths, "paths", at_least=2)
    noise, rising = Noise(seed), grid[::-1]
    weights = []
    for path in range(paths * checks.count(particles, "particles")):
        near, total = values, torch.zeros(len(values), dtype=torch.float64)
        for k, (s, t) in enumerate(pairwise(rising)):
            far = chain.forward(near, s, t, noise, path * len(rising) + k)
            back = chain.reverse(denoise(far, t), far, t, s)
            total = total + _of(back, near) - _of(chain.transition(s, t)[near], far)
            near = far
        weights.append(total + _of(chain.forgotten.expand(*values.shape, -1), near))
    grouped = torch.logsumexp(torch.stack(weights).unflatten(0, (paths, particles)), 1) - math.log(particles)
    return Bound(grouped.mean(0), grouped.std(0) / math.sqrt(paths))


def revealed(denoise: Denoise, chain: Chain, x: object, order: Sequence[int] | None = None) -> Tensor:
    """The exact log P(x) in nats, (case,), of the sampler that unmasks one site at a time in this order (all sites, 0, 1, ... by default).

        log P(x) = sum_i log p(x_oi | x_o1 ... x_o(i-1)),      the others masked

    No bound is needed: each step has one site. With a law it is the law's own probability in any order; with a network the order counts
    (Hoogeboom et al. 2022). The step t told is the one at which as many sites are masked on average. Raises ``InputError`` for a chain
    without masks. Cost: one call a site.
    """
    if not chain.masked:
        raise InputError("the chain has no mask, so its sites are not revealed one by one: use Chain.masking, or a bound")
    values = symbols(x, None, chain.states)
    sites = values.shape[1]
    chosen = list(range(sites)) if order is None else list(order)
    if sorted(chosen) != list(range(sites)):
        raise InputError(f"order is {chosen}, but must name each of the {sites} sites once")
    shown = torch.full_like(values, chain.states)
    total = torch.zeros(len(values), dtype=torch.float64)
    for k, i in enumerate(chosen):
        t = max(1, round(chain.steps * (1 - k / sites)))
        total = total + denoise(shown, t)[:, i].gather(-1, values[:, i : i + 1]).squeeze(-1).log()
        shown[:, i] = values[:, i]
    return total


def _of(probabilities: Tensor, x: Tensor) -> Tensor:
    """log-probability of x (case, site) under independent sites (case, site, symbols), summed over sites."""
    return probabilities.gather(-1, x.unsqueeze(-1)).squeeze(-1).log().sum(-1)
