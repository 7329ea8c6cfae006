"""Chapter five: a network learns the way back to one curve by predicting the noise, and what comes of it is measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.random import Noise
from ornstein.covariance import Diagonal
from ornstein.denoisers import Denoiser, Gaussian, Network
from ornstein.nets import MLP
from ornstein.samplers import DDPM, sample
from ornstein.tour import reversal
from ornstein.training import Eps, Loss, NoiseLevels, Pace, Trainer

TRAINING = 1000
"""Optimiser steps. The default curve of 100 points takes 4 to 6 s of one core."""

FEWEST = 20
"""Optimiser steps that still have the moments below apart."""

MOMENTS = (0.05, 0.1, 0.2, 0.4, 1.0)
"""Shares of the training after which a reverse run is kept."""

EARLY = 1
"""Which of the moments figure 5d shows: the network knows the shape by then, and not its size."""

BATCH, RATE, DEPTH = 64, 3e-3, 2
NARROWEST = 128
"""The width of the network is at least this, and never below the number of points: the noise to be told apart fills all of them."""

RUNS = 64
"""Further noises that the network is tried on: as starts of runs, and at every step of the schedule."""

_STARTS, _TRIALS = 1 << 9, 1 << 10


@dataclass(frozen=True)
class ChainLevels(NoiseLevels):
    """sigma of the steps 1 ... T of the chain, all equally often: the uniform t of Ho et al. (2020, algorithm 1)."""

    def quantile(self, u: Tensor) -> Tensor:
        times = torch.arange(1, reversal.STEPS + 1, dtype=torch.float64) / reversal.STEPS
        step = (u * reversal.STEPS).ceil().long().clamp(1, reversal.STEPS)
        return reversal.SCHEDULE.noise_level(times).to(u.device)[step - 1]


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


@dataclass(frozen=True, eq=False)
class Learned:
    """A trained noise predictor as a denoiser, the loss of every training step, and reverse runs of moments on the way.

    losses  (step,)           |eps_theta - eps|^2 / d of each batch
    runs    {steps: (T + 1, d)}   row t is x_t, all from the same start with the same noise; the last is that of ``network``
    """

    network: Network
    losses: Tensor
    runs: dict[int, Tensor]


def untrained(d: int, seed: int) -> Network:
    """A noise predictor for curves (d,) that has seen nothing: it predicts 0."""
    net = MLP((d,), width=max(NARROWEST, -(-d // 64) * 64), depth=DEPTH, seed=seed)
    reference = Gaussian(torch.zeros(d, dtype=torch.float64), Diagonal(torch.ones(d, dtype=torch.float64)))
    return Network.of(NoisePrediction(net), reference, "scalar")


def learn(signal: Tensor, start: Tensor, seed: int, steps: int = TRAINING) -> Learned:
    """Train a network on one curve (d,), and run it back from ``start`` = x_T (1, d) with the noise of ``reversal.reverse``.

        L = E_t E |eps_theta(x_t, t) - eps|^2 / d,   t uniform in 1 ... T                 (Ho et al. 2020, eq. 14)

    The law is one point, so x_t determines eps: a network that predicts 0 has L = 1, the best one L = 0.
    Raises ``InputError`` for fewer than 20 steps. Cost: about 5 ms a step for 100 points on one core.
    """
    steps = checks.count(steps, "training", at_least=FEWEST)
    network = untrained(len(signal), seed)
    trainer = Trainer(network, signal.expand(BATCH, -1), Loss(ChainLevels(), Eps()), batch=BATCH, rate=RATE, lengths=(), seed=seed + 1)
    pace, losses, runs = Pace(), [], {}
    moments = {round(share * steps) for share in MOMENTS}
    for k in range(steps):
        losses.append(trainer.step(pace(k / steps, k)).loss)
        if k + 1 in moments:
            with torch.no_grad():
                runs[k + 1] = reversal.reverse(network, seed, start)
    return Learned(network, torch.stack(losses).to("cpu", torch.float64), runs)


@torch.no_grad()
def errors(network: Denoiser, signal: Tensor, seed: int) -> Tensor:
    """rms of eps_theta - eps at the steps 1 ... T, measured with fresh noise, (T + 1,); entry 0 repeats that of step 1.

    The same error in x_0 is larger by sigma_t / alpha_t, because x_t = alpha_t x_0 + sigma_t eps.
    """
    times = torch.arange(1, reversal.STEPS + 1, dtype=torch.float64) / reversal.STEPS
    sigma = reversal.SCHEDULE.noise_level(times).repeat_interleave(RUNS)
    z = Noise(seed, first=_TRIALS).normal(reversal.STEPS * RUNS, tuple(signal.shape))
    x = signal + sigma.unsqueeze(-1) * z
    eps = (x - network(x, sigma).mean) / sigma.unsqueeze(-1)
    found = (eps - z).square().view(reversal.STEPS, -1).mean(-1).sqrt()
    return torch.cat([found[:1], found])


def ends(network: Denoiser, signal: Tensor, seed: int) -> Tensor:
    """rms distance to the curve of runs from pure noise that the network never saw, (run,)."""
    found = sample(network, DDPM(), reversal.SCHEDULE, reversal.STEPS, RUNS, seed=seed, first=_STARTS)
    return (found - signal).square().mean(-1).sqrt()
