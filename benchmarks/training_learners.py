"""What trains in bench_training.py: one interface, and our own trainer in its two settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from training_sets import CENTRE, WIDTH, Denoise, Problem

from ornstein.denoisers import Network
from ornstein.fitting.network import fit_reference
from ornstein.nets.accepts import inputs_of
from ornstein.training import LogNormal, Loss, Options, Pace, Trainer, weight_named
from ornstein.training.best import holding

BATCH, RATE = 128, 1e-3


class Learner(ABC):
    """One library's network, objective and loop.

    module  its network
    """

    module: nn.Module

    @abstractmethod
    def step(self) -> None:
        """One training step on a batch of 128."""

    @abstractmethod
    def denoisers(self) -> Iterator[Denoise]:
        """The denoisers of the weights as they are and of every average that is kept, each to be used before the next."""

    @abstractmethod
    def forward(self) -> Tensor:
        """One call of the network, without anything around it, on a batch."""

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.module.parameters())


class Ours(Learner):
    """Our trainer as ``orn.fit`` and ``training.fit`` set it up, with their defaults or other arguments in their place.

    ``plain`` is a network that sees x alone, on a Gaussian whatever the shape of the signals.
    """

    def __init__(self, problem: Problem, steps: int, seed: int, *, plain: bool = False, **other: Any) -> None:
        given = Options(**other)
        self.module = problem.net(seed, plain=plain)
        law = problem.gaussian() if plain else fit_reference(problem.train.to(torch.float64))
        network = Network.of(self.module, law, given.form)
        loss = Loss(LogNormal() if given.levels is None else given.levels, weight_named(given.weight))
        settings = {"rate": given.rate, "clip": given.clip, "lengths": given.lengths}
        self.trainer = Trainer(network, problem.train, loss, batch=BATCH, seed=seed, **settings)
        self.steps, self.pace = steps, Pace(given.warm_up, given.decay)

    def step(self) -> None:
        number = self.trainer.number
        self.trainer.step(self.pace(min(number / self.steps, 1.0), number))

    def denoisers(self) -> Iterator[Denoise]:
        yield self._denoise
        for average in self.trainer.averages.values:
            with holding(self.trainer.parameters, average):
                yield self._denoise

    def _denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.trainer.network(x, sigma).mean

    @torch.no_grad()
    def forward(self) -> Tensor:
        x = self.trainer.x[:BATCH]
        out: Tensor = self.module(torch.cat([x] * inputs_of(self.module), 1), x.new_zeros(len(x)))
        return out


def default(problem: Problem, steps: int, seed: int) -> Ours:
    """What ``orn.fit`` does without further arguments."""
    return Ours(problem, steps, seed)


def edm(problem: Problem, steps: int, seed: int) -> Ours:
    """The preconditioning, weight and noise levels of Karras et al. 2022 (table 1) around the same network, in the same loop."""
    return Ours(problem, steps, seed, plain=True, form="scalar", levels=LogNormal(CENTRE, WIDTH), weight="edm")
