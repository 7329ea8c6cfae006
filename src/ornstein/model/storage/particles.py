"""Weighted draws on disk, one set for each law of a batch."""

from __future__ import annotations

import math

from ornstein.denoisers import Particles
from ornstein.model.storage.mixture import normalised
from ornstein.model.storage.part import Format, Part, Spec, Tensors


def _encode(law: Particles, tensors: Tensors, prefix: str) -> Spec:
    tensors.update({f"{prefix}points": law.points, f"{prefix}log_weights": law.log_weights})
    return {"event_shape": list(law.event_shape), "count": law.log_weights.shape[-1]}


def _decode(part: Part) -> Particles:
    event, count = part.shape("event_shape"), part.whole("count")
    log_weights = normalised(part, count)
    points = part.tensor("points", count, math.prod(event), batch=True)
    if points.shape[:-1] != log_weights.shape:
        raise part.wrong("points", f"has shape {tuple(points.shape)} for log-weights of shape {tuple(log_weights.shape)}")
    return Particles(points.view(*log_weights.shape, *event), log_weights)


PARTICLES = Format("particles", Particles, _encode, _decode)
