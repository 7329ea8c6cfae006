"""Recordings longer than the window: the conditional of the long series in the user's units, coherent draws, and the same in any batch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import ornstein as orn
import truth
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture
from ornstein.fitting.scaling import Scaler

TAU, WINDOW, LONG = 4.0, 12, 70
COUPLING = torch.tensor([[1.0, 0.6], [0.6, 1.5]], dtype=torch.float64)
CENTRE, SCALE = torch.tensor([[3.0], [-40.0]], dtype=torch.float64), torch.tensor([[0.5], [20.0]], dtype=torch.float64)
SCALER = Scaler(CENTRE.expand(2, WINDOW), SCALE.expand(2, WINDOW))


def covariance(times: int) -> Tensor:
    lag = (torch.arange(times).view(-1, 1) - torch.arange(times)).abs().to(torch.float64)
    return torch.kron(COUPLING, torch.exp(-lag / TAU))


def law(offset: float = 0.0) -> Gaussian:
    return Gaussian(torch.full((2, WINDOW), offset, dtype=torch.float64), Dense(covariance(WINDOW)))


def recorded(cases: int, longest: int, seed: int = 3) -> Tensor:
    """Ornstein-Uhlenbeck series (case, 2, time) in the user's units with points and a stretch hidden."""
    z = Noise(seed).normal(cases, (2 * LONG,)) @ torch.linalg.cholesky(covariance(LONG)).T
    x = CENTRE + SCALE * z.view(cases, 2, LONG)
    hidden = Noise(seed + 1).uniform(cases, (2, LONG)) < 0.1
    hidden[:, :, 30 : 30 + longest] = True
    hidden[:, :, 18:30:4] = False
    return torch.where(hidden, torch.nan, x)


def exact(x: Tensor) -> tuple[Tensor, Tensor]:
    seen = ~x.flatten().isnan()
    a, size = torch.eye(2 * LONG, dtype=torch.float64)[seen], int(seen.sum())
    y = ((x - CENTRE) / SCALE).flatten()[seen]
    mean, left, _ = truth.condition(torch.zeros(2 * LONG, dtype=torch.float64), covariance(LONG), a, y, torch.zeros(size, size).double())
    return CENTRE + SCALE * mean.view(2, LONG), SCALE * left.diagonal().clamp_min(0).sqrt().view(2, LONG)


def test_quantiles_are_those_of_the_whole_series() -> None:
    x = recorded(2, 25)
    found = orn.Model(law(), SCALER).quantiles(x, (0.1, 0.5, 0.95))
    for case in range(2):
        mean, deviation = exact(x[case])
        for k, z in enumerate((-1.2815515655446004, 0.0, 1.6448536269514722)):
            torch.testing.assert_close(found[k, case], mean + z * deviation, rtol=0, atol=1e-6 * 20)
    assert torch.equal(found[:, ~x.isnan()], x[~x.isnan()].expand(3, -1))


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_draws_have_the_moments_of_the_whole_series(kind: str) -> None:
    """4000 draws: means and deviations within 5 standard errors (140 entries: one false alarm in ten thousand runs). A mixture of one
    component draws window by window; gaps as long as it looks ahead lose nothing, as the series is Markov."""
    x = recorded(1, 9 if kind == "gaussian" else 3)
    model = orn.Model(law() if kind == "gaussian" else Mixture(torch.ones(1), [law()]), SCALER)
    drawn = model.impute(x, 4000, seed=2)[:, 0]
    mean, deviation = exact(x[0])
    assert ((drawn.mean(0) - mean).abs() <= 5 * deviation / math.sqrt(4000) + 1e-6).all()
    assert ((drawn.std(0) - deviation).abs() <= 5 * deviation / math.sqrt(8000) + 1e-5).all()
    assert torch.equal(drawn[:, ~x[0].isnan()], x[0][~x[0].isnan()].expand(4000, -1))


def test_neighbours_across_every_seam_are_as_close_as_the_law_says() -> None:
    """In a gap of 40 samples the correlation of neighbours is e^(-1/4) at each of the 39 places: 3000 draws, 5 standard errors."""
    x = recorded(1, 40)
    for model in (orn.Model(law(), SCALER), orn.Model(Mixture(torch.ones(1), [law()]), SCALER)):
        drawn = (model.impute(x, 3000, seed=5)[:, 0, 0, 36:64] - 3.0) / 0.5
        found = (drawn[:, 1:] * drawn[:, :-1]).mean(0)
        assert (found - math.exp(-1 / TAU)).abs().max() <= 5 * math.sqrt(2 / 3000)


def test_one_draw_stays_in_one_component() -> None:
    """Levels 8 deviations apart: a gap of three windows is filled at the level of what was seen before it, in every draw."""
    model = orn.Model(Mixture(torch.tensor([0.5, 0.5]), [law(-4.0), law(4.0)]), SCALER)
    x = recorded(1, 40) + 4 * SCALE
    drawn = (model.impute(x, 50)[:, 0] - CENTRE) / SCALE
    assert (drawn[:, :, 30:70].mean((1, 2)) > 0).all()
    empty = torch.full((1, 2, 60), torch.nan, dtype=torch.float64)
    level = ((model.impute(empty, 300)[:, 0] - CENTRE) / SCALE).view(300, 2, 5, 12).mean((1, 3)).sign()
    assert (level == level[:, :1]).all()
    assert abs(float(level[:, 0].mean())) < 5 / math.sqrt(300)


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_a_case_is_the_same_in_any_batch(kind: str) -> None:
    x = recorded(3, 9)
    model = orn.Model(law() if kind == "gaussian" else Mixture(torch.ones(1), [law()]), SCALER)
    together = model.impute(x, 3, seed=4)
    torch.testing.assert_close(model.impute(x[:2], 2, seed=4), together[:2, :2], rtol=0, atol=1e-9)
    assert not torch.allclose(model.impute(x, 3, seed=5), together)


def test_a_law_of_days_is_laid_end_to_end_and_says_so() -> None:
    mean = torch.linspace(-2, 2, WINDOW, dtype=torch.float64).expand(2, WINDOW)
    model = orn.Model(Gaussian(mean, Dense(covariance(WINDOW))), SCALER)
    x = torch.full((1, 2, 30), torch.nan, dtype=torch.float64)
    with pytest.warns(UserWarning, match="end to end"):
        drawn = model.impute(x, 2000)
    expected = (CENTRE + SCALE * mean).repeat(1, 3)[:, :30]
    assert ((drawn[:, 0].mean(0) - expected).abs() <= 6 * SCALE * math.sqrt(1.5 / 2000)).all()


def test_a_recording_of_signals_keeps_its_channels_and_units() -> None:
    model = orn.Model(law(), SCALER, ("a", "b"), ("mV", "V"), 10.0)
    x = recorded(1, 5)
    given = orn.Signals(torch.stack([x[:, 1] * 1000, x[:, 0]], 1), 10.0, ("b", "a"), ("mV", "mV"))
    found = model.quantiles(given, (0.5,))[0]
    torch.testing.assert_close(found[:, [1, 0]] / torch.tensor([[1.0], [1000.0]]), model.quantiles(x, (0.5,))[0], rtol=1e-9, atol=1e-9)
    assert model.signals(found, given).channels == ("b", "a")


def test_what_is_told_and_what_is_refused() -> None:
    model, told = orn.Model(law(), SCALER), []
    model.impute(recorded(2, 9), 2, progress=told.append)
    assert sum(told) == 2 * LONG
    with pytest.raises(InputError, match="x holds signals of 9 samples, but this model those of 12: give longer ones"):
        model.impute(recorded(2, 9)[..., :9])
    with pytest.raises(InputError, match="levels is"):
        model.quantiles(recorded(2, 9), (0.0, 1.2))
