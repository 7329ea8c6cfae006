"""Covariances on disk: for each structure, what it writes and what may be read back. A new one is two functions and one row."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Autoregressive, Covariance, Dense, Diagonal, Kronecker, LowRank, Spectral, Stationary
from ornstein.covariance.coregionalised import Coregionalised
from ornstein.covariance.kernel_sum import KernelSum
from ornstein.covariance.time_kernels import NAMES, TimeKernel
from ornstein.model.storage.part import Format, Part, Spec, Tensors

_PROBES = 4
"""Random vectors that an orthonormal basis must carry there and back: any other matrix changes almost all of them."""


_ORTHONORMAL = 1e-7
"""What a probe may miss: rounding of thousands of products is 1e-12, one wrong digit in eight is more than this."""


def encode_operator(operator: Covariance, tensors: Tensors, prefix: str) -> Spec:
    """The description; its arrays are added to ``tensors``. Raises ``InputError`` for one without a finite description."""
    for row in STRUCTURES.values():
        if type(operator) is row.kind:
            return {"structure": row.name, **row.encode(operator, tensors, prefix)}
    if isinstance(operator, Spectral):
        raise InputError(f"a {type(operator).__name__} has no file format: replace it with Dense(operator.dense()) before saving")
    raise InputError("this posterior is implicit and cannot be saved: save the model it came from, and condition that again")


def decode_operator(part: Part, size: int | None = None) -> Covariance:
    """The covariance of a description, of ``size`` where it is known."""
    operator: Covariance = STRUCTURES[part.word("structure", STRUCTURES)].decode(part)
    part.finish()
    if size is not None and operator.size != size:
        raise part.wrong("", f"is a covariance of {operator.size} entries, but the signals have {size}")
    return operator


def decode_spectral(part: Part, size: int | None = None) -> Spectral:
    """The same, of one with an eigenbasis."""
    operator = decode_operator(part, size)
    if not isinstance(operator, Spectral):
        raise part.wrong("structure", "is one without an eigenbasis")
    return operator


def _spectrum(operator: Spectral, tensors: Tensors, prefix: str) -> Spec:
    tensors[prefix + "eigenvalues"] = operator.eigenvalues
    return {"size": operator.size}


def _with_basis(operator: Dense | LowRank, tensors: Tensors, prefix: str) -> Spec:
    tensors[prefix + "basis"] = operator.basis
    return _spectrum(operator, tensors, prefix)


def _eigenvalues(part: Part, count: int) -> Tensor:
    return part.tensor("eigenvalues", count, batch=True, low=0.0)


def _basis(part: Part, *shape: int | None) -> Tensor:
    """Orthonormal columns."""
    basis = part.tensor("basis", *shape)
    probes = Noise().normal(_PROBES, (basis.shape[1],))
    if basis.shape[1] > basis.shape[0] or bool((((probes @ basis.T) @ basis - probes).abs() > _ORTHONORMAL).any()):
        raise part.wrong("basis", "has columns that are not orthonormal")
    return basis


def _decode_dense(part: Part) -> Dense:
    size = part.whole("size", 1)
    return Dense.from_eigen(_basis(part, size, size), _eigenvalues(part, size))


def _decode_diagonal(part: Part) -> Spectral:
    size = part.whole("size", 1)
    eigenvalues = _eigenvalues(part, size)
    return Diagonal(torch.zeros(size, dtype=torch.float64)).replace(eigenvalues)


def _decode_low_rank(part: Part) -> Spectral:
    size = part.whole("size", 1)
    basis = _basis(part, size, None)
    rank = basis.shape[1]
    eigenvalues = _eigenvalues(part, rank + size)
    if bool((eigenvalues[..., rank:] != eigenvalues[..., -1:]).any()):
        raise part.wrong("eigenvalues", "has unequal floors, but the directions outside the basis share one")
    return LowRank(basis, torch.ones(rank, dtype=torch.float64)).replace(eigenvalues)


def _decode_stationary(part: Part) -> Spectral:
    size = part.whole("size", 1)
    eigenvalues = _eigenvalues(part, size)
    mirrored = torch.roll(eigenvalues.flip(-1), 1, -1)
    if bool((eigenvalues - mirrored).abs().max() > 1e-8 * eigenvalues.max()):
        raise part.wrong("eigenvalues", "is not symmetric, s[k] = s[d - k], as the spectrum of a real signal is")
    return Stationary.from_spectrum(torch.zeros(size, dtype=torch.float64)).replace(eigenvalues)


def _encode_kronecker(operator: Kronecker, tensors: Tensors, prefix: str) -> Spec:
    tensors[prefix + "eigenvalues"] = operator.eigenvalues
    return {side: encode_operator(getattr(operator, side), tensors, f"{prefix}{side}.") for side in ("left", "right")}


def _decode_kronecker(part: Part) -> Spectral:
    left, right = decode_spectral(part.part("left")), decode_spectral(part.part("right"))
    if left.batch_shape or right.batch_shape:
        raise part.wrong("", "has a factor with several spectra, but each must have one")
    count = left.eigenvalues.shape[-1] * right.eigenvalues.shape[-1]
    return Kronecker(left, right).replace(_eigenvalues(part, count))  # those of a posterior are no product of the factors'


def _encode_autoregressive(operator: Autoregressive, tensors: Tensors, prefix: str) -> Spec:
    tensors[prefix + "weights"], tensors[prefix + "innovations"] = operator.weights, operator.innovations
    return {}


def _decode_autoregressive(part: Part) -> Autoregressive:
    innovations = part.tensor("innovations", None, low=0.0, open_low=True)
    weights = part.tensor("weights", len(innovations), None)
    if weights.shape[1] >= len(innovations):
        raise part.wrong("weights", f"looks {weights.shape[1]} samples back, but the signals have {len(innovations)}")
    return Autoregressive(weights, innovations)


def _encode_sum(operator: KernelSum, tensors: Tensors, prefix: str) -> Spec:
    law = operator.law
    tensors[prefix + "times"], tensors[prefix + "factors"], tensors[prefix + "nugget"] = operator.times, law.factors, law.nugget
    tensors[prefix + "scales"] = torch.tensor([kernel.scale for kernel in law.kernels], dtype=torch.float64)
    return {"kernels": [kernel.name for kernel in law.kernels]}


def _decode_sum(part: Part) -> KernelSum:
    scales = part.tensor("scales", None, low=0.0, open_low=True)
    names = part.words("kernels", (len(scales),))
    if unknown := sorted(set(names) - set(NAMES)):
        raise part.wrong("kernels", f"holds {unknown[0]!r}, but must hold {', '.join(NAMES)}")
    nugget = part.tensor("nugget", None, low=0.0, open_low=True)
    factors = part.tensor("factors", len(scales), len(nugget), len(nugget))
    times = part.tensor("times", None)
    if bool((times.diff() <= 0).any()):
        raise part.wrong("times", "does not rise")
    kernels = tuple(TimeKernel(name, scale) for name, scale in zip(names, scales.tolist(), strict=True))
    return KernelSum(Coregionalised(torch.zeros_like(nugget), kernels, factors, nugget), times)


STRUCTURES = {
    row.name: row
    for row in (
        Format("dense", Dense, _with_basis, _decode_dense),
        Format("diagonal", Diagonal, _spectrum, _decode_diagonal),
        Format("low-rank", LowRank, _with_basis, _decode_low_rank),
        Format("stationary", Stationary, _spectrum, _decode_stationary),
        Format("kronecker", Kronecker, _encode_kronecker, _decode_kronecker),
        Format("autoregressive", Autoregressive, _encode_autoregressive, _decode_autoregressive),
        Format("coregionalised", KernelSum, _encode_sum, _decode_sum),
    )
}
"""Every structure that a folder may hold, by its name."""
