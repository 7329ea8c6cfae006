"""A network denoiser as a program of its own, which runs without this library."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ornstein.common import checks
from ornstein.common.errors import InputError, RunError
from ornstein.common.files import atomic
from ornstein.denoisers.network import Network
from ornstein.model.model import Model

LARGEST = 1 << 20
"""Cases of a batch, at most."""
SCALING = "scaling.json"


class Program(NamedTuple):
    """What ``read_program`` returns: D(x, sigma) on standardised signals, and x_user = centre + scale x (*event)."""

    denoise: Any
    centre: Tensor
    scale: Tensor


class _Denoiser(nn.Module):
    """D(x, sigma) for x (case, *event) and sigma (case,)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network, self.module = network, network.module

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.network.mean(x, sigma)


def export(model: Model, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write the denoiser D(x, sigma) = E[x_0 | x_0 + sigma z = x] of a network as a program of ``torch.export`` (PT2).

    The program takes x (case, *event), standardised, and sigma (case,), both in the precision of the module, for any number of cases; it
    holds the covariance that the network stands on. ``scaling.json`` inside holds the centre and scale of the standardisation. Labels
    and conditions are left out: it denoises without any.

    Raises ``InputError`` for a model that is no network (its law is its file), for one that inpaints or has curved marginals, and for
    an existing file; ``RunError`` for a module that ``torch.export`` cannot follow.
    """
    law = model.law
    if not isinstance(law, Network):
        raise InputError(f"the model is a {model.law.described()}, but only a network is exported: other laws are matrices, see Model.save")
    if model.scaler.curves is not None:
        raise InputError("the model has curved marginals, which a program of centre and scale cannot hold: fit without marginals")
    law = law.on("cpu")
    own = next(iter(law.module.parameters())).dtype
    example = torch.zeros(3, *model.event_shape, dtype=own), torch.ones(3, dtype=own)
    cases = torch.export.Dim("cases", min=1, max=LARGEST)
    try:
        program = torch.export.export(_Denoiser(law).eval(), example, dynamic_shapes=({0: cases}, {0: cases}))
    except Exception as error:  # whatever its tracing raises
        said = checks.shown(str(error))
        raise RunError(
            f"torch.export cannot follow {model.law.described()} ({said}): export the module by hand, or save the model"
        ) from None
    scaling = json.dumps({"centre": model.scaler.centre.tolist(), "scale": model.scaler.scale.tolist()})
    with atomic(path, force=force) as temporary, temporary.open("wb") as file:
        torch.export.save(program, file, extra_files={SCALING: scaling})


def read_program(path: str | os.PathLike[str]) -> Program:
    """What ``export`` wrote. Nothing of this library is needed to run it: ``torch.export.load(path).module()`` is ``denoise``."""
    extra = {SCALING: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except Exception as error:  # damaged files surface as any of the reader's errors
        raise InputError(f"{os.fspath(path)} is not a program of torch.export ({checks.shown(str(error))})") from None
    scaling = json.loads(extra[SCALING])
    return Program(program.module(), *(torch.tensor(scaling[name], dtype=torch.float64) for name in ("centre", "scale")))
