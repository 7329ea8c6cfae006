"""Where a signal is odd, in the units of the user."""

from __future__ import annotations

from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.denoisers import Denoiser
from ornstein.fitting.scaling import Scaler
from ornstein.likelihood import local, where
from ornstein.likelihood.where import analytic, blockwise


def surprise_map(law: Denoiser, scaler: Scaler, x: Tensor, by: str, floor: float | None, seed: int) -> Tensor:
    """The surprise of every part of x (case, *event) in nats: see ``Model.where``. A density of a part carries its scales."""
    u, volume = scaler.encode(x), blockwise(scaler.log_volumes(x), by)
    if analytic(law):
        return where(law, u, by, floor) + volume
    if floor is not None:
        raise InputError(f"floor is {floor:g}, but a {law.described()} is not asked for conditional densities: leave it out")
    return blockwise(local(law, u, seed=seed), by) + volume
