"""The laws that judge new cases in a folder: each with its standardisation and the scores it gave, under ``judges.0.`` and so on."""

from __future__ import annotations

from collections.abc import Sequence

from ornstein.denoisers import Law
from ornstein.fitting.held_out import Judge
from ornstein.model.storage.laws import decode_law, encode_law
from ornstein.model.storage.part import Part, Spec, Tensors, refuse_unread
from ornstein.model.storage.surroundings import ascending, decode_scaler, encode_scaler

PREFIX = "judges."
_LAW = "law."


def encode_judges(judges: Sequence[Judge]) -> tuple[list[Spec], Tensors]:
    """(descriptions of the laws, tensors)."""
    specs, tensors = [], Tensors()
    for k, judge in enumerate(judges):
        spec, law = encode_law(judge.law)
        specs.append(spec)
        tensors |= {f"{PREFIX}{k}.{_LAW}{name}": value for name, value in law.items()}
        encode_scaler(judge.scaler, tensors, f"{PREFIX}{k}.scaler.")
        tensors[f"{PREFIX}{k}.scores"] = judge.scores
    return specs, tensors


def decode_judges(specs: object, tensors: Tensors, event: tuple[int, ...]) -> tuple[Judge, ...]:
    """What ``encode_judges`` wrote; none for None. Raises ``InputError`` for what is not the judges of a model with this event shape."""
    whole = Part({}, tensors)
    if specs is not None and not isinstance(specs, list):
        raise whole.wrong("judges", "is no list of laws")
    found = []
    for k, spec in enumerate(specs or ()):
        begin = f"{PREFIX}{k}.{_LAW}"
        own = {name: value for name, value in tensors.items() if name.startswith(begin)}
        law = decode_law(spec, {name.removeprefix(begin): value for name, value in own.items()})
        whole.read.update(own)
        if not isinstance(law, Law) or tuple(law.event_shape) != event:
            raise whole.wrong(f"{PREFIX}{k}", f"is not a law with a density of signals of shape {event}")
        part = Part({}, tensors, f"{PREFIX}{k}.", whole.read)
        found.append(Judge(law, decode_scaler(part, "scaler.", event), ascending(part, "scores")))
    refuse_unread(whole)
    return tuple(found)
