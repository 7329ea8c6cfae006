"""Conditioning against dense Gaussian algebra: every structure, measurement and kind of noise, formed or implicit."""

from __future__ import annotations

import itertools
import math
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from structures import NAMES, TWINS, Twin, circle
from torch import Tensor

import truth
from ornstein.covariance import Conditioned, Conditioning, Covariance, Dense, Diagonal, Kronecker, LowRank, Spectral, Stationary, condition
from ornstein.covariance import conditioned as conditioned_module
from ornstein.covariance import conditioning as conditioning_module
from ornstein.covariance.conditioning import diagonal_noise
from ornstein.covariance.iterative import conjugate_gradients, lanczos_logdet
from ornstein.errors import InputError, RunError
from ornstein.linear import LinearMap
from ornstein.measurements import Average, Blur, Downsample, Linear, Mask, Measurement
from ornstein.random import Noise

KERNEL = torch.tensor([0.2, 1.0, -0.3], dtype=torch.float64)


def alternate(size: int) -> Tensor:
    return torch.arange(size) % 3 != 1


def measurements(size: int) -> dict[str, Measurement]:
    """One of each kind for flat signals of this size."""
    factor = next(f for f in (2, 3, 5, 7, 1) if size % f == 0)
    return {
        "mask": Mask(alternate(size)),
        "linear": Linear(Noise(4).normal(2, (size,))),
        "blur": Blur(KERNEL),
        "downsample": Downsample(3),
        "average": Average(factor),
        "composition": Downsample(2) @ Blur(KERNEL),
        "mask of an average": Mask(alternate(size // factor)) @ Average(factor),
    }


def noises(m: int) -> dict[str, tuple[object, Tensor]]:
    """Each kind of noise beside its covariance."""
    eye = torch.eye(m, dtype=torch.float64)
    deviations = torch.linspace(0.1, 1.0, m, dtype=torch.float64)
    mixed = torch.where(torch.arange(m) % 2 == 0, deviations, torch.zeros_like(deviations))
    full = truth.spectrum_covariance(torch.linspace(0.1, 1.0, m), 5)
    return {
        "number": (0.3, 0.09 * eye),
        "vector": (deviations, torch.diag(deviations**2)),
        "covariance": (full, full),
        "array of lists": (full.tolist(), full),
        "operator": (Stationary.from_spectrum(circle([1.0, 0.5] + [0.2] * m, m)), None),  # type: ignore[dict-item]
        "low-rank operator": (LowRank(eye[:, :1], torch.ones(1), 0.2), torch.diag(0.2 + 0.8 * eye[0])),
        "diagonal operator": (Diagonal(mixed), torch.diag(mixed)),
        "exact": (0.0, 0 * eye),
        "some exact": (mixed, torch.diag(mixed**2)),
    }


CASES = list(itertools.product(measurements(6), noises(1)))
every_structure = pytest.mark.parametrize("twin", TWINS, ids=NAMES)
every_case = pytest.mark.parametrize(("kind", "noise"), CASES, ids=[" ".join(case) for case in CASES])


def setting(twin: Twin, kind: str, noise: str) -> tuple[LinearMap, Tensor, object, Tensor]:
    """The bound map, a y that this law can produce, the noise, and its covariance R."""
    op = twin.operator
    bound = measurements(op.size)[kind].bind((op.size,))
    given, r = noises(bound.size_out)[noise]
    r = given.dense() if isinstance(given, Stationary) else r
    x = op.draw(Noise(11), 1)[0]
    return bound, bound(x) + Noise(12).normal(1, (bound.size_out,))[0] @ Dense(r).sqrt().dense(), given, r


def close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    b = torch.as_tensor(b, dtype=torch.float64)
    assert a.shape == b.shape
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(1.0, float(b.abs().max()) if b.numel() else 0.0))


def same(a: Conditioning, b: Conditioning, tolerance: float = 1e-9) -> None:
    close(a.shift, b.shift, tolerance)
    close(a.covariance.dense(), b.covariance.dense(), tolerance)
    close(a.log_evidence, b.log_evidence, tolerance)


def zero(size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.float64)


@every_case
@every_structure
def test_dense_algebra(twin: Twin, kind: str, noise: str) -> None:
    bound, y, level, r = setting(twin, kind, noise)
    a = bound.matrix()
    mean, covariance, evidence = truth.condition(zero(bound.size_in), twin.matrix, a, y, r)
    result = condition(twin.operator, bound, y, level)  # type: ignore[arg-type]
    close(result.shift, mean)
    close(result.covariance.dense(), covariance)
    close(result.log_evidence, evidence, 1e-8)
    exact = r.diagonal() == 0
    close(bound(result.shift)[exact], y[exact])
    close(bound(result.covariance.dense())[:, exact], torch.zeros(bound.size_in, int(exact.sum())))


def implicit(covariance: Covariance, bound: LinearMap, y: Tensor, noise: object, monkeypatch: pytest.MonkeyPatch) -> Conditioning:
    monkeypatch.setattr(conditioning_module, "CONDITION_DENSE", 0)
    result = condition(covariance, bound, y, noise)  # type: ignore[arg-type]
    assert isinstance(result.covariance, Conditioned)
    return result


def independent(twin: Twin, bound: LinearMap, r: Tensor) -> bool:
    """Whether the exact entries of y are independent under the prior."""
    a = bound.matrix()[r.diagonal() == 0]
    return len(a) == 0 or int(torch.linalg.matrix_rank(a @ twin.matrix @ a.T, rtol=1e-10, hermitian=True)) == len(a)


@every_case
@every_structure
def test_implicit_path_equals_dense_algebra(twin: Twin, kind: str, noise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bound, y, level, r = setting(twin, kind, noise)
    mean, covariance, evidence = truth.condition(zero(bound.size_in), twin.matrix, bound.matrix(), y, r)
    result = implicit(twin.operator, bound, y, level, monkeypatch)
    close(result.shift, mean, 1e-7)
    if not independent(twin, bound, r):
        return
    close(result.shift, mean)
    close(result.covariance.dense(), covariance)
    close(result.covariance.diagonal(), covariance.diagonal())
    close(result.covariance.trace(), covariance.trace())
    close(result.log_evidence, evidence, 1e-8)


def formed_and_implicit(twin: Twin, kind: str, noise: str) -> tuple[Dense, Conditioned]:
    bound, y, level, _ = setting(twin, kind, noise)
    formed = condition(twin.operator, bound, y, level).covariance  # type: ignore[arg-type]
    assert isinstance(formed, Dense)
    bound, y, variances = diagonal_noise(level, bound, y)
    return formed, Conditioned.on(twin.operator, bound, variances)


SIGMAS = (0.0, 1e-4, 0.3, 5.0, math.inf)
GENERAL = [(k, n) for k in ("mask", "linear", "composition") for n in ("number", "covariance", "some exact", "exact")]


@pytest.mark.parametrize(("kind", "noise"), GENERAL)
@every_structure
def test_implicit_law_behaves_like_the_formed_one(twin: Twin, kind: str, noise: str) -> None:
    """gain, posterior, distance, log-determinant and rank at every noise level, one level for all cases and one per case."""
    bound, _, _, r = setting(twin, kind, noise)
    if not independent(twin, bound, r):
        return
    formed, free = formed_and_implicit(twin, kind, noise)
    x = Noise(1).normal(5, (formed.size,))
    inside = formed.color(x)
    assert free.rank() == formed.rank()
    close(free @ x, formed @ x)
    close(free.mahalanobis(inside), formed.mahalanobis(inside), 1e-6)
    assert torch.equal(torch.isinf(free.mahalanobis(x)), torch.isinf(formed.mahalanobis(x)))
    for sigma in SIGMAS:
        close(free.gain(x, sigma), formed.gain(x, sigma), 1e-7)
        close(free.posterior(sigma).dense(), formed.posterior(sigma).dense(), 1e-8)
        if sigma > 0:
            close(free.mahalanobis(x, sigma), formed.mahalanobis(x, sigma), 1e-7)
        close(free.logdet(sigma), formed.logdet(sigma), 1e-7)
    levels = torch.tensor(SIGMAS, dtype=torch.float64)
    each = free.posterior(levels)
    assert each.batch_shape == (5,)
    close(free.gain(x, levels), formed.gain(x, levels), 1e-7)
    close(free.mahalanobis(x, levels)[1:], formed.mahalanobis(x, levels)[1:], 1e-7)
    close(free.logdet(levels), formed.logdet(levels), 1e-7)
    close(each @ x, formed.posterior(levels) @ x, 1e-7)
    close(each.diagonal(), formed.posterior(levels).diagonal(), 1e-7)
