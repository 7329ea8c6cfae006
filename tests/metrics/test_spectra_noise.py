"""What white noise shows, against simulated white noise; what stands out of it is found, and nothing else."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom

import ornstein as orn
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.metrics import marchenko_pastur, noise_spectrum, sample_spectrum, significant
from ornstein.metrics.noise_edge import tracy_widom

torch.set_num_threads(1)

DRAWS = 200


def sample(n, d, seed, variances=None, level=1.0):
    """Eigenvalues (d,) of X^T X / n for n draws of noise with these population variances."""
    x = Noise(seed).normal(n, (d,)) * level**0.5
    singular = torch.linalg.svdvals(x if variances is None else x * variances.sqrt())
    return torch.cat([singular.square() / n, torch.zeros(max(d - n, 0), dtype=torch.float64)])


def spiked(d, *spikes):
    variances = torch.ones(d, dtype=torch.float64)
    variances[: len(spikes)] = torch.tensor(spikes, dtype=torch.float64)
    return variances


def test_tracy_widom_quantiles_are_those_of_the_tables():
    """Bejan's table of the law of order 1; the shifted gamma law is within 0.03 of it."""
    for level, value in ((0.05, -3.1808), (0.5, -1.2685), (0.9, 0.4501), (0.95, 0.9793), (0.99, 2.0234), (0.999, 3.2724)):
        assert tracy_widom(level) == pytest.approx(value, abs=0.03)


@pytest.mark.parametrize(("n", "d"), [(400, 100), (100, 400), (200, 200)])
def test_the_bulk_of_white_noise_fills_the_marchenko_pastur_interval(n, d):
    lower, upper = marchenko_pastur(n, d, 2.5)
    found = sample(n, d, 1, level=2.5)
    positive = found[found > 0]
    assert len(positive) == min(n, d)
    assert float(positive.max()) == pytest.approx(upper, rel=0.05)
    assert float(positive.min()) == pytest.approx(lower, abs=0.05 * upper)
    # the whole spectrum, each eigenvalue within 6 % of the range of where it is expected
    torch.testing.assert_close(found.sort(descending=True).values, noise_spectrum(n, d, 2.5), atol=0.06 * upper, rtol=0)


def test_marchenko_pastur_edges_in_numbers():
    assert marchenko_pastur(400, 100) == pytest.approx((0.25, 2.25))
    assert marchenko_pastur(100, 400, 2.0) == pytest.approx((2.0, 18.0))
    assert float(noise_spectrum(5000, 50, 3.0).mean()) == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize(("n", "d"), [(60, 20), (40, 40), (30, 80)])
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_false_alarms_are_no_more_than_stated(n, d, rate):
    """Over 200 sets of white noise, fewer than a binomial of the stated rate shows once in 10^5 times."""
    alarms = sum(significant(sample(n, d, seed), n, false_alarm=rate).count > 0 for seed in range(DRAWS))
    assert alarms <= binom.ppf(1 - 1e-5, DRAWS, rate)
    assert alarms >= binom.ppf(1e-5, DRAWS, rate / 5)  # and the edge is not simply set too high


def test_the_scale_of_the_noise_does_not_matter():
    lam = sample(100, 40, 3, spiked(40, 9.0))
    for level in (1e-12, 1e12):
        again = significant(lam * level, 100)
        assert again.count == significant(lam, 100).count == 1
        assert again.variance == pytest.approx(level * significant(lam, 100).variance)


@pytest.mark.parametrize(
    ("n", "d", "spikes"),
    [(200, 40, (8.0, 4.0, 3.0)), (30, 100, (40.0, 30.0)), (1000, 30, (1.8,)), (100, 50, tuple(2000.0 / 1.5**k for k in range(14)))],
)
def test_planted_spikes_are_found(n, d, spikes):
    """Never missed in 50 draws (each is far above the detection limit 1 + sqrt(d / n)), and at most 8 draws show one more:
    with a false-alarm rate of 5 %, more than 8 of 50 happen once in 1000 times."""
    found = [significant(sample(n, d, seed, spiked(d, *spikes)), n) for seed in range(50)]
    assert min(s.count for s in found) == len(spikes)
    assert sum(s.count > len(spikes) for s in found) <= 8
    assert np.mean([s.variance for s in found]) == pytest.approx(1.0, abs=0.02)
    assert all(int(s.above.sum()) == s.count and bool(s.above[: s.count].all()) for s in found)


def test_a_spike_below_the_detection_limit_is_not_claimed():
    """A population eigenvalue of 1.1 with d / n = 1 / 4 leaves no trace (Baik, Ben Arous and Peche 2005): as white noise."""
    alarms = sum(significant(sample(80, 20, seed, spiked(20, 1.1)), 80).count > 0 for seed in range(DRAWS))
    assert alarms <= binom.ppf(1 - 1e-5, DRAWS, 0.08)


def test_directions_that_do_not_vary_are_no_noise():
    lam = sample(200, 30, 2, spiked(30, 12.0))
    padded = torch.cat([lam, torch.zeros(20, dtype=torch.float64)])
    alone, joined = significant(lam, 200), significant(padded, 200)
    assert (joined.count, joined.edge, joined.variance) == (alone.count, alone.edge, alone.variance)
    assert joined.above.shape == (50,)


def test_signals_are_measured_with_their_mean_taken_off():
    x = Noise(1).normal(50, (2, 12))
    found = sample_spectrum(orn.Signals(7 + x), standardize="none")
    torch.testing.assert_close(found.spectrum.eigenvalues, torch.linalg.eigvalsh(torch.cov(x.flatten(1).T)).flip(0))
    assert found.noise.count == significant(found.spectrum.eigenvalues, 49).count


def test_fewer_cases_than_entries_need_no_large_matrix():
    found = sample_spectrum(orn.Signals(Noise(2).normal(30, (1, 20_000))))
    assert (found.spectrum.rank, len(found.spectrum.eigenvalues), found.noise.count) == (29, 20_000, 0)
    assert found.noise.variance == pytest.approx(1.0, abs=0.02)


def test_where_the_law_does_not_hold_there_is_a_reason_in_place_of_an_edge():
    x = Noise(3).normal(60, (1, 12))
    gaps = x.clone()
    gaps[::7, 0, 3] = torch.nan
    assert sample_spectrum(orn.Signals(gaps)).reason == "gaps"
    assert sample_spectrum(orn.Signals(x), overlap=True).reason == "overlap"
    assert sample_spectrum(orn.Signals(x[..., :6])).reason == "few"
    assert all(sample_spectrum(orn.Signals(v)).noise is None for v in (gaps, x[..., :6]))


def test_an_offset_of_1e8_leaves_the_spectrum():
    x = Noise(4).normal(80, (1, 16)).round(decimals=3)
    plain, far = (sample_spectrum(orn.Signals(v), standardize="none").spectrum.eigenvalues for v in (x, x + 1e8))
    torch.testing.assert_close(far, plain, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: marchenko_pastur(0, 5), "n is 0"),
        (lambda: marchenko_pastur(5, 2.5), "whole number"),
        (lambda: marchenko_pastur(5, 5, 0.0), "above 0"),
        (lambda: noise_spectrum(5, 5, math.nan), "finite"),
        (lambda: significant(torch.ones(9), 50), "9 entries above 0"),
        (lambda: significant([], 50), "0 entries"),
        (lambda: significant(torch.tensor([*[1.0] * 20, -0.5]), 50), "negative entry -0.5"),
        (lambda: significant(torch.ones(20), 0), "n is 0"),
        (lambda: significant(torch.ones(20), 50, false_alarm=1.0), "between 0 and 1"),
        (lambda: significant(torch.ones(4, 5), 50), "2 axes"),
        (lambda: sample_spectrum(orn.Signals(torch.zeros(1, 1, 5))), "1 case"),
        (lambda: sample_spectrum(orn.Signals(torch.ones(9, 1, 5))), "same in every case"),
        (lambda: sample_spectrum(orn.Signals(torch.rand(9, 1, 5)), standardize="chanel"), "did you mean 'channel'"),
    ],
)
def test_bad_input_is_one_sentence(call, says):
    with pytest.raises(InputError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
