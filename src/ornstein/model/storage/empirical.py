"""Points on disk, in the eigenbasis of their kernel, with weights and the offsets of a batch."""

from __future__ import annotations

import math

import torch

from ornstein.common.checks import LARGEST
from ornstein.denoisers import Cloud, Empirical
from ornstein.model.storage.mixture import normalised
from ornstein.model.storage.part import Format, Part, Spec, Tensors
from ornstein.model.storage.structures import decode_spectral, encode_operator

_KEPT_AS_GIVEN = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def _encode(law: Empirical, tensors: Tensors, prefix: str) -> Spec:
    parts = {"points": law.cloud.points, "log_weights": law.cloud.log_weights, "centre": law.centre, "offset": law.offset}
    tensors.update({prefix + name: value for name, value in parts.items()})
    kernel = None if law.kernel is None else encode_operator(law.kernel, tensors, prefix + "kernel.")
    return {"event_shape": list(law.event_shape), "kernel": kernel}


def _decode(part: Part) -> Empirical:
    event = part.shape("event_shape")
    size = math.prod(event)
    kernel = None if part.value("kernel") is None else decode_spectral(part.part("kernel"), size)
    if kernel is not None and kernel.batch_shape:
        raise part.wrong("kernel.eigenvalues", "holds several kernels, but all points share one")
    points = part.raw("points")
    coordinates = size if kernel is None else kernel.eigenvalues.shape[-1]
    if points.ndim != 2 or not len(points) or points.shape[1] != coordinates or points.dtype not in _KEPT_AS_GIVEN:
        raise part.wrong("points", f"is {tuple(points.shape)} {points.dtype}, but must be floating point of shape (any, {coordinates})")
    if not bool((points.abs() <= LARGEST).all()):
        raise part.wrong("points", f"holds NaN or values beyond {LARGEST:g}")
    log_weights = normalised(part, len(points))
    centre, offset = part.tensor("centre", size), part.tensor("offset", size, batch=True)
    if log_weights.ndim > 1 and offset.ndim > 1 and log_weights.shape[:-1] != offset.shape[:-1]:
        raise part.wrong("offset", f"has shape {tuple(offset.shape)} for log-weights of shape {tuple(log_weights.shape)}")
    return Empirical.from_cloud(Cloud(points, log_weights), kernel, centre, offset, event)


EMPIRICAL = Format("empirical", Empirical, _encode, _decode)
