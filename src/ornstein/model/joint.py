"""Parameters and what they cause, as one law: simulation-based inference by conditioning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.denoisers import Law
from ornstein.denoisers.marginal import marginal
from ornstein.fitting.scaling import Scaler
from ornstein.measurements import Mask
from ornstein.model.model import Model


@dataclass(frozen=True, eq=False)
class Joint:
    """The law of vectors (theta, x), fitted to simulations: ``orn.fit((theta, x), ...)`` with every option of ``orn.fit``.

    model   of the vectors, each entry standardised on its own
    parameters, observation   the shapes of theta and x of one case
    """

    model: Model
    parameters: tuple[int, ...]
    observation: tuple[int, ...]

    def posterior(self, observation: object, noise: object = 0.0, **options: Any) -> Model:
        """p(theta | x = observation) as a Model, for x (*observation), or (case, *observation) for one posterior per case.

        noise    of the observation beyond that of the simulations;  options: those of ``Model.posterior``

        Exact for a Gaussian and a mixture; by particles for a network. ``log_evidence`` is log p(x) of the observation.
        """
        x = checks.tensor(observation, "observation")
        extra = x.ndim - len(self.observation)
        if extra not in (0, 1) or tuple(x.shape[extra:]) != self.observation:
            many = ", ".join(map(str, self.observation))
            raise InputError(f"observation has shape {tuple(x.shape)}, but simulations have {self.observation}, or (case, {many}) for many")
        count = math.prod(self.parameters)
        seen = torch.arange(self.model.event_shape[0]) >= count
        post = self.model.posterior(Mask(seen), x.flatten(extra), noise, **options)
        if not isinstance(post.law, Law):
            raise InputError("method gives no law of the parameters: choose 'twisted', or leave method out")
        scaler = Scaler(self.model.scaler.centre[:count], self.model.scaler.scale[:count])
        found = marginal(post.law, torch.arange(count))
        return Model(found, scaler, log_evidence=post.log_evidence, diagnostics=post.diagnostics)


def vectors(theta: object, x: object) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:
    """(theta, x) side by side as (case, entries), and the shapes of one case of each."""
    first, second = checks.tensor(theta, "theta"), checks.tensor(x, "x")
    if first.ndim < 1 or second.ndim < 1 or len(first) != len(second) or len(first) < 2:
        raise InputError(
            f"theta has shape {tuple(first.shape)} and x {tuple(second.shape)}, but both must have one row per simulation, as many of each"
        )
    first, second = (part.unsqueeze(1) if part.ndim == 1 else part for part in (first, second))
    return torch.cat([first.flatten(1), second.flatten(1)], 1), tuple(first.shape[1:]), tuple(second.shape[1:])
