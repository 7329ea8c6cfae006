"""What the three peers of bench_training.py share: our batches, a network of a given size, and a chain of noise levels as a denoiser.

Each trains as its library documents it, with that library's network, objective and loop, on signals of mean 0 and deviation 1. The
networks are made as large as ours by their width alone, or as wide as ours. For plain vectors no library has a network: there all
train ours, told log(sigma) / 4 as it expects. The held-out levels, 0.009 to 40, lie within the schedules of all three, but for those
below 0.01 with diffusers, which are three in ten thousand.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from training_learners import BATCH, Learner
from training_sets import Denoise, Problem

from ornstein.denoisers import Predicted
from ornstein.schedules import Discrete
from ornstein.training import Order

STEPS = 1000
"""Noise levels of a chain, in both libraries that train on one."""

NEAR = 0.05
"""How far the number of parameters may be from ours."""


class Told(nn.Module):
    """Our MLP as a peer calls it: with a step of its chain, or a log noise level, and with an axis of channels."""

    channels, self_condition = 1, False

    def __init__(self, net: nn.Module, log_sigma: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.log_sigma = net, log_sigma

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.net(x.flatten(1), self.log_sigma(t) / 4)
        return out.view(x.shape)


class ChainLevels:
    """log sigma at a step 0 ... T - 1 of a chain, linear between the steps."""

    def __init__(self, betas: Tensor) -> None:
        schedule = Discrete.from_betas(betas.to(torch.float64))
        t = torch.arange(1, schedule.steps + 1, dtype=torch.float64) / schedule.steps
        self.table = (schedule.sigma(t) / schedule.alpha(t)).log().to(torch.float32)

    def __call__(self, step: Tensor) -> Tensor:
        low = step.floor().long().clamp(0, len(self.table) - 2)
        return torch.lerp(self.table[low], self.table[low + 1], step.to(torch.float32) - low)


def matched(make: Callable[..., nn.Module], choices: Iterable[tuple[int, ...]], target: int) -> nn.Module:
    """The choice of widths whose number of parameters is nearest to ``target``."""

    def distance(widths: tuple[int, ...]) -> int:
        with torch.device("meta"):
            return abs(sum(p.numel() for p in make(*widths).parameters()) - target)

    return make(*min(choices, key=distance))


class Peer(Learner):
    """What the three share: our order of cases, and a check of the size."""

    def __init__(self, problem: Problem, seed: int, equal: str) -> None:
        torch.manual_seed(seed)  # peers draw weights and noise from the global generator
        self.problem, self.order, self.number = problem, Order(len(problem.train), BATCH, seed), 0
        target = problem.net(seed).parameter_count
        self.module = self.network(target if equal == "parameters" else None)
        if equal == "parameters" and abs(self.parameters / target - 1) > NEAR:
            print(f"# {type(self).__name__} on {problem.name}: {self.parameters} parameters, {target} in ours", flush=True)

    @abstractmethod
    def network(self, target: int | None) -> nn.Module:
        """The library's network with about ``target`` parameters, or with our widths."""

    def batch(self) -> Tensor:
        x = self.problem.train[self.order(self.number)]
        self.number += 1
        return self.shaped(x)

    def shaped(self, x: Tensor) -> Tensor:
        return x

    def chain(self, module: nn.Module, kind: str, betas: Tensor) -> Denoise:
        """A network that was trained on steps 0 ... T - 1 of a chain, asked between them at other noise levels."""

        def function(x_t: Tensor, t: Tensor) -> Tensor:
            x = self.shaped(x_t.to(torch.float32))
            out = module(x, (t * STEPS - 1).clamp_min(0).to(torch.float32))
            return (out if isinstance(out, Tensor) else out.sample).view(x_t.shape)

        law = Predicted(function, kind, Discrete.from_betas(betas.to(torch.float64)), self.problem.event_shape)
        return lambda x, sigma: law(x, sigma.to(torch.float64)).mean
