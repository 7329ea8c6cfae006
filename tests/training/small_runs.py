"""Small networks, signals and training runs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Network
from ornstein.nets import Condition
from ornstein.training import LogNormal, Loss, Trainer

SHAPE = (2, 5)
CASES = 40


class Small(nn.Module):
    """Two layers; every case on its own. ``share`` of the hidden layer is dropped in training."""

    def __init__(self, seed: int = 0, width: int = 8, share: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        size = SHAPE[0] * SHAPE[1]
        self.first, self.last = nn.Linear(size + 1, width), nn.Linear(width, size)
        self.dropout = nn.Dropout(share)
        for p in self.parameters():
            p.data = 0.3 * torch.randn(p.shape, generator=generator)

    def forward(self, x: Tensor, noise: Tensor, condition: Condition | None = None) -> Tensor:
        h = torch.cat([x.flatten(1), noise.unsqueeze(1)], 1)
        if condition is not None and condition.label is not None:
            h = h + condition.label.unsqueeze(1).to(h)
        return self.last(self.dropout(torch.tanh(self.first(h)))).view_as(x)


class Silent(nn.Module):
    """Returns 0 through a parameter, as a new network does."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(SHAPE))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.scale * x


def signals(cases: int = CASES, seed: int = 0) -> Tensor:
    """Two clusters: a law that is no Gaussian."""
    generator = torch.Generator().manual_seed(seed)
    sign = torch.randint(0, 2, (cases, 1, 1), generator=generator) * 2.0 - 1
    return 0.9 * sign + 0.4 * torch.randn(cases, *SHAPE, generator=generator)


def labels(cases: int = CASES) -> Condition:
    return Condition(torch.arange(cases) % 3)


def reference(x: Tensor) -> Gaussian:
    return Gaussian(x.double().mean(0), Dense(x.flatten(1).double().T.cov()))


def trainer(module: nn.Module | None = None, x: Tensor | None = None, **more: object) -> Trainer:
    """A trainer in float64, so that sums in another order agree to rounding."""
    x = signals().double() if x is None else x
    network = Network.of(Small().double() if module is None else module, reference(signals()))
    return Trainer(network, x, Loss(LogNormal()), **{"batch": 12, **more})  # type: ignore[arg-type]


def weights(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()]).clone()
