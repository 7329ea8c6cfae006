"""The laws of signals with a condition on disk: means, counts, and one covariance for all classes or one for each."""

from __future__ import annotations

import torch

from ornstein.denoisers import ByCondition
from ornstein.model.storage.part import Part, Spec, Tensors
from ornstein.model.storage.structures import decode_spectral, encode_operator


def encode_told(told: ByCondition, tensors: Tensors, prefix: str) -> Spec:
    """The description; its arrays are added to ``tensors``."""
    own: Tensors = {"means": told.means, "counts": told.counts.to(torch.float64)}
    if told.slope is not None:
        own["slope"] = told.slope
    operators = [encode_operator(one, own, f"{k}.") for k, one in enumerate(told.operators)]
    tensors.update({f"{prefix}{name}": value for name, value in own.items()})
    return {"labelled": told.labelled, "operators": operators}


def decode_told(part: Part, size: int) -> ByCondition:
    """What ``encode_told`` described, for signals of ``size`` entries."""
    means = part.tensor("means", None, size)
    counts = part.tensor("counts", len(means), low=0.0)
    slope = part.tensor("slope", None, size) if part.has("slope") else None
    operators = tuple(decode_spectral(entry, size) for entry in part.parts("operators"))
    if len(operators) not in (1, len(means)):
        raise part.wrong("operators", f"has {len(operators)} entries for {len(means)} classes")
    if any(one.batch_shape for one in operators):
        raise part.wrong("operators", "holds several covariances for one class")
    told = ByCondition(means, counts.to(torch.int64), operators, slope, part.flag("labelled"))
    part.finish()
    return told
