"""A mixture on disk: log-weights, and one Gaussian after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.denoisers import Gaussian, Mixture
from ornstein.model.storage.gaussian import GAUSSIAN
from ornstein.model.storage.part import Format, Part, Spec, Tensors


def _encode(law: Mixture, tensors: Tensors, prefix: str) -> Spec:
    tensors[prefix + "log_weights"] = law.log_weights
    parts = [GAUSSIAN.encode(c, tensors, f"{prefix}{k}.") for k, c in enumerate(law.components)]
    return {"components": [{"kind": GAUSSIAN.name, **part} for part in parts]}


def _decode(part: Part) -> Mixture:
    components: list[Gaussian] = []
    for entry in part.parts("components"):
        entry.word("kind", (GAUSSIAN.name,))
        components.append(GAUSSIAN.decode(entry))
        entry.finish()
        if components[-1].event_shape != components[0].event_shape:
            raise entry.wrong("event_shape", f"is {components[-1].event_shape}, but the first component has {components[0].event_shape}")
        if components[-1].batch_shape != components[0].batch_shape:
            raise entry.wrong("mean", f"holds {components[-1].batch_shape} means, but the first component {components[0].batch_shape}")
    log_weights = normalised(part, len(components))
    if log_weights.ndim > 1 and components[0].batch_shape not in ((), tuple(log_weights.shape[:-1])):
        raise part.wrong("log_weights", f"has shape {tuple(log_weights.shape)} for means of {components[0].batch_shape} laws")
    return Mixture.from_log_weights(log_weights, components)


def normalised(part: Part, count: int) -> Tensor:
    """Log-weights (*batch, count) that sum to one."""
    log_weights = part.tensor("log_weights", count, batch=True, infinite=True)
    if bool((torch.logsumexp(log_weights, -1).abs() > 1e-6).any()):
        raise part.wrong("log_weights", "do not sum to one")
    return log_weights


MIXTURE = Format("mixture", Mixture, _encode, _decode)
