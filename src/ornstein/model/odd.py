"""Where a signal is odd, in the units of the user."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.denoisers import Denoiser, Law, matched
from ornstein.fitting.scaling import Scaler
from ornstein.likelihood import local, subspace, where
from ornstein.likelihood.where import analytic, blockwise


class Oddness(NamedTuple):
    """Three scores of signals, (case,) each, that the smallest eigenvalues do not lead; higher is odder.

    inside    how large a signal is in the main directions: mean squared deviation, 1 on average
    off       how far it is off them: squared distance over its mean, 1 on average
    floored   -log density in nats through a noise as strong as the mean variance off the main directions; None for a network
    """

    inside: Tensor
    off: Tensor
    floored: Tensor | None


def oddness(law: Denoiser, moments: Law, scaler: Scaler, x: Tensor, share: float) -> Oddness:
    """See ``Model.oddness``."""
    u = scaler.encode(x)
    parts = subspace(matched(moments), u, share)
    if not isinstance(law, Law):
        return Oddness(parts.inside, parts.off, None)
    floored = scaler.log_volumes(x).flatten(1).sum(1) - law.log_prob(u, parts.floor)
    return Oddness(parts.inside, parts.off, floored)


def surprise_map(law: Denoiser, scaler: Scaler, x: Tensor, by: str, floor: float | None, seed: int) -> Tensor:
    """The surprise of every part of x (case, *event) in nats: see ``Model.where``. A density of a part carries its scales."""
    u, volume = scaler.encode(x), blockwise(scaler.log_volumes(x), by)
    if analytic(law):
        return where(law, u, by, floor) + volume
    if floor is not None:
        raise InputError(f"floor is {floor:g}, but a {law.described()} is not asked for conditional densities: leave it out")
    return blockwise(local(law, u, seed=seed), by) + volume
