"""How much the error at each noise level counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import unknown_name
from ornstein.denoisers import Preconditioning
from ornstein.nets.embedding import PAIRS, Fourier
from ornstein.nets.layers import zeroed


class Weight(ABC):
    """Squared errors per entry -> the loss. Any positive weight has the same optimum; it decides where a finite network is good."""

    @abstractmethod
    def __call__(self, error: Tensor, sigma: Tensor, preconditioning: Preconditioning) -> Tensor:
        """(case,) from the mean squared error of x_0 and the noise level of every case, both (case,), differentiable."""

    def parameters(self) -> list[nn.Parameter]:
        """What is trained with the network and thrown away after."""
        return []

    def to(self, device: torch.device | str) -> Weight:
        """The same weight on another device."""
        return self


@dataclass(frozen=True)
class EDM(Weight):
    """error / c_out^2: an error of 1 in the network's own output costs 1 at every level (Karras et al. 2022, table 1).

    c_out^2 is the mean variance of the Gaussian posterior, so a loss of 1 is about the Gaussian's own.
    """

    def __call__(self, error: Tensor, sigma: Tensor, preconditioning: Preconditioning) -> Tensor:
        return error * preconditioning.weight(sigma)


@dataclass(frozen=True)
class MinSNR(Weight):
    """min(1 / sigma^2, gamma) error: that of ``Eps``, cut where the least noisy signals would decide (Hang et al. 2023, section 3).

    1 / sigma^2 = alpha_t^2 / sigma_t^2 is the signal-to-noise ratio of signals of unit variance. ``gamma`` > 0.
    """

    gamma: float = 5.0

    def __post_init__(self) -> None:
        checks.positive(self.gamma, "gamma")

    def __call__(self, error: Tensor, sigma: Tensor, preconditioning: Preconditioning) -> Tensor:
        return error * (1 / sigma**2).clamp_max(self.gamma)


@dataclass(frozen=True)
class Eps(Weight):
    """error / sigma^2 = |eps - eps_hat|^2 / d, with eps_hat = (x - D) / sigma: plain noise prediction (Ho et al. 2020, eq. 14)."""

    def __call__(self, error: Tensor, sigma: Tensor, preconditioning: Preconditioning) -> Tensor:
        return error / sigma**2


class Uncertainty(Weight):
    """L / exp(u(sigma)) + u(sigma), L the loss of ``EDM`` (Karras et al. 2024, eq. 21 and 22).

    At the optimum exp(u) is the mean of L at this level, so every level pulls equally, whatever is left to learn there. u is linear
    in Fourier features of log(sigma) / 4 and starts at 0. The value is no measure of the fit: read the loss of ``EDM`` for that.
    """

    def __init__(self) -> None:
        self.head = nn.Sequential(Fourier(), zeroed(nn.Linear(2 * PAIRS, 1)))

    def __call__(self, error: Tensor, sigma: Tensor, preconditioning: Preconditioning) -> Tensor:
        u = self.u(sigma)
        return error * preconditioning.weight(sigma) / u.exp() + u

    def u(self, sigma: Tensor) -> Tensor:
        """The learned log of the loss at noise levels (case,)."""
        out: Tensor = self.head((sigma.log() / 4).to(self.parameters()[0].dtype))
        return out.squeeze(-1)

    def parameters(self) -> list[nn.Parameter]:
        return list(self.head.parameters())

    def to(self, device: torch.device | str) -> Weight:
        self.head.to(device)
        return self


WEIGHTS: dict[str, Callable[[], Weight]] = {"edm": EDM, "min-snr": MinSNR, "uncertainty": Uncertainty, "eps": Eps}


def weight_named(name: str) -> Weight:
    """A weight by its name in ``WEIGHTS``. Raises ``InputError`` for another."""
    if name not in WEIGHTS:
        raise unknown_name("weight", name, WEIGHTS)
    return WEIGHTS[name]()
