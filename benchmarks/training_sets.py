"""Data sets of the training benchmarks, their held-out noise, and the loss that every contestant is judged by.

Every set is shifted and scaled by two numbers, so that its entries together have mean 0 and standard deviation 1 on the training part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from real_data import load
from sklearn import datasets
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.denoisers import Gaussian
from ornstein.denoisers.fit import fit_gaussian
from ornstein.nets import MLP, Net, UNet

PAIRS = 1024
"""Held-out pairs of a signal and a noise level, at least; signals are used again, with other noise, where there are fewer."""

CENTRE, WIDTH = -1.2 + math.log(2), 1.2
"""log sigma ~ N(CENTRE, WIDTH^2): the levels of Karras et al. 2022 (table 1), moved from data of deviation 0.5 to deviation 1."""

Denoise = Callable[[Tensor, Tensor], Tensor]
"""x (case, *event), sigma (case,) -> E[x_0 | x]."""


@dataclass(frozen=True)
class Problem:
    """Signals to train on and held-out ones, (case, *event) in float32, and the network that all are compared by."""

    name: str
    note: str
    train: Tensor
    test: Tensor

    @property
    def event_shape(self) -> tuple[int, ...]:
        return tuple(self.train.shape[1:])

    def net(self, seed: int = 0, *, plain: bool = True) -> Net:
        """A U-Net of about 90 000 parameters, three levels where the signals are long enough, or an MLP for vectors.

        Unless ``plain``, the U-Net is shown the skip as a second input, as in ``nets.default_net``: 48 weights more.
        """
        if len(self.event_shape) == 1:
            return MLP(self.event_shape, width=64, depth=3, seed=seed)
        multipliers = (1, 2, 2) if len(self.event_shape) == 2 else (1, 2)
        return UNet(self.event_shape, width=16, multipliers=multipliers, blocks=1, inputs=1 if plain else 2, seed=seed)

    def gaussian(self) -> Gaussian:
        return fit_gaussian(self.train.to(torch.float64))


@dataclass(frozen=True)
class HeldOut:
    """Fixed pairs of signals and noise: every level is a quantile of its law, so that no two runs differ by the luck of the draw."""

    x_0: Tensor
    x: Tensor
    sigma: Tensor

    @classmethod
    def of(cls, test: Tensor) -> HeldOut:
        count = math.ceil(PAIRS / len(test)) * len(test)
        x_0 = test.repeat(count // len(test), *(1,) * (test.ndim - 1))
        u = (torch.randperm(count, generator=torch.Generator().manual_seed(0)) + 0.5) / count
        sigma = torch.exp(CENTRE + WIDTH * torch.special.ndtri(u.to(torch.float64))).to(torch.float32)
        z = Noise(1).normal(count, tuple(test.shape[1:])).to(torch.float32)
        return cls(x_0, x_0 + sigma.view(-1, *(1,) * (test.ndim - 1)) * z, sigma)

    @torch.no_grad()
    def loss(self, denoise: Denoise) -> float:
        """mean (sigma^2 + 1) / sigma^2 |D - x_0|^2 / d, Karras et al. 2022, table 1, for data of deviation 1."""
        total = 0.0
        for part in torch.arange(len(self.x)).split(256):
            error = (denoise(self.x[part], self.sigma[part]) - self.x_0[part]).to(torch.float64).square().flatten(1).mean(1)
            total += float((error * (1 + self.sigma[part].to(torch.float64) ** -2)).sum())
        return total / len(self.x)


def gaussian_loss(problem: Problem, held_out: HeldOut) -> float:
    """The loss of the law with the mean and covariance of the training signals."""
    law = problem.gaussian()
    return held_out.loss(lambda x, sigma: law(x.to(torch.float64), sigma.to(torch.float64)).mean)


def scaled(name: str, note: str, train: Tensor, test: Tensor) -> Problem:
    mean, deviation = train.to(torch.float64).mean(), train.to(torch.float64).std()
    return Problem(name, note, *(((x - mean) / deviation).to(torch.float32) for x in (train, test)))


def split(name: str, note: str, x: Tensor, train: int) -> Problem:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return scaled(name, note, x[order[:train]], x[order[train:]])


def mnist1d() -> Problem:
    found = load("mnist1d")
    train, test = (torch.from_numpy(found[part]).unsqueeze(1) for part in ("train", "test"))
    return scaled("MNIST-1D", "1 x 40, 10 classes of curves, 4000 to train on", train, test)


def digits() -> Problem:
    x = torch.from_numpy(datasets.load_digits().images).unsqueeze(1)
    return split("digits", "1 x 8 x 8, handwritten digits, 1300 to train on", x, 1300)


def cosines() -> Problem:
    """a cos(2 pi f t + p), t in [0, 1): amplitude 0.5 to 1.5, 1 to 6 turns, any phase."""
    a, f, p = Noise(3).uniform(3000, (3, 1)).unbind(1)
    t = torch.arange(100, dtype=torch.float64) / 100
    x = (0.5 + a) * torch.cos(2 * math.pi * ((1 + 5 * f) * t + p))
    return split("cosine curves", "1 x 100, one cosine of random amplitude, frequency and phase, 2000 to train on", x.unsqueeze(1), 2000)


def ecg() -> Problem:
    found = load("mitbih100_beats")
    train, test = (torch.from_numpy(found[part])[:, :1, ::2] for part in ("train", "test"))
    return scaled("ECG beats", "1 x 128, one lead at 180 Hz, 1816 to train on; the test beats come later in time", train, test)


def electricity() -> Problem:
    found = load("ucr_ItalyPowerDemand")
    x = torch.cat([torch.from_numpy(found[part]) for part in ("train", "test")]).unsqueeze(1)
    return split("electricity days", "1 x 24, hours of a day, each day standardised, 800 to train on", x, 800)


def swiss_roll() -> Problem:
    made = [torch.from_numpy(datasets.make_swiss_roll(n, noise=0.2, random_state=seed)[0]) for n, seed in ((4000, 0), (1000, 1))]
    return scaled("swiss roll", "vectors of 3, 4000 to train on", *made)


PROBLEMS: dict[str, Callable[[], Problem]] = {f.__name__: f for f in (mnist1d, digits, cosines, ecg, electricity, swiss_roll)}
