"""Conditioning with a pattern of gaps per case, against dense algebra case by case."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import truth
from ornstein.common.random import Noise
from ornstein.covariance.missing_blocks import Conditional

D = 40
MATRIX = truth.spectrum_covariance(torch.logspace(1, -3, D, dtype=torch.float64), 1) * 50
MEAN = Noise(1).normal(1, (D,))[0] * 10


def gappy(n: int, seed: int = 0) -> Tensor:
    """Draws of N(MEAN, MATRIX) in which case i has lost a share of its own, from none to all but one value."""
    x = MEAN + Noise(seed).normal(n, (D,)) @ torch.linalg.cholesky(MATRIX).T
    hidden = Noise(seed + 1).uniform(n, (D,)) < torch.linspace(0, 1, n, dtype=torch.float64).unsqueeze(1)
    hidden[:, 3] = False
    return torch.where(hidden, torch.full_like(x, math.nan), x)


def dense(row: Tensor, matrix: Tensor = MATRIX) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (d,), covariance (d, d) given the seen entries, and their log density."""
    seen = ~row.isnan()
    a = torch.eye(len(row), dtype=torch.float64)[seen]
    return truth.condition(MEAN[: len(row)], matrix, a, row[seen], torch.zeros(len(a), len(a), dtype=torch.float64))


@pytest.mark.parametrize("by_precision", [True, False])
def test_moments_and_density_of_every_pattern(by_precision: bool) -> None:
    x = gappy(60)
    law = Conditional(MEAN, MATRIX)
    assert law.precision is not None
    if not by_precision:
        law.precision = None
    filled, uncertain = law.complete(x)
    expected, deviation = law.expect(x)
    levels = law.log_prob(x)
    total = torch.zeros(D, D, dtype=torch.float64)
    for i, row in enumerate(x):
        mean, covariance, level = dense(row)
        total += covariance
        torch.testing.assert_close(filled[i], mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(expected[i], mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(deviation[i].square(), covariance.diagonal(), rtol=1e-9, atol=1e-9)
        assert float(levels[i]) == pytest.approx(float(level), rel=1e-9)
    torch.testing.assert_close(uncertain, total, rtol=1e-9, atol=1e-8)
    wanted = x.isnan() & (Noise(7).uniform(len(x), (D,)) < 0.3)
    some = law.expect(x, wanted)
    for few, every in zip(some, (expected, deviation), strict=True):
        torch.testing.assert_close(few[wanted], every[wanted], rtol=1e-9, atol=1e-12)
    others = x.isnan() & ~wanted
    assert torch.equal(some[0][others], MEAN.expand(x.shape)[others])
    assert not some[1][others].any()
    seen = ~x.isnan()
    assert torch.equal(filled[seen], x[seen])
    assert torch.equal(expected[seen], x[seen])


def test_a_case_gets_the_same_bits_in_any_batch() -> None:
    x, law = gappy(50), Conditional(MEAN, MATRIX)
    together = law.expect(x)[1]
    for i in (0, 7, 25, 49):
        assert torch.equal(law.expect(x[i : i + 1])[1][0], together[i])


def test_entries_that_repeat_or_never_vary() -> None:
    """Column 5 copies column 4, column 6 is constant: no precision, and still the exact answer."""
    factor = truth.orthogonal(7, 2)[:, :4]
    factor[5], factor[6] = factor[4], 0
    matrix = factor @ factor.T
    x = MEAN[:7] + Noise(0).normal(20, (4,)) @ factor.T
    gaps = torch.where(Noise(1).uniform(20, (7,)) < 0.4, torch.full_like(x, math.nan), x)
    law = Conditional(MEAN[:7], matrix)
    assert law.precision is None
    filled, _ = law.complete(gaps)
    for row, found in zip(gaps, filled, strict=True):
        torch.testing.assert_close(found, dense(row, matrix)[0], rtol=1e-6, atol=1e-6)


def test_nothing_missing_and_everything_missing() -> None:
    whole, nothing = gappy(3)[:1], torch.full((2, D), math.nan, dtype=torch.float64)
    law = Conditional(MEAN, MATRIX)
    filled, uncertain = law.complete(torch.cat([whole, nothing]))
    assert torch.equal(filled[:1], whole)
    torch.testing.assert_close(filled[1:], MEAN.expand(2, D))
    torch.testing.assert_close(uncertain, 2 * MATRIX)
    assert law.log_prob(nothing).tolist() == [0.0, 0.0]
    torch.testing.assert_close(law.log_prob(whole), truth.gaussian_log_prob(whole, MEAN, MATRIX))
