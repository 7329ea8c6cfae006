"""Functions of a covariance by its products, against a dense eigendecomposition."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.samplers.lanczos import apply, linearize
from truth import spectrum_covariance

SPECTRA = {
    "wide": torch.logspace(1, -3, 12, dtype=torch.float64),
    "rank 3": torch.tensor([4.0, 1.0, 0.2, *[0.0] * 9], dtype=torch.float64),
    "one value": torch.full((12,), 0.7, dtype=torch.float64),
    "two values": torch.tensor([5.0] * 2 + [1.0] * 10, dtype=torch.float64),
    "nothing": torch.zeros(12, dtype=torch.float64),
    "tiny": torch.logspace(-8, -12, 12, dtype=torch.float64),
}


def root(shift: float) -> Callable[[Tensor], Tensor]:
    return lambda lam: torch.sqrt(lam + shift)


def dense(matrix: Tensor, shift: float, z: Tensor) -> Tensor:
    lam, u = torch.linalg.eigh(matrix)
    return (u @ ((lam.clamp_min(0) + shift).sqrt().unsqueeze(-1) * (u.mT @ z.unsqueeze(-1)))).squeeze(-1)


@pytest.mark.parametrize("shift", [0.0, 0.1])
@pytest.mark.parametrize("name", SPECTRA)
def test_as_many_iterations_as_dimensions_are_exact(name: str, shift: float) -> None:
    """A matrix of its own for every case, with leading axes (draw, case). The scale of an error is that of the largest root."""
    matrices = torch.stack([spectrum_covariance(SPECTRA[name], seed) for seed in range(3)])
    z = normal(2, 3, 12, seed=1)
    scale = float((SPECTRA[name].max() + shift).sqrt())
    for iterations in (12, 40):
        got = apply(lambda v: (matrices @ v.unsqueeze(-1)).squeeze(-1), root(shift), z, iterations)
        assert torch.allclose(got, dense(matrices, shift, z), rtol=0, atol=1e-7 * scale if shift == 0 else 1e-11 * scale)


def test_the_error_falls_with_the_iterations() -> None:
    """Geometrically where the function is smooth, down to rounding; and a second value in the spectrum costs one iteration."""
    matrix = spectrum_covariance(torch.linspace(0.1, 3, 40, dtype=torch.float64), 2)
    z = normal(5, 40, seed=3)
    expected = dense(matrix, 0.1, z)
    errors = [float((apply(lambda v: v @ matrix, root(0.1), z, m) - expected).norm() / expected.norm()) for m in (2, 4, 8, 16, 24)]
    assert all(fine < 0.35 * coarse for coarse, fine in pairwise(errors))
    assert errors[3] < 1e-4
    assert errors[4] < 1e-7
    pair = spectrum_covariance(SPECTRA["two values"], 4)
    z = normal(5, 12, seed=3)
    assert torch.allclose(apply(lambda v: v @ pair, root(0.1), z, 2), dense(pair, 0.1, z), atol=1e-12)


def test_one_iteration_keeps_the_energy_along_the_noise() -> None:
    """m = 1: C is a number, z^T C z / z^T z."""
    matrix, z = spectrum_covariance(SPECTRA["wide"], 5), normal(4, 12, seed=6)
    number = ((z @ matrix) * z).sum(-1, keepdim=True) / z.square().sum(-1, keepdim=True)
    assert torch.allclose(apply(lambda v: v @ matrix, torch.sqrt, z, 1), number.sqrt() * z, atol=1e-12)
    assert float(apply(lambda v: v @ matrix, torch.sqrt, torch.zeros(2, 12, dtype=torch.float64), 5).abs().max()) == 0


def test_a_matrix_that_is_nearly_symmetric_counts_as_its_symmetric_part() -> None:
    """All iterations, with and without a twist of the matrix by an antisymmetric one, and with a negative eigenvalue, which is 0."""
    matrix = spectrum_covariance((4.0, 2.0, 1.0, 0.5, -0.01), 7)
    twist = normal(5, 5, seed=8)
    twisted = matrix + 0.05 * (twist - twist.T)
    z = normal(6, 5, seed=9)
    got = apply(lambda v: v @ twisted.T, root(0.2), z, 5)
    assert torch.allclose(got, dense(matrix, 0.2, z), atol=1e-10)


def test_products_with_the_jacobian() -> None:
    """(df/dx)^T v of each case, and f itself, with gradients switched off around it; f is called once."""
    weight, calls = normal(6, 6, seed=1), []

    def f(x: Tensor) -> Tensor:
        calls.append(x)
        return torch.sin(x.flatten(1) @ weight).reshape(x.shape)

    x, v = normal(3, 2, 3, seed=2), normal(3, 6, seed=3)
    with torch.no_grad():
        value, product = linearize(f, x)
        got = torch.stack([product(v), product(2 * v)])
    slope = torch.cos(x.flatten(1) @ weight)
    assert torch.allclose(got[0], (v * slope) @ weight.T, atol=1e-12)
    assert torch.allclose(got[1], 2 * got[0], atol=1e-12)
    assert torch.equal(value, f(x))
    assert len(calls) == 2
    assert not value.requires_grad
    with pytest.raises(InputError, match="cannot be differentiated"):
        linearize(lambda y: y.detach(), x)
