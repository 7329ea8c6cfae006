"""A learned correction in a folder: its network as tensors, and what it gained."""

from __future__ import annotations

import torch

from ornstein.correction.correction import Correction
from ornstein.correction.sight import variables, width
from ornstein.model.storage.part import Part, Spec, Tensors
from ornstein.nets.warp import Warp

_BEFORE = 2
"""The depth of networks in folders that do not say it."""


def encode_correction(correction: Correction, tensors: Tensors, prefix: str) -> Spec:
    """The description; weights and features are added to ``tensors``."""
    tensors |= {prefix + "centre": correction.centre, prefix + "spread": correction.spread}
    tensors |= {f"{prefix}net.{name}": value.detach().double() for name, value in correction.net.state_dict().items()}
    return {"width": correction.net.width, "depth": correction.net.depth, "crps": list(correction.crps)}


def decode_correction(part: Part, event: tuple[int, ...]) -> Correction:
    """What ``encode_correction`` wrote for signals of shape ``event``."""
    size = width(event)
    wide, deep = part.whole("width", at_least=1), part.whole("depth", at_least=1) if "depth" in part.spec else _BEFORE
    if part.raw("net.first.weight").ndim != 2 or len(part.raw("net.first.weight")) != wide:
        raise part.wrong("width", f"is {wide}, but the weights have another")
    with torch.device("meta"):
        sketch = Warp(size, variables(event), width=wide, depth=deep)
    state = {name: part.tensor(f"net.{name}", *value.shape).float() for name, value in sketch.state_dict().items()}
    net = Warp(size, variables(event), width=wide, depth=deep)
    net.load_state_dict(state)
    crps = part.value("crps")
    if not isinstance(crps, list) or len(crps) != 2 or not all(isinstance(v, float) and 0 <= v < 1e9 for v in crps):
        raise part.wrong("crps", "must hold two numbers, of the law and of the corrected one")
    centre, spread = part.tensor("centre", size), part.tensor("spread", size, low=0.0, open_low=True)
    part.finish()
    return Correction(net.eval(), event, centre, spread, (crps[0], crps[1]))
