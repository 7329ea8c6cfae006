"""Backtests: the errors of a known law are its own deviations, origins look at nothing later, and rules of thumb are what they say."""

from __future__ import annotations

import math

import pytest
import torch

import ornstein as orn
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian
from ornstein.fitting.pinball import LEVELS
from ornstein.fitting.scaling import Scaler
from ornstein.metrics import backtest, errors_of

TIME = torch.arange(6, dtype=torch.float64)
UNIT = Scaler(torch.zeros(1, 6, dtype=torch.float64), torch.full((1, 6), 2.0, dtype=torch.float64))
WALK = orn.Model(Gaussian(torch.zeros(1, 6, dtype=torch.float64), Dense(torch.minimum(TIME.view(-1, 1), TIME) + 1)), UNIT)


def test_a_walk_has_the_errors_of_a_walk() -> None:
    """Of 60 walks from 20 origins: squares of sum of 3 unit steps average to 2, within 5 standard errors; bands hold their share."""
    walks = 2 * Noise(1).normal(60, (1, 400)).cumsum(-1)
    found = backtest(WALK, walks, 3, origins=20, free="level")
    errors = found.errors["model"]
    assert abs(errors.rmse**2 - 2.0) <= 5 * math.sqrt(2 * 14 / 3 / 1200)
    assert abs(errors.coverage[2] - 0.9) <= 5 * 0.3 / math.sqrt(1200)
    assert errors.by_lead is not None
    assert float(errors.by_lead[0]) == pytest.approx(0.591, abs=0.05)  # unit steps in deviations: see the last test
    torch.testing.assert_close(errors.by_lead / errors.by_lead[0], torch.tensor([1.0, 2.0, 3.0]).double().sqrt(), rtol=0.15, atol=0)
    assert found.errors["last value"].rmse == pytest.approx(errors.rmse, rel=1e-3)


def test_what_comes_after_an_origin_is_not_seen() -> None:
    """From the only origin, 11 of 23, three samples are told: later ones change nothing, and these only what they are compared with."""
    series = Noise(2).normal(2, (1, 23)).cumsum(-1)
    later, told = series.clone(), series.clone()
    later[..., 14:] = 1000.0
    told[..., 11:14] += 1000.0
    found, same, far = (backtest(WALK, x, 3, origins=1, season=4).errors for x in (series, later, told))
    for name, errors in found.items():
        assert errors.rmse == same[name].rmse
        assert errors.crps == same[name].crps
        assert far[name].mae == pytest.approx(500, abs=5)
    assert found["last value"].mae < 2


def test_a_season_repeats_what_was_one_season_before() -> None:
    wave = torch.tensor([0.0, 1.0, 5.0, -2.0], dtype=torch.float64).repeat(20).view(1, 1, -1)
    found = backtest(WALK, wave, 3, season=4)
    assert found.errors["seasonal"].crps == pytest.approx(0.0, abs=1e-12)
    assert found.errors["last value"].crps > 0.1


def test_errors_of_known_quantiles() -> None:
    """A standard normal under its own quantiles: 2 mean phi(z_p) by the pinball loss, coverage 50, 80, 90 %, gaps left out; 5 errors."""
    z = Noise(3).normal(1, (40_000,))[0].view(-1, 1)
    z[0] = torch.nan
    q = torch.special.ndtri(LEVELS).view(-1, 1, 1).expand(-1, len(z), 1)
    density = 2 * torch.exp(-torch.special.ndtri(LEVELS).square() / 2) / math.sqrt(2 * math.pi)
    found = errors_of(z, q, torch.ones(1, dtype=torch.float64))
    assert found.crps == pytest.approx(float(density.mean()), abs=0.01)
    for share, level in zip(found.coverage, (0.5, 0.8, 0.9), strict=True):
        assert abs(share - level) <= 5 * math.sqrt(level * (1 - level) / 40_000)


def test_a_missing_value_is_what_was_seen_last() -> None:
    """Rules of thumb give numbers where every other sample is missing: near those of a series whose gaps repeat what came before."""
    series = Noise(5).normal(1, (1, 60)).cumsum(-1)
    gaps = series.clone()
    gaps[..., 1::2] = torch.nan
    held = gaps.nan_to_num() + gaps.nan_to_num().roll(1, -1)
    found, whole = (backtest(WALK, x, 3, season=7).errors for x in (gaps, held))
    for name in ("last value", "seasonal"):
        assert found[name].crps == pytest.approx(whole[name].crps, rel=0.5)
        assert found[name].coverage[2] > 0.6
    assert all(math.isfinite(errors.crps) and math.isfinite(errors.rmse) for errors in found.values())


@pytest.mark.parametrize(
    ("season", "says"), [(0, "season is 0"), (-7, "season is -7"), (1e3, "season is 1000.0"), (True, "season is True")]
)
def test_a_season_is_a_number_of_samples(season, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=f"{says}, but must be a whole number of at least 1"):
        backtest(WALK, torch.zeros(1, 1, 60), 3, season=season)


def test_series_without_a_value_on_one_side_are_refused() -> None:
    series = torch.zeros(1, 1, 60)
    for missing in (slice(0, 30), slice(30, None), slice(None)):
        gaps = series.clone()
        gaps[..., missing] = torch.nan
        with pytest.raises(InputError, match="no value before or none after its first origin, sample 30"):
            backtest(WALK, gaps, 3)


def test_series_that_are_too_short_are_refused() -> None:
    with pytest.raises(InputError, match="series has 5 samples, but a backtest of 3"):
        backtest(WALK, torch.zeros(1, 1, 5), 3)
