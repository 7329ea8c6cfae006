"""Shrinkage rules: the published formulas, derived here once more by integration, and what they promise on known laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import sklearn.covariance
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import truth
from ornstein.common.random import Noise
from ornstein.covariance import SHRINKAGES, Diagonal, estimate
from ornstein.covariance.shrinking import nonlinear, shrunk

SPREAD = torch.cat([torch.ones(8), 3 * torch.ones(16), 10 * torch.ones(16)]).to(torch.float64)
"""The law of Ledoit and Wolf's simulations: a fifth of the eigenvalues 1, two fifths 3, two fifths 10."""


def sample(n: int, d: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Centred draws with SPREAD eigenvalues, and their covariance."""
    x = Diagonal(SPREAD[:d] if d < 40 else SPREAD).draw(Noise(seed), n)
    x = x - x.mean(0)
    return x, x.T @ x / n


@pytest.mark.parametrize("shape", [(10, 3), (100, 20), (12, 30)])
@pytest.mark.parametrize(("name", "theirs"), [("oas", sklearn.covariance.OAS), ("ledoit-wolf", sklearn.covariance.LedoitWolf)])
def test_weights_are_those_of_scikit_learn(shape: tuple[int, int], name: str, theirs: type) -> None:
    x = Noise(1).normal(shape[0], (shape[1],)) * torch.linspace(0.5, 3, shape[1], dtype=torch.float64)
    fitted = theirs().fit(x.numpy())
    found = estimate(x, shrinkage=name)
    assert found.shrinkage == pytest.approx(fitted.shrinkage_, abs=1e-12)
    torch.testing.assert_close(found.covariance.dense(), torch.from_numpy(fitted.covariance_), rtol=1e-10, atol=1e-10)


def published(eigenvalues: np.ndarray, n: float) -> np.ndarray:
    """Ledoit and Wolf (2020), with the Hilbert transform as the principal value of an integral instead of its closed form.

    d_i = lambda_i / |1 - c - c lambda_i m(lambda_i)|^2 for d <= n, where Im m = pi f, Re m = pi H and H(x) = PV int f(t) / (t - x) / pi.
    """
    d = len(eigenvalues)
    lam, h = np.sort(eigenvalues)[max(d - int(n), 0) :], n ** (-1 / 3)

    def kernel(t: float, centre: float) -> float:
        return 3 / (4 * math.sqrt(5)) * max(1 - ((t - centre) / (h * centre)) ** 2 / 5, 0.0) / (h * centre)

    def density(x: float) -> float:
        return float(np.mean([kernel(x, centre) for centre in lam]))

    def hilbert(x: float) -> float:
        total = 0.0
        for centre in lam:
            low, high = centre * (1 - math.sqrt(5) * h), centre * (1 + math.sqrt(5) * h)
            if low < x < high:
                total += scipy.integrate.quad(kernel, low, high, args=(centre,), weight="cauchy", wvar=x)[0]
            else:
                total += scipy.integrate.quad(lambda t, centre=centre: kernel(t, centre) / (t - x), low, high)[0]
        return total / len(lam) / math.pi

    if d <= n:
        c = d / n
        return np.array([v / ((math.pi * c * v * density(v)) ** 2 + (1 - c - math.pi * c * v * hilbert(v)) ** 2) for v in lam])[::-1]
    moved = [1 / (math.pi**2 * v * (density(v) ** 2 + hilbert(v) ** 2)) for v in lam]
    null = 1 / (math.pi * (d - n) / n * hilbert(0.0))
    return np.concatenate([np.array(moved)[::-1], np.full(d - len(lam), null)])


@pytest.mark.parametrize(("count", "d"), [(41, 6), (13, 5), (21, 26)])
def test_nonlinear_is_the_published_formula(count: int, d: int) -> None:
    _, second = sample(count, d, seed=3)
    lam = torch.linalg.eigvalsh(second).flip(0)
    np.testing.assert_allclose(nonlinear(lam, count).numpy(), published(lam.numpy(), count - 1.0), rtol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(200, 40), (60, 40), (25, 40), (4, 40), (3, 2), (100, 1)])
@given(power=st.integers(-12, 12))
def test_nonlinear_is_positive_and_follows_the_unit(n: int, d: int, power: int) -> None:
    x, second = sample(n, d)
    law, weight = shrunk(second, n, "nonlinear")
    assert law.rank() == d
    assert float(law.eigenvalues.min()) > 0
    assert 0 <= weight <= 1
    c = 100.0**power
    scaled, same = shrunk(c * second, n, "nonlinear")
    torch.testing.assert_close(scaled.eigenvalues / c, law.eigenvalues, rtol=1e-8, atol=0)
    assert same == pytest.approx(weight, abs=1e-8)
    torch.testing.assert_close(estimate(x, shrinkage="nonlinear").covariance.dense(), law.dense(), rtol=1e-8, atol=1e-10)


def test_nonlinear_keeps_the_order_on_average_and_the_level() -> None:
    """Mean shrunk spectrum of 50 samples: falling, and the total variance within 5 standard errors plus the bias of order 1/n."""
    spectra = torch.stack([shrunk(sample(120, 40, seed)[1], 120, "nonlinear")[0].eigenvalues for seed in range(50)])
    mean = spectra.mean(0)
    assert bool((mean.diff() <= 1e-2 * mean[:-1]).all())
    total = spectra.sum(1)
    error = float(total.std()) / math.sqrt(50)
    assert abs(float(total.mean()) - float(SPREAD.sum())) < 5 * error + 0.05 * float(SPREAD.sum())


def loss(n: int, shrinkage: str, seed: int) -> float:
    x, second = sample(n, 40, seed)
    return float((shrunk(second, n, shrinkage, x)[0].dense() - torch.diag(SPREAD)).square().sum())


def test_nonlinear_beats_linear_on_a_spread_spectrum() -> None:
    """d = 40, n = 120, 40 samples: the mean gain over each linear rule lies above 0 by 5 standard errors (rate 3e-7)."""
    for rule in ("oas", "ledoit-wolf", "none"):
        gain = torch.tensor([loss(120, rule, seed) - loss(120, "nonlinear", seed) for seed in range(40)])
        assert float(gain.mean()) > 5 * float(gain.std()) / math.sqrt(40), rule


@pytest.mark.parametrize("rule", ["oas", "ledoit-wolf", "nonlinear"])
def test_every_shrinkage_beats_the_empirical_covariance_for_n_below_d(rule: str) -> None:
    """d = 40, n = 20, 40 samples: gain above 0 by 5 standard errors."""
    gain = torch.tensor([loss(20, "none", seed) - loss(20, rule, seed) for seed in range(40)])
    assert float(gain.mean()) > 5 * float(gain.std()) / math.sqrt(40)


def test_eigenvectors_stay_and_nothing_stays_nothing() -> None:
    second = truth.spectrum_covariance([5.0, 2.0, 1.0, 0.1], 3)
    for rule in SHRINKAGES:
        law = shrunk(second, 30, rule, Noise(0).normal(30, (4,)))[0]
        inside = law.basis.T @ second @ law.basis
        assert float((inside - torch.diag(inside.diagonal())).abs().max()) < 1e-12
        flat, weight = shrunk(torch.zeros(4, 4, dtype=torch.float64), 30, rule, torch.zeros(30, 4, dtype=torch.float64))
        assert float(flat.eigenvalues.abs().max()) < 1e-200
        assert math.isfinite(weight)


def test_nonlinear_shrinkage_of_a_very_uneven_spectrum():
    """Eigenvalues far apart must not cancel: a spike 1e6 times the bulk keeps its size within a factor of 2, and all stay positive."""
    n, d = 100, 90
    generator = torch.Generator().manual_seed(12)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    x[:, 0] *= 1e3
    x = x - x.mean(0)
    eigenvalues = torch.linalg.eigvalsh(x.T @ x / n).flip(0)
    moved = nonlinear(eigenvalues, n)
    assert (moved > 0).all()
    assert 0.5 < float(moved[0] / eigenvalues[0]) < 2
