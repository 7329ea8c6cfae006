"""A denoiser network small enough to train inside a benchmark: a residual MLP with EDM's preconditioning."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ornstein.denoisers import Denoiser, Posterior

WIDTH, BLOCKS, FREQUENCIES = 256, 3, 16
STEPS, BATCH, RATE = 4000, 256, 2e-3


class Block(nn.Module):
    """x + W2 silu(W1 norm(x) + noise)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.first, self.second = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.noise = nn.Linear(2 * FREQUENCIES, WIDTH)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        out: Tensor = x + self.second(nn.functional.silu(self.first(self.norm(x)) + self.noise(features)))
        return out


class MLP(nn.Module):
    """F(c_in x, log(sigma) / 4), with sines and cosines of the noise level."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(size, WIDTH), nn.Linear(WIDTH, size)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.register_buffer("frequency", torch.logspace(-1, 1, FREQUENCIES) * math.pi / 2)
        nn.init.zeros_(self.outward.weight)

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        angle = c_noise[:, None] * self.frequency
        features = torch.cat([angle.sin(), angle.cos()], -1)
        x = self.inward(x)
        for block in self.blocks:
            x = block(x, features)
        out: Tensor = self.outward(x)
        return out


class Network(Denoiser):
    """D(x, sigma) = c_skip x + c_out F(c_in x, c_noise) for data of deviation 1 (Karras et al. 2022, table 1), float32 inside."""

    def __init__(self, size: int) -> None:
        self.event_shape, self.net = (size,), MLP(size)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x (case, size) and sigma (case,) -> the denoised signal, with its graph."""
        total = torch.sqrt(1 + sigma**2)[:, None]
        out: Tensor = x / total**2 + (sigma[:, None] / total) * self.net(x / total, sigma.log() / 4)
        return out

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        level = torch.as_tensor(sigma, dtype=torch.float32).expand(len(x))
        return Posterior(self.forward(x.to(torch.float32), level).to(x.dtype))


def train(data: Tensor, steps: int = STEPS, seed: int = 0) -> Network:
    """EDM's weighted loss with log sigma ~ N(-1, 1.4^2), Adam with a cosine rate, and an average of the weights."""
    generator, points = torch.Generator().manual_seed(seed), data.to(torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # for the initial weights, which torch.nn draws from the global generator
        network = Network(points.shape[1])
    optimizer = torch.optim.Adam(network.net.parameters(), RATE)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    average = torch.optim.swa_utils.AveragedModel(network.net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.999))
    for _ in range(steps):
        x = points[torch.randint(len(points), (BATCH,), generator=generator)]
        sigma = torch.exp(1.4 * torch.randn(BATCH, generator=generator) - 1)
        noisy = x + sigma[:, None] * torch.randn(x.shape, generator=generator)
        loss = ((1 + sigma**-2)[:, None] * (network.forward(noisy, sigma) - x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
        average.update_parameters(network.net)
    network.net = average.module.eval()
    return network
