"""How a network of symbols is trained: sites are hidden at random, and it says what they were."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.discrete.law import symbols
from ornstein.discrete.network import Net, Network

STEPS, BATCH, RATE = 2000, 128, 1e-3
EVERY = 50
"""Steps between two looks at the held-out cases."""
_CHECKS = 8
"""Patterns of hidden sites that each held-out case is looked at with, always the same."""


class Learnt(NamedTuple):
    """The network with the weights that held-out cases chose, steps and seconds taken, and the held-out loss in nats a case."""

    law: Network
    steps: int
    seconds: float
    loss: float


def train(
    x: object,
    held_out: object,
    states: int = 2,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    width: int = 256,
    depth: int = 3,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Learnt:
    """A network of sequences x (case, site); ``held_out`` cases choose among its weights.

        loss = E_k E_hidden [d / k sum of -log p(x_i | shown) over the k hidden sites]

    with k uniform on 1 ... d, an upper bound on -log P(x) in the mean over all orders (Uria et al. 2014, eq. 5). Half of the patterns
    hide the last k sites, which are those that ``log_prob`` and ``sample`` meet; the others any k. Unknown entries are always hidden and
    never asked for. Ends after ``steps`` (2000 without a budget) or ``minutes``. Cost: a step of 128 cases takes 3 to 10 ms.
    """
    values, check = symbols(x, None, states), symbols(held_out, None, states)
    sites = values.shape[1]
    most = STEPS if steps is None and minutes is None else None if steps is None else checks.count(steps, "steps")
    seconds = None if minutes is None else 60 * checks.positive(minutes, "minutes")
    generator = torch.Generator().manual_seed(checks.seed(seed) % (1 << 63))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(checks.seed(seed) % (1 << 63))
        net = Net(sites, states, checks.count(width, "width"), checks.count(depth, "depth"))
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    fixed = torch.Generator().manual_seed(0)
    repeated = check.repeat(_CHECKS, 1)
    looked = repeated, _hidden(repeated, fixed)
    best, weights, began, step = float("inf"), copy.deepcopy(net.state_dict()), time.monotonic(), 0
    while not _spent(step, most, time.monotonic() - began, seconds):
        done = max(step / most if most else 0.0, (time.monotonic() - began) / seconds if seconds else 0.0)
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 100) * min(1.0, 2 * (1 - done) + 1e-3)
        batch = values[torch.randint(len(values), (min(BATCH, len(values)),), generator=generator)]
        loss = _loss(net, batch, _hidden(batch, generator))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % EVERY == 0 or step == most:
            with torch.no_grad():
                now = float(_loss(net, *looked))
            if now < best:
                best, weights = now, copy.deepcopy(net.state_dict())
            tell(f"step {step}: {now:.3f} nats a held-out case, {best:.3f} the best")
    net.load_state_dict(weights)
    return Learnt(Network(net), step, time.monotonic() - began, best)


def _spent(step: int, most: int | None, seconds: float, allowed: float | None) -> bool:
    return (most is not None and step >= most) or (allowed is not None and step > 0 and seconds >= allowed)


def _hidden(x: Tensor, generator: torch.Generator) -> Tensor:
    """Which sites of x (case, site) are hidden: in every second case the last k, in the others any k, k uniform on 1 ... d."""
    cases, sites = x.shape
    k = torch.randint(1, sites + 1, (cases, 1), generator=generator)
    order = torch.rand(cases, sites, generator=generator).argsort(1).argsort(1)
    order[::2] = torch.arange(sites - 1, -1, -1)
    return (order < k) | (x < 0)


def _loss(net: Net, x: Tensor, hidden: Tensor) -> Tensor:
    """The mean over cases in nats."""
    shown = torch.where(hidden, net.states, x.clamp_min(0))
    nats = nn.functional.cross_entropy(net(shown).flatten(0, 1), x.clamp_min(0).flatten(), reduction="none").view(x.shape)
    asked = hidden & (x >= 0)
    return (nats * asked).sum(1).div(asked.sum(1).clamp_min(1)).mean() * x.shape[1]


def refuse_few(cases: int) -> None:
    """Raise ``InputError`` where held-out cases cannot choose weights and judge others."""
    if cases < 10:
        raise InputError(f"x holds {cases} cases, but a network needs at least 10, a fifth of them held out: choose law 'mixture'")
