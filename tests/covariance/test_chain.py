"""The law of a recording made of windows: the exact conditional of the long series wherever half a window holds the memory."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import truth
from ornstein.common.random import Noise
from ornstein.covariance import chain as chains
from ornstein.covariance.chain import Chain


def couplings(channels: int) -> Tensor:
    return truth.spectrum_covariance(torch.linspace(0.4, 1.6, channels).tolist(), 3)


def process(times: int, channels: int, kind: str) -> tuple[Tensor, Tensor]:
    """(mean (channel, time), covariance) of a stationary series: Ornstein-Uhlenbeck, or an autoregression of order 2."""
    lag = (torch.arange(times).view(-1, 1) - torch.arange(times)).abs().to(torch.float64)
    if kind == "ou":
        r = torch.exp(-lag / 3)
    else:  # poles 0.8 e^(+-0.7 i): r_k = 1.6 cos(0.7) r_(k-1) - 0.64 r_(k-2)
        a, b = 2 * 0.8 * math.cos(0.7), -(0.8**2)
        values = [1.0, a / (1 - b)]
        for _ in range(times):
            values.append(a * values[-1] + b * values[-2])
        r = torch.tensor(values, dtype=torch.float64)[lag.long()]
    level = torch.linspace(-2, 5, channels, dtype=torch.float64).view(-1, 1)
    return level.expand(channels, times), torch.kron(couplings(channels), r)


def recording(times: int, channels: int, seed: int, kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """(x (channel, time) with points, a stretch longer than the window and a channel hidden, mean, covariance)."""
    mean, covariance = process(times, channels, kind)
    x = mean + (torch.linalg.cholesky(covariance) @ Noise(seed).normal(1, (mean.numel(),))[0]).view(mean.shape)
    hidden = Noise(seed + 1).uniform(1, (channels, times))[0] < 0.15
    hidden[:, times // 2 : times // 2 + 17] = True
    hidden[0, :9] = True
    hidden[:, -3:] = True
    hidden[:, times // 5 : times // 5 + 8] = False
    return torch.where(hidden, torch.nan, x), mean, covariance


def exact(x: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """(mean (channel, time), covariance) of the series given what x holds, by dense algebra."""
    seen = ~x.flatten().isnan()
    a = torch.eye(seen.numel(), dtype=torch.float64)[seen]
    m, c, _ = truth.condition(mean.flatten(), covariance, a, x.flatten()[seen], torch.zeros(len(a), len(a), dtype=torch.float64))
    return m.view(x.shape), c


def moments(chain: Chain, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, deviation = x.clone(), torch.zeros_like(x)
    for half in chain.fill(x):
        assert half.deviation is not None
        at = slice(half.number * chain.length, half.number * chain.length + half.values.shape[2])
        mean[:, at], deviation[:, at] = half.values[0], half.deviation
    return mean, deviation


@pytest.mark.parametrize("kind", ["ou", "ar2"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("window", [8, 13])
def test_the_moments_are_those_of_the_whole_series(kind: str, channels: int, window: int) -> None:
    x, mean, covariance = recording(74, channels, 5, kind)
    found, deviation = moments(Chain(*process(window, channels, kind)), x)
    expected, left = exact(x, mean, covariance)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(deviation.square(), left.diagonal().view(x.shape), rtol=0, atol=1e-9)


def test_draws_have_the_covariance_of_the_whole_series() -> None:
    """Draws are affine in their noise: unit vectors give the matrix, and its square must be the dense conditional covariance."""
    x, mean, covariance = recording(44, 2, 9, "ou")
    chain = Chain(*process(8, 2, "ou"))
    halves, width = 11, 8
    units = torch.eye(halves * width, dtype=torch.float64).view(-1, halves, width)
    rows = torch.cat([torch.zeros_like(units[:1]), units])
    drawn = x.expand(len(rows), -1, -1).clone()
    for half in chain.fill(x, lambda k: rows[:, k], len(rows)):
        drawn[:, :, half.number * 4 : half.number * 4 + half.values.shape[2]] = half.values
    expected, left = exact(x, mean, covariance)
    torch.testing.assert_close(drawn[0], expected, rtol=0, atol=1e-9)
    factor = (drawn[1:] - drawn[0]).flatten(1)
    torch.testing.assert_close(factor.T @ factor, left, rtol=0, atol=1e-9)


def test_beyond_the_reach_only_what_is_far_ahead_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that is never seen leaves no half window complete. Eight half windows ahead an OU law of tau 3 keeps e^(-32 / 3)."""
    mean, covariance = process(120, 2, "ou")
    x = mean + (torch.linalg.cholesky(covariance) @ Noise(2).normal(1, (240,))[0]).view(2, 120)
    x[0, 2:] = torch.nan
    x[:, 50:70] = torch.nan
    chain = Chain(*process(8, 2, "ou"))
    expected, left = exact(x, mean, covariance)
    monkeypatch.setattr(chains, "REACH", 8)
    found, deviation = moments(chain, x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(deviation, left.diagonal().clamp_min(0).sqrt().view(2, 120), rtol=0, atol=1e-4)
    rows = 4000
    drawn = x.expand(rows, -1, -1).clone()
    for half in chain.fill(x, lambda k: Noise(7).normal(rows, (8,), k), rows):
        drawn[:, :, half.number * 4 : half.number * 4 + 4] = half.values
    error = left.diagonal().clamp_min(0).sqrt().view(2, 120)
    assert ((drawn.mean(0) - expected).abs() <= 5 * error / math.sqrt(rows) + 1e-4).all()
    found = torch.cov(drawn.flatten(1).T)  # 5 standard errors: one false alarm in thousands of runs
    spread = torch.outer(left.diagonal().clamp_min(0), left.diagonal().clamp_min(0)).sqrt() * 1.5 / math.sqrt(rows)
    assert ((found - left).abs() <= 5 * spread + 1e-4).all()


def test_what_lies_beyond_the_reach_is_left_out_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two of half windows without end are those of a recording that stops after four."""
    monkeypatch.setattr(chains, "REACH", 2)
    mean, covariance = process(16, 1, "ou")
    x = torch.full((1, 40), torch.nan, dtype=torch.float64)
    x[0, 1], x[0, 17:] = 0.5, 1.0
    x[0, 18::4] = torch.nan
    found, deviation = moments(Chain(*process(8, 1, "ou")), x)
    expected, left = exact(x[:, :16], mean, covariance)
    torch.testing.assert_close(found[:, :8], expected[:, :8], rtol=0, atol=1e-9)
    torch.testing.assert_close(deviation[0, :8].square(), left.diagonal()[:8], rtol=0, atol=1e-9)


def test_a_gap_longer_than_the_window_grows_back_to_the_unconditional_law() -> None:
    mean, covariance = process(8, 2, "ou")
    x = mean[:, :1].expand(2, 200).clone() + 1
    x[:, 60:160] = torch.nan
    found, deviation = moments(Chain(mean, covariance), x)
    torch.testing.assert_close(found[:, 110], mean[:, 0], rtol=0, atol=1e-6)
    torch.testing.assert_close(deviation[:, 110], covariance.diagonal().view(2, 8)[:, 0].sqrt(), rtol=0, atol=1e-6)


def test_estimates_that_are_not_quite_stationary_become_so() -> None:
    """Halves of variance 0.4 and 0.48: far inside a gap every half window has their average, and their canonical correlations stay."""
    _, r = process(6, 1, "ou")
    factor = torch.tensor([1.0] * 3 + [1.2**0.5] * 3, dtype=torch.float64)
    chain = Chain(torch.zeros(1, 6, dtype=torch.float64), r * torch.outer(factor, factor))
    x = torch.full((1, 300), torch.nan, dtype=torch.float64)
    x[0, 0] = 0.3
    _, deviation = moments(chain, x)
    torch.testing.assert_close(deviation[0, 150:].square(), torch.full((150,), 0.4 * 1.1, dtype=torch.float64), rtol=0, atol=1e-6)


def test_constant_channels_and_singular_laws_have_no_nan() -> None:
    mean, covariance = process(8, 2, "ou")
    covariance = covariance.clone()
    covariance[:8], covariance[:, :8] = 0.0, 0.0
    x = mean[:, :1].expand(2, 40).clone()
    x[:, 10:20] = torch.nan
    found, deviation = moments(Chain(mean, covariance), x)
    assert torch.equal(found[0], x[0, :1].expand(40))
    assert not deviation[0].any()
    lag = (torch.arange(8).view(-1, 1) - torch.arange(8)).abs().to(torch.float64)
    smooth = torch.exp(-0.5 * (lag / 6) ** 2)  # least eigenvalue 1e-13
    found, deviation = moments(Chain(torch.zeros(1, 8, dtype=torch.float64), smooth), 0.1 * x[1:])
    assert torch.isfinite(found).all()
    assert (deviation <= 1 + 1e-6).all()
