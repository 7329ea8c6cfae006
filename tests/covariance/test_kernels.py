"""Kernels of the lag: their formulas, their parameters from data, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.gaussian_process.kernels as theirs
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import KERNELS, Kernel, estimate, similarity
from ornstein.covariance.kernels import fit_kernel

SIZE, CASES = 40, 200
TRUE = {
    "squared-exponential": Kernel("squared-exponential", 2.0, 4.0, 0.3),
    "matern-5/2": Kernel("matern-5/2", 2.0, 5.0, 0.3),
    "matern-3/2": Kernel("matern-3/2", 2.0, 5.0, 0.3),
    "ornstein-uhlenbeck": Kernel("ornstein-uhlenbeck", 2.0, 6.0, 0.3),
    "periodic": Kernel("periodic", 2.0, 0.8, 0.3, 11.3),
}
every_kernel = pytest.mark.parametrize("name", list(KERNELS))


def parameters(kernel: Kernel) -> list[float]:
    numbers = [kernel.variance, kernel.length, kernel.floor]
    return [*numbers, kernel.period] if kernel.name == "periodic" else numbers


def level(kernel: Kernel, x: Tensor) -> float:
    """Mean log-likelihood in nats per case, by a dense Cholesky factor."""
    matrix = kernel.covariance(SIZE).dense()
    return float(torch.distributions.MultivariateNormal(torch.zeros(SIZE, dtype=torch.float64), matrix).log_prob(x).mean())


def standard_errors(kernel: Kernel) -> Tensor:
    """Of log parameters: F_ij = n/2 tr(Sigma^-1 dSigma_i Sigma^-1 dSigma_j), by central differences."""
    values, inverse, slopes = parameters(kernel), torch.linalg.inv(kernel.covariance(SIZE).dense()), []
    for i in range(len(values)):
        ends = []
        for step in (1e-5, -1e-5):
            moved = [v * math.exp(step) if j == i else v for j, v in enumerate(values)]
            ends.append(Kernel(kernel.name, *moved).covariance(SIZE).dense())
        slopes.append(inverse @ (ends[0] - ends[1]) / 2e-5)
    fisher = CASES / 2 * torch.stack([torch.stack([(a @ b).trace() for b in slopes]) for a in slopes])
    return torch.linalg.inv(fisher).diagonal().sqrt()


@every_kernel
def test_parameters_are_recovered_within_their_fisher_information(name: str) -> None:
    """Each within 5 standard errors, in three data sets (rate 6e-6 in all), and the likelihood no lower than at the truth."""
    errors = standard_errors(TRUE[name])
    assert float(errors.max()) < 0.25
    for seed in range(3):
        x = TRUE[name].covariance(SIZE).draw(Noise(seed), CASES)
        found = fit_kernel(x, name)
        z = (torch.tensor(parameters(found)).log() - torch.tensor(parameters(TRUE[name])).log()) / errors
        assert float(z.abs().max()) < 5
        assert level(found, x) >= level(TRUE[name], x) - 1e-9


def test_kernels_are_those_of_scikit_learn() -> None:
    lag = np.arange(9.0)[:, None]
    twins = {
        "squared-exponential": theirs.RBF(3.0),
        "matern-5/2": theirs.Matern(3.0, nu=2.5),
        "matern-3/2": theirs.Matern(3.0, nu=1.5),
        "ornstein-uhlenbeck": theirs.Matern(3.0, nu=0.5),
        "periodic": theirs.ExpSineSquared(3.0, 4.5),
    }
    assert set(twins) == set(KERNELS)
    for name, twin in twins.items():
        matrix = Kernel(name, 2.0, 3.0, 0.5, 4.5).covariance(9).dense().numpy()
        np.testing.assert_allclose(matrix, 2 * twin(lag) + 0.5 * np.eye(9), atol=1e-12)


@pytest.mark.parametrize("period", [5.0, 7.7, 16.0])
def test_period_is_found(period: float) -> None:
    x = Kernel("periodic", 1.0, 0.7, 0.2, period).covariance(48).draw(Noise(1), 60)
    assert abs(fit_kernel(x, "periodic").period / period - 1) < 0.01


@every_kernel
@settings(max_examples=5)
@given(power=st.integers(-12, 12))
def test_unit_and_offset(name: str, power: int) -> None:
    x, c = TRUE[name].covariance(20).draw(Noise(0), 30), 10.0**power
    plain, scaled = estimate(x, name), estimate(c * (x + 100), name)
    torch.testing.assert_close(scaled.covariance.dense() / c**2, plain.covariance.dense(), rtol=0, atol=1e-4)
    assert plain.numbers == (4 if name == "periodic" else 3)


@every_kernel
def test_a_fit_is_positive_even_without_noise(name: str) -> None:
    """Smooth signals have no floor; every case still has a finite density."""
    t = torch.arange(30, dtype=torch.float64)
    x = torch.stack([torch.cos(0.2 * t + p) for p in range(12)])
    found = estimate(x, name).covariance
    assert found.rank() == 30
    assert torch.isfinite(found.mahalanobis(x)).all()


def test_similarity_of_a_curve() -> None:
    """exp(-(v_i - v_j)^2): 1 on the diagonal, positive, and of rank one for a constant curve."""
    v = np.sin(np.linspace(0, 3, 20))
    matrix = similarity(v).dense().numpy()
    np.testing.assert_allclose(matrix, np.exp(-((v[:, None] - v) ** 2)), atol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12
    assert similarity(torch.full((7,), 3.0)).rank() == 1


BAD = [
    (lambda: Kernel("matern-3/2", 1.0, 0.0), "length is 0, but must be above 0"),
    (lambda: Kernel("matern-3/2", 1.0, -2.0), "length is -2, but must be above 0"),
    (lambda: Kernel("matern-3/2", 0.0, 1.0), "variance is 0, but must be above 0"),
    (lambda: Kernel("matern-3/2", 1.0, math.inf), "length is inf, but must be finite"),
    (lambda: Kernel("periodic", 1.0, 1.0, 0.0, 0.0), "period is 0, but must be above 0"),
    (lambda: Kernel("matern-3/2", 1.0, 1.0, -1.0), "floor is -1, but must be at least 0"),
    (lambda: Kernel("matern", 1.0, 1.0), "kernel is 'matern', .*did you mean 'matern-"),
    (lambda: Kernel("matern-3/2", 1.0, 1.0).covariance(10_000), "10000 x 10000 matrix"),
    (lambda: estimate(torch.full((5, 8), 0.1), "matern-3/2"), "cannot be fitted to signals that are constant"),
    (lambda: estimate(torch.full((5, 2, 8), 0.1), "matern-3/2"), "cannot be fitted to signals that are constant"),
    (lambda: estimate(torch.ones(5, 3000), "matern-3/2"), "at most 2048 samples are fitted: use shorter windows"),
    (lambda: similarity(torch.ones(2, 2)), "curve has 2 axes"),
    (lambda: similarity([1.0, math.nan]), "curve holds 1 NaN value"),
    (lambda: similarity(torch.ones(10_000)), "10000 x 10000 matrix"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input_is_one_sentence(call: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_periodic_is_never_much_worse_than_the_squared_exponential_it_contains() -> None:
    """On curves without a period it must find a period beyond the window, where both kernels agree."""
    law = Kernel("squared-exponential", 1.0, 6.0, 0.05).covariance(48)
    rows = law.draw(Noise(3), 60)
    levels = {}
    for name in ("periodic", "squared-exponential"):
        covariance = fit_kernel(rows, name).covariance(48)
        levels[name] = float(-0.5 * (covariance.mahalanobis(rows) + covariance.logdet()).mean())
    assert levels["periodic"] > levels["squared-exponential"] - 0.1
