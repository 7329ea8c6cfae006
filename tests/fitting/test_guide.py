"""What guides particles: the kinds of a denoiser's own signals, and a Gaussian where there is one kind."""

from __future__ import annotations

import pytest
import torch

import ornstein as orn
from kinds import CENTRES, SEPARATE, Black
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian, Mixture, matched
from ornstein.fitting.guide import guide, kinds
from truth import spectrum_covariance


def test_a_gaussian_stays_one():
    """Two components foresee no better: by 3 standard errors they do in about 1 of 1000 samples; here one of four may."""
    law = Gaussian(torch.zeros(6), Dense(spectrum_covariance((3.0, 1.0, 0.5, 0.2, 0.1, 0.05), 2)))
    assert sum(len(kinds(law.sample(500, seed=seed), seed).components) > 1 for seed in range(4)) <= 1
    assert guide(Black(law), law) is law


def test_separate_kinds_are_found_from_the_denoiser_alone():
    found = guide(Black(SEPARATE), matched(SEPARATE))
    assert isinstance(found, Mixture)
    near = torch.cdist(torch.stack([c.mean() for c in found.components]), CENTRES)
    shares = torch.zeros(3, dtype=torch.float64).scatter_add_(0, near.argmin(1), found.weights)
    torch.testing.assert_close(shares, SEPARATE.weights, rtol=0, atol=0.05)  # 6 deviations of a share of 4096 draws
    assert float(near.min(1).values.max()) < 1.5
    exact = SEPARATE.log_prob(SEPARATE.sample(2000, seed=9))
    assert abs(float((exact - found.log_prob(SEPARATE.sample(2000, seed=9))).mean())) < 0.05


def test_among_hundreds_of_entries_few_tell_the_kinds():
    """Eight kinds in the first two of 300 entries: without shrunk means the other 298 would cost more than the kinds bring."""
    means = torch.zeros(8, 300, dtype=torch.float64)
    means[:, 0], means[:, 1] = 12 * torch.arange(8).cos(), 12 * torch.arange(8).sin()
    unit = Diagonal(torch.ones(300, dtype=torch.float64))
    law = Mixture(torch.ones(8), [Gaussian(m, unit) for m in means])
    found = kinds(law.sample(1500, seed=2))
    places = torch.stack([c.mean() for c in found.components])
    assert float(torch.cdist(means, places).min(1).values.max()) < 2.0
    assert float(places[:, 2:].norm(dim=1).max()) < 1.0  # chance alone would leave sqrt(298 / 190) = 1.25


def test_a_denoiser_of_someone_elses_is_guided_by_its_own_signals():
    model = orn.fit(SEPARATE.sample(3000, seed=1), Black(SEPARATE))
    slanted, y = orn.Linear(torch.tensor([[1.0, 0.3]])), [0.8]
    found, exact = model.posterior(slanted, y, 3.0), SEPARATE.condition(slanted, torch.tensor(y), 3.0)
    assert found.diagnostics is not None
    error = float(found.diagnostics.evidence_error) + float(found.diagnostics.discretisation)
    assert abs(float(found.log_evidence - exact.log_evidence)) < 3 * error
    assert isinstance(exact.law, Mixture)
    near = torch.cdist(found.law.points, CENTRES).argmin(-1)
    shares = torch.zeros(3, dtype=torch.float64).scatter_add_(0, near, found.law.weights)
    torch.testing.assert_close(shares, exact.law.weights, rtol=0, atol=0.1)  # 6 deviations of a share of 1000 draws
    assert model.guide() is model.guide()


def test_without_signals_there_is_nothing_to_guide_by():
    model = orn.fit(SEPARATE.sample(100), Black(SEPARATE))
    bare = type(model)(model.law, model.scaler)
    with pytest.raises(orn.InputError, match="does not know the mean and covariance"):
        bare.posterior(orn.Mask(torch.tensor([True, False])), [0.0], 0.1)
