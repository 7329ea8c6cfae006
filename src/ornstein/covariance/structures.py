"""The structures: each is an orthogonal basis that is cheap to rotate into, and its eigenvalues."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.errors import InputError
from ornstein.covariance.base import Operator, Spectral, clip, refuse_dense

LARGEST_VARIANCE = 1e300
"""Of variances only sums and roots are taken."""


class Diagonal(Spectral):
    """Independent entries: Sigma = diag(variances). Memory and every operation O(d)."""

    def __init__(self, variances: Tensor) -> None:
        variances = _entries(variances, "variances", ndim=1)
        if bool((variances < 0).any()):
            raise InputError(f"variances has a negative entry {float(variances.min()):g}, but every variance must be at least 0")
        self._set(variances)

    def _set(self, eigenvalues: Tensor) -> Self:
        self.eigenvalues = eigenvalues
        self.size = eigenvalues.shape[-1]
        self.multiplicity = torch.ones(self.size, dtype=eigenvalues.dtype, device=eigenvalues.device)
        return self

    def rotate(self, x: Tensor) -> Tensor:
        return x

    def unrotate(self, w: Tensor) -> Tensor:
        return w

    def replace(self, eigenvalues: Tensor) -> Diagonal:
        return Diagonal.__new__(Diagonal)._set(eigenvalues)

    def diagonal(self) -> Tensor:
        return self.eigenvalues


class Dense(Spectral):
    """Any covariance, by its eigendecomposition Sigma = U diag(lambda) U^T. Memory d^2, eigh once, then d^2 per product.

    ``matrix`` must be symmetric and positive semi-definite up to rounding; ``Dense.from_factor(F)`` builds F F^T with no
    loss of accuracy in its small eigenvalues. Raises ``InputError`` above DENSE_LIMIT, before anything is allocated.
    """

    def __init__(self, matrix: Tensor) -> None:
        shape = tuple(getattr(matrix, "shape", ()))
        if len(shape) == 2:
            refuse_dense(shape[0], "a dense covariance")
        matrix = _entries(matrix, "covariance", ndim=2)
        if matrix.shape[0] != matrix.shape[1]:
            raise InputError(f"covariance has shape {tuple(matrix.shape)}, but must be square")
        scale = matrix.diagonal().abs().max()
        asymmetry = (matrix - matrix.T).abs().max()
        if bool(asymmetry > 1e-8 * scale):
            raise InputError(f"covariance is not symmetric: entries differ by up to {float(asymmetry):.3g}; pass (C + C.T) / 2")
        eigenvalues, basis = torch.linalg.eigh((matrix + matrix.T) / 2)
        self._set(basis.flip(-1), clip(eigenvalues.flip(-1), "covariance"))

    @classmethod
    def from_factor(cls, factor: Tensor, scale: Tensor | None = None) -> Dense:
        """F F^T for a factor F of shape (d, r).

        Singular values of F below the rounding error of ``scale`` (a variance; default: the largest) become 0.
        """
        refuse_dense(factor.shape[0], "a dense covariance")
        basis, singular, _ = torch.linalg.svd(factor, full_matrices=True)
        eigenvalues = torch.zeros(factor.shape[0], dtype=factor.dtype, device=factor.device)
        largest = singular[:1] if scale is None else scale.sqrt()
        tolerance = 10 * max(factor.shape) * torch.finfo(factor.dtype).eps * largest
        eigenvalues[: len(singular)] = torch.where(singular > tolerance, singular, torch.zeros_like(singular)) ** 2
        return cls.__new__(cls)._set(basis, eigenvalues)

    @classmethod
    def from_eigen(cls, basis: Tensor, eigenvalues: Tensor) -> Dense:
        """U diag(lambda) U^T for an orthogonal U of shape (d, d), taken as it is."""
        return cls.__new__(cls)._set(basis, eigenvalues)

    def _set(self, basis: Tensor, eigenvalues: Tensor) -> Self:
        self.basis, self.eigenvalues = basis.contiguous(), eigenvalues.contiguous()
        self.size = basis.shape[0]
        self.multiplicity = torch.ones(self.size, dtype=basis.dtype, device=basis.device)
        return self

    def rotate(self, x: Tensor) -> Tensor:
        return x @ self.basis

    def unrotate(self, w: Tensor) -> Tensor:
        return w @ self.basis.T

    def replace(self, eigenvalues: Tensor) -> Dense:
        return Dense.from_eigen(self.basis, eigenvalues)

    def diagonal(self) -> Tensor:
        return self.eigenvalues @ (self.basis**2).T

    def dense(self) -> Tensor:
        return (self.basis * self.eigenvalues.unsqueeze(-2)) @ self.basis.T


class LowRank(Spectral):
    """U diag(lambda) U^T + floor (I - U U^T): r directions and one variance for all others (probabilistic PCA).

    basis (d, r) with orthonormal columns; eigenvalues (r,); floor >= 0. Memory and every product O(d r).
    Coordinates are the r projections followed by the d entries of the remainder, which share the floor.
    """

    def __init__(self, basis: Tensor, eigenvalues: Tensor, floor: float = 0.0) -> None:
        basis = _entries(basis, "basis", ndim=2)
        eigenvalues = checks.tensor(eigenvalues, "eigenvalues", ndim=(1,), largest=LARGEST_VARIANCE)
        d, r = basis.shape
        if r > d or len(eigenvalues) != r:
            raise InputError(
                f"basis has shape {(d, r)} and eigenvalues {len(eigenvalues)} entries, "
                "but basis must be (d, r) with r <= d and one eigenvalue per column"
            )
        if not torch.allclose(basis.T @ basis, torch.eye(r, dtype=basis.dtype), atol=1e-8):
            raise InputError("basis must have orthonormal columns: take the left singular vectors of what you have")
        if bool((eigenvalues < 0).any()):
            raise InputError(f"eigenvalues has a negative entry {float(eigenvalues.min()):g}, but every one must be at least 0")
        rest = torch.full((d,), checks.positive(floor, "floor", zero=True), dtype=basis.dtype)
        self._set(basis, torch.cat([eigenvalues, rest]))

    def _set(self, basis: Tensor, eigenvalues: Tensor) -> Self:
        self.basis, self.eigenvalues = basis.contiguous(), eigenvalues
        self.size, self.components = basis.shape
        one = torch.ones(self.components, dtype=basis.dtype, device=basis.device)
        rest = torch.full((self.size,), 1 - self.components / self.size, dtype=basis.dtype, device=basis.device)
        self.multiplicity = torch.cat([one, rest])
        return self

    @property
    def floor(self) -> Tensor:
        """The variance of every direction outside the basis, shape (...)."""
        return self.eigenvalues[..., -1]

    def rotate(self, x: Tensor) -> Tensor:
        w = x @ self.basis
        return torch.cat([w, x - w @ self.basis.T], -1)

    def unrotate(self, w: Tensor) -> Tensor:
        rest = w[..., self.components :]
        return (w[..., : self.components] - rest @ self.basis) @ self.basis.T + rest

    def replace(self, eigenvalues: Tensor) -> LowRank:
        return LowRank.__new__(LowRank)._set(self.basis, eigenvalues)

    def diagonal(self) -> Tensor:
        inside = self.eigenvalues[..., : self.components] - self.floor.unsqueeze(-1)
        return inside @ (self.basis**2).T + self.floor.unsqueeze(-1)


class Stationary(Spectral):
    """A circulant covariance: Sigma_ij depends on (i - j) mod d only. Memory O(d), every product O(d log d).

    ``autocovariance`` is the first row, c_0, c_1, ..., symmetric around the circle (c_k = c_{d-k}); its Fourier transform
    is the power spectrum and gives the eigenvalues. ``Stationary.from_spectrum`` takes the d eigenvalues instead.
    The basis is the Hartley transform, cas = cos + sin: real, orthonormal, its own inverse, computed by one real FFT.
    """

    def __init__(self, autocovariance: Tensor) -> None:
        row = _entries(autocovariance, "autocovariance", ndim=1)
        mirrored = torch.roll(row.flip(0), 1)
        if bool((row - mirrored).abs().max() > 1e-8 * row.abs().max()):
            raise InputError("autocovariance must be symmetric around the circle, c[k] = c[d - k]: average both halves first")
        self._set(clip(torch.fft.fft((row + mirrored) / 2).real, "autocovariance"))

    @classmethod
    def from_spectrum(cls, spectrum: Tensor) -> Stationary:
        """From the d eigenvalues in the order of ``torch.fft.fft``: entry k belongs to k cycles per window."""
        spectrum = _entries(spectrum, "spectrum", ndim=1)
        mirrored = torch.roll(spectrum.flip(0), 1)
        if bool((spectrum - mirrored).abs().max() > 1e-8 * spectrum.abs().max()):
            raise InputError("spectrum must be symmetric, s[k] = s[d - k], as the spectrum of a real signal is")
        return cls.__new__(cls)._set(clip(spectrum, "spectrum"))

    def _set(self, eigenvalues: Tensor) -> Self:
        self.eigenvalues = eigenvalues
        self.size = eigenvalues.shape[-1]
        self.multiplicity = torch.ones(self.size, dtype=eigenvalues.dtype, device=eigenvalues.device)
        return self

    def rotate(self, x: Tensor) -> Tensor:
        if not x.numel():  # an FFT of no rows is an error
            return x
        half = torch.fft.rfft(x, norm="ortho")
        inner = half[..., 1 : (self.size + 1) // 2]
        mirrored = (inner.real + inner.imag).flip(-1)
        return torch.cat([half.real - half.imag, mirrored], -1)

    def unrotate(self, w: Tensor) -> Tensor:
        return self.rotate(w)

    def replace(self, eigenvalues: Tensor) -> Stationary:
        return Stationary.__new__(Stationary)._set(eigenvalues)

    def diagonal(self) -> Tensor:
        return self.eigenvalues.mean(-1, keepdim=True).expand(self.eigenvalues.shape)


class Kronecker(Spectral):
    """channel (x) time: Cov(x_ct, x_c't') = left_cc' right_tt'. Works on the (c, t) grid flattened row by row.

    Any two structures may be factors. Memory and cost are those of the factors: a 64-channel, 1000-sample recording
    needs a 64 x 64 and a 1000 x 1000 matrix, never 64 000 x 64 000.
    """

    def __init__(self, left: Spectral, right: Spectral) -> None:
        self._set(left, right, torch.outer(left.eigenvalues, right.eigenvalues).flatten())

    def _set(self, left: Spectral, right: Spectral, eigenvalues: Tensor) -> Self:
        self.left, self.right, self.eigenvalues = left, right, eigenvalues
        self.size = left.size * right.size
        self.multiplicity = torch.outer(left.multiplicity, right.multiplicity).flatten()
        return self

    def rotate(self, x: Tensor) -> Tensor:
        grid = self.right.rotate(x.unflatten(-1, (self.left.size, self.right.size)))
        return self.left.rotate(grid.transpose(-1, -2)).transpose(-1, -2).flatten(-2)

    def unrotate(self, w: Tensor) -> Tensor:
        grid = w.unflatten(-1, (self.left.eigenvalues.shape[-1], self.right.eigenvalues.shape[-1]))
        return self.right.unrotate(self.left.unrotate(grid.transpose(-1, -2)).transpose(-1, -2)).flatten(-2)

    def replace(self, eigenvalues: Tensor) -> Kronecker:
        return Kronecker.__new__(Kronecker)._set(self.left, self.right, eigenvalues)

    def diagonal(self) -> Tensor:
        grid = self.eigenvalues.unflatten(-1, (self.left.eigenvalues.shape[-1], self.right.eigenvalues.shape[-1]))
        rows = self.left.replace(grid.transpose(-1, -2)).diagonal()
        return self.right.replace(rows.transpose(-1, -2)).diagonal().flatten(-2)


def _entries(value: object, name: str, ndim: int) -> Tensor:
    x = checks.tensor(value, name, ndim=(ndim,), largest=LARGEST_VARIANCE)
    if not len(x):
        raise InputError(f"{name} is empty {tuple(x.shape)}, but must hold at least one entry")
    return x


def as_spectral(covariance: Operator) -> Spectral:
    """The covariance with a known eigenbasis: itself, or its dense form."""
    return covariance if isinstance(covariance, Spectral) else Dense(covariance.dense())
