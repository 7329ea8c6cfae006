"""Parameters and simulations on disk: what stands beside the law of both, the learned simulator, or the network of its inverse."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from ornstein.denoisers import Network
from ornstein.fitting.prior import Prior
from ornstein.fitting.simulated import Simulated
from ornstein.model.fitted import Fitted
from ornstein.model.storage.part import Part, Spec, Tensors, refuse_unread
from ornstein.model.storage.simulators import decode_prior, decode_simulated, encode_prior, encode_simulated, triangular

FORMAT = 4
"""The format of folders with parameters and simulations."""

PREFIX = "joint."
LAW, LIKELIHOOD, INVERSE = KINDS = ("law", "likelihood", "inverse")


class SavedJoint(NamedTuple):
    """What a folder holds of parameters and simulations.

    kind   "law" of both, "likelihood" of a learned simulator, or "inverse": a network of the parameters
    model  of "law" and "inverse";  prior   of "likelihood" and "inverse";  simulated   of "likelihood";  linear: slope, offset and
           factor of "inverse"
    """

    kind: str
    parameters: tuple[int, ...]
    observation: tuple[int, ...]
    chosen: str
    model: Fitted | None = None
    prior: Prior | None = None
    simulated: Simulated | None = None
    linear: tuple[Tensor, Tensor, Tensor] | None = None


def encode_joint(saved: SavedJoint) -> tuple[Spec, Tensors]:
    """(description, tensors) of all but the model."""
    tensors: Tensors = {}
    spec: Spec = {
        "kind": saved.kind,
        "parameters": list(saved.parameters),
        "observation": list(saved.observation),
        "chosen": saved.chosen,
    }
    if saved.prior is not None:
        spec["prior"] = encode_prior(saved.prior, tensors, "prior.")
    if saved.simulated is not None:
        spec["simulated"] = encode_simulated(saved.simulated, tensors, "simulated.")
    if saved.linear is not None:
        tensors |= dict(zip(("slope", "offset", "factor"), saved.linear, strict=True))
    return spec, {f"{PREFIX}{name}": value for name, value in tensors.items()}


def decode_joint(spec: object, tensors: Tensors, model: Fitted | None) -> SavedJoint:
    """What ``encode_joint`` wrote, beside its model. Raises ``InputError`` for anything else: see ``Part``."""
    part = Part(spec, {name.removeprefix(PREFIX): value for name, value in tensors.items() if name.startswith(PREFIX)})
    kind = part.word("kind", KINDS)
    parameters, observation, chosen = part.shape("parameters"), part.shape("observation"), part.text("chosen")
    count, size = math.prod(parameters), math.prod(observation)
    prior = decode_prior(part.part("prior"), count) if kind != LAW else None
    simulated = decode_simulated(part.part("simulated"), count, size) if kind == LIKELIHOOD else None
    linear = None
    if kind == INVERSE:
        linear = part.tensor("slope", size, count), part.tensor("offset", count), triangular(part, "factor", count)
    _refuse_other(part, kind, model, count, size)
    part.finish()
    refuse_unread(part)
    return SavedJoint(kind, parameters, observation, chosen, model, prior, simulated, linear)


def _refuse_other(part: Part, kind: str, model: Fitted | None, count: int, size: int) -> None:
    """That a model is there where it belongs, and is of the parameters, or of parameters and simulations."""
    if (model is None) != (kind == LIKELIHOOD):
        raise part.wrong("kind", f"is {kind}, and does not go with what else is in the folder")
    if model is None:
        return
    entries = count + size if kind == LAW else count
    if tuple(model.law.event_shape) != (entries,):
        raise part.wrong("parameters", f"and observation ask for a law of {entries} entries, not of {tuple(model.law.event_shape)}")
    if kind == INVERSE:
        told = model.conditions.vector if model.conditions is not None else None
        if not isinstance(model.law, Network) or told is None or tuple(told.centre.shape) != (size,):
            raise part.wrong("observation", f"has {size} entries, but the network is not told so many")
