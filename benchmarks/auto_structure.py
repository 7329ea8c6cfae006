"""How often structure "auto" picks the law that made the data: a count per law, over 100 data sets each (10 minutes on one core).

python benchmarks/auto_structure.py [draws]
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Covariance, Dense, Diagonal, Kernel, Kronecker, LowRank, Stationary, estimate
from ornstein.covariance.prediction import yule_walker
from ornstein.covariance.stationary_fits import cosine_basis


@dataclass(frozen=True)
class Truth:
    """A law whose structure is known, the shape of its signals, and the number of cases to draw."""

    name: str
    law: Covariance
    shape: tuple[int, ...]
    cases: int

    def chosen(self, seed: int) -> str:
        """What "auto" makes of one data set."""
        x = self.law.draw(Noise(seed), self.cases)
        return estimate(x.view(self.cases, *self.shape), "auto").structure


def orthogonal(size: int, seed: int) -> Tensor:
    return torch.linalg.qr(Noise(seed).normal(size, (size,))).Q


def full(low: float, high: float, size: int, seed: int) -> Dense:
    """Eigenvalues 10^low ... 10^high in a random basis."""
    return Dense.from_eigen(orthogonal(size, seed), torch.logspace(high, low, size, dtype=torch.float64))


def lagged(r: Callable[[Tensor], Tensor], size: int) -> Dense:
    lag = torch.arange(size, dtype=torch.float64)
    return Dense(r((lag.unsqueeze(1) - lag).abs()))


def lines(lag: Tensor) -> Tensor:
    """Two sines of random phase in white noise: every earlier sample helps to predict, so no band is enough."""
    return torch.cos(1.1 * lag) + 0.7 * torch.cos(2.3 * lag) + 0.5 * (lag == 0)


def smooth_image(size: int) -> Kronecker:
    """Cosine coefficients whose variance falls with frequency."""
    basis = cosine_basis(size)
    k = torch.arange(size, dtype=torch.float64)
    power = 1 / (1 + (k.unsqueeze(1) ** 2 + k**2)) ** 1.5
    one = Dense.from_eigen(basis, torch.ones(size, dtype=torch.float64))
    return Kronecker(one, one).replace(power.flatten())


def circle(size: int) -> Stationary:
    """Power that moves by octaves around the circle, peaked at a quarter of the rate."""
    k = torch.fft.fftfreq(size, dtype=torch.float64).abs()
    return Stationary.from_spectrum(0.1 + torch.exp(-(((k - 0.25) / 0.05) ** 2)) + 2 * torch.exp(-((k / 0.02) ** 2)))


def second_order(rho: float, angle: float, size: int) -> Covariance:
    """AR(2) with poles at rho exp(+-i angle), variance 1."""
    a, b = 2 * rho * math.cos(angle), -(rho**2)
    r = [1.0, a / (1 - b)]
    r.append(a * r[1] + b * r[0])
    return yule_walker(torch.tensor(r, dtype=torch.float64), 2, size)


LAWS = [
    Truth("diagonal", Diagonal(torch.logspace(-1, 1, 16, dtype=torch.float64)), (16,), 200),
    Truth("low-rank", LowRank(orthogonal(32, 1)[:, :3], torch.tensor([9.0, 4.0, 2.0]), 0.2), (32,), 200),
    Truth("dense", full(-1.5, 1, 16, 2), (16,), 400),
    Truth("toeplitz", lagged(lines, 32), (32,), 400),
    Truth("stationary", circle(32), (32,), 200),
    Truth("autoregressive", second_order(0.9, 0.7, 32), (32,), 100),
    Truth("squared-exponential", Kernel("squared-exponential", 1.0, 4.0, 0.05).covariance(32), (32,), 100),
    Truth("matern-3/2", Kernel("matern-3/2", 1.0, 6.0, 0.02).covariance(32), (32,), 200),
    Truth("kronecker", Kronecker(full(-1, 1, 4, 3), full(-1, 1, 12, 4)), (4, 12), 100),
    Truth("image", smooth_image(8), (1, 8, 8), 200),
]


def main(draws: int) -> None:
    print(f"| law | d | n | chosen rightly of {draws} | otherwise |\n|---|---|---|---|---|")
    for truth in LAWS:
        counts = Counter(truth.chosen(seed) for seed in range(draws))
        others = ", ".join(f"{name} {count}" for name, count in counts.most_common() if name != truth.name)
        shape = " x ".join(str(s) for s in truth.shape)
        print(f"| {truth.name} | {shape} | {truth.cases} | {counts[truth.name]} | {others or '-'} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
