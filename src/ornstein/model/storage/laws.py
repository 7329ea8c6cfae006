"""Laws as a small description and a dictionary of tensors, and back: one list of formats, a file each."""

from __future__ import annotations

from typing import Any

from torch import nn

from ornstein.common.errors import InputError
from ornstein.denoisers import Denoiser, Gaussian, Law, Mixture, Network
from ornstein.model.storage.empirical import EMPIRICAL
from ornstein.model.storage.gaussian import GAUSSIAN
from ornstein.model.storage.mixture import MIXTURE
from ornstein.model.storage.network import decode_network, encode_network
from ornstein.model.storage.part import Part, Spec, Tensors, refuse_unread
from ornstein.model.storage.particles import PARTICLES

LAWS = {row.name: row for row in (GAUSSIAN, MIXTURE, EMPIRICAL, PARTICLES)}
"""Every law in closed form that a folder may hold, by its name."""

NETWORK = "network"


def encode_law(law: Denoiser) -> tuple[Spec, Tensors]:
    """(description, tensors) of an analytic law or a network. Raises ``InputError`` for one that has no finite description."""
    tensors: Tensors = {}
    if isinstance(law, Network):
        spec = {
            "kind": NETWORK,
            **encode_network(law, tensors, ""),
            "reference": encode_single(law.preconditioning.law, tensors, "reference."),
        }
    else:
        spec = encode_single(law, tensors, "")
    return spec, tensors


def decode_law(spec: object, tensors: Tensors, module: nn.Module | None = None) -> Law | Network:
    """The law that ``encode_law`` described; ``module`` as in ``ornstein.load``.

    Raises ``InputError`` for a description or tensors that are not those of a law: see ``Part``.
    """
    part = Part(spec, tensors)
    kind = part.word("kind", (*LAWS, NETWORK))
    law: Law | Network
    if kind == NETWORK:
        law = decode_network(part, decode_single(part.part("reference")), module)
    else:
        if module is not None:
            raise InputError(f"module is a {type(module).__name__}, but the model is a {kind} law: leave module out")
        law = LAWS[kind].decode(part)
    part.finish()
    refuse_unread(part)
    return law


def encode_single(law: Denoiser, tensors: Tensors, prefix: str) -> Spec:
    """The description of a law in closed form; its arrays are added to ``tensors`` under ``prefix``."""
    for row in LAWS.values():
        if type(law) is row.kind:
            return {"kind": row.name, **row.encode(law, tensors, prefix)}
    raise InputError(f"a {type(law).__name__} cannot be saved: only Gaussian, mixture and empirical laws and networks have a file format")


def decode_single(part: Part) -> Gaussian | Mixture:
    """One Gaussian or mixture, such as a network stands on."""
    law: Any = LAWS[part.word("kind", (GAUSSIAN.name, MIXTURE.name))].decode(part)
    part.finish()
    if not isinstance(law, Gaussian | Mixture) or law.batch_shape:
        raise part.wrong("", "holds several laws in place of one")
    return law
