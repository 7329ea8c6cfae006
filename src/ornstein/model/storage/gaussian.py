"""A Gaussian on disk: its mean and its covariance."""

from __future__ import annotations

import math

from ornstein.denoisers import Gaussian
from ornstein.model.storage.part import Format, Part, Spec, Tensors
from ornstein.model.storage.structures import decode_operator, encode_operator


def _encode(law: Gaussian, tensors: Tensors, prefix: str) -> Spec:
    tensors[prefix + "mean"] = law.mean()
    return {"event_shape": list(law.event_shape), "covariance": encode_operator(law.operator, tensors, prefix + "covariance.")}


def _decode(part: Part) -> Gaussian:
    event = part.shape("event_shape")
    mean = part.tensor("mean", *event, batch=True)
    operator = decode_operator(part.part("covariance"), math.prod(event))
    cases = tuple(mean.shape[: mean.ndim - len(event)])
    if operator.batch_shape not in ((), cases):
        raise part.wrong("covariance.eigenvalues", f"holds {operator.batch_shape} covariances for {cases} means")
    return Gaussian(mean, operator, event)


GAUSSIAN = Format("gaussian", Gaussian, _encode, _decode)
