"""The rows of Sohl-Dickstein et al. 2015 (tables 1 and 2) on data made here, in their units: bits, and bits less those of the null.

    python benchmarks/rows_2015.py [swiss heartbeat leaves]

Swiss roll   r = 3 pi / 2 (1 + 2 u), (r cos r, r sin r) + .013 z, divided by its deviation, so that the null, a unit Gaussian, has -4.09
             bits as in the paper (2.35 - 6.45); the paper does not state its noise. 10000 cases to fit, 1000 held out. The truth is an
             integral along the curve. Our law: ``orn.fit(x, "empirical")``, and as a lower bound the chain of its denoiser.
Heartbeat    20 bits, a beat every fifth: -log2 5 = -2.322 bits. The network of ``orn.fit(x, "binary", law="network")``, 2000 steps.
Dead leaves  images of 24 x 24: discs with grey values uniform on 0 ... 255 fall until all is covered, radius r in [1, 16] with density
             r^-3 (Lee, Mumford and Huang 2001), centres uniform on a larger square; rounded, plus uniform noise of one step, divided by
             the deviation of a pixel (the null: a unit Gaussian). 20000 images to fit, 200 others held out; bits per pixel of whole
             images, which have no context outside. Our law: ``orn.fit(x, Leaves())``, a network of 50000 weights that compares a pixel
             with its 24 neighbours on the scale of the noise, 1500 steps; its density by I-MMSE, a lower bound for the
             stochastic sampler. Beside it the Gaussian that it stands on, and what a table of equalities says of a pixel given the
             four before it: the density in closed form of a small causal law.
"""

from __future__ import annotations

import itertools
import math
import sys
import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import ornstein as orn
from ornstein.likelihood import bound
from ornstein.training import LogNormal

LOG2 = math.log(2)


def told(name: str, nats: Tensor, null: float, entries: int = 1) -> None:
    bits = nats / (LOG2 * entries)
    error = float(bits.std() / math.sqrt(len(bits)))
    print(f"{name:44} K {float(bits.mean()):7.3f} ± {error:.3f} bits, K - L_null {float(bits.mean()) - null:7.3f}", flush=True)


def swiss() -> None:
    generator = torch.Generator().manual_seed(0)
    cases, noise = 11000, 0.013

    def curve(u: Tensor) -> Tensor:
        r = 1.5 * torch.pi * (1 + 2 * u)
        return torch.stack([r * r.cos(), r * r.sin()], -1)

    clean = curve(torch.rand(cases, dtype=torch.float64, generator=generator))
    x = clean + noise * torch.randn(cases, 2, dtype=torch.float64, generator=generator)
    centre, scale = x[:10000].mean(0), x[:10000].std(0)
    train, test = (x[:10000] - centre) / scale, (x[10000:] - centre) / scale
    grid = (curve(torch.linspace(0, 1, 400001, dtype=torch.float64)[:-1] + 1.25e-6) - centre) / scale
    spread = noise / scale
    parts = []
    for some in test.split(50):
        apart = ((some[:, None] - grid[None]) / spread).square().sum(-1)
        parts.append(torch.logsumexp(-0.5 * apart, 1) - math.log(len(grid)) - float((spread * math.sqrt(2 * math.pi)).log().sum()))
    null = -math.log2(2 * math.pi * math.e)
    told("swiss roll, truth", torch.cat(parts), null)
    model = orn.fit(train, "empirical", standardize="none", folds=0)
    told("swiss roll, empirical, exact", model.log_prob(test), null)
    some = test[:100]
    found = bound(model.law, some, steps=1000, covariance="small", paths=2)
    told("swiss roll, empirical, its chain of 1000 steps", found.value, null)


def heartbeat() -> None:
    phases = torch.eye(5, dtype=torch.float64).repeat(1, 4)
    generator = torch.Generator().manual_seed(0)
    x = phases[torch.randint(5, (2000,), generator=generator)]
    told("heartbeat, mixture of products", orn.fit(x, "binary", law="mixture", folds=0).log_prob(phases), -20)
    told("heartbeat, network", orn.fit(x, "binary", law="network", folds=0).log_prob(phases), -20)


def leaves(images: int, seed: int, size: int = 24) -> Tensor:
    """(image, size, size) with whole grey values."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[:size, :size]
    low, high, margin = 1.0, 16.0, 16.0
    found = np.empty((images, size, size))
    for image in found:
        bare = np.ones((size, size), dtype=bool)
        while bare.any():  # from the top down: what is covered stays as it is
            u = random.random((256, 4))
            radius = (low**-2 - u[:, 0] * (low**-2 - high**-2)) ** -0.5
            centre = u[:, 1:3] * (size + 2 * margin) - margin
            for r, (a, b), grey in zip(radius.tolist(), centre.tolist(), u[:, 3].tolist(), strict=True):
                box = tuple(slice(max(0, math.ceil(at - r)), max(0, math.floor(at + r) + 1)) for at in (a, b))
                inside = bare[box] & ((row[box] - a) ** 2 + (column[box] - b) ** 2 <= r * r)
                image[box][inside] = math.floor(256 * grey)
                bare[box] &= ~inside
    return torch.from_numpy(found)


class Leaves(nn.Module):
    """Which neighbours are the same grey under this noise? Weights for their differences to the pixel, in units of the noise."""

    inputs = 2
    REACH, WIDTH = 2, 48

    def __init__(self) -> None:
        super().__init__()
        side = 2 * self.REACH + 1
        self.others = [i for i in range(side**2) if i != side**2 // 2]
        self.first = nn.Conv2d(2 * len(self.others) + 4, self.WIDTH, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.SiLU(), nn.Conv2d(self.WIDTH, self.WIDTH, 3, padding=1), nn.SiLU(), nn.Conv2d(self.WIDTH, self.WIDTH, 1))
            for _ in range(2)
        )
        self.last = nn.Conv2d(self.WIDTH, len(self.others) + 2, 1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        level = noise.view(-1, 1, 1, 1)
        sigma = (4 * level).exp()
        scaled, guess = x.split(1, 1)
        grey = scaled * (1 + sigma**2).sqrt()
        padded = functional.pad(grey, (self.REACH,) * 4, value=1e4)
        around = functional.unfold(padded, 2 * self.REACH + 1).unflatten(-1, grey.shape[-2:])[:, self.others]
        apart = (around - grey) / sigma
        near = (-apart.square() / 8).exp()
        moved = (grey - guess) / sigma
        h = self.first(torch.cat([apart * near, near, scaled, moved, guess, level.expand_as(grey)], 1))
        for block in self.blocks:
            h = h + block(h)
        *weights, free, back = self.last(functional.silu(h)).split(1, 1)
        return (torch.cat(weights, 1) * apart * near).sum(1, keepdim=True) + free + back * moved


def causal(images: Tensor, held_out: Tensor) -> Tensor:
    """log2 P(pixel | west, north-west, north, north-east) of whole values, one mean an image: which of the four it repeats, or a new
    value out of 256, by how often that happened under the same equalities of the four."""

    def told(x: Tensor) -> tuple[Tensor, Tensor]:
        west, corner, north, east, pixel = x[:, 1:, :-2], x[:, :-1, :-2], x[:, :-1, 1:-1], x[:, :-1, 2:], x[:, 1:, 1:-1]
        four = (west, north, corner, east)
        key = sum((2**i * (a == b) for i, (a, b) in enumerate(itertools.combinations(four, 2))), torch.zeros_like(pixel)).long()
        same = torch.stack([pixel == value for value in four] + [torch.ones_like(pixel, dtype=torch.bool)])
        return key, same.double().argmax(0)

    key, kind = told(images)
    counts = torch.ones(64, 5, dtype=torch.float64).index_put_((key, kind), torch.tensor(1.0, dtype=torch.float64), accumulate=True)
    bits = (counts / counts.sum(1, keepdim=True)).log2() - torch.tensor([0.0, 0, 0, 0, 8])
    key, kind = told(held_out)
    return bits[key, kind].flatten(1).mean(1)


def dead_leaves() -> None:
    whole, others = leaves(20000, 1), leaves(200, 2)
    generator = torch.Generator().manual_seed(3)
    train, test = (v + torch.rand(v.shape, dtype=torch.float64, generator=generator) for v in (whole, others))
    mean, scale = train.mean(), train.std()
    train, test = (((v - mean) / scale).unsqueeze(1) for v in (train, test))
    null, pixels = -0.5 * math.log2(2 * math.pi * math.e), 24 * 24
    torch.manual_seed(0)
    options = {"steps": 1500, "batch": 64, "rate": 3e-3, "held_out": 0.02, "levels": LogNormal(math.log(0.06), 1.5)}
    model = orn.fit(train.float(), Leaves(), standardize="none", seed=0, **options)
    told("dead leaves, Gaussian", model.law.reference.log_prob(test), null, pixels)
    found = model.log_density(test, method="mmse", error=100.0)
    left_out = float(found.discretisation_error.mean()) / (LOG2 * pixels)
    told(f"dead leaves, network (ends of the integral {left_out:.2f})", found.value, null, pixels)
    told("dead leaves, a table of equalities, inner pixels", (causal(whole, others) + math.log2(scale)) * LOG2, null)


def main() -> None:
    warnings.simplefilter("ignore")
    rows = {"swiss": swiss, "heartbeat": heartbeat, "leaves": dead_leaves}
    for name in sys.argv[1:] or rows:
        rows[name]()


if __name__ == "__main__":
    main()
