"""Every seen entry given the others of its case, against conditioning with it hidden."""

from __future__ import annotations

import math

import pytest
import torch

import truth
from kinds import normal
from ornstein.covariance.missing_blocks import Conditional
from ornstein.covariance.missing_left_out import left_out

D = 7
MEAN = torch.linspace(-1, 3, D, dtype=torch.float64)
FULL = truth.spectrum_covariance([3.0, 1.5, 1.0, 0.6, 0.3, 0.2, 0.1], 4)
SHORT = truth.spectrum_covariance([3.0, 1.5, 1.0, 0.6, 0.3, 0.2, 0.0], 4)
"""Without an inverse."""


@pytest.mark.parametrize("covariance", [FULL, SHORT], ids=["full", "singular"])
def test_each_entry_left_out_as_if_it_were_hidden(covariance: torch.Tensor) -> None:
    """Few gaps, many, one seen entry, none, and no gap at all, each in both forms of the algebra."""
    law = Conditional(MEAN, covariance.clone())
    x = MEAN + normal(6, D, seed=2) @ torch.linalg.cholesky(FULL).T
    for case, gaps in enumerate([(0,), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5), tuple(range(D)), (), (6, 1)]):
        x[case, list(gaps)] = math.nan
    if covariance is SHORT:
        x[4, 0] = math.nan  # all entries of a law without an inverse determine each other
    mean, deviation = left_out(law, x)
    assert torch.equal(torch.isnan(mean), torch.isnan(x))
    for case, entry in (~torch.isnan(x)).nonzero().tolist():
        hidden = x[case : case + 1].clone()
        hidden[0, entry] = math.nan
        expected = law.expect(hidden)
        assert float(mean[case, entry]) == pytest.approx(float(expected[0][0, entry]), abs=1e-8)
        assert float(deviation[case, entry]) == pytest.approx(float(expected[1][0, entry]), abs=1e-8)


def test_what_never_varies_is_known_beforehand() -> None:
    covariance = FULL.clone()
    covariance[3] = covariance[:, 3] = 0.0
    x = MEAN + normal(2, D, seed=2)
    x[:, 0] = math.nan
    mean, deviation = left_out(Conditional(MEAN, covariance), x)
    assert torch.equal(mean[:, 3], MEAN[3].expand(2))
    assert torch.equal(deviation[:, 3], torch.zeros(2, dtype=torch.float64))
    assert bool(torch.isfinite(mean[:, 1:]).all())
