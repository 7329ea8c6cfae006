"""What was thought of parameters, and a simulator as it was learned, on disk."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.fitting.prior import Prior
from ornstein.fitting.simulated import Simulated
from ornstein.model.storage.laws import decode_single, encode_single
from ornstein.model.storage.part import Part, Spec, Tensors
from ornstein.model.storage.surroundings import decode_scaler, encode_scaler
from ornstein.nets.mixture_density import MixtureDensity


def encode_prior(prior: Prior, tensors: Tensors, prefix: str) -> Spec:
    """The description; bounds and the law of scores are added to ``tensors``."""
    tensors |= {f"{prefix}uniform": prior.uniform, f"{prefix}low": prior.low, f"{prefix}high": prior.high}
    return {"law": encode_single(prior.law, tensors, f"{prefix}law.")}


def decode_prior(part: Part, count: int) -> Prior:
    """What ``encode_prior`` wrote of ``count`` parameters."""
    uniform = part.raw("uniform")
    if uniform.dtype != torch.bool or tuple(uniform.shape) != (count,):
        raise part.wrong("uniform", f"must say of each of {count} parameters whether it has bounds")
    low, high = part.tensor("low", count), part.tensor("high", count)
    if bool((high <= low).any()):
        raise part.wrong("high", "is not above low")
    law = decode_single(part.part("law"))
    if tuple(law.event_shape) != (count,):
        raise part.wrong("law", f"is of vectors of shape {tuple(law.event_shape)}, but there are {count} parameters")
    part.finish()
    return Prior(uniform, low, high, law)


def encode_simulated(simulated: Simulated, tensors: Tensors, prefix: str) -> Spec:
    """The description; the linear answer and the weights of all members are added to ``tensors``."""
    encode_scaler(simulated.scaler, tensors, f"{prefix}scaler.")
    for name in ("slope", "offset", "factor", "centre", "spread"):
        tensors[prefix + name] = getattr(simulated, name)
    for k, member in enumerate(simulated.members):
        tensors |= {f"{prefix}{k}.{name}": value.detach() for name, value in member.state_dict().items()}
    return {"members": len(simulated.members), "farthest": simulated.farthest}


def decode_simulated(part: Part, parameters: int, size: int) -> Simulated:
    """What ``encode_simulated`` wrote of simulations of ``size`` entries."""
    scaler = decode_scaler(part, "scaler.", (parameters,))
    slope, offset, centre = part.tensor("slope", parameters, size), part.tensor("offset", size), part.tensor("centre", size)
    factor, spread = triangular(part, "factor", size), triangular(part, "spread", size)
    farthest, count = part.number("farthest"), part.whole("members", at_least=1)
    if not part.has(f"{count - 1}.first.weight"):
        raise part.wrong("members", f"is {count}, but there are not so many networks")
    members = tuple(_member(part, f"{k}.", parameters, size) for k in range(count))
    part.finish()
    return Simulated(scaler, slope, offset, factor, members, centre, spread, farthest)


def triangular(part: Part, name: str, size: int) -> Tensor:
    """The Cholesky factor of a covariance."""
    found = part.tensor(name, size, size)
    if not torch.equal(found, found.tril()) or bool((found.diagonal() <= 0).any()):
        raise part.wrong(name, "is not lower triangular with a diagonal above 0")
    return found


def _member(part: Part, prefix: str, told: int, size: int) -> MixtureDensity:
    """One network, with the sizes of its weights; nothing larger than they are is made."""
    first, bias = part.raw(f"{prefix}first.weight"), part.raw(f"{prefix}last.bias")
    components, left = divmod(bias.numel(), 1 + size + size * (size + 1) // 2)
    if first.ndim != 2 or not len(first) or left or not components:
        raise part.wrong(f"{prefix}last.bias", f"does not answer with densities of {size} entries")
    own = f"{part.prefix}{prefix}"
    depth = sum(name.startswith(f"{own}steps.") and name.endswith("inner.bias") for name in part.tensors)
    sizes = {"components": components, "width": len(first), "depth": depth}
    with torch.device("meta"):
        sketch = MixtureDensity(told, size, **sizes)
    state = {}
    for name, value in sketch.state_dict().items():
        found = part.raw(prefix + name)
        if found.dtype != value.dtype or found.shape != value.shape or not bool(torch.isfinite(found).all()):
            kind = str(value.dtype).removeprefix("torch.")
            raise part.wrong(prefix + name, f"must hold finite {kind} values of shape {tuple(value.shape)}")
        state[name] = found
    net = MixtureDensity(told, size, **sizes)
    net.load_state_dict(state)
    return net.eval()
