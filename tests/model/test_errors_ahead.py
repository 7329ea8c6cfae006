"""Errors one sample ahead are those of conditionings, one by one, whatever the gaps and the scaling."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import truth
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian
from ornstein.fitting.curves import Curves
from ornstein.fitting.scaling import Scaler
from ornstein.model.errors_ahead import errors_ahead
from ornstein.model.forecasting import freed

WINDOW = 8
ROOT = Noise(1).normal(1, (2 * WINDOW, 2 * WINDOW))[0]
LAW = Gaussian(Noise(2).normal(1, (2, WINDOW))[0], Dense(ROOT @ ROOT.T / 16 + 0.1 * torch.eye(2 * WINDOW, dtype=torch.float64)))
"""No symmetry: channels, times and means all differ."""
SCALER = Scaler(torch.arange(16, dtype=torch.float64).view(2, WINDOW), torch.linspace(1, 3, 16, dtype=torch.float64).view(2, WINDOW))


def by_conditioning(law: Gaussian, u: Tensor) -> Tensor:
    """The errors (channel,) of the last samples of one window of scores u (channel, window) given those seen before."""
    channels, window = u.shape
    flat, seen = u.flatten(), ~torch.isnan(u)
    seen[:, -1] = False
    a = torch.eye(len(flat), dtype=torch.float64)[seen.flatten()]
    mean, left, _ = truth.condition(
        law.mean().flatten(), law.operator.dense(), a, flat[seen.flatten()], torch.zeros(len(a), len(a)).double()
    )
    last = torch.arange(channels) * window + window - 1
    return (flat[last] - mean[last]) / left.diagonal()[last].sqrt()


def test_errors_are_those_of_conditionings_with_gaps_and_cases() -> None:
    """Two cases of 60 samples, every seventh of one channel and a stretch of both missing; what follows the stretch by less than half a
    window is foretold by too little, and has none."""
    history = 5 + 2 * Noise(3).normal(2, (2, 60))
    history[0, 1, 6::7] = torch.nan
    history[1, :, 30:41] = torch.nan
    z = errors_ahead(LAW, SCALER, history)
    assert z.shape == history.shape
    for case, channel, day in torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(60)).tolist():
        window = history[case, :, day - WINDOW + 1 : day + 1]
        enough = day >= WINDOW - 1 and (~torch.isnan(window[channel, :-1])).sum() >= 0.5 * (WINDOW - 1)
        if not enough or math.isnan(history[case, channel, day]):
            assert math.isnan(z[case, channel, day])
        else:
            assert float(z[case, channel, day]) == pytest.approx(float(by_conditioning(LAW, SCALER.encode(window))[channel]), abs=1e-9)


def test_with_a_free_level_errors_are_those_of_increments() -> None:
    """Of a vector (time,) with a curve: given all increments of its scores before the last, up to the millionth that a level costs."""
    values = torch.linspace(0.1, 6, 9, dtype=torch.float64)
    curve = Curves(values.unsqueeze(0), values.log().unsqueeze(0), (1 / values).unsqueeze(0))
    one = torch.ones(WINDOW, dtype=torch.float64)
    time = torch.arange(WINDOW, dtype=torch.float64)
    matrix = torch.exp(-(time.view(-1, 1) - time).abs() / 5)
    law = freed(Gaussian(time, Dense(matrix)), "level")
    assert isinstance(law, Gaussian)
    history = (Noise(4).normal(1, (25,)) / 2).exp()
    found = errors_ahead(law, Scaler(0 * one, one, curve), history)[0, 0, WINDOW - 1 :]
    increments = Gaussian(time.diff(), Dense(torch.diff(torch.diff(matrix, dim=0), dim=1)))
    steps = curve.encode(history)[0].diff()
    expected = torch.cat([by_conditioning(increments, steps[:, k : k + WINDOW - 1]) for k in range(18)])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_what_the_past_decides_has_no_error() -> None:
    """A constant channel, and one that never changes along a window, have none; the other does not mind."""
    time = torch.arange(WINDOW, dtype=torch.float64)
    mix = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    matrix = torch.kron(mix, torch.exp(-(time.view(-1, 1) - time).abs() / 5))
    matrix[2 * WINDOW :, 2 * WINDOW :] = 1.0  # the third never changes along a window
    law = Gaussian(torch.ones(3, WINDOW, dtype=torch.float64), Dense(matrix))
    scaler = Scaler(torch.zeros(3, WINDOW, dtype=torch.float64), torch.ones(3, WINDOW, dtype=torch.float64))
    history = torch.ones(1, 3, 20, dtype=torch.float64)
    history[0, 0] += Noise(5).normal(1, (20,))[0]
    z = errors_ahead(law, scaler, history)
    assert z[0, 0, WINDOW - 1 :].isfinite().all()
    assert z[0, 1:].isnan().all()


def test_a_history_shorter_than_a_window_has_none() -> None:
    assert errors_ahead(LAW, SCALER, torch.zeros(3, 2, WINDOW - 1)).isnan().all()
    assert errors_ahead(LAW, SCALER, torch.full((3, 2, 30), torch.nan).double()).isnan().all()


def test_of_many_patterns_the_commonest_are_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With time for one: every seventh window where every seventh sample is missing, and no window with gaps where they are at random."""
    monkeypatch.setattr("ornstein.model.errors_ahead._WORK", 1.0)
    history = Noise(6).normal(1, (2, 300))
    weekly = history.clone()
    weekly[..., 6::7] = torch.nan
    found = ~errors_ahead(LAW, SCALER, weekly).isnan()
    assert 293 / 7 - 1 <= int(found[0, 0].sum()) <= 293 / 7 + 1
    assert torch.equal(found[0, 0], found[0, 1])
    random = torch.where(Noise(7).uniform(1, (2, 300)) < 0.1, torch.nan, history)
    whole = (~random.isnan()).all(1).unfold(-1, WINDOW, 1).all(-1)
    assert torch.equal(~errors_ahead(LAW, SCALER, random)[0, 0, WINDOW - 1 :].isnan(), whole[0])
