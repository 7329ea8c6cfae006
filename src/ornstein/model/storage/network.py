"""Networks as tensors and names: weights, the class they belong to, and the law they stand on. No code is stored."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.denoisers import Gaussian, Mixture, Network
from ornstein.denoisers.preconditioning import COMPLETES, FORMS
from ornstein.model.storage.part import Part, Tensors
from ornstein.model.storage.told import decode_told, encode_told
from ornstein.nets import MLP, Condition, Entries, Net, Transformer, UNet
from ornstein.nets.accepts import name_of

NETS: dict[str, type[Net]] = {net.__name__: net for net in (Entries, MLP, Transformer, UNet)}
"""The networks that a folder describes in full."""

_MODULE, _CONDITION = "module.", "condition."


def encode_network(network: Network, tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
    """The description; weights and a bound condition are added to ``tensors``. Raises ``InputError`` for state that is no tensor."""
    module = bare(network.module)
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise InputError(f"{name_of(module)} keeps {name} as a {type(value).__name__}, which has no file format: keep it as a buffer")
        tensors[f"{prefix}{_MODULE}{name}"] = value.detach().cpu()
    if network.condition is not None:
        for field in fields(network.condition):
            if (part := getattr(network.condition, field.name)) is not None:
                tensors[f"{prefix}{_CONDITION}{field.name}"] = part.cpu()
    own = type(module) in NETS.values() and isinstance(module, Net)
    told = network.preconditioning.told
    return {
        "net": type(module).__name__,
        "arguments": module.arguments if own else None,
        "form": network.preconditioning.form,
        "highest": network.highest,
        "inpaints": network.inpaints,
        "first": network.first,
        **({"completes": network.preconditioning.completes} if network.inpaints else {}),
        **({} if told is None else {"told": encode_told(told, tensors, f"{prefix}told.")}),
    }


def decode_network(part: Part, reference: Gaussian | Mixture, module: nn.Module | None) -> Network:
    """The network that ``encode_network`` described, its weights in ``module`` where it is not one of ours."""
    state = {name: part.raw(_MODULE + name) for name in _names(part, _MODULE)}
    name, arguments = part.value("net"), part.value("arguments")
    if not isinstance(name, str):
        raise part.wrong("net", "must name a class")
    form, highest, inpaints = part.word("form", FORMS), part.number("highest"), part.flag("inpaints")
    if module is None:
        if arguments is None or name not in NETS:
            raise InputError(
                f"the model is a network of class {name}, whose code is not in the folder: "
                f"build it and pass it, orn.load(path, module={name}(...))"
            )
        module = _built(part, name, arguments, state, reference.event_shape)
    fill(module, state, name)
    told = decode_told(part.part("told"), math.prod(reference.event_shape)) if "told" in part.spec else None
    given = {field: part.raw(_CONDITION + field) for field in _names(part, _CONDITION)}
    try:
        network = Network.of(module.eval(), reference, form, inpaints=inpaints, told=told)
        bound = Condition(**given) if given else None
    except (InputError, TypeError) as error:
        raise part.wrong("condition" if given else "reference", f"cannot be used ({error})") from None
    completes = part.word("completes", COMPLETES) if "completes" in part.spec else "gaussian"  # as before it was written down
    network = replace(network, highest=highest, preconditioning=replace(network.preconditioning, completes=completes))
    return network.given(bound, part.whole("first"))


def _names(part: Part, prefix: str) -> list[str]:
    whole = part.prefix + prefix
    return [name.removeprefix(whole) for name in part.tensors if name.startswith(whole)]


def _built(part: Part, name: str, arguments: object, state: Tensors, event_shape: tuple[int, ...]) -> nn.Module:
    """One of our networks, with the sizes of its weights; nothing larger than they are is made."""
    if not isinstance(arguments, dict) or arguments.get("event_shape") != list(event_shape):
        raise part.wrong("arguments", f"must build a network for signals of shape {event_shape}")
    largest = max([len(state), *event_shape, *(n for value in state.values() for n in value.shape)])
    sizes = {key: value for key, value in arguments.items() if key not in ("seed", "event_shape")}
    numbers = [n for value in sizes.values() for n in (value if isinstance(value, list) else [value])]
    if any(isinstance(n, int | float) and not 0 <= n <= largest for n in numbers):
        raise part.wrong("arguments", "has a size that its weights do not have")
    broken = [key for key, value in state.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if broken:
        raise part.wrong(_MODULE + broken[0], "holds NaN or infinite values")
    if len({value.dtype for value in state.values() if value.is_floating_point()}) > 1:
        raise part.wrong(_MODULE.rstrip("."), "holds weights of several types")
    try:
        with torch.device("meta"):
            sketch = NETS[name](**arguments)
    except Exception as error:  # whatever sizes that do not go together may raise
        raise part.wrong("arguments", f"do not build a {name} ({error})") from None
    _fits(sketch, state, name)
    return NETS[name](**arguments)


def fill(module: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Put the weights into the module, in the type they were saved in. Raises ``InputError`` where names, shapes or kinds differ."""
    inside = bare(module)
    _fits(inside, state, name)
    types = {value.dtype for value in state.values() if value.is_floating_point()}
    if len(types) == 1:
        inside.to(types.pop())  # buffers that are not saved follow
    named = itertools.chain(inside.named_parameters(remove_duplicate=False), inside.named_buffers(remove_duplicate=False))
    for key, place in named:
        if key in state:
            place.data = place.data.to(state[key].dtype)
    inside.load_state_dict(state)


def _fits(module: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """That the weights have the names, shapes and kinds of number of the module."""
    own = module.state_dict()
    says = f"the module {name_of(module)} does not fit the saved {name}: "
    remedy = "; build it with the arguments it was trained with"
    if other := sorted(own.keys() ^ state.keys()):
        where = "only in the folder" if other[0] in state else "not in the folder"
        raise InputError(f"{says}{other[0]} is {where}{f', and so on for {len(other)} names' if len(other) > 1 else ''}{remedy}")
    for key, value in sorted(state.items()):
        if own[key].shape != value.shape:
            raise InputError(f"{says}{key} has shape {tuple(own[key].shape)}, but {tuple(value.shape)} in the folder{remedy}")
        if own[key].is_floating_point() != value.is_floating_point() or value.is_complex():
            kinds = [str(t.dtype).removeprefix("torch.") for t in (own[key], value)]
            raise InputError(f"{says}{key} holds {kinds[0]} numbers, but {kinds[1]} in the folder{remedy}")


def bare(module: nn.Module) -> nn.Module:
    """The module below wrappers that train it on several devices or compile it."""
    for wrapper in ("module", "_orig_mod"):
        if type(module).__module__.startswith("torch.") and isinstance(inner := getattr(module, wrapper, None), nn.Module):
            return bare(inner)
    return module
