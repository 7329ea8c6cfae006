"""A local scale: bands as wide as the last errors say, chosen where it gains, and left alone where nothing changes."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.covariance import Dense
from ornstein.denoisers import Gaussian, Mixture
from ornstein.fitting.curves import Curves
from ornstein.fitting.pinball import LEVELS, pinball
from ornstein.fitting.scaling import Scaler
from ornstein.metrics import backtest
from ornstein.model.errors_ahead import errors_ahead
from ornstein.model.local_scale import LARGEST, LocalScale, level_of

WINDOW, HORIZON = 14, 4
TIME = torch.arange(WINDOW, dtype=torch.float64)
OU = torch.exp(-(TIME.view(-1, 1) - TIME).abs() / 4)
COUPLING = torch.tensor([[1.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
SCALER = Scaler(torch.full((2, WINDOW), 7.0, dtype=torch.float64), torch.full((2, WINDOW), 3.0, dtype=torch.float64))
LAW = Gaussian(torch.zeros(2, WINDOW, dtype=torch.float64), Dense(torch.kron(COUPLING, OU)))
MODEL = orn.Model(LAW, SCALER)
DECAY = math.exp(-1 / 4)


def ou(steps: Tensor) -> Tensor:
    """An Ornstein-Uhlenbeck series of the law of MODEL from its steps (case, 2, time) of unit variance, independent over channels."""
    mixed = torch.linalg.cholesky(COUPLING) @ steps * math.sqrt(1 - DECAY**2)
    x = torch.zeros_like(mixed)
    x[..., 0] = mixed[..., 0]
    for t in range(1, x.shape[-1]):
        x[..., t] = DECAY * x[..., t - 1] + mixed[..., t]
    return 7 + 3 * x


def volatile(cases: int, length: int, seed: int) -> tuple[Tensor, Tensor]:
    """(series, deviations of its steps): log-volatility is an autoregression of .99, of deviation .7, the same in both channels."""
    noise = Noise(seed).normal(cases, (3, length))
    log = torch.zeros(cases, length, dtype=torch.float64)
    for t in range(1, length):
        log[:, t] = 0.99 * log[:, t - 1] + 0.1 * noise[:, 2, t]
    return ou(noise[:, :2] * log.exp().unsqueeze(1)), log.exp()


def test_the_scale_is_the_mean_square_of_errors_and_stands_still_in_gaps() -> None:
    """Against the recursion, sample by sample; the level of a channel is what its squares are divided by."""
    z = 2 * Noise(1).normal(2, (2, 40))
    z[0, 1, 5:12] = torch.nan
    z[1, :, :20] = torch.nan
    level = torch.tensor([0.5, 2.0], dtype=torch.float64)
    keep = 0.5 ** (1 / 6)
    for power in (0.5, 1.0):
        found = LocalScale(6, power, level).along(z)
        v = torch.ones(2, 2, dtype=torch.float64)
        torch.testing.assert_close(found[..., 0], v)
        for t in range(40):
            v = torch.where(z[..., t].isnan(), v, keep * v + (1 - keep) * z[..., t] ** 2 / level)
            torch.testing.assert_close(found[..., t + 1], v ** (power / 2), rtol=1e-12, atol=0)
    own = z.square().nanmean((0, 2)).clamp(max=1)
    assert torch.equal(level_of(z), own)
    torch.testing.assert_close(LocalScale(6).along(z), LocalScale(6, 0.5, own).along(z))
    assert float(LocalScale(6, 1.0).along(1e6 * z).max()) == LARGEST
    assert level_of(torch.full((1, 2, 3), torch.nan).double()).tolist() == [1, 1]


def test_the_scale_follows_a_known_volatility() -> None:
    """Correlation of log-deviations above .7 in 8 series of 800 samples (of 100 such sets, .78 to .90)."""
    series, deviation = volatile(8, 800, 2)
    found = LocalScale(20, 1.0).along(errors_ahead(LAW, SCALER, series))[:, 0, 101:]
    both = torch.stack([found.log().flatten(), deviation[:, 100:].log().flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.7


def test_quantiles_are_those_of_another_level() -> None:
    """With a scale r, the quantile of Phi(z) is that of Phi(r z) without, channel by channel and case by case, under curves too."""
    scores = torch.linspace(-12, 12, 50, dtype=torch.float64).repeat(2, 1)
    curved = Scaler(SCALER.centre, SCALER.scale, Curves(scores.exp(), scores, 1 / scores.exp()))
    series, _ = volatile(3, 300, 3)
    z = torch.tensor([-1.3, 0.0, 0.7], dtype=torch.float64)
    for model, history in ((MODEL, series), (orn.Model(LAW, curved), ((series - 7) / 3).exp())):
        plain = model.forecast(history, HORIZON, 1, free="nothing", local_scale="none")
        found = model.forecast(history, HORIZON, 1, free="nothing", local_scale=LocalScale(20, 1.0))
        ratio = LocalScale(20, 1.0).along(errors_ahead(LAW, model.scaler, history))[..., -1]
        quantiles = found.quantiles(torch.special.ndtr(z))
        assert (ratio - 1).abs().min() > 0.01
        for case, channel in torch.cartesian_prod(torch.arange(3), torch.arange(2)).tolist():
            expected = plain.quantiles(torch.special.ndtr(ratio[case, channel] * z))
            torch.testing.assert_close(quantiles[:, case, channel], expected[:, case, channel], rtol=1e-9, atol=1e-9)


def test_paths_are_draws_of_the_quantiles() -> None:
    """Of 4000 paths, a tenth lies below the 10 % quantile, within 5 standard errors, and paths cohere as they did: each is as far from
    the median as the scale times its distance without one."""
    history, _ = volatile(2, 300, 4)
    plain = MODEL.forecast(history, HORIZON, 4000, free="nothing", local_scale="none")
    found = MODEL.forecast(history, HORIZON, 4000, free="nothing", local_scale=LocalScale(20, 1.0))
    share = (found.paths < found.quantiles((0.1,))[0]).double().mean(0)
    assert (share - 0.1).abs().max() <= 5 * math.sqrt(0.09 / 4000)
    middle = plain.quantiles((0.5,))
    torch.testing.assert_close(found.quantiles((0.5,)), middle)
    ratio = LocalScale(20, 1.0).along(errors_ahead(LAW, SCALER, history))[..., -1:]
    torch.testing.assert_close(found.paths - middle, ratio * (plain.paths - middle))


def test_stationary_series_are_left_alone() -> None:
    """20 Ornstein-Uhlenbeck histories of 150 samples: no scale, and forecasts as without (false alarms: 0 in 1000)."""
    for seed in range(20):
        history = ou(Noise(100 + seed).normal(1, (2, 150)))
        found = MODEL.forecast(history, HORIZON, 2, free="nothing")
        assert found.local_scale is None
        assert re.fullmatch(r"no local scale: the error at 137 origins in the history is \S+, and \S+ with one", found.why_scale)
    assert torch.equal(found.paths, MODEL.forecast(history, HORIZON, 2, free="nothing", local_scale="none").paths)


def test_a_volatile_history_gets_one_by_the_error_of_its_own_forecasts() -> None:
    """The two errors that are told are those of forecasts that know each origin's past alone, made one by one."""
    storm = torch.where(torch.arange(WINDOW + 29) < 25, 0.2, 3.0)
    history = ou(Noise(7).normal(1, (2, WINDOW + 29)) * storm)
    found = MODEL.forecast(history, HORIZON, 1, free="nothing")
    scale = found.local_scale
    assert scale is not None
    told = {}
    for name, asked in (("with", scale), ("without", "none")):
        lost = []
        for day in range(WINDOW - HORIZON, history.shape[-1] - HORIZON + 1):
            quantiles = MODEL.forecast(history[..., :day], HORIZON, 1, free="nothing", local_scale=asked).quantiles(LEVELS)
            lost.append(pinball(history[..., day : day + HORIZON], quantiles).mean() / 3)
        told[name] = float(torch.stack(lost).mean())
    kind = f"half-life {scale.half_life:g} and power {scale.power:g}"
    error = f"the error at 30 origins in the history is {told['with']:.3g}, {told['without']:.3g} without"
    assert found.why_scale == f"a local scale of {kind}: {error}"


def test_bands_hold_in_quiet_and_in_stormy_times() -> None:
    """16 volatile series, 20 origins each: a scale chosen on their first half has a lower error, and its 90 % bands hold where those of
    the law do not (of 12 such sets: error .90 to .97, bands .876 to .905, of the law .75 to .88)."""
    series, _ = volatile(16, 400, 8)
    found = backtest(MODEL, series, HORIZON, free="nothing")
    plain = backtest(MODEL, series, HORIZON, free="nothing", local_scale="none")
    assert found.local_scale is not None
    assert plain.why_scale == "no local scale, as asked"
    assert found.errors["model"].crps < 0.98 * plain.errors["model"].crps
    assert 0.86 < found.errors["model"].coverage[2] < 0.93


def test_a_backtest_gives_every_origin_its_own_past() -> None:
    """Bands at an origin are those of a forecast from it with all of its past, to the thousandth that older errors count; what comes
    later changes nothing."""
    series, _ = volatile(2, 500, 9)
    scale = LocalScale(10, 1.0, torch.ones(2, dtype=torch.float64))
    later = series.clone()
    later[..., 260:] *= 100
    found, same = (backtest(MODEL, x, HORIZON, origins=1, free="nothing", local_scale=scale) for x in (series, later))
    assert found.errors["model"].crps == same.errors["model"].crps
    alone = MODEL.forecast(series[..., :250], HORIZON, 1, free="nothing", local_scale=scale).quantiles(LEVELS)
    lost = float(pinball(series[..., 250:254], alone).mean()) / 3
    assert found.errors["model"].crps == pytest.approx(lost, rel=1e-3)
    assert (
        found.errors["model"].crps != backtest(MODEL, series, HORIZON, origins=1, free="nothing", local_scale="none").errors["model"].crps
    )


def test_gaps_in_a_history_leave_numbers() -> None:
    history, _ = volatile(3, 200, 10)
    history[0, 0, 40::7] = torch.nan
    history[1, :, 100:] = torch.nan
    history[2] = torch.nan
    found = MODEL.forecast(history, HORIZON, 5, local_scale=LocalScale(20))
    assert found.paths.isfinite().all()
    assert found.quantiles().isfinite().all()
    ratio = LocalScale(20).along(errors_ahead(LAW, SCALER, history))
    assert (ratio[0, :, -1] != ratio[0, :, 100]).all()
    assert torch.equal(ratio[1, :, -1], ratio[1, :, 100])  # as it was before the gap
    assert (ratio[2] == 1).all()


def test_a_vector_is_one_channel() -> None:
    storm = torch.where(torch.arange(120) < 80, 0.2, 3.0)
    history = ou(Noise(12).normal(1, (2, 120)) * storm)[:, :1]
    one = orn.Model(Gaussian(torch.zeros(1, WINDOW, dtype=torch.float64), Dense(OU)), Scaler(SCALER.centre[:1], SCALER.scale[:1]))
    flat = orn.Model(Gaussian(torch.zeros(WINDOW, dtype=torch.float64), Dense(OU)), Scaler(SCALER.centre[0], SCALER.scale[0]))
    found, same = one.forecast(history, HORIZON, 3), flat.forecast(history[:, 0], HORIZON, 3)
    assert found.local_scale is not None
    assert found.why_scale == same.why_scale
    torch.testing.assert_close(found.paths[:, :, 0], same.paths)
    torch.testing.assert_close(found.quantiles()[:, :, 0], same.quantiles())


def test_what_can_have_no_scale_says_so() -> None:
    history, _ = volatile(1, 60, 11)
    mixture = orn.Model(Mixture(torch.ones(1), [LAW]), SCALER)
    kernel = orn.fit(history.unfold(-1, WINDOW, 1)[0].transpose(0, 1), "empirical", folds=0)
    for model in (mixture, kernel):
        found = model.forecast(history, HORIZON, 2)
        assert found.local_scale is None
        assert found.why_scale == "no local scale: only a Gaussian of up to 2048 entries can have one"
        with pytest.raises(InputError, match="local_scale is given, but only a Gaussian"):
            model.forecast(history, HORIZON, 2, local_scale=LocalScale(20))
    short = MODEL.forecast(history[..., :18], HORIZON, 2)
    assert short.why_scale == "no local scale: the history shows 5 errors one sample ahead, and 8 are needed"
    assert (
        MODEL.forecast(history, HORIZON, 2, local_scale=LocalScale(20)).why_scale == "a local scale of half-life 20 and power 0.5, as asked"
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda: "on", "local_scale is 'on'"),
        (lambda: 20, "local_scale is 20, but must be 'auto', 'none' or an orn.LocalScale"),
        (lambda: LocalScale(0), "half_life is 0"),
        (lambda: LocalScale(math.nan), "half_life is nan"),
        (lambda: LocalScale(20, 2), "power is 2"),
        (lambda: LocalScale("20"), "half_life is '20'"),
        (lambda: LocalScale(20, 1, [1.0, 0.0]), "level is .*, but must hold one positive mean square"),
        (lambda: LocalScale(20, 1, [1.0, 1.0, 1.0]), "level holds 3 mean squares, but the law has 2 channels"),
    ],
)
def test_other_scales_are_refused(asked, says: str) -> None:
    with pytest.raises(InputError, match=says):
        MODEL.forecast(torch.zeros(1, 2, 60), HORIZON, local_scale=asked())
