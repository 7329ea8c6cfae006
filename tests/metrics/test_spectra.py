"""Spectra of every structure against dense eigenvalues."""

import pytest
import torch

from kinds import LAWS
from ornstein.covariance import Dense
from ornstein.fitting.scaling import Stretched
from ornstein.metrics import Spectrum, spectrum
from truth import spectrum_covariance


@pytest.mark.parametrize("name", sorted(LAWS))
def test_eigenvalues_are_those_of_the_dense_matrix(name):
    covariance = LAWS[name]().covariance()
    exact = torch.linalg.eigvalsh(covariance.dense()).flip(0)
    found = spectrum(covariance)
    assert torch.allclose(found.eigenvalues, exact.clamp_min(0), atol=1e-10)
    assert float(found.eigenvalues.sum()) == pytest.approx(float(covariance.trace()), rel=1e-9)
    assert float(found.explained[-1]) == pytest.approx(1)


@pytest.mark.parametrize("scale", [torch.full((6,), 3.0), torch.tensor([1.0, 1.0, 2.0, 2.0, 5.0, 5.0])])
def test_a_stretched_covariance(scale):
    scale = scale.to(torch.float64)
    inner = Dense(spectrum_covariance((3.0, 1.0, 0.5, 0.2, 0.0, 0.0), 1))
    exact = torch.linalg.eigvalsh(scale[:, None] * inner.dense() * scale).flip(0)
    found = spectrum(Stretched(inner, scale))
    assert torch.allclose(found.eigenvalues, exact, atol=1e-10)
    assert found.rank == 4


def test_effective_rank_of_known_spectra():
    assert Spectrum.of(torch.ones(7)).effective_rank == pytest.approx(7)
    assert Spectrum.of(torch.tensor([5.0, 0.0, 0.0])).effective_rank == pytest.approx(1)
    assert Spectrum.of(torch.zeros(3)).effective_rank == 0
    two = Spectrum.of(torch.tensor([0.1, 0.9]))
    assert two.effective_rank == pytest.approx(0.9**-0.9 * 0.1**-0.1)
    assert two.eigenvalues[0] > two.eigenvalues[1]


def test_how_many_directions_hold_a_share():
    found = Spectrum.of(torch.tensor([5.0, 3.0, 1.0, 1.0]))
    assert [found.directions(share) for share in (0.1, 0.5, 0.8, 0.81, 1.0)] == [1, 1, 2, 3, 4]


def test_rotation_changes_nothing():
    lam = torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
    a, b = (spectrum(Dense(spectrum_covariance(lam, seed))) for seed in (1, 2))
    assert torch.allclose(a.eigenvalues, b.eigenvalues, atol=1e-12)
