"""Posteriors of a black box: the mixture of 25 modes, seen through random rows (d = 8 and 80; 1, 2 and 4 values measured).

The truth is again a mixture, so every method is scored against exact draws. All methods see D(x, sigma) alone; the reference of
ours is fitted to 10 000 draws of the prior, as a model is. Fixed for all: the instances of the file, 1000 draws a method, 10 000 exact
ones, 100 directions (seed 5). ``max-sliced W2`` is the largest 2-Wasserstein distance along a direction; ``TV`` the total variation
between the shares of the modes and the exact ones; ``exact`` is 1000 exact draws against the 10 000, the mean of 10 such sets, since a
single one is mostly luck where two modes share the mass. Seconds are CPU-seconds of one posterior.

    python benchmarks/bench_posterior.py [dimensions, e.g. 8,80] [instances, default 20] [methods whose name contains this]
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from harness import machine
from posterior_peers import dps, mmps
from real_data import load
from torch import Tensor

import ornstein as orn
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal, Sigma
from ornstein.denoisers import Denoiser, Gaussian, Mixture, Particles, Posterior
from ornstein.denoisers.fit import fit_gaussian, fit_mixture
from ornstein.measurements import Linear
from ornstein.model import Model
from ornstein.posterior import twisted

DRAWS, EXACT, PRIOR, DIRECTIONS, FLOORS = 1000, 10_000, 10_000, 100, 10
MEASURED = (1, 2, 4)


class Black(Denoiser):
    """A law seen from outside: its mean, and nothing else."""

    def __init__(self, law: Mixture) -> None:
        self.law, self.event_shape = law, law.event_shape

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        return Posterior(self.law(x, sigma).mean)


@dataclass(frozen=True, eq=False)
class Instance:
    """A prior, a measurement of one of its signals, and the exact answer."""

    law: Mixture
    rows: Tensor
    noise: float
    y: Tensor
    number: int

    @cached_property
    def answer(self) -> Mixture:
        found = self.law.condition(Linear(self.rows), self.y, self.noise).law
        assert isinstance(found, Mixture)
        return found

    @cached_property
    def exact(self) -> Tensor:
        return self.answer.sample(EXACT, seed=100 + self.number)

    @cached_property
    def directions(self) -> Tensor:
        directions = torch.randn(self.law.size, DIRECTIONS, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
        return directions / directions.norm(dim=0)

    @cached_property
    def projected(self) -> Tensor:
        """The exact draws along every direction, sorted, (direction, draw)."""
        return (self.exact @ self.directions).sort(0).values.T.contiguous()

    @cached_property
    def prior(self) -> Tensor:
        """What a reference is fitted to."""
        return self.law.sample(PRIOR, seed=1000 + self.number)

    @cached_property
    def model(self) -> Model:
        """The black box as a model, which knows 10 000 of its signals."""
        return orn.fit(self.prior, Black(self.law))

    @cached_property
    def gaussian(self) -> Gaussian:
        return fit_gaussian(self.prior)

    def mixture(self, components: int) -> Mixture:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # modes of weight 1e-4 hold a case or two
            return fit_mixture(self.prior, components)

    def levels(self, steps: int) -> Tensor:
        """From 3 deviations of the widest direction to .01, evenly in their logarithm, then 0: the grid of the peers."""
        highest = 3 * float(torch.linalg.eigvalsh(self.law.covariance().dense())[-1].sqrt())
        grid = torch.logspace(torch.tensor(highest).log10().item(), -2, steps, dtype=torch.float64)
        return torch.cat([grid, torch.zeros(1, dtype=torch.float64)])


def instances(d: int, m: int, count: int) -> list[Instance]:
    found = load("gmm25_linear_inverse")
    values = {name: torch.from_numpy(found[f"d{d}_m{m}_{name}"]).double() for name in ("A", "sigma", "y", "weights")}
    means = torch.from_numpy(found["means2d"]).double().repeat(1, d // 2)
    unit = Diagonal(torch.ones(d, dtype=torch.float64))
    laws = [Mixture(weights, [Gaussian(mean, unit) for mean in means]) for weights in values["weights"]]
    return [Instance(laws[i], values["A"][i], float(values["sigma"][i]), values["y"][i], i) for i in range(count)]


def sliced(x: Tensor, weights: Tensor, directions: Tensor, exact: Tensor) -> float:
    """Max-sliced W2 between weighted points and sorted exact ones (direction, draw), which cut the quantile function into equal parts."""
    ours, order = (x @ directions).sort(0)
    reached = weights[order].cumsum(0).T.contiguous()
    places = ((torch.arange(exact.shape[1], dtype=torch.float64) + 0.5) / exact.shape[1]).expand_as(exact).contiguous()
    chosen = torch.searchsorted(reached, places).clamp_max(len(x) - 1)
    return float((ours.T.gather(1, chosen) - exact).square().mean(1).max().sqrt())


def modes(x: Tensor, weights: Tensor, answer: Mixture) -> float:
    """Total variation between the shares of the modes, each point counted to the nearest, and the exact weights."""
    near = torch.cdist(x, torch.stack([c.mean() for c in answer.components])).argmin(1)
    shares = torch.zeros_like(answer.weights).scatter_add_(0, near, weights)
    return 0.5 * float((shares - answer.weights).abs().sum())


Method = Callable[[Instance], tuple[Tensor, Tensor, float]]
"""The draws, their weights, and the CPU-seconds they took."""


def ours(steps: int, components: int | None = None, particles: int = DRAWS) -> Method:
    """The particles with their weights; where there are more than draws wanted, so many draws of them."""

    def run(one: Instance) -> tuple[Tensor, Tensor, float]:
        reference = one.gaussian if components is None else one.mixture(components)
        begin = time.process_time()
        found = twisted(Black(one.law), reference, Linear(one.rows), one.y, one.noise, particles=particles, steps=steps, seed=one.number)
        if particles == DRAWS:
            return found.law.points, found.law.weights, time.process_time() - begin
        return found.law.sample(DRAWS), torch.full((DRAWS,), 1 / DRAWS, dtype=torch.float64), time.process_time() - begin

    return run


def peer(name: str, steps: int) -> Method:
    def run(one: Instance) -> tuple[Tensor, Tensor, float]:
        start, levels, black = Noise(one.number).normal(DRAWS, (one.law.size,)), one.levels(steps), Black(one.law)
        begin = time.process_time()
        x = dps(black, one.rows, one.y, start, levels) if name == "dps" else mmps(black, one.rows, one.y, one.noise, start, levels)
        return x, torch.full((DRAWS,), 1 / DRAWS, dtype=torch.float64), time.process_time() - begin

    return run


def default(one: Instance) -> tuple[Tensor, Tensor, float]:
    """``model.posterior`` as it is called, with nothing chosen but a seed; the first call, which fits the guide, is not timed."""
    found = one.model.posterior(Linear(one.rows), one.y, one.noise, seed=one.number)
    begin = time.process_time()
    found = one.model.posterior(Linear(one.rows), one.y, one.noise, seed=one.number)
    assert isinstance(found.law, Particles)
    return found.law.points, found.law.weights, time.process_time() - begin


def exact(one: Instance, seed: int = 0) -> tuple[Tensor, Tensor, float]:
    begin = time.process_time()
    drawn = one.law.condition(Linear(one.rows), one.y, one.noise).law.sample(DRAWS, seed=one.number + 1000 * seed)
    return drawn, torch.full((DRAWS,), 1 / DRAWS, dtype=torch.float64), time.process_time() - begin


METHODS: dict[str, Method] = {
    "model.posterior": default,
    "Gaussian reference, 60 steps": ours(60),
    "Gaussian reference, 120 steps": ours(120),
    "mixture of 25, 10 steps": ours(10, 25),
    "mixture of 25, 20 steps": ours(20, 25),
    "mixture of 8, 30 steps": ours(30, 8),
    "Gaussian reference, 120 steps, 1000 of 4000": ours(120, None, 4 * DRAWS),
    "mixture of 25, 20 steps, 1000 of 4000": ours(20, 25, 4 * DRAWS),
    "DPS, 100 steps": peer("dps", 100),
    "MMPS, 100 steps": peer("mmps", 100),
}


def score(found: list[tuple[Instance, tuple[Tensor, Tensor, float]]]) -> tuple[float, float, float]:
    """Means of max-sliced W2, total variation of the modes, and seconds."""
    rows = [(sliced(x, w, one.directions, one.projected), modes(x, w, one.answer), seconds) for one, (x, w, seconds) in found]
    w2, tv, seconds = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
    return w2, tv, seconds


def main(dimensions: list[int], count: int, wanted: str) -> None:
    machine()
    chosen = {name: method for name, method in METHODS.items() if wanted in name}
    for d in dimensions:
        for m in MEASURED:
            problems = instances(d, m, count)
            print(f"\nd = {d}, m = {m}, mean of {count} instances\n")
            print("| method | max-sliced W2 | / exact | TV | / exact | seconds |\n|---|---|---|---|---|---|")
            floor = score([(one, exact(one, seed)) for one in problems for seed in range(FLOORS)])
            print(f"| exact | {floor[0]:.2f} | 1 | {floor[1]:.4f} | 1 | {floor[2]:.2f} |", flush=True)
            for name, method in chosen.items():
                w2, tv, seconds = score([(one, method(one)) for one in problems])
                print(f"| {name} | {w2:.2f} | {w2 / floor[0]:.2f} | {tv:.4f} | {tv / floor[1]:.2f} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    arguments = sys.argv[1:] + ["8,80", "20", ""][len(sys.argv) - 1 :]
    main([int(d) for d in arguments[0].split(",")], int(arguments[1]), arguments[2])
