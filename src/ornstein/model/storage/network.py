"""Networks as tensors and names: weights, the class they belong to, and the law they stand on. No code is stored."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.denoisers import Gaussian, Mixture, Network
from ornstein.nets import MLP, Condition, Net, Transformer, UNet
from ornstein.nets.accepts import name_of

NETS: dict[str, type[Net]] = {net.__name__: net for net in (MLP, Transformer, UNet)}
"""The networks that a folder describes in full."""

_MODULE, _CONDITION = "module.", "condition."


def encode_network(network: Network, tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
    """The description; weights and a bound condition are added to ``tensors``. Raises ``InputError`` for state that is no tensor."""
    module = bare(network.module)
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise InputError(f"{name_of(module)} keeps {name} as a {type(value).__name__}, which has no file format: keep it as a buffer")
        # a copy of each, since the format has no shared memory, and tied weights share theirs
        tensors[f"{prefix}{_MODULE}{name}"] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    if network.condition is not None:
        for field in fields(network.condition):
            if (part := getattr(network.condition, field.name)) is not None:
                tensors[f"{prefix}{_CONDITION}{field.name}"] = part.cpu()
    own = type(module) in NETS.values() and isinstance(module, Net)
    return {
        "kind": "network",
        "net": type(module).__name__,
        "arguments": module.arguments if own else None,
        "form": network.preconditioning.form,
        "highest": network.highest,
        "inpaints": network.inpaints,
        "first": network.first,
    }


def decode_network(
    spec: dict[str, Any], tensors: dict[str, Tensor], prefix: str, reference: Gaussian | Mixture, module: nn.Module | None
) -> Network:
    """The network that ``encode_network`` described, its weights in ``module`` where it is not one of ours."""
    state = {k.removeprefix(prefix + _MODULE): v for k, v in tensors.items() if k.startswith(prefix + _MODULE)}
    if module is None:
        if spec["arguments"] is None or spec["net"] not in NETS:
            raise InputError(
                f"the model is a network of class {spec['net']}, whose code is not in the folder: "
                f"build it and pass it, orn.load(path, module={spec['net']}(...))"
            )
        module = NETS[spec["net"]](**spec["arguments"])
    fill(module, state, spec["net"])
    parts = {k.removeprefix(prefix + _CONDITION): v for k, v in tensors.items() if k.startswith(prefix + _CONDITION)}
    network = Network.of(module.eval(), reference, spec["form"], inpaints=spec["inpaints"])
    return replace(network, highest=spec["highest"]).given(Condition(**parts) if parts else None, spec["first"])


def fill(module: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Put the weights into the module, in the type they were saved in. Raises ``InputError`` where names or shapes differ."""
    inside = bare(module)
    own = inside.state_dict()
    says = f"the module {name_of(module)} does not fit the saved {name}: "
    remedy = "; build it with the arguments it was trained with"
    if other := sorted(own.keys() ^ state.keys()):
        where = "only in the folder" if other[0] in state else "not in the folder"
        raise InputError(f"{says}{other[0]} is {where}{f', and so on for {len(other)} names' if len(other) > 1 else ''}{remedy}")
    for key, value in sorted(state.items()):
        if own[key].shape != value.shape:
            raise InputError(f"{says}{key} has shape {tuple(own[key].shape)}, but {tuple(value.shape)} in the folder{remedy}")
    types = {value.dtype for value in state.values() if value.is_floating_point()}
    if len(types) == 1:
        inside.to(types.pop())  # buffers that are not saved follow
    named = itertools.chain(inside.named_parameters(remove_duplicate=False), inside.named_buffers(remove_duplicate=False))
    for key, place in named:
        if key in state:
            place.data = place.data.to(state[key].dtype)
    inside.load_state_dict(state)


def bare(module: nn.Module) -> nn.Module:
    """The module below wrappers that train it on several devices or compile it."""
    for wrapper in ("module", "_orig_mod"):
        if type(module).__module__.startswith("torch.") and isinstance(inner := getattr(module, wrapper, None), nn.Module):
            return bare(inner)
    return module
