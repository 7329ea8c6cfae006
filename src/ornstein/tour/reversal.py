"""Chapters four and five: the schedule, one run forward, and the way back with any denoiser."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Denoiser
from ornstein.process import Process
from ornstein.samplers import DDPM, run, start
from ornstein.schedules import Discrete

STEPS = 100
SCHEDULE = Discrete.sigmoid(STEPS)
_TIMES = torch.arange(STEPS + 1, dtype=torch.float64) / STEPS
_CHAIN = 1 << 8


def factors() -> dict[str, Tensor]:
    """abar, alpha = sqrt(abar), sigma = sqrt(1 - abar) and beta at steps 0 ... T, and the bridge q(x_{t-1} | x_t, x_0) into t - 1.

    Row t of each; the chain has no step into t = 0, where beta is 0 and the bridge repeats that of t = 1.
    """
    abar = torch.tensor([1.0, *SCHEDULE.abar], dtype=torch.float64)
    alpha, sigma = Process(SCHEDULE).marginal(_TIMES)
    beta = torch.cat([torch.zeros(1, dtype=torch.float64), 1 - abar[1:] / abar[:-1]])
    bridge = Process(SCHEDULE).bridge(_TIMES[:-1], _TIMES[1:])
    noisy, clean, deviation = (torch.cat([part[:1], part]) for part in bridge)
    return {"abar": abar, "alpha": alpha, "sigma": sigma, "beta": beta, "noisy": noisy, "clean": clean, "deviation": deviation}


def chain(signal: Tensor, seed: int) -> Tensor:
    """One run of the Markov chain from the signal (d,), every step with fresh noise: (T + 1, d), row t is x_t."""
    path = Process(SCHEDULE).path(signal[None], _TIMES[1:], Noise(seed, first=_CHAIN))
    return torch.cat([signal[None], *path])


def reverse(denoiser: Denoiser, seed: int, x: Tensor | None = None) -> Tensor:
    """One ancestral run back: (T + 1, d), row t is x_t, so the run reads from the last row up.

    It begins at ``x`` = x_T (1, d), or where x_T belongs under the law; every start meets the same noise on its way.
    """
    noise = Noise(seed)
    x = start(denoiser, SCHEDULE, 1.0, noise, 1) if x is None else x
    return torch.cat([state.x for state in run(DDPM(), denoiser, SCHEDULE, SCHEDULE.grid(STEPS), x, noise)]).flip(0)


def ranks(covariance: Dense) -> Tensor:
    """Effective rank of Sigma_t = abar_t Sigma_0 + (1 - abar_t) I at every step, (T + 1,)."""
    mean = torch.zeros(covariance.size, dtype=torch.float64)
    laws = (Process(SCHEDULE).law(mean, covariance, t)[1] for t in _TIMES.tolist())
    return torch.stack([law.effective_rank() for law in laws])
