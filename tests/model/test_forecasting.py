"""Forecasts: exact conditionals of the future, free of the level where it wanders, and refused where they cannot be had."""

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
from ornstein.fitting.pinball import LEVELS, pinball
from ornstein.fitting.scaling import Scaler

WINDOW, HORIZON = 14, 5
TIME = torch.arange(WINDOW, dtype=torch.float64)
OU = torch.exp(-(TIME.view(-1, 1) - TIME).abs() / 4)
WALK = torch.minimum(TIME.view(-1, 1), TIME) + 1.0
"""A random walk of unit steps that begins near 0."""
COUPLING = torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=torch.float64)
SCALER = Scaler(torch.full((2, WINDOW), 7.0, dtype=torch.float64), torch.full((2, WINDOW), 3.0, dtype=torch.float64))


def law(time: Tensor) -> Gaussian:
    return Gaussian(torch.zeros(2, WINDOW, dtype=torch.float64), Dense(torch.kron(COUPLING, time)))


def test_nothing_free_is_the_conditional_of_the_window() -> None:
    model = orn.Model(law(OU), SCALER)
    history = 7 + 3 * Noise(1).normal(3, (2, 30))
    found = model.forecast(history, HORIZON, 10, free="nothing")
    past = torch.zeros(2, WINDOW, dtype=torch.bool)
    past[:, : WINDOW - HORIZON] = True
    a = torch.eye(2 * WINDOW, dtype=torch.float64)[past.flatten()]
    zero = torch.zeros(2 * WINDOW, dtype=torch.float64)
    for case in range(3):
        y = ((history[case, :, -(WINDOW - HORIZON) :] - 7) / 3).flatten()
        mean, left, _ = truth.condition(zero, torch.kron(COUPLING, OU), a, y, torch.zeros(len(y), len(y), dtype=torch.float64))
        upper = mean + 1.2815515655446004 * left.diagonal().clamp_min(0).sqrt()
        quantiles = found.quantiles((0.5, 0.9))[:, case]
        torch.testing.assert_close(quantiles[0], 7 + 3 * mean.view(2, -1)[:, -HORIZON:], rtol=0, atol=1e-9)
        torch.testing.assert_close(quantiles[1], 7 + 3 * upper.view(2, -1)[:, -HORIZON:], rtol=0, atol=1e-9)
    assert found.paths.shape == (10, 3, 2, HORIZON)


@pytest.mark.parametrize("wrapped", [False, True])
def test_with_a_free_level_a_walk_goes_on_from_its_last_value(wrapped: bool) -> None:
    """A thousand deviations away: mean the last value, deviation 3 sqrt(lead variance); a millionth of the level is lost."""
    model = orn.Model(Mixture(torch.ones(1), [law(WALK)]) if wrapped else law(WALK), SCALER)
    history = 3000 + Noise(2).normal(2, (2, 40)).cumsum(-1)
    low, middle, high = model.forecast(history, HORIZON, free="level").quantiles((0.15865525393145707, 0.5, 0.8413447460685429))
    torch.testing.assert_close(middle, history[..., -1:].expand(2, 2, HORIZON), rtol=1e-5, atol=0)
    spread = 3 * (COUPLING.diagonal().view(2, 1) * torch.arange(1, HORIZON + 1)).sqrt()
    torch.testing.assert_close((high - low) / 2, spread.expand(2, 2, HORIZON), rtol=1e-4, atol=0)


def test_with_a_free_trend_a_line_goes_on() -> None:
    model = orn.Model(law(OU), SCALER)
    line = torch.arange(40, dtype=torch.float64) * torch.tensor([[2.0], [-5.0]]).double() + 100
    found = model.forecast(line[:, :35].unsqueeze(0), HORIZON, free="trend").quantiles((0.5,))[0, 0]
    torch.testing.assert_close(found, line[:, 35:], rtol=1e-4, atol=0)


def test_what_is_free_is_chosen_on_origins_in_the_history() -> None:
    slow = torch.exp(-(TIME.view(-1, 1) - TIME).abs() / 40)
    walk, back = orn.Model(law(slow), SCALER), orn.Model(law(OU), SCALER)
    steps = Noise(3).normal(1, (2, 400))
    time = torch.arange(400, dtype=torch.float64)
    ou = 7 + 3 * torch.linalg.cholesky(torch.exp(-(time.view(-1, 1) - time).abs() / 4)) @ steps.mT
    found = back.forecast(ou.mT, HORIZON, 3)
    assert found.free == "nothing"
    assert "by the error at 200 origins" in found.why
    assert walk.forecast(7 + 3 * steps.cumsum(-1) + 300, HORIZON, 3).free == "level"
    assert back.forecast(7 + time * torch.ones(1, 2, 1), HORIZON, 3).free == "trend"
    assert "8 are needed" in back.forecast(ou.mT[..., :18], HORIZON, 3).why
    assert "holds 0 origins" in back.forecast(ou.mT * torch.nan, HORIZON, 3).why
    assert "holds 0 origins" in back.forecast(ou.mT[..., : WINDOW - HORIZON], HORIZON, 3).why


def test_the_choice_is_made_by_the_errors_of_forecasts_alone() -> None:
    """The score that is told is that of forecasts from the 20 origins, in deviations, made by hand."""
    model = orn.Model(law(OU), SCALER)
    history = 7 + 3 * Noise(6).normal(1, (2, WINDOW + 19))
    windows = torch.stack([history[0, :, k : k + WINDOW] for k in range(20)])
    quantiles = model.forecast(windows[..., : WINDOW - HORIZON], HORIZON, 1, free="nothing").quantiles(LEVELS)
    score = float(pinball(windows[..., -HORIZON:], quantiles).mean()) / 3
    assert f"nothing {score:.3g}" in model.forecast(history, HORIZON, 1).why


def test_paths_are_draws_of_the_quantiles() -> None:
    """Of 4000 paths, a tenth lies below the 10 % quantile, within 5 standard errors; one is the same in any number of
    them, up to the ten digits that a free level leaves."""
    model = orn.Model(law(WALK), SCALER)
    history = 7 + 3 * Noise(4).normal(1, (2, 30)).cumsum(-1)
    found = model.forecast(history, HORIZON, 4000, free="level")
    share = (found.paths < found.quantiles((0.1,))[0]).double().mean(0)
    assert (share - 0.1).abs().max() <= 5 * math.sqrt(0.09 / 4000)
    torch.testing.assert_close(model.forecast(history, HORIZON, 3, free="level").paths, found.paths[:3], rtol=0, atol=1e-6)


def test_names_and_units_come_back() -> None:
    model = orn.Model(law(OU), SCALER, ("a", "b"), ("mV", "V"), 10.0)
    history = 7 + Noise(5).normal(1, (2, 30))
    signals = orn.Signals(torch.stack([history[:, 1] * 1000, history[:, 0]], 1), 10.0, ("b", "a"), ("mV", "mV"))
    plain, named = model.forecast(history, HORIZON, 2, free="nothing"), model.forecast(signals, HORIZON, 2, free="nothing")
    unit = torch.tensor([[1000.0], [1.0]], dtype=torch.float64)
    torch.testing.assert_close(named.paths, plain.paths[:, :, [1, 0]] * unit)
    torch.testing.assert_close(named.quantiles((0.3,)), plain.quantiles((0.3,))[:, :, [1, 0]] * unit)


@pytest.mark.parametrize(
    ("shape", "horizon", "free", "says"),
    [
        ((1, 2, 30), WINDOW, "auto", "horizon is 14, but the window of this model has 14 samples"),
        ((1, 2, 8), HORIZON, "auto", "history has 8 samples, but a window of 14 with a horizon of 5 needs 9"),
        ((1, 3, 30), HORIZON, "auto", r"history has shape \(1, 3, 30\), but must be \(case, 2, time\)"),
        ((1, 2, 30), 0, "auto", "horizon is 0"),
        ((1, 2, 30), HORIZON, "levle", "free is 'levle'"),
    ],
)
def test_what_cannot_be_forecast_is_refused(shape: tuple[int, ...], horizon: int, free: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        orn.Model(law(OU), SCALER).forecast(torch.zeros(shape), horizon, free=free)


def test_a_kernel_density_keeps_its_level() -> None:
    kernel = orn.fit(Noise(1).normal(20, (2, WINDOW)), "empirical", folds=0)
    assert kernel.forecast(torch.zeros(1, 2, 30), HORIZON, 2).paths.shape == (2, 1, 2, HORIZON)
    with pytest.raises(InputError, match="free is 'level', but only a Gaussian"):
        kernel.forecast(torch.zeros(1, 2, 30), HORIZON, free="level")
