"""Distances of samples against closed forms and permutation laws."""

import math

import pytest
import torch
from scipy.stats import energy_distance as one_dimensional
from scipy.stats import norm, wasserstein_distance

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.metrics import energy_distance, sliced_wasserstein


def quantiles(count: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    p = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return torch.from_numpy(norm.ppf(p.numpy()) * scale + shift)[:, None]


def folded(mean: float, deviation: float) -> float:
    """E|N(mean, deviation^2)|."""
    return deviation * math.sqrt(2 / math.pi) * math.exp(-0.5 * (mean / deviation) ** 2) + mean * (1 - 2 * norm.cdf(-mean / deviation))


def test_energy_distance_of_two_gaussians():
    exact = 2 * folded(0.7, math.hypot(1, 1.5)) - folded(0, math.sqrt(2)) - folded(0, 1.5 * math.sqrt(2))
    assert energy_distance(quantiles(2000), quantiles(1700, 0.7, 1.5)) == pytest.approx(exact, abs=2e-3)


def test_energy_distance_is_the_unbiased_form_of_scipy():
    a, b = normal(30, 1, seed=1), normal(25, 1, seed=2) + 0.4
    within = [float(torch.cdist(x, x).sum()) / len(x) ** 2 / (len(x) - 1) for x in (a, b)]
    biased = one_dimensional(a[:, 0].numpy(), b[:, 0].numpy()) ** 2
    assert energy_distance(a, b) == pytest.approx(biased - sum(within), abs=1e-12)


def test_energy_distance_of_one_law_is_zero_on_average():
    """200 pairs of samples of one law: the mean within 4 standard errors of 0 (a false alarm once in 16 000 runs)."""
    x = normal(200, 40, 3, seed=3)
    found = torch.tensor([energy_distance(pair[:15], pair[15:]) for pair in x], dtype=torch.float64)
    assert abs(float(found.mean())) < 4 * float(found.std()) / math.sqrt(200)


def test_sliced_wasserstein_of_a_shift():
    """W2 along u is |u . shift|, whose mean square over directions in d dimensions is |shift|^2 / d."""
    x = normal(50, 4, seed=4)
    shift = torch.tensor([3.0, 0.0, -4.0, 0.0], dtype=torch.float64)
    assert sliced_wasserstein(x, x + shift, 4000) == pytest.approx(5 / math.sqrt(4), rel=0.03)


@pytest.mark.parametrize("other", [12, 30, 7])
def test_sliced_wasserstein_in_one_dimension_is_exact_for_samples_of_any_size(other):
    a, b = normal(12, 1, seed=5), normal(other, 1, seed=6) + 1
    every = (a.expand(12, other).T.flatten().sort().values, b.expand(other, 12).flatten().sort().values)
    exact = float((every[0] - every[1]).square().mean().sqrt())
    assert sliced_wasserstein(a, b, 3) == pytest.approx(exact, abs=1e-12)
    assert sliced_wasserstein(a, b, 3) >= wasserstein_distance(a[:, 0].numpy(), b[:, 0].numpy()) - 1e-12


def test_both_are_zero_or_symmetric_where_they_should_be_and_scale_with_the_unit():
    a, b = normal(20, 2, 3, seed=7), normal(25, 2, 3, seed=8)
    for distance in (energy_distance, sliced_wasserstein):
        assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-12)
        assert distance(1e6 * a, 1e6 * b) == pytest.approx(1e6 * distance(a, b), rel=1e-9)
    assert sliced_wasserstein(a, a.flip(0)) == pytest.approx(0, abs=1e-12)


def test_one_case_or_another_shape_is_refused():
    for distance in (energy_distance, sliced_wasserstein):
        with pytest.raises(InputError, match="at least 2 cases"):
            distance(torch.zeros(1, 3), torch.zeros(5, 3))
        with pytest.raises(InputError, match="must agree"):
            distance(torch.zeros(4, 3), torch.zeros(5, 2))
