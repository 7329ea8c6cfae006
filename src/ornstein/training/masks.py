"""Training a network to fill gaps: some entries of each signal are hidden, the others are what it is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError, unknown_name
from ornstein.common.random import Noise
from ornstein.denoisers import Law
from ornstein.denoisers.filling import Parts, components, draw_gaps
from ornstein.measurements import Mask
from ornstein.nets import Condition

KINDS = ("points", "blocks", "channels")
SHAPE, PLACES, CHOSEN = 3, 4, 6
"""Streams of kind, share and position, of single entries, and of those asked for; 0 to 2 are those of the loss, 5 that of the order."""
_TOGETHER = 1 << 23
"""Numbers of the cases that are completed at once: 64 MiB."""


@dataclass(frozen=True)
class Masks:
    """Random gaps, for networks that learn p(hidden entries | the others) for any gap (Tashiro et al. 2021, CSDI, section 4.3).

    Every case draws one of the ``kinds``, all alike, and a share r, uniform in ``share``:

    "points"    every entry is hidden with probability r
    "blocks"    a stretch of round(r n) of the n times, at least one, in all channels; a rectangle of share r in an image
    "channels"  every channel with probability r, and at least one; left out for signals of one channel and for vectors

    What is left goes in as the ``signal`` of a ``Condition``, NaN where it is hidden, into a ``Network`` that ``inpaints``: it gets and
    returns these entries as they are, so only hidden entries have an error, each with the same weight. Errors at given entries would
    only teach it to copy. Where a condition is dropped (``Loss.drop``) everything is hidden, so the network also knows the whole law.

    most    how many hidden entries of a case are asked for at once, chosen at random, by a network that looks at entries one by one
            (``nets.Entries``); 0: all. The others are left out, which is exact: what the law makes of 32 costs a tenth of what it makes
            of all, and many masks teach more than many entries of one

    Masks belong to (seed, step, place), as everything random in training does. Raises ``InputError`` for other kinds and shares.
    """

    kinds: tuple[str, ...] = KINDS
    share: tuple[float, float] = (0.0, 1.0)
    most: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", tuple(self.kinds))
        for kind in self.kinds:
            if kind not in KINDS:
                raise unknown_name("a kind of mask", kind, KINDS)
        if not self.kinds:
            raise InputError(f"kinds is empty, but masks need at least one of {', '.join(KINDS)}")
        checks.count(self.most, "most", at_least=0)
        low, high = self.share
        if not 0 <= low <= high <= 1 or high == 0:
            raise InputError(f"share is {self.share}, but must be (low, high) with 0 <= low <= high <= 1 and high > 0")

    def hidden(self, noise: Noise, cases: int, event_shape: tuple[int, ...]) -> Tensor:
        """Where signals are hidden, bool (case, *event)."""
        channels, spatial = (event_shape[0], event_shape[1:]) if len(event_shape) > 1 else (1, event_shape)
        kinds = [kind for kind in self.kinds if kind != "channels" or channels > 1]
        if not kinds:
            raise InputError("kinds is ('channels',), but these signals have one channel only: hide points or blocks")
        u = noise.uniform(cases, (2 + len(spatial) + channels,), SHAPE)
        kind, r = (u[:, 0] * len(kinds)).long(), self.share[0] + (self.share[1] - self.share[0]) * u[:, 1]
        hidden = torch.zeros(cases, channels, *spatial, dtype=torch.bool, device=u.device)
        for number, name in enumerate(kinds):
            chosen = (kind == number).view(-1, *(1,) * (hidden.ndim - 1))
            if name == "points":
                drawn = noise.uniform(cases, (channels, *spatial), PLACES) < r.view_as(chosen)
            elif name == "blocks":
                drawn = _block(u[:, 2 : 2 + len(spatial)], r, spatial).unsqueeze(1)
            else:
                own = u[:, 2 + len(spatial) :]
                drawn = ((own < r.unsqueeze(1)) | (own == own.amin(1, keepdim=True))).view(cases, channels, *(1,) * len(spatial))
            hidden |= chosen & drawn
        return hidden.view(cases, *event_shape)

    def applied(
        self, x_0: Tensor, noise: Noise, condition: Condition | None = None, *, entrywise: bool = False
    ) -> tuple[Condition, Tensor]:
        """(what is given, which entries have a known truth (case, *event)) for a training batch x_0.

        A ``condition`` with a signal gives the truth, NaN where there is none, as ``completed`` returns it; without, it is x_0. For a
        network that is ``entrywise``, entries without a truth, and hidden ones beyond ``most``, are left out: inf.
        """
        given = Condition() if condition is None else condition
        truth = x_0 if given.signal is None else given.signal.to(x_0)
        hidden = self.hidden(noise, len(x_0), tuple(x_0.shape[1:]))
        shown = truth.masked_fill(hidden, torch.nan)
        if entrywise:
            shown = shown.masked_fill(torch.isnan(truth) | (hidden & ~self._chosen(hidden & ~torch.isnan(truth), noise)), torch.inf)
        return replace(given, signal=shown), ~torch.isnan(truth)

    def _chosen(self, hidden: Tensor, noise: Noise) -> Tensor:
        """Of the hidden entries of each case ``most`` at random, or all."""
        each = min(self.most, hidden[0].numel())
        if not each:
            return hidden
        place = torch.where(hidden.flatten(1), noise.uniform(len(hidden), (hidden[0].numel(),), CHOSEN), 2.0)
        last = place.kthvalue(each, 1, keepdim=True).values
        return hidden & (place <= last).view_as(hidden)


def completed(x: Tensor, reference: Law, condition: Condition | None = None, *, seed: int = 0) -> tuple[Tensor, Condition | None]:
    """Signals with gaps (case, *event) as training takes them: (gaps filled by draws, the condition with x as its ``signal``).

    A network in training needs some noisy value where nothing was observed. Each gap gets one draw from p(missing | observed) under
    ``reference``; errors there are not counted. For signals of that law the noisy signals then have their true law; for
    others it is the reference's guess that stands beside the observed entries, and with many gaps the network learns it in part.
    Draws belong to (seed, case). Without gaps, x and condition are returned as they are. Raises ``InputError`` where the condition
    already has a signal. Cost: a Cholesky factor of the smaller side of each case up to 2048 entries, otherwise one conditioning per
    pattern of gaps.
    """
    _without_signal(condition)
    if not bool(torch.isnan(x).any()):
        return x, condition
    parts = components(reference)
    filled = _by_pattern(x, reference, seed) if parts is None else _at_once(x, parts, seed)
    return filled, replace(Condition() if condition is None else condition, signal=x)


def beside(x: Tensor, condition: Condition | None = None) -> tuple[Tensor, Condition]:
    """Signals with gaps as training takes them for a network that is ``entrywise``: (0 in the gaps, which are left out, the condition with
    x as its ``signal``). Raises ``InputError`` where the condition already has a signal."""
    _without_signal(condition)
    return torch.nan_to_num(x), replace(condition or Condition(), signal=x)


def _without_signal(condition: Condition | None) -> None:
    if condition is not None and condition.signal is not None:
        raise InputError("condition has a signal, but masks give the observed entries of x in its place: leave it out")


def _at_once(x: Tensor, parts: Parts, seed: int) -> Tensor:
    """Every case with its own pattern, in batches."""
    filled = x.clone()
    for cases in torch.isnan(x).flatten(1).any(1).nonzero()[:, 0].split(max(1, _TOGETHER // x[0].numel())):
        drawn = draw_gaps(parts, x[cases].flatten(1).to(torch.float64), Noise(seed, index=cases), 1)
        filled[cases] = torch.where(torch.isnan(x[cases]), drawn.view(x[cases].shape).to(x), x[cases])
    return filled


def _by_pattern(x: Tensor, reference: Law, seed: int) -> Tensor:
    """Cases that share a pattern are conditioned together."""
    filled = x.clone()
    patterns, member = torch.unique(~torch.isnan(x).flatten(1), dim=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        cases = (member == k).nonzero()[:, 0]
        if not bool(pattern.all()):
            mask = pattern.view(x.shape[1:])
            law = reference.condition(Mask(mask), x[cases][:, mask]).law if bool(pattern.any()) else reference
            drawn = law.draw(Noise(seed, index=cases), 1 if law.batch_shape else len(cases))
            filled[cases] = torch.where(mask, x[cases], (drawn[0] if law.batch_shape else drawn).to(x))
    return filled


def _block(start: Tensor, share: Tensor, spatial: tuple[int, ...]) -> Tensor:
    """One stretch along each axis, whose product has the share: bool (case, *spatial) from uniform numbers (case, axis)."""
    block = torch.ones(len(start), *spatial, dtype=torch.bool, device=start.device)
    for axis, n in enumerate(spatial):
        length = (share ** (1 / len(spatial)) * n).round().clamp_min(1)
        first = (start[:, axis] * (n - length + 1)).floor()
        at = torch.arange(n, device=start.device)
        inside = (at >= first.unsqueeze(1)) & (at < (first + length).unsqueeze(1))
        block &= inside.view(-1, *(n if a == axis else 1 for a in range(len(spatial))))
    return block
