"""Chapter five: a network learns the way back to one curve by predicting the noise, and what comes of it is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.random import Noise
from ornstein.denoisers import Denoiser, Network
from ornstein.samplers import DDPM, sample
from ornstein.tour import reversal
from ornstein.tour.predictor import untrained
from ornstein.training import Eps, Loss, NoiseLevels, Pace, Trainer

TRAINING = 1000
"""Optimiser steps. The default curve of 100 points takes 4 to 6 s of one core."""

FEWEST = 20
"""Optimiser steps that still have the moments below apart."""

MOMENTS = (0.05, 0.1, 0.2, 0.4, 1.0)
"""Shares of the training after which a reverse run is kept."""

EARLY = 1
"""Which of the moments figure 5d shows: a result that has begun to look like the curve, too large and rough."""

REACHED = 0.05
"""A run has come back to the curve where its rms distance from it, in standard deviations of the curve, is at most this."""

BATCH, RATE = 64, 3e-3

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


@dataclass(frozen=True, eq=False)
class Learned:
    """A trained noise predictor as a denoiser, the loss of every training step, and reverse runs of moments on the way.

    losses  (step,)           |eps_theta - eps|^2 / d of each batch
    runs    {steps: (T + 1, d)}   row t is x_t, all from the same start with the same noise; the last is that of ``network``
    """

    network: Network
    losses: Tensor
    runs: dict[int, Tensor]


def learn(signal: Tensor, start: Tensor, seed: int, steps: int = TRAINING, progress: Callable[[float], None] = lambda _: None) -> Learned:
    """Train a network on one curve (d,), and run it back from ``start`` = x_T (1, d) with the noise of ``reversal.reverse``.

        L = E_t E |eps_theta(x_t, t) - eps|^2 / d,   t uniform in 1 ... T                 (Ho et al. 2020, eq. 14)

    progress  is told the share of the training that is done, in tenths
    The law is one point, so x_t determines eps: a network that predicts 0 has L = 1, the best one L = 0.
    Raises ``InputError`` for fewer than 20 steps. Cost: about 5 ms a step for 100 points on one core.
    """
    steps = checks.count(steps, "training", at_least=FEWEST)
    losses, runs = [], {}
    moments = {round(share * steps) for share in MOMENTS}
    for moment in training(signal, seed, steps):
        if (moment.step - 1) % max(1, steps // 10) == 0:
            progress((moment.step - 1) / steps)
        losses.append(moment.loss)
        if moment.step in moments:
            runs[moment.step] = moment.run(start, seed)
    return Learned(moment.network, torch.stack(losses).to("cpu", torch.float64), runs)


@dataclass(frozen=True, eq=False)
class Moment:
    """A training after ``step`` optimiser steps: the loss of that step, and the network, which the next step will change."""

    step: int
    loss: Tensor
    network: Network

    @torch.no_grad()
    def run(self, start: Tensor, seed: int) -> Tensor:
        """The reverse run at this moment, (T + 1, d): row t is x_t, from ``start`` = x_T (1, d) with the noise of ``reversal.reverse``."""
        return reversal.reverse(self.network, seed, start)


def training(signal: Tensor, seed: int, steps: int = TRAINING) -> Iterator[Moment]:
    """The training of ``learn`` as a loop that the caller owns: it may look at every moment, and leave after any."""
    network = untrained(len(signal), seed)
    trainer = Trainer(network, signal.expand(BATCH, -1), Loss(ChainLevels(), Eps()), batch=BATCH, rate=RATE, lengths=(), seed=seed + 1)
    pace = Pace()
    for k in range(steps):
        yield Moment(k + 1, trainer.step(pace(k / steps, k)).loss, network)


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
