"""What a Gaussian says of single entries, against dense conditioning: some shown, some asked for, the others left out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinds import MEAN, normal
from ornstein.covariance import Dense
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_left_out import left_out
from ornstein.denoisers import Gaussian, completion_cases
from ornstein.denoisers.completion_cases import Cases, Told
from truth import condition, denoise, spectrum_covariance

D = 6
COV = spectrum_covariance((3.0, 1.5, 0.8, 0.4, 0.2, 0.1), 3)
LAW = Gaussian(MEAN, Dense(COV))
N, OUT = math.nan, math.inf
PATTERN = torch.tensor([[0, N, OUT, 0, N, 0], [N, N, N, OUT, OUT, N], [0] * 6, [OUT, 0, OUT, 0, N, OUT], [OUT] * 6], dtype=torch.float64)
"""0 is shown, NaN asked for, inf left out."""
SIGMAS = torch.tensor([0.3, 2.0, 0.5, math.inf, 1.0], dtype=torch.float64)
X = MEAN.flatten() + normal(5, D, seed=2)
SIGNAL = torch.where(PATTERN == 0, X, PATTERN)


def told(rows: Tensor | slice = slice(None), x: Tensor = X) -> Told:
    return Cases.of(LAW, torch.device("cpu"))(x[rows], SIGMAS[rows], SIGNAL[rows])


def test_every_pattern_against_dense_algebra() -> None:
    """Means and deviations of asked entries, with their noise and without; what is left out is integrated out. The ridge leaves 1e-7."""
    got = told()
    for i in range(len(X)):
        shown, asked = PATTERN[i] == 0, PATTERN[i].isnan()
        a = torch.eye(D, dtype=torch.float64)[shown]
        mean, cov, _ = condition(MEAN.flatten(), COV, a, X[i][shown], torch.zeros(len(a), len(a), dtype=torch.float64))
        mean, cov = mean[asked], cov[asked][:, asked]
        assert torch.allclose(got.expected[i][asked], mean, rtol=0, atol=1e-7)
        assert torch.allclose(got.spread[i][asked], cov.diagonal().sqrt(), rtol=0, atol=1e-7)
        if asked.any() and math.isfinite(float(SIGMAS[i])):
            (mean,), cov = denoise(X[i][asked][None], mean, cov, float(SIGMAS[i]))
        assert torch.allclose(got.mean[i][asked], mean, rtol=0, atol=1e-7)
        assert torch.allclose(got.deviation[i][asked], cov.diagonal().sqrt(), rtol=0, atol=1e-7)
        assert torch.equal(got.asked[i], asked)
        assert not any(bool(part[i][~asked].any()) for part in (got.mean, got.deviation, got.expected, got.spread))


def test_how_far_shown_entries_are_off() -> None:
    """Each left out once, as the closed form of ``left_out`` has it."""
    seen = torch.where(PATTERN == 0, X, torch.nan)
    mean, deviation = left_out(Conditional(MEAN.flatten(), COV), seen)
    assert torch.allclose(told().off, torch.nan_to_num((seen - mean) / deviation), rtol=0, atol=1e-6)


def test_rows_of_one_case_share_what_was_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """In any order and number, with a noise of its own each; what is kept stays within its memory and changes nothing."""
    order = torch.tensor([0, 3, 0, 1, 3, 0])
    x = X[order] + 0.1 * normal(6, D, seed=4)
    sigma = SIGMAS[order] * torch.linspace(0.5, 1.5, 6, dtype=torch.float64)
    cases = Cases.of(LAW, torch.device("cpu"))
    together = cases(x, sigma, SIGNAL[order])
    assert len(cases.kept.cases) == 3
    monkeypatch.setattr(completion_cases, "KEPT", 1)
    small = Cases.of(LAW, torch.device("cpu"))
    for i in range(6):
        alone = small(x[i : i + 1], sigma[i : i + 1], SIGNAL[order[i : i + 1]])
        assert all(torch.allclose(one[i], other[0], rtol=0, atol=1e-12) for one, other in zip(together, alone, strict=True))
    assert len(small.kept.cases) == 1


def test_draws_have_the_covariance_of_what_is_asked() -> None:
    """An affine map of white noise: fed 0 and the unit vectors, it gives mean and covariance + sigma^2 exactly."""
    ((case, rows),) = Cases.of(LAW, torch.device("cpu")).groups(SIGNAL[:1], torch.float64)
    centre = case.draws(torch.zeros(1, 2, dtype=torch.float64), 0.7)
    root = case.draws(torch.eye(2, dtype=torch.float64), 0.7) - centre
    shown, asked = PATTERN[0] == 0, PATTERN[0].isnan()
    a = torch.eye(D, dtype=torch.float64)[shown]
    mean, cov, _ = condition(MEAN.flatten(), COV, a, X[0][shown], torch.zeros(3, 3, dtype=torch.float64))
    assert torch.allclose(centre[0], mean[asked], rtol=0, atol=1e-7)
    assert torch.allclose(root.T @ root, cov[asked][:, asked] + 0.49 * torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-7)
    assert rows.tolist() == [0]


def test_the_mean_is_differentiable_in_the_noisy_entries() -> None:
    x = X.clone().requires_grad_()
    (slope,) = torch.autograd.grad(told(slice(0, 2), x).mean.sum(), x)
    assert torch.equal(slope[:2] != 0, PATTERN[:2].isnan())
