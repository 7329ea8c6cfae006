"""A whole model in a folder: law, scaling, names, conditions, and a README card."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from ornstein.common.errors import InputError
from ornstein.model.fitted import Fitted
from ornstein.model.storage import decode_law, encode_law, read_folder, write_folder
from ornstein.model.storage.joints import FORMAT as JOINT
from ornstein.model.storage.joints import PREFIX as JOINT_PREFIX
from ornstein.model.storage.joints import SavedJoint, decode_joint, encode_joint
from ornstein.model.storage.judges import PREFIX, decode_judges, encode_judges
from ornstein.model.storage.part import Part, Spec, Tensors
from ornstein.model.storage.surroundings import decode_surroundings, encode_surroundings
from ornstein.model.storage.symbols import FORMAT as SYMBOLS
from ornstein.model.storage.symbols import SavedSymbols, decode_symbols, encode_symbols

NETWORKS = 2
"""The format of folders with a network; all other folders are of format 1, which older versions read."""


class Packed(NamedTuple):
    """A model as a folder holds it: what stands in config.json and preprocessing.json, and the tensors."""

    config: Spec
    metadata: Spec
    tensors: Tensors


def pack(model: Fitted) -> Packed:
    """A model as plain names and tensors. Raises ``InputError`` for a law without a file format."""
    spec, tensors = encode_law(model.law)
    tensors = {f"law.{name}": value for name, value in tensors.items()}
    config: dict[str, Any] = {"law": spec}
    if model.judges:
        config["judges"], judging = encode_judges(model.judges)
        tensors |= judging
    if model.training is not None or spec["kind"] == "network":
        config |= {"format": NETWORKS, "training": dict(model.training or {})}
    metadata, around = encode_surroundings(model)
    return Packed(config, metadata, tensors | around)


def unpack(found: Packed, module: nn.Module | None = None) -> Fitted:
    """What ``pack`` made of a model. Raises ``InputError`` for anything that is not one."""
    config, metadata, tensors = found
    law = decode_law(config.get("law"), {k.removeprefix("law."): v for k, v in tensors.items() if k.startswith("law.")}, module)
    training = config.get("training")
    if not isinstance(training, dict | None):
        raise InputError("training in the model folder is no description: restore the folder from a copy, or fit again")
    rest = Part(metadata, {k: v for k, v in tensors.items() if not k.startswith(("law.", PREFIX))})
    judging = {k: v for k, v in tensors.items() if k.startswith(PREFIX)}
    judges = decode_judges(config.get("judges"), judging, tuple(law.event_shape))
    return replace(decode_surroundings(rest, law), training=training, judges=judges)


def write(path: str | os.PathLike[str], model: Fitted, *, force: bool) -> Path:
    """Write the folder; see ``Model.save``."""
    found = pack(model)
    return write_folder(path, *found, card(model, found.config["law"]), force=force)


def write_symbols(path: str | os.PathLike[str], model: SavedSymbols, described: str, *, force: bool) -> Path:
    """Write the folder of a law of symbols; see ``SymbolModel.save``."""
    config, metadata, tensors = encode_symbols(model)
    text = (
        f"# Ornstein model\n\n{described}, a law of sequences with shape {model.event_shape}.\n\n"
        '```python\nimport ornstein as orn\n\nmodel = orn.load("this folder")\nmodel.sample(10)\n```\n'
    )
    return write_folder(path, {"format": SYMBOLS, **config}, metadata, tensors, text, force=force)


def write_joint(path: str | os.PathLike[str], saved: SavedJoint, *, force: bool) -> Path:
    """Write the folder of parameters and simulations; see ``Joint.save``."""
    spec, tensors = encode_joint(saved)
    inside = Packed({}, {}, {}) if saved.model is None else pack(saved.model)
    config = {**inside.config, "format": JOINT, "joint": spec}
    text = (
        f"# Ornstein model\n\nParameters of shape {saved.parameters} and simulations of shape {saved.observation}: {saved.chosen}.\n\n"
        '```python\nimport ornstein as orn\n\njoint = orn.load("this folder")\njoint.posterior(observed).sample(10)\n```\n'
    )
    return write_folder(path, config, inside.metadata, tensors | inside.tensors, text, force=force)


def read(path: str | os.PathLike[str], module: nn.Module | None = None) -> Fitted | SavedSymbols | SavedJoint:
    """What ``write``, ``write_symbols`` or ``write_joint`` wrote; see ``ornstein.load``."""
    found = Packed(*read_folder(path))
    kind = found.config["format"]
    if kind == SYMBOLS:
        if module is not None:
            raise InputError(f"module is a {type(module).__name__}, but the model is a law of symbols: leave module out")
        return decode_symbols(*found)
    if kind == JOINT:
        if module is not None:
            raise InputError(f"module is a {type(module).__name__}, but the model is of parameters and simulations: leave module out")
        mine = {name: value for name, value in found.tensors.items() if name.startswith(JOINT_PREFIX)}
        rest = Packed(found.config, found.metadata, {name: value for name, value in found.tensors.items() if name not in mine})
        inside = unpack(rest) if "law" in found.config or rest.tensors or found.metadata else None
        return decode_joint(found.config.get("joint"), mine, inside)
    return unpack(found, module)


def card(model: Fitted, spec: Mapping[str, Any]) -> str:
    """README.md of the folder: what the model is, and the lines that use it."""
    names = ", ".join(f"{c} [{u}]" if u else c for c, u in zip(model.channels, model.units, strict=True)) or "not named"
    rate = f"{model.rate:g} Hz" if model.rate else "not given"
    facts, load = [f"channels: {names}", f"sampling rate: {rate}"], 'orn.load("this folder")'
    if model.conditions is not None:
        facts.append(f"conditions: {model.conditions.described()}")
    if model.training:
        facts.append("training: " + ", ".join(f"{name} {_short(value)}" for name, value in model.training.items()))
    if "arguments" in spec and spec["arguments"] is None:  # a class whose code is not in the folder
        load = f'orn.load("this folder", module={spec["net"]}(...))'
    listed = "".join(f"- {fact}\n" for fact in facts)
    kind = model.law.described()
    return (
        f"---\nlibrary_name: ornstein\ntags:\n{_tags(kind)}---\n\n"
        f"# Ornstein model\n\n{kind}, a law of signals with shape {model.law.event_shape}.\n\n{listed}\n"
        f"```python\nimport ornstein as orn\n\nmodel = {load}\nmodel.sample(10)\n```\n"
    )


def _tags(kind: str) -> str:
    """Of the block that the Hugging Face hub reads: what models are searched by."""
    return "".join(f"- {tag}\n" for tag in ("diffusion", "signals", "time-series", kind.split()[0].lower()))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
