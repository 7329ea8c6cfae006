"""Annealed particles: right for a Gaussian and for separate peaks, with the evidence, and the same whatever else is asked."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinds import normal
from ornstein.common.errors import RunError
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian
from ornstein.measurements import Linear
from ornstein.posterior.annealed import annealed
from truth import spectrum_covariance

PRIOR = Gaussian(torch.tensor([0.5, -1.0, 0.0]), Dense(spectrum_covariance((2.0, 1.0, 0.5), 3)))
ROWS = Linear(normal(2, 3, seed=4))
Y = torch.tensor([1.5, -0.5], dtype=torch.float64)


def told(x: Tensor, noise: float = 0.1) -> Tensor:
    apart = (Y - ROWS.bind((3,))(x)) / noise
    return -0.5 * apart.square().sum(-1) - 2 * math.log(noise * math.sqrt(2 * math.pi))


def test_a_gaussian_posterior_has_its_moments_and_evidence() -> None:
    """The bounds are 5 deviations of 2000 draws that are worth a quarter of as many, since moves leave them alike."""
    exact = PRIOR.condition(ROWS, Y, 0.1)
    found = annealed(told, PRIOR, particles=2000, seed=1)
    law = exact.law
    assert isinstance(law, Gaussian)
    z = (found.law.mean() - law.mean()) / (law.covariance().diagonal() / 500).sqrt()
    assert float(z.abs().max()) < 5
    ratio = found.law.covariance().diagonal() / law.covariance().diagonal()
    assert float((ratio - 1).abs().max()) < 5 * math.sqrt(2 / 500)
    assert abs(float(found.log_evidence - exact.log_evidence)) < 5 * float(found.evidence_error)
    assert 0.01 < float(found.evidence_error) < 0.15
    assert float(found.least) < 1100


def test_separate_peaks_keep_their_weights() -> None:
    """Two narrow peaks, 200 of their deviations apart, with 70 and 30 % of the mass; three runs are right within 5 of their errors."""
    flat = Gaussian(torch.zeros(2), Dense(torch.eye(2, dtype=torch.float64)))
    centres, weights = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64), torch.tensor([0.7, 0.3]).log()

    def peaks(x: Tensor) -> Tensor:
        each = -0.5 * ((x.unsqueeze(-2) - centres) / 0.01).square().sum(-1)
        return torch.logsumexp(weights + each, -1)

    runs = [annealed(peaks, flat, particles=1000, seed=s).law.points for s in range(3)]
    shares = torch.stack([(points[:, 0] < 0).double().mean() for points in runs])
    assert abs(float(shares.mean()) - 0.7) < 5 * math.sqrt(0.21 / 3000 * 4)
    assert abs(float(runs[0][:, 1].std()) / 0.01 - 1) < 0.2


def test_draws_belong_to_seed_and_case() -> None:
    one, again, other = (annealed(told, PRIOR, particles=100, seed=2, case=case).law.points for case in (3, 3, 4))
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(one, other)


def test_a_likelihood_that_is_zero_everywhere_is_said() -> None:
    with pytest.raises(RunError, match="no draw of the prior agrees with the observation"):
        annealed(lambda x: torch.full((len(x),), -math.inf, dtype=torch.float64), PRIOR, particles=100)
