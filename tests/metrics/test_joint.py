"""One verdict from all levels: honest bands pass at the stated rate, however their entries hang together; dishonest ones do not."""

import math

import pytest
import torch
from scipy.stats import binomtest, f, norm
from torch import Tensor

from kinds import normal
from ornstein.common.errors import InputError
from ornstein.metrics import joint_coverage, mean_with_error
from ornstein.metrics.means import long_run_covariance


def uniform(cases: int, entries: int, shared: float, seed: int, factor: float = 1.0) -> Tensor:
    """PIT values whose entries have the correlation ``shared`` before they are made uniform; ``factor`` of the true deviation."""
    z = math.sqrt(shared) * normal(cases, 1, seed=seed) + math.sqrt(1 - shared) * normal(cases, entries, seed=seed + 1)
    return torch.from_numpy(norm.cdf((z / factor).numpy()))


def test_it_is_hotellings_test_of_the_two_means():
    u = uniform(50, 5, 0.8, 3)
    w = (2 * u - 1).abs()
    both = torch.stack([0.5 - w.mean(1), (6 * w**2 - 6 * w + 1).mean(1)], 1)
    mean, covariance = both.mean(0), torch.cov(both.T) / 50
    t2 = float(mean @ torch.linalg.solve(covariance, mean))
    found = joint_coverage(u)
    assert found.p_value == pytest.approx(float(f.sf(48 / (2 * 49) * t2, 2, 48)), rel=1e-6)
    assert found.excess.value == pytest.approx(float(mean[0]))
    assert found.excess.error == pytest.approx(float(covariance[0, 0].sqrt()))


@pytest.mark.parametrize(("cases", "entries", "shared"), [(20, 6, 0.6), (100, 20, 0.6), (200, 1, 0.0)])
def test_honest_bands_are_called_dishonest_once_in_twenty(cases, entries, shared):
    """200 data sets: at most 22 alarms, which a rate of 5 % exceeds once in 5000 runs."""
    alarms = sum(joint_coverage(uniform(cases, entries, shared, 10 * k)).p_value <= 0.05 for k in range(200))
    assert binomtest(alarms, 200, 0.05, "greater").pvalue > 2e-4


def test_overlapping_cases_do_not_count_as_independent():
    """Every case four times: as if there were four times as many cases, unless the lag says that neighbours share samples."""
    blind, told = 0, 0
    for k in range(100):
        u = uniform(15, 6, 0.6, 10 * k).repeat_interleave(4, 0)
        blind += joint_coverage(u).p_value <= 0.05
        told += joint_coverage(u, lag=6).p_value <= 0.05
    assert blind > 20
    assert told <= 12  # a rate of 5 % exceeds it once in 700 runs


@pytest.mark.parametrize(("factor", "sign"), [(0.7, -1), (1.4, 1)])
def test_narrow_and_wide_bands_are_caught_with_the_right_sign(factor, sign):
    found = joint_coverage(uniform(100, 6, 0.6, 1, factor))
    assert found.p_value < 1e-3
    assert sign * found.excess.value > 3 * found.excess.error


def test_a_wrong_shape_is_caught_where_the_mean_is_right():
    """w lies between 0.4 and 0.6: wide bands hold all, narrow ones nothing, and the mean over levels is right."""
    w = 0.4 + 0.2 * uniform(100, 6, 0.0, 2)
    found = joint_coverage(0.5 + 0.5 * w)
    assert abs(found.excess.value) < 3 * found.excess.error
    assert found.p_value < 1e-3


def test_a_few_cases_that_agree_are_not_certain():
    assert joint_coverage(torch.full((8, 1), 0.8)).p_value > 0.05


def test_the_long_run_covariance_is_that_of_the_mean():
    x = normal(40, 2, seed=4)
    for lag in (0, 3):
        c = long_run_covariance(x, lag)
        assert float(c[0, 0].sqrt()) == pytest.approx(mean_with_error(x[:, 0], lag).error)
        both = mean_with_error(x.sum(1), lag).error
        assert float(c.sum().sqrt()) == pytest.approx(both)
    assert torch.allclose(long_run_covariance(x, 0), torch.cov(x.T) / 40)


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"u has shape \(2, 4\), but must be \(case, entry\) with at least 3 cases"):
        joint_coverage(torch.rand(2, 4))
