"""Covariances asked all at once against the same ones asked one after the other: the same numbers, to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ornstein.covariance import Autoregressive, Covariance, Dense, Diagonal, Kronecker, LowRank, Spectral, Stationary
from ornstein.covariance.stacked import Beside, StackedDense, StackedKronecker, StackedLowRank, one_basis, stacked
from structures import circle
from truth import orthogonal, spectrum_covariance

SIZE, COUNT, CASES = 6, 4, 5
GENERATOR = torch.Generator().manual_seed(3)
X = torch.randn(CASES, SIZE, dtype=torch.float64, generator=GENERATOR)
EACH = torch.randn(CASES, COUNT, SIZE, dtype=torch.float64, generator=GENERATOR)
LEVELS = torch.tensor([0.0, 0.4, 1.0, 3.0, math.inf], dtype=torch.float64)


def variances(k: int, size: int = SIZE) -> Tensor:
    lam = torch.linspace(0.2, 1.0 + k, size, dtype=torch.float64)
    return torch.where(torch.arange(size) < k, 0.0, lam)  # ranks differ


def dense(k: int, size: int = SIZE) -> Dense:
    return Dense.from_eigen(orthogonal(size, 10 + k), variances(k, size))


def low_rank(k: int) -> LowRank:
    return LowRank(orthogonal(SIZE, 20 + k)[:, :2], torch.tensor([2.0 + k, 0.5]), 0.1 * k)


SHARED = orthogonal(SIZE, 1)
EIGHT = torch.linspace(0.5, 2.0, 3, dtype=torch.float64)
KINDS: dict[str, tuple[type, Callable[[int], Covariance]]] = {
    "diagonal": (Diagonal, lambda k: Diagonal(variances(k))),
    "stationary": (Stationary, lambda k: Stationary.from_spectrum(circle([1.0 + k, 0.5, 0.2 * k, 0.1], SIZE))),
    "one dense basis": (Dense, lambda k: Dense.from_eigen(SHARED.clone(), variances(k))),
    "one separable basis": (Kronecker, lambda k: Kronecker(Diagonal(variances(k % 2, 2)), Diagonal(variances(k % 3, 3)))),
    "dense": (StackedDense, dense),
    "low rank": (StackedLowRank, low_rank),
    "separable": (StackedKronecker, lambda k: Kronecker(dense(k % 2, 2), dense(k % 3, 3))),
    "separable with one factor in common": (StackedKronecker, lambda k: Kronecker(dense(k % 2, 2), Diagonal(variances(k % 3, 3)))),
    "separable and of low rank": (
        StackedKronecker,
        lambda k: Kronecker(dense(1, 2), LowRank(orthogonal(3, k)[:, :1], torch.tensor([2.0]), 0.3)),
    ),
    "autoregressive": (Beside, lambda k: Autoregressive(torch.full((SIZE, 1), -0.2 * k), torch.ones(SIZE))),
    "mixed": (Beside, lambda k: (dense(k), Diagonal(variances(k)), low_rank(k), dense(k + 1))[k]),
}
every = pytest.mark.parametrize("name", KINDS)


def close(got: Tensor, expected: list[Tensor]) -> bool:
    wanted = torch.stack(expected, -1)
    return torch.allclose(got, wanted, rtol=1e-12, atol=1e-12)


@every
def test_the_same_numbers_as_one_by_one(name: str) -> None:
    form, make = KINDS[name]
    parts = [make(k) for k in range(COUNT)]
    together = stacked(parts)
    assert type(together) is form
    assert together.batch_shape == (COUNT,)
    for sigma in (0.0, 0.7, math.inf, LEVELS):
        level = sigma.unsqueeze(-1) if isinstance(sigma, Tensor) else sigma
        for x, rows in ((EACH, EACH.unbind(-2)), (X.unsqueeze(-2), [X] * COUNT)):
            assert close(together.mahalanobis(x, level), [c.mahalanobis(r, sigma) for c, r in zip(parts, rows, strict=True)])
            assert close(together.gain(x, level).mT, [c.gain(r, sigma) for c, r in zip(parts, rows, strict=True)])
        each = torch.broadcast_tensors(*(c.logdet(sigma) for c in parts))
        assert close(together.logdet(level), list(each))
        after = together.posterior(level)
        assert close((after @ EACH).mT, [c.posterior(sigma) @ EACH[:, k] for k, c in enumerate(parts)])
        spread = torch.broadcast_tensors(*(c.posterior(sigma).diagonal() for c in parts))
        assert close(after.diagonal().mT, list(spread))
    assert close((together @ EACH).mT, [c @ EACH[:, k] for k, c in enumerate(parts)])
    if together.white_size == SIZE:
        assert close(together.color(EACH).mT, [c.color(EACH[:, k]) for k, c in enumerate(parts)])
    assert close(together.diagonal().T, [c.diagonal() for c in parts])


def test_a_common_basis_is_found_by_its_numbers() -> None:
    """Not by identity alone: what was stored and loaded twice is the same basis. A basis that differs in one digit is another."""
    assert isinstance(one_basis([dense(1), Dense.from_eigen(dense(1).basis.clone(), variances(3))]), Spectral)
    assert one_basis([dense(1), Dense.from_eigen(-dense(1).basis, variances(3))]) is None
    assert one_basis([dense(1), Diagonal(variances(1))]) is None
    assert one_basis([Diagonal(variances(1)), Diagonal(variances(1, 3))]) is None
    batch = dense(1).replace(torch.stack([variances(1), variances(2)]))
    assert one_basis([batch, batch]) is None
    assert isinstance(stacked([batch, batch]), Beside)


def test_low_rank_of_unequal_ranks_stays_apart() -> None:
    wide = LowRank(orthogonal(SIZE, 5)[:, :3], torch.ones(3), 0.2)
    assert isinstance(stacked([low_rank(1), wide]), Beside)


@pytest.mark.parametrize("name", ["dense", "low rank", "separable"])
def test_dense_twins(name: str) -> None:
    parts = [KINDS[name][1](k) for k in range(COUNT)]
    units = torch.eye(SIZE, dtype=torch.float64).unsqueeze(-2)
    matrices = (stacked(parts) @ units).movedim(0, -1)
    for k, part in enumerate(parts):
        assert torch.allclose(matrices[k], part.dense(), atol=1e-13)


def test_the_square_of_a_large_number_is_not_needed() -> None:
    """1e160 squared overflows: the density is 0 there, not NaN."""
    law = Dense(spectrum_covariance((1.0, 0.5), 1))
    far = torch.full((2,), 1e160, dtype=torch.float64)
    assert float(law.mahalanobis(far, 1.0)) == math.inf
    assert float(law.mahalanobis(far, math.inf)) == 0.0
