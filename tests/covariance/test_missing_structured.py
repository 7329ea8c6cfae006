"""Every structure with gaps: complete data are the structure's own fit, the likelihood of what was seen does not fall, truth is found."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Kronecker, estimate
from ornstein.covariance.missing_blocks import Conditional

CHANNELS = torch.tensor([[1.0, 0.6, 0.0], [0.6, 2.0, -0.5], [0.0, -0.5, 0.7]], dtype=torch.float64)
LAG = (torch.arange(6, dtype=torch.float64).unsqueeze(1) - torch.arange(6, dtype=torch.float64)).abs()
STEADY = torch.kron(CHANNELS, torch.exp(-LAG / 3))
STRUCTURES = ("diagonal", "stationary", "toeplitz", "ornstein-uhlenbeck", "kronecker", "dense*ornstein-uhlenbeck", "diagonal*dense")


def draw(cases: int, seed: int) -> Tensor:
    return (Noise(seed).normal(cases, (18,)) @ torch.linalg.cholesky(STEADY).T).view(cases, 3, 6)


def hide(x: Tensor, share: float, seed: int) -> Tensor:
    gone = Noise(seed).uniform(len(x), tuple(x.shape[1:])) < share
    gone[:, 0, 0] = False
    return torch.where(gone, torch.full_like(x, math.nan), x)


def seen(fitted_to: Tensor, structure: str, x: Tensor) -> float:
    """Nats per case of what x observed."""
    found = estimate(fitted_to, structure, shrinkage="none")
    return float(Conditional(found.mean.flatten(), found.covariance.dense()).log_prob(x.flatten(1)).mean())


@pytest.mark.parametrize("structure", STRUCTURES)
def test_one_gap_hardly_matters(structure: str) -> None:
    """Of 200 complete cases and one gap: the covariance of the complete ones to 2 %; toeplitz, whose bend is a choice, to 4."""
    x = draw(200, 1)
    one = x.clone()
    one[7, 1, 3] = math.nan
    whole, gappy = (estimate(v, structure, shrinkage="none").covariance.dense() for v in (x, one))
    assert float((whole - gappy).norm() / whole.norm()) < (0.04 if structure == "toeplitz" else 0.02)


@pytest.mark.parametrize("structure", ["kronecker", "dense*ornstein-uhlenbeck", "toeplitz"])
def test_the_truth_is_found_with_half_of_it_missing(structure: str) -> None:
    """600 cases, half missing: what 2000 new cases observe is as likely as under the true law to 0.15 nats a case, and the matrix within
    10 %."""
    fresh = hide(draw(2000, 3), 0.5, 4)
    gaps = hide(draw(600, 5), 0.5, 6)
    best = float(Conditional(torch.zeros(18, dtype=torch.float64), STEADY).log_prob(fresh.flatten(1)).mean())
    assert best - seen(gaps, structure, fresh) < 0.15
    found = estimate(gaps, structure, shrinkage="none").covariance.dense()
    assert float((found - STEADY).norm() / STEADY.norm()) < 0.1


def test_the_right_structure_beats_a_full_matrix_where_cases_are_few() -> None:
    gaps, fresh = hide(draw(40, 7), 0.5, 8), hide(draw(500, 9), 0.5, 10)
    assert seen(gaps, "kronecker", fresh) > seen(gaps, "dense", fresh) + 1


def test_kronecker_stays_an_operator_of_two_factors() -> None:
    told: list[str] = []
    found = estimate(hide(draw(50, 11), 0.3, 12), "kronecker", progress=told.append)
    assert isinstance(found.covariance, Kronecker)
    assert "nats per case" in told[0]


def test_auto_judges_by_what_others_observed() -> None:
    """The table holds every candidate, and the winner is one of those that contain the true law."""
    found = estimate(hide(draw(90, 13), 0.4, 14), "auto", folds=2)
    assert {c.structure for c in found.candidates} >= {"diagonal", "kronecker", "coregionalised", "dense"}
    assert found.structure in ("toeplitz", "kronecker", "coregionalised")
    assert found.held_out is not None


def test_units_and_offsets() -> None:
    """Two decimal places each way."""
    x = hide(draw(60, 15), 0.3, 16)
    scale = torch.tensor([1e-2, 1.0, 1e2], dtype=torch.float64).view(3, 1)
    plain, other = estimate(x, "kronecker", shrinkage="none"), estimate(1e3 * scale + scale * x, "kronecker", shrinkage="none")
    unit = scale.expand(3, 6).flatten()
    torch.testing.assert_close(other.covariance.dense() / torch.outer(unit, unit), plain.covariance.dense(), rtol=1e-3, atol=1e-3)


def test_bad_input_is_one_sentence() -> None:
    x = hide(draw(20, 17), 0.3, 18)
    x[3] = math.nan
    with pytest.raises(InputError, match="x has 1 case without any observed value, first at 3: drop what has none"):
        estimate(x, "kronecker")
