"""The compiled denoiser says what the plain one says, and is traced once for all noise levels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kinds import COLORS, normal
from ornstein.denoisers import Colored, Compiled, Denoiser, Posterior
from ornstein.samplers import DDIM, Heun, sample
from ornstein.schedules import VP, Cosine

EVENT = (2, 3)


class Network(Denoiser):
    """One layer and a skip."""

    event_shape = EVENT

    def __init__(self) -> None:
        self.weight = normal(6, 6, seed=1) / 6

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Posterior:
        level = torch.as_tensor(sigma, dtype=x.dtype)
        level = level.view(-1, 1, 1) if level.ndim else level
        keep = 1 / (1 + level**2)
        return Posterior(keep * x + torch.tanh(x.flatten(1) @ self.weight.to(x)).view_as(x) * (1 - keep))


def test_same_samples_and_one_graph() -> None:
    """Compilation is counted by a backend of the test, which needs no compiler on the machine: one graph for all levels."""
    graphs: list[object] = []

    def backend(graph: Callable[..., object], inputs: list[Tensor]) -> Callable[..., object]:
        graphs.append(inputs)
        return graph

    plain = Network()
    compiled = Compiled(plain, backend=backend)
    for sampler in (DDIM(), Heun()):
        for schedule in (VP(), Cosine()):
            expected = sample(plain, sampler, schedule, 5, 9, seed=3)
            assert torch.allclose(sample(compiled, sampler, schedule, 5, 9, seed=3), expected, atol=1e-12)
    assert len(graphs) == 1


def test_noise_stays_coloured() -> None:
    inner = Colored(Network(), COLORS["dense"])
    z = normal(4, *EVENT, seed=2)
    assert torch.equal(Compiled(inner, backend="eager").color(z), inner.color(z))
