"""Filling gaps, each case with its own: exact conditional draws, the same in any batch, uniform where the truth lies among them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import ornstein as orn
import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense, Diagonal
from ornstein.denoisers import Gaussian, Law, Mixture, filling
from ornstein.fitting.scaling import Scaler
from ornstein.measurements import Mask
from ornstein.model import imputing

D = 6
MATRIX = truth.spectrum_covariance([3.0, 1.0, 0.5, 0.3, 0.2, 0.1], 4)
LAW = Gaussian(torch.linspace(-1, 1, D, dtype=torch.float64).view(2, 3), Dense(MATRIX))
OTHER = Gaussian(torch.full((2, 3), 2.0, dtype=torch.float64), Dense(truth.spectrum_covariance([2.0, 1.5, 0.4, 0.3, 0.3, 0.1], 5)))
MIXTURE = Mixture(torch.tensor([0.6, 0.4]), [LAW, OTHER])
SCALER = Scaler(torch.full((2, 3), 5.0, dtype=torch.float64), torch.full((2, 3), 2.0, dtype=torch.float64))


def gappy(law: Law, cases: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(whole, with gaps), in the user's units."""
    x = SCALER.decode(law.draw(Noise(seed), cases))
    hidden = Noise(seed + 1).uniform(cases, (2, 3)) < 0.5
    hidden[:, 0, 1] = False
    return x, torch.where(hidden, torch.full_like(x, math.nan), x)


@pytest.mark.parametrize("law", [LAW, MIXTURE], ids=["gaussian", "mixture"])
def test_draws_have_the_moments_of_the_conditional(law: Law) -> None:
    """40 000 draws for each of 6 patterns: means and covariances within 5 standard errors (2 false alarms in 10 000 runs)."""
    _, x = gappy(law, 6)
    count = 40_000
    drawn = imputing.impute(law, SCALER, x, count, 3, None)
    for i, case in enumerate(x):
        seen = ~case.isnan()
        exact = law.condition(Mask(seen), SCALER.encode(case)[seen]).law
        mean, covariance = SCALER.decode(exact.mean()), 4 * exact.covariance().dense()
        error = covariance.diagonal().clamp_min(0).sqrt().view(2, 3) / math.sqrt(count)
        assert ((drawn[:, i].mean(0) - mean).abs() <= 5 * error + 1e-9).all()
        found = torch.cov(drawn[:, i].flatten(1).T)
        spread = torch.outer(covariance.diagonal(), covariance.diagonal()).sqrt() * 3 / math.sqrt(count)
        assert ((found - covariance).abs() <= 5 * spread + 1e-9).all()


@pytest.mark.parametrize("law", [LAW, MIXTURE], ids=["gaussian", "mixture"])
def test_a_case_is_the_same_in_any_batch(law: Law) -> None:
    _, x = gappy(law, 40)
    together = imputing.impute(law, SCALER, x, 3, 7, None)
    torch.testing.assert_close(imputing.impute(law, SCALER, x[:11], 3, 7, None), together[:, :11], rtol=0, atol=1e-12)
    torch.testing.assert_close(imputing.impute(law, SCALER, x, 2, 7, None), together[:2], rtol=0, atol=1e-12)
    seen = ~x.isnan()
    assert torch.equal(together[:, seen], x[seen].expand(3, -1))


@pytest.mark.parametrize("law", [LAW, MIXTURE], ids=["gaussian", "mixture"])
def test_the_truth_is_uniform_among_the_draws(law: Law) -> None:
    """Ranks of 3000 hidden values among 99 draws in ten bins: chi-squared below 27.9, its 99.9 % point at 9 degrees."""
    x, gaps = gappy(law, 1000, 20)
    drawn = imputing.impute(law, SCALER, gaps, 99, 11, None)
    hidden = gaps.isnan()
    first = hidden.flatten(1).to(torch.uint8).argmax(1)  # one value of a case: those of one case depend on each other
    rows = hidden.flatten(1).any(1).nonzero()[:, 0]
    below = (drawn.flatten(2)[:, rows, first[rows]] < x.flatten(1)[rows, first[rows]]).sum(0)
    counts = torch.bincount(below // 10, minlength=10).double()
    expected = len(rows) / 10
    assert float(((counts - expected) ** 2 / expected).sum()) < 27.9


def test_large_laws_go_pattern_by_pattern_with_the_same_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    _, x = gappy(LAW, 3)
    batched = imputing.impute(LAW, SCALER, x, 20_000, 1, None)
    monkeypatch.setattr(filling, "DENSE", 1)
    one_by_one = imputing.impute(LAW, SCALER, x, 20_000, 2, None)
    torch.testing.assert_close(batched.mean(0), one_by_one.mean(0), rtol=0, atol=0.15)
    torch.testing.assert_close(batched.std(0), one_by_one.std(0), rtol=0, atol=0.1)


def test_a_case_of_a_large_law_has_its_own_noise_whatever_its_neighbours_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "DENSE", 1)
    _, x = gappy(LAW, 2)
    x[1] = x[1].where(~x[0].isnan(), math.nan)
    alone = imputing.impute(LAW, SCALER, x, 3, 7, None)
    x[0] = x[1]
    torch.testing.assert_close(imputing.impute(LAW, SCALER, x, 3, 7, None)[:, 1], alone[:, 1], rtol=0, atol=1e-12)


def test_every_case_is_told_once() -> None:
    _, x = gappy(LAW, 50)
    x[3] = SCALER.decode(LAW.draw(Noise(9), 1))[0]
    told: list[int] = []
    imputing.impute(LAW, SCALER, x, 2, 0, told.append)
    assert sum(told) == 50


def test_a_case_has_its_own_noise_in_small_batches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _, x = gappy(MIXTURE, 12)
    whole = imputing.impute(MIXTURE, SCALER, x, 3, 7, None)
    monkeypatch.setattr(imputing, "_MEMORY", 1)
    torch.testing.assert_close(imputing.impute(MIXTURE, SCALER, x, 3, 7, None), whole, rtol=0, atol=1e-12)


def test_components_are_chosen_by_weight_whatever_is_drawn_from_them() -> None:
    """What is seen is alike in both components and what is hidden lies 20 deviations apart: nine draws of ten are of the first.

    Shares, and means and deviations within each, of 20 000 draws of one case, and of one draw of 20 000 cases, within 5 standard
    errors (10 bounds, 6e-7 each).
    """
    parts = [Gaussian(torch.tensor([0.0, at], dtype=torch.float64), Dense(torch.eye(2, dtype=torch.float64))) for at in (-10.0, 10.0)]
    scaler = Scaler(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    x = torch.tensor([[0.3, math.nan]], dtype=torch.float64)
    for cases, draws in ((1, 20_000), (20_000, 1)):
        law = Mixture(torch.tensor([0.9, 0.1]), parts)
        drawn = imputing.impute(law, scaler, x.expand(cases, 2), draws, 5, None)[..., 1].flatten()
        assert abs(float((drawn < 0).double().mean()) - 0.9) < 5 * math.sqrt(0.9 * 0.1 / 20_000)
        for at, own in ((-10.0, drawn[drawn < 0]), (10.0, drawn[drawn > 0])):
            assert abs(float(own.mean()) - at) < 5 / math.sqrt(len(own))
            assert abs(float(own.std()) - 1) < 5 / math.sqrt(2 * len(own))


def test_values_that_the_law_forbids_are_refused() -> None:
    """The last entry is always twice the one before it."""
    factor = torch.tensor([[1.0, 0.0], [0.5, 1.0], [1.0, 2.0]], dtype=torch.float64)
    law = Gaussian(torch.zeros(3, dtype=torch.float64), Dense.from_factor(factor))
    scaler = Scaler(torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    good = torch.tensor([[math.nan, 1.0, 2.0]], dtype=torch.float64)
    assert torch.isfinite(imputing.impute(law, scaler, good, 5, 0, None)).all()
    with pytest.raises(InputError, match="case 0 of these contradict each other or the law"):
        imputing.impute(law, scaler, torch.tensor([[math.nan, 1.0, 2.5]], dtype=torch.float64), 5, 0, None)


def test_from_a_fit_with_gaps_to_filled_signals() -> None:
    """One call each: steady signals with a third missing, filled at less than 0.8 of the error of straight lines."""
    lag = (torch.arange(24).unsqueeze(1) - torch.arange(24)).abs().double()
    law = Gaussian(torch.zeros(2, 24), Dense(torch.kron(torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64), torch.exp(-lag / 8))))
    x = law.draw(Noise(30), 150)
    gaps = torch.where(Noise(31).uniform(150, (2, 24)) < 0.35, torch.full_like(x, math.nan), x)
    filled = orn.fit(gaps, folds=0).impute(gaps, draws=50).mean(0)
    line = orn.covariance.interpolated(gaps)
    hidden = gaps.isnan() & ~line.isnan()
    assert (filled - x)[hidden].abs().mean() < 0.8 * (line - x)[hidden].abs().mean()


def test_entries_that_never_vary_are_filled_with_their_value() -> None:
    law = Gaussian(torch.tensor([1.0, 7.0], dtype=torch.float64), Diagonal(torch.tensor([1.0, 0.0], dtype=torch.float64)))
    scaler = Scaler(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    filled = imputing.impute(law, scaler, torch.tensor([[0.5, math.nan]], dtype=torch.float64), 4, 0, None)
    assert (filled[:, 0, 1] == 7).all()


def test_only_what_is_asked_for_is_filled() -> None:
    """The same draws as without it, NaN elsewhere; an array of another kind or shape is refused."""
    model = orn.Model(LAW, SCALER)
    _, x = gappy(LAW, 5)
    only = x.isnan() & (torch.arange(5) < 3).view(-1, 1, 1)
    whole, part = model.impute(x, 4), model.impute(x, 4, only=only)
    assert torch.equal(part.isnan()[0], x.isnan() & ~only)
    assert torch.equal(part[~part.isnan()], whole[~part.isnan()])
    for wrong in (only.double(), only[:3], "all", [True, [False]]):
        with pytest.raises(InputError, match="only"):
            model.impute(x, 4, only=wrong)
