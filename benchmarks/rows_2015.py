"""The rows of Sohl-Dickstein et al. 2015 (tables 1 and 2) on data made here, in their units: bits, and bits less those of the null.

    python benchmarks/rows_2015.py [swiss heartbeat leaves]

Swiss roll   r = 3 pi / 2 (1 + 2 u), (r cos r, r sin r) + .013 z, divided by its deviation, so that the null, a unit Gaussian, has -4.09
             bits as in the paper (2.35 - 6.45); the paper does not state its noise. 10000 cases to fit, 1000 held out. The truth is an
             integral along the curve. Our law: ``orn.fit(x, "empirical")``, and as a lower bound the chain of its denoiser.
Heartbeat    20 bits, a beat every fifth: -log2 5 = -2.322 bits. The network of ``orn.fit(x, "binary", law="network")``, 2000 steps.
Dead leaves  images of 24 x 24: discs with grey values uniform on 0 ... 255 fall until all is covered, radius r in [1, 16] with density
             r^-3 (Lee, Mumford and Huang 2001), centres uniform on a larger square; rounded, plus uniform noise of one step, divided by
             the deviation of a pixel (the null: a unit Gaussian). Patches of 8 x 8 from them, 10000 to fit and 1000 held out, no image in
             both. Our law: ``orn.fit(x, "mixture")``; bits per pixel of whole patches, which have no context outside.
"""

from __future__ import annotations

import math
import sys
import warnings

import torch
from torch import Tensor

import ornstein as orn
from ornstein.likelihood import bound

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
    generator = torch.Generator().manual_seed(seed)
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    found = torch.empty(images, size, size, dtype=torch.float64)
    low, high, margin = 1.0, 16.0, 16.0
    for image in found:
        open_ = torch.ones(size, size, dtype=torch.bool)
        while bool(open_.any()):  # from the top down: what is covered stays as it is
            u = torch.rand(256, 4, dtype=torch.float64, generator=generator)
            radius = (low**-2 - u[:, 0] * (low**-2 - high**-2)) ** -0.5
            centre = u[:, 1:3] * (size + 2 * margin) - margin
            for r, (a, b), grey in zip(radius.tolist(), centre.tolist(), u[:, 3].tolist(), strict=True):
                inside = open_ & ((row - a) ** 2 + (column - b) ** 2 <= r * r)
                image[inside] = math.floor(256 * grey)
                open_ &= ~inside
                if not bool(open_.any()):
                    break
    return found


def dead_leaves() -> None:
    def patches(images: int, seed: int) -> Tensor:
        return leaves(images, seed).unfold(1, 8, 8).unfold(2, 8, 8).reshape(-1, 64)

    train, test = patches(1112, 1)[:10000], patches(112, 2)[:1000]
    generator = torch.Generator().manual_seed(3)
    train, test = (v + torch.rand(v.shape, dtype=torch.float64, generator=generator) for v in (train, test))
    mean, scale = train.mean(), train.std()
    train, test = (train - mean) / scale, (test - mean) / scale
    null = -0.5 * math.log2(2 * math.pi * math.e)
    for kind, options in (
        ("gaussian", {}),
        ("mixture", {"components": 8, "shrinkage": 0.001}),
        ("mixture", {"components": 32, "shrinkage": 0.001}),
    ):
        law = orn.fit(train.view(-1, 1, 64), kind, standardize="none", folds=0, **options)
        told(f"dead leaves, {kind} {options.get('components', '')}", law.log_prob(test.view(-1, 1, 64)), null, 64)


def main() -> None:
    warnings.simplefilter("ignore")
    rows = {"swiss": swiss, "heartbeat": heartbeat, "leaves": dead_leaves}
    for name in sys.argv[1:] or rows:
        rows[name]()


if __name__ == "__main__":
    main()
