"""Filling gaps by sampling a network that was trained to do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ornstein.common import checks, memory
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.data import share
from ornstein.denoisers import Denoiser, Network
from ornstein.nets import Condition
from ornstein.samplers.base import Sampler, walk
from ornstein.samplers.devices import brought
from ornstein.samplers.level import Level, levels
from ornstein.samplers.sampling import BATCH, Steps, grid_of, start, to_data
from ornstein.schedules import Schedule


@torch.no_grad()
def impute(
    network: Denoiser,
    x: Tensor,
    sampler: Sampler,
    schedule: Schedule,
    steps: Steps,
    draws: int = 1,
    *,
    condition: Condition | None = None,
    seed: int = 0,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
    numbers: Tensor | None = None,
    only: Tensor | None = None,
) -> Tensor:
    """Draws of what NaN hides in x (case, *event), from p(hidden | observed): (draw, case, *event), in the type and on the device of x.

    network    trained with masks, so that it ``inpaints``; a run starts from its reference Gaussian, on its device, in float64. One that
               looks at entries one by one starts from that Gaussian given what a case shows, in its own type
    only       bool (case, *event), the entries that are asked for; others stay NaN. A network that looks at entries one by one leaves
               them out, at no cost; others draw them too
    condition  anything else that it is told, one row for all cases or one per case; without a signal
    progress   is told how many cases have just been finished; ``data.share.heard`` hears of every step
    numbers    (case,): what cases draw by, their places without it

    Observed entries come back bit for bit. Draw k of case i depends on (seed, i, k) only, whatever the numbers of draws, of cases and
    of cases in a batch, up to the rounding of the network. Cases without gaps are not sampled. Raises ``InputError`` for a network
    trained without masks, another shape, infinite values, and a condition with a signal. Cost: one run per draw and case with gaps.
    """
    if not isinstance(network, Network):
        raise InputError(
            f"a {network.described()} cannot fill gaps: fit 'gaussian', 'mixture' or 'empirical', or a network with masks=Masks()"
        )
    if not network.inpaints:
        raise InputError("this network was trained without masks, so it cannot fill gaps by itself: train it with masks=Masks()")
    x = checks.tensor(x, "x", missing=True, dtype=x.dtype)
    if tuple(x.shape[1:]) != network.event_shape:
        raise InputError(f"x has shape {tuple(x.shape)}, but must be (case, {', '.join(map(str, network.event_shape))})")
    given = (Condition() if condition is None else condition).of(len(x))
    if given.signal is not None:
        raise InputError("condition has a signal, but here the signal is x itself: leave it out")
    draws, batch = memory.drawn(draws, "draws", x.numel(), size=x.dtype.itemsize), checks.count(batch, "batch")
    visited, own = levels(schedule, to_data(grid_of(schedule, steps))), network.preconditioning.mean.device
    sampler, hidden = brought(sampler, own), torch.isnan(x)
    wanted = hidden if only is None else hidden & only
    gaps = wanted.flatten(1).any(1).cpu().nonzero()[:, 0]
    signal = x.masked_fill(hidden & ~wanted, torch.inf) if network.entrywise else x
    given = replace(given.to(x.device), signal=signal)
    numbers = torch.arange(len(x)) if numbers is None else numbers
    out = x.expand(draws, *x.shape).clone()
    tell = progress or (lambda _: None)
    if len(gaps) < len(x):
        tell(len(x) - len(gaps))
    for first in range(0, draws * len(gaps), batch):
        rows = torch.arange(first, min(first + batch, draws * len(gaps)))
        case, draw = gaps[rows // draws], rows % draws
        noise = Noise(seed, index=numbers[case] + (draw << 32))
        bound = network.given(given[case])
        if network.entrywise:
            begun = _begun(network, signal[case], visited[0], noise)
        else:
            begun = start(network, schedule, visited[0].t, noise, len(rows), network.reference).to(own)
        for state in walk(sampler, bound, schedule, visited, begun, replace(noise, device=own)):
            share.say((first + len(rows) * state.step / (len(visited) - 1)) / (draws * len(gaps)))
        drawn = state.x.to(x)
        out[draw, case] = torch.where(wanted[case], drawn, x[case])
        tell((int(rows[-1]) + 1) // draws - int(rows[0]) // draws)
    return out


def _begun(network: Network, signal: Tensor, at: Level, noise: Noise) -> Tensor:
    """x_t (row, *event) of what a signal asks for, drawn by the network's reference given what it shows; 0 elsewhere."""
    shown = signal.flatten(1).to(network.preconditioning.mean)
    white = noise.normal(len(shown), (shown.shape[1],)).to(shown)
    begun = torch.zeros_like(shown)
    for case, rows in network.preconditioning.cases.groups(shown, shown.dtype):
        place = rows.unsqueeze(1), case.asked
        # at alpha = 0 nothing of the signal is left in x_t
        begun[place] = at.alpha * case.draws(white[place], at.noise) if at.alpha else at.sigma * white[place]
    return begun.view(signal.shape)
