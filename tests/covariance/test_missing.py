"""Gaussians from data with gaps: likelihood that never falls, the complete answer without gaps, and imputation that pays."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, LowRank, Spectral, estimate
from ornstein.covariance.missing import expectation_maximization
from ornstein.covariance.missing_factors import Factors, fit_factors, low_rank_with_gaps

BASIS = truth.orthogonal(12, 1)[:, :2]
LAW = LowRank(BASIS, torch.tensor([6.0, 3.0]), 0.2)
LAG = (torch.arange(32, dtype=torch.float64).unsqueeze(1) - torch.arange(32)).abs()
SMOOTH = Dense(torch.exp(-0.5 * (LAG / 4) ** 2) + 0.01 * torch.eye(32, dtype=torch.float64))


def hide(x: Tensor, fraction: float, seed: int = 3) -> Tensor:
    """NaN at random; every case and every entry keeps something."""
    hidden = Noise(seed).uniform(len(x), tuple(x.shape[1:])) < fraction
    hidden[torch.arange(len(x)), torch.arange(len(x)) % x.shape[1]] = False
    return torch.where(hidden, torch.full_like(x, math.nan), x)


def observed_level(x: Tensor, mean: Tensor, matrix: Tensor) -> float:
    total = 0.0
    for row in x:
        seen = ~row.isnan()
        total += float(truth.gaussian_log_prob(row[seen], mean[seen], matrix[seen][:, seen]))
    return total


def error(found: Tensor, law: Tensor) -> float:
    return float((found - law).norm() / law.norm())


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("kind", ["dense", "low-rank"])
def test_observed_likelihood_never_falls(kind: str, offset: float) -> None:
    x = hide(LAW.draw(Noise(0), 60), 0.4) + offset
    levels = []
    for k in (1, 2, 3, 4, 5, 8, 13, 30, 100):
        if kind == "dense":
            mean, matrix = expectation_maximization(x, 0.0, iterations=k, tolerance=0.0)
        else:
            factors = fit_factors(x - offset, 2, iterations=k, tolerance=-math.inf)
            mean, matrix = factors.mean + offset, factors.law().dense()
        levels.append(observed_level(x, mean, matrix))
    assert all(b > a - 1e-8 * (1 + offset) for a, b in itertools.pairwise(levels))
    assert levels[-1] > levels[0]


def test_posterior_of_factors_against_dense_algebra() -> None:
    x = hide(LAW.draw(Noise(1), 5), 0.4)
    factors = Factors(0.7 * Noise(2).normal(12, (2,)), torch.linspace(-1, 1, 12, dtype=torch.float64), 0.3)
    z, spread, level = factors.posterior(x, ~x.isnan())
    matrix = factors.loadings @ factors.loadings.T + 0.3 * torch.eye(12, dtype=torch.float64)
    torch.testing.assert_close(factors.law().dense(), matrix)
    for i, row in enumerate(x):
        seen = ~row.isnan()
        joint = torch.eye(2, dtype=torch.float64)
        noise = 0.3 * torch.eye(int(seen.sum()), dtype=torch.float64)
        zero = torch.zeros(2, dtype=torch.float64)
        mean, covariance, evidence = truth.condition(zero, joint, factors.loadings[seen], row[seen] - factors.mean[seen], noise)
        torch.testing.assert_close(z[i], mean)
        torch.testing.assert_close(spread[i], covariance)
        assert float(level[i]) == pytest.approx(float(evidence), rel=1e-10)


def test_without_gaps_both_are_the_complete_answer() -> None:
    """Dense at once; low rank in the limit of its iterations."""
    x = LAW.draw(Noise(0), 100)
    mean, matrix = expectation_maximization(x, 0.0)
    whole = torch.from_numpy(np.cov(x.numpy().T, bias=True))
    torch.testing.assert_close(matrix, whole, rtol=0, atol=1e-10)
    torch.testing.assert_close(mean, x.mean(0), rtol=0, atol=1e-12)
    mean, law = low_rank_with_gaps(x, 2, iterations=3000, tolerance=1e-14)
    torch.testing.assert_close(mean, x.mean(0), rtol=0, atol=1e-6)
    torch.testing.assert_close(law.dense(), estimate(x, "low-rank", rank=2).covariance.dense(), rtol=0, atol=1e-4)


def filled(x: Tensor, mean: Tensor, law: Spectral) -> Tensor:
    """The conditional mean in every gap."""
    out, matrix = x.clone(), law.dense()
    for row in out:
        seen = ~row.isnan()
        gain = torch.linalg.solve(matrix[seen][:, seen], matrix[seen][:, ~seen]).T
        row[~seen] = mean[~seen] + gain @ (row[seen] - mean[seen])
    return out


def interpolated(x: Tensor) -> Tensor:
    t = np.arange(x.shape[1])
    return torch.stack([torch.from_numpy(np.interp(t, t[~np.isnan(r)], r[~np.isnan(r)])) for r in x.numpy()])


@pytest.mark.parametrize("structure", ["dense", "low-rank"])
@pytest.mark.parametrize(("fraction", "share"), [(0.3, 0.8), (0.6, 1.0)])
def test_imputation_beats_the_mean_and_the_straight_line(structure: str, fraction: float, share: float) -> None:
    """Smooth signals of 32 samples, 300 cases: the law is fitted to data with gaps and fills those of 100 other cases."""
    x = SMOOTH.draw(Noise(0), 400)
    gaps = hide(x, fraction)
    found = estimate(gaps[:300], structure)
    assert isinstance(found.covariance, Spectral)
    test, whole = gaps[300:], x[300:]
    hidden = test.isnan()

    def squared(guess: Tensor) -> float:
        return float((guess - whole)[hidden].square().mean())

    ours = squared(filled(test, found.mean, found.covariance))
    assert ours < 0.2 * squared(found.mean.expand_as(whole))
    assert ours < share * squared(interpolated(test))


def test_four_fifths_missing() -> None:
    """n = 200, d = 12: either law is closer to the truth than the covariance of mean-filled data (at most 0.7 and 0.5 of its error)."""
    x = hide(LAW.draw(Noise(0), 200), 0.8)
    naive = error(torch.from_numpy(np.cov(torch.where(x.isnan(), x.nanmean(0), x).numpy().T, bias=True)), LAW.dense())
    for structure, share in (("dense", 0.7), ("low-rank", 0.5)):
        found = estimate(x, structure, rank=2 if structure == "low-rank" else None, shrinkage="none")
        assert error(found.covariance.dense(), LAW.dense()) < share * naive
        assert torch.isfinite(found.mean).all()


def test_both_kinds_agree_on_a_law_that_both_can_hold() -> None:
    """1000 cases, 40 % missing: the low-rank answer lies within the statistical error of the dense one, and nearer the truth."""
    x = hide(LAW.draw(Noise(5), 1000), 0.4)
    dense = estimate(x, "dense", shrinkage="none").covariance.dense()
    low = estimate(x, "low-rank", rank=2).covariance.dense()
    assert error(low, dense) < 0.1
    assert error(low, LAW.dense()) < error(dense, LAW.dense())


def test_rank_by_itself() -> None:
    """Two directions 15 and 30 times the floor, 400 cases with 30 % missing: found in all of 5 data sets."""
    for seed in range(5):
        law = estimate(hide(LAW.draw(Noise(seed), 400), 0.3, 1000 + seed), "low-rank").covariance
        assert isinstance(law, LowRank)
        assert law.components == 2


@pytest.mark.parametrize("structure", ["dense", "low-rank"])
def test_units_offsets_and_constant_entries(structure: str) -> None:
    x = hide((LAW.draw(Noise(0), 80) * 2**20).round() / 2**20, 0.3)
    rank = 2 if structure == "low-rank" else None
    plain = estimate(x, structure, rank=rank)
    for c in (1e-12, 1e12):
        scaled = estimate(c * x, structure, rank=rank)
        assert error(scaled.covariance.dense() / c**2, plain.covariance.dense()) < 1e-6
    far = estimate(x + 2.0**27, structure, rank=rank)
    assert error(far.covariance.dense(), plain.covariance.dense()) < 1e-9
    constant = torch.cat([x, torch.where(x[:, :1].isnan(), x[:, :1], torch.full((80, 1), 1e8 + 0.1, dtype=torch.float64))], 1)
    found = estimate(constant, structure, rank=rank)
    assert abs(float(found.mean[-1]) - 1e8 - 0.1) < 1e-6
    still = torch.where(x.isnan(), x, torch.full_like(x, 0.1))
    assert estimate(still, structure, rank=rank).covariance.rank() == 0
    twice = torch.cat([x, x[:, :2]], 1)
    assert torch.isfinite(estimate(twice, structure, rank=rank).covariance.dense()).all()


NAN = math.nan


@pytest.mark.parametrize("structure", ["dense", "low-rank"])
def test_bad_gaps_are_one_sentence(structure: str) -> None:
    entry, case = torch.ones(4, 2, 3), torch.ones(4, 2, 3)
    entry[:, 1, 2], case[2] = NAN, NAN
    for x, sentence in ((entry, "1 entry without any observed value, first at 5"), (case, "1 case without any observed value, first at 2")):
        with pytest.raises(InputError, match=sentence):
            estimate(x, structure)
