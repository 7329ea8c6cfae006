"""Seconds per 1000 posterior draws: DPS and DiffPIR here, in azula and in deepinv, with one denoiser, one measurement, one number of calls.

python benchmarks/bench_posterior_speed.py
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from harness import against, machine
from sampler_grids import karras
from sampler_peers import azula_sampler
from torch import Tensor, nn

from ornstein.covariance import Dense
from ornstein.denoisers import Denoiser, Gaussian, Posterior
from ornstein.measurements import Mask
from ornstein.posterior import RUNS, Given, runs

SIDE, STEPS, DRAWS, NOISE, ROUNDS = 12, 50, 1000, 0.1, 3
SIZE = SIDE * SIDE


class Plain(nn.Module):
    """D(x, sigma), (case, ..., d): a linear layer each way, with what lies between as a Gaussian would have it. ``calls`` counts."""

    def __init__(self) -> None:
        super().__init__()
        at = torch.arange(SIZE, dtype=torch.float64)
        values, self.vectors = torch.linalg.eigh(0.04 * torch.exp(-(at[:, None] - at).abs() / 10))
        self.values, self.calls = values.clamp_min(0), 0

    def forward(self, x: Tensor, sigma: float | Tensor, *_: object, **__: object) -> Tensor:
        self.calls += 1
        level = float(torch.as_tensor(sigma).flatten()[0]) ** 2
        inside = (x.flatten(1).double() @ self.vectors) * (self.values / (self.values + level))
        found: Tensor = (inside @ self.vectors.T).view(x.shape).to(x.dtype)
        return found


class Ours(Denoiser):
    """The same as a denoiser."""

    def __init__(self, plain: Plain) -> None:
        self.plain, self.event_shape = plain, (SIZE,)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        return Posterior(self.plain(x, sigma))


def of_azula(name: str, plain: Plain, seen: Tensor, y: Tensor) -> Tensor:
    """Its DPS sampler, or its DDPM over its DiffPIR denoiser, on the noise levels of Karras et al."""
    sigmas = [*karras(STEPS), 0.0]

    def measured(x: Tensor) -> Tensor:
        return x[:, seen]

    sampler = azula_sampler("DDPM", plain, sigmas)
    guided: Any = importlib.import_module("azula.guidance")
    if name == "dps":
        sampler = guided.DPSSampler(sampler.denoiser, y, measured, steps=STEPS, silent=True, dtype=torch.float64)
    else:
        sampler.denoiser = guided.DiffPIRDenoiser(sampler.denoiser, y, measured, NOISE**2, lmbda=7.0)
    found: Tensor = sampler(sigmas[0] * torch.randn(DRAWS, SIZE, dtype=torch.float64))
    return found


def deepinv() -> Any:
    """The package; a torchvision built for another torch lacks compiled operators that its import names and no sampler calls."""
    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            torch.library.define(f"torchvision::{operator}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return importlib.import_module("deepinv")


def of_deepinv(name: str, plain: Plain, seen: Tensor, y: Tensor) -> Callable[[], Tensor]:
    """Its DPS or DiffPIR of images (1, 12, 12), in as many calls (DPS: one more)."""
    package = deepinv()
    mask = torch.zeros(SIZE, dtype=torch.float64).index_fill(0, seen, 1.0).view(1, SIDE, SIDE)
    physics = package.physics.Inpainting((1, SIDE, SIDE), mask=mask, noise_model=package.physics.GaussianNoise(NOISE))
    image = torch.zeros(DRAWS, SIZE, dtype=torch.float64).index_copy(1, seen, y.expand(DRAWS, -1)).view(DRAWS, 1, SIDE, SIDE)
    if name == "dps":
        sampler = package.sampling.DPS(plain, schedule="ve", num_steps=STEPS + 1)
    else:
        sampler = package.sampling.DiffPIR(plain, package.optim.data_fidelity.L2(), sigma=NOISE, max_iter=STEPS)
    return lambda: sampler(image, physics)


def main() -> None:
    machine()
    torch.manual_seed(0)
    plain, seen = Plain(), torch.arange(0, SIZE, 3)
    prior = Gaussian(torch.zeros(SIZE), Dense((plain.vectors * plain.values) @ plain.vectors.T))
    y = prior.sample(1, seed=1)[0, seen] + NOISE * torch.randn(len(seen), dtype=torch.float64)
    given = [Given(Mask(torch.isin(torch.arange(SIZE), seen)), y, torch.tensor(NOISE, dtype=torch.float64))]
    print(f"\n{DRAWS} draws of {SIZE} entries, {len(seen)} seen, {STEPS} noise levels: best of {ROUNDS}\n")
    print("| method | ours, s (calls) | peer | s (calls) | ratio |\n|---|---|---|---|---|")
    for name in ("dps", "diffpir"):
        ours = partial(runs, RUNS[name], name, Ours(plain), given, prior, draws=DRAWS, steps=STEPS)
        peers: dict[str, Callable[[], object]] = {
            "azula": partial(of_azula, name, plain, seen, y),
            "deepinv": of_deepinv(name, plain, seen, y),
        }
        for peer, theirs in peers.items():
            counts = []
            for call in (ours, theirs):
                plain.calls = 0
                call()
                counts.append(plain.calls)
            mine, other = against(ours, theirs, ROUNDS)
            print(f"| {name} | {mine:.2f} ({counts[0]}) | {peer} | {other:.2f} ({counts[1]}) | {mine / other:.2f} |", flush=True)


if __name__ == "__main__":
    main()
