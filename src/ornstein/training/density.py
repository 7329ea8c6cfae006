"""Training of a conditional density by maximum likelihood, stopped where held-out cases say so."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ornstein.common.errors import RunError
from ornstein.nets.mixture_density import MixtureDensity

BATCH, RATE, DECAY, CLIP = 256, 2e-3, 1e-4, 5.0
WARM_UP, EVERY, PATIENCE = 100, 100, 15
"""Steps of growing rate, steps between looks at the held-out cases, and looks without gain that end a run."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: steps done of how many at most, the best held-out log-density so far in nats a case, and seconds left at most."""

    step: int
    steps: int
    held_out: float
    left: float


def fit_density(
    module: MixtureDensity,
    theta: Tensor,
    x: Tensor,
    held: Tensor,
    *,
    steps: int,
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda _: None,
) -> float:
    """Train ``module`` on log p(x | theta) of all cases but those of ``held`` (case,), bool; the best weights by those stay in it.

    AdamW, with the rate of a cosine after a warm-up. Returns the mean held-out log-density in nats a case. Raises ``RunError`` where no
    look gave a finite one. Cost: ``steps`` passes of 256 cases at most.
    """
    theta, x = theta.to(torch.float32), x.to(torch.float32)
    train, test = (~held).nonzero()[:, 0], held.nonzero()[:, 0]
    generator = torch.Generator().manual_seed(seed)
    parameters = list(module.parameters())
    optimiser = torch.optim.AdamW(parameters, RATE, betas=(0.9, 0.99), weight_decay=DECAY)
    best, kept, since, started = -math.inf, [p.detach().clone() for p in parameters], 0, time.monotonic()
    order = torch.empty(0, dtype=torch.int64)
    for step in range(1, steps + 1):
        if len(order) < min(BATCH, len(train)):
            order = train[torch.randperm(len(train), generator=generator)]
        batch, order = order[:BATCH], order[BATCH:]
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / (steps + 1)))
        loss = -module(theta[batch]).log_prob(x[batch]).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP)
        optimiser.step()
        if step % EVERY and step < steps:
            continue
        with torch.no_grad():
            level = float(module(theta[test]).log_prob(x[test]).mean())
        if level > best:
            best, kept, since = level, [p.detach().clone() for p in parameters], 0
        else:
            since += 1
        progress(Progress(step, steps, best, (steps - step) / step * (time.monotonic() - started)))
        if since >= PATIENCE:
            break
    if not math.isfinite(best):
        raise RunError("the densities that the network learned are not finite: look for extreme values in x, or rescale it by a logarithm")
    with torch.no_grad():
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)
    module.requires_grad_(False)
    return best
