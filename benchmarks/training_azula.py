"""azula as a contestant of bench_training.py."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from training_learners import BATCH, RATE
from training_peers import Peer, Told, matched
from training_sets import Denoise, Problem


class Wrapped(nn.Module):
    """azula's U-Net with the time embedding of its tutorial."""

    def __init__(self, width: int, features: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        widths = [width, 2 * width, 2 * width] if len(shape) == 2 else [width, 2 * width]
        unet = importlib.import_module("azula.nn.unet").UNet
        self.unet = unet(
            shape[0], shape[0], hid_channels=widths, hid_blocks=[1] * len(widths), spatial=len(shape) - 1, mod_features=features
        )
        self.time = nn.Sequential(nn.Linear(1, features), nn.SiLU(), nn.Linear(features, features))

    def forward(self, x: Tensor, log_sigma: Tensor) -> Tensor:
        out: Tensor = self.unet(x, self.time(log_sigma.unsqueeze(-1)))
        return out


class Azula(Peer):
    """azula: its U-Net, KarrasDenoiser and its loss under the VP schedule, with the loop of its README."""

    def __init__(self, problem: Problem, steps: int, seed: int, equal: str = "parameters", rate: float = RATE) -> None:
        denoise, noise = importlib.import_module("azula.denoise"), importlib.import_module("azula.noise")
        super().__init__(problem, seed, equal)
        self.denoiser = denoise.KarrasDenoiser(self.module, noise.VPSchedule())
        self.asked = denoise.KarrasDenoiser(self.module, lambda sigma: (torch.ones_like(sigma), sigma))
        self.optimiser = torch.optim.Adam(self.module.parameters(), lr=rate)

    def network(self, target: int | None) -> nn.Module:
        shape = self.problem.event_shape
        if len(shape) == 1:
            return Told(self.problem.net(), lambda log_sigma: log_sigma)
        if target is None:
            return Wrapped(16, 64, shape)
        choices = [(width, features) for width in range(4, 41) for features in (48, 64, 80)]
        return matched(lambda width, features: Wrapped(width, features, shape), choices, target)

    def step(self) -> None:
        self.denoiser.loss(self.batch(), torch.rand(BATCH)).backward()
        self.optimiser.step()
        self.optimiser.zero_grad()

    def denoisers(self) -> Iterator[Denoise]:
        yield lambda x, sigma: self.asked(x, sigma).mean

    @torch.no_grad()
    def forward(self) -> Tensor:
        out: Tensor = self.module(self.problem.train[:BATCH], torch.zeros(BATCH))
        return out
