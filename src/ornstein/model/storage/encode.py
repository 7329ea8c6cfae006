"""Laws as a small description and a dictionary of tensors, and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.covariance import Autoregressive, Covariance, Dense, Diagonal, Kronecker, LowRank, Spectral, Stationary
from ornstein.denoisers import Cloud, Denoiser, Empirical, Gaussian, Law, Mixture, Network
from ornstein.model.storage.network import decode_network, encode_network

Spec = dict[str, Any]
Tensors = dict[str, Tensor]

STRUCTURES: dict[str, type[Spectral]] = {
    "dense": Dense,
    "diagonal": Diagonal,
    "kronecker": Kronecker,
    "low-rank": LowRank,
    "stationary": Stationary,
}


def encode_law(law: Denoiser) -> tuple[Spec, Tensors]:
    """(description, tensors) of an analytic law or a network. Raises ``InputError`` for one that has no finite description."""
    tensors: Tensors = {}
    if isinstance(law, Network):
        spec = encode_network(law, tensors, "")
        spec["reference"] = _encode_law(law.preconditioning.law, tensors, "reference.")
        return spec, {name: t.contiguous() for name, t in tensors.items()}
    return _encode_law(law, tensors, ""), {name: t.contiguous() for name, t in tensors.items()}


def decode_law(spec: Spec, tensors: Tensors, module: nn.Module | None = None) -> Law | Network:
    """The law that ``encode_law`` described; ``module`` as in ``ornstein.load``."""
    if spec["kind"] == "network":
        reference = _decode_law(spec["reference"], tensors, "reference.")
        if not isinstance(reference, Gaussian | Mixture):
            raise InputError("the reference of the network is no Gaussian or mixture law: restore the folder from a copy, or fit again")
        return decode_network(spec, tensors, "", reference, module)
    if module is not None:
        raise InputError(f"module is a {type(module).__name__}, but the model is a {spec['kind']} law: leave module out")
    return _decode_law(spec, tensors, "")


def _encode_law(law: Denoiser, tensors: Tensors, prefix: str) -> Spec:
    if isinstance(law, Gaussian):
        tensors[prefix + "mean"] = law.mean()
        operator = _encode_operator(law.operator, tensors, prefix + "covariance.")
        return {"kind": "gaussian", "event_shape": list(law.event_shape), "covariance": operator}
    if isinstance(law, Mixture):
        tensors[prefix + "log_weights"] = law.log_weights
        return {"kind": "mixture", "components": [_encode_law(c, tensors, f"{prefix}{k}.") for k, c in enumerate(law.components)]}
    if isinstance(law, Empirical):
        parts = {"points": law.cloud.points, "log_weights": law.cloud.log_weights, "centre": law.centre, "offset": law.offset}
        tensors.update({prefix + name: value for name, value in parts.items()})
        kernel = None if law.kernel is None else _encode_operator(law.kernel, tensors, prefix + "kernel.")
        return {"kind": "empirical", "event_shape": list(law.event_shape), "kernel": kernel}
    raise InputError(f"a {type(law).__name__} cannot be saved: only Gaussian, mixture and empirical laws and networks have a file format")


def _decode_law(spec: Spec, tensors: Tensors, prefix: str) -> Gaussian | Mixture | Empirical:
    kind = spec["kind"]
    if kind == "gaussian":
        operator = _decode_operator(spec["covariance"], tensors, prefix + "covariance.")
        return Gaussian(tensors[prefix + "mean"], operator, tuple(spec["event_shape"]))
    if kind == "mixture":
        parts = [_decode_law(c, tensors, f"{prefix}{k}.") for k, c in enumerate(spec["components"])]
        return Mixture.from_log_weights(tensors[prefix + "log_weights"], [p for p in parts if isinstance(p, Gaussian)])
    kernel = None if spec["kernel"] is None else _decode_spectral(spec["kernel"], tensors, prefix + "kernel.")
    points, log_weights, centre, offset = (tensors[prefix + name] for name in ("points", "log_weights", "centre", "offset"))
    return Empirical.from_cloud(Cloud(points, log_weights), kernel, centre, offset, tuple(spec["event_shape"]))


def _encode_operator(operator: Covariance, tensors: Tensors, prefix: str) -> Spec:
    if isinstance(operator, Autoregressive):
        tensors[prefix + "weights"], tensors[prefix + "innovations"] = operator.weights, operator.innovations
        return {"structure": "autoregressive"}
    if not isinstance(operator, Spectral):
        raise InputError("this posterior is implicit and cannot be saved: save the model it came from, and condition that again")
    tensors[prefix + "eigenvalues"] = operator.eigenvalues
    if isinstance(operator, Dense | LowRank):
        tensors[prefix + "basis"] = operator.basis
    if isinstance(operator, Kronecker):
        sides = {side: _encode_operator(getattr(operator, side), tensors, f"{prefix}{side}.") for side in ("left", "right")}
        return {"structure": "kronecker", **sides}
    return {"structure": _name(operator), "size": operator.size}


def _name(operator: Spectral) -> str:
    for name, kind in STRUCTURES.items():
        if type(operator) is kind:
            return name
    raise InputError(f"a {type(operator).__name__} has no file format: replace it with Dense(operator.dense()) before saving")


def _decode_operator(spec: Spec, tensors: Tensors, prefix: str) -> Covariance:
    if spec["structure"] == "autoregressive":
        return Autoregressive(tensors[prefix + "weights"], tensors[prefix + "innovations"])
    return _decode_spectral(spec, tensors, prefix)


def _decode_spectral(spec: Spec, tensors: Tensors, prefix: str) -> Spectral:
    eigenvalues, structure = tensors[prefix + "eigenvalues"], spec["structure"]
    if structure == "kronecker":
        left, right = (_decode_spectral(spec[side], tensors, f"{prefix}{side}.") for side in ("left", "right"))
        return Kronecker(left, right).replace(eigenvalues)
    if structure == "dense":
        return Dense.from_eigen(tensors[prefix + "basis"], eigenvalues)
    if structure == "low-rank":
        basis = tensors[prefix + "basis"]
        return LowRank(basis, torch.ones(basis.shape[1], dtype=basis.dtype)).replace(eigenvalues)
    zero = torch.zeros(spec["size"], dtype=torch.float64)
    blank = Diagonal(zero) if structure == "diagonal" else Stationary.from_spectrum(zero)
    return blank.replace(eigenvalues)
