"""Stationary draws by circulant embedding, read off as a linear map: no Monte Carlo where none is needed."""

import math
import time

import pytest
import scipy.linalg
import torch

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import embed, stationary_draws

torch.set_num_threads(1)

LENGTH = 60


def lags(n):
    return torch.arange(n, dtype=torch.float64)


def ornstein_uhlenbeck(k):
    return 3.0 * torch.exp(-k / 5)


def smooth(k):
    return torch.exp(-((k / 20) ** 2) / 2)


def matern(k):
    return (1 + k / 10) * torch.exp(-k / 10)


def oscillating(k):
    return torch.cos(2 * math.pi * k / 37.3) * torch.exp(-k / 100)


def long_memory(k):
    return 0.5 * ((k + 1) ** 1.8 - 2 * k**1.8 + (k - 1).abs() ** 1.8)


def endless(k):
    """A cosine that never fades and fits no circle: it has no embedding."""
    return torch.cos(2 * math.pi * k / 37.3)


def moving_average(k):
    return torch.where(k < 8, 8 - k, 0.0) / 8


EMBEDDABLE = (ornstein_uhlenbeck, smooth, matern, oscillating, long_memory, moving_average)


def covariance(made):
    """Exact covariance of the draws: the map fed with unit vectors."""
    rows = made.color(torch.eye(made.white_size, dtype=torch.float64))
    return rows.T @ rows


def wanted(c, length):
    return torch.from_numpy(scipy.linalg.toeplitz(c(lags(length)).numpy()))


@pytest.mark.parametrize("length", [1, 2, 3, 17, LENGTH])
@pytest.mark.parametrize("c", EMBEDDABLE)
def test_the_draws_have_exactly_the_toeplitz_covariance(c, length):
    made = embed(c, length)
    torch.testing.assert_close(covariance(made), wanted(c, length), atol=1e-12, rtol=0)
    assert 0 <= made.error < 1e-13


@pytest.mark.parametrize("c", [ornstein_uhlenbeck, matern, oscillating, long_memory])
def test_numbers_that_end_at_the_last_lag_are_continued_so_that_they_embed(c):
    made = embed(c(lags(LENGTH)), LENGTH)
    torch.testing.assert_close(covariance(made), wanted(c, LENGTH), atol=1e-12, rtol=0)
    assert made.error < 1e-13


def test_numbers_that_end_before_the_signal_are_a_moving_average():
    made = embed(moving_average(lags(8)), LENGTH)
    torch.testing.assert_close(covariance(made), wanted(moving_average, LENGTH), atol=1e-13, rtol=0)


def test_enlarging_is_what_makes_a_smooth_autocovariance_exact():
    """Its smallest circle has negative eigenvalues; without the larger one the error would be above 1e-3."""
    smallest = torch.cat([smooth(lags(LENGTH)), smooth(lags(LENGTH))[1:-1].flip(0)])
    assert float(-torch.fft.fft(smallest).real.clamp_max(0).mean()) > 1e-3
    assert embed(smooth, LENGTH).white_size > len(smallest)


@pytest.mark.parametrize("length", [LENGTH, 200])
@pytest.mark.parametrize(
    "c", [endless, lambda k: torch.where(k < 3, 1.0, 0.0), lambda k: torch.where(k == 1, 0.9, torch.where(k == 0, 1.0, 0.0))]
)
def test_what_cannot_be_embedded_reports_its_error_truthfully(c, length):
    """The second and third are no autocovariances at all: the error reported is the one made, to rounding."""
    made = embed(c, length)
    apart = (covariance(made) - wanted(c, length)).abs()
    assert made.error > 1e-3
    assert made.clipped > 0
    assert float(apart.max()) == pytest.approx(made.error, rel=1e-9)
    assert float(apart.diagonal().max()) == pytest.approx(made.error, rel=1e-9)
    assert stationary_draws(c, length, seed=0).error == made.error


def test_each_draw_belongs_to_its_number_and_seed():
    many = stationary_draws(matern, 300, 5, seed=3).values
    torch.testing.assert_close(stationary_draws(matern, 300, 2, seed=3).values, many[:2], rtol=0, atol=0)
    assert not torch.equal(stationary_draws(matern, 300, 2, seed=4).values, many[:2])
    made = embed(matern, 300)
    torch.testing.assert_close(made.draw(Noise(3, first=4), 1), many[4:], rtol=0, atol=1e-12)


def test_a_million_samples_take_seconds_and_have_the_autocovariance():
    """Sample autocovariances of an OU path at lags 0, 10 and 50, each within 6 standard errors (Bartlett): false alarm 1e-8."""
    n, scale = 1_000_000, 20.0
    start = time.process_time()
    x = stationary_draws(lambda k: torch.exp(-k / scale), n, seed=1).values[0]
    assert time.process_time() - start < 10
    error = math.sqrt(2 * scale / n)  # sum over lags of c_k^2 + c_{k+j} c_{k-j} is at most 2 scale
    for lag in (0, 10, 50):
        found = float((x[: n - lag] * x[lag:]).mean())
        assert abs(found - math.exp(-lag / scale)) < 6 * error, lag


def test_a_long_signal_without_a_handy_length_is_exact_as_well():
    n = (1 << 20) + 7  # beyond the size up to which any circle is taken as it is
    made = embed(ornstein_uhlenbeck(lags(n)), n)
    unit = torch.zeros(made.white_size, dtype=torch.float64)
    root = torch.cat([made.eigenvalues, made.eigenvalues[1:-1].flip(0)])
    # column j of the circulant is H diag(lambda) H e_j; its first entries are the autocovariances
    unit[0] = 1.0
    half = torch.fft.rfft(unit, norm="ortho")
    first = torch.cat([half.real - half.imag, (half.real + half.imag)[1:-1].flip(0)]) * root
    again = torch.fft.rfft(first, norm="ortho")
    torch.testing.assert_close((again.real - again.imag)[:200], ornstein_uhlenbeck(lags(200)), atol=1e-12, rtol=0)
    assert made.error < 1e-13


@pytest.mark.parametrize(
    ("autocovariance", "length", "says"),
    [
        ([0.0, 0.0], 5, "starts with 0"),
        ([-1.0, 0.0], 5, "starts with -1"),
        ([], 5, "is empty"),
        ([1.0, 0.5, -1.5], 5, "at lag 2 is -1.5"),
        ([1.0, math.nan], 5, "NaN"),
        ([[1.0, 0.5]], 5, "2 axes"),
        ([1.0, 0.5], 0, "length is 0"),
        ([1.0, 0.5], 1 << 27, "at most"),
        ([1.0, 0.5], 2.5, "whole number"),
        (lambda k: k[:3], 9, "returned 3 numbers for 9 lags"),
        (lambda k: torch.full_like(k, math.inf), 9, "infinite"),
        ("ou", 9, "numbers"),
    ],
)
def test_bad_input_is_one_sentence(autocovariance, length, says):
    with pytest.raises(InputError, match=says) as caught:
        stationary_draws(autocovariance, length, seed=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("cases", "seed"), [(0, 0), (2, -1), (2.0, 0), (1, None)])
def test_cases_and_seed_are_whole_numbers(cases, seed):
    with pytest.raises(InputError, match="whole number"):
        stationary_draws(matern, 5, cases, seed=seed)
