"""Simulation-based inference: C2ST of the posteriors of four simulators, against exact draws (or, for SLCP, annealed chains).

The simulators of Lueckmann et al. 2021 (arXiv 2101.04653), written anew. ``orn.fit((theta, x))``, without any option, is fitted to 10 000
simulations and asked for ``OBSERVED`` new observations; 1000 draws are held against 1000 of the reference. 0.5 is a perfect posterior.

    python benchmarks/bench_simulators.py [tasks whose name contains this]
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from harness import machine
from torch import Tensor

import ornstein as orn
from ornstein.metrics import c2st

SIMULATIONS, OBSERVED, DRAWS = 10_000, 3, 1000


class Task(NamedTuple):
    """prior(n, g), simulator(theta, g), exact draws of the posterior(x, n, g)."""

    prior: Callable[[int, torch.Generator], Tensor]
    simulate: Callable[[Tensor, torch.Generator], Tensor]
    exact: Callable[[Tensor, int, torch.Generator], Tensor]


def normal(shape: tuple[int, ...], g: torch.Generator) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=g)


def uniform(shape: tuple[int, ...], g: torch.Generator, reach: float) -> Tensor:
    return reach * (2 * torch.rand(shape, dtype=torch.float64, generator=g) - 1)


def linear_exact(x: Tensor, n: int, g: torch.Generator) -> Tensor:
    """theta ~ N(0, 0.1 I), x ~ N(theta, 0.1 I)."""
    return x / 2 + 0.05**0.5 * normal((n, len(x)), g)


def narrow_or_wide(theta: Tensor, g: torch.Generator) -> Tensor:
    """Half of the draws have deviation 1, half 0.1."""
    wide = torch.rand((len(theta), 1), generator=g) < 0.5
    return theta + torch.where(wide, 1.0, 0.1) * normal(tuple(theta.shape), g)


def narrow_or_wide_exact(x: Tensor, n: int, g: torch.Generator) -> Tensor:
    """The same law around x, inside the box of the prior."""
    found = narrow_or_wide(x.expand(8 * n, -1), g)
    return found[(found.abs() < 10).all(1)][:n]


def crescent(n: int, g: torch.Generator) -> Tensor:
    angle = uniform((n,), g, math.pi / 2)
    radius = 0.1 + 0.01 * normal((n,), g)
    return torch.stack([radius * angle.cos() + 0.25, radius * angle.sin()], 1)


def two_moons(theta: Tensor, g: torch.Generator) -> Tensor:
    along = torch.stack([-(theta.sum(1)).abs(), theta[:, 1] - theta[:, 0]], 1) / 2**0.5
    return crescent(len(theta), g) + along


def two_moons_exact(x: Tensor, n: int, g: torch.Generator) -> Tensor:
    """The simulator solved for theta: |theta_1 + theta_2| = sqrt(2) (p_1 - x_1), either sign; theta_2 - theta_1 = sqrt(2) (x_2 - p_2)."""
    p = crescent(20 * n, g)
    total = 2**0.5 * (p[:, 0] - x[0])
    sign = torch.where(torch.rand(20 * n, generator=g) < 0.5, -1.0, 1.0)
    difference = 2**0.5 * (x[1] - p[:, 1])
    theta = torch.stack([(sign * total - difference) / 2, (sign * total + difference) / 2], 1)
    return theta[(theta.abs() < 1).all(1) & (total >= 0)][:n]


def slcp_factor(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (n, 2) and Cholesky factor (n, 2, 2): deviations theta_3^2 and theta_4^2, correlation tanh theta_5."""
    s1, s2, r = theta[:, 2] ** 2, theta[:, 3] ** 2, theta[:, 4].tanh()
    zero = torch.zeros_like(s1)
    rows = [torch.stack([s1, zero], 1), torch.stack([s2 * r, s2 * (1 - r**2).sqrt()], 1)]
    return theta[:, :2], torch.stack(rows, 1)


def slcp(theta: Tensor, g: torch.Generator) -> Tensor:
    mean, factor = slcp_factor(theta)
    return (mean.unsqueeze(1) + normal((len(theta), 4, 2), g) @ factor.mT).flatten(1)


def slcp_exact(x: Tensor, n: int, g: torch.Generator) -> Tensor:
    """Chains from the prior, annealed to the posterior in 200 temperatures with resampling, then 2000 Metropolis steps."""
    points = x.view(4, 2)

    def level(theta: Tensor) -> Tensor:
        mean, factor = slcp_factor(theta)
        factor = factor + 1e-9 * torch.eye(2, dtype=theta.dtype)
        z = torch.linalg.solve_triangular(factor, (points - mean.unsqueeze(1)).mT, upper=False)
        found = -0.5 * z.square().sum((1, 2)) - 4 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
        return found.masked_fill((theta.abs() > 3).any(1), -math.inf)

    theta = uniform((n, 5), g, 3.0)
    now, before = level(theta), 0.0
    for k in range(2200):
        power = min(1.0, ((k + 1) / 200) ** 3)
        if power > before:
            chosen = torch.multinomial(torch.softmax((power - before) * now, 0), n, replacement=True, generator=g)
            theta, now, before = theta[chosen], now[chosen], power
        size = torch.exp(uniform((n, 1), g, 2.0) - 2.5)
        tried = theta + size * theta.std(0) * normal((n, 5), g)
        tried[:, 2:4] *= torch.where(torch.rand((n, 2), generator=g) < 0.1, -1.0, 1.0)
        found = level(tried)
        take = torch.rand(n, generator=g).log() < power * (found - now)
        theta, now = torch.where(take.unsqueeze(1), tried, theta), torch.where(take, found, now)
    return theta


TASKS = {
    "Gaussian linear": Task(
        lambda n, g: 0.1**0.5 * normal((n, 10), g),
        lambda theta, g: theta + 0.1**0.5 * normal(tuple(theta.shape), g),
        linear_exact,
    ),
    "Gaussian mixture": Task(lambda n, g: uniform((n, 2), g, 10.0), narrow_or_wide, narrow_or_wide_exact),
    "two moons": Task(lambda n, g: uniform((n, 2), g, 1.0), two_moons, two_moons_exact),
    "SLCP": Task(lambda n, g: uniform((n, 5), g, 3.0), slcp, slcp_exact),
}


def main(wanted: str) -> None:
    machine()
    print(
        f"\n{SIMULATIONS} simulations, {OBSERVED} observations\n\n| task | C2ST | seconds of fit / posterior | chosen |\n|---|---|---|---|"
    )
    for name, task in TASKS.items():
        if wanted not in name:
            continue
        g = torch.Generator().manual_seed(1)
        theta = task.prior(SIMULATIONS + OBSERVED, g)
        x = task.simulate(theta, g)
        begin = time.process_time()
        joint = orn.fit((theta[:SIMULATIONS], x[:SIMULATIONS]))
        fitted, scores, drawn = time.process_time() - begin, [], 0.0
        for observed in x[SIMULATIONS:]:
            begin = time.process_time()
            ours = joint.posterior(observed).sample(DRAWS, seed=3)
            drawn += time.process_time() - begin
            scores.append(c2st(task.exact(observed, DRAWS, g), ours))
        each = ", ".join(f"{score:.3f}" for score in scores)
        mean = sum(scores) / len(scores)
        print(f"| {name} | {mean:.3f} ({each}) | {fitted:.0f} / {drawn / OBSERVED:.1f} | {joint.chosen} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
