"""A law of symbols on disk: a mixture of products, a Markov chain or a network, its alphabet, names and judges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.discrete import Law, Markov, Mixture, Network
from ornstein.discrete.network import Net
from ornstein.model.storage.part import Part, Spec, Tensors, refuse_unread

FORMAT = 3
"""The format of folders with a law of symbols."""
KINDS = ("products", "markov", "network")
_SUM = 1e-6


class SavedSymbols(NamedTuple):
    """What a folder holds: the fields of ``SymbolModel``, in its order."""

    law: Law
    alphabet: Tensor
    event_shape: tuple[int, ...]
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float | None
    judges: tuple[Any, ...]
    training: Mapping[str, object] | None


class SavedJudge(NamedTuple):
    """The fields of a judge."""

    law: Law
    scores: Tensor


def encode_symbols(model: SavedSymbols) -> tuple[Spec, Spec, Tensors]:
    """(description of the laws, what stands around them, tensors)."""
    tensors: Tensors = {"alphabet": model.alphabet}
    config: Spec = {"law": _encode(model.law, tensors, "law."), "judges": []}
    for k, judge in enumerate(model.judges):
        same = judge.law is model.law  # a network judges by itself
        config["judges"].append({"kind": "same"} if same else _encode(judge.law, tensors, f"judges.{k}."))
        tensors[f"judges.{k}.scores"] = judge.scores
    config["training"] = dict(model.training) if model.training is not None else None
    around: Spec = {
        "event_shape": list(model.event_shape),
        "channels": list(model.channels),
        "units": list(model.units),
        "rate": model.rate,
    }
    return config, around, tensors


def decode_symbols(config: Mapping[str, Any], around: Spec, tensors: Tensors) -> SavedSymbols:
    """What ``encode_symbols`` wrote. Raises ``InputError`` for a description or tensors that are no law of symbols: see ``Part``."""
    part = Part(around, tensors)
    event = part.shape("event_shape")
    channels = part.words("channels", (0, event[0]) if len(event) > 1 else (0, 1, event[0]))
    units = part.words("units", (len(channels),))
    rate = None if part.value("rate") is None else part.number("rate")
    part.finish()
    alphabet = part.tensor("alphabet", None)
    if len(alphabet) < 2 or bool((alphabet.diff() <= 0).any()) or bool((alphabet != alphabet.round()).any()):
        raise part.wrong("alphabet", "does not hold ascending whole numbers")
    sizes = math.prod(event), len(alphabet)
    law = _decode(Part(config.get("law"), tensors, "law.", part.read), *sizes)
    listed, training = config.get("judges"), config.get("training")
    if not isinstance(listed, list) or not isinstance(training, dict | None):
        raise part.wrong("judges", "is no list of laws, or training no description")
    judges = []
    for k, spec in enumerate(listed):
        own = Part(spec, tensors, f"judges.{k}.", part.read)
        judges.append(SavedJudge(law if spec == {"kind": "same"} else _decode(own, *sizes), _ascending(own)))
    refuse_unread(part)
    return SavedSymbols(law, alphabet, event, channels, units, rate, tuple(judges), training)


def _encode(law: Law, tensors: Tensors, prefix: str) -> Spec:
    if isinstance(law, Mixture):
        tensors |= {prefix + "log_weights": law.log_weights, prefix + "log_probabilities": law.log_probabilities}
        return {"kind": "products"}
    if isinstance(law, Markov):
        tensors |= {prefix + "first": law.first, prefix + "transition": law.transition}
        return {"kind": "markov"}
    if not isinstance(law, Network):
        raise InputError(f"a {type(law).__name__} cannot be saved: only products, Markov chains and networks of symbols have a file format")
    tensors |= {f"{prefix}net.{name}": value.detach() for name, value in law.net.state_dict().items()}
    return {"kind": "network", "width": law.net.width, "depth": law.net.depth}


def _decode(part: Part, sites: int, states: int) -> Law:
    kind = part.word("kind", KINDS)
    law: Law
    if kind == "products":
        weights = _normalised(part, "log_weights", None)
        law = Mixture.from_logs(weights, _normalised(part, "log_probabilities", len(weights), sites, states))
    elif kind == "markov":
        law = Markov.from_logs(_normalised(part, "first", states), _normalised(part, "transition", states, states), sites)
    else:
        with torch.random.fork_rng(devices=[]):
            net = Net(sites, states, part.whole("width", 1), part.whole("depth", 1))
        found = {}
        for name, own in net.state_dict().items():
            value = part.raw(f"net.{name}")
            if value.shape != own.shape or value.dtype != own.dtype or not bool(torch.isfinite(value).all()):
                raise part.wrong(f"net.{name}", f"must hold finite {own.dtype} values of shape {tuple(own.shape)}")
            found[name] = value
        net.load_state_dict(found)
        law = Network(net)
    part.finish()
    return law


def _normalised(part: Part, name: str, *shape: int | None) -> Tensor:
    """Log-probabilities whose last axis sums to one."""
    found = part.tensor(name, *shape, infinite=True)
    if bool((torch.logsumexp(found, -1).abs() > _SUM).any()):
        raise part.wrong(name, "do not sum to one")
    return found


def _ascending(part: Part) -> Tensor:
    scores = part.tensor("scores", None, infinite=True)
    if not len(scores) or bool((scores[1:] < scores[:-1]).any()):
        raise part.wrong("scores", "is not sorted from low to high, or empty")
    return scores
