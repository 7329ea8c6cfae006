"""diffusers as a contestant of bench_training.py."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from training_learners import BATCH, RATE
from training_peers import STEPS, ChainLevels, Peer, Told, matched
from training_sets import Denoise, Problem


class Diffusers(Peer):
    """diffusers: UNet1DModel or UNet2DModel, DDPMScheduler and the loop of its training tutorial (AdamW, cosine rate, clipping)."""

    def __init__(self, problem: Problem, steps: int, seed: int, equal: str = "parameters", rate: float = RATE) -> None:
        self.library = importlib.import_module("diffusers")
        self.scheduler = self.library.DDPMScheduler(num_train_timesteps=STEPS)
        super().__init__(problem, seed, equal)
        self.optimiser = torch.optim.AdamW(self.module.parameters(), lr=rate)
        cosine = importlib.import_module("diffusers.optimization").get_cosine_schedule_with_warmup
        self.rate = cosine(self.optimiser, num_warmup_steps=min(500, steps // 6), num_training_steps=steps)

    def network(self, target: int | None) -> nn.Module:
        shape = self.problem.event_shape
        if len(shape) == 1:
            return Told(self.problem.net(), ChainLevels(self.scheduler.betas))
        make = self._signals if len(shape) == 2 else self._images
        if target is None:
            return make(16, 32, 32)
        sizes = range(8, 65, 8) if len(shape) == 2 else range(4, 65, 4)
        return matched(
            make, [(a, b, c) for a in sizes for b in sizes for c in sizes if a <= b <= c and b >= 8 and (len(shape) == 2 or b == c)], target
        )

    def _signals(self, *widths: int) -> nn.Module:
        """The blocks of its models for trajectories, whose time embedding is the one for chains."""
        net: nn.Module = self.library.UNet1DModel(
            sample_size=self.problem.event_shape[-1],
            in_channels=self.problem.event_shape[0],
            out_channels=self.problem.event_shape[0],
            block_out_channels=widths,
            down_block_types=("DownResnetBlock1D",) * len(widths),
            up_block_types=("UpResnetBlock1D",) * (len(widths) - 1),
            mid_block_type="MidResTemporalBlock1D",
            out_block_type="OutConv1DBlock",
            time_embedding_type="positional",
            use_timestep_embedding=True,
            flip_sin_to_cos=False,
            freq_shift=1,
            act_fn="mish",
            layers_per_block=1,
        )
        return net

    def _images(self, *widths: int) -> nn.Module:
        """Two levels, as ours has."""
        net: nn.Module = self.library.UNet2DModel(
            sample_size=self.problem.event_shape[1:],
            in_channels=self.problem.event_shape[0],
            out_channels=self.problem.event_shape[0],
            block_out_channels=widths[:2],
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            norm_num_groups=4,
        )
        return net

    def step(self) -> None:
        x = self.batch()
        noise, steps = torch.randn_like(x), torch.randint(0, STEPS, (len(x),), dtype=torch.int64)
        out = self.module(self.scheduler.add_noise(x, noise, steps), steps)
        nn.functional.mse_loss(out if isinstance(out, Tensor) else out.sample, noise).backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimiser.step()
        self.rate.step()
        self.optimiser.zero_grad()

    def denoisers(self) -> Iterator[Denoise]:
        yield self.chain(self.module, "eps", self.scheduler.betas)

    @torch.no_grad()
    def forward(self) -> Tensor:
        out = self.module(self.problem.train[:BATCH], torch.zeros(BATCH, dtype=torch.int64))
        return out if isinstance(out, Tensor) else out.sample
