"""Where a run takes place: the device of its denoiser, to which everything else is brought before the first step."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.covariance import Operator
from ornstein.covariance.moving import moved
from ornstein.denoisers import Colored, Compiled, Denoiser, Gaussian, Guided, Law, Network, Predicted
from ornstein.samplers.base import Sampler

Part = TypeVar("Part", Sampler, Gaussian, "Gaussian | None")


def device_of(denoiser: Denoiser) -> torch.device | None:
    """Where a denoiser computes; None for one that takes x from anywhere, as a plain function may."""
    if isinstance(denoiser, Network):
        return denoiser.preconditioning.mean.device
    if isinstance(denoiser, Law):
        return denoiser.mean().device
    if isinstance(denoiser, Guided):
        return device_of(denoiser.conditional)
    if isinstance(denoiser, Colored | Compiled):
        return device_of(denoiser.inner)
    if isinstance(denoiser, Predicted) and isinstance(denoiser.function, nn.Module):
        return next((parameter.device for parameter in denoiser.function.parameters()), None)
    return None


def run_device(denoiser: Denoiser, device: torch.device | str | None) -> torch.device:
    """The device of a run: that of the denoiser, which is the one asked for, or the CPU where it has none.

    Raises ``InputError`` where another one is asked for: moving a denoiser for one run would hide its cost from the caller.
    """
    own = device_of(denoiser)
    if device is None:
        return own or torch.device("cpu")
    asked = torch.empty(0, device=device).device  # "cuda" is the current one of the CUDA devices
    if own is not None and own != asked:
        raise InputError(
            f"device is '{asked}', but the denoiser is on '{own}': move it there once, network.to('{asked}'), or leave device out"
        )
    return asked


def brought(part: Part, device: torch.device) -> Part:
    """A sampler or a Gaussian whose own arrays are on a device: itself where they are already."""
    if part is None or _there(part, device):
        return part
    made = copy.copy(part)
    for name, value in vars(part).items():
        vars(made)[name] = _brought(value, device)
    return made


def _brought(value: object, device: torch.device) -> object:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Operator):
        return moved(value, device)
    if isinstance(value, Sampler | Gaussian | Colored):
        return brought(value, device)  # type: ignore[type-var]  # Colored holds a Gaussian and an operator
    # what a method remembers of earlier runs belongs to the device of those
    return {} if isinstance(value, dict) else value


def _there(part: object, device: torch.device) -> bool:
    """Whether all tensors below are on a device."""
    if isinstance(part, Tensor):
        return part.device == device
    if isinstance(part, Operator | Sampler | Gaussian | Colored):
        return all(_there(value, device) for value in vars(part).values())
    return True
