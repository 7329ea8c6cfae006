"""The network of chapter five: it sees x_t and t, and predicts the noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Network
from ornstein.nets import MLP
from ornstein.nets.embedding import PAIRS, Fourier
from ornstein.nets.layers import seeded, zeroed

DEPTH, CENTRE = 2, 128
NARROWEST = 128
"""The width of the network is at least this, and never below the number of points: the noise to be told apart fills all of them."""


class Predictor(nn.Module):
    """eps = Q f(Q' x_t - m(t), t): in a basis of its own, what the network expects at step t is taken away before it looks.

    The law is one curve s, and eps = (x_t - alpha_t s) / sigma_t. Along s the offset alpha_t |s| is about sqrt(d) times the noise
    beside it. A network that learns gain and offset at one time makes its loss small by giving up that one direction of d: then
    the way back keeps whatever size it began with, at 128 points and more, at any width. With m(t), 0 before training, the offset
    is learned first. The optimiser scales every coordinate by itself, so a curve that is one spike would be harder to learn than a
    wave; in the random basis Q the noise is as white as before, and all curves of d points are one problem.
    """

    basis: Tensor

    def __init__(self, inner: nn.Module, d: int, seed: int) -> None:
        super().__init__()
        self.inner = inner
        with seeded(seed):
            self.expected = nn.Sequential(Fourier(), nn.Linear(2 * PAIRS, CENTRE), nn.SiLU(), zeroed(nn.Linear(CENTRE, d)))
            self.register_buffer("basis", torch.linalg.qr(torch.randn(d, d)).Q)

    def forward(self, x_t: Tensor, noise: Tensor) -> Tensor:
        """x_t (case, d) and log(sigma) / 4, (case,) -> eps (case, d)."""
        eps: Tensor = self.inner(x_t @ self.basis - self.expected(noise), noise) @ self.basis.T
        return eps


class NoisePrediction(nn.Module):
    """A module that predicts the noise, eps = f(x_t, log(sigma) / 4), as the F of a ``Network`` around N(0, I).

        D = x / (1 + sigma^2) + sigma F / sqrt(1 + sigma^2) = x - sigma f    for    F = sigma x_t - sqrt(1 + sigma^2) f

    with x_t = x / sqrt(1 + sigma^2): under a variance-preserving schedule, what the network sees is x_t itself.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x_t: Tensor, noise: Tensor) -> Tensor:
        """x_t (case, d) and log(sigma) / 4, (case,) -> F (case, d)."""
        sigma = (4 * noise).exp().unsqueeze(-1)
        eps: Tensor = self.inner(x_t, noise)
        return sigma * x_t - (1 + sigma**2).sqrt() * eps


def untrained(d: int, seed: int) -> Network:
    """A noise predictor for curves (d,) that has seen nothing: it predicts 0."""
    inner = MLP((d,), width=max(NARROWEST, d), depth=DEPTH, seed=seed)
    reference = Gaussian(torch.zeros(d, dtype=torch.float64), Diagonal(torch.ones(d, dtype=torch.float64)))
    return Network.of(NoisePrediction(Predictor(inner, d, seed)), reference, "scalar")
