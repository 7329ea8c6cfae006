"""Mixtures on repeated cases: a floor relative to the data, said in a warning, and the same in any unit."""

from __future__ import annotations

import warnings

import pytest
import torch

import ornstein as orn
from kinds import normal
from ornstein.covariance import Spectral
from ornstein.denoisers import fit_mixture
from ornstein.denoisers.collapse import FLOOR

POINTS = normal(3, 5, seed=1)
REPEATED = POINTS.repeat(20, 1)


@pytest.mark.parametrize("unit", [1e-100, 1e-6, 1.0, 1e9, 1e100])
@pytest.mark.parametrize("structure", ["dense", "diagonal", "low-rank", "stationary", "toeplitz", "autoregressive"])
def test_components_on_repeated_cases_have_a_floor(structure: str, unit: float) -> None:
    if structure in ("toeplitz", "autoregressive") and unit != 1.0:
        return
    with pytest.warns(UserWarning, match="stand on cases that are the same, or on too few.* at 1e-06 of those of all cases"):
        law = fit_mixture(unit * REPEATED, 3, structure)
    spread = (unit * REPEATED).var(0, correction=0)
    for component in law.components:
        variances = component.covariance().diagonal()
        assert bool((variances > 0.1 * FLOOR * spread.min()).all())
        if structure == "stationary":
            spectrum = component.covariance().eigenvalues  # type: ignore[attr-defined]
            assert torch.equal(spectrum, torch.roll(spectrum.flip(0), 1))
        if isinstance(component.covariance(), Spectral):
            assert bool((variances < 0.1 * spread.max()).all())
    assert bool(torch.isfinite(law.log_prob(unit * REPEATED)).all())


def test_a_number_of_components_that_collapses_is_not_chosen() -> None:
    """A single new case among the held-out ones judges; none does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(fit_mixture(torch.cat([POINTS.mean(0, keepdim=True), REPEATED])).components) < 3
    for order in (torch.arange(60), torch.arange(60).view(20, 3).T.flatten()):
        with pytest.raises(orn.InputError, match=r"60 cases, but only 3 different ones.*remove the repeats, or say components="):
            orn.fit(REPEATED[order], "mixture")


@pytest.mark.parametrize(
    ("x", "options", "remedy"),
    [
        (torch.ones(20, 4), {}, "rank 0 of 4.*leave constant entries out"),
        (torch.ones(20, 4), {"shrinkage": "none"}, "rank 0 of 4.*leave constant entries out"),
        (torch.cat([normal(20, 3, seed=6), torch.ones(20, 1)], 1), {"structure": "diagonal"}, "rank 3 of 4.*leave constant entries out"),
        (normal(3, 4, seed=6), {"shrinkage": "none"}, "rank 2 of 4.*use shrinkage 'oas'"),
    ],
)
def test_advice_for_a_kernel_was_not_followed_already(x: torch.Tensor, options: dict[str, str], remedy: str) -> None:
    with pytest.raises(orn.InputError, match=remedy):
        orn.fit(x, "empirical", folds=0, **options)


def test_a_direction_that_no_case_has_stays_outside() -> None:
    """Series standardised one by one have no constant part: no floor fills it."""
    x = normal(200, 5, seed=2)
    x = x - x.mean(1, keepdim=True)
    x[:100] *= 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        law = fit_mixture(x, 2, shrinkage="none")
    assert [c.covariance().rank() for c in law.components] == [4, 4]


def test_narrow_components_that_are_real_stay_as_they_are() -> None:
    """A hundredth of the deviation of all cases is no collapse."""
    x = torch.cat([0.01 * normal(100, 3, seed=3), 0.01 * normal(100, 3, seed=4) + 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        law = fit_mixture(x, 2, shrinkage="none")
    for component in law.components:
        assert torch.allclose(component.covariance().diagonal().sqrt(), torch.full((3,), 0.01, dtype=torch.float64), rtol=0.3)


@pytest.mark.parametrize("size", [1e160, 1e-160, 1e300, 1e-300])
@pytest.mark.parametrize("kind", ["gaussian", "mixture", "empirical"])
def test_numbers_whose_squares_do_not_fit(kind: str, size: float) -> None:
    x = normal(40, 4, seed=5)
    with pytest.raises(orn.InputError, match=r"x holds (values up to|no value above) .*: divide them by a unit such as"):
        orn.fit(size * x, kind)
    with pytest.raises(orn.InputError, match="divide them by a unit"):
        orn.fit(x, kind, folds=0).log_prob(size * x)


@pytest.mark.parametrize("size", [1e-140, 1e-20, 1e20, 1e140])
@pytest.mark.parametrize("kind", ["gaussian", "mixture", "empirical"])
def test_numbers_whose_squares_fit_give_the_same_law(kind: str, size: float) -> None:
    x = normal(40, 4, seed=5)
    here, there = orn.fit(x, kind, folds=0), orn.fit(size * x, kind, folds=0)
    shift = 4 * torch.log(torch.tensor(size, dtype=torch.float64))
    assert torch.allclose(there.log_prob(size * x[:3]) + shift, here.log_prob(x[:3]), atol=1e-6)
    assert torch.allclose(there.sample(3) / size, here.sample(3), atol=1e-6)
