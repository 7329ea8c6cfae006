"""Denoisers without a closed form: a law that only tells its mean, and a small network that disturbs its Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.covariance import Sigma
from ornstein.denoisers import Denoiser, Gaussian, Law, Network, Posterior
from ornstein.nets import MLP


class Mute(Denoiser):
    """A law that only tells its posterior mean, as a network does."""

    def __init__(self, law: Law) -> None:
        self.law, self.event_shape = law, law.event_shape

    def __call__(self, x: Tensor, sigma: Sigma) -> Posterior:
        return Posterior(self.law(x, sigma).mean)


def network(shape: tuple[int, ...], law: Gaussian, seed: int = 0, size: float = 0.1) -> Network:
    """A small network that disturbs the Gaussian it stands on."""
    net = MLP(shape, width=16, depth=1).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(size * torch.randn(p.shape, dtype=p.dtype, generator=generator))
    return Network.of(net, law)
