"""denoising-diffusion-pytorch as a contestant of bench_training.py."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from training_learners import BATCH, RATE
from training_peers import STEPS, ChainLevels, Peer, Told, matched
from training_sets import Denoise, Problem


def lucidrains_1d() -> Any:
    """The module of denoising_diffusion_pytorch for signals. Its package imports the ones for images too, and they want torchvision."""
    name = "denoising_diffusion_pytorch"
    if name not in sys.modules:
        spec = importlib.util.find_spec(name)
        package = types.ModuleType(name)
        package.__path__ = list(spec.submodule_search_locations or []) if spec else []
        sys.modules[name] = package
    return importlib.import_module(f"{name}.{name}_1d")


class Lucidrains(Peer):
    """denoising-diffusion-pytorch: Unet1D, GaussianDiffusion1D with the v of its README, and the loop of its Trainer1D.

    It has no 2-D network that works without torchvision, so the rows of an image are its channels.
    """

    def __init__(self, problem: Problem, steps: int, seed: int, equal: str = "parameters", rate: float = RATE) -> None:
        self.library = lucidrains_1d()
        super().__init__(problem, seed, equal)
        length = self.shaped(problem.train[:1]).shape[-1]
        self.diffusion = self.library.GaussianDiffusion1D(
            self.module, seq_length=length, timesteps=STEPS, objective="pred_v", auto_normalize=False
        )
        self.optimiser = torch.optim.Adam(self.diffusion.parameters(), lr=rate, betas=(0.9, 0.99))
        self.ema = self.library.EMA(self.diffusion, beta=0.995, update_every=10)

    def network(self, target: int | None) -> nn.Module:
        shape = self.problem.event_shape
        if len(shape) == 1:
            return Told(self.problem.net(), ChainLevels(self.library.cosine_beta_schedule(STEPS)))
        channels, levels = shape[-2], (1, 2, 2) if len(shape) == 2 else (1, 2)

        def make(dim: int, first: int) -> nn.Module:
            net: nn.Module = self.library.Unet1D(dim, init_dim=first, dim_mults=levels, channels=channels)
            return net

        if target is None:
            return make(16, 16)
        return matched(make, [(dim, first) for dim in range(4, 41, 2) for first in range(dim - 3, dim + 4)], target)

    def shaped(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1) if x.ndim == 2 else x.flatten(1, -2)

    def step(self) -> None:
        self.diffusion(self.batch()).backward()
        nn.utils.clip_grad_norm_(self.diffusion.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.ema.update()

    def denoisers(self) -> Iterator[Denoise]:
        for diffusion in (self.diffusion, self.ema.ema_model):
            yield self.chain(diffusion.model, "v", self.diffusion.betas)

    @torch.no_grad()
    def forward(self) -> Tensor:
        out: Tensor = self.module(self.shaped(self.problem.train[:BATCH]), torch.zeros(BATCH))
        return out
